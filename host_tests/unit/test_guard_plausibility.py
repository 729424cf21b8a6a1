# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.guard: samples that cannot be believed, an oscillator that does not do as told, and the diode."""

from evse.guard import DIODE_BAD, DIODE_OK, DIODE_UNKNOWN
from host_tests.unit.evse_rig import DIODE_MV, A, B, C, D, E, F
from host_tests.unit.guard_rig import Line, fast_line

# --- samples and oscillator ---


def test_samples_that_cannot_be_believed():
    line = Line().charging()
    line.pilot.count = -1
    assert line.tick(20) is True
    assert line.tick(20) is False and line.guard.letter == "E"
    line.pilot.count = None
    line.wish = False
    line.feed(C, 400)
    assert line.guard.letter == "E"
    line.feed(C, 200)
    assert line.guard.letter == "C"
    line = fast_line()
    line.pilot.count = -1
    for _ in range(3):
        assert line.tick(6) is True
    assert line.tick(6) is False and line.guard.letter == "E"


def test_one_pass_without_sense_is_nothing():
    line = Line().charging()
    for _ in range(5):
        line.pilot.count = -1
        assert line.tick(20) is True
        line.pilot.count = None
        assert line.feed(C, 100) is True


def test_a_sampling_that_stands_still():
    line = fast_line()
    line.pilot.count = 0
    for _ in range(13):
        assert line.tick(6) is True
    assert line.tick(6) is False and line.guard.letter == "E"
    # A stall of the caller is none of the sampling.
    line = Line().charging()
    assert line.feed(C, 800, 800) is True


def test_an_oscillator_that_does_not_run():
    for stuck_mv in (A, B, C, D, F):
        line = Line().charging()
        line.pilot.levels = (stuck_mv, stuck_mv)
        line.tick(20)
        assert line.tick(20) is False, stuck_mv
        for _ in range(8):
            line.tick(20)
        assert line.guard.letter == "E" and line.guard.diode != DIODE_BAD


def test_an_oscillator_that_runs_although_it_should_not():
    line = Line().charging()
    line.set_pwm(False)
    line.pilot.levels = (C, DIODE_MV)
    line.tick(20)  # the plateaus follow with a delay
    assert line.tick(20) is True
    assert line.tick(20) is False and line.guard.letter == "E"


def test_state_f_is_seen_as_such():
    line = Line()
    line.feed(B, 300)
    line.guard.set_duty(0)
    line.pilot.levels = (F, F)
    for _ in range(10):
        line.tick(20)
    assert line.guard.letter == "F"


# --- the diode ---


def test_no_diode_no_power():
    # -8.8 V: 2.74 kohm without a diode against 1 kohm (B), -5.6 V: 0.88 kohm (C).
    for high_mv in (B, C):
        for low_mv in (0, -3000, -5600, -8800, -9500, 3000):
            line = Line()
            line.low_mv = low_mv
            line.feed(high_mv, 300)
            assert line.guard.diode == DIODE_BAD, (high_mv, low_mv)
            line.wish = True
            assert line.feed(C, 3000) is False, (high_mv, low_mv)


def test_the_weakest_source_is_no_fault_of_the_diode():
    for low_mv in (-10500, -11400, -12600):
        line = Line()
        line.low_mv = low_mv
        line.charging()
        assert line.guard.diode == DIODE_OK, low_mv


def test_two_samples_prove_nothing_of_the_diode_however_far_apart():
    line = Line().charging()
    line.low_mv = 0
    line.feed(C, 20)
    assert line.feed(C, 100, 100) is True and line.guard.diode == DIODE_OK
    assert line.feed(C, 20) is False and line.guard.diode == DIODE_BAD
    line = Line()
    line.feed(B, 40)  # the plateaus follow the PWM with a delay
    line.feed(B, 20)
    line.feed(B, 100, 100)
    assert line.guard.diode == DIODE_UNKNOWN
    line.feed(B, 20)
    assert line.guard.diode == DIODE_OK


def test_a_bad_diode_is_remembered_until_the_car_is_gone():
    line = Line()
    line.low_mv = 0
    line.feed(B, 300)
    assert line.guard.diode == DIODE_BAD
    line.low_mv = DIODE_MV
    line.wish = True
    assert line.feed(C, 3000) is False
    line.feed(A, 200)
    assert line.guard.diode == DIODE_UNKNOWN
    assert line.feed(C, 600) is True


def test_a_diode_that_fails_under_load_opens():
    line = Line().charging()
    line.low_mv = 0
    assert line.feed(C, 60) is True
    assert line.feed(C, 20) is False and line.guard.diode == DIODE_BAD


def test_a_lone_low_plateau_changes_nothing():
    line = Line().charging()
    line.low_mv = 0
    line.feed(C, 20)
    line.low_mv = DIODE_MV
    assert line.feed(C, 1000) is True
    assert line.guard.diode == DIODE_OK


def test_without_pwm_the_diode_cannot_be_seen():
    line = Line()
    line.set_pwm(False)
    line.wish = True
    assert line.feed(C, 3000) is False
    assert line.guard.diode == DIODE_UNKNOWN


def test_each_pwm_shows_the_diode_anew():
    line = Line()
    line.feed(B, 300)
    assert line.guard.diode == DIODE_OK
    line.set_pwm(False)
    line.feed(B, 40)
    assert line.guard.diode == DIODE_UNKNOWN


def test_a_diode_that_failed_during_a_pause_is_found_when_it_ends():
    line = Line().charging()
    line.set_pwm(False)
    line.feed(C, 1000)
    line.set_pwm(True)
    line.low_mv = 0
    assert line.feed(C, 100) is False


def test_a_shorted_pilot_is_no_diode_fault():
    line = Line().charging()
    line.low_mv = 0
    assert line.feed(E, 60) is False
    line.feed(E, 1000)
    assert line.guard.letter == "E" and line.guard.diode == DIODE_OK
