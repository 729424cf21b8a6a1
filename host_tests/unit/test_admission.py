# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Answers of the CSMS that come late: the driver may have gone, and another one may stand there."""

import log
from hal.ticks import ticks_add
from host_tests.unit.rig import MemoryRecord, Rig
from station.authorization import IdTagInfo
from station.reservation import Reservation


def starts(said):
    return [entry[:3] for entry in said if entry[0] == "Start"]


def asked(rig, tag="GOOD"):
    """A car is plugged in, a tag presented; the CSMS has not answered."""
    rig.wire.waiting = []
    rig.supply.plug()
    rig.step(100)
    rig.tag(tag)
    assert len(rig.wire.waiting) == 1


def answer(rig):
    rig.wire.waiting.pop(0)()
    return rig.step(200)


def test_a_late_answer_begins_for_the_car_that_waited():
    rig = Rig()
    asked(rig)
    rig.step(20000)
    assert starts(answer(rig)) == [("Start", 1, "GOOD")]


def test_a_late_answer_does_not_begin_for_the_next_car():
    rig = Rig()
    asked(rig)
    rig.supply.unplug()
    rig.step(5000)
    rig.supply.plug(asking=True)
    rig.step(5000)
    assert starts(answer(rig)) == []
    assert rig.station.admission.last == ("GOOD", "refused", "the car has left")
    rig.wire.waiting = None
    assert starts(rig.tag("OTHER") + rig.step(200)) == [("Start", 1, "OTHER")]


def test_no_answer_does_not_begin_for_the_next_car_by_the_rules_for_offline():
    rig = Rig(AllowOfflineTxForUnknownId="true")
    asked(rig)
    rig.wire.tags["GOOD"] = None  # the time for the answer is over
    rig.supply.unplug()
    rig.step(5000)
    rig.supply.plug(asking=True)
    rig.step(5000)
    assert starts(answer(rig)) == []
    assert rig.station.connectors[0].transaction is None


def test_who_left_does_not_wait_for_a_car_either():
    rig = Rig()
    asked(rig)
    rig.supply.unplug()
    rig.step(5000)
    answer(rig)
    assert rig.station.connectors[0].grant is None


def test_who_presents_the_tag_first_may_plug_in_meanwhile():
    rig = Rig()
    rig.wire.waiting = []
    rig.tag("GOOD")
    rig.supply.plug()
    rig.step(1000)
    assert starts(answer(rig)) == [("Start", 1, "GOOD")]


def test_the_second_connector_is_of_no_concern():
    rig = Rig(connectors=2)
    asked(rig)
    rig.supplies[1].plug()
    rig.step(1000)
    rig.supplies[1].unplug()
    rig.step(1000)
    assert starts(answer(rig)) == [("Start", 1, "GOOD")]


def test_a_remote_start_is_not_for_the_next_car():
    rig = Rig(AuthorizeRemoteTxRequests="true")
    rig.wire.waiting = []
    rig.supply.plug()
    rig.step(100)
    status, begin = rig.station.admission.remote_start("GOOD", 1, rig.now)
    assert status == "Accepted"
    begin()
    rig.supply.unplug()
    rig.step(1000)
    rig.supply.plug()
    rig.step(1000)
    assert starts(answer(rig)) == []
    assert not rig.station.connectors[0].remote_pending
    rig.wire.tags["GOOD"] = IdTagInfo("Accepted")
    rig.wire.waiting = None
    _, begin = rig.station.admission.remote_start("GOOD", 1, rig.now)
    begin()
    assert starts(rig.step(200)) == [("Start", 1, "GOOD")]


# --- whose car is it? ---


def at_two(**keys):
    rig = Rig(connectors=2, reservations=MemoryRecord(), **keys)
    rig.step(20)
    return rig


def test_a_late_answer_is_not_for_the_car_that_came_meanwhile():
    rig = at_two()
    asked(rig)
    rig.step(5000)
    rig.supplies[1].plug(asking=True)
    rig.step(5000)
    assert starts(answer(rig)) == [("Start", 1, "GOOD")]
    assert rig.station.connectors[1].grant is None


def test_a_late_answer_is_not_for_it_either_when_its_own_connector_is_taken():
    rig = at_two()
    asked(rig)
    rig.config.change("AuthorizeRemoteTxRequests", "false")
    _, begin = rig.station.admission.remote_start("OTHER", 1, rig.now)
    begin()
    rig.supplies[1].plug(asking=True)
    rig.step(100)
    assert starts(answer(rig)) == []


def test_who_waits_does_not_follow_a_cable_that_was_there_before():
    """It comes back to Preparing by itself: reserved before, out of service, faulted."""
    ends = []
    for hide in ("reserved", "unavailable", "faulted"):
        rig = at_two()
        station = rig.station
        if hide == "reserved":
            station.reserve(Reservation(7, 2, "GOOD", None, rig.clock.utc_ms + 20000))
        elif hide == "unavailable":
            station.change_availability(2, False)
        else:
            rig.supplies[1].faults = ("GroundFailure",)
        rig.step(100)
        rig.supplies[1].plug(asking=True)
        rig.step(5000)
        rig.tag("OTHER")
        assert station.connectors[0].grant is not None
        rig.wire.take()
        said = rig.step(10000)
        station.change_availability(2, True)
        rig.supplies[1].faults = ()
        said += rig.step(10000)
        assert station.connectors[1].status_name == "Preparing", hide
        if starts(said):
            ends.append(hide)
        else:
            rig.supplies[0].plug(asking=True)
            assert starts(rig.step(200)) == [("Start", 1, "OTHER")]
    assert ends == []


def test_who_waits_follows_the_cable_that_is_plugged_in_later():
    rig = at_two()
    rig.tag("GOOD")
    rig.step(1000)
    rig.supplies[1].faults = ("ConnectorLockFailure",)  # half-way in
    rig.supplies[1].plug(asking=True)
    rig.step(1000)
    rig.supplies[1].faults = ()
    assert starts(rig.step(1000)) == [("Start", 2, "GOOD")]


def test_a_remote_start_follows_a_cable_that_was_plugged_in_while_it_was_asked_for():
    rig = at_two(AuthorizeRemoteTxRequests="true")
    rig.wire.waiting = []
    _, begin = rig.station.admission.remote_start("GOOD", None, rig.now)
    begin()
    rig.supplies[1].plug(asking=True)
    rig.step(1000)
    assert starts(answer(rig)) == [("Start", 2, "GOOD")]


def test_the_car_plugged_in_last_is_that_of_the_driver_whatever_was_reserved_or_faulted():
    for reserved in (True, False):
        rig = at_two()
        if reserved:
            rig.station.reserve(Reservation(7, 2, "GOOD", None, rig.clock.utc_ms + 20000))
        else:
            rig.supplies[1].faults = ("GroundFailure",)
        rig.supplies[1].plug(asking=True)
        rig.step(15000)
        rig.supplies[0].plug(asking=True)
        rig.step(10000)
        rig.supplies[1].faults = ()
        rig.step(100)  # the second one has become Preparing last
        said = rig.tag("OTHER") + rig.step(100)
        assert starts(said) == [("Start", 1, "OTHER")], reserved


def test_a_late_answer_is_not_for_a_car_that_could_not_be_meant():
    """The own connector has a fault now, or none was free: cars that were there before are of others."""
    rig = at_two()
    rig.supplies[0].plug(asking=True)
    rig.step(1000)
    rig.wire.waiting = []
    rig.supplies[1].plug(asking=True)
    rig.step(1000)
    rig.tag("GOOD")
    rig.supplies[1].faults = ("GroundFailure",)
    rig.step(1000)
    assert starts(answer(rig)) == []
    assert [connector.grant for connector in rig.station.connectors] == [None, None]
    for left in (False, True):
        rig = Rig()
        rig.wire.tags["GOOD"] = IdTagInfo("Accepted", None, "FLEET")
        rig.wire.tags["MATE"] = IdTagInfo("Accepted", None, "FLEET")
        connector = rig.charge("GOOD")
        rig.wire.waiting = []
        rig.tag("MATE")  # to stop it
        connector.stop("Remote", None, rig.now)
        rig.step(1000)
        if left:
            rig.supply.unplug()
            rig.step(1000)
        assert starts(answer(rig)) == []
        assert (connector.grant is not None) is left
    rig = at_two()
    rig.supplies[1].faults = ("GroundFailure",)
    rig.supplies[1].plug(asking=True)
    rig.step(1000)
    rig.wire.waiting = []
    rig.tag("GOOD")
    rig.supplies[1].faults = ()
    rig.step(1000)
    assert starts(answer(rig)) == []
    assert rig.station.connectors[0].grant is not None


def test_who_charged_before_is_not_who_stands_at_the_reader():
    rig = at_two()
    rig.charge("GOOD", 1)
    rig.wire.tags["THIRD"] = IdTagInfo("Accepted")
    rig.charge("THIRD", 2)
    rig.station.connectors[0].stop("Remote", None, rig.now)
    rig.step(1000)
    assert rig.station.connectors[0].status_name == "Finishing"
    rig.wire.waiting = []
    rig.tag("OTHER")
    rig.station.connectors[1].stop("Remote", None, rig.now)
    rig.step(1000)
    rig.supplies[1].unplug()
    rig.step(1000)
    rig.supplies[1].plug(asking=True)
    rig.step(1000)
    assert starts(answer(rig)) == [("Start", 2, "OTHER")]


def test_who_unplugs_while_the_meter_is_read_does_not_pay_for_the_next_car():
    for start in ("swipe", "remote"):
        rig = Rig(AuthorizeRemoteTxRequests="true")
        rig.held_readings = []
        rig.supply.plug(asking=True)
        rig.step(100)
        if start == "swipe":
            rig.tag("GOOD")
        else:
            rig.station.admission.remote_start("GOOD", 1, rig.now)[1]()
        rig.step(100)
        assert len(rig.held_readings) == 1
        rig.supply.unplug()
        rig.step(1000)
        assert rig.station.connectors[0].status_name == "Available"
        rig.supply.plug(asking=True)
        rig.step(1000)
        rig.held_readings.pop()()
        assert starts(rig.step(1000)) == [], start
        rig.held_readings = None
        assert starts(rig.tag("OTHER") + rig.step(100)) == [("Start", 1, "OTHER")]


def test_who_swipes_first_may_take_the_plug_out_again():
    for connectors in (1, 2):
        rig = Rig(connectors=connectors)
        rig.step(100)
        rig.tag("GOOD")
        rig.held_readings = []
        rig.supplies[-1].plug()
        rig.step(100)
        rig.supplies[-1].unplug()
        rig.step(1000)
        rig.held_readings.pop()()
        rig.held_readings = None
        rig.supplies[-1].plug()
        assert starts(rig.step(1000)) == [("Start", connectors, "GOOD")]


class Known:
    """A cache that has accepted everybody."""

    def lookup(self, tag):
        return IdTagInfo("Accepted")

    def put(self, tag, info, now_utc_ms):
        return None


def test_a_swipe_that_needs_no_answer_takes_nothing_from_a_remote_start_that_waits_for_one():
    for plugged in (True, False):
        rig = at_two(AuthorizeRemoteTxRequests="true", LocalPreAuthorize="true")
        if plugged:
            rig.supplies[1].plug(asking=True)
            rig.step(1000)
            rig.supplies[0].plug(asking=True)
            rig.step(1000)
        rig.wire.waiting = []
        _, begin = rig.station.admission.remote_start("GOOD", 1, rig.now)
        begin()
        rig.station.cache = Known()
        rig.tag("OTHER")
        rig.step(100)
        answer(rig)
        rig.supplies[0].plug(asking=True)
        rig.supplies[1].plug(asking=True)
        rig.step(100)
        tags = [connector.transaction.id_tag for connector in rig.station.connectors]
        assert tags == ["GOOD", "OTHER"], plugged


def test_a_swipe_of_the_driver_of_a_remote_start_is_for_the_same_connector():
    rig = at_two(AuthorizeRemoteTxRequests="true", LocalPreAuthorize="true")
    rig.wire.waiting = []
    _, begin = rig.station.admission.remote_start("GOOD", 1, rig.now)
    begin()
    rig.station.cache = Known()
    rig.tag("good")
    assert rig.station.connectors[0].grant is not None
    answer(rig)
    assert rig.station.connectors[1].grant is None


def test_a_remote_start_takes_nothing_from_a_swipe_that_waits_for_its_answer():
    rig = at_two(AuthorizeRemoteTxRequests="true")
    asked(rig)
    _, begin = rig.station.admission.remote_start("OTHER", 1, rig.now)
    begin()
    assert starts(answer(rig)) == [("Start", 1, "GOOD")]
    assert starts(answer(rig)) == []
    assert rig.station.connectors[1].grant is None


def test_at_the_only_connector_the_first_who_is_accepted_begins():
    rig = Rig(AuthorizeRemoteTxRequests="true", LocalPreAuthorize="true")
    rig.supply.plug(asking=True)
    rig.step(100)
    rig.wire.waiting = []
    _, begin = rig.station.admission.remote_start("GOOD", 1, rig.now)
    begin()
    rig.station.cache = Known()
    assert starts(rig.tag("OTHER")) == [("Start", 1, "OTHER")]
    assert starts(answer(rig)) == []


def test_a_remote_start_for_nobody_is_rejected():
    rig = Rig(AuthorizeRemoteTxRequests="false")
    rig.step(100)
    assert rig.station.admission.remote_start("", 1, rig.now) == ("Rejected", None)


# --- without memory ---


def no_memory(*arguments):
    raise MemoryError("memory allocation failed")


def test_an_answer_for_which_there_is_no_memory_does_not_shut_the_reader():
    rig = Rig()
    learned, rig.station.learned = rig.station.learned, no_memory
    level, log.level = log.level, log.ERROR + 1
    try:
        asked(rig)
        assert starts(answer(rig)) == [("Start", 1, "GOOD")]  # the CSMS has accepted it
        rig.tag("GOOD")
        rig.wire.waiting = None
        decide, rig.station.listed = rig.station.listed, no_memory
        assert rig.tag("OTHER") == []
        rig.station.listed = decide
    finally:
        log.level = level
    rig.station.learned = learned
    rig.step(1000)
    assert starts(rig.tag("OTHER") + rig.step(200)) == [("Start", 1, "OTHER")]


def test_a_remote_start_for_which_there_is_no_memory_does_not_shut_the_connector():
    for reserved in (False, True):
        rig = Rig(AuthorizeRemoteTxRequests="true", reservations=MemoryRecord())
        rig.step(100)
        if reserved:
            rig.station.reserve(Reservation(7, 1, "GOOD", None, rig.clock.utc_ms + 60000))
        rig.supply.plug()
        rig.step(100)
        start = rig.station.admission.remote_start
        assert start("GOOD", 1, rig.now)[0] == "Accepted"  # the answer could not be sent: nothing begins
        status, begin = start("GOOD", 1, rig.now)
        assert status == "Accepted"
        authorize, rig.wire.authorize = rig.wire.authorize, no_memory
        level, log.level = log.level, log.ERROR + 1
        try:
            begin()
            rig.step(200)
        finally:
            log.level = level
        rig.wire.authorize = authorize
        assert not rig.station.connectors[0].remote_pending
        status, begin = start("GOOD", 1, rig.now)
        assert status == "Accepted"
        begin()
        assert starts(rig.step(200)) == [("Start", 1, "GOOD")]


# --- after thirteen days, when ticks have wrapped ---


def after_thirteen_days(**keys):
    rig = Rig(**keys)
    for _ in range(26):
        rig.now = ticks_add(rig.now, 43200000)
        rig.clock.advance(rig.now)
    rig.step(100)
    assert rig.clock.uptime_ms > 1 << 30  # no small number of MicroPython's any more
    return rig


def test_who_came_last_is_known_after_thirteen_days():
    rig = after_thirteen_days(connectors=2)
    rig.supplies[0].plug()
    rig.step(1000)
    rig.supplies[1].plug()
    rig.step(1000)
    assert starts(rig.tag("GOOD") + rig.step(200)) == [("Start", 2, "GOOD")]


def test_a_late_answer_after_thirteen_days_is_not_for_who_came_meanwhile():
    rig = after_thirteen_days(connectors=2)
    asked(rig)
    rig.supply.unplug()
    rig.supplies[1].plug()
    rig.step(1000)
    assert starts(answer(rig)) == []
    assert rig.station.admission.last[2] == "the car has left"


def test_a_driver_is_followed_to_the_cable_after_thirteen_days():
    rig = after_thirteen_days(connectors=2)
    rig.tag("GOOD")
    rig.step(1000)
    rig.supplies[1].plug()
    assert starts(rig.step(300)) == [("Start", 2, "GOOD")]
