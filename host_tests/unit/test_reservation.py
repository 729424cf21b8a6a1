# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""ReserveNow and CancelReservation: every answer, what replaces what, how a reservation ends, and that it
outlives restarts."""

from host_tests.unit.rig import MemoryRecord, Rig
from station.clock import Clock
from station.reservation import Reservation, Reservations

NOON = 1790000000000  # the rig's time at its start
HOUR = 3600000


class FullDisk(MemoryRecord):
    """Takes nothing while `full`."""

    full = False
    error = OSError(28)

    def save(self, value):
        if self.full:
            raise self.error
        super().save(value)


def rig_of(connectors=1, record=None, **more):
    rig = Rig(connectors=connectors, reservations=record or MemoryRecord(), **more)
    rig.step(20)
    rig.wire.take()
    return rig


def reserve(rig, connector=1, tag="GOOD", number=7, parent=None, until=NOON + HOUR):
    return rig.station.reserve(Reservation(number, connector, tag, parent, until))


def shown(rig):
    """The status of each connector."""
    rig.step(20)
    rig.step(20)
    return [connector.status_name for connector in rig.station.connectors]


def kept(rig):
    return [(one.number, one.connector, one.tag) for one in rig.station.reservations.all]


# --- one connector ------------------------------------------------------------------------------------------


def test_a_free_connector_is_reserved():
    rig = rig_of()
    assert reserve(rig) == "Accepted"
    assert rig.step(20) == [("Status", 1, "Reserved")]
    assert rig.step(5000) == []


def test_a_connector_that_is_reserved_for_somebody_is_occupied():
    rig = rig_of()
    assert reserve(rig) == "Accepted"
    assert reserve(rig, tag="OTHER", number=8) == "Occupied"
    assert reserve(rig, tag="GOOD", number=8) == "Occupied"  # section 5.13: for the same idTag, too
    assert kept(rig) == [(7, 1, "GOOD")]


def test_occupied_by_a_cable_a_tag_or_a_transaction():
    rig = rig_of()
    rig.supply.plug()
    assert shown(rig) == ["Preparing"]
    assert reserve(rig) == "Occupied"
    rig.tag("GOOD")
    rig.step(100)
    assert rig.station.connectors[0].transaction is not None
    assert reserve(rig) == "Occupied"
    rig.tag("GOOD")
    assert shown(rig) == ["Finishing"]
    assert reserve(rig) == "Occupied"
    rig.supply.unplug()
    assert shown(rig) == ["Available"]
    rig.tag("GOOD")  # and nobody plugs in
    assert shown(rig) == ["Preparing"]
    assert reserve(rig) == "Occupied"
    rig.step(61000)
    assert reserve(rig) == "Accepted"


def test_occupied_while_a_remote_start_is_authorized():
    rig = rig_of(AuthorizeRemoteTxRequests="true")
    rig.wire.waiting = []
    rig.station.admission.remote_start("OTHER", 1, rig.now)[1]()
    assert reserve(rig) == "Occupied"


def test_occupied_by_a_cable_that_is_locked_for_its_owner():
    rig = rig_of(
        cable="socket",
        StopTransactionOnEVSideDisconnect="true",
        UnlockConnectorOnEVSideDisconnect="false",
    )
    rig.charge("OTHER")
    rig.supply.unplug(cable_stays=True)
    rig.step(1000)
    assert rig.station.connectors[0].holder is not None
    assert reserve(rig) == "Occupied"


def test_a_fault_and_out_of_service():
    rig = rig_of()
    rig.supply.faults = ("GroundFailure",)
    assert shown(rig) == ["Faulted"]
    assert reserve(rig) == "Faulted"
    rig.supply.faults = ()
    rig.station.change_availability(1, False)
    assert shown(rig) == ["Unavailable"]
    assert reserve(rig) == "Unavailable"
    rig.station.change_availability(1, True)
    rig.supply.faults = ("WeakSignal",)  # a warning takes nothing away
    rig.step(20)
    assert reserve(rig) == "Accepted"


def test_a_connector_out_of_service_as_soon_as_its_transaction_ends_is_occupied():
    rig = rig_of()
    rig.charge("OTHER")
    assert rig.station.change_availability(1, False) == "Scheduled"
    assert reserve(rig) == "Occupied"


def test_rejected():
    rig = rig_of(2)
    assert reserve(rig, 3) == "Rejected"
    assert reserve(rig, until=NOON) == "Rejected"
    assert reserve(rig, until=NOON - HOUR) == "Rejected"
    rig.station.close("Soft")
    assert reserve(rig) == "Rejected"
    assert kept(rig) == []


def test_not_kept_is_not_accepted():
    record = FullDisk()
    rig = rig_of(record=record)
    record.full = True
    assert reserve(rig) == "Rejected"
    assert shown(rig) == ["Available"]
    record.full = False
    assert reserve(rig) == "Accepted"
    record.full = True
    assert rig.station.reservations.cancel(7) == "Rejected"
    assert shown(rig) == ["Reserved"]


# --- the same reservationId ---------------------------------------------------------------------------------


def test_the_same_number_replaces():
    rig = rig_of()
    reserve(rig)
    assert reserve(rig, tag="OTHER", until=NOON + 2 * HOUR) == "Accepted"
    assert kept(rig) == [(7, 1, "OTHER")]
    rig.supply.plug()  # a stranger's cable does not keep it from being prolonged
    rig.step(100)
    assert reserve(rig, tag="OTHER", until=NOON + 3 * HOUR) == "Accepted"
    assert shown(rig) == ["Reserved"]


def test_the_same_number_frees_the_old_place():
    rig = rig_of(2)
    reserve(rig, 1)
    assert shown(rig) == ["Reserved", "Available"]
    assert reserve(rig, 2) == "Accepted"
    assert shown(rig) == ["Available", "Reserved"]
    assert kept(rig) == [(7, 2, "GOOD")]


def test_a_place_that_cannot_be_had_leaves_the_old_one():
    rig = rig_of(2)
    reserve(rig, 1)
    rig.charge("OTHER", number=2)
    assert reserve(rig, 2) == "Occupied"
    assert reserve(rig, 1, until=NOON) == "Rejected"
    assert kept(rig) == [(7, 1, "GOOD")]


def test_while_its_driver_stands_there_nothing_replaces_it():
    rig = rig_of(2)
    reserve(rig, 1)
    rig.tag("GOOD")
    assert shown(rig) == ["Preparing", "Available"]
    assert reserve(rig, 1, tag="OTHER") == "Occupied"
    assert reserve(rig, 2, tag="OTHER") == "Occupied"
    assert kept(rig) == [(7, 1, "GOOD")]


# --- cancelled, expired, out of service ---------------------------------------------------------------------


def test_cancelled():
    rig = rig_of()
    reserve(rig)
    rig.step(20)
    assert rig.station.reservations.cancel(8) == "Rejected"
    assert rig.station.reservations.cancel(7) == "Accepted"
    assert shown(rig) == ["Available"]
    assert rig.station.reservations.cancel(7) == "Rejected"


def test_cancelled_while_its_driver_is_there():
    rig = rig_of()
    reserve(rig)
    rig.tag("GOOD")
    assert rig.station.reservations.cancel(7) == "Accepted"
    assert shown(rig) == ["Preparing"]  # available only when nothing else goes on
    rig.supply.plug()
    rig.step(100)
    assert rig.wire.reserved == [("GOOD", None)]


def test_with_a_cable_in_it_becomes_preparing():
    rig = rig_of()
    reserve(rig)
    rig.step(20)
    rig.supply.plug()
    assert shown(rig) == ["Reserved"]
    rig.step(70000)
    assert shown(rig) == ["Reserved"]  # no ConnectionTimeOut: nobody is waited for
    rig.station.reservations.cancel(7)
    assert shown(rig) == ["Preparing"]


def test_expired():
    rig = rig_of()
    reserve(rig, until=rig.clock.utc_ms + 3000)
    rig.step(2900)
    assert shown(rig) == ["Reserved"]
    rig.wire.take()
    assert rig.step(1000) == [("Status", 1, "Available")]
    rig.charge("OTHER")
    assert rig.wire.reserved == [("OTHER", None)]


def test_a_jump_of_the_clock_counts():
    rig = rig_of()
    reserve(rig)
    rig.clock.set_utc_ms(NOON - HOUR)
    rig.step(HOUR // 60)
    assert shown(rig) == ["Reserved"]
    rig.clock.set_utc_ms(NOON + HOUR)
    assert shown(rig) == ["Available"]


def test_a_fault_ends_it():
    rig = rig_of()
    reserve(rig)
    rig.step(20)
    rig.supply.faults = ("GroundFailure",)
    assert shown(rig) == ["Faulted"]
    rig.supply.faults = ()
    assert shown(rig) == ["Available"]
    assert kept(rig) == []


def test_a_warning_does_not():
    rig = rig_of()
    reserve(rig)
    rig.supply.faults = ("WeakSignal",)
    rig.step(1000)
    assert shown(rig) == ["Reserved"]


def test_out_of_service_ends_it():
    rig = rig_of(2)
    reserve(rig, 1)
    reserve(rig, 2, number=8)
    assert rig.station.change_availability(1, False) == "Accepted"
    assert shown(rig) == ["Unavailable", "Reserved"]
    rig.station.change_availability(1, True)
    assert shown(rig) == ["Available", "Reserved"]
    assert rig.station.change_availability(0, False) == "Accepted"
    assert shown(rig) == ["Unavailable", "Unavailable"]
    assert kept(rig) == []


def test_the_lock_is_of_no_concern():
    rig = rig_of(cable="socket")
    reserve(rig)
    rig.step(20)
    rig.supply.plug()
    rig.step(1000)
    answers = []
    rig.station.connectors[0].unlock(answers.append, rig.now)
    rig.step(4000)
    assert answers == ["Unlocked"]
    assert shown(rig) == ["Reserved"]


# --- restarts -----------------------------------------------------------------------------------------------


def again(rig, record, clock=None, connectors=1):
    """The same station after a restart."""
    if clock is None:
        clock = Clock(2, 0)
        clock.set_utc_ms(rig.clock.utc_ms)
    later = Rig(connectors=connectors, records=rig.records, clock=clock, reservations=record)
    later.station.recover(later.now)
    return later


def test_a_restart_changes_nothing():
    record = MemoryRecord()
    rig = rig_of(2, record)
    reserve(rig, 1, parent="FLEET")
    reserve(rig, 0, "OTHER", number=-8)
    later = again(rig, record, connectors=2)
    assert later.step(20)[:2] == [("Status", 1, "Reserved"), ("Status", 2, "Reserved")]
    assert kept(later) == [(7, 1, "GOOD"), (-8, 0, "OTHER")]
    assert later.station.reservations.find(7).parent == "FLEET"
    assert later.station.reservations.find(7).expiry_utc_ms == NOON + HOUR


def test_as_long_as_the_time_is_not_known_it_stays():
    record = MemoryRecord()
    rig = rig_of(record=record)
    reserve(rig)
    later = again(rig, record, Clock(2, 0))
    later.step(60000)
    assert shown(later) == ["Reserved"]
    later.clock.set_utc_ms(NOON + HOUR)
    assert shown(later) == ["Available"]
    assert record.value == []


def test_what_is_over_at_the_earliest_time_that_it_can_be_is_over():
    """A station that starts without the time, and is never told it, does not turn drivers away for ever."""
    record = MemoryRecord()
    rig = rig_of(2, record)
    reserve(rig, 1, until=NOON + HOUR)
    reserve(rig, 2, until=NOON + 2 * HOUR, number=8)
    later = again(rig, record, Clock(2, 0, None, NOON + HOUR - 3000), connectors=2)
    assert shown(later) == ["Reserved", "Reserved"]
    later.step(4000)
    assert not later.clock.known
    assert shown(later) == ["Available", "Reserved"]
    assert reserve(later, 1, until=NOON + HOUR) == "Rejected"
    assert reserve(later, 1, until=NOON + HOUR + 60000) == "Accepted"


def test_a_used_one_does_not_come_back():
    record = MemoryRecord()
    rig = rig_of(record=record)
    reserve(rig)
    before = list(record.value)
    rig.charge("GOOD")
    assert record.value == []
    record.value = before  # the power failed before that was written
    later = again(rig, record)
    assert kept(later) == []
    assert record.value == []


def test_one_whose_transaction_did_not_come_about_does():
    record = MemoryRecord()
    rig = rig_of(record=record)
    reserve(rig)
    before = list(record.value)
    rig.charge("GOOD")
    record.value = before
    clock = Clock(2, 0)
    clock.set_utc_ms(rig.clock.utc_ms)
    later = Rig(records=rig.records, clock=clock, reservations=record)
    number = rig.station.connectors[0].transaction.number
    later.wire.journal[number] = None  # the record only: the power failed before StartTransaction was kept
    later.station.recover(later.now)
    assert kept(later) == [(7, 1, "GOOD")]


def test_a_new_one_with_the_number_of_a_used_one_outlives_a_restart():
    record = MemoryRecord()
    rig = rig_of(2, record)
    reserve(rig, 1)
    rig.charge("GOOD")
    assert reserve(rig, 2) == "Accepted"
    later = again(rig, record, connectors=2)
    assert kept(later) == [(7, 2, "GOOD")]
    # And what is written of the transaction from then on does not name it either.
    assert reserve(rig, 2, tag="OTHER") == "Accepted"
    later = again(later, record, connectors=2)
    assert kept(later) == [(7, 2, "OTHER")]


def test_what_could_not_be_written_is_written_later():
    record = FullDisk()
    rig = rig_of(record=record)
    reserve(rig)
    record.full = True
    rig.charge("GOOD")
    assert kept(rig) == []
    rig.step(15000)
    record.full = False
    assert len(record.value) == 1
    rig.step(15000)
    assert record.value == []
    saves = record.saves
    rig.step(60000)
    assert record.saves == saves


def test_a_moment_without_memory_stops_nobody():
    record = FullDisk()
    record.error = MemoryError("memory allocation failed")
    rig = rig_of(2, record)
    record.full = True
    assert reserve(rig, 2, number=8) == "Rejected"
    record.full = False
    reserve(rig, 1)
    reserve(rig, 2, number=8, until=rig.clock.utc_ms + 5000)
    record.full = True
    assert rig.station.reservations.cancel(8) == "Rejected"
    rig.charge("GOOD")
    assert rig.supply.permitted
    rig.step(5000)
    assert kept(rig) == [] and len(record.value) == 2
    record.full = False
    rig.step(10000)
    assert record.value == []


def test_a_transaction_that_cannot_be_kept_does_not_use_it():
    rig = rig_of()
    reserve(rig)
    rig.wire.takes_nothing = True
    rig.supply.plug(asking=True)
    rig.tag("GOOD")
    rig.step(100)
    assert rig.station.connectors[0].transaction is None
    assert kept(rig) == [(7, 1, "GOOD")]


def test_what_makes_no_sense_is_left_out():
    good = [7, 1, "GOOD", None, NOON + HOUR]
    bad = [
        ["7", 1, "GOOD", None, NOON],
        [7, 3, "GOOD", None, NOON],
        [7, -1, "GOOD", None, NOON],
        [7, 1, 5, None, NOON],
        [7, 1, "GOOD", 5, NOON],
        [7, 1, "GOOD", None, None],
        [7, 1],
        None,
        5,
    ]
    for wrong in bad:
        rig = rig_of(2, MemoryRecord([wrong, good]))
        assert kept(rig) == [(7, 1, "GOOD")], wrong
    for wrong in ({"a": 1}, 5, "x", [good, good]):
        rig = rig_of(2, MemoryRecord(wrong))
        assert len(kept(rig)) == (1 if isinstance(wrong, list) else 0), wrong


def test_a_station_without_the_profile_has_none():
    rig = Rig()
    rig.step(20)
    assert rig.station.reservations.all == []
    assert Reservations().find(7) is None
