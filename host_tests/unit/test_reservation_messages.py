# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The handlers of the Reservation profile: what they check beyond the schema, and a station without it."""

from host_tests.unit.rig import MemoryRecord, Rig
from host_tests.unit.rpc_wire import Wire
from ocpp16.profiles import Profiles
from ocpp16.rpc import Rpc

RESERVE = {"connectorId": 1, "expiryDate": "2030-01-01T00:00:00Z", "idTag": "GOOD", "reservationId": 7}


def wire_of(rig):
    """The CSMS's side of a station."""
    wire = Wire()
    wire.profiles = Profiles(dict(wire.handlers), rig.station, None)
    wire.rpc = Rpc(wire.profiles.find)
    wire.profiles.tables = wire.rpc.tables
    wire.rpc.attach(wire._send)
    return wire


def reserving():
    rig = Rig(reservations=MemoryRecord())
    rig.step(20)
    return rig, wire_of(rig)


def asked(wire, action, **payload):
    """The status of the answer, or the code of the CALLERROR."""
    wire.asked.append(action)  # each CALL has an id of its own
    [answer] = wire.says([2, "%d" % len(wire.asked), action, payload])
    return answer[2]["status"] if answer[0] == 3 else answer[2]


def test_a_profile_comes_with_its_first_message():
    _, wire = reserving()
    assert len(wire.rpc.tables) == 1
    assert wire.profiles.find("NoSuchAction") is None
    assert wire.profiles.find("Reset") is not None
    assert len(wire.rpc.tables) == 1
    assert asked(wire, "ReserveNow", **RESERVE) == "Accepted"
    assert asked(wire, "CancelReservation", reservationId=8) == "Rejected"
    assert asked(wire, "CancelReservation", reservationId=7) == "Accepted"
    assert len(wire.rpc.tables) == 2
    assert asked(wire, "Reset", type="Soft") == "Accepted"


def test_a_station_without_the_profile():
    rig = Rig()
    rig.step(20)
    wire = wire_of(rig)
    assert asked(wire, "ReserveNow", **RESERVE) == "Rejected"  # cases 048_4, 050_4
    assert asked(wire, "CancelReservation", reservationId=7) == "NotSupported"
    assert len(wire.rpc.tables) == 1


def test_what_reserve_now_refuses():
    rig, wire = reserving()
    wrong = "PropertyConstraintViolation"
    for change, code in (
        ({"connectorId": -1}, wrong),
        ({"idTag": ""}, wrong),
        ({"idTag": "x" * 21}, wrong),
        ({"expiryDate": "tomorrow"}, wrong),
        ({"expiryDate": "2030-13-01T00:00:00Z"}, wrong),
        ({"expiryDate": "2030-01-01T00:00:00 somewhere"}, wrong),
        ({"expiryDate": 5}, "TypeConstraintViolation"),
        ({"expiryDate": "1999-01-01T00:00:00Z"}, "Rejected"),
        ({"connectorId": 2}, "Rejected"),
    ):
        payload = dict(RESERVE)
        payload.update(change)
        assert asked(wire, "ReserveNow", **payload) == code, change
    assert rig.station.reservations.all == []


def test_what_reserve_now_takes():
    rig, wire = reserving()
    for change in (
        {"expiryDate": "9999-12-31T23:59:59Z"},
        {"expiryDate": "2030-01-01T00:00:00.123456+02:00"},
        {"parentIdTag": "FLEET"},
        {"parentIdTag": ""},
        {"connectorId": 0},
    ):
        payload = dict(RESERVE)
        payload.update(change)
        assert asked(wire, "ReserveNow", **payload) == "Accepted", change
        [one] = rig.station.reservations.all
        assert one.parent == (change.get("parentIdTag") or None)
        assert one.connector == payload["connectorId"]
        assert asked(wire, "CancelReservation", reservationId=7) == "Accepted"
