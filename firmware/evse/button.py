# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The service button (`hal.contract.Button`): held for 3 s, once for each press. Pure.

One that is pressed already when the charger starts, or stuck, says nothing until it was let go: whoever
acknowledges a latched fault has to be there.
"""

from evse.timer import LONG_AGO_MS, Stopwatch

_HELD_MS = 3000
_STEP_MS = 200  # a press has to be seen often: a stall of the main loop is nobody's finger


class ServiceButton:
    __slots__ = ("_watch", "_for_ms")

    def __init__(self):
        self._watch = Stopwatch()
        self._for_ms = LONG_AGO_MS  # spent until it is let go

    def held(self, now: int, pressed: bool) -> bool:
        """To be asked at every step; True once, when it has been held for 3 s."""
        dt_ms = self._watch.lap(now)
        if not pressed:
            self._for_ms = 0
            return False
        if self._for_ms >= _HELD_MS:
            return False
        self._for_ms += min(dt_ms, _STEP_MS)
        return self._for_ms >= _HELD_MS
