# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Answers of the CSMS that come late: the driver may have gone, and another one may stand there."""

from host_tests.unit.rig import Rig
from station.authorization import IdTagInfo


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
