# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The guard: debounces the pilot, checks the diode and is the only one that drives the contactor.

Everyone else asks (`ask`); the guard alone closes and opens, and it opens by itself when the car leaves C/D,
when the RCD trips, when the emergency stop is pressed, when the pilot cannot be believed. `tick` is written
for a hard timer interrupt (`evse.ticker` calls it): integers and interned letters only, no allocation, no
exception, bounded time. What the rest of the firmware reads are plain attributes; none is written on both
sides of the interrupt.

Debounce is asymmetric (IEC 61851-1 table A.6: open within 100 ms after C/D is left, sequences 2.2 and 8.1; a
B-C-B wake-up pulse of 200 to 400 ms must not close, sequence 11). To open, every sample since the first bad
one has been bad, there were at least two, and they prove 9 ms: three samples that stand for 3 ms each (the
converter locked to the PWM), or two samples of a moment that are 18 ms apart (a converter that is read every
20 ms, less the jitter of its timer). So a lone bad sample never opens, however long the pause after it.

What opens in 9 ms says nothing of the car yet: a pilot that drops out that long, or a switch that bounces,
would end the transaction as an unplugged car does, or be a car that wants ventilation until it is unplugged.
So what is published with the opening is B, which forbids energy and claims nothing; A and D follow after
100 ms of nothing else, as everywhere. E is published at once when most of the samples show it: the outlet
tells a short under load from others by what it sees while it still knows of the load.

The RCD and the emergency stop open at the first read that says so, and are counted when the next pass reads
the same, a millisecond later where the board can: what latches, and ends transactions, is not one spike on a
wire (esp32-evse and SmartEVSE look a second time after 1 ms, WARP waits 50). `closed` tells of it with the
second read: an opening whose cause comes later is none of danger to the outlet, and it would show no state F.

The worst beside flash operations that stop the interrupts for 45 ms, with samples of 3 ms that go on
meanwhile: the switch opens in a sample of three cycles of which too few are left to make it bad, 2 ms; three
bad samples, 9 ms; an erase begins just before the last of their cycles ends, 45 ms; and the pass that then
takes all samples at once, 1.3 ms: 57.3. For that `tick` asks for another pass with the next cycle as soon as
there is a bad sample: with one every 9 ms alone, an erase that begins 9 ms after a pass that saw two of the
three would make it 66. A program operation (0.4 ms a page, interrupts on before and after it) is a short
erase.
"""

from evse.pilot import DIODE_MV, FAULT_E4, PAUSE_E4, classify
from hal.ticks import ticks_diff

_TO_CHARGE_MS = 500  # a car in C or D, so long without a gap
_ELSE_MS = 100
_DIODE_MS = 60  # more than two periods of the slowest front-end after the PWM came on

_LEAVE_MS = 9
_APART_MS = 18
# The coil and the load make noise on the pilot when the contactor moves. It has to last longer then, but the
# 100 ms of table A.6 hold: eight samples, not more than one pass finds after an erase, and one erase: 73 ms.
_MOVED_MS = 50
_LEAVE_NOISY_MS = 24

# Samples that a change needs whatever the time between them (every change needs two): after a stall of the
# caller two samples are not a proof of 500 ms of C.
_TO_CHARGE_SAMPLES = 5
_DIODE_SAMPLES = 3

# The plateaus follow a change of the duty with the delay of the sampling: two passes, and what the converter
# has under way.
_FRESH_MS = 20
# The oscillator makes 24 V between the plateaus, a car without diode 6 at least (state D); steady is 0.
_STEADY_MV = 3000
_SHORT_MV = 1500
# No sample for so long: the sampling stands still, and the 100 ms for a car that leaves just now still hold.
_SILENT_MS = 80

# An installer tries the contactor for less than a second. Whatever becomes of him it is over then.
_EXERCISE_MS = 1500
# A wish that is not repeated is out of date: who made it may be stuck in a name lookup of 14 s.
_WISH_MS = 1000
_COUNTED = 1000000  # counters stop here: what they prove was proved long ago
_LONGEST_MS = 1000  # what one pass may count for, however late it comes
_WRAP = 0xFFFF
_ANY_MV = 32767
_NO_WISH = -1

DIODE_UNKNOWN = 0
DIODE_OK = 1
DIODE_BAD = 2


class Guard:
    """To be read by others, written by `tick` alone (`closed` also by `ask(False)`):

    letter      debounced pilot 'A'..'F'; 'E' also while the samples cannot be believed or do not come; 'B'
                also when the car has left C/D and what it is now is not known yet
    raw         the letter of the last sample
    high_mv, low_mv   the last sample that could be believed
    diode       DIODE_*
    closed      what the contactor is told; after the first read of a trip still True for one pass
    openings    how often the guard has opened by itself; wraps
    departures  how often 'A' was reached: nothing hung on the pilot, what is there now is another car; wraps
    tripped     the RCD trips now, in two passes at least; trips: how often it began to; wraps
    stopped, stops   the same of the emergency stop
    spikes      how often one of them was read once and not again; wraps
    lapses      how often it has opened because passes were so far apart that the coil may have let go; wraps
    """

    def __init__(self, hardware, ventilation=False):
        """`hardware`: a `hal.contract.ConnectorHardware`; of it pilot, contactor and rcd are used."""
        self._pilot = hardware.pilot
        self._contactor = hardware.contactor
        self._hold_ms = hardware.contactor.hold_ms or _COUNTED
        self._rcd = hardware.rcd
        self._ventilation = ventilation  # the room is ventilated: D may be charged
        self.letter = "A"
        self.raw = "A"
        self.high_mv = 12000
        self.low_mv = 12000
        self.diode = DIODE_UNKNOWN
        self.closed = False
        self.openings = 0
        self.departures = 0
        self.tripped = False
        self.trips = 0
        self.stopped = False
        self.stops = 0
        # Written by the others, read by `tick`.
        self._wish = _NO_WISH
        self._testing = False
        self._exercising = False
        self._pwm = False
        self._duty_e4 = -1
        self._fresh_ms = 0
        # Written by `tick`, apart from the moments when it cannot matter.
        self._wish_ms = _COUNTED
        self._exercise_ms = 0
        self._now = 0
        self._known = False
        self._gap_ms = 0  # since the last sample
        self._moved_ms = _COUNTED  # since the contactor moved
        self._count = 0  # samples of the run that wants another letter
        self._run_ms = 0  # between its first and its last
        self._candidate = "A"
        self._before = 0  # of them, samples of other letters, before the candidate's own
        self._before_ms = 0
        self._guessed = False  # `letter` is a B that nobody has seen
        self._tripping = False  # as the last pass read it
        self._stopping = False
        self._unsure = False  # one of them was read for the first time
        self.spikes = 0
        self.lapses = 0
        self._diode_count = 0
        self._diode_ms = 0
        self._diode_seen = DIODE_UNKNOWN
        self._calm = False
        self._high_from = 0
        self._high_to = 0
        self._low_from = 0
        self._low_to = 0
        self._contactor.drive(False)

    # --- what others do; the interrupt may come between any two lines ---

    def ask(self, close: bool, openings: int = 0) -> bool:
        """What the outlet wishes, at every step: False opens now, True lets `tick` close as soon as the pilot
        allows.

        `openings`: the attribute as it was when the outlet began to think. A wish that does not know of the
        latest opening counts for nothing: what it rests on has changed, and the checks that are due before a
        closing have not been made. It counts for a second. Returns True when it has opened the contactor.
        """
        if close:
            self._wish_ms = 0
            self._wish = openings
            return False
        self._wish = _NO_WISH
        if not self.closed:
            return False
        self.closed = False
        self._moved_ms = 0
        self._contactor.drive(False)
        return True

    def set_duty(self, duty_e4: int) -> None:
        """Set the pilot's duty (1/10000) and judge the samples by it from now on."""
        if duty_e4 == self._duty_e4:
            return
        self._duty_e4 = duty_e4
        self._fresh_ms = _FRESH_MS
        self._calm = False
        self._pilot.set_duty(duty_e4)
        self._pwm = FAULT_E4 < duty_e4 < PAUSE_E4
        self._calm = False  # the interrupt may have found the old bounds good once more
        self._fresh_ms = _FRESH_MS

    def test(self, on: bool) -> None:
        """While the RCD is being tested its trip is no trip; nothing closes meanwhile."""
        self._testing = on

    def exercise(self, on: bool) -> None:
        """An installer tries the contactor where nothing is plugged in (`evse.part_tests`). From now on
        `ask(True, openings)` closes it in A, and in A alone: a single sample of anything else opens. So do
        RCD, emergency stop, a main loop that is away, and the end of `_EXERCISE_MS`, as with a car."""
        self._exercise_ms = 0
        self._exercising = on and not self.closed

    # --- the timer interrupt ---

    def tick(self, now: int, stopped: bool = False, alive: bool = True) -> bool:
        """One pass: take the samples that have come, decide, drive the contactor. `now`: ticks; `stopped`:
        `Board.stopped()`; `alive`: somebody still looks after the charger (`evse.ticker`).

        True: in doubt, come again soon. It is closed and the next sample may open it, or the RCD or the
        emergency stop has to be read a second time."""
        elapsed = ticks_diff(now, self._now) if self._known else 0
        if not 0 <= elapsed <= _LONGEST_MS:  # min() and max() would take longer
            elapsed = 0 if elapsed < 0 else _LONGEST_MS
        self._now = now
        self._known = True
        if self._wish_ms < _COUNTED:
            self._wish_ms += elapsed
        if self._moved_ms < _COUNTED:
            self._moved_ms += elapsed
        if self._exercising:
            self._exercise_ms += elapsed
        self._gap_ms = self._gather(self._gap_ms + elapsed)

        tripping = self._look_at_rcd()
        if stopped:
            if not self._stopping:
                self._stopping = True
            elif not self.stopped:
                self.stopped = True
                self.stops = (self.stops + 1) & _WRAP
        elif self._stopping:
            self._stopping = False
            self.stopped = False
        if self._unsure:
            # Now it is known. Open in any case.
            self._unsure = False
            if not (self.tripped or self.stopped):
                self.spikes = (self.spikes + 1) & _WRAP
            self._decide(False)
        elif (tripping and not self.tripped) or (stopped and not self.stopped):
            # The coil is off at once; `closed` follows with what the next pass reads.
            self._unsure = True
            self._contactor.drive(False)
            return True
        elif self.closed and elapsed >= self._hold_ms:
            # What the coil did meanwhile nobody knows. Told on, it would stay off and count as stuck; told
            # off it is as everybody believes it to be.
            self.lapses = (self.lapses + 1) & _WRAP
            self._decide(False)
        else:
            self._decide(not (tripping or stopped or self._testing) and alive)
        closed = self.closed
        self._contactor.drive(closed)
        return closed and self._count > 0

    def _gather(self, gap):
        """Take the samples; `gap`: since the one before. The gap that is left."""
        pilot = self._pilot
        count = pilot.sample()
        if count > 0:
            each = pilot.sample_ms
            since = max(gap - (count - 1) * each, 0)  # of the first; the others follow each other
            high = pilot.high_mv
            low = pilot.low_mv
            for index in range(count):
                high_mv = high[index]
                low_mv = low[index]
                if (
                    self._calm
                    and self._high_from < high_mv < self._high_to
                    and self._low_from < low_mv < self._low_to
                ):
                    self.high_mv = high_mv
                    self.low_mv = low_mv
                else:
                    self._take(since, high_mv, low_mv, each)
                since = each
            return 0
        if count < 0:
            self._calm = False
            self._judge(gap, "E", 0)
            return 0
        if gap >= _SILENT_MS:
            # Also while it is E already: what was seen before proves nothing of the time in between.
            self._calm = False
            self.letter = "E"
            self._guessed = False
            self._count = 0
        return min(gap, _COUNTED)

    def _look_at_rcd(self):
        """What this pass reads: enough to open."""
        rcd = self._rcd
        if rcd is None:
            return False
        tripping = rcd.tripped()
        if tripping:
            if not self._tripping:
                self._tripping = True
            elif not self.tripped:
                self.tripped = True
                if not self._testing:
                    self.trips = (self.trips + 1) & _WRAP
        elif self._tripping:
            self._tripping = False
            self.tripped = False
        return tripping

    def _decide(self, allowed):
        letter = self.letter
        charge = letter == "C" or (letter == "D" and self._ventilation)
        wished = self._wish == self.openings
        if self._exercising:
            allowed = (
                allowed
                and wished
                and letter == "A"
                and self.raw == "A"
                and self._wish_ms < _WISH_MS
                and self._exercise_ms < _EXERCISE_MS
            )
            if allowed != self.closed:
                self.closed = allowed
                self._moved_ms = 0
                if not allowed:
                    self.openings = (self.openings + 1) & _WRAP
        elif self.closed:
            if not (allowed and charge and wished) or self.diode == DIODE_BAD:
                self.closed = False
                self.openings = (self.openings + 1) & _WRAP
                self._moved_ms = 0
        # Nothing closes on a diode that was not seen with this PWM (table A.4: once before the contactor
        # closes), nor in the very sample that says the car has gone.
        elif (
            allowed
            and charge
            and wished
            and self._wish_ms < _WISH_MS  # one pass counts for as much at most, however late it comes
            and self.raw == letter
            and self.diode == DIODE_OK
        ):
            self.closed = True
            self._moved_ms = 0

    def _take(self, since, high_mv, low_mv, each):
        """One sample: `since` ms after the one before, it stands for `each` ms."""
        self._calm = False
        fresh = self._fresh_ms
        if fresh > 0:
            self._fresh_ms = fresh - since if fresh > since else 0
        elif self._pwm:
            # The oscillator is told to run, and what is seen is steady: it stands still, or what is seen is
            # no pilot. Both plateaus near 0 V are a short of the pilot: E by itself.
            if high_mv - low_mv < _STEADY_MV and (high_mv > _SHORT_MV or high_mv < -_SHORT_MV):
                self._judge(since, "E", each)
                return
        elif high_mv - low_mv > _STEADY_MV:
            self._judge(since, "E", each)  # it runs although it was told not to
            return
        self.high_mv = high_mv
        self.low_mv = low_mv
        raw = classify(high_mv, self.raw)
        self._judge(since, raw, each)
        if fresh <= 0:
            self._check_diode(since, raw, low_mv)
            if raw == self.letter and self._count == 0 and self._diode_count == 0:
                self._rest(raw)

    def _rest(self, letter):
        """Nothing is under way: samples within these bounds change nothing, and are not looked at any closer.
        That is nearly all of them, and saves half of the guard's time."""
        # One assignment a line: in a frozen module a tuple of constants holds whatever is above 8191 as a
        # large integer (mpy-tool.py), and to subtract from that allocates.
        if letter == "A":
            high_from = 10800
            high_to = _ANY_MV
        elif letter == "B":
            high_from = 7800
            high_to = 10200
        elif letter == "C":
            high_from = 4800
            high_to = 7200
        elif letter == "D":
            high_from = 1800
            high_to = 4200
        else:
            return
        low_from = -_ANY_MV
        low_to = DIODE_MV + 1
        if not self._pwm:
            if self.diode == DIODE_OK:
                return
            low_from = high_from - _STEADY_MV if letter == "A" else high_to - _STEADY_MV
            low_to = _ANY_MV
        elif letter == "A":
            low_to = high_from - _STEADY_MV
        elif self.diode != DIODE_OK:
            return
        self._high_from = high_from
        self._high_to = high_to
        self._low_from = low_from
        self._low_to = low_to
        self._calm = True

    def _judge(self, since, raw, each):
        self.raw = raw
        letter = self.letter
        if raw == letter:
            self._count = 0
            self._guessed = False
            return
        charging = letter == "C" or (letter == "D" and self._ventilation)
        charges = raw == "C" or (raw == "D" and self._ventilation)
        leaving = charging and not charges
        # On the way out any letter that forbids energy counts: a car that bounces between A and B has left.
        # Every other change needs an unbroken run of one letter.
        # A car that is to be charged has to be seen all the time: a wake-up pulse fits into a gap.
        if (
            self._count == 0
            or (raw != self._candidate and not (leaving and self._candidate_forbids()))
            or (charges and since >= _SILENT_MS)
        ):
            self._count = 1
            self._run_ms = 0
            self._before = 0
            self._before_ms = 0
            self._candidate = raw
            return
        if raw != self._candidate:
            self._candidate = raw
            self._before = self._count
            self._before_ms = self._run_ms + since
        if self._count < _COUNTED:
            self._count += 1
            self._run_ms += since
        if leaving:
            need = _LEAVE_MS if self._moved_ms >= _MOVED_MS else _LEAVE_NOISY_MS
            done = self._count * each >= need or (self._run_ms >= _APART_MS and self._run_ms >= need)
        elif raw == "C" or (raw == "D" and (self._ventilation or not self._guessed)):
            done = (self._count >= _TO_CHARGE_SAMPLES and self._run_ms >= _TO_CHARGE_MS) or (
                charging and self._run_ms >= _ELSE_MS
            )
        else:
            done = self._run_ms >= _ELSE_MS
        if not done:
            return
        if leaving:
            # The run of this letter alone: it goes on counting when the letter stays unpublished.
            self._count -= self._before
            self._run_ms -= self._before_ms
            short = (raw == "E" or raw == "F") and self._before <= self._count
            if raw != "B" and not short and self._run_ms < _ELSE_MS:
                self.letter = "B"
                self._guessed = True
                return
        self.letter = raw
        self._guessed = False
        self._count = 0
        if raw == "A":
            self.departures = (self.departures + 1) & _WRAP

    def _candidate_forbids(self):
        candidate = self._candidate
        return not (candidate == "C" or (candidate == "D" and self._ventilation))

    def _check_diode(self, since, raw, low_mv):
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
        if not self._pwm:
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
            self._diode_ms = 0
            self._diode_seen = seen
            return
        if self._diode_count < _COUNTED:
            self._diode_count += 1
            self._diode_ms += since
        if self._diode_count >= _DIODE_SAMPLES and self._diode_ms >= _DIODE_MS:
            # Bad is kept until the car is gone: without PWM nobody could see it, and with PWM again it would
            # come back.
            if self.diode != DIODE_BAD:
                self.diode = seen
            self._diode_count = 0
