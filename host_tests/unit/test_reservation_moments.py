# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""ReserveNow at a moment when things are about to change: what was told counts, and what is true already."""

from host_tests.unit.rig import MemoryRecord, Rig
from station.reservation import Reservation

NOON = 1790000000000
HOUR = 3600000


def rig_of(connectors=1, **more):
    rig = Rig(connectors=connectors, reservations=MemoryRecord(), **more)
    rig.step(20)
    return rig


def reserve(rig, connector=1, tag="GOOD", until=NOON + HOUR):
    return rig.station.reserve(Reservation(7, connector, tag, None, until))


def shown(rig):
    """The status of each connector."""
    rig.step(20)
    rig.step(20)
    return [connector.status_name for connector in rig.station.connectors]


def test_a_connector_that_is_told_to_be_available_is_not_occupied():
    """The car is gone, its driver has yet to pull the cable out of our socket."""
    rig = rig_of(cable="socket")
    rig.supply.plug()
    assert shown(rig) == ["Preparing"]
    rig.supply.unplug(cable_stays=True)
    assert shown(rig) == ["Available"]
    assert reserve(rig) == "Accepted"
    assert shown(rig) == ["Reserved"]
    rig = rig_of(cable="socket")
    rig.charge("OTHER")
    rig.tag("OTHER")
    rig.supply.unplug(cable_stays=True)
    assert shown(rig) == ["Finishing"]
    assert reserve(rig) == "Occupied"


def test_out_of_service_is_unavailable_at_once_and_for_the_same_number_too():
    rig = rig_of(2)
    reserve(rig, 1)
    rig.step(20)
    rig.station.change_availability(1, False)
    assert reserve(rig, 1) == "Unavailable"  # the next message of the CSMS, before any step
    rig = rig_of(2)
    reserve(rig, 0)
    rig.step(20)
    rig.station.change_availability(0, False)
    assert reserve(rig, 0) == "Unavailable"


def test_the_number_of_a_cancelled_one_is_free_while_its_driver_is_there():
    rig = rig_of(2)
    reserve(rig, 1)
    rig.tag("GOOD")
    assert rig.station.reservations.cancel(7) == "Accepted"
    assert reserve(rig, 2, tag="OTHER") == "Accepted"
    assert reserve(rig, 2, tag="OTHER", until=NOON + 2 * HOUR) == "Accepted"
    rig = rig_of(2)
    reserve(rig, 1, until=rig.clock.utc_ms + 1000)
    rig.tag("GOOD")
    rig.step(2000)
    assert rig.station.reservations.all == []  # expired
    assert reserve(rig, 0, tag="OTHER") == "Accepted"
    assert shown(rig) == ["Preparing", "Reserved"]
    rig.wire.tags["THIRD"] = rig.wire.tags["GOOD"]
    rig.tag("THIRD")
    assert shown(rig) == ["Preparing", "Reserved"]
