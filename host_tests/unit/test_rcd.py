# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.rcd: when the residual current monitor is tested, and what comes of it."""

from evse import faults
from evse.rcd import SelfTest
from hal.ticks import ticks_add, ticks_diff
from host_tests.unit.evse_rig import A, B, C, Desk, FakeContactor, FakeHardware, FakeRcd


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


def test_the_tries_are_those_of_one_test():
    """Failed once and passed, it has two tries the next time, also after an acknowledgement."""
    bench = Bench()
    for _ in range(4):
        bench.test.due()
        bench.trip_ms = 1000000
        bench.run(1600)
        bench.trip_ms = 100
        assert bench.run(3000).ready and not bench.test.failed
    bench.test.due()
    bench.trip_ms = 1000000
    assert bench.run(6000).failed
    bench.test.forget()
    tests = bench.tests
    assert not bench.run(1500).failed and bench.run(6000).failed and bench.tests == tests + 2
    # And after one that has stuck behind a first failure.
    bench = Bench(trip_ms=1000000)
    bench.run(1600)
    bench.trip_ms, bench.rest_ms = 100, 1000000
    assert bench.run(8000).failed and bench.test.busy
    bench.rest_ms = 100
    bench.run(200)
    bench.test.forget()
    bench.trip_ms = 1000000
    assert not bench.run(1500).failed and bench.run(6000).failed


def test_one_that_answers_too_late_and_stays_is_stuck():
    test = SelfTest()
    while not test.testing:
        test.step(20, True, False)
    while test.testing:
        test.step(20, True, False)
    for _ in range(200):
        test.step(20, True, True)
    assert test.failed and test.busy
    test.forget()
    assert test.failed  # not before it has come to rest


def test_it_begins_with_a_monitor_that_is_at_rest_for_a_moment():
    test = SelfTest()
    for tripped in "11111011010010":
        test.step(20, True, tripped == "1")
        assert not test.testing
    test.step(20, True, False)
    assert not test.testing
    test.step(20, True, False)
    assert test.testing


def test_a_monitor_that_does_not_come_to_rest_has_failed():
    bench = Bench(rest_ms=1000000)
    assert not bench.run(2000).failed
    bench.run(8000)
    test = bench.test
    # Busy: the trip is the test's, and nothing closes.
    assert test.failed and test.busy and not test.ready and not test.testing and bench.tests == 1
    test.forget()
    assert test.failed  # it has not come to rest
    bench.rest_ms = 100
    assert not bench.run(200).busy and test.failed
    test.forget()
    assert bench.run(1000).ready and bench.tests == 2


def test_an_answer_that_nobody_was_there_to_see_is_no_failure():
    test = SelfTest()
    for _ in range(5):
        while not test.testing:
            test.step(20, True, False)
        test.step(2200, True, False)  # it tripped, the board ended the test, it came to rest
        assert not test.testing and not test.failed
    while not test.testing:
        test.step(20, True, False)
    test.step(20, True, True)
    for _ in range(3):
        test.step(20, True, False)
        assert test.busy and not test.ready
    test.step(20, True, False)
    assert test.ready


def test_a_stall_while_it_comes_to_rest_is_no_failure():
    test = SelfTest()
    while not test.testing:
        test.step(20, True, False)
    test.step(20, True, True)
    for _ in range(4):
        test.step(2200, True, False)
        assert not test.failed
    assert test.ready and not test.busy


def test_a_contact_that_bounces_at_the_end_of_the_test_is_no_trip():
    """Open for 6 ms, closed for 8: whatever of it a look meets."""
    test = SelfTest()
    for bounces in ("01", "001", "0101", "1001", "10101", "0010001"):
        test.due()  # also behind one that came to rest well
        while not test.testing:
            test.step(20, True, False)
        for tripped in "1" + bounces:
            test.step(20, True, tripped == "1")
            assert test.busy, bounces
        for _ in range(4):
            test.step(20, True, False)
        assert test.ready and not test.busy, bounces


class LateRcd(FakeRcd):
    """Answers its test by itself, `late_ms` after its beginning, for 0.4 s."""

    def __init__(self, late_ms):
        super().__init__()
        self.late_ms = late_ms
        self.desk = None
        self._began = None

    def test(self, on):
        super().test(on)
        if on and self.desk is not None:
            self._began = self.desk.now

    def tripped(self):
        if self.desk is None or self._began is None:
            return self.trip
        return self.trip or self.late_ms <= ticks_diff(self.desk.now, self._began) < self.late_ms + 400


def test_a_late_answer_to_the_test_is_no_leakage():
    for late_ms in (1020, 1060, 1500, 2500):
        hardware = FakeHardware()
        hardware.rcd = LateRcd(late_ms)
        desk = Desk(hardware)
        hardware.rcd.desk = desk
        seen = set()
        for _ in range(500):
            desk.run(20)
            seen.add(desk.supply.faults)
        assert seen == {(), ("RcdSelfTest",)} and hardware.rcd.tests == 2, late_ms
        assert desk.supply.latched == faults.bit("RcdSelfTest")
        # What trips when the test is over is a leakage again.
        hardware.rcd.trip = True
        desk.run(40)
        assert desk.supply.faults == ("RcdTrip", "RcdSelfTest")


def test_one_late_answer_is_forgiven():
    hardware = FakeHardware()
    rcd = hardware.rcd = LateRcd(1060)
    desk = Desk(hardware)
    rcd.desk = desk
    desk.run(1000)
    rcd.late_ms = 100
    desk.run(4000)
    assert rcd.tests == 2 and desk.supply.faults == ()


def test_a_trip_that_began_in_the_test_is_the_tests():
    hardware = FakeHardware()
    rcd = hardware.rcd = FakeRcd()
    rcd.stays = True
    desk = Desk(hardware)
    seen = []
    desk.run(10000, lambda: seen.append(desk.supply.faults))
    assert set(seen) == {(), ("RcdSelfTest",)}
    rcd.stays = False
    desk.supply.acknowledge()
    desk.run(1000)
    assert desk.supply.faults == ("RcdSelfTest",)
    rcd.trip = False  # its cause goes within the 2 s
    desk.run(1000)
    assert desk.supply.faults == () and desk.supply.latched == 0


def test_one_that_has_tripped_before_the_first_test_has_tripped():
    hardware = FakeHardware()
    rcd = hardware.rcd = FakeRcd()
    rcd.trip = True
    desk = Desk(hardware)
    desk.run(5000)
    assert desk.supply.faults == ("RcdTrip",) and rcd.tests == 0


def test_it_is_not_tested_while_its_contacts_are_closed():
    hardware = FakeHardware()
    rcd = hardware.rcd = FakeRcd()
    hardware.contactor.welded = True
    desk = Desk(hardware)
    desk.run(3000)
    assert rcd.tests == 0
    hardware.contactor.welded = None
    desk.run(1000)
    assert rcd.tests == 1


class SlowContactor(FakeContactor):
    """The main contacts follow later than the next step; `desk`: the guard's interrupt comes at `tick_at`,
    while the feedback is being read."""

    desk = None
    tick_at = 0

    def closed(self):
        if self.desk is not None:
            self.desk.supply.guard.tick(self.tick_at)
        return False


class CarefulRcd(FakeRcd):
    coil = None

    def test(self, on):
        super().test(on)
        assert not (on and self.coil.coil)


def _a_day_in_b():
    """Offered current, and a minute less than a day after the test; then the car goes to C."""
    hardware = FakeHardware()
    contactor = hardware.contactor = SlowContactor()
    hardware.rcd = CarefulRcd()
    hardware.rcd.coil = contactor
    desk = Desk(hardware)
    desk.supply.permit(True)
    desk.run(400)
    hardware.pilot.car_mv = B
    desk.run(400)
    for _ in range(24 * 60 - 1):
        desk.now = ticks_add(desk.now, 60000)
        desk.supply.guard.tick(desk.now)
        desk.supply.step(desk.now)
    hardware.pilot.car_mv = C
    return desk


def test_a_contactor_that_is_closing_is_not_tested_with():
    desk = _a_day_in_b()
    steps = desk.run(3000, lambda: desk.hardware.contactor.coil) // 20
    desk = _a_day_in_b()
    desk.run(20 * (steps - 1))
    contactor = desk.hardware.contactor
    assert not contactor.coil and desk.hardware.rcd.tests == 2
    # The wish is there, and the day is over; the interrupt closes after the step has seen the guard open.
    contactor.desk = desk
    contactor.tick_at = ticks_add(desk.now, 20)  # a minute later the wish would be too old
    moves = contactor.moves
    desk.now = ticks_add(desk.now, 60000)
    desk.supply.step(desk.now)
    contactor.desk = None
    assert contactor.moves > moves and desk.hardware.rcd.tests == 2
    desk.run(1000)
    assert desk.hardware.rcd.tests == 3


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
    desk.run(5000)
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


def test_nothing_is_offered_while_a_slow_monitor_is_tested():
    # Sequence 4: who is offered current has it within 3 s, so the test comes before.
    hardware = FakeHardware()
    rcd = hardware.rcd = FakeRcd()
    desk = Desk(hardware)
    desk.run(1000)
    desk.supply.permit(True)
    hardware.pilot.car_mv = B
    offers = []
    desk.run(400, lambda: offers.append((desk.supply.offered_da, rcd.testing, rcd.tests)))
    assert rcd.tests == 2 and desk.supply.offered_da == 320
    assert not any(offered_da and (testing or tests < 2) for offered_da, testing, tests in offers)


def test_one_that_cannot_be_tested_is_left_alone():
    # A breaker's trip contact (hal.contract.Rcd): its trips count, there is no test that could fail.
    hardware = FakeHardware()
    rcd = hardware.rcd = FakeRcd()
    rcd.testable = False
    desk = Desk(hardware)
    assert desk.supply.untested
    desk.run(5000)
    hardware.pilot.car_mv = B
    desk.supply.permit(True)
    desk.run(400)
    hardware.pilot.car_mv = C
    assert desk.run(3000, lambda: hardware.contactor.coil) < 700
    desk.run(1000)
    assert desk.supply.faults == () and rcd.tests == 0
    rcd.trip = True
    desk.run(20)
    assert not hardware.contactor.coil
    desk.run(20)
    assert desk.supply.faults == ("RcdTrip",)
    assert not Desk(FakeHardware()).supply.untested


def test_a_trip_between_two_steps_is_not_missed():
    hardware = FakeHardware()
    rcd = hardware.rcd = FakeRcd()
    desk = Desk(hardware)
    desk.run(1000)
    rcd.trip = True
    desk.supply.guard.tick(desk.now)
    desk.supply.guard.tick(desk.now)
    rcd.trip = False
    desk.supply.guard.tick(desk.now)
    desk.run(20)
    assert desk.supply.faults == ("RcdTrip",) and desk.supply.latched == faults.bit("RcdTrip")
