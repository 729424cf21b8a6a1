# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Sampled values, their schedules and transaction data."""

import json

from hal.reading import Reading
from station import measurands, metering
from station.description import Description
from station.sampling import ClockAlignedSchedule, SampledSchedule
from station.transaction_data import TransactionData

SINGLE = Description({"connectors": [{"nominal_v": 240}]}).connectors[0]
THREE = Description({"connectors": [{"phases": 3}]}).connectors[0]
DC = Description({"connectors": [{"current": "DC", "rated_a": 200, "nominal_v": 500}]}).connectors[0]

ALL = tuple([entry[0] for entry in measurands.MEASURANDS])
# What certified_stations.md names: Loop, ecarPlug and XCHARGE together.
CERTIFIED = (
    "Current.Export",
    "Current.Import",
    "Current.Offered",
    "Energy.Active.Export.Register",
    "Energy.Active.Import.Interval",
    "Energy.Active.Import.Register",
    "Energy.Reactive.Export.Register",
    "Energy.Reactive.Import.Register",
    "Power.Active.Import",
    "Power.Offered",
    "SoC",
    "Temperature",
    "Voltage",
)
# Enumerations of the schema of MeterValues.req that a value may come from.
UNITS = ("Wh", "varh", "W", "A", "V", "Celcius", "Percent")
PHASES = ("L1", "L2", "L3", "L1-N", "L2-N", "L3-N")

FULL = Reading(
    energy_wh=123456,
    power_w=7360,
    current_ma=(15980,),
    voltage_mv=(230400,),
    export_wh=7,
    reactive_import_varh=88,
    reactive_export_varh=99,
    frequency_mhz=49987,
    temperature_dc=-35,
    soc_pct=41,
)
THREE_PHASE = Reading(
    energy_wh=0,
    power_w=11040,
    current_ma=(16000, 15900, 0),
    voltage_mv=(230000, 231500, 229950),
)
EXPORTING = Reading(energy_wh=5, power_w=-3000, current_ma=(-13040,), voltage_mv=(230000,))


def values(
    names, reading=FULL, connector=SINGLE, offered_da=160, context="Sample.Periodic", interval_wh=(None, None)
):
    found = metering.sample(names, reading, connector, offered_da, context, interval_wh)
    return [] if found is None else metering.sampled_values(found)


def value(name, *arguments):
    """The text of a measurand that has one value; None when it is left out."""
    found = values((name,), *arguments)
    assert len(found) <= 1
    return found[0]["value"] if found else None


# --- values ---


def test_every_certified_measurand_is_known():
    for name in CERTIFIED:
        assert measurands.row(name)[0] == name
        assert measurands.row(name.upper())[0] == name


def test_a_value_says_everything_explicitly():
    assert values(("Current.Import",)) == [
        {
            "value": "15.98",
            "context": "Sample.Periodic",
            "measurand": "Current.Import",
            "location": "Outlet",
            "unit": "A",
        }
    ]
    assert values(("Voltage.L2-N",), THREE_PHASE, THREE, 160, "Trigger") == [
        {
            "value": "231.5",
            "context": "Trigger",
            "measurand": "Voltage",
            "location": "Outlet",
            "unit": "V",
            "phase": "L2-N",
        }
    ]


def test_values_of_each_measurand():
    for name, wanted in (
        ("Energy.Active.Import.Register", "123456"),
        ("Energy.Active.Export.Register", "7"),
        ("Energy.Reactive.Import.Register", "88"),
        ("Energy.Reactive.Export.Register", "99"),
        ("Power.Active.Import", "7360"),
        ("Power.Active.Export", "0"),
        ("Power.Offered", "3840"),
        ("Power.Factor", "1.0"),
        ("Current.Import", "15.98"),
        ("Current.Export", "0.0"),
        ("Current.Offered", "16.0"),
        ("Voltage", "230.4"),
        ("Frequency", "49.987"),
        ("Temperature", "-3.5"),
        ("SoC", "41"),
    ):
        assert value(name) == wanted, name
    assert values(("Energy.Active.Import.Interval",), interval_wh=(250, 3))[0]["value"] == "250"
    assert values(("Energy.Active.Export.Interval",), interval_wh=(250, 3))[0]["value"] == "3"
    assert value("Power.Offered", THREE_PHASE, THREE, 160) == "11040"
    assert value("Power.Offered", FULL, DC, 2000) == "100000"
    assert value("Power.Active.Import", EXPORTING) == "0"
    assert value("Power.Active.Export", EXPORTING) == "3000"
    assert value("Current.Import", EXPORTING) == "0.0"
    assert value("Current.Export", EXPORTING) == "13.04"


def test_units_locations_and_phases_are_those_of_the_schema():
    for reading, connector in ((FULL, SINGLE), (THREE_PHASE, THREE), (FULL, DC)):
        for found in values(ALL, reading, connector, 100, "Sample.Clock", (1, 2)):
            assert isinstance(found["value"], str)
            assert found["context"] == "Sample.Clock"
            assert found["measurand"] in ALL
            assert found["location"] in ("Outlet", "EV")
            assert found.get("unit") in UNITS or found["measurand"] in ("Frequency", "Power.Factor")
            assert found.get("phase", "L1") in PHASES
            assert ("phase" in found) == (
                connector is THREE and found["measurand"] in ("Current.Import", "Current.Export", "Voltage")
            )
    assert measurands.row("Temperature")[1] == "Celcius"


def test_all_phases_are_reported_in_order_unless_one_is_named():
    found = values(("Voltage", "Current.Import"), THREE_PHASE, THREE)
    assert [(one["measurand"], one["phase"], one["value"]) for one in found] == [
        ("Voltage", "L1-N", "230.0"),
        ("Voltage", "L2-N", "231.5"),
        ("Voltage", "L3-N", "229.95"),
        ("Current.Import", "L1", "16.0"),
        ("Current.Import", "L2", "15.9"),
        ("Current.Import", "L3", "0.0"),
    ]
    found = values(("Current.Import.L3", "Voltage.L1-N"), THREE_PHASE, THREE)
    assert [(one["phase"], one["value"]) for one in found] == [("L3", "0.0"), ("L1-N", "230.0")]
    assert len(values(("Voltage", "Voltage.L1-N"), THREE_PHASE, THREE)) == 3


def test_what_the_meter_does_not_give_is_left_out_and_never_zero():
    empty = Reading()
    for name in ALL:
        if name not in ("Current.Offered", "Power.Offered"):
            assert value(name, empty) is None, name
            assert value(name, None) is None, name
    assert value("Current.Offered", None, SINGLE, 0) == "0.0"
    assert value("Current.Offered", None, SINGLE, None) is None
    assert value("Power.Offered", empty, SINGLE, None) is None
    assert value("Energy.Active.Import.Register", Reading(energy_wh=0)) == "0"
    two = Reading(energy_wh=1, current_ma=(1000, None), voltage_mv=(230000,))
    found = values(("Current.Import", "Voltage"), two, THREE)
    assert [(one["measurand"], one["phase"]) for one in found] == [
        ("Current.Import", "L1"),
        ("Voltage", "L1-N"),
    ]


def test_power_factor():
    for power_w, current_ma, voltage_mv, wanted in (
        (3680, (16000,), (230000,), "1.0"),
        (3496, (16000,), (230000,), "0.95"),
        (-3496, (-16000,), (230000,), "0.95"),
        (4000, (16000,), (230000,), "1.0"),
        (6624, (16000, 16000, 0), (230000, 230000, 230000), "0.9"),
        (0, (0,), (230000,), None),
        (5, (16000,), (), None),
        (None, (16000,), (230000,), None),
        (5, (16000, None), (230000, 230000), None),
    ):
        reading = Reading(power_w=power_w, current_ma=current_ma, voltage_mv=voltage_mv)
        assert value("Power.Factor", reading) == wanted


def test_decimals():
    for number, decimals, wanted in (
        (0, 0, "0"),
        (-5, 0, "-5"),
        (0, 3, "0.0"),
        (5, 3, "0.005"),
        (50, 3, "0.05"),
        (500, 3, "0.5"),
        (1000, 3, "1.0"),
        (-1, 3, "-0.001"),
        (-12345, 3, "-12.345"),
        (320, 1, "32.0"),
        (2147483647123, 3, "2147483647.123"),
    ):
        assert metering.decimal(number, decimals) == wanted


def test_interval_energy_counts_from_the_previous_sample():
    series = metering.IntervalEnergy()
    assert series.take(Reading(energy_wh=1000, export_wh=5)) == (None, None)
    assert series.take(Reading(energy_wh=1250, export_wh=5)) == (250, 0)
    assert series.take(Reading(energy_wh=1250)) == (0, None)
    assert series.take(None) == (None, None)
    assert series.take(Reading(energy_wh=1300)) == (50, None)
    assert series.take(Reading(energy_wh=10)) == (None, None)  # the meter was changed
    assert series.take(Reading(energy_wh=15)) == (5, None)


# --- schedules ---


def times(schedule, moments):
    return [moment for moment in moments if schedule.due(moment)]


def test_sampled_values_come_every_interval_from_the_start():
    schedule = SampledSchedule(1234, 10)
    assert times(schedule, range(1234, 42000, 20)) == [11234, 21234, 31234, 41234]


def test_sampled_values_can_be_off():
    schedule = SampledSchedule(0, 0)
    assert times(schedule, range(0, 100000, 20)) == []
    schedule.set_interval(100000, 10)
    assert times(schedule, range(100000, 125000, 20)) == [110000, 120000]
    schedule.set_interval(125000, 0)
    assert times(schedule, range(125000, 200000, 20)) == []


def test_a_changed_interval_counts_at_once_from_the_same_start():
    schedule = SampledSchedule(0, 3600)
    assert times(schedule, range(0, 5000, 20)) == []
    schedule.set_interval(5000, 2)
    assert times(schedule, range(5000, 10000, 20)) == [6000, 8000]
    schedule.set_interval(10000, 2)
    assert times(schedule, range(10000, 11000, 20)) == [10000]  # the same interval changes nothing
    schedule.set_interval(11000, 5)
    assert times(schedule, range(11000, 21000, 20)) == [15000, 20000]


def test_missed_samples_do_not_burst():
    schedule = SampledSchedule(0, 1)
    assert times(schedule, [14500, 14520, 14980, 15000, 15020]) == [14500, 15000]


NOON = 1_795_176_000_000
MIDNIGHT = NOON - 12 * 3_600_000


def every(step, start, stop):
    """range(start, stop, step), which 32-bit MicroPython has for small integers only."""
    while start < stop:
        yield start
        start += step


def aligned(schedule, moments):
    found = []
    for moment in moments:
        due = schedule.due(moment)
        if due is not None:
            found.append(due)
    return found


def test_clock_aligned_values_come_at_multiples_from_midnight():
    schedule = ClockAlignedSchedule(20)
    assert aligned(schedule, every(20, NOON + 7, NOON + 65000)) == [NOON + 20000, NOON + 40000, NOON + 60000]
    schedule = ClockAlignedSchedule(900)
    moments = every(250, MIDNIGHT - 7_200_000 + 13, MIDNIGHT + 7_200_000)
    assert aligned(schedule, moments) == [MIDNIGHT + 900_000 * quarter for quarter in range(-7, 8)]


def test_an_interval_that_does_not_divide_the_day_starts_anew_at_midnight():
    schedule = ClockAlignedSchedule(7000)
    hours = every(500, MIDNIGHT - 15_000_000, MIDNIGHT + 15_000_000)
    assert aligned(schedule, hours) == [
        MIDNIGHT - 86_400_000 + 77_000_000,
        MIDNIGHT - 86_400_000 + 84_000_000,
        MIDNIGHT,
        MIDNIGHT + 7_000_000,
        MIDNIGHT + 14_000_000,
    ]


def test_clock_aligned_values_need_a_known_time_and_can_be_off():
    schedule = ClockAlignedSchedule()
    assert aligned(schedule, every(20, NOON, NOON + 100000)) == []
    schedule.set_interval(20)
    assert schedule.due(None) is None
    assert aligned(schedule, [NOON + 19990, NOON + 20000]) == [NOON + 20000]
    schedule.set_interval(30)
    assert aligned(schedule, [NOON + 25000, NOON + 30000, NOON + 30020]) == [NOON + 30000]
    schedule.set_interval(30)
    assert aligned(schedule, [NOON + 60000]) == [NOON + 60000]  # setting the same changes nothing


def test_a_late_clock_aligned_value_says_when_it_was():
    schedule = ClockAlignedSchedule(20)
    assert aligned(schedule, [NOON + 1, NOON + 20999]) == [NOON + 20000]
    assert aligned(schedule, [NOON + 41000]) == [NOON + 41000]
    assert aligned(schedule, [NOON + 133000, NOON + 133020, NOON + 140000]) == [NOON + 133000, NOON + 140000]


def test_a_clock_that_goes_back_goes_on():
    schedule = ClockAlignedSchedule(20)
    assert aligned(schedule, [NOON + 1, NOON + 20000]) == [NOON + 20000]
    hour = 3_600_000
    assert aligned(schedule, [NOON - hour, NOON - hour + 20, NOON - hour + 20000]) == [NOON - hour + 20000]


# --- transaction data ---

ENERGY = "Energy.Active.Import.Register"


def register(wh):
    return Reading(energy_wh=wh, power_w=10 * wh)


def played(data, count, aligned_too=False):
    """A transaction whose register reads 0 at the start and 1, 2, ... at each sample; what it says."""
    data.begin(0, register(0))
    for number in range(1, count + 1):
        data.sample(number * 1000, register(number), None)
        if aligned_too:
            data.sample(number * 1000 + 500, register(number), None, True)
    data.end((count + 1) * 1000, register(count + 1))
    return said(data)


def said(data):
    """What transactionData carries, as the wire has it."""
    return [(stamp, metering.sampled_values(values)) for stamp, values in data.meter_values()]


def registers(found, context):
    return [
        int(one["value"])
        for _, sampled in found
        for one in sampled
        if one["context"] == context and one["measurand"] == ENERGY
    ]


def test_both_lists_empty_means_no_transaction_data():
    assert played(TransactionData(SINGLE, (), (), 20), 5) == []


def test_begin_and_end_carry_every_measurand_of_both_lists():
    found = played(TransactionData(SINGLE, (ENERGY,), ("Power.Active.Import", ENERGY), 20), 3, True)
    assert [stamp for stamp, _ in found] == [0, 1000, 1500, 2000, 2500, 3000, 3500, 4000]
    for stamp, sampled in found:
        names = [one["measurand"] for one in sampled]
        context = sampled[0]["context"]
        if stamp in (0, 4000):
            assert names == [ENERGY, "Power.Active.Import"]
            assert context == ("Transaction.Begin" if stamp == 0 else "Transaction.End")
        elif stamp % 1000:
            assert (names, context) == (["Power.Active.Import", ENERGY], "Sample.Clock")
        else:
            assert (names, context) == ([ENERGY], "Sample.Periodic")
    assert registers(found, "Transaction.Begin") == [0]
    assert registers(found, "Transaction.End") == [4]


def test_a_list_that_is_empty_takes_no_samples_of_its_kind():
    found = played(TransactionData(SINGLE, (), (ENERGY,), 20), 3, True)
    assert registers(found, "Sample.Periodic") == []
    assert registers(found, "Sample.Clock") == [1, 2, 3]


def test_too_many_lose_every_second_one_between_never_begin_or_end():
    found = played(TransactionData(SINGLE, (ENERGY,), (), 6), 4)
    assert registers(found, "Sample.Periodic") == [1, 2, 3, 4]
    found = played(TransactionData(SINGLE, (ENERGY,), (), 6), 5)
    assert registers(found, "Sample.Periodic") == [1, 3, 5]
    found = played(TransactionData(SINGLE, (ENERGY,), (), 6), 9)
    assert registers(found, "Sample.Periodic") == [1, 5, 9]
    found = played(TransactionData(SINGLE, (ENERGY,), (), 6), 1000)
    between = registers(found, "Sample.Periodic")
    assert len(between) <= 4
    assert between[0] == 1
    assert len({between[index + 1] - between[index] for index in range(len(between) - 1)}) == 1  # even
    assert registers(found, "Transaction.Begin") == [0]
    assert registers(found, "Transaction.End") == [1001]


def test_two_series_are_thinned_each_for_itself():
    found = played(TransactionData(SINGLE, (ENERGY,), (ENERGY,), 10), 200, True)
    assert len(found) <= 10
    assert len(registers(found, "Sample.Periodic")) >= 2
    assert len(registers(found, "Sample.Clock")) >= 2
    assert [stamp for stamp, _ in found] == sorted([stamp for stamp, _ in found])


def test_small_limits():
    assert played(TransactionData(SINGLE, (ENERGY,), (), 0), 5) == []
    for limit in (1, 2):
        found = played(TransactionData(SINGLE, (ENERGY,), (), limit), 5)
        assert registers(found, "Sample.Periodic") == []
        assert (registers(found, "Transaction.Begin"), registers(found, "Transaction.End")) == ([0], [6])
    found = played(TransactionData(SINGLE, (ENERGY,), (ENERGY,), 3), 50, True)
    assert len(found) == 3


def test_the_number_of_values_is_bounded_whatever_the_keys_say():
    names = ALL
    data = TransactionData(THREE, names, names, 2147483647)
    data.begin(0, FULL, 100)
    for number in range(3000):
        data.sample(number, THREE_PHASE, 100, number % 2 == 0)
    data.end(3000, FULL, 100)
    text = json.dumps(said(data))
    assert len(text) < 14000, len(text)
    single = TransactionData(SINGLE, (ENERGY,), (), 2147483647)
    assert 20 < len(played(single, 3000)) <= 40


def test_interval_energy_of_samples_and_of_the_whole_transaction():
    name = "Energy.Active.Import.Interval"
    data = TransactionData(SINGLE, (name,), (), 20)
    data.begin(0, register(1000))
    for number, wh in ((1, 1100), (2, 1300)):
        data.sample(number, register(wh))
    data.end(3, register(1600))
    assert [sampled[0]["value"] for _, sampled in said(data)] == ["100", "200", "600"]


def test_a_silent_meter_leaves_gaps():
    data = TransactionData(SINGLE, (ENERGY,), (), 20)
    data.begin(0, None)
    data.sample(1, register(5))
    data.sample(2, None)
    data.end(3, None)
    assert [stamp for stamp, _ in data.meter_values()] == [1]


def after_a_power_cut(data, *arguments, meter_start_wh=0):
    """The object that takes over what was kept of `data`."""
    again = TransactionData(*arguments)
    again.restore(json.loads(json.dumps(data.state())), [3, 500], meter_start_wh)
    return again


def test_the_begin_survives_a_power_cut():
    interval = "Energy.Active.Import.Interval"
    arguments = (THREE, (ENERGY, "Voltage"), (interval, "SoC"), 20)
    data = TransactionData(*arguments)
    data.begin([3, 500], Reading(energy_wh=70000, voltage_mv=(230000, None, -1)), 160)
    data.sample([3, 9000], THREE_PHASE)
    begin = said(data)[0]
    assert [one["value"] for one in begin[1]] == ["70000", "230.0", "-0.001"]
    # It is resumed, or was cut off, and the keys say something else by now: what counted goes on to count.
    for changed in (arguments, (THREE, ("SoC",), (), 20), (THREE, (), (), 0)):
        again = after_a_power_cut(data, *changed, meter_start_wh=70000)
        again.end([4, 1], Reading(energy_wh=70500, voltage_mv=(1000, 2000, 3000)))
        found = said(again)
        assert found[0] == begin and len(found) == 2
        ends = [(one["measurand"], one["value"], one["context"]) for one in found[1][1]]
        assert ends == [
            (ENERGY, "70500", "Transaction.End"),
            ("Voltage", "1.0", "Transaction.End"),
            ("Voltage", "2.0", "Transaction.End"),
            ("Voltage", "3.0", "Transaction.End"),
            (interval, "500", "Transaction.End"),  # of the whole transaction
        ]
    again = after_a_power_cut(data, *arguments)
    again.sample([4, 0], THREE_PHASE)
    again.sample([4, 1], THREE_PHASE, None, True)
    again.end([4, 2], THREE_PHASE)
    contexts = [sampled[0]["context"] for _, sampled in said(again)]
    assert contexts == ["Transaction.Begin", "Sample.Periodic", "Transaction.End"]


def test_no_transaction_data_before_a_power_cut_is_none_after_it():
    for arguments in ((SINGLE, (), (), 20), (SINGLE, (ENERGY,), (), 0)):
        data = TransactionData(*arguments)
        data.begin(0, register(5))
        assert data.state() is None
        assert said(after_a_power_cut(data, SINGLE, (ENERGY,), (ENERGY,), 20)) == []


def test_what_is_kept_of_the_begin_is_small():
    data = TransactionData(THREE, (ENERGY, "Voltage", "Current.Import", "Power.Active.Import"), (), 20)
    data.begin(0, THREE_PHASE)
    assert len(json.dumps(data.state())) < 100


def test_a_record_that_makes_no_sense_is_no_begin():
    for state in (
        "text",
        {},
        5,
        [],
        [0],
        [0, 5, 1],
        [None, 5],
        [0, "5"],
        [0, True],
        [-1, 5],
        [256, 5],
        [0, [5]],
        [0, 1.5],
        [255, 5],  # a column of a newer firmware
        [7, 5],
    ):
        data = TransactionData(SINGLE, (ENERGY,), (), 20)
        data.restore(state, 0, 0)
        data.sample(1, register(1))
        data.end(2, register(2))
        assert said(data) == [], state
    data = TransactionData(SINGLE, (ENERGY,), (), 20)
    data.restore([255, 1, 0, 5], 0, 0)
    data.end(2, register(2))
    assert [len(sampled) for _, sampled in said(data)] == [1, 1]
