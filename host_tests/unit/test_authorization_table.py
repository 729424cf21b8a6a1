# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The decision tables of docs/authorization.md: each combination has one row, and the firmware does so."""

from hal.reading import Reading
from host_tests.unit.decision_tables import ANY, combinations, table
from host_tests.unit.rig import Rig
from station.authorization import IdTagInfo, decide
from station.clock import Clock

NOW = 1790000000000  # the time of the rig
STATES = ("Blocked", "Expired", "Invalid", "ConcurrentTx")
# entry of the page -> what the CSMS said, and the time now
ENTRIES = (
    [("none", None, NOW), ("none", None, None)]
    + [("valid", IdTagInfo("Accepted", None, "P"), now) for now in (NOW, None)]
    + [
        ("valid", IdTagInfo("Accepted", NOW + 3600000, "P"), NOW),
        ("dated", IdTagInfo("Accepted", NOW, "P"), None),
    ]
    + [("over", IdTagInfo("Accepted", NOW, "P"), NOW)]
    + [("barred", IdTagInfo(state, None, "P"), now) for state in STATES for now in (NOW, None)]
    + [("barred", IdTagInfo("Blocked", NOW + 3600000, "P"), NOW)]
)
BOTH = (False, True)
KNOWN = table("1.")
DECISIONS = table("2.")
KEYS = ("LocalPreAuthorize", "LocalAuthorizeOffline", "AllowOfflineTxForUnknownId")


class Keys:
    def __init__(self, *values):
        names = ("LocalAuthListEnabled", "AuthorizationCacheEnabled") + KEYS
        self.values = dict(zip(names, values))

    def value(self, key):
        return self.values[key]


def decided(link, entry, keys):
    names = KEYS
    return DECISIONS.row_for(link=link, entry=entry, **{name: keys.value(name) for name in names})


def status_of(row, info):
    return None if not row["status"] else info.status if row["status"] == "its own" else row["status"]


# --- the decision ---


def test_the_columns_are_the_keys():
    assert [KNOWN.columns[0], KNOWN.columns[2]] == ["LocalAuthListEnabled", "AuthorizationCacheEnabled"]
    assert DECISIONS.columns[2:5] == KEYS


def test_every_combination():
    """What does not count, because it is the second or switched off, says the opposite."""
    opposite = IdTagInfo("Accepted"), IdTagInfo("Blocked")
    tried = 0
    for values in combinations(BOTH, BOTH, BOTH, BOTH, BOTH):
        keys = Keys(*values)
        for in_list, in_cache in combinations(("no", "yes"), ("no", "yes")):
            counts = KNOWN.row_for(
                LocalAuthListEnabled=values[0],
                AuthorizationCacheEnabled=values[1],
                **{"in the list": in_list, "in the cache": in_cache},
            )["what counts"]
            for name, info, now in ENTRIES:
                if (info is None) != (counts == "none"):
                    continue
                other = opposite[name in ("valid", "dated")]
                listed = (info if counts == "list" else other) if in_list == "yes" else None
                cached = (info if counts == "cache" else other) if in_cache == "yes" else None
                for link in ("online", "offline"):
                    decision = decide("TAG", link == "online", keys, listed, cached, now)
                    row = decided(link, name, keys)
                    case = (values, in_list, in_cache, name, link)
                    assert decision.outcome == row["decision"], case
                    assert decision.status == status_of(row, info), case
                    assert (decision.accepted, decision.ask) == (
                        row["decision"] == "accepted",
                        row["decision"] == "ask",
                    )
                    assert decision.parent == (None if info is None else "P"), case
                    assert decision.why
                    tried += 1
    assert tried == (7 * 14 + 9 * 2) * 2 * 8  # something known in 7 of the 16 combinations of table 1


# --- a charge point ---


class Known:
    """A list, or a cache, with one tag at most."""

    version = 1

    def __init__(self, info=None):
        self.info = info
        self.written = []

    def lookup(self, tag):
        return self.info

    def put(self, tag, info, now_utc_ms):
        self.written.append((tag, info.status))


def station(source, info, now, **keys):
    """A rig with a car plugged in, and a tag TAG of which `info` is known: in the "list" or the "cache"."""
    clock = Clock(1, 0)
    if now is not None:
        clock.set_utc_ms(now)
    keys = {
        name: value if isinstance(value, str) else "true" if value else "false"
        for name, value in keys.items()
    }
    rig = Rig(profiles=("Core", "LocalAuthListManagement"), clock=clock, **keys)
    rig.station.cache = Known(info if source == "cache" else None)
    rig.station.local_list = Known(info if source == "list" else None)
    rig.supply.plug(asking=True)
    rig.step(100)
    rig.wire.take()
    return rig


def samples():
    """Of each row of table 2 both ends of what it leaves open: (row, keys, source, info, now)."""
    for row in DECISIONS.rows:
        row = dict(zip(DECISIONS.columns, row))
        entries = [one for one in ENTRIES if one[0] == row["entry"]]
        for left_open in ("false", "true"):
            keys = {name: left_open if row[name] == ANY else row[name] for name in KEYS}
            for turn, source in enumerate(("list", "cache")):
                _, info, now = entries[(turn + (left_open == "true") * 2) % len(entries)]
                yield row, keys, source, info, now


def begun(rig):
    transaction = rig.station.connectors[0].transaction
    return transaction is not None and transaction.id_tag == "TAG"


def asked(said):
    return [entry for entry in said if entry[0] == "Authorize"]


def swipe(rig):
    rig.station.tag("TAG", None, rig.now)


def remote_start(rig):
    status, begin = rig.station.admission.remote_start("TAG", 1, rig.now)
    assert status == "Accepted"
    begin()


def test_at_the_reader_and_from_the_csms():
    for row, keys, source, info, now in samples():
        ways = [swipe]
        if row["link"] == "online":
            keys["AuthorizeRemoteTxRequests"] = "true"
            ways.append(remote_start)
        for way in ways:
            rig = station(source, info, now, **keys)
            rig.wire.online = row["link"] == "online"
            rig.wire.waiting = []
            way(rig)
            said = rig.step(300)
            case = (row, source, way)
            assert asked(said) == ([("Authorize", "TAG")] if row["decision"] == "ask" else []), case
            assert begun(rig) == (row["decision"] == "accepted"), case
            outcome, why = rig.station.admission.last[1:] if rig.station.admission.last else (None, None)
            assert outcome == (None if row["decision"] == "ask" else row["decision"]), case
            assert why != ""


def test_the_answer_of_the_csms_decides():
    for row, keys, source, info, now in samples():
        if row["decision"] != "ask":
            continue
        for status in ("Accepted", "Blocked"):
            rig = station(source, info, now, **keys)
            rig.wire.tags["TAG"] = IdTagInfo(status)
            swipe(rig)
            rig.step(300)
            assert begun(rig) == (status == "Accepted"), (row, source)
            assert rig.station.admission.last == (
                "TAG",
                "accepted" if status == "Accepted" else "refused",
                "CSMS: " + status,
            )


def test_without_an_answer_the_row_for_offline_decides():
    for row, keys, source, info, now in samples():
        if row["decision"] != "ask":
            continue
        offline = DECISIONS.row_for(link="offline", entry=row["entry"], **{name: keys[name] for name in KEYS})
        rig = station(source, info, now, **keys)
        rig.wire.tags["TAG"] = None
        swipe(rig)
        rig.step(300)
        assert begun(rig) == (offline["decision"] == "accepted"), (row, source)
        assert rig.station.admission.last[1] == offline["decision"]


# --- when it is asked ---


def running(rig):
    rig.tag("tAG")
    rig.step(300)
    assert rig.station.connectors[0].transaction.id_tag == "tAG"  # as the reader gave it


def awaited(rig):
    rig.supply.unplug()
    rig.step(1000)
    rig.tag("tAG")
    assert rig.station.connectors[0].grant.tag == "tAG"


COMES = {  # what there is before, and what comes then
    "the tag of a running transaction": (running, swipe),
    "the tag of a driver who is awaited": (awaited, swipe),
    "another tag": (None, swipe),
    "RemoteStartTransaction": (None, remote_start),
}


def test_when_the_table_is_asked():
    when = table("3.")
    assert when.columns[1] == "AuthorizeRemoteTxRequests"
    for what, key, then in when.rows:
        before, comes = COMES[what]
        for asks in ("false", "true") if key == ANY else (key,):
            rig = station("none", None, NOW, AuthorizeRemoteTxRequests=asks)
            rig.wire.tags = {"TAG": IdTagInfo("Accepted"), "tAG": IdTagInfo("Accepted")}
            if before is not None:
                before(rig)
                rig.wire.take()
            comes(rig)
            said = rig.step(300)
            connector = rig.station.connectors[0]
            assert len(asked(said)) == (then == "table"), (what, asks)
            if then == "stops":
                assert ("Stop", 1, "Local", "TAG", 1000) in said
            elif then == "withdraws":
                assert (connector.grant, connector.transaction) == (None, None)
            else:
                assert then in ("table", "begins")
                assert begun(rig)


# --- refused when it has begun ---


def test_refused_when_it_has_begun():
    for stops, allowance, since, then in table("4.").rows:
        rig = Rig(StopTransactionOnInvalidId=stops, MaxEnergyOnInvalidId=allowance)
        connector = rig.charge()
        connector.metered(Reading(1200, 0, (0, 0, 0), (230000,) * 3))  # before the answer comes
        connector.start_confirmed(connector.transaction.number, 7, IdTagInfo("Blocked"))
        rig.energy_wh[0] = 1200 + int(since)
        connector.metered(Reading(rig.energy_wh[0], 0, (0, 0, 0), (230000,) * 3))
        said = rig.step(20)
        case = (stops, allowance, since)
        assert [entry[2] for entry in said if entry[0] == "Stop"] == (
            ["DeAuthorized"] if then == "DeAuthorized" else []
        ), case
        assert (connector.transaction is None) == (then == "DeAuthorized"), case
        assert rig.supply.permitted == (then == "goes on"), case
        assert ("SuspendedEVSE" in rig.statuses(said)) == (then == "SuspendedEVSE"), case


# --- what is remembered ---


def test_what_is_remembered():
    infos = {"no": None, "valid": IdTagInfo("Accepted"), "barred": IdTagInfo("Blocked")}
    for says, listed, enabled, cache, conflict in table("5.").rows:
        for value in ("false", "true") if enabled == ANY else (enabled,):
            rig = station("list", infos[listed], NOW, AuthorizationCacheEnabled=value)
            rig.station.learned("TAG", IdTagInfo(says.split(" ")[-1]))
            case = (says, listed, value)
            assert bool(rig.station.cache.written) == (cache == "written"), case
            told = [entry for entry in rig.wire.take() if entry[:2] == ("Status", 0)]
            assert bool(told) == (conflict == "told"), case
            if told:
                assert rig.wire.last_report[1] == "LocalListConflict"
    # A list that is not enabled is as if it were not there.
    rig = station("list", infos["valid"], NOW, AuthorizationCacheEnabled="true", LocalAuthListEnabled="false")
    rig.station.learned("TAG", IdTagInfo("Blocked"))
    assert rig.station.cache.written == [("TAG", "Blocked")]
    assert rig.wire.take() == []
