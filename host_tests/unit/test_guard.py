# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.guard: debounce, diode check, and when the contactor opens and closes."""

from evse.guard import DIODE_BAD, DIODE_OK, DIODE_UNKNOWN, Guard
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import DIODE_MV, START, STEP_MS, A, B, C, D, E, F, FakeHardware, FakeRcd

try:
    from micropython import heap_lock, heap_unlock
except ImportError:  # CPython has no lock: there the loop runs without the proof

    def heap_lock():
        pass

    def heap_unlock():
        pass


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


def fast_line():
    """Samples that stand for 3 ms, two for each pass of 6 ms; the contactor is closed and at rest."""
    line = Line(each_ms=3)
    line.wish = True
    for _ in range(60):
        line.bring((B, B), 6)
    for _ in range(100):
        line.bring((C, C), 6)
    assert line.contactor.coil is True
    return line


def test_a_new_guard_opens_the_contactor():
    line = Line()
    assert line.contactor.coil is False and line.contactor.moves == 1


def test_closes_after_half_a_second_of_c_not_before():
    line = Line()
    line.feed(B, 300)
    line.wish = True
    assert line.feed(C, 500) is False
    assert line.feed(C, 40) is True
    assert line.guard.letter == "C"


def test_does_not_close_unasked():
    line = Line()
    line.feed(B, 300)
    assert line.feed(C, 5000) is False
    line.wish = True
    assert line.feed(C, 20) is True


def test_does_not_close_in_any_other_state():
    for high_mv in (A, B, D, E, F):
        line = Line()
        line.wish = True
        assert line.feed(high_mv, 3000) is False, high_mv


def test_does_not_close_in_the_sample_that_says_the_car_is_gone():
    for high_mv in (A, B, D, E, F):
        line = Line()
        line.feed(C, 1000)
        line.wish = True
        assert line.feed(high_mv, 20) is False
        assert line.feed(C, 20) is True


def test_opens_at_the_second_sample_of_20_ms():
    for high_mv in (A, B, D, E, F):
        line = Line().charging()
        assert line.feed(high_mv, 20) is True, high_mv
        # With the car's switch just after a sample that is 40 ms.
        assert line.feed(high_mv, 20) is False, high_mv
        assert line.guard.letter != "C"


def test_a_timer_that_comes_early_does_not_cost_a_sample():
    line = Line().charging()
    line.feed(B, 20)
    assert line.feed(B, 18, 18) is False
    line = Line().charging()
    line.feed(B, 20)
    assert line.feed(B, 10, 10) is True
    assert line.feed(B, 10, 10) is False


def test_three_samples_of_3_ms_open():
    for high_mv in (A, B, D, E, F):
        line = fast_line()
        assert line.bring((C, high_mv), 6) is True
        assert line.bring((high_mv,), 6) is True
        assert line.bring((high_mv,), 1) is False, high_mv


def test_two_samples_of_3_ms_do_not_open():
    line = fast_line()
    for _ in range(20):
        assert line.bring((B, B), 6) is True
        assert line.bring((C, C), 6) is True
    assert line.guard.letter == "C" and line.contactor.moves == 2


def test_what_came_during_an_erase_of_flash_is_taken_at_once():
    line = fast_line()
    assert line.bring((C,) * 13 + (B,) * 3, 48) is False
    line = fast_line()
    assert line.bring((C,) * 14 + (B,) * 2, 48) is True
    assert line.bring((B,) * 16, 48) is False
    # The car was gone for 9 ms and is there again: it has left, and has to prove half a second.
    line = fast_line()
    assert line.bring((C,) * 5 + (B,) * 3 + (C,) * 8, 48) is False
    for _ in range(79):
        assert line.bring((C, C), 6) is False
    for _ in range(10):
        line.bring((C, C), 6)
    assert line.contactor.coil is True


def test_a_wake_up_pulse_within_erases_does_not_close():
    line = Line(each_ms=3)
    line.wish = True
    for _ in range(40):
        line.bring((B,) * 16, 48)
    for _ in range(3):
        for _ in range(8):
            assert line.bring((C,) * 16, 48) is False
        for _ in range(6):
            assert line.bring((B,) * 16, 48) is False


def test_noise_of_the_contactor_that_moves():
    # 30 ms instead of 9 within 50 ms after it moved.
    line = Line(each_ms=3)
    line.wish = True
    for _ in range(60):
        line.bring((B, B), 6)
    while not line.bring((C, C), 6):
        pass
    for _ in range(4):
        assert line.bring((E, E), 6) is True
    assert line.bring((E, E), 6) is False


def test_a_car_that_leaves_as_the_contactor_closes():
    line = Line()
    line.feed(B, 300)
    line.wish = True
    while not line.feed(C, 20):
        pass
    assert line.feed(B, 40) is True
    assert line.feed(B, 20) is False  # 60 ms with the phase of the sampling


def test_opens_at_the_second_sample_when_they_come_late():
    line = Line().charging()
    assert line.feed(B, 70, 70) is True
    assert line.feed(B, 70, 70) is False


def test_a_lone_bad_sample_changes_nothing():
    for high_mv in (A, B, E, F):
        line = Line().charging()
        for pause_ms in (20, 100, 700):
            assert line.feed(high_mv, 20) is True, high_mv
            assert line.feed(C, pause_ms) is True
            assert line.guard.letter == "C"
        # Not even when the caller stalls right after it.
        line.feed(high_mv, 20)
        assert line.feed(C, 800, 800) is True
        assert line.contactor.moves == 2  # opened at the start, closed once


def test_a_car_that_bounces_on_its_way_out_has_left():
    line = Line().charging()
    line.feed(B, 10, 10)
    line.feed(A, 10, 10)
    assert line.feed(E, 10, 10) is False


def test_wake_up_pulses_do_not_close():
    # ISO 15118-3: B-C-B, 200..400 ms each, up to three times; iX3 250 ms.
    for pulse_ms in (200, 240, 400):
        line = Line()
        line.feed(B, 1000)
        line.wish = True
        for _ in range(3):
            assert line.feed(C, pulse_ms) is False
            assert line.feed(B, pulse_ms) is False
        assert line.guard.letter == "B"
        assert line.contactor.moves == 1


def test_noise_within_c_delays_the_closing():
    line = Line()
    line.feed(B, 300)
    line.wish = True
    for _ in range(5):
        line.feed(C, 400)
        assert line.feed(B, 20) is False
    assert line.feed(C, 540) is True


def test_two_samples_far_apart_do_not_prove_c():
    line = Line()
    line.feed(B, 300)
    line.wish = True
    assert line.feed(C, 1400, 700) is False
    assert line.feed(C, 100) is True


def test_ask_no_opens_at_once():
    line = Line().charging()
    line.wish = False
    line.guard.ask(False)
    assert line.contactor.coil is False
    assert line.feed(C, 2000) is False


def test_a_wish_is_forgotten_when_the_guard_has_opened():
    line = Line().charging()
    line.wish = False
    seen = line.guard.openings
    line.guard.ask(True, seen)
    assert line.feed(C, 20) is True
    line.feed(B, 60)
    # Made before the outlet could know.
    line.guard.ask(True, seen)
    assert line.feed(C, 2000) is False
    line.guard.ask(True, line.guard.openings)
    assert line.feed(C, 20) is True


def test_a_wish_that_is_not_repeated_grows_old():
    line = Line()
    line.feed(B, 300)
    line.guard.ask(True, line.guard.openings)
    assert line.feed(B, 1000) is False
    assert line.feed(C, 1000) is False
    line = Line()
    line.feed(B, 300)
    line.guard.ask(True, line.guard.openings)
    assert line.feed(C, 600) is True
    assert line.feed(C, 15000) is True  # a name lookup: what is closed stays closed


def test_the_coil_is_told_at_every_pass():
    line = Line().charging()
    drives = line.contactor.drives
    line.feed(C, 200)
    assert line.contactor.drives == drives + 10


def test_nobody_looks_after_the_charger():
    line = Line().charging()
    line.alive = False
    assert line.feed(C, 20) is False
    line.alive = True
    assert line.feed(C, 20) is True


def test_trips_open_in_the_same_pass_and_are_counted():
    line = Line().charging()
    line.hardware.rcd.trip = True
    assert line.feed(C, 20) is False
    assert line.guard.tripped and line.guard.trips == 1
    line.hardware.rcd.trip = False
    line.wish = False
    assert line.feed(C, 200) is False  # nobody asked again
    assert line.guard.trips == 1 and not line.guard.tripped
    line.wish = True
    assert line.feed(C, 20) is True
    line.stopped = True
    assert line.feed(C, 20) is False
    line.stopped = False
    line.feed(C, 20)
    assert line.guard.stops == 1


def test_a_tested_rcd_is_no_trip_and_nothing_closes_meanwhile():
    line = Line()
    line.feed(B, 300)
    line.guard.test(True)
    line.hardware.rcd.test(True)
    line.wish = True
    assert line.feed(C, 1000) is False and line.guard.trips == 0 and line.guard.tripped
    line.hardware.rcd.test(False)
    assert line.feed(C, 100) is False
    line.guard.test(False)
    assert line.feed(C, 20) is True and line.guard.trips == 0


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


def test_a_car_that_has_come_and_gone_is_counted():
    line = Line()
    line.feed(A, 200)
    assert line.guard.departures == 0
    line.feed(B, 200)
    line.feed(A, 200)
    line.feed(B, 200)
    assert line.guard.departures == 1 and line.guard.letter == "B"


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
    line.wish = True
    line.feed(A, 200)
    assert line.feed(C, 540) is True


def test_d_needs_ventilation():
    line = Line(ventilation=True)
    line.feed(B, 300)
    line.wish = True
    assert line.feed(D, 540) is True
    assert line.feed(C, 1000) is True
    assert line.feed(D, 1000) is True
    assert line.guard.letter == "D"
    assert line.feed(B, 60) is False


def test_no_diode_no_power():
    line = Line()
    line.feed(B, 300)
    line.wish = True
    line.low_mv = -C
    for low_mv in (0, -3000, -6000, -9500, 3000):
        line.low_mv = low_mv
        assert line.feed(C, 3000) is False, low_mv
        assert line.guard.diode == DIODE_BAD


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


def test_a_pause_keeps_the_contactor_closed_while_it_is_asked_for():
    line = Line().charging()
    line.set_pwm(False)  # the car was asked to stop: steady +12 V, C1
    assert line.feed(C, 5000) is True
    assert line.feed(B, 60) is False


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


def test_a_pass_allocates_nothing_on_any_path():
    line = Line(ventilation=True).charging()
    guard = line.guard
    pilot = line.pilot
    rcd = line.hardware.rcd
    levels = ((A, DIODE_MV), (B, DIODE_MV), (C, DIODE_MV), (D, DIODE_MV), (C, 0), (E, E), (F, F), (C, C))
    times = [ticks_add(line.now, 7 * (count + 1)) for count in range(4000)]
    counts = (None, None, None, None, -1, None, 0, None)
    closings = 0
    was = True
    heap_lock()
    try:
        for count in range(4000):
            # States, bounces, both answers of the diode, a stuck oscillator, in runs of different lengths.
            long = count // 100 % 3 != 0
            index = 2 if long else count // 17 % 8
            pilot.levels = levels[index]
            pilot.count = None if long else counts[count // 23 % 8]
            pilot.sample_ms = 3 if count % 700 < 300 else 0
            rcd.trip = count % 900 == 450
            guard.test(count % 1000 > 980)
            if count % 400 == 0:
                guard.set_duty(STEADY_E4)
            elif count % 400 == 9:
                guard.set_duty(PWM_E4)
            guard.ask(count % 60 != 3, guard.openings)
            guard.tick(times[count], count % 1100 == 550, count % 1300 != 650)
            if guard.closed != was:
                was = guard.closed
                closings += was
    finally:
        heap_unlock()
    assert closings > 10 and guard.trips > 2 and guard.stops > 2 and guard.departures > 2
