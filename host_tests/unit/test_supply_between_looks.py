# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A contactor that closes and opens again between two looks of the main loop, and one that a dead man's
switch has let go: nobody charges on as if nothing had been."""

from evse.supply import Supply
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import DIODE_MV, START, B, C, FakeHardware, FakeRcd, Ratings

# The guard as on the RP2040: a sample every 3 ms, a pass every 9 and, in doubt, 1 ms later.
_SAMPLE_MS = 3
_PASS_MS = 9


class World:
    """Milliseconds one by one. `loop_ms`: between two looks of the main loop, which begin `phase` later;
    `away`: [from, to) after the first closing in which it does not look."""

    def __init__(self, loop_ms=20, phase=0, away=(0, 0), hold_ms=0):
        hardware = self.hardware = FakeHardware()
        hardware.rcd = FakeRcd()
        hardware.contactor.hold_ms = hold_ms
        hardware.pilot.sample_ms = _SAMPLE_MS
        hardware.pilot.sample = self._sample
        self.supply = Supply(hardware, Ratings())
        self.ms = 0
        self.closings = []
        self.closed_at = None  # the last closing
        self._loop_ms, self._phase, self._away = loop_ms, phase, away
        self._due = 0
        self._sampled = 0
        self._coil = False

    def _sample(self):
        count = (self.ms - self._sampled) // _SAMPLE_MS
        self._sampled += count * _SAMPLE_MS
        pilot = self.hardware.pilot
        for index in range(min(count, 9)):
            pilot.high_mv[index] = pilot.car_mv
            pilot.low_mv[index] = pilot.car_mv if pilot.duty_e4 == 10000 else DIODE_MV
        return min(count, 9)

    def since(self):
        """ms since the last closing."""
        return -1 if self.closed_at is None else self.ms - self.closed_at

    def run(self, ms, happens=None):
        """`happens()`, each millisecond: what the world does."""
        supply = self.supply
        for _ in range(ms):
            self.ms += 1
            now = ticks_add(START, self.ms)
            if happens is not None:
                happens()
            if self.ms >= self._due:
                self._due = self.ms + (1 if supply.guard.tick(now) else _PASS_MS)
            coil = bool(self.hardware.contactor.coil)
            if coil and not self._coil:
                self.closings.append(self.ms)
                self.closed_at = self.ms
            self._coil = coil
            away = self.closings and self._away[0] <= self.ms - self.closings[0] < self._away[1]
            if self.ms % self._loop_ms == self._phase and not away:
                supply.step(now)

    def park(self):
        """A car that is about to go to C."""
        self.run(1000)
        self.hardware.pilot.car_mv = B
        self.supply.permit(True)
        self.run(5000)
        self.hardware.pilot.car_mv = C


def test_noise_that_comes_with_every_closing_has_long_rests():
    """The RCD's wire, for a single read: nothing latches, and it would close again with each look."""
    for loop_ms, begin_ms, end_ms in ((20, 5, 10), (40, 20, 28), (100, 20, 28)):
        world = World(loop_ms, 7)
        rcd = world.hardware.rcd
        world.park()

        def noise(world=world, rcd=rcd, begin_ms=begin_ms, end_ms=end_ms):
            rcd.trip = begin_ms <= world.since() < end_ms

        world.run(30000, noise)
        assert 2 <= len(world.closings) <= 6, (loop_ms, begin_ms, world.closings)
        assert world.supply.guard.spikes == len(world.closings)
        assert world.supply.faults == (), world.supply.faults


def test_a_charge_that_nobody_has_seen_is_followed_by_a_rest_and_a_test():
    """The car goes to C for a moment, all of it within one stall of the main loop."""
    world = World(away=(-1, 1500))
    world.park()
    tests = world.hardware.rcd.tests

    def moment():
        world.hardware.pilot.car_mv = B if world.since() >= 300 else C

    world.run(1000, moment)
    assert len(world.closings) == 1 and not world.hardware.contactor.coil
    world.hardware.pilot.car_mv = B
    world.run(1500)
    world.hardware.pilot.car_mv = C
    world.run(6000)
    assert world.hardware.rcd.tests > tests
    assert len(world.closings) == 2 and world.closings[1] - world.closings[0] >= 2500, world.closings


def test_a_stop_in_a_charge_that_nobody_has_seen_shows_state_f():
    world = World(away=(-1, 900))
    world.park()

    def stop():
        world.hardware.rcd.trip = 100 <= world.since() < 300

    shown = []

    def stop_and_look():
        stop()
        shown.append(world.hardware.pilot.duty_e4)

    world.run(2500, stop_and_look)
    assert len(world.closings) == 1 and world.supply.faults == ("RcdTrip",)
    assert shown.count(0) >= 300  # table A.5: for 300 ms at least


def test_energy_withdrawn_before_the_guard_has_closed():
    """The wish stands, the main loop is away: the contactor does not close behind the withdrawal."""
    world = World()
    world.park()
    world.run(400)
    while not world.supply._outlet.closing:
        world.run(1)
    assert not world.closings
    world.supply.permit(False)
    world.supply.step = lambda now: False
    world.run(2000)
    assert world.closings == []


def test_the_coil_that_may_have_let_go_is_told_off():
    """Passes further apart than the dead man's switch holds: neither is the coil stuck, nor does the charger
    believe that it charges."""
    for feedback in (True, False):
        world = World(hold_ms=88)
        world.hardware.contactor.has_feedback = feedback
        world.supply = Supply(world.hardware, Ratings())
        world.park()
        world.run(2000)
        assert world.hardware.contactor.coil
        world.ms += 60
        world.run(100)
        assert world.hardware.contactor.coil and world.supply.guard.lapses == 0
        world.ms += 1400
        world.run(20)
        assert not world.hardware.contactor.coil and world.supply.guard.lapses == 1
        world.run(6000)
        assert world.hardware.contactor.coil and world.supply.faults == () and world.supply.latched == 0
