# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""How much flash a journal may take, and what gives way when it is used up.

From an eighth below the budget on (at least a segment, at most a quarter) each append first thins one segment
out. When nothing is left to thin, records that can be spared are refused at the budget, all others an eighth
(at least 4 KB) above it. A file system that is full earlier lowers the bound for what can be spared; others
are tried all the same, with the blocks of the reserve.
"""

import log
from store.reserve import Reserve
from store.segments import Segments
from store.thinning import Thinning

ENOSPC = 28
_BEYOND_BYTES = 4096
# Whether a full file system has room again is found out by trying; each try that fails wears it.
_TRY_EVERY = 16

_ALL_KEPT = 0
_SPARED_REFUSED = 1
_ALL_REFUSED = 2


class Budget:
    """`budget_bytes` for all segments together; `expendable` as for store.journal.Journal."""

    def __init__(self, segments: Segments, budget_bytes: int, segment_bytes: int, expendable):
        self._name = segments.directory
        self._bytes = budget_bytes
        self._bound = budget_bytes  # for what can be spared
        self._segment_bytes = segment_bytes
        self._beyond = max(budget_bytes // 8, _BEYOND_BYTES)
        self._expendable = expendable
        self._thinning = None if expendable is None else Thinning(segments, segment_bytes, expendable)
        self._reserve = Reserve(segments.directory + "/reserve")
        # since the queue was empty:
        self._removed = 0
        self._refused = 0
        self._told = _ALL_KEPT

    def is_near(self, used: int) -> bool:
        """Whether `used` bytes are so many that thinning should begin."""
        # Room for about as many appends as there are segments to look at.
        slack = min(max(self._segment_bytes, self._bound // 8), self._bound // 4)
        return used > self._bound - slack

    def admit(self, data: bytes, used: int) -> None:
        """Raises OSError ENOSPC when `data` should not be kept; with it the journal has `used` bytes."""
        if used <= self._bound:
            return
        if not self._is_spare(data):
            if used > self._bytes + self._beyond:
                self._refuse(_ALL_REFUSED)
            return
        if self._bound < self._bytes and self._refused % _TRY_EVERY == _TRY_EVERY - 1:
            self._bound = self._bytes
            if used <= self._bound:
                self._refused += 1
                return
        self._refuse(_SPARED_REFUSED)

    def file_system_is_full(self, used: int) -> None:
        """Already at `used` bytes: give the reserve back."""
        self._bound = min(self._bound, used)
        self._reserve.release()

    def admit_again(self, data: bytes) -> None:
        """The file system is full and nothing could be thinned: OSError ENOSPC, if `data` can be spared."""
        if self._is_spare(data):
            self._refuse(_SPARED_REFUSED)

    def thin(self, head_segment: int, head_seq: int):
        """As Thinning.next."""
        done = None if self._thinning is None else self._thinning.next(head_segment, head_seq)
        if done is not None:
            if not self._removed:
                log.warning("journal", "%s is nearly full: it is thinned out", self._name)
            self._removed += done[1]
        return done

    def emptied(self) -> None:
        """Nothing waits any more."""
        if self._removed or self._refused:
            log.warning(
                "journal",
                "%s is empty again: %d records were thinned out, %d refused",
                self._name,
                self._removed,
                self._refused,
            )
        self._removed = self._refused = 0
        self._told = _ALL_KEPT
        self._bound = self._bytes
        if self._thinning is not None:
            self._thinning.restart()
        self._reserve.restore()

    def _is_spare(self, data):
        return self._expendable is not None and self._expendable(data) is not None

    def _refuse(self, what):
        self._refused += 1
        if self._told < what:
            self._told = what
            log.error(
                "journal",
                "%s is full, %d records were thinned out: %s",
                self._name,
                self._removed,
                "nothing is taken any more" if what == _ALL_REFUSED else "samples are refused",
            )
        raise OSError(ENOSPC)
