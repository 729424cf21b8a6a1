# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Power cuts during a transaction, and the boot after them: what is billed, at what time, who goes on."""

import json

from host_tests.unit.power_cut import boot, kept, meter, stops, synchronise
from host_tests.unit.rig import MemoryRecord, Rig
from station.clock import Clock
from station.transaction import RECORD_MS

HOUR = 3600000


# --- the stop ---


def test_power_loss_is_reported_at_boot():  # case 032_2
    before = Rig()
    before.charge()
    before.step(RECORD_MS - 1000)
    meter(before, 1700)
    before.step(10000)
    seen = kept(before)
    assert seen.meter_last_wh == 1700
    cut_ms = before.clock.utc_ms
    after = boot(before, 1709)  # what flowed between the record and the cut
    said = after.step(20)
    assert stops(said) == [("Stop", 1, "PowerLoss", None, 1709)]
    assert after.records[0].value is None
    synchronise(after, cut_ms + 5000)
    ended_ms = after.clock.resolve(json.loads(json.dumps(after.wire.stopped_at)))
    assert cut_ms <= ended_ms <= cut_ms + 5000
    again = boot(after)
    assert stops(again.step(20)) == []


def test_the_stop_is_behind_what_was_told_and_at_most_the_interval_too_late():
    for off_ms in (0, 1000, 30000, 500000, 30 * 24 * HOUR, -5 * HOUR):
        before = Rig(MeterValueSampleInterval="7")
        before.charge()
        meter(before, 1700)
        before.step(RECORD_MS + 90000)
        told_ms, cut_ms = before.wire.told_at, before.clock.utc_ms
        assert cut_ms - kept(before).last_seen > 80000  # the record is older than what was told
        after = boot(before)
        after.step(2000)
        stamp = after.wire.stopped_at
        assert after.clock.resolve(stamp) is None
        synchronise(after, cut_ms + 2000 + off_ms)
        ended_ms = after.clock.resolve(stamp)
        assert told_ms <= ended_ms <= cut_ms + max(0, min(off_ms, RECORD_MS)) + 40000, off_ms
        if off_ms >= 0:
            assert ended_ms <= cut_ms + off_ms


def test_the_stop_of_a_boot_that_never_knew_the_time():
    before = Rig(clock=Clock(1, 0), MeterValueSampleInterval="7")
    before.charge()
    began = before.clock.stamp()
    before.step(RECORD_MS + 90000)
    told = before.wire.told_at
    after = boot(before)
    after.step(3000)
    stamp = after.wire.stopped_at
    synchronise(after, 1790000000000)
    times = [after.clock.resolve(one) for one in (began, told, stamp)]
    assert times == sorted(times)
    assert times[2] <= 1790000000000 - 3000
    assert times[2] - times[0] >= RECORD_MS + 90000 - 200


def test_a_silent_meter_bills_what_is_known():
    """Of the record, and of what was told after it as far as it is on flash."""
    for told_wh, billed_wh in ((None, 1500), (1400, 1500), (1600, 1600)):
        before = Rig()
        number = before.charge().transaction.number
        meter(before, 1500)
        before.step(RECORD_MS)
        meter(before, 1700)
        before.step(100)
        after = boot(before, 1700, told=None if told_wh is None else (number, before.clock.stamp(), told_wh))
        after.meter_silent = True
        assert stops(after.step(9000)) == []
        assert stops(after.step(2000)) == [("Stop", 1, "PowerLoss", None, billed_wh)]


def test_a_meter_that_starts_slowly_is_waited_for():
    before = Rig()
    before.charge()
    after = boot(before, 1010)
    after.meter_silent = True
    assert stops(after.step(6000)) == []
    after.meter_silent = False
    assert stops(after.step(600)) == [("Stop", 1, "PowerLoss", None, 1010)]


def test_a_meter_that_was_swapped_or_set_back():
    """A station of 22 kW: in 901 s 5526 Wh can have flowed."""
    before = Rig()
    before.charge()
    for energy_wh, billed_wh in ((6526, 6526), (6527, 1000), (999999, 1000), (5, 1000)):
        after = boot(before, energy_wh)
        after.held_readings = []
        after.step(20)
        answer = after.held_readings.pop()  # for the end: it is on its way
        after.held_readings = None
        meter(after, energy_wh)  # the round is quicker
        answer()
        assert stops(after.wire.take()) == [("Stop", 1, "PowerLoss", None, billed_wh)], energy_wh


def test_power_loss_between_two_writes():
    before = Rig()
    connector = before.charge()
    value = before.records[0].value
    for known in (None, "stopped"):
        after = Rig(records=[MemoryRecord(value)])
        after.wire.journal[connector.transaction.number] = known
        after.station.recover(after.now)
        assert stops(after.step(20)) == []
        assert after.records[0].value is None


def test_a_record_that_makes_no_sense_is_passed_over():
    for value in ({}, {"number": "x"}, [], "text", 7, [1, 1, "TAG"], [1, 1, 7, 5, 5, 5, 5, 0]):
        rig = Rig(records=[MemoryRecord(value)])
        rig.station.recover(rig.now)
        assert rig.wire.take() == []
        assert rig.station.connectors[0].transaction is None


# --- going on ---


def test_a_resumed_transaction_ends_when_its_car_has_left():
    """The next driver's car must not charge on the bill of one who left while the power was off."""
    for stay in (True, False):
        before = Rig()
        before.charge()
        after = boot(before, resume=True)
        after.step(200)  # the pilot is not known at once
        if stay:
            after.supply.plug(asking=True)
        said = after.step(3000)
        assert (("Stop", 1, "EVDisconnected", None, 1000) in said) is not stay
        assert (after.station.connectors[0].transaction is not None) is stay


def test_a_resumed_transaction_tells_no_time_twice():
    """Whatever became of the clock meanwhile, and however often the power fails."""
    for by_ms in (0, 5 * HOUR, -5 * HOUR):
        rig = Rig(MeterValueSampleInterval="10")
        rig.charge()
        rig.step(RECORD_MS + 55000)
        cut_ms = rig.clock.utc_ms
        stamps = [rig.wire.told_at]
        for _ in range(3):
            rig = boot(rig, resume=True, MeterValueSampleInterval="10")
            rig.supply.plug(asking=True)
            for _ in range(4):
                rig.step(10000)
                stamps.append(json.loads(json.dumps(rig.wire.told_at)))
        synchronise(rig, cut_ms + 3 * 40000 + 15000 + by_ms)
        rig.step(10000)
        stamps.append(rig.wire.told_at)
        times = [rig.clock.resolve(stamp) for stamp in stamps]
        gaps = [times[place] - times[place - 1] for place in range(1, len(times))]
        assert min(gaps) >= 9000, (by_ms, gaps)
        if by_ms == 0:
            assert times[-1] == cut_ms + 145000


# --- the warning ---


def fail(rig, failing=True, ms=20):
    """As main does, at every step; then the meters answer."""
    said = []
    for _ in range(ms // 20):
        rig.now += 20
        rig.clock.advance(rig.now)
        if rig.station.watch_power(failing, rig.now):
            for connector in rig.station.most_at_stake():
                meter(rig, rig.energy_wh[connector.number - 1], connector.number)
            rig.station.keep_rest(rig.now)
        rig.station.step(rig.now)
        said += rig.wire.take()
    return said


def test_the_warning_makes_the_record_fresh():
    before = Rig()
    before.charge()
    meter(before, 1300)
    before.step(60000)
    before.energy_wh[0] = 1301
    assert kept(before).meter_last_wh == 1000
    saves = before.records[0].saves
    fail(before)
    assert before.records[0].saves == saves + 2  # at once with what is known, then with what the meter says
    assert kept(before).meter_last_wh == 1301
    cut_ms = before.clock.utc_ms
    after = boot(before, 5)  # the meter has lost its register
    assert stops(after.step(20)) == [("Stop", 1, "PowerLoss", None, 1301)]
    stamp = after.wire.stopped_at
    synchronise(after, cut_ms + HOUR)
    assert after.clock.resolve(stamp) == cut_ms


def test_the_one_with_most_at_stake_comes_first():
    rig = Rig(connectors=3)
    rig.wire.tags["THIRD"] = rig.wire.tags["GOOD"]
    for number, tag in ((1, "GOOD"), (2, "OTHER"), (3, "THIRD")):
        rig.charge(tag, number)
    for number, wh in ((1, 10), (2, 30), (3, 20)):
        meter(rig, 1000 + wh, number)
    order = []
    for number, record in enumerate(rig.records, 1):
        record.save = lambda value, number=number: order.append(number)
    rig.station.watch_power(True, rig.now)
    assert order == [2, 3, 1]


def test_nothing_but_the_record_while_the_power_fails():
    rig = Rig(MeterValueSampleInterval="1")
    rig.charge()
    rig.step(500)
    assert fail(rig, True, 4980) == []
    assert rig.station.quiet
    assert rig.records[0].saves == 2  # the start, the warning
    assert "PowerLoss" in rig.supply.faults
    assert not rig.supply.energised


def test_a_brown_out():
    """It goes on, with the same transaction, once the supply has been back for a second."""
    rig = Rig(MeterValueSampleInterval="1")
    connector = rig.charge()
    fail(rig, True, 300)
    assert fail(rig, False, 980) == []
    assert rig.station.quiet
    said = fail(rig, False, 2000)
    assert not rig.station.quiet
    assert rig.supply.faults == ()
    assert rig.supply.energised and connector.status_name == "Charging"
    assert ("Meter", 1, connector.transaction.number) in said
    assert stops(said) == []
    assert not kept(rig).warned
    fail(rig, True, 20)  # it is watched again
    assert kept(rig).warned


def test_an_input_that_is_stuck():
    """A controller that still runs after 5 s works again, and lets nothing flow."""
    rig = Rig()
    rig.charge()
    fail(rig, True, 4900)
    assert rig.station.quiet
    said = fail(rig, True, 500)
    assert not rig.station.quiet
    assert rig.statuses(said) == ["Faulted"]
    assert not rig.supply.energised
    rig.station.tag("GOOD", None, rig.now)
    assert stops(fail(rig, True, 1000)) == [("Stop", 1, "Local", "GOOD", 1000)]
    assert "PowerLoss" in rig.supply.faults
    fail(rig, False, 1100)
    assert rig.supply.faults == ()


def test_a_warning_while_the_last_cut_is_being_reported():
    before = Rig()
    before.charge()
    after = boot(before, 1010)
    after.meter_silent = True
    after.step(1000)
    value = after.records[0].value
    fail(after, True, 100)
    assert after.records[0].value == value  # as it was found
