# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The driver's button (`hal.contract.Board.start_button`): one short press, whatever its contact does. Pure.

It counts when it is let go: who leans against it, or a contact that sticks, starts and stops nothing.
"""

from evse.timer import LONG_AGO_MS, Stopwatch, longer

_BOUNCE_MS = 60  # pressed, and let go, for so long: both edges of a contact bounce
_LONGEST_MS = 2000
_STEP_MS = 200  # what one look may count for, however late it comes
# The look that finds it changed has seen a moment, however long nobody looked: a spike behind a stall is no
# press.
_FIRST_MS = 20
_APART_MS = 1000  # a nervous finger presses twice, and would stop what it has started


class StartButton:
    __slots__ = ("_watch", "_for_ms", "_free_ms", "_since_ms")

    def __init__(self):
        self._watch = Stopwatch()
        self._for_ms = LONG_AGO_MS  # pressed, until it was let go for long enough; at the start it is spent
        self._free_ms = 0
        self._since_ms = LONG_AGO_MS  # the last press

    def pressed(self, now: int, down: bool) -> bool:
        """To be asked at every step; True once for each press."""
        dt_ms = min(self._watch.lap(now), _STEP_MS)
        self._since_ms = longer(self._since_ms, dt_ms)
        if down == (self._free_ms > 0):
            dt_ms = min(dt_ms, _FIRST_MS)
        if down:
            self._free_ms = 0
            self._for_ms = longer(self._for_ms, dt_ms)
            return False
        self._free_ms = longer(self._free_ms, dt_ms)
        if self._free_ms < _BOUNCE_MS or not self._for_ms:
            return False
        for_ms, self._for_ms = self._for_ms, 0
        if not _BOUNCE_MS <= for_ms <= _LONGEST_MS or self._since_ms < _APART_MS:
            return False
        self._since_ms = 0
        return True
