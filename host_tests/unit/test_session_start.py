# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""How a session begins: plug first, tag first; who is let in and where, and what keeps it from beginning."""

from host_tests.unit.rig import Rig
from station.authorization import IdTagInfo
from station.transaction_record import restored


def test_plug_first():  # case 003
    rig = Rig()
    assert rig.step() == [("Status", 1, "Available"), ("Status", 0, "Available")]
    rig.supply.plug()
    assert rig.step() == [("Status", 1, "Preparing")]
    assert rig.tag("GOOD") == [("Authorize", "GOOD"), ("Start", 1, "GOOD", 1000)]
    assert rig.supply.permitted
    rig.supply.plug(asking=True)
    assert rig.step(100) == [("Status", 1, "Charging")]


def test_tag_first_then_plug():  # case 004_1
    rig = Rig()
    rig.step()
    assert rig.tag("GOOD") == [("Authorize", "GOOD"), ("Status", 1, "Preparing")]
    assert not rig.supply.permitted
    rig.supply.plug()
    assert rig.step(20) == [("Start", 1, "GOOD", 1000)]


def test_tag_first_times_out():  # case 004_2
    rig = Rig(ConnectionTimeOut="5")
    rig.step()
    rig.tag("GOOD")
    assert rig.step(4900) == []
    assert rig.step(200) == [("Status", 1, "Available")]
    rig.supply.plug()
    assert rig.step(100) == [("Status", 1, "Preparing")]  # the old grant does not begin anything
    assert rig.station.connectors[0].transaction is None


def test_ticks_wrap_while_waiting():
    rig = Rig(start_ticks=(1 << 30) - 2000, ConnectionTimeOut="5")
    rig.step()
    rig.tag("GOOD")
    assert rig.step(4900) == []
    assert rig.step(200) == [("Status", 1, "Available")]


def test_plugged_without_a_tag_times_out_to_finishing_and_a_tag_still_works():  # errata 3.20
    rig = Rig(ConnectionTimeOut="5")
    rig.step()
    rig.supply.plug()
    rig.step()
    assert rig.step(5100) == [("Status", 1, "Finishing")]
    said = rig.tag("GOOD")
    assert ("Start", 1, "GOOD", 1000) in said


def test_second_swipe_gives_up():  # case 061
    rig = Rig()
    rig.step()
    rig.tag("GOOD")
    assert rig.tag("GOOD") == [("Status", 1, "Available")]


def test_tags_are_case_insensitive():
    rig = Rig()
    rig.step()
    rig.wire.tags = {"AB12": IdTagInfo("Accepted"), "ab12": IdTagInfo("Accepted")}
    rig.supply.plug()
    rig.step()
    rig.tag("ab12")
    said = rig.tag("AB12")
    assert [entry for entry in said if entry[0] == "Stop"], said


def test_invalid_tag_begins_nothing():  # case 023
    rig = Rig()
    rig.supply.plug()
    rig.step()
    assert rig.tag("BAD") == [("Authorize", "BAD")]
    assert rig.station.admission.last[1] == "refused"
    rig.step(10000)
    assert rig.station.connectors[0].transaction is None
    assert not rig.supply.permitted


def test_a_second_swipe_while_the_first_is_checked_is_ignored():
    rig = Rig(connectors=2)
    rig.supplies[0].plug()
    rig.supplies[1].plug()
    rig.step()
    rig.wire.waiting = []
    rig.tag("GOOD")
    rig.tag("OTHER")
    rig.tag("GOOD")
    assert len(rig.wire.waiting) == 1
    rig.wire.waiting[0]()
    said = rig.step()
    assert [entry for entry in said if entry[0] == "Start"] == [("Start", 1, "GOOD", 1000)]


def test_the_record_is_there_as_soon_as_the_transaction():
    rig = Rig()
    rig.charge()
    kept = restored(rig.records[0].value)
    assert kept.id_tag == "GOOD"
    assert kept.meter_start_wh == 1000


def test_what_cannot_be_kept_does_not_begin():
    rig = Rig()
    rig.step()
    rig.supply.plug()
    rig.step()
    rig.wire.takes_nothing = True
    assert rig.tag("GOOD") == [("Authorize", "GOOD"), ("Status", 1, "Finishing")]
    assert not rig.supply.permitted and rig.station.connectors[0].transaction is None
    assert rig.step(1000) == []
    rig.wire.takes_nothing = False
    assert ("Start", 1, "GOOD", 1000) in rig.tag("GOOD")


# --- several connectors ---


def test_the_grant_follows_the_cable():
    rig = Rig(connectors=2)
    rig.step()
    said = rig.tag("GOOD")
    assert ("Status", 1, "Preparing") in said
    rig.supplies[1].plug()
    said = rig.step(100)
    assert ("Start", 2, "GOOD", 1000) in said
    assert ("Status", 1, "Available") in said


def test_two_drivers_one_reader():
    rig = Rig(connectors=2)
    rig.step()
    rig.supplies[0].plug()
    rig.step()
    assert ("Start", 1, "GOOD", 1000) in rig.tag("GOOD")
    rig.supplies[1].plug()
    rig.step()
    assert ("Start", 2, "OTHER", 1000) in rig.tag("OTHER")
    said = rig.tag("GOOD")
    assert ("Stop", 1, "Local", "GOOD", 1000) in said
    assert rig.station.connectors[1].transaction is not None


def test_the_car_plugged_in_last_is_meant():
    rig = Rig(connectors=2)
    rig.step()
    rig.supplies[0].plug()
    rig.step(5000)
    rig.supplies[1].plug()
    rig.step(100)
    assert ("Start", 2, "GOOD", 1000) in rig.tag("GOOD")


def test_a_car_that_has_finished_is_nobody_elses():
    rig = Rig(connectors=2)
    rig.step()
    rig.charge(number=1)
    rig.tag("GOOD")
    said = rig.tag("OTHER")
    assert ("Status", 2, "Preparing") in said
    assert not [entry for entry in said if entry[0] == "Start"]
    said = rig.tag("GOOD")  # its own driver wants more
    assert ("Start", 1, "GOOD", 1000) in said


def test_ending_ones_own_does_not_wait_for_the_authorization_of_another():
    rig = Rig(connectors=2)
    rig.charge(number=1)
    rig.wire.waiting = []
    rig.tag("OTHER")
    assert ("Stop", 1, "Local", "GOOD", 1000) in rig.tag("GOOD")


def test_reader_of_a_connector_serves_that_connector_only():
    rig = Rig(connectors=2)
    rig.supplies[0].plug()
    rig.supplies[1].plug()
    rig.step()
    assert ("Start", 2, "GOOD", 1000) in rig.tag("GOOD", reader=2)
    assert ("Start", 1, "GOOD", 1000) not in rig.wire.said


# --- lock, meter, availability, faults ---


def test_no_transaction_before_the_plug_is_locked():  # case 024
    rig = Rig(cable="socket")
    rig.supply.lock_stuck = True
    rig.supply.plug()
    rig.step()
    said = rig.tag("GOOD") + rig.step(1000)
    assert not [entry for entry in said if entry[0] == "Start"]
    rig.supply.faults = ("ConnectorLockFailure",)
    assert rig.statuses(rig.step()) == ["Faulted"]
    rig.supply.faults = ()
    rig.supply.lock_stuck = False
    said = rig.step(1000)
    assert not [entry for entry in said if entry[0] == "Start"]  # the grant went with the fault


def test_a_plug_that_was_unlocked_is_locked_again_for_the_next_session():
    rig = Rig(cable="socket")
    rig.charge()
    rig.tag("GOOD")
    assert rig.supply.locked is False
    said = rig.tag("GOOD") + rig.step(100)
    assert ("Start", 1, "GOOD", 1000) in said
    assert rig.supply.locked


def test_no_transaction_without_a_meter():
    rig = Rig()
    rig.meter_silent = True
    rig.supply.plug()
    rig.step()
    said = rig.tag("GOOD") + rig.step(3000)
    assert not [entry for entry in said if entry[0] == "Start"]
    assert not rig.supply.permitted
    rig.supply.faults = ("MeterFailure",)
    rig.step()
    rig.supply.faults = ()
    rig.meter_silent = False
    said = rig.step(1000)
    assert not [entry for entry in said if entry[0] == "Start"]  # nobody is charged by surprise


def test_one_silence_of_the_meter_does_not_cost_the_driver_the_session():
    rig = Rig()
    rig.meter_silent = True
    rig.supply.plug()
    rig.step()
    rig.tag("GOOD")
    rig.step(900)
    rig.meter_silent = False
    assert ("Start", 1, "GOOD", 1000) in rig.step(100)


def test_unplugged_while_the_meter_is_read():
    rig = Rig()
    rig.supply.plug()
    rig.step()
    rig.held_readings = []
    rig.tag("GOOD")
    rig.supply.unplug()
    rig.step()
    rig.held_readings[0]()
    said = rig.step(100)
    assert not [entry for entry in said if entry[0] == "Start"]
    assert not rig.supply.permitted


def test_nobody_begins_where_changeavailability_was_accepted():
    rig = Rig()
    rig.step()
    rig.supply.plug()
    rig.step()
    rig.held_readings = []
    rig.tag("GOOD")
    assert rig.station.change_availability(1, False) == "Accepted"
    rig.held_readings[0]()
    said = rig.step(100)
    assert not [entry for entry in said if entry[0] == "Start"]
    assert rig.statuses(said) == ["Unavailable"]


def test_a_fault_takes_the_grant_away():  # case 041
    rig = Rig()
    rig.step()
    rig.tag("GOOD")
    rig.supply.faults = ("GroundFailure",)
    assert rig.step() == [("Status", 1, "Faulted")]
    rig.supply.faults = ()
    rig.supply.plug()
    said = rig.step(1000)
    assert not [entry for entry in said if entry[0] == "Start"]
    rig.supply.faults = ("GroundFailure",)
    rig.step()
    assert rig.tag("GOOD") == []  # no Authorize: nothing could follow from it
