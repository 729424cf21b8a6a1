# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Who may charge at a reserved connector: at the reader, from the CSMS, by the same parent, offline."""

from host_tests.unit.rig import MemoryRecord, Rig
from station.authorization import IdTagInfo
from station.reservation import Reservation

NOON = 1790000000000
HOUR = 3600000


def reserved(connectors=1, parent=None, number=7, connector=1, **keys):
    """Reserved for GOOD, and told so. MATE and GOOD are of the parent FLEET."""
    rig = Rig(connectors=connectors, reservations=MemoryRecord(), **keys)
    rig.wire.tags["GOOD"] = rig.wire.tags["MATE"] = IdTagInfo("Accepted", None, "FLEET")
    rig.step(20)
    reserve(rig, connector, parent=parent, number=number)
    rig.step(20)
    rig.wire.take()
    return rig


def reserve(rig, connector, tag="GOOD", parent=None, number=7):
    reservation = Reservation(number, connector, tag, parent, NOON + HOUR)
    assert rig.station.reserve(reservation) == "Accepted"


def remote(rig, tag, connector=1):
    status, begin = rig.station.admission.remote_start(tag, connector, rig.now)
    assert (begin is None) == (status == "Rejected")
    if begin is not None:
        begin()
    return status


def statuses(rig):
    return [connector.status_name for connector in rig.station.connectors]


def left(rig):
    return [one.number for one in rig.station.reservations.all]


# --- at the reader ------------------------------------------------------------------------------------------


def test_its_driver_swipes_and_plugs_in():  # case 046_1
    rig = reserved()
    assert rig.tag("OTHER") + rig.step(5000) == []  # edition B: no Authorize either
    assert rig.tag("GOOD") == [("Authorize", "GOOD"), ("Status", 1, "Preparing")]
    assert left(rig) == [7]
    rig.supply.plug()
    said = rig.step(20)
    assert said[0] == ("Start", 1, "GOOD", 1000)
    assert rig.wire.reserved == [("GOOD", 7)]
    assert left(rig) == []


def test_its_driver_plugs_in_and_swipes():
    rig = reserved()
    rig.supply.plug(asking=True)
    rig.step(20)
    assert statuses(rig) == ["Reserved"]
    assert rig.tag("OTHER") == []
    said = rig.tag("GOOD") + rig.step(20)
    assert ("Status", 1, "Preparing") in said or ("Status", 1, "Charging") in said
    assert statuses(rig) == ["Charging"]
    assert rig.wire.reserved == [("GOOD", 7)]


def test_tags_are_the_same_in_any_case():
    rig = reserved()
    rig.wire.tags["good"] = IdTagInfo("Accepted")
    rig.tag("good")
    rig.supply.plug()
    rig.step(20)
    assert rig.wire.reserved == [("good", 7)]


def test_its_driver_whom_the_csms_refuses():
    rig = reserved()
    rig.wire.tags["GOOD"] = IdTagInfo("Blocked")
    assert rig.tag("GOOD") == [("Authorize", "GOOD")]
    assert statuses(rig) == ["Reserved"]


def test_its_driver_gives_up_or_does_not_plug_in():
    rig = reserved()
    rig.tag("GOOD")
    assert rig.tag("GOOD") == [("Status", 1, "Reserved")]
    rig.tag("GOOD")
    assert ("Status", 1, "Reserved") in rig.step(61000)
    assert left(rig) == [7]
    rig.charge("GOOD")
    assert rig.wire.reserved == [("GOOD", 7)]


def test_a_car_that_charges_is_never_reserved():
    """Between the permission and the first current it is Preparing, as any other."""
    rig = reserved()
    rig.supply.plug(asking=False)
    rig.step(20)
    rig.tag("GOOD")
    seen = {rig.station.connectors[0].status_name}
    for _ in range(300):
        rig.step(20)
        seen.add(rig.station.connectors[0].status_name)
    assert seen == {"Preparing", "SuspendedEV"}


def test_others_use_another_connector():
    rig = reserved(2)
    assert rig.tag("OTHER") == [("Authorize", "OTHER"), ("Status", 2, "Preparing")]
    rig.supplies[1].plug()
    rig.step(20)
    assert rig.wire.reserved == [("OTHER", None)]
    assert statuses(rig)[0] == "Reserved"
    rig.tag("GOOD")
    rig.supplies[0].plug()
    rig.step(20)
    assert rig.wire.reserved[1:] == [("GOOD", 7)]


def test_a_strangers_car_at_the_reserved_connector_is_not_charged():
    rig = reserved(2)
    rig.supply.plug(asking=True)
    rig.step(1000)
    rig.tag("OTHER")
    rig.step(1000)
    assert statuses(rig) == ["Reserved", "Preparing"]
    assert rig.wire.reserved == []


def test_its_driver_gets_the_reserved_connector_whatever_waits_at_the_other():
    rig = reserved(2)
    rig.supplies[1].plug(asking=True)
    rig.step(1000)
    rig.tag("GOOD")
    rig.step(1000)
    assert statuses(rig) == ["Preparing", "Preparing"]
    assert rig.wire.reserved == []  # and does not pay for the car that waits there
    rig.supply.plug()
    rig.step(20)
    assert rig.wire.reserved == [("GOOD", 7)]


def test_its_driver_may_charge_elsewhere_too():
    rig = reserved(2)
    rig.wire.tags["GOOD"] = IdTagInfo("Accepted")
    assert remote(rig, "GOOD", 2) == "Accepted"
    rig.supplies[1].plug()
    rig.step(100)
    assert rig.wire.reserved == [("GOOD", None)]
    assert left(rig) == [7]


def test_a_transaction_of_the_same_parent_can_still_be_stopped():
    rig = reserved(2)
    rig.supplies[1].plug(asking=True)
    rig.step(20)
    assert remote(rig, "MATE", 2) == "Accepted"
    rig.step(100)
    assert statuses(rig) == ["Reserved", "Charging"]
    rig.wire.tags["MATE2"] = IdTagInfo("Accepted", None, "FLEET")
    said = rig.tag("MATE2")
    assert ("Stop", 2, "Local", "MATE2", 1000) in said


# --- the same parent ----------------------------------------------------------------------------------------


def test_the_same_parent_after_asking():  # case 053_1
    rig = reserved(parent="FLEET")
    assert rig.tag("MATE") == [("Authorize", "MATE"), ("Status", 1, "Preparing")]
    rig.supply.plug()
    rig.step(20)
    assert rig.wire.reserved == [("MATE", 7)]


def test_another_parent_after_asking():
    rig = reserved(parent="FLEET")
    rig.wire.tags["OTHER"] = IdTagInfo("Accepted", None, "RIVALS")
    assert rig.tag("OTHER") == [("Authorize", "OTHER")]
    rig.wire.tags["OTHER"] = IdTagInfo("Accepted")
    assert rig.tag("OTHER") == [("Authorize", "OTHER")]
    assert statuses(rig) == ["Reserved"]


def test_who_turns_out_to_be_a_stranger_gets_another_connector():
    rig = reserved(2, parent="FLEET")
    assert rig.tag("OTHER") == [("Authorize", "OTHER"), ("Status", 2, "Preparing")]


class Known:
    """A cache that knows one tag."""

    def __init__(self, parent):
        self._info = IdTagInfo("Accepted", None, parent)

    def lookup(self, tag):
        return self._info if tag == "MATE" else None

    def put(self, tag, info, now_utc_ms):
        return None


def test_the_parent_is_in_the_cache():
    for online in (True, False):
        rig = reserved(parent="FLEET", LocalPreAuthorize="true", LocalAuthorizeOffline="true")
        rig.station.cache = Known("FLEET")
        rig.wire.online = online
        assert rig.tag("MATE") == [("Status", 1, "Preparing")]
        rig.supply.plug()
        rig.step(20)
        assert rig.wire.reserved == [("MATE", 7)]
        rig = reserved(parent="FLEET", LocalPreAuthorize="true", LocalAuthorizeOffline="true")
        rig.station.cache = Known("RIVALS")
        rig.wire.online = online
        assert rig.tag("MATE") == []
        assert statuses(rig) == ["Reserved"]


def test_offline_a_parent_that_nobody_knows_opens_nothing():
    rig = reserved(parent="FLEET", AllowOfflineTxForUnknownId="true")
    rig.wire.online = False
    assert rig.tag("MATE") == []
    assert statuses(rig) == ["Reserved"]
    assert rig.tag("GOOD") == [("Status", 1, "Preparing")]


# --- from the CSMS ------------------------------------------------------------------------------------------


def test_remote_start_by_its_driver():  # case 046_2: Preparing is told before Authorize
    rig = reserved(AuthorizeRemoteTxRequests="true")
    rig.supply.plug(asking=True)
    rig.step(1000)
    assert rig.wire.take() == []
    assert remote(rig, "GOOD") == "Accepted"
    said = rig.wire.take()
    assert said == [("Status", 1, "Preparing")]
    assert rig.step(20) + rig.step(20) == []  # what a driver waits for would overtake that
    said = rig.step(80) + rig.step(20)
    assert said[:2] == [("Authorize", "GOOD"), ("Start", 1, "GOOD", 1000)]
    assert rig.wire.reserved == [("GOOD", 7)]


def test_remote_start_without_asking():
    rig = reserved(AuthorizeRemoteTxRequests="false")
    assert remote(rig, "GOOD") == "Accepted"
    assert rig.step(20) == [("Status", 1, "Preparing")]
    rig.supply.plug()
    assert rig.step(20)[0] == ("Start", 1, "GOOD", 1000)
    assert rig.wire.reserved == [("GOOD", 7)]


def test_remote_start_of_a_stranger():
    for asks in ("true", "false"):
        rig = reserved(AuthorizeRemoteTxRequests=asks)
        assert remote(rig, "OTHER") == "Rejected"
        assert remote(rig, "OTHER", None) == "Rejected"
        rig = reserved(2, AuthorizeRemoteTxRequests=asks)
        assert remote(rig, "OTHER", None) == "Accepted"
        rig.step(40)
        assert statuses(rig) == ["Reserved", "Preparing"]


def test_remote_start_that_names_no_connector_takes_what_is_reserved():
    rig = reserved(2, connector=2, AuthorizeRemoteTxRequests="false")
    rig.supplies[0].plug()
    rig.step(100)
    assert remote(rig, "GOOD", None) == "Accepted"
    rig.supplies[1].plug()
    rig.step(100)
    assert rig.wire.reserved == [("GOOD", 7)]


def test_remote_start_of_the_same_parent():  # case 053_2: asked for even where remote starts are not
    for asks in ("true", "false"):
        rig = reserved(parent="FLEET", AuthorizeRemoteTxRequests=asks)
        rig.supply.plug()
        rig.step(20)
        assert remote(rig, "MATE") == "Accepted"
        said = rig.wire.take() + rig.step(20) + rig.step(100)
        assert said[:2] == [("Status", 1, "Preparing"), ("Authorize", "MATE")]
        assert rig.wire.reserved == [("MATE", 7)]


def test_remote_start_of_who_turns_out_to_be_a_stranger():
    for asks in ("true", "false"):
        rig = reserved(parent="FLEET", AuthorizeRemoteTxRequests=asks)
        assert remote(rig, "OTHER") == "Accepted"
        rig.step(100)
        rig.step(100)
        assert statuses(rig) == ["Reserved"]
        assert left(rig) == [7]
        assert not rig.station.connectors[0].remote_pending


def test_an_answer_that_comes_when_it_is_reserved_for_somebody_else():
    rig = Rig(reservations=MemoryRecord())
    rig.wire.waiting = []
    rig.step(20)
    rig.tag("OTHER")
    reserve(rig, 1)
    rig.wire.waiting.pop()()
    rig.step(100)
    assert statuses(rig) == ["Reserved"]


# --- any connector ------------------------------------------------------------------------------------------


def test_any_connector_of_one():  # case 049
    rig = Rig(reservations=MemoryRecord())
    rig.step(20)
    rig.wire.take()
    reserve(rig, 0)
    assert rig.step(20) == [("Status", 1, "Reserved")]
    assert rig.tag("OTHER") == []
    rig.charge("GOOD")
    assert rig.wire.reserved == [("GOOD", 7)]
    assert left(rig) == []


def test_any_connector_where_the_station_does_not_offer_it():
    rig = Rig(reservations=MemoryRecord(), ReserveConnectorZeroSupported="false")
    rig.step(20)
    assert rig.station.reserve(Reservation(1, 0, "GOOD", None, NOON + HOUR)) == "Rejected"
    assert rig.station.reserve(Reservation(1, 1, "GOOD", None, NOON + HOUR)) == "Accepted"


def test_any_connector_statuses():  # case 050
    rig = Rig(connectors=3, reservations=MemoryRecord())

    def answer(*states):
        for supply, state in zip(rig.supplies, states):
            supply.unplug()
            supply.faults = ("GroundFailure",) if state == "faulted" else ()
            rig.station.change_availability(supply.number, state != "unavailable")
            rig.step(100)
            if state == "occupied":
                supply.plug()
        rig.step(100)
        status = rig.station.reserve(Reservation(1, 0, "GOOD", None, NOON + HOUR))
        rig.station.reservations.cancel(1)
        return status

    f, o, u = "faulted", "occupied", "unavailable"
    assert answer(f, f, f) == "Faulted"
    assert answer(o, o, o) == "Occupied"
    assert answer(u, u, u) == "Unavailable"
    assert answer(f, u, o) == "Occupied"
    assert answer(f, u, u) == "Faulted"
    assert answer(o, u, u) == "Occupied"
    assert answer(o, f, "free") == "Accepted"
    rig.station.change_availability(0, False)
    rig.step(100)
    assert rig.station.reserve(Reservation(1, 0, "GOOD", None, NOON + HOUR)) == "Unavailable"


def any_of(connectors, **keys):
    return reserved(connectors, connector=0, **keys)


def test_the_last_free_connector_is_kept():
    rig = any_of(2)
    assert statuses(rig) == ["Available", "Available"]
    rig.charge("OTHER")
    rig.step(20)
    assert statuses(rig) == ["Charging", "Reserved"]
    rig.wire.tags["THIRD"] = IdTagInfo("Accepted")
    assert rig.tag("THIRD") == []
    assert remote(rig, "THIRD", None) == "Rejected"
    assert remote(rig, "THIRD", 2) == "Rejected"
    assert rig.station.reserve(Reservation(9, 2, "THIRD", None, NOON + HOUR)) == "Occupied"
    assert rig.station.reserve(Reservation(9, 0, "THIRD", None, NOON + HOUR)) == "Occupied"
    rig.tag("OTHER")
    rig.supply.unplug()
    rig.step(20)
    rig.step(20)
    assert statuses(rig) == ["Available", "Available"]
    rig.charge("GOOD", 2)
    assert rig.wire.reserved[-1] == ("GOOD", 7)
    assert statuses(rig) == ["Available", "Charging"]


def test_two_strangers_at_once_do_not_take_both():
    for asks in ("true", "false"):
        rig = any_of(2, AuthorizeRemoteTxRequests=asks)
        rig.wire.tags["THIRD"] = IdTagInfo("Accepted")
        rig.wire.waiting = []
        begins = []
        for number, tag in ((1, "OTHER"), (2, "THIRD")):
            _, begin = rig.station.admission.remote_start(tag, number, rig.now)
            begins.append(begin)
        for begin in begins:
            begin()
        for answer in rig.wire.waiting:
            answer()
        assert sum([connector.grant is not None for connector in rig.station.connectors]) == 1


def test_who_plugs_in_at_the_connector_that_is_kept_is_refused_and_the_other_is_not():
    rig = any_of(2)
    rig.supplies[0].plug(asking=True)
    rig.step(1000)
    assert statuses(rig) == ["Preparing", "Reserved"]
    rig.supplies[1].plug(asking=True)
    rig.step(1000)
    assert statuses(rig) == ["Preparing", "Reserved"]
    rig.tag("OTHER")
    rig.step(100)
    assert statuses(rig) == ["Charging", "Reserved"]
    # Its driver is who plugged in last, and not who came to the connector before.
    rig.tag("GOOD")
    rig.step(100)
    assert rig.wire.reserved == [("OTHER", None), ("GOOD", 7)]


def test_the_driver_of_any_connector_is_who_plugged_in_last():
    rig = any_of(2)
    rig.supplies[0].plug(asking=True)
    rig.step(1000)
    rig.supplies[1].plug(asking=True)
    rig.step(1000)
    rig.tag("GOOD")
    rig.step(100)
    assert statuses(rig) == ["Preparing", "Charging"]
    rig = any_of(2)
    rig.supplies[0].plug(asking=True)
    rig.step(1000)
    rig.supplies[1].plug(asking=True)
    rig.step(1000)
    rig.supplies[0].unplug()
    rig.step(1000)
    rig.supplies[0].plug(asking=True)
    rig.step(1000)
    rig.tag("GOOD")
    rig.step(100)
    assert statuses(rig)[0] == "Charging"


def test_the_driver_of_any_connector_may_follow_the_cable():
    rig = any_of(2)
    rig.tag("GOOD")
    assert statuses(rig) == ["Preparing", "Available"]  # the place is taken, nothing is kept any more
    rig.supplies[1].plug()
    rig.step(100)
    assert rig.wire.reserved == [("GOOD", 7)]
    assert rig.station.connectors[1].transaction is not None


def test_a_faulted_connector_passes_it_on():
    rig = any_of(2)
    rig.charge("OTHER")
    rig.step(20)
    rig.supplies[1].faults = ("GroundFailure",)
    rig.step(100)
    rig.step(100)
    assert left(rig) == [7]  # the first may become free
    rig.tag("OTHER")
    rig.supply.unplug()
    rig.step(20)
    rig.step(20)
    assert statuses(rig) == ["Reserved", "Faulted"]
    rig.supply.faults = ("GroundFailure",)
    rig.step(20)
    rig.step(20)
    assert left(rig) == []


def test_two_reservations_of_any_connector():
    rig = any_of(3)
    reserve(rig, 0, "MATE", number=8)
    rig.step(20)
    assert statuses(rig) == ["Available"] * 3
    rig.charge("OTHER")
    rig.step(20)
    assert statuses(rig) == ["Charging", "Reserved", "Reserved"]
    rig.tag("GOOD")
    rig.step(20)
    assert statuses(rig) == ["Charging", "Preparing", "Reserved"]
    # Whose place is taken already has no right to the other one.
    assert remote(rig, "GOOD", 3) == "Rejected"
    assert remote(rig, "MATE", 3) == "Accepted"


def test_reserved_both_ways():
    rig = any_of(2)
    reserve(rig, 1, "MATE", number=8)
    rig.step(20)
    assert statuses(rig) == ["Reserved", "Reserved"]
    assert rig.tag("OTHER") == []
    rig.tag("MATE")
    rig.step(20)
    assert statuses(rig) == ["Preparing", "Reserved"]
    assert rig.station.reserve(Reservation(9, 2, "OTHER", None, NOON + HOUR)) == "Occupied"
