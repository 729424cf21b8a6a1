# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A residual current monitor with outputs of its own for 6 mA DC and for AC, and one for its own failure
(class X804, X904).

Its test is a short pulse: 30 ms to 1.2 s are legal, WARP takes 250. Behind it the outputs come one after
another, DC within 1.0 s of the beginning, AC within 1.65, with an X804 the error output as well, within 2.05,
and go together (Tinkerforge evse-v2-bricklet, `dc_fault.c`). What is on its outputs otherwise is a trip,
whichever it is: a monitor with an error sees no current.
"""

from hal.parts.wired import Rcd

_PULSE_MS = 250
_DC, _AC = 1, 2


class Monitor(Rcd):
    """An Rcd. trip: Input of the DC output; test: Output; others: Inputs of the AC output and,
    where it is wired, of the error output."""

    def __init__(self, trip, test, others):
        Rcd.__init__(self, trip, test)
        self.sequence = True
        self._pulse_ms = _PULSE_MS
        self._ac = others[0]
        self._error = others[1] if len(others) > 1 else None
        self._seen = 0

    def tripped(self) -> bool:
        """From the interrupt."""
        dc, ac = self._trip.on(), self._ac.on()
        if dc:
            self._seen |= _DC
        if ac:
            self._seen |= _AC
        return dc or ac or (self._error is not None and self._error.on())

    def answered(self) -> bool:
        return self._seen == _DC | _AC

    def test(self, on: bool) -> None:
        if on:
            self._seen = 0
        Rcd.test(self, on)
