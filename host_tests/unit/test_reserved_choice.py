# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Which connector a driver gets where some are reserved and several would do, and how long it is kept."""

from host_tests.unit.rig import MemoryRecord, Rig
from station.authorization import IdTagInfo
from station.reservation import Reservation

NOON = 1790000000000
HOUR = 3600000


def rig_of(*places, parent="FLEET", **keys):
    """Two connectors; each of `places` is reserved for GOOD, of the parent FLEET as is MATE."""
    rig = Rig(connectors=2, reservations=MemoryRecord(), **keys)
    rig.wire.tags["GOOD"] = rig.wire.tags["MATE"] = IdTagInfo("Accepted", None, "FLEET")
    rig.wire.tags["OTHER"] = IdTagInfo("Accepted", None, "RIVALS")
    rig.step(20)
    for number, place in enumerate(places):
        new = Reservation(7 + number, place, "GOOD", parent, NOON + HOUR)
        assert rig.station.reserve(new) == "Accepted"
    rig.step(20)
    rig.wire.take()
    return rig


def remote(rig, tag, connector=None):
    status, begin = rig.station.admission.remote_start(tag, connector, rig.now)
    if begin is not None:
        begin()
    rig.step(200)
    return status


def statuses(rig):
    return [connector.status_name for connector in rig.station.connectors]


def test_a_remote_start_of_who_turns_out_to_be_a_stranger_takes_the_connector_that_is_free():
    for asks in ("true", "false"):
        rig = rig_of(1, AuthorizeRemoteTxRequests=asks)
        assert remote(rig, "OTHER") == "Accepted"
        assert statuses(rig) == ["Reserved", "Preparing"], asks
        rig.supplies[1].plug()
        rig.step(100)
        assert rig.wire.reserved == [("OTHER", None)]
        assert not rig.station.connectors[0].remote_pending


def test_a_remote_start_of_who_is_a_stranger_everywhere_begins_nowhere():
    rig = rig_of(1, 2, AuthorizeRemoteTxRequests="false")
    assert remote(rig, "OTHER") == "Accepted"
    assert statuses(rig) == ["Reserved", "Reserved"]


def test_of_two_that_are_reserved_for_the_driver_the_one_where_the_car_is():
    for tag in ("GOOD", "MATE"):
        rig = rig_of(1, 2)
        rig.supplies[1].plug()
        rig.step(1000)
        rig.tag(tag)
        rig.step(100)
        assert rig.wire.reserved == [(tag, 8)]
        rig = rig_of(1, 2, AuthorizeRemoteTxRequests="true")
        rig.supplies[1].plug()
        rig.step(1000)
        assert remote(rig, "GOOD") == "Accepted"
        assert rig.wire.reserved == [("GOOD", 8)]


def test_a_driver_uses_the_own_reservation_before_one_of_the_same_parent():
    for places in ((1, 2), (0, 0)):
        rig = rig_of()
        for number, tag, parent in ((7, "MATE", "FLEET"), (8, "GOOD", None)):
            new = Reservation(number, places[number - 7], tag, parent, NOON + HOUR)
            assert rig.station.reserve(new) == "Accepted"
        rig.step(100)
        for tag in ("GOOD", "MATE"):
            rig.tag(tag)
            place = [c for c in rig.station.connectors if c.grant is not None and c.grant.tag == tag]
            assert len(place) == 1, (places, tag)
            rig.supplies[place[0].number - 1].plug()
            rig.step(100)
        assert rig.wire.reserved == [("GOOD", 8), ("MATE", 7)]


def test_the_time_to_plug_in_begins_when_the_remote_start_is_authorized():
    rig = rig_of(1, AuthorizeRemoteTxRequests="true", ConnectionTimeOut="20")
    rig.wire.waiting = []
    assert remote(rig, "GOOD", 1) == "Accepted"
    rig.step(25000)
    assert statuses(rig)[0] == "Preparing"
    rig.wire.waiting.pop()()
    rig.step(19000)
    assert statuses(rig)[0] == "Preparing"
    rig.supply.plug()
    rig.step(100)
    assert rig.wire.reserved == [("GOOD", 7)]


def test_a_remote_start_that_is_asked_for_long_leaves_a_plugged_car_where_it_is():
    rig = rig_of(1, AuthorizeRemoteTxRequests="true", ConnectionTimeOut="20")
    rig.supply.plug()
    rig.step(1000)
    rig.wire.waiting = []
    assert remote(rig, "GOOD", 1) == "Accepted"
    rig.wire.take()
    assert ("Status", 1, "Finishing") not in rig.step(25000)


def test_a_remote_start_and_a_swipe_of_one_driver_at_once_are_one():
    for first in ("swipe", "remote"):
        rig = rig_of(AuthorizeRemoteTxRequests="true")
        rig.wire.waiting = []
        rig.tag("GOOD")
        assert remote(rig, "GOOD", 2) == "Accepted"
        order = (0, 0) if first == "swipe" else (1, 0)
        for place in order:
            rig.wire.waiting.pop(place)()
            rig.step(100)
        assert statuses(rig) == ["Available", "Preparing"], first


def test_who_gets_the_cable_back_at_a_connector_that_is_kept_for_others():
    keys = {"StopTransactionOnEVSideDisconnect": "true", "UnlockConnectorOnEVSideDisconnect": "false"}
    for plugs_in_again in (False, True):
        rig = rig_of(0, cable="socket", **keys)
        rig.wire.tags["THIRD"] = IdTagInfo("Accepted")
        connector = rig.charge("THIRD")
        rig.supply.unplug(cable_stays=True)
        rig.step(1000)
        assert connector.holder is not None and rig.supply.locked
        rig.supplies[1].faults = ("GroundFailure",)
        rig.step(100)
        if plugs_in_again:
            rig.supply.plug()
            rig.step(100)
            assert statuses(rig)[0] == "Reserved"
            rig.supply.unplug(cable_stays=True)
            rig.step(1000)
        assert rig.supply.locked
        rig.tag("THIRD")
        assert not rig.supply.locked, plugs_in_again
