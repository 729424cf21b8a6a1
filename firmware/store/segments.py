# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The segment files of a journal: runs of numbered records, found again behind whatever damage.

A directory holds files `0000002a.seg`; the hex number is the least sequence number that the file may hold.
A segment is a run of records, each

    0xA5 | length u16 | sequence u32 | CRC-32 u32 of the seven bytes before and of the data | data

little endian, sequence numbers growing.
"""

import os
from binascii import crc32
from struct import pack, unpack

import log

HEADER_BYTES = 11
DATA_LIMIT_BYTES = 65535
_MAGIC = 0xA5
_CHECKED_BYTES = 7  # of the header: magic, length, sequence
_CHUNK_BYTES = 128
_AT_ONCE_BYTES = 768  # of records, which one opening of the file gives
_ENOENT = 2


class Segments:
    """The segments of `directory`. A segment is named by its number. Nothing about them is kept in RAM."""

    def __init__(self, directory: str):
        self.directory = directory

    def path(self, segment: int) -> str:
        return "%s/%08x.seg" % (self.directory, segment)

    def size(self, segment: int) -> int:
        """Bytes. Raises OSError."""
        return os.stat(self.path(segment))[6]

    def sizes(self):
        """Yield (number, bytes) of every segment, in no order. Always to be read to the end."""
        for name, size in self._names():
            if name[-4:] != ".seg" or len(name) != 12:
                continue
            try:
                number = int(name[:8], 16)
                yield number, self.size(number) if size is None else size
            except (ValueError, OSError):
                pass

    def after(self, segment: int):
        """The least number above `segment`, None when there is none."""
        best = None
        for number, _ in self.sizes():
            if number > segment and (best is None or number < best):
                best = number
        return best

    def before(self, segment):
        """The greatest number below `segment` (None: the greatest of all), None when there is none."""
        best = None
        for number, _ in self.sizes():
            if (segment is None or number < segment) and (best is None or number > best):
                best = number
        return best

    def ends(self, seq: int):
        """(oldest, the one where number `seq` is or would be, newest, bytes of all); None: there is none."""
        oldest = holder = newest = None
        used = 0
        for number, size in self.sizes():
            used += size
            if oldest is None or number < oldest:
                oldest = number
            if newest is None or number > newest:
                newest = number
            if number <= seq and (holder is None or number > holder):
                holder = number
        return oldest, oldest if holder is None else holder, newest, used

    def remove(self, segment: int) -> None:
        path = self.path(segment)
        try:
            os.remove(path)
        except OSError as error:
            if error.args[0] != _ENOENT:
                log.error("journal", "%s cannot be removed: %s", path, error)

    def remove_unfinished(self) -> None:
        """What was being written beside a file when the power went."""
        for name in [name for name, _ in self._names() if name[-4:] == ".new"]:
            try:
                os.remove(self.directory + "/" + name)
            except OSError as error:
                log.error("journal", "%s/%s cannot be removed: %s", self.directory, name, error)

    def measure(self, segment: int):
        """(size, end of the last good record, its number or None) of a segment. Raises OSError."""
        size = self.size(segment)
        at = 0
        last = None
        with open(self.path(segment), "rb") as file:
            while True:
                found = following(file, at, size, segment)
                if found is None:
                    return size, at, last
                at, last, data = found
                at += HEADER_BYTES + len(data)

    def first(self, segment: int, at: int, least: int, unreadable):
        """(offset, sequence number, data) of the first good record from `at` on with a number of at least
        `least`, or None. What is unreadable before it: unreadable(segment, why, whether nothing follows it).
        """
        try:
            size = self.size(segment)
            with open(self.path(segment), "rb") as file:
                while True:
                    found = following(file, at, size, segment)
                    start = size if found is None else found[0]
                    if start != at:
                        why = "bytes %d to %d are unreadable, skipped" % (at, start)
                        unreadable(segment, why, found is None)
                    if found is None or found[1] >= least:
                        return found
                    at = found[0] + HEADER_BYTES + len(found[2])
        except OSError as error:
            unreadable(segment, "it cannot be read: %s" % error, False)
            return None

    def records(self, segment: int, at: int, least: int):
        """Yield (sequence number, data) of the good records from offset `at` on, numbers from `least` on.

        Unreadable stretches are passed over. It may be left early: no file is open while it waits (it would
        stay open until the garbage collector comes by, on MicroPython).
        """
        while at >= 0:
            found = []
            try:
                at, least = self._some(segment, at, least, found)
            except OSError:
                at = -1  # told by who has to deliver it
            yield from found

    def _some(self, segment, at, least, found):
        """Put some more of them into the list `found`: (where the next begin or -1, least number there)."""
        size = self.size(segment)
        end = at + _AT_ONCE_BYTES
        with open(self.path(segment), "rb") as file:
            while at < end:
                record = following(file, at, size, segment)
                if record is None:
                    return -1, least
                at, seq, data = record
                at += HEADER_BYTES + len(data)
                if seq >= least:
                    least = seq + 1
                    found.append((seq, data))
        return at, least

    def _names(self):
        """(name, size or None) of everything in the directory, without a list where the platform can."""
        listing = getattr(os, "ilistdir", None)
        try:
            if listing is None:
                for name in os.listdir(self.directory):
                    yield name, None
            else:
                for entry in listing(self.directory):
                    yield entry[0], entry[3] if len(entry) > 3 else None
        except OSError as error:
            log.error("journal", "%s cannot be listed: %s", self.directory, error)


def packed(seq: int, data: bytes) -> bytes:
    header = pack("<BHI", _MAGIC, len(data), seq)
    return header + pack("<I", crc32(data, crc32(header))) + data


def following(file, at: int, size: int, least: int):
    """The first good record at or behind `at`: (offset, sequence number, data), or None. Raises OSError."""
    while at + HEADER_BYTES <= size:
        found = exactly(file, at, size, least)
        if found is not None:
            return at, found[0], found[1]
        at = _find_magic(file, at + 1, size)
    return None


def exactly(file, at: int, size: int, least: int):
    """(sequence number, data) of the record that starts exactly at `at`, None when none does. OSError."""
    file.seek(at)
    header = file.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        return None
    magic, length, seq, check = unpack("<BHII", header)
    if magic != _MAGIC or seq < least or at + HEADER_BYTES + length > size:
        return None
    data = file.read(length)
    if len(data) != length or crc32(data, crc32(header[:_CHECKED_BYTES])) != check:
        return None
    return seq, data


def _find_magic(file, at, size):
    """Offset of the next byte from `at` that could start a record; `size` when there is none."""
    file.seek(at)
    while at < size:
        chunk = file.read(min(_CHUNK_BYTES, size - at))
        if not chunk:
            break
        index = chunk.find(b"\xa5")
        if index >= 0:
            return at + index
        at += len(chunk)
    return size
