# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The duty that offers a current, and when it may change. Pure.

Between the beginnings of two offers 5 s pass (table A.6: the car follows within 5 s), also when a pause lies
between them; a pause may come at any time. So a limit that swings around 6 A makes one offer in 5 s.

Plug-in hybrids of BMW show B for half a second after every change from one offer to another. What they show
is what a car shows that wants to end, so the contactor opens as the standard has it; who would ignore it, as
WARP does, opens half a second late for everybody. But the car that is back in C at once is remembered: from
then on its offer changes by way of a pause, so that it opens S2 itself and nothing opens under load, and
rises at most once a minute.
"""

from evse.pilot import PAUSE_E4, duty_e4, is_pwm
from evse.timer import LONG_AGO_MS, longer

_CHANGE_MS = 5000
_CALM_MS = 60000
# The glitch begins with the change and lasts 0.5 s; C is believed half a second after it.
_GLITCH_MS = 700
_BACK_MS = 2500


class Offer:
    """duty_e4   1/10000; PAUSE_E4: nothing is offered
    glitches    this car leaves C for a moment when the offer changes
    """

    __slots__ = ("duty_e4", "glitches", "_since_ms", "_pausing", "_stage", "_stage_ms")

    def __init__(self):
        self.duty_e4 = PAUSE_E4
        self.glitches = False
        self._since_ms = LONG_AGO_MS  # the beginning of the last offer
        self._pausing = False  # on the way from one offer to the next
        self._stage = 0  # of a glitch: 1 the offer has changed in C, 2 the car is in B
        self._stage_ms = 0

    def forget(self) -> None:
        """Another car."""
        self.glitches = False
        self._stage = 0
        self._since_ms = LONG_AGO_MS

    def step(self, dt_ms: int, limit_da: int, letter: str, driven: bool, shown: bool = True) -> None:
        """`limit_da`: what is to be offered, 0 or below 6 A: a pause; `driven`: the contactor is told to be
        closed; `shown`: the pilot does show `duty_e4` and nothing else (state F, ...)."""
        self._since_ms = longer(self._since_ms, dt_ms)
        self._watch(dt_ms, letter)
        duty = duty_e4(limit_da)
        before = self.duty_e4
        if duty == PAUSE_E4:
            self._pausing = False
            self._set(duty)
        elif self._since_ms < _CHANGE_MS:
            if not shown and duty != before:
                self._set(PAUSE_E4)  # what the car has not seen is not waited for with the old offer
        elif before == PAUSE_E4:
            if not (self._pausing and driven):
                self._pausing = False
                self._set(duty)
        elif duty != before:
            if not (self.glitches and driven):
                self._set(duty)
                if driven:
                    self._stage = 1
                    self._stage_ms = 0
            elif duty < before or self._since_ms >= _CALM_MS:
                self._pausing = True
                self._set(PAUSE_E4)

    def _set(self, duty):
        if duty != self.duty_e4:
            self.duty_e4 = duty
            if duty != PAUSE_E4:
                self._since_ms = 0

    def _watch(self, dt_ms, letter):
        if not self._stage:
            return
        self._stage_ms += dt_ms
        # What is seen too late may have been anything: the main loop was away.
        if self._stage_ms > (_GLITCH_MS if self._stage == 1 else _BACK_MS):
            self._stage = 0
        elif self._stage == 1:
            if letter == "B":
                self._stage = 2
            elif letter != "C":
                self._stage = 0
        elif letter == "C":
            self.glitches = True
            self._stage = 0
        elif letter != "B" or not is_pwm(self.duty_e4):
            self._stage = 0
