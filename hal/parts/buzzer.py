# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A buzzer: short patterns of `hal.parts.indications`, in one pitch, that end by themselves.

As with the lock's motor it is the interrupt that begins and ends each tone: a main loop that is away for a
name lookup of 14 s must not leave one sounding.
"""

from hal.parts.indications import SOUNDS
from hal.ticks import ticks_diff, ticks_ms

_HALF_U16 = 32768


class Tone:
    """What a passive buzzer (piezo, SmartEVSE: 2 to 4 kHz) needs to be an Output: its PWM."""

    def __init__(self, pwm):
        # Looked up in the interrupt the method would be allocated there.
        self._duty_u16 = pwm.duty_u16
        self.put(False)

    def put(self, on: bool) -> None:
        self._duty_u16(_HALF_U16 if on else 0)


class Buzzer:
    """A `hal.contract.Buzzer`. `output`: an Output (an active buzzer) or a Tone."""

    def __init__(self, output):
        self._output = output
        self._wanted = None
        self._pattern = ()
        self._place = 0
        self._since = 0

    def sound(self, name: str) -> None:
        """It takes the place of one that sounds. ValueError: a name that `hal.contract` does not know."""
        self._wanted = SOUNDS[[row[0] for row in SOUNDS].index(name)][1]

    def tick(self) -> None:
        """From the interrupt, every 50 ms at least."""
        wanted = self._wanted
        if wanted is not None:
            self._wanted = None
            self._pattern = wanted
            self._place = 0
            self._since = ticks_ms()
            self._output.put(True)
        elif self._pattern:
            now = ticks_ms()
            if ticks_diff(now, self._since) >= self._pattern[self._place]:
                self._since = now
                self._place += 1
                if self._place == len(self._pattern):
                    self._pattern = ()
                    self._output.put(False)
                else:
                    self._output.put(self._place & 1 == 0)

    def rest(self) -> None:
        """Nobody will call `tick` any more."""
        self._wanted = None
        self._pattern = ()
        self._output.put(False)
