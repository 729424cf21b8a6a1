# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Switching between one phase and three where a board has a second contactor for L2 and L3. Pure.

    pause (100 %) -> main contactor open -> 0.1 s -> pilot taken off the line -> second contactor moves ->
    wait -> its feedback agrees -> pilot back -> 0.1 s -> offer

The wait is long because cars need it: 5 s were too short for Polestar, 15 s for BMW iX3 and Cupra Tavascan;
WARP arrived at 60 s. A Zoe of the first series, MG and Smart may be damaged by any switching (field reports):
who asks for it must know the car. The second contactor never moves with the main one closed.

Only a car that has charged needs the wait, and the pilot off the line (WARP since 2.2.7): before the first
charge, and without a car, it is moved and looked at.

The limit changes together with the wish: what one phase may carry, as a part of a total in watts, is three
times too much for three. So from the step of a new wish on nothing is offered until the second contactor is
where it is wanted.
"""

from evse.seen import UNSEEN, seen
from evse.timer import LONG_AGO_MS, longer

WAIT_MS = 60000
LEAST_WAIT_MS = 10000
MOST_WAIT_MS = 120000

_SETTLE_MS = 100
_FEEDBACK_MS = 500  # as fault: seen for so long (`evse.seen`); all other times here count in full
# A limit that swings between one phase and three: no contactor has to follow it faster.
_BACK_MS = LEAST_WAIT_MS
_IDLE, _OPENING, _SETTLING, _MOVING, _JOINING = 0, 1, 2, 3, 4


class PhaseChange:
    """three     what the second contactor is told
    hold        nothing may be offered and nothing closed now
    apart       the pilot is to be off the line (a board without such a switch stays at 100 %)
    failed      the feedback disagrees: the fault PhaseSwitchFailure; it goes when they agree. After the wait
                the pilot is back all the same: else nobody would see the car leave
    """

    __slots__ = (
        "three", "hold", "apart", "failed", "_wanted", "_phase", "_for_ms", "_wait_ms", "_wrong_ms",
        "_rest_ms",
    )  # fmt: skip

    def __init__(self, three: bool = False, wait_ms: int = WAIT_MS):
        self.three = three
        self.hold = False
        self.apart = False
        self.failed = False
        self._wanted = three
        self._phase = _IDLE
        self._for_ms = 0
        self._rest_ms = LONG_AGO_MS  # since it was moved
        self._wrong_ms = UNSEEN
        self._wait_ms = min(max(wait_ms, LEAST_WAIT_MS), MOST_WAIT_MS)

    def want(self, three: bool) -> None:
        """From now on one phase or three."""
        self._wanted = three

    def step(self, dt_ms: int, main_open: bool, three: bool, charged: bool = True) -> None:
        """`main_open`: told and seen to be open; `three`: the feedback of the second contactor; `charged`:
        a car is there that has had energy since it was plugged in."""
        self._for_ms = longer(self._for_ms, dt_ms)
        self._rest_ms = longer(self._rest_ms, dt_ms)
        self._wrong_ms = seen(self._wrong_ms, three != self.three, dt_ms)
        self.failed = self._wrong_ms > _FEEDBACK_MS
        phase = self._phase
        if phase == _IDLE:
            if self._wanted != self.three:
                self.hold = True
                self._enter(_OPENING)
        elif phase <= _SETTLING and self._wanted == self.three:
            self.hold = False  # the wish was taken back in time
            self._enter(_IDLE)
        elif phase == _OPENING:
            if main_open:
                self._enter(_SETTLING)
        elif phase == _SETTLING:
            if not main_open:
                self._enter(_OPENING)
            elif self._for_ms >= _SETTLE_MS and self._rest_ms >= _BACK_MS:
                self._move(charged)
        elif phase == _MOVING:
            self._wait(main_open, three, charged)
        elif self._wanted != self.three:
            self._enter(_OPENING)  # in the last moment: not one step of an offer in between
        elif self._for_ms >= _SETTLE_MS:
            self.hold = False
            self._enter(_IDLE)

    def _wait(self, main_open, three, charged):
        if self._wanted != self.three:
            # The wish was taken back meanwhile: it moves again, the wait begins anew.
            if main_open and self._rest_ms >= _BACK_MS:
                self._move(charged)
        elif self._for_ms >= (self._wait_ms if charged else _FEEDBACK_MS):
            self.apart = False
            if three == self.three:
                self._enter(_JOINING)

    def _move(self, charged):
        self.apart = charged
        self.three = self._wanted
        self._rest_ms = 0
        self._enter(_MOVING)

    def _enter(self, phase):
        self._phase = phase
        self._for_ms = 0
