# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The contactor's coil on an ESP32, which cannot let go of it by itself when the interpreter hangs.

Beside the coil's pin there is one that changes its level at every `put(True)`: a retriggerable monostable on
the board keeps the coil's supply only while that goes on (README.md, "Interlocks"). When it has let go, the
contactor stays open until it is told so: it does not close again, under load and unchecked, because the
interpreter has come back.
"""

from hal.ticks import ticks_diff, ticks_ms

_HOLD_MS = 90  # less than the 100 of table A.6: a car that leaves during a stall finds it open in time
# The guard, which looks at the clock before it reads the pilots, opens by itself before that.
HOLD_MS = _HOLD_MS - 10


class KeptAliveCoil:
    """As `hal.parts.pins.Output`. `coil`: an Output; `alive`: a machine.Pin that is an output."""

    __slots__ = ("_coil", "_last", "_level", "_next", "_told")

    def __init__(self, coil, alive):
        self._coil = coil
        self._level = alive.value
        self._next = 1
        self._told = False
        self._last = 0
        self._level(0)

    def put(self, on: bool) -> None:
        if not on:
            self._told = False
            self._open()
            return
        now = ticks_ms()
        if not self._told:
            self._told = True
            self._coil.put(True)
        elif ticks_diff(now, self._last) > _HOLD_MS:
            self._open()  # and from now on: `_last` stays, until put(False)
        if self._coil.on():
            self._last = now
            self._level(self._next)
            self._next ^= 1

    def on(self) -> bool:
        """The coil's pin is driven."""
        return self._coil.on()

    def _open(self):
        self._coil.put(False)
        self._level(0)
