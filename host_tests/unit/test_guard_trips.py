# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.guard: residual current monitor and emergency stop: what opens, what counts, what is a test."""

from hal.ticks import ticks_add
from host_tests.unit.evse_rig import B, C
from host_tests.unit.guard_rig import Line


def test_trips_open_in_the_same_pass_and_are_counted_in_the_next():
    line = Line().charging()
    line.hardware.rcd.trip = True
    assert line.feed(C, 20) is False
    assert not line.guard.tripped and line.guard.trips == 0
    # Who looks now would see an opening without a cause.
    assert line.guard.closed and line.guard.openings == 0
    line.wish = False
    line.feed(C, 20)
    assert not line.guard.closed and line.guard.openings == 1
    assert line.guard.tripped and line.guard.trips == 1
    line.hardware.rcd.trip = False
    assert line.feed(C, 200) is False  # nobody asked again
    assert line.guard.trips == 1 and not line.guard.tripped
    line.wish = True
    assert line.feed(C, 20) is True
    line.stopped = True
    assert line.feed(C, 20) is False
    assert not line.guard.stopped and line.guard.stops == 0
    line.feed(C, 60)
    assert line.guard.stopped and line.guard.stops == 1
    line.stopped = False
    line.feed(C, 20)
    assert not line.guard.stopped and line.guard.stops == 1
    assert line.guard.openings == 2


def test_one_read_of_a_device_opens_and_counts_for_nothing():
    for name in ("trip", "stop", "both"):
        line = Line().charging()
        guard = line.guard
        for count in range(5):
            line.hardware.rcd.trip = name != "stop"
            line.stopped = name != "trip"
            assert line.feed(C, 20) is False, name
            line.hardware.rcd.trip = line.stopped = False
            # Nothing is left of it: the outlet asks anew, and it closes.
            assert line.feed(C, 20) is False and not guard.closed, name
            assert line.feed(C, 20) is True, name
            assert guard.openings == count + 1, name
        assert (guard.trips, guard.stops, guard.tripped, guard.stopped) == (0, 0, False, False), name


def test_it_comes_again_at_once_to_look_at_a_device_a_second_time():
    for name in ("trip", "stop"):
        for high_mv in (C, B):
            line = Line().charging()
            line.feed(high_mv, 400)
            answers = []
            for on in (False, True, True, True, False, True, False):
                line.hardware.rcd.trip = on and name == "trip"
                line.now = ticks_add(line.now, 1)
                answers.append(line.guard.tick(line.now, on and name == "stop"))
            assert answers == [False, True, False, False, False, True, False]
            assert line.guard.trips + line.guard.stops == 1


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
