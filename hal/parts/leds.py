# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A lamp of two or three colours: a red and a green LED, perhaps a blue one, each on a pin of its own.

A colour that is between is that of the LEDs which are more than half in it. Without a blue one the green one
stands in for it: the rhythm tells them apart.
"""

from hal.parts.indications import INDICATIONS
from hal.parts.lamp import Lamp

_HALF = 128
_RED, _GREEN, _BLUE = 1, 2, 4


class Leds(Lamp):
    """A `hal.contract.Indicator`. red, green, blue: Outputs; `blue` None: there is none."""

    def __init__(self, red, green, blue=None):
        Lamp.__init__(self, self)
        self._red = red
        self._green = green
        self._blue = blue
        self._colour = 0

    def show(self, number, indication):
        """ValueError: an indication that `hal.contract` does not know."""
        Lamp.show(self, number, indication)
        _, red, green, blue, _, _ = INDICATIONS[self._row]
        colour = _RED if red >= _HALF else 0
        if green >= _HALF or (blue >= _HALF and self._blue is None):
            colour |= _GREEN
        if blue >= _HALF:
            colour |= _BLUE
        self._colour = colour

    def put(self, lit: bool) -> None:
        """From the interrupt: what a lamp's one output is told."""
        colour = self._colour if lit else 0
        self._red.put(colour & _RED)
        self._green.put(colour & _GREEN)
        if self._blue is not None:
            self._blue.put(colour & _BLUE)
