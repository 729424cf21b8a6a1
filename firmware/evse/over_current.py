# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A car that draws more than it is offered, found with the readings of the meter. Pure.

Soft over-current: more than 1.1 times (offer + 0.5 A) for 7 s. A car has 5 s to follow a lower offer, and a
meter tells what was a second ago. Hard over-current is the circuit breaker's.
"""

_MARGIN_DA = 5
_FOR_MS = 7000
_LATE_MS = 3000  # readings further apart prove nothing about the time between


class OverCurrent:
    """present   the car of now has drawn too much; it stays until the car is gone: it would do so again"""

    __slots__ = ("present", "_over_ms", "_over")

    def __init__(self):
        self.present = False
        self._over_ms = 0
        self._over = False

    def forget(self) -> None:
        """Another car."""
        self.present = False
        self._over = False

    def look(self, since_ms: int, current_ma, least_da: int, offered_da: int) -> None:
        """A reading: `since_ms` after the one before, `current_ma` a tuple per phase (empty: not known),
        `least_da` the lowest offer since then, 0: none, at least for a moment; `offered_da` the offer of now:
        a car that keeps within that is not cut off for what was.

        A pause proves nothing either way: the car has 3 s to stop, and one that does not is cut off after 6 s
        (`evse.outlet`). One that goes on drawing through short pauses is over all the same."""
        most_ma = 0
        for phase_ma in current_ma:
            most_ma = max(most_ma, phase_ma)
        if most_ma <= (least_da + _MARGIN_DA) * 110 or since_ms > _LATE_MS:
            self._over = False
            return
        if not least_da:
            return
        if self._over:
            self._over_ms += since_ms
            if self._over_ms >= _FOR_MS and most_ma > (offered_da + _MARGIN_DA) * 110:
                self.present = True
        else:
            self._over = True
            self._over_ms = 0
