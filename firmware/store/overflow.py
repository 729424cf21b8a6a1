# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A journal whose newest records wait in RAM while the flash takes nothing: full, read-only, failing.

What is worth it (a bill) is not lost with a flash that cannot be written, unless the power goes as well.
Order is kept: as long as anything waits in RAM, what comes is put behind it, and it is moved to the journal
as soon as that takes it.
"""

import log

# Numbers of records in RAM: above all that a journal gives in its life, so that they sort behind.
_FIRST = 1 << 29


class Overflow:
    """As `store.journal.Journal`; `most` records wait in RAM at most."""

    def __init__(self, journal, most=16):
        self._journal = journal
        self._most = most
        self._waiting = []  # [number, bytes], oldest first
        self._number = _FIRST

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

    def append(self, data, worth_ram=False):
        """The record's number. Raises OSError when the journal does not take it and RAM does not either."""
        if self._waiting:
            self._move()
        if not self._waiting:
            try:
                return self._journal.append(data)
            except OSError as error:
                if not worth_ram:
                    raise
                log.error("overflow", "the journal takes nothing, kept in RAM: %s", error)
        if not worth_ram or len(self._waiting) >= self._most:
            raise OSError(28)
        self._number += 1
        self._waiting.append((self._number, data))
        return self._number

    def peek(self):
        record = self._journal.peek()
        if record is None and self._waiting:
            self._move()
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

    def _move(self):
        while self._waiting:
            try:
                self._journal.append(self._waiting[0][1])
            except OSError:
                return
            self._waiting.pop(0)
