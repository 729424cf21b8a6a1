# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
from host_tests.unit.rig import MemoryRecord, Rig
from station.availability import Availability


def nobody(number):
    return False


def test_connector_and_back():
    rig = Rig(connectors=2)
    rig.step()
    assert rig.station.change_availability(1, False) == "Accepted"
    assert rig.step() == [("Status", 1, "Unavailable")]
    assert rig.station.change_availability(1, False) == "Accepted"
    assert rig.step() == []  # nothing changed, nothing told
    assert rig.station.change_availability(1, True) == "Accepted"
    assert rig.step() == [("Status", 1, "Available")]


def test_whole_station():  # case 034
    rig = Rig(connectors=2)
    rig.step()
    assert rig.station.change_availability(0, False) == "Accepted"
    assert sorted(rig.step()) == [("Status", number, "Unavailable") for number in (0, 1, 2)]
    kept = rig.availability_record.value
    after = Availability(2, MemoryRecord(kept))
    assert [after.operative(number) for number in range(3)] == [False, False, False]


def test_scheduled_while_a_transaction_runs():
    rig = Rig()
    rig.charge()
    assert rig.station.change_availability(1, False) == "Scheduled"
    assert rig.step(1000) == []
    said = rig.tag("GOOD")
    assert rig.statuses(said) == ["Unavailable"]


def test_scheduled_for_the_station_takes_idle_connectors_at_once():
    rig = Rig(connectors=2)
    rig.charge(number=1)
    assert rig.station.change_availability(0, False) == "Scheduled"
    assert rig.step() == [("Status", 2, "Unavailable")]
    said = rig.tag("GOOD")
    assert ("Status", 1, "Unavailable") in said
    assert ("Status", 0, "Unavailable") in said


def test_scheduled_and_taken_back():
    rig = Rig()
    rig.charge()
    rig.station.change_availability(1, False)
    assert rig.station.change_availability(1, True) == "Accepted"
    said = rig.tag("GOOD")
    assert rig.statuses(said) == ["Finishing"]


def test_preparing_becomes_unavailable_at_once_and_the_grant_is_gone():
    rig = Rig()
    rig.step()
    rig.tag("GOOD")
    assert rig.station.change_availability(1, False) == "Accepted"
    assert rig.step() == [("Status", 1, "Unavailable")]
    rig.station.change_availability(1, True)
    rig.supply.plug()
    assert not [entry for entry in rig.step(100) if entry[0] == "Start"]


def test_inoperative_connector_lets_nobody_in():
    rig = Rig()
    rig.station.change_availability(1, False)
    rig.supply.plug()
    rig.step()
    assert rig.tag("GOOD") == []


def test_unknown_connector():
    assert Availability(1).change(2, False, nobody) == "Rejected"
    assert Availability(1).change(-1, False, nobody) == "Rejected"


def test_scheduled_change_survives_a_reboot_and_is_applied_there():
    record = MemoryRecord()
    first = Availability(1, record)
    assert first.change(1, False, lambda number: True) == "Scheduled"
    second = Availability(1, MemoryRecord(record.value))
    assert second.operative(1)
    second.transaction_ended(nobody)
    assert not second.operative(1)


def test_a_record_of_another_station_is_ignored():
    for kept in (
        [],
        {"operative": [True]},
        {"operative": "x", "scheduled": 3},
        {"operative": [1, 2], "scheduled": []},
    ):
        assert Availability(1, MemoryRecord(kept)).operative(1)


def test_what_cannot_be_kept_is_not_accepted():
    class Broken(MemoryRecord):
        def save(self, value):
            raise OSError(28)

    availability = Availability(1, Broken())
    assert availability.change(1, False, nobody) == "Rejected"
    assert availability.operative(1)
