# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A first-in first-out queue of byte records on flash: append at the tail, take from the head, constant RAM.

A directory holds segments (store.segments), the `head` (store.head) and perhaps a reserve (store.reserve).
Records are appended to the newest segment. A segment is removed when all of it was delivered, except the
last one: that stays, and the next append overwrites it whole. So a queue that is online, one record in, one
out, costs one overwrite of a small file per record, and none for the head when the record is dropped lazily.

What holds, whenever the power goes:

- A record is on flash from the return of append() until drop(); dropped lazily: until the next append().
- Numbers grow from the oldest segment to the newest and within each. A number belongs to one record for ever.
- The numbers in a segment are at least the one in its name, and below the one in the next segment's.
- The head on flash is at most the head in RAM. What is below it was delivered.
- A segment is overwritten only when all of it was delivered, and only while the number of the new record is
  less than _LEAP above the head on flash; else the head is written first. So where the only segment is
  unreadable, the next number is known all the same: it is passed over as many as may have been used.
- Before the last segment is set aside as damaged, the head is written.

What a power cut can leave behind: of a segment the old content or the new; an empty new segment; on file
systems that are not littlefs a torn record at the end of the newest segment (never announced to the caller,
so ignored; a segment with such a tail is not appended to again); a segment that the head has passed, or an
unfinished file `*.new` (both removed at the next start). A record that was dropped lazily may come once more,
under its number. A damaged record is skipped up to the next one whose checksum holds, counted in `damaged`
and reported; the segment with the damage is kept as `damaged.bad` when the head leaves it.
"""

import os

import log
from store.budget import ENOSPC, Budget
from store.head import Head
from store.overwrite import overwrite
from store.record import replace, report
from store.segments import DATA_LIMIT_BYTES, HEADER_BYTES, Segments, packed

_LEAP = 64


class Journal:
    """The queue in `directory`, which is created when absent. One owner per directory.

    segment_bytes  a segment is closed before it would grow past this; one larger record gets its own
    budget_bytes   of all segments together, None: no bound. See store.budget for what happens then
    expendable     fn(data) -> a hashable key when the record can be spared, None when not; of those with the
                   same key some are removed when the budget is used up. It must not raise
    depth          records waiting. Too high by what is damaged ahead; after a start also by what append() had
                   refused, or had thinned out just before the power went
    damaged        unreadable stretches met since start
    head_note      the owner's small dict as last persisted with the head, by drop() or save_note()

    A file system that cannot be written is logged at start and raised as OSError by what needs it afterwards.
    """

    def __init__(self, directory: str, segment_bytes: int = 8192, budget_bytes=None, expendable=None):
        self.directory = directory
        self._segment_bytes = segment_bytes
        self._segments = Segments(directory)
        self._head = Head(directory + "/head")
        self._used_bytes = 0  # of all segments
        self._head_segment = None  # the segment that holds or precedes the head, None: nothing waits
        self._head_at = 0  # offset in it where the search for the head starts
        self._front = None  # (number, bytes) of the record that starts there, once that is known
        self._head_damaged = False  # the head segment has an unreadable stretch
        self._torn_segment = None  # the segment whose end was found unreadable at start
        self._tail_segment = None  # the segment that the next append may go to
        self._tail_bytes = 0
        self._spent_segment = None  # all of it was delivered, and it is the only one: to be overwritten
        self._budget = None
        try:
            os.mkdir(directory)
        except OSError:
            pass  # it is there already; if it cannot be made, the first append says so
        if budget_bytes is not None:
            self._budget = Budget(self._segments, budget_bytes, segment_bytes, expendable)
        self._head.load()
        self.damaged = self._head.damaged
        self.head_note = self._head.note
        self._head_seq = self._next_seq = self._head.seq  # everything below the head was delivered
        self._missing = self._head.missing  # numbers from the head on that belong to no record
        self._segments.remove_unfinished()
        self._find_ends()
        if self._budget is not None and self._head_segment is None:
            self._budget.emptied()

    @property
    def depth(self) -> int:
        if self._head_segment is None:
            return 0
        return max(self._next_seq - self._head_seq - self._missing, 0 if self._front is None else 1)

    def append(self, data: bytes) -> int:
        """Store `data` (at most 65,535 bytes) behind everything else: on flash when this returns its number.

        Raises ValueError when it is longer, OSError (disk full, over the budget, ...): then nothing was
        appended.
        """
        if len(data) > DATA_LIMIT_BYTES:
            raise ValueError("record of %d bytes" % len(data))
        budget = self._budget
        if budget is not None and self._head_segment is not None:
            need = HEADER_BYTES + len(data)
            if budget.is_near(self._used_bytes + need):
                self._thin()
            budget.admit(data, self._used_bytes + need)
        try:
            return self._write(data)
        except OSError as error:
            if budget is None or error.args[0] != ENOSPC:
                raise
        budget.file_system_is_full()
        self._thin()
        budget.admit(data, self._used_bytes + HEADER_BYTES + len(data))
        return self._write(data)

    def peek(self):
        """(sequence number, bytes) of the oldest record, None when there is none. It stays until drop()."""
        while self._front is None and self._head_segment is not None:
            segment = self._head_segment
            found = self._segments.first(segment, self._head_at, self._head_seq, self._unreadable)
            if found is not None:
                at, seq, data = found
                self._head_at = at
                self._missing = max(0, self._missing - (seq - self._head_seq))
                self._head_seq = seq
                self._front = seq, data
                break
            next_segment = self._segments.after(segment)
            if next_segment is None:
                self._emptied()
            else:
                self._leave(segment)
                self._head_segment = next_segment
                self._head_at = 0
        return self._front

    def drop(self, note=None, lazy: bool = False) -> None:
        """Forget the oldest record and persist that, with `note` (a dict, at most 1 KB as JSON) when given.

        lazy  if this was the last record and the note did not change, it is persisted by the next append:
              when the power goes before that, the record comes once more, under its number.

        Raises OSError when it cannot be persisted: in RAM the record is gone, a restart may bring it back.
        """
        front = self.peek()
        if front is None:
            return
        self._head_seq += 1
        self._head_at += HEADER_BYTES + len(front[1])
        self._front = None
        if note is not None:
            self.head_note = note
        empty = self._is_empty()
        try:
            if not (
                lazy
                and empty
                and not self._is_damaged(self._head_segment)
                and self._head.holds(self.head_note)
            ):
                self._save_head()
        finally:
            if empty:
                self._emptied()

    def save_note(self, note) -> None:
        """Persist `note` as `head_note`; the queue does not move. Raises OSError."""
        if note is not None:
            self.head_note = note
        self._save_head()

    def iterate(self):
        """Yield (sequence number, bytes) of every waiting record, oldest first; nothing moves.

        The journal must not be changed while this runs. It may be left early.
        """
        segment = self._head_segment
        at = self._head_at
        least = self._head_seq
        while segment is not None:
            for seq, data in self._segments.records(segment, at, least):
                least = seq + 1
                yield seq, data
            segment = self._segments.after(segment)
            at = 0

    def newest_first(self, delivered=False):
        """As iterate(), but segment by segment from the newest to the oldest; within each the oldest first.

        delivered: also what was delivered and has not been overwritten or removed yet.
        Who looks for the last record of some kind takes the last one found before the numbers fall.
        """
        head = self._head_segment
        segment = self._segments.before(None) if delivered or head is not None else None
        while segment is not None and (delivered or head is None or segment >= head):
            at = self._head_at if segment == head and not delivered else 0
            yield from self._segments.records(segment, at, 0 if delivered else self._head_seq)
            segment = self._segments.before(segment)

    # changes

    def _write(self, data):
        seq = self._next_seq
        record = packed(seq, data)
        segment = self._spent_segment
        whole = segment is not None
        if segment is None:
            segment = self._tail_segment
            if segment is None or self._tail_bytes + len(record) > self._segment_bytes:
                segment = seq
        elif seq - self._head.seq >= _LEAP:
            self._head_seq = seq
            self._missing = 0
            self._save_head()
        # A failed write may leave a torn record and must not be followed by a good one in the same file,
        # nor may its number be used again by a file of the same name.
        self._tail_segment = None
        self._next_seq = seq + 1
        self._missing += 1
        try:
            if whole:
                overwrite(self._segments.path(segment), record)
            else:
                with open(self._segments.path(segment), "ab") as file:
                    file.write(record)
        except OSError:
            if segment == seq and not whole:
                self._segments.remove(segment)  # a full disk must not fill with empty segments
            raise
        self._missing -= 1
        if whole:
            self._used_bytes = 0
        if whole or segment == seq:
            self._tail_bytes = 0
        self._used_bytes += len(record)
        self._tail_bytes += len(record)
        self._tail_segment = segment
        if self._head_segment is None:
            self._head_segment = segment
            self._head_at = 0
            self._head_seq = seq
            self._front = seq, data
            self._missing = 0
            self._spent_segment = None
        return seq

    def _save_head(self):
        self._head.save(self._head_seq, self._missing, self.head_note)

    def _try_to_save_head(self):
        try:
            self._save_head()
        except (OSError, ValueError) as error:
            log.error("journal", "head not kept: %s", error)

    def _thin(self):
        """Thin one segment out; whether that has freed anything."""
        done = None
        if self._budget is not None and self._head_segment is not None:
            done = self._budget.thin(self._head_segment, self._head_seq)
        if done is None:
            return False
        segment, removed, freed_bytes = done
        self._used_bytes -= freed_bytes
        self._missing += removed
        if segment == self._head_segment:
            self._head_at = 0  # what was delivered has gone from it, so the front is its first
        self._try_to_save_head()
        return True

    def _is_empty(self):
        """Whether nothing is left behind the head, which has just moved on."""
        left = self._next_seq - self._head_seq
        if left > self._missing:
            return False
        for _ in self.iterate():  # there should be none; to be sure
            self._missing = left - 1
            return False
        return True

    def _emptied(self):
        """The head has passed everything."""
        segment = self._head_segment
        self._head_segment = None
        self._tail_segment = None
        self._head_seq = self._next_seq
        self._head_at = 0
        self._missing = 0
        if not self._is_damaged(segment):
            self._spent_segment = segment
        else:
            if self._head.seq != self._head_seq:
                self._try_to_save_head()
            self._leave(segment)
        if self._budget is not None:
            self._budget.emptied()

    def _is_damaged(self, segment):
        return self._head_damaged or self._torn_segment == segment

    def _unreadable(self, segment, why, to_the_end):
        if to_the_end and segment == self._torn_segment:
            return  # told at start
        self._head_damaged = True
        self.damaged += 1
        report("journal", self._segments.path(segment), why)

    def _leave(self, segment):
        """The head has passed the segment: remove it, or keep it for examination when it was damaged."""
        try:
            self._used_bytes -= self._segments.size(segment)
        except OSError:
            pass
        if self._tail_segment == segment:
            self._tail_segment = None
        if self._is_damaged(segment):
            self._head_damaged = False
            replace(self._segments.path(segment), self.directory + "/damaged.bad")
        else:
            self._segments.remove(segment)

    # start

    def _find_ends(self):
        """The segment with the head, the next number, whether the newest segment may grow."""
        least, head, tail, self._used_bytes = self._segments.ends(self._head_seq)
        if tail is None or head is None:
            self._missing = 0
            return
        self._head_segment = head
        while least is not None and least < head:  # passed by the head before the power went
            next_segment = self._segments.after(least)
            self._leave(least)
            least = next_segment
        try:
            size, end, last = self._segments.measure(tail)
        except OSError as error:
            report("journal", self._segments.path(tail), "it cannot be read: %s" % error)
            size, end, last = self._segment_bytes, 0, None
        # Numbers are never used twice, so as many are passed over as an unreadable end may have held.
        known = max(tail if last is None else last + 1, self._head_seq)
        self._next_seq = known + (size - end + HEADER_BYTES - 1) // HEADER_BYTES
        if last is None and tail == head:  # it may have been overwritten
            self._next_seq += max(0, self._head_seq + _LEAP - known)
        self._missing += self._next_seq - known
        if size == end:
            self._tail_segment = tail
            self._tail_bytes = size
        else:  # torn by a power cut, or damage
            self._torn_segment = tail
            self.damaged += 1
            report("journal", self._segments.path(tail), "the last %d bytes are unreadable" % (size - end))
        self.peek()  # leaves exhausted segments behind and finds the head
