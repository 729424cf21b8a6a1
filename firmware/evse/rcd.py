# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The self-test of the residual current monitor: when it is due, and whether it was passed. Pure. A monitor
without a test input (`hal.contract.Rcd.testable`) has none: `evse.supply` then leaves it out, and says so.

It is due at boot, when a car has been plugged in, after each charge, and once a day; it runs only while the
contactor is open and nobody wants it closed (IEC 62955; WARP and esp32-evse test at these moments). While one
is due that rests on nothing older, the contactor stays open (`ready`).

A monitor of the RCM14 or RCMB type has one output, which answers while its test input is driven. One of the
X804 type (`hal.contract.Rcd.sequence`) has several, all of which have to answer.
"""

from evse.seen import UNSEEN, seen
from evse.timer import longer

# A monitor of the RCMB type answers its test within 0.74 s, is at rest again within 1.1 s; 30 ms to 1.2 s of
# test current are legal.
_TRIP_MS = 1000
_REST_MS = 2000
# Of a sequence, from the beginning of its test on: the last output that counts comes within 1.65 s, and until
# all of them have gone, after 2.1 s, one that is off may come on again (`hal.parts.monitor`).
_ALL_MS = 1900
_OVER_MS = 2300
_GONE_MS = 3500
_TRIES = 2
# Whoever looks this seldom may have missed the answer: the board itself ends the test current in time
# (`hal.parts.wired.Rcd`), and the monitor is at rest again.
_AWAY_MS = 250
_AT_REST_MS = 60  # before a test: one that has tripped already is not tested; and after it
_DAY_MS = 24 * 3600000

_IDLE, _TRIPPING, _RESTING, _CALMING, _STUCK = 0, 1, 2, 3, 4


class SelfTest:
    """testing   its test input is to be driven
    busy        a trip is no trip now: the test is under way, or what it made trip has not come to rest
    ready       passed since the last charge and since the last car came
    failed      the fault RcdSelfTest
    """

    __slots__ = (
        "testing", "busy", "ready", "failed",
        "_sequence", "_phase", "_for_ms", "_began_ms", "_calm_ms", "_tries", "_age_ms",
    )  # fmt: skip

    def __init__(self, sequence=False):
        """`sequence`: of the monitor."""
        self._sequence = sequence
        self.testing = False
        self.busy = False
        self.ready = False
        self.failed = False
        self._phase = _IDLE
        self._for_ms = 0
        self._began_ms = 0  # the same of the test
        self._calm_ms = UNSEEN  # at rest, as far as it was seen
        self._tries = 0
        self._age_ms = 0

    def due(self) -> None:
        """A car was plugged in, or a charge has ended: what was tested is out of date."""
        self.ready = False

    def step(self, dt_ms: int, free: bool, tripped: bool, answered: bool = False) -> None:
        """`free`: the contactor is open and may stay so for 4 s; `tripped`: what the monitor says;
        `answered`: of a sequence, all of it has come."""
        phase = self._phase
        self._age_ms += dt_ms
        self._for_ms = longer(self._for_ms, dt_ms)
        self._began_ms = longer(self._began_ms, dt_ms)
        if phase == _IDLE:
            if self._age_ms >= _DAY_MS:
                self._age_ms = _DAY_MS
                self.ready = False
            if tripped:
                self._for_ms = 0
            elif free and not self.ready and not self.failed and self._for_ms >= _AT_REST_MS:
                self._begin()
        elif phase == _TRIPPING:
            if answered if self._sequence else tripped:
                self.testing = False
                self._enter(_RESTING)
            elif self._for_ms >= (_ALL_MS if self._sequence else _TRIP_MS):
                self._fail(dt_ms <= _AWAY_MS)
        elif phase == _RESTING:
            # Its contact bounces: a trip behind a single calm look is still the test's.
            self._calm_ms = seen(self._calm_ms, not tripped, dt_ms)
            if self._calm_ms >= _AT_REST_MS and (not self._sequence or self._began_ms >= _OVER_MS):
                self.busy = False
                self.ready = True
                self._age_ms = 0
                self._tries = 0
                self._enter(_IDLE)
            elif tripped and (self._began_ms >= _GONE_MS if self._sequence else self._for_ms >= _REST_MS):
                self._stick()
        elif phase == _CALMING:
            # What comes now is the answer, late: a failed test, and no leakage.
            if self._for_ms >= _REST_MS:
                if tripped:
                    self._stick()
                else:
                    self._rest()
        elif not tripped:
            self._rest()

    def forget(self) -> None:
        """A technician has acknowledged: it is tried again, once it has come to rest. To be called at every
        step while an acknowledgement counts."""
        if self._phase != _STUCK:
            self.failed = False

    def _begin(self):
        self.testing = True
        self.busy = True
        self._began_ms = 0
        self._enter(_TRIPPING)

    def _enter(self, phase):
        self._phase = phase
        self._for_ms = 0
        self._calm_ms = UNSEEN

    def _fail(self, counts):
        self.testing = False
        self._tries += counts
        if self._tries >= _TRIES:
            self.failed = True
            self._tries = 0
        self._enter(_CALMING)

    def _stick(self):
        """It cannot be tried again while it is tripped."""
        self.failed = True
        self._tries = 0
        self._enter(_STUCK)

    def _rest(self):
        self.busy = False
        self._enter(_IDLE)
