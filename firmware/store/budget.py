# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""How much flash a journal may take, and what gives way when it is used up.

From an eighth below the budget on (at least a segment, at most a quarter) each append first thins one segment
out. When nothing is left to thin, records that can be spared are refused at the budget, all others an eighth
(at least 4 KB) above it.

A file system that is full before gives the reserve back, so that there are blocks to thin with. From then on
each append thins, and what can be spared is refused, until there is room for the reserve and as much again.
"""

import log
from store import reserve
from store.segments import Segments

ENOSPC = 28
_BEYOND_BYTES = 4096
# A small file system has better uses for a reserve.
_RESERVE_LEAST_FREE_BYTES = 4 * reserve.BYTES
_ROOM_AGAIN_BYTES = 2 * reserve.BYTES
# Others may have made room as well. To ask the file system takes it a look at all of its blocks.
_ASK_EVERY = 16

_ALL_KEPT = 0
_SPARED_REFUSED = 1
_ALL_REFUSED = 2


class Budget:
    """`budget_bytes` for all segments together; `expendable` as for store.journal.Journal."""

    def __init__(self, segments: Segments, budget_bytes: int, segment_bytes: int, expendable):
        self._segments = segments
        self._name = segments.directory
        self._bytes = budget_bytes
        self._segment_bytes = segment_bytes
        self._beyond = max(budget_bytes // 8, _BEYOND_BYTES)
        self._expendable = expendable
        self._thinning = None  # not before it is needed: most stations never do, and it takes RAM
        self._has_gained = False  # by the last thinning
        self._reserve = reserve.Reserve(segments.directory + "/reserve")
        self._reserve_wanted = True
        self._is_full = False  # the file system
        # since the queue was empty:
        self._removed = 0
        self._refused = 0
        self._told = _ALL_KEPT

    def is_near(self, used: int) -> bool:
        """Whether `used` bytes are so many that thinning should begin."""
        # Room for about as many appends as there are segments to look at.
        slack = min(max(self._segment_bytes, self._bytes // 8), self._bytes // 4)
        return self._is_full or used > self._bytes - slack

    def admit(self, data: bytes, used: int) -> None:
        """Raises OSError ENOSPC when `data` should not be kept; with it the journal has `used` bytes."""
        if used <= self._bytes and not self._is_full:
            return
        if not self._is_spare(data):
            if used > self._bytes + self._beyond:
                self._refuse(_ALL_REFUSED)
        elif used > self._bytes or not self._has_room_again():
            self._refuse(_SPARED_REFUSED)

    def file_system_is_full(self) -> None:
        self._is_full = self._reserve_wanted = True
        self._reserve.release()

    def _has_room_again(self):
        if self._has_gained or self._refused % _ASK_EVERY == _ASK_EVERY - 1:
            self._is_full = not self._reserve.restore(_ROOM_AGAIN_BYTES)
        return not self._is_full

    def thin(self, head_segment: int, head_seq: int):
        """As Thinning.next."""
        if self._expendable is None:
            return None
        if self._thinning is None:
            from store.thinning import Thinning

            self._thinning = Thinning(self._segments, self._segment_bytes, self._expendable)
        done = self._thinning.next(head_segment, head_seq)
        self._has_gained = done is not None
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
        self._is_full = False
        if self._thinning is not None:
            self._thinning.restart()
        if self._reserve_wanted:
            self._reserve_wanted = False
            self._reserve.restore(_RESERVE_LEAST_FREE_BYTES)

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
