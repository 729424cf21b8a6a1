# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One lamp for the whole charger, by the rhythm of its light."""

# How often `tick` comes, more or less: people do not count milliseconds, and the interrupt is short.
_TICK_MS = 20

# Milliseconds of light and of dark, worst first: with several connectors the worst is shown.
_RHYTHMS = (
    ("fault", 150, 150),
    ("unavailable", 100, 1900),
    ("starting", 50, 450),
    ("charging", 1500, 500),
    ("suspended", 500, 500),
    ("preparing", 1000, 200),
    ("finishing", 200, 1000),
    ("reserved", 200, 3000),
    ("available", 1, 0),
    ("off", 0, 1),
)


class Lamp:
    """A `hal.contract.Indicator` on one Output."""

    def __init__(self, output):
        self._output = output
        self._shown = {}
        self._light = 0  # ticks
        self._dark = 1
        self._lit = False
        self._left = 1

    def show(self, number, indication):
        """ValueError: an indication that `hal.contract` does not know."""
        self._shown[number] = [row[0] for row in _RHYTHMS].index(indication)
        _, light_ms, dark_ms = _RHYTHMS[min(self._shown.values())]
        self._light = (light_ms + _TICK_MS - 1) // _TICK_MS
        self._dark = (dark_ms + _TICK_MS - 1) // _TICK_MS

    def tick(self) -> None:
        """From the interrupt."""
        self._left -= 1
        if self._left > 0:
            return
        self._lit = self._light > 0 and (not self._lit or self._dark == 0)
        self._left = self._light if self._lit else self._dark
        self._output.put(self._lit)
