# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Over- and under-voltage of the mains, found with the readings of the meter. Pure.

The grid code of Austria (OVE R 37, as WARP chargers follow it) is the strictest that was found for chargers:
below 0.8 of the nominal voltage for 3 s ends the charging, and it begins again when the voltage has been
between 0.9 and 1.09 for 60 s. Above 1.15 (EN 50160 allows 1.1) for 2 s is taken for a lost neutral.
"""

# Per cent of the nominal voltage, and how long.
_UNDER_PCT = 80
_UNDER_MS = 3000
_OVER_PCT = 115
_OVER_MS = 2000
_GOOD_PCT = (90, 109)
_GOOD_MS = 60000
_LATE_MS = 3000  # readings further apart prove nothing about the time between


class Mains:
    """under, over   the faults UnderVoltage and OverVoltage"""

    __slots__ = ("under", "over", "_nominal_v", "_what", "_for_ms")

    def __init__(self, nominal_v: int):
        self._nominal_v = nominal_v
        self._what = 0  # -1 too low, 1 too high, 2 good
        self._for_ms = 0
        self.under = False
        self.over = False

    def look(self, since_ms: int, voltage_mv) -> None:
        """A reading, `since_ms` after the one before; `voltage_mv`: tuple per phase, empty: not known."""
        what = 2
        for phase_mv in voltage_mv:
            pct = phase_mv // (self._nominal_v * 10)
            if pct < _UNDER_PCT:
                what = -1
            elif pct >= _OVER_PCT:
                what = 1
                break
            elif not _GOOD_PCT[0] <= pct <= _GOOD_PCT[1] and what == 2:
                what = 0
        if not voltage_mv or since_ms > _LATE_MS or what != self._what:
            self._what = what if voltage_mv else 0
            self._for_ms = 0
            return
        self._for_ms = min(self._for_ms + since_ms, _GOOD_MS)
        if what < 0 and self._for_ms >= _UNDER_MS:
            self.under = True
        elif what == 1 and self._for_ms >= _OVER_MS:
            self.over = True
        elif what == 2 and self._for_ms >= _GOOD_MS:
            self.under = self.over = False
