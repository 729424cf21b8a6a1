# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A guard at the end of a pilot line, fed with samples, and a clock that the tests move."""

from evse.guard import Guard
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import DIODE_MV, START, STEP_MS, B, C, FakeHardware, FakeRcd

PWM_E4 = 5333
STEADY_E4 = 10000


class Line:
    """A guard at the end of a pilot line. `wish`: what the outlet asks for, at every pass."""

    def __init__(self, ventilation=False, each_ms=0):
        self.hardware = FakeHardware()
        self.hardware.rcd = FakeRcd()
        self.contactor = self.hardware.contactor
        self.pilot = self.hardware.pilot
        self.pilot.sample_ms = each_ms
        self.guard = Guard(self.hardware, ventilation)
        self.now = START
        self.wish = False
        self.stopped = False
        self.alive = True
        self.low_mv = DIODE_MV
        self.set_pwm(True)

    def set_pwm(self, on):
        self.pwm = on
        self.guard.set_duty(PWM_E4 if on else STEADY_E4)

    def tick(self, ms):
        self.now = ticks_add(self.now, ms)
        if self.wish:
            self.guard.ask(True, self.guard.openings)
        self.guard.tick(self.now, self.stopped, self.alive)
        return self.contactor.coil

    def feed(self, high_mv, ms, step_ms=STEP_MS):
        """This level for `ms`, a sample of the moment every `step_ms`, then the state of the coil."""
        self.pilot.levels = (high_mv, self.low_mv if self.pwm and high_mv else high_mv)
        for _ in range(ms // step_ms):
            self.tick(step_ms)
        return self.contactor.coil

    def bring(self, levels, ms):
        """One pass after `ms` that finds these samples."""
        pilot = self.pilot
        for index, high_mv in enumerate(levels):
            pilot.high_mv[index] = high_mv
            pilot.low_mv[index] = self.low_mv if self.pwm and high_mv else high_mv
        pilot.count = len(levels)
        self.tick(ms)
        return self.contactor.coil

    def charging(self):
        self.feed(B, 300)
        self.wish = True
        assert self.feed(C, 600) is True
        self.feed(C, 100)
        return self


def fast_line(ventilation=False):
    """Samples that stand for 3 ms, two for each pass of 6 ms; the contactor is closed and at rest."""
    line = Line(ventilation, each_ms=3)
    line.wish = True
    for _ in range(60):
        line.bring((B, B), 6)
    for _ in range(100):
        line.bring((C, C), 6)
    assert line.contactor.coil is True
    return line


def just_closed():
    line = Line(each_ms=3)
    line.wish = True
    for _ in range(60):
        line.bring((B, B), 6)
    while not line.bring((C, C), 6):
        pass
    return line


def play(line, levels):
    """One sample for each pass of 3 ms, then the state of the coil."""
    for high_mv in levels:
        line.bring((high_mv,), 3)
    return line.contactor.coil
