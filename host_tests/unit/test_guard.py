# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.guard: when the contactor closes, whom it obeys, and that a pass allocates nothing."""

from hal.ticks import ticks_add
from host_tests.unit.evse_rig import DIODE_MV, A, B, C, D, E, F
from host_tests.unit.guard_rig import PWM_E4, STEADY_E4, Line

try:
    from micropython import heap_lock, heap_unlock
except ImportError:  # CPython has no lock: there the loop runs without the proof

    def heap_lock():
        pass

    def heap_unlock():
        pass


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
    # Nor are they a part of the proof: a wake-up pulse may have begun and ended in between.
    assert line.feed(C, 460) is False
    assert line.feed(C, 80) is True


def test_silence_is_no_part_of_the_proof():
    """Also when the letter is E already: the line may have been in B meanwhile, unseen."""
    for silent_ms in (90, 450, 1800):
        line = Line(each_ms=3)
        line.wish = True
        for _ in range(60):
            line.bring((B, B), 6)
        for passes in (75, 300):
            for _ in range(passes):
                line.bring((), 6)
            assert line.guard.letter == "E"
            for _ in range(18):
                assert not line.bring((C, C), 6)
        for _ in range(silent_ms // 6):
            line.bring((), 6)
        passed = 0
        while not line.bring((C, C), 6):
            passed += 6
        assert passed >= 480, (silent_ms, passed)


def test_a_wish_is_out_of_date_after_a_second_however_late_the_pass():
    for late_ms, closes in ((980, True), (1001, False), (6000, False), (19000, False)):
        line = Line().charging()
        guard = line.guard
        guard.ask(False)
        line.wish = False
        line.feed(C, 100)
        guard.ask(True, guard.openings)
        line.tick(late_ms)
        assert line.contactor.coil is closes, late_ms


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


def test_a_pause_keeps_the_contactor_closed_while_it_is_asked_for():
    line = Line().charging()
    line.set_pwm(False)  # the car was asked to stop: steady +12 V, C1
    assert line.feed(C, 5000) is True
    assert line.feed(B, 60) is False


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
            # Once in a while four in a row that are all different.
            pilot.levels = levels[(index + count) % 8 if count % 211 < 4 else index]
            pilot.count = None if long else counts[count // 23 % 8]
            pilot.sample_ms = 3 if count % 700 < 300 else 0
            rcd.trip = count % 900 // 2 == 225 or count % 900 == 850
            guard.test(count % 1000 > 980)
            if count % 400 == 0:
                guard.set_duty(STEADY_E4)
            elif count % 400 == 9:
                guard.set_duty(PWM_E4)
            guard.ask(count % 60 != 3, guard.openings)
            guard.tick(times[count], count % 1100 // 2 == 275, count % 1300 != 650)
            if guard.closed != was:
                was = guard.closed
                closings += was
    finally:
        heap_unlock()
    assert closings > 10 and guard.trips > 2 and guard.stops > 2 and guard.departures > 2
