# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The service button (`hal.contract.Button`): what a press of so many seconds means. Pure. docs/buttons.md

One that is pressed already when the charger starts, or stuck, says nothing until it was let go: whoever
acknowledges a latched fault has to be there. And the factory reset comes with letting go, in good time: of a
wire that has chafed through nobody lets go.
"""

from evse.timer import LONG_AGO_MS, Stopwatch

ACKNOWLEDGE = "acknowledge"  # held for 3 s
WARN = "warn"  # goes on to be held: the factory reset is near; once a second
READY = "ready"  # let go now it is the factory reset
RESET = "reset"
GIVEN_UP = "given up"  # after a `WARN`: let go before, or held for too long

_HELD_MS = 3000
_WARN_MS = 5000
_READY_MS = 10000
_VOID_MS = 20000
_SECOND_MS = 1000
_STEP_MS = 200  # a press has to be seen often: a stall of the main loop is nobody's finger
_BOUNCE_MS = 60
_FIRST_MS = 20  # the look that finds it free has seen a moment of that, however long nobody looked


class ServiceButton:
    __slots__ = ("_watch", "_for_ms", "_free_ms")

    def __init__(self):
        self._watch = Stopwatch()
        self._for_ms = LONG_AGO_MS  # spent until it is let go
        self._free_ms = 0  # let go since

    def look(self, now: int, pressed: bool) -> "str | None":
        """To be asked at every step: what this step has brought."""
        dt_ms = min(self._watch.lap(now), _STEP_MS)
        before = self._for_ms
        if not pressed:
            if before < _WARN_MS or before >= _VOID_MS:
                self._for_ms = 0
                return None
            # A contact that bounces has not been let go yet.
            self._free_ms += dt_ms if self._free_ms else min(dt_ms, _FIRST_MS)
            if self._free_ms < _BOUNCE_MS:
                return None
            self._for_ms = 0
            return RESET if before >= _READY_MS else GIVEN_UP
        self._free_ms = 0
        if before >= _VOID_MS:
            return None
        held = self._for_ms = before + dt_ms
        if before < _HELD_MS <= held:
            return ACKNOWLEDGE
        if before < _READY_MS <= held:
            return READY
        if held >= _VOID_MS:
            return GIVEN_UP
        if _WARN_MS <= held < _READY_MS and before // _SECOND_MS != held // _SECOND_MS:
            return WARN
        return None
