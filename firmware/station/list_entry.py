# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""An entry of the Local Authorization List as a record of `store.sorted_file`."""

from struct import pack, unpack

from station.authorization import IdTagInfo, normalise
from store import sorted_file
from store.sorted_file import BODY_BYTES, KEY_BYTES

_LAYOUT = "<20s20sqB"  # tag, parent, expiry in ms UTC, kind
_KIND_AT = BODY_BYTES - 1
# The kind: place from 1 in _STATUSES, 0: deleted; and what was given besides.
_STATUSES = ("Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx")
_STATUS_BITS = 15
_HAS_EXPIRY = 16
_HAS_PARENT = 32


def key(tag: str) -> bytes:
    """Where the entry of a tag stands. ValueError: a tag that cannot be kept."""
    return _filled(normalise(tag))


def packed(tag: str, info) -> bytes:
    """The record of an entry; `info`: IdTagInfo, None: the tag was deleted. ValueError: it cannot be kept."""
    if info is None:
        return sorted_file.sealed(pack(_LAYOUT, key(tag), b"", 0, 0))
    if info.status not in _STATUSES:
        raise ValueError("status %s" % info.status)
    kind = _STATUSES.index(info.status) + 1
    if info.expiry_utc_ms is not None:
        kind |= _HAS_EXPIRY
    if info.parent is not None:
        kind |= _HAS_PARENT
    parent = _filled(info.parent or "")
    return sorted_file.sealed(pack(_LAYOUT, key(tag), parent, info.expiry_utc_ms or 0, kind))


def is_listed(record: bytes) -> bool:
    """Whether it says something about its tag; else that the tag was deleted."""
    return record[_KIND_AT] & _STATUS_BITS != 0


def unpacked(record: bytes):
    """IdTagInfo of a record; None: the tag was deleted."""
    _, parent, expiry, kind = unpack(_LAYOUT, record[:BODY_BYTES])
    if not kind & _STATUS_BITS:
        return None
    return IdTagInfo(
        _STATUSES[(kind & _STATUS_BITS) - 1],
        expiry if kind & _HAS_EXPIRY else None,
        str(parent.rstrip(b"\0"), "utf-8") if kind & _HAS_PARENT else None,
    )


def _filled(text):
    data = text.encode()
    if len(data) > KEY_BYTES or b"\0" in data:
        raise ValueError("a tag has at most %d bytes, none of them 0" % KEY_BYTES)
    return data + bytes(KEY_BYTES - len(data))
