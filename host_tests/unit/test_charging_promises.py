# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the lives of `make power-cut` expect of charging profiles: each answer, each cut, each transaction."""

from station.charging_profile import DEFAULT, TX, ChargingProfile, schedule
from tools.flash.board.charging import ChargingPromises, profile

DEF, OWN = "TxDefaultProfile", "TxProfile"


class Transaction:
    def __init__(self, number, connector=1, tag="A"):
        self.number = number
        self.connector = connector
        self.id_tag = tag


class Connector:
    transaction = None


class Station:
    """Of two connectors, with what it has installed in `all`."""

    def __init__(self):
        self.charging = self.profiles = self
        self.connectors = [Connector(), Connector()]
        self.all = []

    def running(self):
        return [one.transaction and one.transaction.number for one in self.connectors]


class Rig:
    def __init__(self, resumes=False):
        self.faults = []
        self.promises = ChargingPromises(self._fault, resumes)
        self.station = Station()
        self._calls = 0

    def _fault(self, kind, text):
        assert kind == "profile"
        self.faults.append(text)

    def asks(self, action, payload, status=""):
        """`status` "": the power fails before the answer."""
        self._calls += 1
        self.promises.asked(str(self._calls), action, payload, self.station.running())
        if status != "":
            self.promises.answered(str(self._calls), status)

    def sets(self, connector, given, status="Accepted"):
        self.asks("SetChargingProfile", {"connectorId": connector, "csChargingProfiles": given}, status)

    def has(self, *found):
        """What is installed now; True when that may be."""
        self.station.all = list(found)
        before = len(self.faults)
        self.promises.check(self.station)
        return len(self.faults) == before


def installed(number, connector=1, purpose=DEFAULT, level=1, limit=16, transaction=None):
    one = ChargingProfile(number, connector, purpose, level, 0, "A", schedule([(0, limit * 10, None)]))
    one.transaction = transaction
    return one


def rig_with_two(resumes=False):
    rig = Rig(resumes)
    rig.sets(1, profile(7, DEF, 1, 16))
    rig.sets(1, profile(8, DEF, 2, 10))
    assert rig.has(installed(7), installed(8, level=2, limit=10))
    return rig


def test_accepted_is_there_and_refused_is_not():
    rig = Rig()
    rig.sets(1, profile(7, DEF, 1, 16), "Rejected")
    assert not rig.has(installed(7))
    rig = Rig()
    rig.sets(1, profile(7, DEF, 1, 16), None)  # a CALLERROR
    assert rig.has()
    rig.sets(1, profile(7, DEF, 1, 16))
    assert not rig.has()
    rig = rig_with_two()
    assert not rig.has(installed(7))


def test_each_word_is_looked_at():
    for other in (
        installed(9),
        installed(7, connector=2),
        installed(7, purpose=TX),
        installed(7, level=3),
        installed(7, limit=17),
    ):
        rig = Rig()
        rig.sets(1, profile(7, DEF, 1, 16))
        assert not rig.has(other)
    for name, value in (
        ("kind", 1),
        ("unit", "W"),
        ("start_s", 5),
        ("duration_s", 5),
        ("from_s", 5),
        ("to_s", 5),
        ("least", 60),
    ):
        rig = Rig()
        rig.sets(1, profile(7, DEF, 1, 16))
        other = installed(7)
        setattr(other, name, value)
        assert not rig.has(other), name


def test_a_cut_leaves_the_old_or_the_new_and_then_it_is_known_which():
    old = [installed(7), installed(8, level=2, limit=10)]
    new = [installed(7, level=2, limit=12)]
    for found, other in ((old, new), (new, old)):
        rig = rig_with_two()
        rig.sets(1, profile(7, DEF, 2, 12), "")
        rig.promises.rebooted()
        assert rig.has(*found)
        assert not rig.has(*other)
    for wrong in ([], old[:1], old[1:], old[1:] + new, old[:1] + new):
        rig = rig_with_two()
        rig.sets(1, profile(7, DEF, 2, 12), "")
        rig.promises.rebooted()
        assert not rig.has(*wrong)


def test_one_replaces_the_one_with_its_number_and_the_one_in_its_place():
    rig = rig_with_two()
    rig.sets(1, profile(7, DEF, 2, 12))
    assert rig.has(installed(7, level=2, limit=12))
    assert not rig.has(installed(7), installed(8, level=2, limit=10))


def test_several_that_are_cleared_go_one_by_one():
    both = [installed(7), installed(8, level=2, limit=10)]
    for found in (both, both[:1], both[1:], []):
        rig = rig_with_two()
        rig.asks("ClearChargingProfile", {}, "")
        rig.promises.rebooted()
        assert rig.has(*found)
    for criteria, left in (({"id": 7}, 1), ({"stackLevel": 2}, 0), ({"connectorId": 2}, None), ({}, None)):
        rig = rig_with_two()
        rig.asks("ClearChargingProfile", criteria, "Accepted")
        assert not rig.has(*both) or criteria == {"connectorId": 2}
        assert left is None or not rig.has(both[1 - left])
    rig = rig_with_two()
    rig.asks("ClearChargingProfile", {"id": 9}, "Unknown")
    assert rig.has(*both)
    rig.asks("ClearChargingProfile", {"id": 7}, "Unknown")
    assert rig.faults


def test_a_tx_profile_lives_as_long_as_its_transaction():
    own = installed(7, purpose=TX, transaction=3)
    rig = Rig()
    rig.station.connectors[0].transaction = Transaction(3)
    rig.sets(1, profile(7, OWN, 1, 16))
    assert rig.has(own)
    rig.station.connectors[0].transaction = Transaction(4)
    assert not rig.has(own)
    assert rig.has()


def test_it_outlives_a_power_cut_where_its_transaction_does():
    for resumes in (False, True):
        own = installed(7, purpose=TX, transaction=3)
        rig = Rig(resumes)
        rig.station.connectors[0].transaction = Transaction(3)
        rig.sets(1, profile(7, OWN, 1, 16))
        rig.promises.rebooted()
        assert rig.has() is not resumes
        rig = Rig(resumes)
        rig.station.connectors[0].transaction = Transaction(3)
        rig.sets(1, profile(7, OWN, 1, 16))
        rig.promises.rebooted()
        assert rig.has(own) is resumes


def test_a_transaction_begins_with_the_profile_of_its_remote_start():
    given = profile(7, OWN, 1, 16)
    payload = {"idTag": "A", "connectorId": 1, "chargingProfile": given}
    own = installed(7, purpose=TX, transaction=3)
    for status, tag, expected in (("Accepted", "A", [own]), ("Rejected", "A", []), ("Accepted", "B", [])):
        rig = Rig()
        rig.asks("RemoteStartTransaction", payload, status)
        assert rig.has()
        rig.station.connectors[0].transaction = Transaction(3, tag=tag)
        rig.promises.started(rig.station.connectors[0].transaction)
        assert rig.has(*expected)
        assert not rig.has(*([] if expected else [own]))
    rig = Rig()
    rig.asks("RemoteStartTransaction", payload, "Accepted")
    rig.promises.rebooted()  # nobody knows of it any more
    rig.station.connectors[0].transaction = Transaction(3)
    rig.promises.started(rig.station.connectors[0].transaction)
    assert rig.has()


def test_a_damaged_file_may_cost_its_profile_and_no_other():
    both = [installed(7), installed(8, level=2, limit=10)]
    for found, right in ((both, True), (both[1:], True), (both[:1], False), ([], False)):
        rig = rig_with_two()
        rig.promises.damaged(7)
        assert rig.has(*found) is right


def test_a_copy_goes_its_own_way():
    rig = rig_with_two()
    other = Rig()
    other.promises = rig.promises.copy(other._fault)
    other.asks("ClearChargingProfile", {}, "Accepted")
    assert other.has()
    assert rig.has(installed(7), installed(8, level=2, limit=10))


def test_two_with_one_number_are_seen():
    rig = rig_with_two()
    assert not rig.has(installed(7), installed(7), installed(8, level=2, limit=10))


def test_long_ones_have_other_limits_and_the_fields_they_are_given():
    given = profile(7, DEF, 1, 16, 32, duration=5, validTo="2030-01-01T00:00:00Z")
    rows = given["chargingSchedule"]["chargingSchedulePeriod"]
    assert len(rows) == 32 and rows[0] == {"startPeriod": 0, "limit": 16}
    assert [row["startPeriod"] for row in rows] == list(range(0, 32 * 600, 600))
    assert [rows[at] for at in range(31) if rows[at]["limit"] == rows[at + 1]["limit"]] == []
    assert given["chargingSchedule"]["duration"] == 5 and "duration" not in given
    assert given["validTo"] == "2030-01-01T00:00:00Z"
