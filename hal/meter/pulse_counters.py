# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Who counts the pulses of a `hal.meter.pulse` where no state machine does: a counter of the chip without a
debounce worth the name, or an interrupt at each edge.
"""

import log
from hal.ticks import ticks_diff, ticks_ms

_DEBOUNCE_MS = 5
ROUND = 30000  # a hardware counter begins anew at 0 there
_LONG_MS = 60000


class HardwareCounter:
    """As `hal.meter.pulse` wants it. `pcnt`: an `esp32.PCNT` that begins anew at `ROUND`. Its filter
    ends at 12.8 us: what comes faster than any meter counts is noise, and not counted."""

    at = None

    def __init__(self, pcnt):
        self._value = pcnt.value
        self._last = pcnt.value()
        self._looked = ticks_ms()
        self._total = 0

    def total(self) -> int:
        now = ticks_ms()
        value = self._value()
        new = (value - self._last) % ROUND
        # A pulse and its pause have a debounce each.
        most = min(max(ticks_diff(now, self._looked), 0), _LONG_MS) // (2 * _DEBOUNCE_MS) + 1
        self._last = value
        self._looked = now
        if new > most:
            log.error("meter", "%d pulses where %d is most: noise, not counted", new, most)
        else:
            self._total = (self._total + new) & 0xFFFF
        return self._total


class EdgeCounter:
    """As `hal.meter.pulse` wants it, by an interrupt at each edge. `pin`: an input; `active`: its level
    during a pulse."""

    def __init__(self, pin, active: int):
        self.at = None
        self._level = pin.value
        self._active = active
        self._total = 0
        self._seen = self._settled = pin.value()
        self._since = ticks_ms()
        pin.irq(self._edge, pin.IRQ_RISING | pin.IRQ_FALLING)

    def _edge(self, _):
        """The level that ends now counts when it has lasted. What the line is now is read, not taken from the
        edge: of a spike both edges may have come by now."""
        now = ticks_ms()
        if ticks_diff(now, self._since) >= _DEBOUNCE_MS and self._seen != self._settled:
            self._settled = self._seen
            if self._seen == self._active:
                self._total = (self._total + 1) & 0xFFFF
                self.at = now
        self._seen = self._level()
        self._since = now

    def total(self) -> int:
        return self._total
