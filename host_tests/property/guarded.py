# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The guard alone, cycle by cycle of the pilot, a millisecond each: a sample is the median of three cycles,
whatever happens; the interrupt comes as often as `evse.ticker` asks for, with the next cycle when the guard
is in doubt, and not while an erase of flash holds it back for 45 ms.

    opening     the coil is off 58 ms after the pilot has left C for good; 14 ms without an erase
    patience    one or two bad samples never open
    closing     never before 0.5 s of C
    naming      a car is gone (A), or wants ventilation (D), only after 100 ms without a gap, and then at once
"""

from evse.guard import Guard
from evse.ticker import Ticker
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import DIODE_MV, A, B, C, D, E, FakeHardware

SAMPLE_MS = 3
MOST = 9  # samples that are kept for one pass, by hal.rp2.sampler
ERASE_MS = 45
# As evse.guard has it, 57.3: 2 ms of a sample that still looks good, three bad ones, an erase that begins
# just before the last of their cycles ends, and the pass after it, which takes 1.3 and no time in here.
LIMIT_MS = 58
CALM_LIMIT_MS = 14
PASS_MS = 2
NAMED_MS = 100
LETTERS = {A: "A", B: "B", C: "C", D: "D", E: "E"}


def period_ms():
    """Of the interrupt, as the product has it."""
    board = FakeHardware()
    board.pilot.sample_ms = SAMPLE_MS
    board.connectors = [board]
    board.stopped = board.watchdog = board.every_ms = None
    return Ticker(board, ()).period_ms


class Bench:
    def __init__(self, start):
        self.hardware = FakeHardware()
        self.pilot = self.hardware.pilot
        self.pilot.sample_ms = SAMPLE_MS
        self.guard = Guard(self.hardware)
        self.guard.set_duty(5333)
        self.period_ms = period_ms()
        self.now = start
        self.ms = 0
        self.car_mv = B
        self.cycles = []  # of the sample that is being taken
        self.waiting = []
        self.due = 1 + start % self.period_ms  # any phase against the samples
        self.erase_until = -1
        self.charge_ms = 0  # of C without a gap
        self.gone_ms = 0  # of anything else without a gap
        self.level_ms = 0  # of this level without a gap
        self.level_mv = B
        self.was = False
        self.falls = 0
        self.letter = "A"
        self.named_ms = NAMED_MS + CALM_LIMIT_MS + self.period_ms

    def erase(self):
        """Another one begins when the one before is over, and one pass later."""
        if self.ms >= self.erase_until:
            self.erase_until = self.ms + ERASE_MS

    def run(self, ms):
        for _ in range(ms):
            self.ms += 1
            self.now = ticks_add(self.now, 1)
            car_mv = self.car_mv
            charge = car_mv == C
            self.charge_ms = self.charge_ms + 1 if charge else 0
            self.gone_ms = 0 if charge else self.gone_ms + 1
            self.level_ms = self.level_ms + 1 if car_mv == self.level_mv else 1
            self.level_mv = car_mv
            self.cycles.append(car_mv)
            if len(self.cycles) == SAMPLE_MS:
                self.waiting = [*self.waiting, sorted(self.cycles)[1]][-MOST:]
                self.cycles = []
            if self.ms >= self.due and self.ms >= self.erase_until:
                self.due = self.ms + (1 if self.tick() else self.period_ms)
            self.check()

    def tick(self):
        pilot = self.pilot
        for index, high_mv in enumerate(self.waiting):
            pilot.high_mv[index] = high_mv
            pilot.low_mv[index] = DIODE_MV if high_mv else 0
        pilot.count = len(self.waiting)
        self.waiting = []
        self.guard.ask(True, self.guard.openings)
        return self.guard.tick(self.now)

    def check(self):
        guard = self.guard
        coil = self.hardware.contactor.coil
        if coil and not self.was:
            assert self.charge_ms >= 500 - SAMPLE_MS
        limit_ms = LIMIT_MS if self.erase_until >= 0 else CALM_LIMIT_MS
        assert not coil or self.gone_ms + PASS_MS < limit_ms, self.gone_ms
        self.falls += self.was and not coil
        self.was = coil
        assert guard.openings == self.falls  # each of them counts once
        letter = guard.letter
        if letter != self.letter:
            if letter in "AD":
                assert letter == LETTERS[self.car_mv] and self.level_ms >= NAMED_MS, letter
            self.letter = letter
        if self.erase_until < 0 and self.car_mv != C and self.level_ms >= self.named_ms:
            assert letter == LETTERS[self.car_mv], letter


def charge(bench):
    bench.run(300)
    bench.car_mv = C
    bench.run(700)
    assert bench.hardware.contactor.coil


def leave(start, before_ms, gone_mv, erases):
    """The car leaves; erases begin at these milliseconds, or go on without end (`erases` None)."""
    bench = Bench(start)
    charge(bench)
    if erases is None:
        for _ in range(before_ms):
            bench.erase()
            bench.run(1)
    else:
        bench.run(before_ms)
    bench.car_mv = gone_mv
    for ms in range(200):
        if erases is None or ms in erases:
            bench.erase()
        bench.run(1)
    assert bench.guard.letter == LETTERS[gone_mv]
    assert bench.guard.departures == (gone_mv == A) and bench.falls == 1


def glitch(start, glitches):
    """Bad levels of 1 to 6 ms, with 7 ms of C and more between: two samples at most."""
    bench = Bench(start)
    charge(bench)
    for high_mv, long_ms, pause_ms, erase in glitches:
        if erase:
            bench.erase()
        bench.car_mv = high_mv
        bench.run(long_ms)
        bench.car_mv = C
        bench.run(pause_ms)
        assert bench.hardware.contactor.coil


def dip(start, levels, erase, pause_ms, last_mv):
    """The pilot drops out, to several levels one after the other, each for 7 to 95 ms, and after a while for
    good. The car that is there again is the same one, and charges after half a second. (An erase may begin
    with it, but not later: of a longer one some samples are lost, and a level may be among them.)"""
    bench = Bench(start)
    charge(bench)
    if erase:
        bench.erase()
    for high_mv, long_ms in levels:
        if high_mv == bench.car_mv:
            continue
        bench.car_mv = high_mv
        bench.run(long_ms)
    bench.car_mv = C
    bench.run(600)
    assert bench.hardware.contactor.coil and bench.guard.letter == "C" and bench.guard.departures == 0
    bench.run(pause_ms)
    bench.car_mv = last_mv
    bench.run(200)
    assert bench.guard.letter == LETTERS[last_mv] and bench.guard.departures == (last_mv == A)


def knock(start, pulses):
    """C for less than half a second, again and again. Of what lies between two passes the newest samples are
    kept: an erase hides up to 27 ms, from everybody."""
    bench = Bench(start)
    hidden_ms = ERASE_MS + bench.period_ms - MOST * SAMPLE_MS
    least_ms = hidden_ms + 2 * SAMPLE_MS if any(pulse[2] for pulse in pulses) else 0
    bench.run(200)
    for long_ms, pause_ms, erase in pulses:
        if erase:
            bench.erase()
        bench.car_mv = C
        bench.run(long_ms)
        bench.car_mv = B
        bench.run(max(pause_ms, least_ms))
        assert not bench.hardware.contactor.coil
