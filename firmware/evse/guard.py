# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The guard: debounces the pilot, checks the diode and is the only one that drives the contactor.

Everyone else asks (`ask`), the guard alone closes and opens, and it opens by itself when the car leaves C/D.
`sample` is called every 20 ms, today from `Supply.step`; it is written for a timer interrupt: integers and
interned letters only, no allocation, no exception, bounded time.

Debounce is asymmetric (IEC 61851-1 table A.6: open within 100 ms after C/D is left, sequences 2.2 and 8.1; a
B-C-B wake-up pulse of 200..400 ms must not close, sequence 11). Leaving C/D needs two samples in a row that
say so and 40 ms between the first and the last: 60 ms at most after the car's switch with samples every 20
ms, and a lone bad sample changes nothing however long the pause after it.
"""

from evse.pilot import DIODE_MV, classify
from hal.ticks import ticks_diff

_TO_CHARGE_MS = 500  # a car in C or D, so long without a gap
_LEAVE_MS = 40
_ELSE_MS = 100
_DIODE_MS = 60  # more than two periods of the slowest front-end after the PWM came on

# Samples that a change needs whatever the time between them (every change needs two): after a stall of the
# caller two samples are not a proof of 500 ms of C.
_TO_CHARGE_SAMPLES = 5
_DIODE_SAMPLES = 3
_COUNTED = 1000  # counters stop here: what they prove was proved long ago

DIODE_UNKNOWN = 0
DIODE_OK = 1
DIODE_BAD = 2


class Guard:
    """`letter`: debounced pilot; `raw`: the last sample; `closed`: what the contactor was told; `diode`:
    DIODE_*."""

    __slots__ = (
        "letter",
        "raw",
        "closed",
        "diode",
        "_contactor",
        "_ventilation",
        "_asked",
        "_since",
        "_count",
        "_candidate",
        "_diode_since",
        "_diode_count",
        "_diode_seen",
    )

    def __init__(self, contactor, ventilation=False):
        self._contactor = contactor
        self._ventilation = ventilation  # the room is ventilated: D may be charged
        self.letter = "A"
        self.raw = "A"
        self.diode = DIODE_UNKNOWN
        self._asked = False
        self._candidate = "A"
        self._since = 0
        self._count = 0
        self._diode_since = 0
        self._diode_count = 0
        self._diode_seen = DIODE_UNKNOWN
        self.closed = False
        contactor.drive(False)

    def ask(self, close: bool) -> None:
        """What the outlet wishes: False opens now, True lets `sample` close as soon as the pilot allows."""
        self._asked = close
        if not close and self.closed:
            self._open()

    def sample(self, now: int, high_mv: int, low_mv: int, pwm: bool) -> None:
        """One sample of the pilot; `pwm`: the oscillator runs (its low plateau can be judged)."""
        raw = classify(high_mv, self.raw)
        self.raw = raw
        self._debounce(now, raw)
        self._check_diode(now, raw, low_mv, pwm)
        letter = self.letter
        may = self._asked and self._may_charge(letter)
        if self.closed:
            if not may or self.diode == DIODE_BAD:
                self._open()
        # Nothing closes on a diode that was not seen with this PWM (table A.4: once before the contactor
        # closes), nor in the very sample that says the car has gone.
        elif may and raw == letter and self.diode == DIODE_OK:
            self.closed = True
            self._contactor.drive(True)

    def _open(self):
        self.closed = False
        self._contactor.drive(False)

    def _may_charge(self, letter):
        return letter == "C" or (letter == "D" and self._ventilation)

    def _debounce(self, now, raw):
        letter = self.letter
        if raw == letter:
            self._count = 0
            return
        leaving = self._may_charge(letter) and not self._may_charge(raw)
        # On the way out any letter that forbids energy counts: a car that bounces between A and B has left.
        # Every other change needs an unbroken run of one letter.
        if self._count == 0 or (
            raw != self._candidate and not (leaving and not self._may_charge(self._candidate))
        ):
            self._count = 1
            self._since = now
            self._candidate = raw
            return
        self._candidate = raw
        if self._count < _COUNTED:
            self._count += 1
        elapsed = ticks_diff(now, self._since)
        if leaving:
            done = elapsed >= _LEAVE_MS
        elif (raw == "C" or raw == "D") and not self._may_charge(letter):
            done = self._count >= _TO_CHARGE_SAMPLES and elapsed >= _TO_CHARGE_MS
        else:
            done = elapsed >= _ELSE_MS
        if done:
            self.letter = raw
            self._count = 0

    def _check_diode(self, now, raw, low_mv, pwm):
        if raw == "A":
            # Nothing hangs on the pilot: the next car has a diode of its own.
            if self.letter == "A":
                self.diode = DIODE_UNKNOWN
            self._diode_count = 0
            return
        if raw == "E" or raw == "F":
            # A short of pilot to earth takes the low plateau along: a pilot fault, not a diode fault.
            self._diode_count = 0
            return
        if not pwm:
            # Good was good under the last PWM: the next one has to show it again (table A.4, before each
            # closing). A contactor that is closed meanwhile stays so: the car was asked to stop.
            self._diode_count = 0
            if self.diode == DIODE_OK:
                self.diode = DIODE_UNKNOWN
            return
        seen = DIODE_OK if low_mv <= DIODE_MV else DIODE_BAD
        if seen == self.diode:
            self._diode_count = 0
            return
        if self._diode_count == 0 or seen != self._diode_seen:
            self._diode_count = 1
            self._diode_since = now
            self._diode_seen = seen
            return
        if self._diode_count < _COUNTED:
            self._diode_count += 1
        if self._diode_count >= _DIODE_SAMPLES and ticks_diff(now, self._diode_since) >= _DIODE_MS:
            # Bad is kept until the car is gone: without PWM nobody could see it, and with PWM again it would
            # come back.
            if self.diode != DIODE_BAD:
                self.diode = seen
            self._diode_count = 0
