# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One lamp for the whole charger, by the rhythm of its light."""

from hal.parts.indications import place, rhythm, shown_by

# How often `tick` comes, more or less: people do not count milliseconds, and the interrupt is short.
TICK_MS = 20


class Lamp:
    """A `hal.contract.Indicator` on one Output."""

    def __init__(self, output):
        self._output = output
        self._shown = {}
        self._row = -1
        self._light = 0  # ticks
        self._dark = 1
        self._lit = False
        self._left = 1

    def show(self, number, indication):
        """ValueError: an indication that `hal.contract` does not know."""
        self._shown[number] = place(indication)
        row = shown_by(self._shown)
        if row != self._row:
            self._row = row
            self._light, self._dark = rhythm(row, TICK_MS)
            self._left = 1  # nothing of the old one goes on

    def tick(self) -> None:
        """From the interrupt."""
        self._left -= 1
        if self._left > 0:
            return
        self._lit = self._light > 0 and (not self._lit or self._dark == 0)
        self._left = self._light if self._lit else self._dark
        self._output.put(self._lit)
