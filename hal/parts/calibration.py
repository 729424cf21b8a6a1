# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""From what the converter reads to millivolts at the pilot: a straight line through two known points.

The points are the readings at +12 V (nothing plugged, state A) and at -12 V (state F), which a charger can
put on its own pilot without any instrument. A board's data holds the nominal ones; those of one unit come
from its commissioning.
"""

# A unit further away from its board's nominal values than this has another fault than resistors with a
# tolerance.
_TOLERANCE_PERCENT = 8


class Calibration:
    """`plus`, `minus`: readings at +12 V and at -12 V, in any unit, at most 40000 apart."""

    __slots__ = ("_minus", "_span")

    def __init__(self, plus: int, minus: int):
        if not 0 < plus - minus <= 40000:
            raise ValueError("calibration: %d at +12 V, %d at -12 V" % (plus, minus))
        self._minus = minus
        self._span = plus - minus

    def pilot_mv(self, reading: int) -> int:
        """From the interrupt; `reading` at most 44000 away from `minus`."""
        return (reading - self._minus) * 24000 // self._span - 12000


def believable(plus: int, minus: int, nominal_plus: int, nominal_minus: int) -> bool:
    """Both readings are near what the board's resistors give."""
    most = (nominal_plus - nominal_minus) * _TOLERANCE_PERCENT // 100
    return abs(plus - nominal_plus) <= most and abs(minus - nominal_minus) <= most
