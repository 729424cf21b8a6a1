# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Clock-aligned samples under a clock that jumps: no burst, no long silence, no moment twice."""

from station import timestamp
from station.sampling import ClockAlignedSchedule

TEN = timestamp.parse("2026-11-20T10:00:00Z")
MINUTE = 60000
HOUR = 60 * MINUTE


class Watch:
    """A schedule and a clock: the moments that were told, in seconds from ten."""

    def __init__(self, interval_s=900, start_min=-5):
        self.schedule = ClockAlignedSchedule(interval_s)
        self.utc_ms = TEN + start_min * MINUTE
        self.told = []

    def run(self, minutes):
        for _ in range(minutes * 60):
            self.utc_ms += 1000
            moment_ms = self.schedule.due(self.utc_ms)
            if moment_ms is not None:
                self.told.append((moment_ms - TEN) // 1000)

    def jump(self, minutes=0, seconds=0):
        self.utc_ms += minutes * MINUTE + seconds * 1000

    def take(self):
        told, self.told = self.told, []
        return told


QUARTER = 900


def test_a_drift_that_is_corrected_tells_no_moment_twice():
    watch = Watch()
    watch.run(6)
    assert watch.take() == [0]
    watch.jump(seconds=-61)
    watch.run(20)
    assert watch.take() == [QUARTER]


def test_a_clock_set_back_by_less_than_an_hour():
    watch = Watch()
    watch.run(25)
    assert watch.take() == [0, QUARTER]
    watch.jump(-40)
    watch.run(60)
    assert watch.take() == [2 * QUARTER]  # a quarter to, zero and a quarter past were told


def test_a_clock_set_back_by_hours_goes_on_at_the_next_moment():
    watch = Watch()
    watch.run(25)
    assert watch.take() == [0, QUARTER]
    watch.jump(-300)
    watch.run(35)
    assert watch.take() == [-18 * QUARTER, -17 * QUARTER]
    watch.run(280)
    # Zero comes anew, the quarter past was the very last one.
    assert watch.take() == [number * QUARTER for number in range(-16, 1)] + [2 * QUARTER]


def test_a_clock_set_forward_tells_one_sample():
    watch = Watch()
    watch.run(6)
    watch.take()
    watch.jump(300)
    watch.run(20)
    assert watch.take() == [301 * 60 + 1, 315 * 60]  # late for five hours, so with the time that it was


def test_there_and_back():
    """A central system that was wrong once, by five hours and for a minute."""
    watch = Watch()
    watch.run(6)
    watch.jump(300)
    watch.run(1)
    watch.jump(-300)
    assert watch.take() == [0, 301 * 60 + 1]
    watch.run(43)
    assert watch.take() == [QUARTER, 2 * QUARTER, 3 * QUARTER]
    watch.run(300)
    assert watch.take() == [number * QUARTER for number in range(4, 20)] + [
        21 * QUARTER,
        22 * QUARTER,
        23 * QUARTER,
    ]


def test_a_clock_that_jumps_all_the_time_makes_no_burst():
    watch = Watch(start_min=0)
    for _ in range(30):
        watch.jump(300)
        watch.run(1)
        watch.jump(-300)
        watch.run(1)
    assert len(watch.take()) < 10
