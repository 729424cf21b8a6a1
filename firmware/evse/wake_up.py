# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Waking a car that was offered current and sleeps in B. Pure.

Some cars do not notice that the pause has ended. They wake when state F comes and goes, more of them when the
pilot is taken off the line, which needs a switch (`hal.contract.PilotSwitch`). As WARP does it since it
follows A.5.3: the first time after 90 s, because VWs wake by themselves but slowly; the pilot off for 4 s,
and if that did not help, for 30 s ("cars in the wild need 30 s"). State F for 4 s and no longer: from 5 s on
it has to unlock the plug. It is followed by 0.75 s of steady +12 V, as EVerest has it.

Never for ever: some VW give up after 10 interruptions, a Porsche after 5 starts in vain. One run of steps for
an offer, three for a car that has not charged in between; none for a car that has charged under this offer
(it is full), nor once it has asked for energy.
"""

NONE, STATE_F, SWITCH = "none", "F", "switch"
METHODS = (NONE, STATE_F, SWITCH)

_RUNS = 3

# What is done, and how long, one after the other; the first and every other wait is the offer alone.
WAIT, F, X1, APART = 0, 1, 2, 3
_STEPS_F = (WAIT, 90000, F, 4000, X1, 750)
_STEPS_SWITCH = (WAIT, 90000, APART, 4000, WAIT, 30000, APART, 30000)


class WakeUp:
    """action   WAIT (nothing), F, X1 or APART: what the pilot is to do instead of the offer"""

    __slots__ = ("action", "_steps", "_at", "_for_ms", "_runs", "_offered", "_charged")

    def __init__(self, method: str = "none"):
        """`method`: one of `METHODS`; ValueError for others."""
        if method not in METHODS:
            raise ValueError("wake-up: %r is none of %s" % (method, ", ".join(METHODS)))
        self._steps = _STEPS_F if method == STATE_F else _STEPS_SWITCH if method == SWITCH else ()
        self.action = WAIT
        self._at = 0
        self._for_ms = 0
        self._runs = 0
        self._offered = False
        self._charged = False

    def forget(self) -> None:
        """Another car."""
        self._runs = 0
        self._offered = False
        self._stop()

    def step(self, dt_ms: int, offering: bool, sleeps: bool, charging: bool) -> None:
        """`offering`: current is offered, but for what is done here; `sleeps`: the car is in B, as far as can
        be seen now; `charging`: it is in C or D."""
        if not offering:
            self._offered = False
            self._charged = False
            self._stop()
            return
        if charging:
            self._charged = True
            self._runs = 0
        if not self._offered:
            self._offered = True
            self._stop()
        steps = self._steps
        if not sleeps or self._charged or self._runs >= _RUNS:
            self._stop()
            return
        if self._at >= len(steps):
            return
        self._for_ms += dt_ms
        if self._for_ms >= steps[self._at + 1]:
            self._for_ms = 0
            self._at += 2
            if self._at >= len(steps):
                self._runs += 1
                self.action = WAIT
            else:
                self.action = steps[self._at]

    def _stop(self):
        self.action = WAIT
        self._at = 0
        self._for_ms = 0
