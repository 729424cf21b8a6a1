# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The authorization cache (OCPP 1.6, 3.5.1): what the CSMS last said about tags, on flash, none of it in RAM.

16 bucket files `bucket_X`, chosen by the CRC-32 of the tag, each a `store.record.Record` of at most 16
entries, oldest first: [tag, status, expiry_utc_ms, parent, day of last use]. A lookup reads one bucket (under
2 KB), a change rewrites one. A full bucket loses a not-valid entry first, then the one used longest ago. A
damaged bucket loses itself only.
"""

import os
from binascii import crc32

import log
from station.authorization import ACCEPTED, IdTagInfo, normalise
from store.record import NewerVersion, Record

_BUCKETS = 16  # fixed: another number would look for tags in the wrong file
_BUCKET_ENTRIES = 16
_VERSION = 1
_DAY_MS = 86400000
# Knowing the day of last use to a week is enough to evict the oldest, and spares the flash one write per
# swipe.
_REFRESH_DAYS = 7


class Cache:
    """The cache in `directory`, created with the first entry."""

    def __init__(self, directory: str):
        self.directory = directory

    def lookup(self, tag: str):
        """IdTagInfo as last put, expired or not; None when unknown or unreadable (logged)."""
        try:
            tag = normalise(tag)
            for entry in self._load(tag):
                if entry[0] == tag:
                    return IdTagInfo(entry[1], entry[2], entry[3])
        except (ValueError, OSError, NewerVersion) as error:
            log.error("cache", "lookup: %s", error)
        return None

    def put(self, tag: str, info: IdTagInfo, now_utc_ms) -> bool:
        """Remember what the CSMS said. Writes only what changed, or a use more than a week later.

        False (logged) when it cannot be kept. `now_utc_ms`: None while unknown.
        """
        try:
            tag = normalise(tag)
            day = 0 if now_utc_ms is None else now_utc_ms // _DAY_MS
            entries = self._load(tag)
            fresh = [tag, info.status, info.expiry_utc_ms, info.parent, day]
            for index, entry in enumerate(entries):
                if entry[0] == tag:
                    if entry[1:4] == fresh[1:4] and (day == 0 or abs(day - entry[4]) < _REFRESH_DAYS):
                        return True
                    if day == 0:
                        fresh[4] = entry[4]
                    del entries[index]
                    break
            while len(entries) >= _BUCKET_ENTRIES:
                del entries[_least_wanted(entries, now_utc_ms)]
            entries.append(fresh)
            try:
                os.mkdir(self.directory)
            except OSError:
                pass  # it is there already, or the save says what is wrong
            self._record(tag).save(entries)
            return True
        except (ValueError, OSError, NewerVersion) as error:
            log.error("cache", "not kept: %s", error)
            return False

    def clear(self) -> None:
        """Forget everything. OSError: a file cannot be removed. A power cut half way leaves the rest."""
        for number in range(_BUCKETS):
            Record(self._path(number), _VERSION).remove()

    def _path(self, number):
        return "%s/bucket_%x" % (self.directory, number)

    def _record(self, tag):
        return Record(self._path(crc32(tag.encode()) % _BUCKETS), _VERSION)

    def _load(self, tag):
        entries = self._record(tag).load()
        return [entry for entry in entries if _sane(entry)] if isinstance(entries, list) else []


def _sane(entry):
    if not isinstance(entry, list) or len(entry) != 5:
        return False
    tag, status, expiry_utc_ms, parent, day = entry
    return (
        isinstance(tag, str)
        and isinstance(status, str)
        and isinstance(expiry_utc_ms, (int, type(None)))
        and isinstance(parent, (str, type(None)))
        and isinstance(day, int)
    )


def _least_wanted(entries, now_utc_ms):
    """Index of the entry to evict."""
    best = 0
    best_rank = None
    for index, entry in enumerate(entries):
        valid = IdTagInfo(entry[1], entry[2]).status_at(now_utc_ms) == ACCEPTED
        rank = (valid, entry[4], index)
        if best_rank is None or rank < best_rank:
            best, best_rank = index, rank
    return best
