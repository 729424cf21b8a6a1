# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A first-in first-out queue of byte records on flash: append at the tail, take from the head, constant RAM.

A directory holds segment files `XXXXXXXX.seg` (the hex number is the least sequence number the file may hold)
and one `head` file. A segment is a run of records, each

    0xA5 | length u16 | sequence u32 | CRC-32 u32 of the seven bytes before and of the data | data

(little endian) and is only ever appended to, then removed when everything in it was dropped. `head` holds the
sequence number of the next record to deliver and a small note of the owner, as two identical lines
`1 CRC SEQUENCE NOTE`: one flipped bit must not make a delivered record come back. It is overwritten whole on
every drop.

What a power cut can leave behind: a torn record at the end of the newest segment (never announced to the
caller, so ignored; a segment with such a tail is not appended to again), an empty segment, a segment that the
head has passed (removed at the next start). A damaged record in the middle is skipped up to the next one
whose checksum holds, counted in `damaged` and logged; the segment with the damage is kept as `damaged.bad`
when the head leaves it.
"""

import json
import os
from binascii import crc32
from struct import pack, unpack

import log
from store.overwrite import overwrite
from store.record import NewerVersion, replace

_MAGIC = 0xA5
_HEADER_BYTES = 11
_CHECKED_BYTES = 7  # of the header: magic, length, sequence
_NOTE_LIMIT_BYTES = 1024
_HEAD_VERSION = b"1"
_DATA_LIMIT_BYTES = 65535
_CHUNK_BYTES = 128
_ENOENT = 2


class Journal:
    """The queue in `directory`, which is created when absent. One owner per directory.

    segment_bytes  a segment is closed before it would grow past this; one larger record gets its own
    depth          records waiting; while a gap in the numbers lies ahead (damage), it counts the gap too
    damaged        unreadable stretches met since start
    head_note      the owner's small dict as last persisted with the head, by drop() or save_note()

    A file system that cannot be written is logged at start and raised as OSError by what needs it afterwards.
    """

    def __init__(self, directory: str, segment_bytes: int = 8192):
        self.directory = directory
        self.damaged = 0
        self.head_note = {}
        self._segment_bytes = segment_bytes
        self._head_seq = 1  # everything below was delivered
        self._head_segment = None  # the segment that holds or precedes the head, None: no segment at all
        self._head_at = 0  # offset in it where the search for the head starts
        self._head_bytes = 0  # size on flash of the record that peek() found there, 0 before that
        self._head_damaged = False  # the head segment has an unreadable stretch
        self._torn_segment = None  # the segment whose end was found unreadable at start
        self._tail_segment = None  # the segment that the next append may go to
        self._tail_bytes = 0
        self._next_seq = 1
        try:
            os.mkdir(directory)
        except OSError:
            pass  # it is there already; if it cannot be made, the first append says so
        self._load_head()
        self._find_ends()

    @property
    def depth(self) -> int:
        return self._next_seq - self._head_seq

    def append(self, data: bytes) -> int:
        """Store `data` (at most 65,535 bytes) behind everything else: on flash when this returns its number.

        Raises ValueError when it is longer, OSError (disk full, ...): then nothing was appended.
        """
        seq = self._next_seq
        length = len(data)
        if length > _DATA_LIMIT_BYTES:
            raise ValueError("record of %d bytes" % length)
        header = pack("<BHI", _MAGIC, length, seq)
        header += pack("<I", crc32(data, crc32(header)))
        segment = self._tail_segment
        if segment is None or self._tail_bytes + _HEADER_BYTES + length > self._segment_bytes:
            segment = seq
            self._tail_bytes = 0
        # A failed write may leave a torn record and must not be followed by a good one in the same file,
        # nor may its number be used again by a file of the same name.
        self._tail_segment = None
        self._next_seq = seq + 1
        try:
            with open(self._path(segment), "ab") as file:
                file.write(header + data)
        except OSError:
            if segment == seq:
                self._remove(segment)  # a full disk must not fill with empty segments
            raise
        self._tail_segment = segment
        self._tail_bytes += _HEADER_BYTES + length
        if self._head_segment is None:
            self._head_segment = segment
            self._head_at = 0
        return seq

    def peek(self):
        """(sequence number, bytes) of the oldest record, None when there is none. It stays until drop()."""
        while self._head_segment is not None:
            segment = self._head_segment
            found = self._record_at(segment, self._head_at, self._head_seq)
            if found is not None:
                at, seq, data = found
                self._head_at = at
                self._head_seq = seq
                self._head_bytes = _HEADER_BYTES + len(data)
                return seq, data
            following = self._segment_after(segment)
            self._leave(segment)
            self._head_segment = following
            self._head_at = 0
        self._head_seq = self._next_seq
        self._head_bytes = 0
        return None

    def drop(self, note=None) -> None:
        """Forget the oldest record and persist that, with `note` (a dict, at most 1 KB as JSON) when given.

        Raises OSError when it cannot be persisted: in RAM the record is gone, a restart brings it back.
        """
        if not self._head_bytes and self.peek() is None:
            return
        self._head_seq += 1
        self._head_at += self._head_bytes
        self._head_bytes = 0
        try:
            self._save_head(note)
        finally:
            if self._head_seq == self._next_seq:
                # The usual case of a station that is online: one record in, one out. Removing the small file
                # now is cheaper than letting it grow (flash pages are copied on append), and leaves an empty
                # directory.
                segment = self._head_segment
                self._head_segment = None
                self._tail_segment = None
                self._leave(segment)

    def save_note(self, note) -> None:
        """Persist `note` as `head_note`; the queue does not move. Raises OSError."""
        self._save_head(note)

    def iterate(self):
        """Yield (sequence number, bytes) of every waiting record, oldest first; nothing moves.

        The journal must not be changed while this runs.
        """
        segment = self._head_segment
        at = self._head_at
        least = self._head_seq
        while segment is not None:
            found = self._record_at(segment, at, least, False)
            if found is None:
                segment = self._segment_after(segment)
                at = 0
                continue
            at, seq, data = found
            yield seq, data
            at += _HEADER_BYTES + len(data)
            least = seq + 1

    # head file

    def _load_head(self):
        path = self.directory + "/head"
        try:
            with open(path, "rb") as file:
                content = file.read(4 * _NOTE_LIMIT_BYTES)
        except OSError as error:
            if error.args[0] != _ENOENT:
                log.error("journal", "%s cannot be read: %s", path, error)
            return
        half = len(content) // 2
        # By the middle, so that a damaged end of line spoils one copy only; by the lines, if the file is cut.
        copies = [content[: half - 1], content[half:-1]]
        copies.extend(content.split(b"\n"))
        for index, line in enumerate(copies):
            fields = line.split(b" ", 3)
            try:
                if b"%08x" % crc32(fields[0] + b" " + fields[2] + b" " + fields[3]) != fields[1]:
                    continue
                if int(fields[0]) > int(_HEAD_VERSION):
                    raise NewerVersion(
                        "%s has format %d, this firmware reads up to 1: install newer firmware or remove it"
                        % (path, int(fields[0]))
                    )
                self._head_seq = int(fields[2])
                self.head_note = json.loads(str(fields[3], "utf-8"))
            except (ValueError, IndexError):
                continue
            if index:
                self.damaged += 1
                log.warning("journal", "%s: first copy is damaged, the second is used", path)
            return
        if content:
            self.damaged += 1
            log.error(
                "journal",
                "%s is damaged: set aside as head.bad, delivery restarts at the oldest record",
                path,
            )
            replace(path, path + ".bad")

    def _save_head(self, note):
        if note is not None:
            self.head_note = note
        text = b"%d %s" % (self._head_seq, json.dumps(self.head_note).encode())
        if len(text) > _NOTE_LIMIT_BYTES:
            raise ValueError("note of %d bytes" % len(text))
        line = b"%s %08x %s\n" % (_HEAD_VERSION, crc32(_HEAD_VERSION + b" " + text), text)
        overwrite(self.directory + "/head", line + line)

    # segments

    def _path(self, segment):
        return "%s/%08x.seg" % (self.directory, segment)

    def _segments(self):
        """The numbers of the segment files, in no order, without a list of them where the platform can."""
        listing = getattr(os, "ilistdir", None)
        try:
            for entry in listing(self.directory) if listing else os.listdir(self.directory):
                name = entry[0] if listing else entry
                if name[-4:] == ".seg" and len(name) == 12:
                    try:
                        yield int(name[:8], 16)
                    except ValueError:
                        pass
        except OSError as error:
            log.error("journal", "%s cannot be listed: %s", self.directory, error)

    def _segment_after(self, segment):
        best = None
        for number in self._segments():
            if number > segment and (best is None or number < best):
                best = number
        return best

    def _find_ends(self):
        """At start: the segment with the head, the next number, whether the newest segment may grow."""
        head = least = tail = None
        for number in self._segments():
            if number <= self._head_seq and (head is None or number > head):
                head = number
            if least is None or number < least:
                least = number
            if tail is None or number > tail:
                tail = number
        self._head_segment = least if head is None else head
        self._next_seq = self._head_seq
        if tail is None:
            return
        while (
            least is not None and self._head_segment is not None and least < self._head_segment
        ):  # passed by the head before the power went
            following = self._segment_after(least)
            self._remove(least)
            least = following
        try:
            size, end, last = self._measure(tail)
        except OSError as error:
            log.error("journal", "%s cannot be read: %s", self._path(tail), error)
            size, end, last = self._segment_bytes, 0, tail
        # Numbers are never used twice, so as many are passed over as an unreadable end may have held.
        self._next_seq = max(self._head_seq, tail if size == 0 else last + 1 + (size - end) // _HEADER_BYTES)
        if size == end:
            # An empty file is fit for appending only under its own number.
            if size or tail == self._next_seq:
                self._tail_segment = tail
                self._tail_bytes = size
        else:  # torn by a power cut, or damage
            self._torn_segment = tail
            self.damaged += 1
            path = self._path(tail)
            log.error("journal", "%s: the last %d bytes are unreadable, skipped", path, size - end)
        self.peek()  # leaves exhausted segments behind and finds the head

    def _measure(self, segment):
        """(size, end of the last good record, its sequence number) of a segment."""
        size = os.stat(self._path(segment))[6]
        at = 0
        last = segment
        with open(self._path(segment), "rb") as file:
            while True:
                found = self._following(file, at, size, segment)
                if found is None:
                    return size, at, last
                at, last, data = found
                at += _HEADER_BYTES + len(data)

    def _leave(self, segment):
        """The head has passed the segment: remove it, or keep it for examination when it was damaged."""
        if self._tail_segment == segment:
            self._tail_segment = None
        if self._head_damaged or segment == self._torn_segment:
            self._head_damaged = False
            replace(self._path(segment), self.directory + "/damaged.bad")
        else:
            self._remove(segment)

    def _remove(self, segment):
        try:
            os.remove(self._path(segment))
        except OSError as error:
            if error.args[0] != _ENOENT:
                log.error("journal", "%s cannot be removed: %s", self._path(segment), error)

    # records

    def _record_at(self, segment, at, least, report=True):
        """(offset, number, bytes) of the first good record from `at` on with a number of at least `least`."""
        path = self._path(segment)
        try:
            size = os.stat(path)[6]
            with open(path, "rb") as file:
                while True:
                    found = self._following(file, at, size, segment)
                    start = size if found is None else found[0]
                    if report and start != at and (found is not None or segment != self._torn_segment):
                        self._head_damaged = True
                        self.damaged += 1
                        log.error("journal", "%s: bytes %d to %d are unreadable, skipped", path, at, start)
                    if found is None or found[1] >= least:
                        return found
                    at = found[0] + _HEADER_BYTES + len(found[2])
        except OSError as error:
            if report:
                self._head_damaged = True  # out of the way, but kept
                self.damaged += 1
                log.error("journal", "%s cannot be read: %s", path, error)
            return None

    def _following(self, file, at, size, segment):
        """The first good record at or behind `at`: (offset, sequence number, bytes) or None."""
        while at + _HEADER_BYTES <= size:
            found = _read(file, at, size, segment)
            if found is not None:
                return at, found[0], found[1]
            at = _find_magic(file, at + 1, size)
        return None


def _read(file, at, size, least):
    """(sequence number, bytes) of the record that starts exactly at `at`, or None when none does."""
    file.seek(at)
    header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES:
        return None
    magic, length, seq, check = unpack("<BHII", header)
    if magic != _MAGIC or seq < least or at + _HEADER_BYTES + length > size:
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
