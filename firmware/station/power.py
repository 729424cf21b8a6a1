# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The board's warning that its supply is going down, and what is to be believed of it. Pure.

Hold-up times are milliseconds to some seconds. A controller that still runs after that has lived through a
brown-out, or its input is stuck: the charger then works again, without energy as long as the input says so.
"""

from hal.ticks import ticks_diff

# A supply that is back has to stay.
_STEADY_MS = 1000
_HOLD_UP_MS = 5000


class PowerFail:
    """`present`: no energy may flow; `quiet`: nothing but transactions may be written to flash."""

    def __init__(self):
        self.present = False
        self.quiet = False
        self._began = 0
        self._last = 0

    def look(self, failing: bool, now: int) -> bool:
        """At every step, with `Board.power_fails()`. True once, when it begins."""
        if failing:
            self._last = now
            if not self.present:
                self.present = self.quiet = True
                self._began = now
                return True
        elif self.present and ticks_diff(now, self._last) >= _STEADY_MS:
            self.present = self.quiet = False
        if self.quiet and ticks_diff(now, self._began) >= _HOLD_UP_MS:
            self.quiet = False
        return False
