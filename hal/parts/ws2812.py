# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""WS2812 LEDs, one or a ring that the connectors share: colour and rhythm of `hal.parts.indications`.

The interrupt only counts the rhythm. What goes out is sent by `send`, and only when something has changed.
The LEDs tell nothing, so it goes out again every 10 s or so, for one that was without its supply.
"""

from hal.parts.indications import INDICATIONS, place, rhythm, shown_by
from hal.parts.lamp import TICK_MS

_REPEAT_TICKS = 500
BRIGHTNESS = 64  # of 255; at full light a ring of 14 takes 0.8 A


class Ws2812:
    """A `hal.contract.Indicator`.

    send         fn(bytearray), three bytes for each LED: green, red, blue. Not called from the interrupt
                 where there is a `soon`
    count        LEDs
    connectors   each has an equal share of the LEDs, from the first one on; with fewer LEDs than connectors
                 all of them show the worst
    soon         `micropython.schedule` where `tick` comes from a hard interrupt; None: `tick` may send
    """

    def __init__(self, send, count, connectors, brightness=BRIGHTNESS, soon=None):
        self._send = send
        self._soon = soon
        self._brightness = brightness
        self._pixels = bytearray(3 * count)
        parts = connectors if count >= connectors else 1
        self._each = count // parts
        self._colours = bytearray(3 * parts)
        self._rows = [-1] * parts
        # Of each part, in ticks.
        self._light = [0] * parts
        self._dark = [1] * parts
        self._left = [1] * parts
        self._lit = [False] * parts
        self._shown = {}
        self._due = True  # a reset of the controller leaves them as they were
        self._asked = False
        self._repeat = _REPEAT_TICKS
        self._painter = self._paint  # looked up in the interrupt it would be allocated there

    def show(self, number, indication):
        """ValueError: an indication that `hal.contract` does not know."""
        self._shown[number] = place(indication)
        parts = len(self._lit)
        for part in range(parts):
            row = shown_by(self._shown, part + 1 if parts > 1 else 0)
            if row == self._rows[part]:
                continue
            self._rows[part] = row
            _, red, green, blue, _, _ = INDICATIONS[row]
            for index, level in enumerate((green, red, blue)):
                # Up: the fainter part of a colour shall not go out before the rest.
                self._colours[3 * part + index] = (level * self._brightness + 254) // 255
            self._light[part], self._dark[part] = rhythm(row, TICK_MS)
            self._left[part] = 1  # nothing of the old one goes on
            self._due = True

    def tick(self) -> None:
        """From the interrupt."""
        for part in range(len(self._lit)):
            left = self._left[part] - 1
            if left <= 0:
                was = self._lit[part]
                lit = self._light[part] > 0 and (not was or self._dark[part] == 0)
                left = self._light[part] if lit else self._dark[part]
                if lit != was:
                    self._lit[part] = lit
                    self._due = True
            self._left[part] = left
        self._repeat -= 1
        if self._repeat <= 0:
            self._repeat = _REPEAT_TICKS
            self._due = True
        if self._due and not self._asked:
            if self._soon is None:
                self._paint(None)
                return
            self._asked = True  # before: it may be called at once
            try:
                self._soon(self._painter, None)
            except RuntimeError:  # its queue is full
                self._asked = False

    def _paint(self, _):
        self._asked = False
        self._due = False  # first: what changes from here on is due again
        pixels, colours = self._pixels, self._colours
        each = self._each
        for part, lit in enumerate(self._lit):
            for index in range(3 * each * part, 3 * each * (part + 1)):
                pixels[index] = colours[3 * part + index % 3] if lit else 0
        self._send(pixels)
