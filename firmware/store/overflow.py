# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A journal whose newest records wait in RAM while the flash takes nothing: full, read-only, failing.

What is worth it (a bill) is not lost with a flash that cannot be written, unless the power goes as well.
Order is kept: as long as anything waits in RAM, what comes is put behind it. It is moved to the journal as
soon as that takes it: with each record that comes, and when the owner asks for it.

RAM is bounded in bytes, and who puts something there that others must follow (the beginning of a bill, whose
end comes later) has their places kept free.
"""

import log

# Numbers of records in RAM: above all that a journal gives in its life, so that they sort behind.
_FIRST = 1 << 29
# What a record takes in RAM besides its bytes, on MicroPython with 32 bits: the object 16, up to 16 where its
# bytes fill no block, the pair with its number 16, its part of the list 8.
RECORD_BYTES = 56
_ENOSPC = 28


class Overflow:
    """As `store.journal.Journal`. In RAM are `most_bytes` at most; a place that is kept free is one for a
    record of `place_bytes`.
    """

    def __init__(self, journal, most_bytes=2560, place_bytes=128):
        self._journal = journal
        self._most_bytes = most_bytes
        self._place_bytes = place_bytes
        self._waiting = []  # (number, bytes), oldest first
        self._number = _FIRST
        self._failing = False  # the journal refused what is worth RAM, and has taken nothing since

    @property
    def head_note(self):
        return self._journal.head_note

    @property
    def depth(self):
        return self._journal.depth + len(self._waiting)

    @property
    def waiting(self):
        """How many records are in RAM only."""
        return len(self._waiting)

    @staticmethod
    def numbered_in_ram(number):
        """Whether it is the number of a record that did not go straight to the journal. These begin anew with
        each boot.
        """
        return number > _FIRST

    def append(self, data, worth_ram=False, places=0):
        """The record's number. Raises OSError when the journal does not take it and RAM does not either: it
        is not worth it, or `places` would not stay free behind it.
        """
        self.move()
        refused = None
        if not self._waiting:
            try:
                return self._put(data)
            except OSError as error:
                if not worth_ram:
                    raise
                refused = error
        if not worth_ram or not self._has_room(len(data), places):
            raise OSError(_ENOSPC)
        if not self._failing:
            self._failing = True
            log.error("overflow", "the journal takes nothing, kept in RAM: %s", refused)
        self._number += 1
        self._waiting.append((self._number, data))
        return self._number

    def move(self):
        """Move what waits in RAM to the journal, as far as that takes it. The number there of the last one
        moved, None when there was none.
        """
        number = None
        while self._waiting:
            try:
                number = self._put(self._waiting[0][1])
            except OSError:
                break
            self._waiting.pop(0)
        return number

    def peek(self):
        record = self._journal.peek()
        if record is None and self._waiting:
            self.move()
            record = self._journal.peek()
            if record is None and self._waiting:
                record = self._waiting[0]
        return record

    def drop(self, note=None, lazy=False):
        if self._journal.peek() is not None:
            self._journal.drop(note, lazy)
        elif self._waiting:
            self._waiting.pop(0)
            self._journal.save_note(note)

    def save_note(self, note):
        self._journal.save_note(note)

    def iterate(self):
        yield from self._journal.iterate()
        yield from self._waiting

    def newest_first(self, delivered=False):
        """What is in RAM counts as one segment."""
        yield from self._waiting
        yield from self._journal.newest_first(delivered)

    def _put(self, data):
        number = self._journal.append(data)
        if self._failing:
            self._failing = False
            log.warning("overflow", "the journal takes records again")
        return number

    def _has_room(self, length, places):
        used = sum([len(data) + RECORD_BYTES for _, data in self._waiting])
        needed = length + RECORD_BYTES + places * (self._place_bytes + RECORD_BYTES)
        return used + needed <= self._most_bytes
