# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.guard: what it says of the car: plugged, gone, counted; and nothing of that after a pilot that has
dropped out."""

from evse.guard import DIODE_OK
from host_tests.unit.evse_rig import A, B, C, D, E
from host_tests.unit.guard_rig import Line, fast_line, just_closed, play


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


def test_a_car_that_has_come_and_gone_is_counted():
    line = Line()
    line.feed(A, 200)
    assert line.guard.departures == 0
    line.feed(B, 200)
    line.feed(A, 200)
    line.feed(B, 200)
    assert line.guard.departures == 1 and line.guard.letter == "B"


def test_nine_milliseconds_open_and_say_nothing_of_the_car():
    dips = ((A, A, A), (D, D, D), (B, B, A), (E, E, A), (E, E, D), (B, E, D), (E, A, A), (A, B, D), (B, B, E))
    for dip in dips:
        line = fast_line()
        guard = line.guard
        assert play(line, dip[:2]) is True, dip
        assert play(line, dip[2:]) is False, dip
        assert guard.letter == "B", dip
        # It is there again: half a second of C, as always, and no other check is left out.
        for _ in range(166):
            assert play(line, (C,)) is False and guard.letter == "B", dip
        play(line, (C,) * 4)
        assert line.contactor.coil is True, dip
        assert (guard.departures, guard.openings, guard.diode) == (0, 1, DIODE_OK), dip


def test_a_dip_of_a_slow_converter_says_nothing_of_the_car():
    line = Line().charging()
    assert line.feed(A, 40) is False
    assert line.guard.letter == "B"
    line.feed(A, 60)
    assert line.guard.letter == "B" and line.guard.departures == 0
    line.feed(A, 20)
    assert line.guard.letter == "A" and line.guard.departures == 1


def test_what_the_car_is_now_takes_100_ms_of_it():
    for before in ((), (B, B), (E, E), (B,)):
        for high_mv, letter, departures in ((A, "A", 1), (D, "D", 0), (E, "E", 0)):
            line = fast_line()
            play(line, before)
            # Counted from the first sample of that letter, 34 of 3 ms after it.
            play(line, (high_mv,) * 34)
            if letter != "E":
                assert line.guard.letter == "B" and line.guard.departures == 0, (before, letter)
            play(line, (high_mv,))
            assert line.guard.letter == letter and line.guard.departures == departures, (before, letter)
            assert line.contactor.coil is False and line.guard.openings == 1


def test_a_run_that_is_broken_begins_anew():
    for other_mv in (B, D, E, C):
        line = fast_line()
        play(line, (A,) * 30 + (other_mv,))
        play(line, (A,) * 34)
        assert line.guard.letter == "B" and line.guard.departures == 0, other_mv
        play(line, (A,))
        assert line.guard.letter == "A" and line.guard.departures == 1, other_mv
    # What was bad and did not suffice to open is forgotten.
    line = fast_line()
    assert play(line, (B, A, C) + (A,) * 2) is True
    assert play(line, (A,) * 32) is False and line.guard.letter == "B"
    play(line, (A,))
    assert line.guard.letter == "A"
    line = just_closed()
    assert play(line, (B,) * 6 + (E, C)) is True
    assert play(line, (E,) * 8) is False and line.guard.letter == "E"


def test_a_car_that_leaves_between_late_passes_is_known_to_have_gone():
    line = Line().charging()
    line.feed(A, 120, 120)
    assert line.feed(A, 120, 120) is False
    assert line.guard.letter == "A" and line.guard.departures == 1


def test_a_short_under_load_is_named_at_once():
    # The outlet has to see it while it still knows of the load: state F, and nothing is offered for 30 s.
    for short in ((E, E, E), (D, E, E), (A, E, E)):
        line = fast_line()
        assert play(line, short) is False and line.guard.letter == "E", short
    line = Line().charging()
    line.feed(D, 20)
    assert line.feed(E, 20) is False and line.guard.letter == "E"


def test_d_that_may_be_charged_takes_half_a_second_after_a_dip():
    line = fast_line(ventilation=True)
    assert play(line, (A, A, A)) is False
    play(line, (D,) * 160)
    assert line.guard.letter == "B" and line.contactor.coil is False
    assert play(line, (D,) * 10) is True and line.guard.letter == "D"


def test_b_that_was_seen_is_no_guess():
    # Half a second of D, as from any B: the plug that goes in may touch D on its way.
    for before in ((A, A, A, B), (B, B, B), (A, B, B)):
        line = fast_line()
        play(line, before)
        play(line, (D,) * 160)
        assert line.guard.letter == "B", before
        play(line, (D,) * 10)
        assert line.guard.letter == "D", before
    line = fast_line()
    play(line, (A,) * 35 + (D,) * 160)
    assert line.guard.letter == "A"
    line = fast_line()
    play(line, (A, A, A))
    line.pilot.count = 0
    for _ in range(30):
        line.tick(3)
    assert line.guard.letter == "E"
    play(line, (D,) * 160)
    assert line.guard.letter == "E"
