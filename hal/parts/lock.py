# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The motor that locks the plug: pulses that end by themselves.

A lock's motor burns when its pulse does not end. So it is not the main loop that ends it, which may wait 14 s
for a name server, but the same timer that carries the guard: `tick` is called from there, and only `tick`
touches the pins. In the field pulses are 300 to 600 ms long, with a pause before the next one (esp32-evse,
SmartEVSE).

A bolt on which the plug pulls does not go back, however often its motor is told to: each further try to
unlock first pushes the bolt home for a moment, which takes the load off it.
"""

from hal.ticks import ticks_diff, ticks_ms

_REST_MS = 300
_EASE_MS = 150

_IDLE, _MOVING, _RESTING, _EASING, _EASED = 0, 1, 2, 3, 4


class MotorLock:
    """A `hal.contract.Lock` behind an H bridge.

    lock, unlock   Outputs, one for each direction; never on together
    feedback       Input, on when the bolt is in the plug
    pulse_ms       how long the motor runs
    """

    __slots__ = (
        "_feedback", "_last", "_lock", "_pulse_ms", "_since", "_state", "_unlock", "_waiting", "_wanted",
    )  # fmt: skip

    def __init__(self, lock, unlock, feedback, pulse_ms=600):
        self._lock = lock
        self._unlock = unlock
        self._feedback = feedback
        self._pulse_ms = pulse_ms
        self._state = _IDLE
        self._since = 0
        self._wanted = False
        self._waiting = False
        self._last = True  # the last pulse
        self._stop()

    def drive(self, lock: bool) -> None:
        """The next `tick` begins; a pulse in the other direction ends first and has its rest. Said again, it
        is another pulse, after the running one.
        """
        self._wanted = lock
        self._waiting = True  # last: the interrupt may come between these two

    def locked(self) -> bool:
        return self._feedback.on()

    def tick(self) -> None:
        """From the interrupt, every 50 ms at least: begin, end."""
        if self._state == _IDLE:
            if self._waiting:
                if self._wanted or self._last or not self._feedback.on():
                    self._move()
                else:
                    self._waiting = False
                    self._since = ticks_ms()
                    self._state = _EASING
                    self._lock.put(True)
            return
        elapsed = ticks_diff(ticks_ms(), self._since)
        if self._state == _MOVING:
            if elapsed >= self._pulse_ms or self._turned():
                self._stop()
                self._since = ticks_ms()
                self._state = _RESTING
        elif self._state == _EASING:
            if elapsed >= _EASE_MS:
                self._stop()
                self._since = ticks_ms()
                self._state = _EASED
        elif elapsed >= _REST_MS:
            if self._state == _EASED:
                self._move()
            else:
                self._state = _IDLE

    def rest(self) -> None:
        """Nobody will call `tick` any more."""
        self._waiting = False
        self._state = _IDLE
        self._stop()

    def _move(self):
        self._waiting = False
        self._since = ticks_ms()
        self._state = _MOVING
        self._last = wanted = self._wanted
        (self._lock if wanted else self._unlock).put(True)

    def _turned(self):
        """The other direction is wanted now."""
        return self._waiting and (self._unlock if self._wanted else self._lock).on()

    def _stop(self):
        self._lock.put(False)
        self._unlock.put(False)
