# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Files of records in the order of their keys, written once and never changed: found by halving, and merged,
without any of them in RAM.

A record has RECORD_BYTES: the key (KEY_BYTES, filled up with zeros), what belongs to it, and the CRC-32 of
both. Every record that is looked at is checked, also where it only shows the way: a flipped bit there would
make a key unknown that is in the file.
"""

import os
from binascii import crc32
from struct import pack

KEY_BYTES = 20
BODY_BYTES = 49  # key and what belongs to it
RECORD_BYTES = BODY_BYTES + 4
# CRC-32 of whatever has its own CRC-32 at its end, little endian: a check without slices, which take memory.
_SEALED = 0x2144DF1C
_CHUNK_BYTES = 1024
_BEHIND_ALL = b"\xff" * KEY_BYTES  # no key: they are UTF-8


class Damaged(ValueError):
    """`place`: of the source, in merge()."""

    def __init__(self, why, place=0):
        super().__init__(why)
        self.place = place


def sealed(body: bytes) -> bytes:
    """The record of a key and what belongs to it."""
    return body + pack("<I", crc32(body))


def _checked(record):
    if len(record) != RECORD_BYTES or crc32(record) != _SEALED:
        raise Damaged("a record is unreadable")
    return record


def find(path: str, count: int, key: bytes):
    """The record of `key` among `count` of the file, or None. Raises OSError, Damaged."""
    low = 0
    with open(path, "rb") as file:
        while low < count:
            middle = (low + count) >> 1
            file.seek(middle * RECORD_BYTES)
            record = _checked(file.read(RECORD_BYTES))
            found = record[:KEY_BYTES]
            if found == key:
                return record
            if found < key:
                low = middle + 1
            else:
                count = middle
    return None


def check(path: str, count: int, wanted: int) -> None:
    """Reads all of the file: `count` records whose CRC-32 is `wanted`. Raises OSError, Damaged."""
    if os.stat(path)[6] != count * RECORD_BYTES:
        raise Damaged("it has not %d records" % count)
    found = 0
    with open(path, "rb") as file:
        while True:
            chunk = file.read(_CHUNK_BYTES)
            if not chunk:
                break
            found = crc32(chunk, found)
    if found != wanted:
        raise Damaged("wrong checksum")


def merge(sources):
    """Yield (place, record) of all `sources` in the order of the keys; of the same key the first source's
    comes first.

    `sources`: list of (file open for reading, offset, count of records in order). One read for each record,
    and a key of each source in RAM. Raises OSError, Damaged.
    """
    heads = []
    ats = []
    lefts = []
    for file, at, count in sources:
        file.seek(at)
        heads.append(file.read(KEY_BYTES) if count else _BEHIND_ALL)
        ats.append(at)
        lefts.append(count)
    while heads:
        head = min(heads)
        if head == _BEHIND_ALL:
            for place, left in enumerate(lefts):
                if left:
                    raise Damaged("a key is unreadable", place)  # as flash reads that was erased
            return
        place = heads.index(head)
        file = sources[place][0]
        file.seek(ats[place])
        data = file.read(RECORD_BYTES + KEY_BYTES)  # the next one's key as well
        try:
            record = _checked(data[:RECORD_BYTES])
        except Damaged as error:
            raise Damaged(str(error), place)
        following = data[RECORD_BYTES:]
        ats[place] += RECORD_BYTES
        lefts[place] -= 1
        if not lefts[place]:
            following = _BEHIND_ALL
        if record[:KEY_BYTES] != head or len(following) != KEY_BYTES:
            raise Damaged("it reads otherwise now", place)
        if following < head:
            raise Damaged("its records are out of order", place)
        heads[place] = following
        yield place, record
