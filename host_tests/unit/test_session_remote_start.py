# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A session that the CSMS begins: which connector it takes, and where it is rejected."""

from host_tests.unit.rig import Rig


def test_remote_start_with_the_cable_in():  # case 010
    rig = Rig()
    rig.supply.plug()
    rig.step()
    status, begin = rig.station.admission.remote_start("GOOD", 1, rig.now)
    assert status == "Accepted"
    assert rig.wire.said == []  # nothing before the answer
    begin()
    said = rig.step()
    assert said == [("Authorize", "GOOD"), ("Start", 1, "GOOD", 1000)] or said[-1] == (
        "Start",
        1,
        "GOOD",
        1000,
    )


def test_remote_start_without_authorization_request():
    rig = Rig(AuthorizeRemoteTxRequests="false")
    rig.supply.plug()
    rig.step()
    rig.wire.take()
    _, begin = rig.station.admission.remote_start("UNKNOWN", None, rig.now)
    begin()
    assert rig.step() == [("Start", 1, "UNKNOWN", 1000)]


def test_remote_start_with_an_invalid_tag_begins_nothing():  # case 023_5
    rig = Rig(AuthorizeRemoteTxRequests="true")
    rig.supply.plug()
    rig.step()
    rig.wire.take()
    status, begin = rig.station.admission.remote_start("BAD", 1, rig.now)
    assert status == "Accepted"
    begin()
    assert rig.step(1000) == [("Authorize", "BAD")]
    status, begin = rig.station.admission.remote_start("GOOD", 1, rig.now)
    assert status == "Accepted"  # the refused one does not block the connector


def test_remote_start_is_rejected_where_it_cannot_work():  # cases 026, 027
    rig = Rig(connectors=2)
    rig.step()
    start = rig.station.admission.remote_start
    assert start("GOOD", 0, rig.now)[0] == "Rejected"
    assert start("GOOD", 3, rig.now)[0] == "Rejected"
    rig.charge(number=1)
    assert start("GOOD", 1, rig.now)[0] == "Rejected"
    rig.station.change_availability(2, False)
    rig.step()
    assert start("GOOD", 2, rig.now)[0] == "Rejected"
    assert start("GOOD", None, rig.now)[0] == "Rejected"
    rig.station.change_availability(2, True)
    rig.supplies[1].faults = ("GroundFailure",)
    rig.step()
    assert start("GOOD", 2, rig.now)[0] == "Rejected"


def test_two_remote_starts_for_one_connector():
    rig = Rig()
    rig.supply.plug()
    rig.step()
    rig.wire.waiting = []
    _, begin = rig.station.admission.remote_start("GOOD", 1, rig.now)
    begin()
    assert rig.station.admission.remote_start("OTHER", 1, rig.now)[0] == "Rejected"


def test_remote_start_without_connector_takes_the_plugged_one():
    rig = Rig(connectors=2, AuthorizeRemoteTxRequests="false")
    rig.supplies[1].plug()
    rig.step()
    _, begin = rig.station.admission.remote_start("GOOD", None, rig.now)
    begin()
    assert ("Start", 2, "GOOD", 1000) in rig.step()


def test_two_remote_starts_without_connector_take_one_each():
    rig = Rig(connectors=2)
    rig.supplies[0].plug()
    rig.supplies[1].plug()
    rig.step()
    rig.wire.waiting = []
    for tag in ("GOOD", "OTHER"):
        status, begin = rig.station.admission.remote_start(tag, None, rig.now)
        assert status == "Accepted"
        begin()
    assert rig.station.admission.remote_start("THIRD", None, rig.now)[0] == "Rejected"
    for answer in rig.wire.waiting:
        answer()
    said = rig.step()
    assert [entry[1:3] for entry in said if entry[0] == "Start"] == [(1, "GOOD"), (2, "OTHER")]


def test_a_remote_start_for_one_connector_does_not_wander():
    rig = Rig(connectors=2, AuthorizeRemoteTxRequests="false")
    rig.step()
    rig.station.admission.remote_start("GOOD", 1, rig.now)[1]()
    rig.supplies[1].plug()
    said = rig.step(200)
    assert not [entry for entry in said if entry[0] == "Start"]


def test_a_remote_start_that_is_faster_than_the_swipe_of_the_same_driver():
    for connectors in (1, 2):
        rig = Rig(connectors=connectors, AuthorizeRemoteTxRequests="false")
        rig.supply.plug()
        rig.step()
        rig.wire.waiting = []
        rig.tag("GOOD")
        rig.station.admission.remote_start("GOOD", 1, rig.now)[1]()
        assert ("Start", 1, "GOOD", 1000) in rig.step()
        rig.wire.waiting[0]()  # the swipe is accepted: it meant to begin
        assert rig.step(1000) == []
        assert rig.station.connectors[0].transaction is not None
        assert ("Stop", 1, "Local", "GOOD", 1000) in rig.tag("GOOD")
