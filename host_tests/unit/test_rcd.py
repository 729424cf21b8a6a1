# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.rcd: when the residual current monitor is tested, and what comes of it."""

from evse import faults
from evse.rcd import SelfTest
from host_tests.unit.evse_rig import A, B, C, Desk, FakeHardware, FakeRcd


class Bench:
    """A self-test and a monitor that answers after `trip_ms` and `rest_ms`."""

    def __init__(self, trip_ms=100, rest_ms=100):
        self.test = SelfTest()
        self.trip_ms = trip_ms
        self.rest_ms = rest_ms
        self.tripped = False
        self._for_ms = 0
        self.tests = 0
        self._was = False

    def run(self, ms, free=True):
        for _ in range(ms // 20):
            test = self.test
            self._for_ms += 20
            if test.testing != self._was:
                self._was = test.testing
                self.tests += test.testing
                self._for_ms = 0
            if self._for_ms >= (self.trip_ms if test.testing else self.rest_ms):
                self.tripped = test.testing
            test.step(20, free, self.tripped)
        return self.test


def test_it_is_tested_at_boot():
    bench = Bench()
    assert not bench.test.ready
    assert bench.run(1000).ready and bench.tests == 1 and not bench.test.busy and not bench.test.testing


def test_not_while_the_contactor_is_closed_or_wanted():
    bench = Bench()
    assert not bench.run(5000, free=False).ready and bench.tests == 0


def test_due_again():
    bench = Bench()
    bench.run(1000)
    bench.run(5000)
    assert bench.tests == 1
    bench.test.due()
    assert not bench.test.ready
    assert bench.run(1000).ready and bench.tests == 2


def test_once_a_day():
    bench = Bench()
    bench.run(1000)
    for _ in range(24 * 60 - 1):
        bench.test.step(60000, False, False)
    assert bench.test.ready
    bench.test.step(60000, False, False)
    assert not bench.test.ready
    assert bench.run(1000).ready and bench.tests == 2


def test_a_monitor_that_does_not_trip_fails_at_the_second_try():
    bench = Bench(trip_ms=1000000)
    assert not bench.run(1500).failed
    bench.run(3000)
    assert bench.test.failed and bench.tests == 2 and not bench.test.ready and not bench.test.testing
    bench.run(10000)
    assert bench.tests == 2  # not for ever
    bench.trip_ms = 100
    bench.test.forget()
    assert bench.run(1000).ready and not bench.test.failed


def test_a_monitor_that_does_not_come_to_rest_is_a_trip():
    bench = Bench(rest_ms=1000000)
    bench.run(10000)
    assert not bench.test.ready and not bench.test.busy and bench.tripped


def test_a_slow_monitor_within_its_limits_passes():
    assert Bench(trip_ms=740, rest_ms=1100).run(3000).ready


def test_a_charge_needs_a_test_before_and_gets_one_after():
    hardware = FakeHardware()
    rcd = hardware.rcd = FakeRcd()
    desk = Desk(hardware)
    desk.run(200)
    assert rcd.tests == 1
    hardware.pilot.car_mv = B
    desk.run(400)
    assert rcd.tests == 2 and desk.supply.faults == ()
    desk.supply.permit(True)
    desk.run(100)
    hardware.pilot.car_mv = C
    assert desk.run(3000, lambda: hardware.contactor.coil) < 700
    desk.run(1000)
    assert rcd.tests == 2
    hardware.pilot.car_mv = B
    desk.run(400)
    assert rcd.tests == 3 and not hardware.contactor.coil and desk.supply.faults == ()


def test_a_failed_test_is_latched_and_keeps_the_contactor_open():
    hardware = FakeHardware()
    hardware.rcd = FakeRcd()
    hardware.rcd.deaf = True
    desk = Desk(hardware)
    desk.run(4000)
    assert desk.supply.faults == ("RcdSelfTest",)
    assert desk.supply.latched == faults.bit("RcdSelfTest")
    desk.supply.permit(True)
    hardware.pilot.car_mv = B
    desk.run(500)
    hardware.pilot.car_mv = C
    desk.run(8000)
    assert not hardware.contactor.coil
    hardware.pilot.car_mv = A
    hardware.rcd.deaf = False
    desk.run(500)
    assert desk.supply.faults == ("RcdSelfTest",)
    desk.supply.acknowledge()
    desk.run(500)
    assert desk.supply.faults == ()


def test_a_trip_between_two_steps_is_not_missed():
    hardware = FakeHardware()
    rcd = hardware.rcd = FakeRcd()
    desk = Desk(hardware)
    desk.run(1000)
    rcd.trip = True
    desk.supply.guard.tick(desk.now)
    rcd.trip = False
    desk.supply.guard.tick(desk.now)
    desk.run(20)
    assert desk.supply.faults == ("RcdTrip",) and desk.supply.latched == faults.bit("RcdTrip")
