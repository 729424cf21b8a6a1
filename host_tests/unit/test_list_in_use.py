# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The local list where it counts: at the reader, before the cache, and when the CSMS contradicts it."""

from host_tests.unit.local_lists import Keys, full
from host_tests.unit.rig import Rig
from host_tests.unit.scratch import Scratch
from station.authorization import IdTagInfo, conflicts
from station.configuration import Configuration
from station.description import Description
from station.local_list import LocalList

NOW = 1790000000000
OLD = ("Accepted", NOW - 1, None)
CONFLICT = "LocalListConflict"


class Cache:
    """What the station put into it."""

    def __init__(self):
        self.entries = {}

    def lookup(self, tag):
        return self.entries.get(tag)

    def put(self, tag, info, now_utc_ms):
        self.entries[tag] = info


class Listed(Rig):
    """A station with this list; `reports`: what is told of connector 0."""

    def __init__(self, path, entries, **keys):
        super().__init__()
        description = Description({"name": "rig", "profiles": ["Core", "LocalAuthListManagement"]})
        self.config = Configuration(
            description, self.availability_record, keys, ("Core", "LocalAuthListManagement")
        )
        self.station.config = self.config
        self.station.cache = self.cache = Cache()
        self.list = self.station.local_list = LocalList(path, Keys())
        full(self.list, 1, entries)
        self.reports = []
        tell = self.wire.status

        def status(number, report, stamp):
            if number == 0:
                self.reports.append(report)
            tell(number, report, stamp)

        self.wire.status = status
        self.step(100)
        self.take_reports()

    def take_reports(self):
        reports, self.reports = self.reports, []
        return reports

    def swipe(self, tag):
        """Whether it began, and whether the CSMS was asked."""
        self.supply.plug(asking=True)
        self.step()
        said = self.tag(tag) + self.step(100)
        began = self.station.connectors[0].transaction is not None
        if began:
            self.tag(tag)
        self.supply.unplug()
        self.step(1000)
        return began, ("Authorize", tag) in said


def test_who_is_listed_begins_without_a_question():  # TC_008
    with Scratch() as path:
        rig = Listed(path, [("good", ("Accepted", NOW + 9999999, None))], LocalPreAuthorize="true")
        assert rig.swipe("GOOD") == (True, False)
        assert rig.swipe("OTHER") == (True, True)


def test_online_all_others_are_asked_about():
    entries = [("good", OLD), ("OTHER", ("Blocked", None, None))]
    with Scratch() as path:
        rig = Listed(path, entries, LocalPreAuthorize="true")
        assert rig.swipe("GOOD") == (True, True)
        assert rig.swipe("OTHER") == (True, True)
        assert rig.config.change("LocalPreAuthorize", "false") == "Accepted"
        full(rig.list, 2, [("good", ("Accepted", None, None))])
        assert rig.swipe("GOOD") == (True, True)


def test_offline_the_list_says_who_charges():
    entries = [("A", ("Accepted", None, None)), ("B", ("Blocked", None, None)), ("C", OLD)]
    with Scratch() as path:
        rig = Listed(path, entries, AllowOfflineTxForUnknownId="true")
        rig.wire.online = False
        assert rig.swipe("A") == (True, False)
        assert rig.swipe("UNKNOWN") == (True, False)
        assert rig.swipe("B") == (False, False)
        assert rig.swipe("C") == (False, False)
        # Not so once it is off.
        assert rig.config.change("LocalAuthListEnabled", "false") == "Accepted"
        assert rig.swipe("B") == (True, False)


def test_the_list_counts_before_the_cache():
    with Scratch() as path:
        rig = Listed(path, [("A", ("Accepted", None, None)), ("B", ("Invalid", None, None))])
        rig.cache.entries = {
            "A": IdTagInfo("Blocked"),
            "B": IdTagInfo("Accepted"),
            "C": IdTagInfo("Accepted"),
        }
        rig.wire.online = False
        assert [rig.swipe(tag)[0] for tag in ("A", "B", "C", "D")] == [True, False, True, False]


def test_the_parent_of_an_entry_counts():
    with Scratch() as path:
        entries = [("A", ("Accepted", None, "FLEET")), ("B", ("Accepted", None, "fleet"))]
        rig = Listed(path, entries, LocalPreAuthorize="true")
        rig.supply.plug(asking=True)
        rig.step()
        rig.tag("A")
        rig.step(100)
        assert rig.station.connectors[0].transaction.parent == "FLEET"
        assert ("Stop", 1, "Local", "B", 1000) in rig.tag("B") + rig.step(100)


def test_what_is_listed_is_never_cached():
    with Scratch() as path:
        rig = Listed(path, [("GOOD", ("Accepted", None, None))])
        rig.swipe("good")
        rig.station.learned("Good", IdTagInfo("Blocked"))
        assert rig.cache.entries == {}
        rig.station.learned("OTHER", IdTagInfo("Accepted"))
        assert list(rig.cache.entries) == ["OTHER"]
        assert rig.config.change("LocalAuthListEnabled", "false") == "Accepted"
        rig.station.learned("GOOD", IdTagInfo("Accepted"))
        assert sorted(rig.cache.entries) == ["GOOD", "OTHER"]


def test_a_conflict():
    """Section 3.5.2: of the validity; ConcurrentTx, that it charges elsewhere, is said of a valid tag."""
    valid, blocked = IdTagInfo("Accepted"), IdTagInfo("Blocked")
    elsewhere = IdTagInfo("ConcurrentTx")
    for one in (valid, elsewhere):
        for other in (blocked, IdTagInfo("Invalid"), IdTagInfo("Expired")):
            assert conflicts(one, other, NOW) and conflicts(other, one, NOW)
            assert not conflicts(blocked, other, NOW) and not conflicts(other, blocked, NOW)
        for other in (valid, elsewhere):
            assert not conflicts(one, other, NOW)
        expires = IdTagInfo(one.status, NOW)
        assert not conflicts(expires, IdTagInfo("Expired"), NOW)
        assert conflicts(expires, valid, NOW)
        assert conflicts(expires, IdTagInfo("Expired"), NOW - 1)
        assert not conflicts(expires, valid, None)


def test_a_conflict_is_told_once_for_connector_0():
    with Scratch() as path:
        rig = Listed(path, [("BAD", ("Accepted", None, None))], MinimumStatusDuration="60")
        assert rig.swipe("bad") == (False, True)
        conflict = ("Available", CONFLICT, "bad: the CSMS says Invalid", None)
        assert rig.take_reports() == [conflict]
        assert rig.swipe("BAD") == (False, True)
        rig.station.learned("BAD", IdTagInfo("Blocked"))
        rig.step(120000)
        assert rig.take_reports() == []
        # With another list it is another matter.
        full(rig.list, 2, [("BAD", ("Accepted", None, None))])
        rig.station.learned("BAD", IdTagInfo("Blocked"))
        assert rig.take_reports() == [("Available", CONFLICT, "BAD: the CSMS says Blocked", None)]
        full(rig.list, 3, [("BAD", ("Invalid", None, None))])
        rig.station.learned("BAD", IdTagInfo("Blocked"))
        rig.station.learned("UNKNOWN", IdTagInfo("Blocked"))
        assert rig.take_reports() == []


def test_a_tag_that_only_the_csms_accepts_is_a_conflict_too():
    with Scratch() as path:
        entries = [("GOOD", ("Blocked", None, None)), ("OTHER", ("Accepted", None, None))]
        rig = Listed(path, entries)
        assert rig.swipe("GOOD") == (True, True)
        assert rig.take_reports() == [("Available", CONFLICT, "GOOD: the CSMS says Accepted", None)]
        rig.station.learned("OTHER", IdTagInfo("ConcurrentTx"))
        assert rig.take_reports() == []
        assert rig.cache.entries == {}


def test_a_conflict_does_not_touch_what_is_told_of_the_station():
    with Scratch() as path:
        rig = Listed(path, [("BAD", ("Accepted", None, None))], MinimumStatusDuration="10")
        rig.station.change_availability(0, False)
        rig.step(5000)
        rig.station.learned("BAD", IdTagInfo("Blocked"))
        assert rig.take_reports() == [("Unavailable", CONFLICT, "BAD: the CSMS says Blocked", None)]
        rig.step(6000)
        assert rig.take_reports() == [("Unavailable", "NoError", None, None)]
        assert rig.station.report_now(0)[0] == ("Unavailable", "NoError", None, None)
        rig.step(20000)
        assert rig.take_reports() == []


def test_a_fault_of_the_station_is_not_hidden_by_a_conflict():
    with Scratch() as path:
        rig = Listed(path, [("BAD", ("Accepted", None, None))])
        rig.station.step(rig.now, ("OverTemperature",))
        told = rig.take_reports()
        assert len(told) == 1 and told[0][1] != "NoError"
        rig.station.learned("BAD", IdTagInfo("Blocked"))
        conflict, again = rig.take_reports()
        assert conflict[:2] == (told[0][0], CONFLICT)
        assert again == told[0]


def test_a_conflict_is_told_once_per_connection():
    """It may have been lost with the last one."""
    with Scratch() as path:
        rig = Listed(path, [("BAD", ("Accepted", None, None))])
        for _ in range(2):
            rig.station.learned("BAD", IdTagInfo("Blocked"))
            assert len(rig.take_reports()) == 1
            rig.station.learned("BAD", IdTagInfo("Blocked"))
            assert rig.take_reports() == []
            rig.station.report_now(0)  # as a session asks when it begins


def test_offline_nothing_is_told_of_a_conflict():
    with Scratch() as path:
        rig = Listed(path, [("BAD", ("Accepted", None, None))])
        rig.wire.online = False
        rig.station.learned("BAD", IdTagInfo("Blocked"))
        assert rig.take_reports() == []
        rig.wire.online = True
        rig.station.learned("BAD", IdTagInfo("Blocked"))
        assert len(rig.take_reports()) == 1


def test_a_station_without_the_profile():
    rig = Rig()
    assert rig.station.local_list is None and rig.station.listed("GOOD") is None
    rig.charge()


def test_a_random_uid_is_asked_about_and_never_cached():
    with Scratch() as path:
        rig = Listed(path, [])
        rig.cache.entries = {}
        for number in range(20):
            rig.wire.tags["08ab%04X" % number] = IdTagInfo("Accepted")
            rig.supply.plug(asking=True)
            rig.step()
            rig.station.tag("08ab%04X" % number, None, rig.now, True)
            assert ("Authorize", "08ab%04X" % number) in rig.wire.take() + rig.step(100)
            assert rig.station.connectors[0].transaction is not None
            # Also what StartTransaction.conf says, and StopTransaction.conf.
            rig.station.learned("08AB%04X" % number, IdTagInfo("Blocked"))
            rig.supply.unplug()
            rig.step(1000)
        assert rig.cache.entries == {} and len(rig.station._passing) == 4
        # The same characters from elsewhere, such as a remote start, are nobody's UID.
        rig.station.learned("08123456", IdTagInfo("Accepted"))
        assert list(rig.cache.entries) == ["08123456"]
