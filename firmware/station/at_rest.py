# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The meter while nothing can flow: what it showed a moment ago is what it shows now.

A meter on a bus takes 130 ms for an answer (9600 baud, two questions). A transaction begins with the
contactor open, so its first reading need not be waited for: the last one of the regular round will do, when
the contactor has been open since before it was asked for.
"""

from hal.ticks import ticks_diff

# The round is every second, and a reading takes some of that: one may be late. Longer ago, the meter may have
# been swapped, or have died.
_FRESH_MS = 2000


class AtRest:
    def __init__(self):
        self._still = False
        self._reading = None
        self._energy_wh = None
        self._at = 0

    def ask(self) -> None:
        """The meter is being asked now, in the regular round."""
        self._still = True

    def take(self, reading, now: int) -> None:
        """It has answered: a `hal.reading.Reading`, None when it was silent. now: ticks. To be told first: of
        a meter that was swapped the transaction that runs sees another register, of which the next one must
        not begin."""
        known = reading is not None and reading.energy_wh is not None
        self._reading = reading if known and self._still else None
        self._energy_wh = None if reading is None else reading.energy_wh
        self._at = now

    def moved(self) -> None:
        """Something may flow."""
        self._still = False
        self._reading = None

    def reading(self, now: int):
        """What the meter shows, None: it has to be asked."""
        reading = self._reading
        if reading is None or not 0 <= ticks_diff(now, self._at) < _FRESH_MS:
            return None
        reading.energy_wh = self._energy_wh
        return reading
