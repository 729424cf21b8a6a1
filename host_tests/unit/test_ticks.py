# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.ticks: a counter that wraps at 2**30, on every platform the firmware runs on."""

from hal import ticks
from host_tests.unit.expect import raises

PERIOD = 1 << 30
LONGEST = (1 << 29) - 1  # 6.2 days


def test_difference_across_the_wrap():
    assert ticks.ticks_diff(5, PERIOD - 5) == 10
    assert ticks.ticks_diff(PERIOD - 5, 5) == -10
    assert ticks.ticks_diff(0, PERIOD - 1) == 1


def test_difference_up_to_half_the_period():
    assert ticks.ticks_diff(LONGEST, 0) == LONGEST
    assert ticks.ticks_diff(0, LONGEST) == -LONGEST
    assert ticks.ticks_diff(123, 123) == 0


def test_add_wraps_both_ways():
    assert ticks.ticks_add(PERIOD - 1, 1) == 0
    assert ticks.ticks_add(0, -1) == PERIOD - 1
    assert ticks.ticks_add(PERIOD - 10, LONGEST) == LONGEST - 10


def test_add_refuses_what_cannot_be_compared_later():
    raises(OverflowError, ticks.ticks_add, 0, LONGEST + 1)
    raises(OverflowError, ticks.ticks_add, 0, -LONGEST - 1)


def test_add_undoes_difference():
    for start in (0, 1, 1 << 29, PERIOD - 1):
        for delta in (-LONGEST, -1, 0, 1, 1000, LONGEST):
            assert ticks.ticks_diff(ticks.ticks_add(start, delta), start) == delta


def test_the_counter_can_be_started_before_its_wrap():
    try:
        ticks.start_at(PERIOD - 2)
        begin = ticks.ticks_ms()
        assert ticks.ticks_diff(begin, PERIOD - 2) in range(1000), begin
        deadline = ticks.ticks_add(PERIOD - 2, 20)
        assert deadline == 18
        while ticks.ticks_diff(deadline, ticks.ticks_ms()) > 0:
            pass
        now = ticks.ticks_ms()
        assert 18 <= now < 2000, now  # past the wrap, and no deadline was missed
    finally:
        ticks.start_at(0)


def test_ticks_stay_below_the_period():
    try:
        for origin in (0, PERIOD - 1):
            ticks.start_at(origin)
            assert 0 <= ticks.ticks_ms() < PERIOD
    finally:
        ticks.start_at(0)


def test_nothing_is_allocated():
    try:
        from micropython import heap_lock, heap_unlock
    except ImportError:  # CPython: the calls alone
        heap_lock = heap_unlock = int
    starts = [0, 1, LONGEST, LONGEST + 1, PERIOD - 1]
    try:
        for start in starts:
            ticks.start_at(start)
            heap_lock()
            try:
                for other in starts:
                    ticks.ticks_diff(start, other)
                    ticks.ticks_add(start, LONGEST)
                    ticks.ticks_add(start, -LONGEST)
                    ticks.ticks_ms()
            finally:
                heap_unlock()
    finally:
        ticks.start_at(0)
    assert ticks.ticks_diff(0, PERIOD - 1) == 1
