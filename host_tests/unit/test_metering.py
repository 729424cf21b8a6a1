# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Sampled values and their schedules."""

from hal.reading import Reading
from host_tests.unit.readings import ALL, FULL, SINGLE, THREE, THREE_PHASE
from station import measurands, metering
from station.description import Description
from station.sampling import ClockAlignedSchedule, SampledSchedule

DC = Description({"connectors": [{"current": "DC", "rated_a": 200, "nominal_v": 500}]}).connectors[0]
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

EXPORTING = Reading(energy_wh=5, power_w=-3000, current_ma=(-13040,), voltage_mv=(230000,))


def values(
    names, reading=FULL, connector=SINGLE, offered_da=160, context="Sample.Periodic", interval_wh=(None, None)
):
    offered = None if offered_da is None else (offered_da, connector.phases)
    found = metering.sample(names, reading, connector, offered, context, interval_wh)
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


def test_power_is_offered_on_the_phases_that_are_connected():
    for phases, wanted in ((1, "3680"), (3, "11040")):
        found = metering.sample(("Power.Offered",), FULL, THREE, (160, phases), "Sample.Periodic")
        assert metering.sampled_values(found)[0]["value"] == wanted
