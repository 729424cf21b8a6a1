# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.guard: debounce, diode check, and when the contactor opens and closes."""

from evse.guard import DIODE_BAD, DIODE_OK, DIODE_UNKNOWN, Guard
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import DIODE_MV, START, STEP_MS, A, B, C, D, E, F, FakeContactor

try:
    from micropython import heap_lock, heap_unlock
except ImportError:  # CPython has no lock: there the loop runs without the proof

    def heap_lock():
        pass

    def heap_unlock():
        pass


class Line:
    """A guard at the end of a pilot line."""

    def __init__(self, ventilation=False):
        self.contactor = FakeContactor()
        self.guard = Guard(self.contactor, ventilation)
        self.now = START
        self.pwm = True
        self.low_mv = DIODE_MV

    def feed(self, high_mv, ms, step_ms=STEP_MS):
        """This level for `ms`, then the state of the coil."""
        for _ in range(ms // step_ms):
            self.now = ticks_add(self.now, step_ms)
            self.guard.sample(self.now, high_mv, self.low_mv if self.pwm else high_mv, self.pwm)
        return self.contactor.coil

    def charging(self):
        self.feed(B, 300)
        self.guard.ask(True)
        assert self.feed(C, 600) is True
        return self


def test_a_new_guard_opens_the_contactor():
    line = Line()
    assert line.contactor.coil is False and line.contactor.drives == 1


def test_closes_after_half_a_second_of_c_not_before():
    line = Line()
    line.feed(B, 300)
    line.guard.ask(True)
    assert line.feed(C, 500) is False
    assert line.feed(C, 40) is True
    assert line.guard.letter == "C"


def test_does_not_close_unasked():
    line = Line()
    line.feed(B, 300)
    assert line.feed(C, 5000) is False
    line.guard.ask(True)
    assert line.feed(C, 20) is True


def test_does_not_close_in_any_other_state():
    for high_mv in (A, B, D, E, F):
        line = Line()
        line.guard.ask(True)
        assert line.feed(high_mv, 3000) is False, high_mv


def test_does_not_close_in_the_sample_that_says_the_car_is_gone():
    for high_mv in (A, B, D, E, F):
        line = Line()
        line.feed(C, 1000)
        line.guard.ask(True)
        assert line.feed(high_mv, 20) is False
        assert line.feed(C, 20) is True


def test_opens_within_60_ms_of_the_car_leaving_c():
    for high_mv in (A, B, D, E, F):
        line = Line().charging()
        assert line.feed(high_mv, 40) is True, high_mv
        # The third sample at the latest: with the car's switch just after a sample that is 60 ms.
        assert line.feed(high_mv, 20) is False, high_mv
        assert line.guard.letter != "C"


def test_opens_at_the_second_sample_when_they_come_late():
    line = Line().charging()
    assert line.feed(B, 70, 70) is True
    assert line.feed(B, 70, 70) is False


def test_a_lone_bad_sample_changes_nothing():
    for high_mv in (A, B, E, F):
        line = Line().charging()
        for pause_ms in (20, 100, 700):
            assert line.feed(high_mv, 20) is True
            assert line.feed(C, pause_ms) is True
            assert line.guard.letter == "C"
        # Not even when the caller stalls right after it.
        line.feed(high_mv, 20)
        assert line.feed(C, 800, 800) is True
        assert line.contactor.drives == 2  # opened at the start, closed once


def test_a_car_that_bounces_on_its_way_out_has_left():
    line = Line().charging()
    line.feed(B, 20)
    line.feed(A, 20)
    assert line.feed(E, 20) is False


def test_wake_up_pulses_do_not_close():
    # ISO 15118-3: B-C-B, 200..400 ms each, up to three times; iX3 250 ms.
    for pulse_ms in (200, 240, 400):
        line = Line()
        line.feed(B, 1000)
        line.guard.ask(True)
        for _ in range(3):
            assert line.feed(C, pulse_ms) is False
            assert line.feed(B, pulse_ms) is False
        assert line.guard.letter == "B"
        assert line.contactor.drives == 1


def test_noise_within_c_delays_the_closing():
    line = Line()
    line.feed(B, 300)
    line.guard.ask(True)
    for _ in range(5):
        line.feed(C, 400)
        assert line.feed(B, 20) is False
    assert line.feed(C, 540) is True


def test_two_samples_far_apart_do_not_prove_c():
    line = Line()
    line.feed(B, 300)
    line.guard.ask(True)
    assert line.feed(C, 1400, 700) is False
    assert line.feed(C, 100) is True


def test_ask_no_opens_at_once():
    line = Line().charging()
    line.guard.ask(False)
    assert line.contactor.coil is False
    assert line.feed(C, 2000) is False


def test_plug_and_unplug_are_debounced():
    line = Line()
    line.feed(A, 200)
    line.feed(B, 100)
    assert line.guard.letter == "A"
    line.feed(B, 40)
    assert line.guard.letter == "B"
    line.feed(A, 100)
    assert line.guard.letter == "B"
    line.feed(A, 40)
    assert line.guard.letter == "A"


def test_straight_from_a_to_c():
    # Simplified pilot: a car without S2 (IEC 61851-1 A.2.3).
    line = Line()
    line.guard.ask(True)
    line.feed(A, 200)
    assert line.feed(C, 540) is True


def test_d_needs_ventilation():
    line = Line(ventilation=True)
    line.feed(B, 300)
    line.guard.ask(True)
    assert line.feed(D, 540) is True
    assert line.feed(C, 1000) is True
    assert line.feed(D, 1000) is True
    assert line.guard.letter == "D"
    assert line.feed(B, 60) is False


def test_no_diode_no_power():
    line = Line()
    line.feed(B, 300)
    line.guard.ask(True)
    line.low_mv = -C
    for low_mv in (0, -3000, -6000, -9500, 6000):
        line.low_mv = low_mv
        assert line.feed(C, 3000) is False, low_mv
        assert line.guard.diode == DIODE_BAD


def test_a_bad_diode_is_remembered_until_the_car_is_gone():
    line = Line()
    line.low_mv = 0
    line.feed(B, 300)
    assert line.guard.diode == DIODE_BAD
    line.low_mv = DIODE_MV
    line.guard.ask(True)
    assert line.feed(C, 3000) is False
    line.feed(A, 200)
    assert line.guard.diode == DIODE_UNKNOWN
    assert line.feed(C, 600) is True


def test_a_diode_that_fails_under_load_opens():
    line = Line().charging()
    line.low_mv = 0
    assert line.feed(C, 60) is True
    assert line.feed(C, 20) is False


def test_a_lone_low_plateau_changes_nothing():
    line = Line().charging()
    line.low_mv = 0
    line.feed(C, 20)
    line.low_mv = DIODE_MV
    assert line.feed(C, 1000) is True
    assert line.guard.diode == DIODE_OK


def test_without_pwm_the_diode_cannot_be_seen():
    line = Line()
    line.pwm = False
    line.guard.ask(True)
    assert line.feed(C, 3000) is False
    assert line.guard.diode == DIODE_UNKNOWN


def test_each_pwm_shows_the_diode_anew():
    line = Line()
    line.feed(B, 300)
    assert line.guard.diode == DIODE_OK
    line.pwm = False
    line.feed(B, 40)
    assert line.guard.diode == DIODE_UNKNOWN


def test_a_pause_keeps_the_contactor_closed_while_it_is_asked_for():
    line = Line().charging()
    line.pwm = False  # the car was asked to stop: steady +12 V, C1
    assert line.feed(C, 5000) is True
    assert line.feed(B, 60) is False


def test_a_diode_that_failed_during_a_pause_is_found_when_it_ends():
    line = Line().charging()
    line.pwm = False
    line.feed(C, 1000)
    line.pwm = True
    line.low_mv = 0
    assert line.feed(C, 80) is False


def test_a_shorted_pilot_is_no_diode_fault():
    line = Line().charging()
    line.low_mv = 0
    assert line.feed(E, 60) is False
    line.feed(E, 1000)
    assert line.guard.letter == "E" and line.guard.diode == DIODE_OK


def test_sampling_allocates_nothing():
    guard = Line().charging().guard
    times = [ticks_add(START, STEP_MS * count) for count in range(600)]
    heap_lock()
    try:
        for count in range(600):
            # States, bounces and both answers of the diode, in runs of five samples.
            run = count // 5 % 6
            guard.sample(times[count], 12000 - 3000 * run, DIODE_MV if run != 3 else 0, run != 4)
            if count % 7 == 0:
                guard.ask(run == 2)
    finally:
        heap_unlock()
    assert guard.letter in "ABCDEF"
