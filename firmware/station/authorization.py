# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""May this tag charge? Decided from the local list, the cache and whether the CSMS can be asked (OCPP 1.6,
3.4 and 3.5).

The local list counts before the cache (3.5.3); each only while it is enabled. The tables, which the tests
read: docs/authorization.md.
"""

_TAG_CHARS = 20  # IdToken is a CiString20

ACCEPTED = "Accepted"
_VALID = (ACCEPTED, "ConcurrentTx")


class IdTagInfo:
    """What the CSMS said about a tag (7.27): AuthorizationStatus, expiry and parent (None: not said)."""

    __slots__ = ("status", "expiry_utc_ms", "parent")

    def __init__(self, status: str, expiry_utc_ms=None, parent=None):
        self.status = status
        self.expiry_utc_ms = expiry_utc_ms
        self.parent = parent

    def status_at(self, now_utc_ms) -> str:
        """The status now: an accepted tag past its expiry date is Expired, unless the time is unknown."""
        if self.status != ACCEPTED or self.expiry_utc_ms is None or now_utc_ms is None:
            return self.status
        return "Expired" if now_utc_ms >= self.expiry_utc_ms else ACCEPTED


class Decision:
    """`outcome`: "accepted", "ask" (send Authorize) or "refused". `status`: AuthorizationStatus, None while
    to be asked.
    `why`: short text for people. `parent`: parent tag when known, else None."""

    __slots__ = ("outcome", "status", "why", "parent")

    def __init__(self, outcome: str, status, why: str, parent=None):
        self.outcome = outcome
        self.status = status
        self.why = why
        self.parent = parent

    @property
    def accepted(self) -> bool:
        return self.outcome == "accepted"

    @property
    def ask(self) -> bool:
        return self.outcome == "ask"


def decide(tag: str, online: bool, config, list_entry, cache_entry, now_utc_ms) -> Decision:
    """What to do with a presented tag.

    `online`: the CSMS can be asked now. `config`: `station.configuration.Configuration` or anything with
    value(key). `list_entry`, `cache_entry`: IdTagInfo of the tag or None. `now_utc_ms`: None while the time
    is unknown; then an entry with an expiry date is not trusted online, and is trusted offline, where it is
    not apparently expired (3.5).
    """
    entry = None
    source = ""
    if list_entry is not None and config.value("LocalAuthListEnabled"):
        entry, source = list_entry, "local list"
    elif cache_entry is not None and config.value("AuthorizationCacheEnabled"):
        entry, source = cache_entry, "cache"
    status = None if entry is None else entry.status_at(now_utc_ms)
    parent = None if entry is None else entry.parent
    if online:
        if entry is None:
            return Decision("ask", None, "not known here")
        if not config.value("LocalPreAuthorize"):
            return Decision("ask", None, "LocalPreAuthorize is off", parent)
        if status != ACCEPTED:
            return Decision("ask", None, "%s in %s" % (status, source), parent)
        if entry.expiry_utc_ms is not None and now_utc_ms is None:
            return Decision("ask", None, "has an expiry date and the time is not known", parent)
        return Decision("accepted", ACCEPTED, "in " + source, parent)
    if entry is not None and status != ACCEPTED:
        return Decision("refused", status, "offline, %s in %s" % (status, source), parent)
    if entry is not None and config.value("LocalAuthorizeOffline"):
        return Decision("accepted", ACCEPTED, "offline, in " + source, parent)
    if config.value("AllowOfflineTxForUnknownId"):
        return Decision("accepted", ACCEPTED, "offline, unknown tags are allowed", parent)
    if entry is not None:
        return Decision("refused", "Invalid", "offline, LocalAuthorizeOffline is off", parent)
    return Decision("refused", "Invalid", "offline and not known here")


def conflicts(entry: IdTagInfo, info: IdTagInfo, now_utc_ms) -> bool:
    """Whether the tag is valid for the local list and not for the CSMS, or the other way round (3.5.2).
    `entry`, `info`: what each says. ConcurrentTx is said of a tag that is valid.
    """
    listed = entry.status
    if listed in _VALID:
        listed = IdTagInfo(ACCEPTED, entry.expiry_utc_ms).status_at(now_utc_ms)
    return (listed == ACCEPTED) != (info.status in _VALID)


def normalise(tag: str) -> str:
    """How tags are looked up: they are case-insensitive. ValueError: empty or over 20 characters."""
    if not 0 < len(tag) <= _TAG_CHARS:
        raise ValueError("a tag has 1 to 20 characters")
    return tag.upper()


def same_tag(one, other) -> bool:
    return one is not None and other is not None and one.upper() == other.upper()


def same_group(start_tag: str, start_parent, tag: str, parent) -> bool:
    """May `tag` stop what `start_tag` started: the same tag, or the same known parent (3.5.4)?"""
    return same_tag(start_tag, tag) or (bool(parent) and same_tag(start_parent, parent))
