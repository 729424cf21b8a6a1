# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""ocpp16.smart_charging and station.charging_limits at bad moments: readings that come late, clocks that
jump, no memory, numbers as large as they get."""

import json

from evse.limits import Limits
from hal.ticks import ticks_add
from host_tests.unit.rig import MemoryRecord
from host_tests.unit.scratch import Scratch
from host_tests.unit.smart_rig import NOW_S, SmartRig, profile
from ocpp16.answering import Answering
from ocpp16.schema import find
from ocpp16.schema_smart_charging import REQUESTS
from station.clock import Clock
from station.kept_clock import KeptClock


def remote(rig, given=None, connector=1):
    payload = {"idTag": "GOOD", "connectorId": connector}
    if given is not None:
        payload["chargingProfile"] = given
    return rig.ask("RemoteStartTransaction", **payload)["status"]


def begins_between_two_steps(rig, number, given=None):
    """The meter's reading comes when it has been read, not within a step of the station: what the supply sees
    in its next step, which is before the station's."""
    rig.held_readings = []
    rig.supplies[number - 1].plug(asking=True)
    rig.step()
    assert remote(rig, given, number) == "Accepted"
    rig.step(100)
    for reading in rig.held_readings:
        reading()
    rig.held_readings = None
    assert rig.station.connectors[number - 1].transaction is not None
    return rig.supplies[number - 1].limits.winner()


def test_the_first_offer_is_that_of_the_profile():
    # An offer stands for 5 s: one at the rating would be taken.
    rig = SmartRig()
    assert begins_between_two_steps(rig, 1, profile(1, "tx", [(0, 8)])) == ("ocpp", 80)
    assert rig.supply.permitted


def test_the_first_offer_is_no_more_than_its_share():
    rig = SmartRig(connectors=2)
    rig.set(0, profile(1, "max", [(0, 16)]))
    rig.charge("OTHER", 1)
    rig.step(10000)
    assert rig.supplies[0].offered_da == 160
    assert begins_between_two_steps(rig, 2)[1] < 60


def test_no_memory_when_the_transaction_begins():
    from station import charging_profiles

    rig = SmartRig()
    rig.set(1, profile(1, "default", [(0, 20)]))
    rig.supply.plug(asking=True)
    rig.step()

    def fails(*arguments):
        raise MemoryError

    same = charging_profiles.packed
    charging_profiles.packed = charging_profiles.max = fails
    try:
        assert remote(rig, profile(2, "tx", [(0, 8)])) == "Accepted"
        rig.step(1000)
    finally:
        charging_profiles.packed = same
        del charging_profiles.max
    connector = rig.station.connectors[0]
    # A transaction that nobody may charge in would last until the driver gives up.
    assert connector.transaction is not None and rig.supply.permitted
    assert rig.limits.get("ocpp") in (60, 80)


def test_a_relative_profile_counts_seconds_that_passed():
    for jump_s in (2000, -2000, 31536000):
        rig = SmartRig()
        rig.charge()
        rig.set(1, profile(1, "default", [(0, 20), (1000, 8), (2000, 6)], kind="Relative", start=None))
        rig.step(100000)
        rig.clock.set_utc_ms((NOW_S + jump_s) * 1000)
        rig.station.clock_moved()
        rig.step()
        assert rig.limits.get("ocpp") == 200, jump_s
        assert rig.composite(duration=1100) in ([(0, 20), (899, 8)], [(0, 20), (900, 8)])
        rig.step(900100)
        assert rig.limits.get("ocpp") == 80, jump_s


def test_a_relative_profile_of_a_transaction_that_was_interrupted_needs_the_time():
    records = [MemoryRecord()]
    rig = SmartRig(records=records, options={"power_loss": "resume"})
    rig.charge()
    rig.step(2000000)
    later = SmartRig(records=records, options={"power_loss": "resume"}, clock=Clock(2, 0))
    later.supply.plug(asking=True)
    later.station.recover(later.now)
    later.step(3000)
    assert later.station.connectors[0].transaction is not None
    later.set(1, profile(1, "default", [(0, 20), (1000, 4)], kind="Relative", start=None))
    assert later.limits.get("ocpp") == 60 and later.station.charging.why(1) == "the time is not known"
    later.clock.set_utc_ms((NOW_S + 2100) * 1000)
    later.station.clock_moved()
    later.step()
    assert later.limits.get("ocpp") == 40


def test_numbers_as_large_as_they_get():
    rig = SmartRig()
    huge = 1e308 if 1e38 * 10 < 1e40 else 3e38
    for limit in (huge, 1e30, 10**60, 2147483647, 134217727, 13421773):
        assert rig.set(1, profile(1, "default", [(0, limit)], unit="W")) == "Accepted", limit
        assert rig.composite() == [(0, 32)]
        rig.clear()
    for limit in (-huge, -(10**60), -0.1):
        assert rig.set(1, profile(1, "default", [(0, limit)])) == "Rejected", limit
    assert rig.set(1, profile(1, "default", [(0, 9)], least=huge)) == "Accepted"
    assert rig.set(1, profile(1, "default", [(0, 9)], transactionId=10**60)) == "Accepted"
    assert (
        rig.set(1, profile(1, "default", [(0, 9)], transactionId=-(10**60), validTo="9999-12-31T23:59:59Z"))
        == "Accepted"
    )
    for number in (-2147483648, 2147483647, 0):
        assert rig.set(1, profile(number, "default", [(0, 9)])) == "Accepted"
        assert rig.numbers() == [number] and rig.clear(id=number) == "Accepted"


def test_the_ticks_come_round_and_the_year_2038():
    rig = SmartRig(start_ticks=(1 << 30) - 700)
    rig.clock.set_utc_ms(((1 << 31) - 5) * 1000)
    rig.station.clock_moved()
    rig.charge()
    given = profile(1, "default", [(0, 20), (5, 8), (6, 16)], start=None)
    given["chargingSchedule"]["startSchedule"] = "2038-01-19T03:14:03Z"
    assert rig.set(1, given) == "Accepted"
    seen = []
    for _ in range(100):
        rig.step(100)
        if not seen or seen[-1] != rig.limits.get("ocpp"):
            seen.append(rig.limits.get("ocpp"))
    assert seen == [200, 80, 160]


def test_limits_are_told_with_one_digit():
    # The schema: a multiple of 0.1. A CSMS that reads decimals refuses 8.199999999999999.
    rig = SmartRig(hardware={"nominal_v": 231})
    sent = []
    answering = Answering(rig.handlers.get, lambda table, action: find(REQUESTS, action), sent.append)
    for tenths in range(320):
        rig.set(1, profile(1, "default", [(0, 32), (60, tenths // 10 + 0.1 * (tenths % 10))]))
        for unit, limit in (("A", tenths), ("W", tenths * 231 * 3)):
            payload = {"connectorId": 1, "duration": 100, "chargingRateUnit": unit}
            answering.take(
                [2, "é%d%s" % (tenths, unit), "GetCompositeSchedule", payload], "é%d%s" % (tenths, unit), 0
            )
            text = sent.pop()
            wanted = "%d.%d" % (limit // 10, limit % 10) if limit % 10 else str(limit // 10)
            assert '"startPeriod":60,"limit":%s,"numberPhases":3}' % wanted in text, text
            assert json.loads(text)[0] == 3 and json.loads(text)[1] == "é%d%s" % (tenths, unit)


def test_of_two_transactions_one_behind_the_other_each_has_its_profiles():
    rig = SmartRig(options={"power_loss": "resume"})
    first = rig.charge()
    rig.set(1, profile(1, "tx", [(0, 9)]))
    first.stop("Local", None, rig.now)
    rig.supply.asking = False
    rig.step(100)
    assert first.transaction is None and rig.numbers() == [] and rig.limits.get("ocpp") is None
    assert begins_between_two_steps(rig, 1, profile(2, "tx", [(0, 8)])) == ("ocpp", 80)
    assert rig.numbers() == [2]
    rig.step(1000)
    assert rig.numbers() == [2] and rig.limits.get("ocpp") == 80


def test_the_profile_of_a_remote_start_goes_where_the_cable_is_plugged_in():
    rig = SmartRig(connectors=2)
    assert rig.ask("RemoteStartTransaction", idTag="GOOD", chargingProfile=profile(1, "tx", [(0, 8)])) == {
        "status": "Accepted"
    }
    rig.step(1000)
    rig.supplies[1].plug(asking=True)
    rig.step(1000)
    assert rig.station.connectors[1].transaction is not None
    assert rig.supplies[1].limits.get("ocpp") == 80 and rig.supplies[0].limits.get("ocpp") is None
    assert rig.composite(2) == [(0, 8)] and rig.composite(1) == [(0, 32)]


def test_the_profile_of_a_remote_start_that_comes_to_nothing_is_forgotten():
    rig = SmartRig(ConnectionTimeOut="20")
    rig.step()
    assert remote(rig, profile(1, "tx", [(0, 8)])) == "Accepted"
    rig.step(25000)
    assert rig.numbers() == []
    rig.charge()
    assert rig.numbers() == [] and rig.limits.get("ocpp") is None


def test_two_weeks_of_one_transaction():
    rig = SmartRig()
    rig.charge()
    day_s = 86400
    assert (
        rig.set(1, profile(1, "tx", [(0, 20), (13 * day_s + 1800, 8)], kind="Relative", start=None))
        == "Accepted"
    )
    seen = []
    for _ in range(14 * 24):
        rig.now = ticks_add(rig.now, 3600000)
        rig.step()
        seen.append(rig.limits.get("ocpp"))
    assert seen.count(200) == 13 * 24 and seen.count(80) == 24 and seen[-1] == 80


def test_a_tx_profile_goes_on_with_its_transaction_after_a_power_cut():
    records = [MemoryRecord()]
    options = {"power_loss": "resume"}
    with Scratch() as path:
        rig = SmartRig(records=records, options=options, directory=path + "/profiles")
        rig.charge()
        rig.set(1, profile(1, "tx", [(0, 9), (3600, 7)], kind="Relative", start=None))
        rig.set(1, profile(2, "tx", [(0, 10)], 1, duration=600))
        assert rig.limits.get("ocpp") == 100
        rig.step(60000)
        battery = Clock(2, 0, (NOW_S + 660) * 1000)
        later = SmartRig(records=records, options=options, directory=path + "/profiles", clock=battery)
        later.supply.plug(asking=True)
        later.station.recover(later.now)
        assert later.limits.get("ocpp") == 90  # before the first step of the supply
        assert later.numbers() == [1, 2] and later.composite(duration=7200) == [(0, 9), (2940, 7)]
        connector = later.station.connectors[0]
        later.step(3000)
        connector.stop("Local", None, later.now)
        later.step(9000)
        assert connector.transaction is None and later.numbers() == []
        again = SmartRig(records=records, options=options, directory=path + "/profiles", clock=Clock(3, 0))
        again.station.recover(again.now)
        assert again.numbers() == []


def test_a_limit_of_nothing_before_the_start():
    for limit, asking in ((0, True), (0, False), (5.9, True)):
        rig = SmartRig()
        rig.set(0, profile(1, "max", [(0, limit)]))
        rig.step(1000)
        rig.wire.take()
        rig.supply.plug(asking=asking)
        said = rig.step(100) + rig.tag("GOOD") + rig.step(10000)
        connector = rig.station.connectors[0]
        assert ("Start", 1, "GOOD", 1000) in said and connector.transaction is not None
        assert rig.statuses(said) == ["Preparing", "SuspendedEVSE"] and rig.supply.offered_da == 0
        rig.clear()
        said = rig.step(10000)
        assert rig.statuses(said) == ["Charging" if asking else "SuspendedEV"]
        rig.set(0, profile(1, "max", [(0, 0)]))
        said = rig.step(1000)
        assert rig.statuses(said) == ["SuspendedEVSE"]
        connector.stop("Local", None, rig.now)
        said = rig.step(9000)
        assert rig.statuses(said) == ["Finishing"] and connector.transaction is None


def test_no_memory_for_the_name_of_the_lowest_limit():
    rig = SmartRig()
    rig.charge()
    elect = Limits._elect

    def fails(limits):
        raise MemoryError

    for limit_da in (0, 60, 100):
        rig.set(1, profile(1, "default", [(0, 20), (10, limit_da // 10)], kind="Relative", start=None))
        rig.clear()
        rig.step(20000)
        given = profile(
            1, "default", [(0, 20), (10, limit_da // 10)], start=(rig.clock.utc_ms // 1000) - NOW_S
        )
        assert rig.set(1, given) == "Accepted" and rig.limits.winner() == ("ocpp", 200)
        rig.step(9000)
        rig.limits.put("temperature", 190)
        Limits._elect = fails
        try:
            try:
                rig.step(1000)
            except MemoryError:
                pass
        finally:
            Limits._elect = elect
        rig.step(1500)
        assert rig.limits.winner() == ("ocpp", limit_da), limit_da
        rig.limits.drop("temperature")
        rig.clear()
        rig.step(10)
        assert rig.limits.winner() == ("board", 320)


def test_no_room_for_the_profile_of_a_remote_start():
    rig = SmartRig(connectors=2, MaxChargingProfilesInstalled="2")
    rig.charge("OTHER", 1)
    assert rig.set(1, profile(1, "tx", [(0, 9)])) == "Accepted"
    assert rig.set(0, profile(2, "default", [(0, 10)])) == "Accepted"
    rig.supplies[1].plug(asking=True)
    rig.step(100)
    assert remote(rig, profile(3, "tx", [(0, 8)]), 2) == "Rejected"  # it takes no place of connector 1
    assert remote(rig, profile(2, "tx", [(0, 8)]), 2) == "Accepted"
    rig.step(100)
    assert rig.numbers() == [1, 2] and rig.supplies[1].limits.get("ocpp") == 80


def test_more_than_there_is_room_for_can_be_replaced():
    # There was room when the remote start was answered, and it was promised.
    rig = SmartRig(MaxChargingProfilesInstalled="1")
    rig.step()
    assert remote(rig, profile(1, "tx", [(0, 8)])) == "Accepted"
    assert rig.set(1, profile(2, "default", [(0, 10)])) == "Accepted"
    rig.supply.plug(asking=True)
    rig.step(100)
    assert rig.numbers() == [1, 2]
    assert rig.set(1, profile(3, "default", [(0, 10)], 1)) == "Rejected"
    assert rig.set(1, profile(2, "default", [(0, 11)])) == "Accepted"
    assert rig.set(1, profile(1, "tx", [(0, 7)])) == "Accepted"
    assert rig.limits.get("ocpp") == 70


class NoBattery:
    def utc_ms(self):
        return None

    def set_utc_ms(self, utc_ms):
        pass


class NoQueue:
    depth = last_sequence = 0


def test_a_clock_that_is_set_by_less_than_a_second_many_times():
    for moves_ms in ((900,), (-900, 900, 900), (-400, 900, -300, 700), (999, -999, -999)):
        kept = KeptClock(MemoryRecord(), NoBattery())
        rig = SmartRig(clock=kept.start(1, 0))
        kept.attach(rig.station, NoQueue())
        rig.clock.set_utc_ms(NOW_S * 1000)
        rig.charge()
        rig.clock.set_utc_ms(rig.clock.utc_ms + moves_ms[0])
        assert rig.set(1, profile(1, "default", [(0, 20), (20, 8)])) == "Accepted"
        rig.step(1000)
        for by_ms in moves_ms[1:] or moves_ms:
            rig.clock.set_utc_ms(rig.clock.utc_ms + by_ms)
            rig.step(1000)
        rig.step((NOW_S + 20) * 1000 - rig.clock.utc_ms - 100)
        assert rig.limits.get("ocpp") == 200, moves_ms
        rig.step(200)
        assert rig.limits.get("ocpp") == 80, moves_ms


def test_a_swipe_that_is_faster_than_the_remote_start_of_the_same_driver_has_its_profile():
    for plugged in (True, False):
        rig = SmartRig()
        if plugged:
            rig.supply.plug(asking=True)
        rig.step(100)
        rig.wire.waiting = answers = []
        rig.tag("GOOD")
        assert remote(rig, profile(7, "tx", [(0, 8)], start=None)) == "Accepted"
        rig.wire.waiting = None
        for answer in answers:
            answer()
            rig.step(100)
        if not plugged:
            rig.supply.plug(asking=True)
        rig.step(1000)
        assert rig.station.connectors[0].transaction.id_tag == "GOOD"
        assert rig.numbers() == [7] and rig.limits.get("ocpp") == 80, plugged
