# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Transaction data: what it carries, how it is thinned, and its begin over a power cut."""

import json

from hal.reading import Reading
from host_tests.unit.readings import ALL, FULL, SINGLE, THREE, THREE_PHASE
from station import metering
from station.transaction_data import TransactionData

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
    data.begin(0, FULL, (100, 3))
    for number in range(3000):
        data.sample(number, THREE_PHASE, (100, 3), number % 2 == 0)
    data.end(3000, FULL, (100, 3))
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
