# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The guard alone, millisecond by millisecond: a pilot that is sampled every 3 ms whatever happens, a timer
interrupt every 12 ms that erases of flash hold back for 45 ms.

    opening     the coil is off 62 ms after the pilot has left C for good; 18 ms without an erase
    patience    one or two bad samples never open
    closing     never before 0.5 s of C
"""

from evse.guard import Guard
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import DIODE_MV, FakeHardware

SAMPLE_MS = 3
TICK_MS = 12  # as evse.ticker asks for with samples of 3 ms
ERASE_MS = 45
# Three samples, the third just after a pass, the next pass held back, and the millisecond of each beginning.
LIMIT_MS = 62
CALM_LIMIT_MS = 19


class Bench:
    def __init__(self, start):
        self.hardware = FakeHardware()
        self.pilot = self.hardware.pilot
        self.pilot.sample_ms = SAMPLE_MS
        self.guard = Guard(self.hardware)
        self.guard.set_duty(5333)
        self.now = start
        self.ms = 0
        self.car_mv = 9000
        self.waiting = []
        self.late = False
        self.erase_until = -1
        self.charge_ms = 0  # of C without a gap
        self.gone_ms = 0  # of anything else without a gap
        self.was = False

    def erase(self):
        """Another one begins when the one before is over, and one pass later."""
        if self.ms >= self.erase_until:
            self.erase_until = self.ms + ERASE_MS

    def run(self, ms):
        for _ in range(ms):
            self.ms += 1
            self.now = ticks_add(self.now, 1)
            charge = self.car_mv == 6000
            self.charge_ms = self.charge_ms + 1 if charge else 0
            self.gone_ms = 0 if charge else self.gone_ms + 1
            if self.ms % SAMPLE_MS == 0:
                self.waiting = [*self.waiting, self.car_mv][-16:]
            if self.ms % TICK_MS == 0:
                self.late = True
            if self.late and self.ms >= self.erase_until:
                self.late = False
                self.tick()
            self.check()

    def tick(self):
        pilot = self.pilot
        for index, high_mv in enumerate(self.waiting):
            pilot.high_mv[index] = high_mv
            pilot.low_mv[index] = DIODE_MV if high_mv else 0
        pilot.count = len(self.waiting)
        self.waiting = []
        self.guard.ask(True, self.guard.openings)
        self.guard.tick(self.now)

    def check(self):
        coil = self.hardware.contactor.coil
        if coil and not self.was:
            assert self.charge_ms >= 500 - SAMPLE_MS
        limit_ms = LIMIT_MS if self.erase_until >= 0 else CALM_LIMIT_MS
        assert not coil or self.gone_ms < limit_ms, self.gone_ms
        self.was = coil


def charge(bench):
    bench.run(300)
    bench.car_mv = 6000
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


def glitch(start, glitches):
    """Bad levels of 1 to 6 ms, with 7 ms of C and more between: two samples at most."""
    bench = Bench(start)
    charge(bench)
    for high_mv, long_ms, pause_ms, erase in glitches:
        if erase:
            bench.erase()
        bench.car_mv = high_mv
        bench.run(long_ms)
        bench.car_mv = 6000
        bench.run(pause_ms)
        assert bench.hardware.contactor.coil


def knock(start, pulses):
    """C for less than half a second, again and again."""
    bench = Bench(start)
    bench.run(200)
    for long_ms, pause_ms, erase in pulses:
        if erase:
            bench.erase()
        bench.car_mv = 6000
        bench.run(long_ms)
        bench.car_mv = 9000
        bench.run(pause_ms)
        assert not bench.hardware.contactor.coil
