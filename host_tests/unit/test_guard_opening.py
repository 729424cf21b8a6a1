# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.guard: how many bad samples open the contactor, and how soon: samples of 3 ms and of 20, passes that
come late, an erase of flash, the noise of the contactor itself."""

from hal.ticks import ticks_add
from host_tests.unit.evse_rig import A, B, C, D, E, F
from host_tests.unit.guard_rig import Line, fast_line, just_closed


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


def test_opens_at_the_second_sample_when_they_come_late():
    line = Line().charging()
    assert line.feed(B, 70, 70) is True
    assert line.feed(B, 70, 70) is False


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


def test_one_pass_after_an_erase_is_enough_also_right_after_the_contactor_moved():
    # The ring holds nine samples, however long the erase: a proof that needs more takes a second erase.
    line = just_closed()
    assert line.bring((B,) * 9, 46) is False


def test_noise_of_the_contactor_that_moves():
    # 24 ms instead of 9 within 50 ms after it moved.
    line = just_closed()
    for _ in range(3):
        assert line.bring((E, E), 6) is True
    assert line.bring((E, E), 6) is False
    line = just_closed()
    for _ in range(3):
        assert line.bring((E, E), 6) is True
    for _ in range(20):
        assert line.bring((C, C), 6) is True


def test_a_car_that_leaves_as_the_contactor_closes():
    line = Line()
    line.feed(B, 300)
    line.wish = True
    while not line.feed(C, 20):
        pass
    assert line.feed(B, 40) is True
    assert line.feed(B, 20) is False  # 60 ms with the phase of the sampling


def test_it_asks_for_the_next_sample_while_the_car_may_be_leaving():
    line = fast_line()
    guard = line.guard

    def tick(levels, ms=9):
        for index, high_mv in enumerate(levels):
            line.pilot.high_mv[index] = high_mv
            line.pilot.low_mv[index] = line.low_mv
        line.pilot.count = len(levels)
        line.now = ticks_add(line.now, ms)
        guard.ask(True, guard.openings)
        return guard.tick(line.now)

    assert tick((C, C, C)) is False
    assert tick((C, C, B)) is True
    assert tick((), 1) is True  # the sample is not complete yet
    assert tick((B,), 2) is True
    assert tick((C,)) is False  # it was noise
    assert tick((B, B)) is True
    assert tick((B,), 3) is False  # open: nothing is urgent any more
    assert line.contactor.coil is False
    for _ in range(20):
        assert tick((C, C, C)) is False  # on its way to C, and open
