# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
import json

from hal.ticks import ticks_add
from host_tests.unit.expect import raises
from station import timestamp
from station.clock import Clock

NOON = timestamp.parse("2026-11-20T12:00:00Z")
PERIOD = 1 << 30
MINUTE = 60000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Station:
    """A station whose boots follow each other: what is persisted of the clock goes from one to the next."""

    def __init__(self):
        self.memory = {}
        self.boot_number = 0
        self.boot()

    def boot(self, rtc_utc_ms=None):
        self.boot_number += 1
        self.set_by = []
        self.clock = Clock(
            self.boot_number, 0, rtc_utc_ms, **self.memory, on_set=lambda *said: self.set_by.append(said)
        )
        self.ticks = 0
        self.keep()

    def keep(self):
        memory = {"floor_utc_ms": self.clock.floor_utc_ms, "anchors": self.clock.anchors}
        self.memory = json.loads(json.dumps(memory))

    def run(self, passed_ms):
        while passed_ms > 0:
            step_ms = min(passed_ms, DAY)
            self.ticks = ticks_add(self.ticks, step_ms)
            self.clock.advance(self.ticks)
            passed_ms -= step_ms

    def stamp(self):
        return json.loads(json.dumps(self.clock.stamp()))


# --- text ---


def test_text():
    assert timestamp.text(NOON) == "2026-11-20T12:00:00.000Z"
    assert timestamp.text(NOON + 7, True) == "2026-11-20T12:00:00.007Z"
    assert timestamp.text(NOON + 999, False) == "2026-11-20T12:00:00Z"
    assert timestamp.text(0) == "1970-01-01T00:00:00.000Z"
    assert timestamp.text(timestamp.EARLIEST_MS) == "2000-01-01T00:00:00.000Z"
    assert timestamp.text(timestamp.LATEST_MS) == "2099-12-31T23:59:59.999Z"
    assert timestamp.text(timestamp.parse("2028-02-29T23:59:59Z")) == "2028-02-29T23:59:59.000Z"
    assert Clock.text(NOON) == "2026-11-20T12:00:00.000Z"


def test_parse_what_central_systems_write():
    for text, after_noon_ms in (
        ("2026-11-20T12:00:00Z", 0),
        ("2026-11-20T12:00:00z", 0),
        ("2026-11-20t12:00:00Z", 0),
        ("2026-11-20T12:00:00", 0),
        ("2026-11-20T12:00:00.5Z", 500),
        ("2026-11-20T14:00:00.25+02:00", 250),
        ("2026-11-20t06:30:00.123456789-05:30", 123),
        ("2026-11-20T12:00:00.05Z", 50),
        ("2026-11-20T12:00:00.123456+00:00", 123),
        ("2026-11-20T12:00:00.999999999999999999999Z", 999),
        ("2026-11-20T12:00:00.123", 123),
        ("2026-11-20T17:30:00+05:30", 0),
        ("2026-11-20T00:00:00-12:00", 0),
        ("2026-11-21T11:59:00+23:59", 0),
        ("2026-11-20T11:59:60Z", 0),
        ("2026-11-20T12:00:00-00:00", 0),
        ("2026-11-20T12:00:00+0000", 0),
        ("2026-11-20T17:30:00+0530", 0),
        ("2026-11-20 12:00:00.123456+00:00", 123),
    ):
        assert timestamp.parse(text) == NOON + after_noon_ms, text
    assert Clock.parse("2026-11-20T12:00:00Z") == NOON
    assert timestamp.parse("2016-12-31T23:59:60Z") == timestamp.parse("2017-01-01T00:00:00Z")


def test_parse_refuses_everything_else():
    for text in (
        "",
        "now",
        "2026-11-20",
        "2026-11-20_12:00:00Z",
        "2026-11-20T12:00Z",
        "2026-11-20T12:00:00ZZ",
        "2026-11-20T12:00:00 Z",
        "2026-11-20T12:00:00.Z",
        "2026-11-20T12:00:00,5Z",
        "2026-11-20T12:00:00+053",
        "2026-11-20T12:00:00+05300",
        "2026-11-20T12:00:00+5:30",
        "2026-11-20T12:00:00+05",
        "2026-11-20T12:00:00+24:00",
        "2026-11-20T12:00:00+05:60",
        "2026-11-20T12:00:00+-5:30",
        "2026-11-20T24:00:00Z",
        "2026-11-20T12:60:00Z",
        "2026-11-20T12:00:61Z",
        "2026-13-20T12:00:00Z",
        "2026-00-20T12:00:00Z",
        "2026-11-31T12:00:00Z",
        "2026-11-00T12:00:00Z",
        "2026-02-29T12:00:00Z",
        "2100-02-29T12:00:00Z",
        "+026-11-20T12:00:00Z",
        "2026-1_-20T12:00:00Z",
        "2026-11-20T 2:00:00Z",
        "2026/11/20T12:00:00Z",
        "2026-11-20T12-00-00Z",
        "1999-12-31T23:59:59Z",
        "2000-01-01T00:00:00+00:01",
        "2100-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "20261-11-20T12:00:00Z",
    ):
        raises(ValueError, timestamp.parse, text)


def test_an_expiry_date_far_away_is_clamped():
    assert timestamp.parse("9999-12-31T23:59:59Z", True) == timestamp.LATEST_MS
    assert timestamp.parse("0001-01-01T00:00:00Z", True) == timestamp.EARLIEST_MS
    assert timestamp.parse("2026-11-20T12:00:00Z", True) == NOON
    raises(ValueError, timestamp.parse, "9999-12-32T23:59:59Z", True)


# --- the clock of one boot ---


def test_uptime_never_wraps():
    clock = Clock(1, PERIOD - 10)
    clock.advance(5)
    assert clock.uptime_ms == 15
    station = Station()
    station.run(40 * DAY)  # ticks wrap every 12.4 days
    assert station.clock.uptime_ms == 40 * DAY
    station.clock.advance(ticks_add(station.ticks, -5))  # never backwards
    assert station.clock.uptime_ms == 40 * DAY


def test_the_time_is_unknown_until_somebody_tells():
    clock = Clock(1, 0)
    assert not clock.known
    assert clock.utc_ms is None
    clock.advance(500)
    assert tuple(clock.stamp()) == (1, 500)
    assert clock.resolve(clock.stamp()) is None
    clock.set_utc_ms(NOON)
    assert clock.known
    assert clock.utc_ms == NOON
    clock.advance(700)
    assert clock.utc_ms == NOON + 200
    assert clock.stamp() == NOON + 200


def test_stamps_from_before_the_sync_resolve_exactly_after_it():
    station = Station()
    station.run(20 * DAY)
    early = station.stamp()
    station.run(3 * HOUR)
    station.clock.set_utc_ms(NOON)
    assert station.clock.resolve(early) == NOON - 3 * HOUR
    assert station.clock.resolve(NOON - 5) == NOON - 5


def test_a_clock_that_jumps_leaves_stamps_alone():
    station = Station()
    early = station.stamp()
    station.run(1000)
    station.clock.set_utc_ms(NOON)
    known = station.stamp()
    station.run(1000)
    station.clock.set_utc_ms(NOON + 5 * HOUR)
    assert station.clock.utc_ms == NOON + 5 * HOUR
    station.run(1000)
    station.clock.set_utc_ms(NOON - 5 * HOUR)
    assert station.clock.utc_ms == NOON - 5 * HOUR
    assert station.clock.resolve(early) == NOON - 1000
    assert station.clock.resolve(known) == NOON


def test_a_real_time_clock_is_believed_when_it_can_be():
    assert Clock(1, 0, NOON).utc_ms == NOON
    assert Clock(2, 0, NOON, floor_utc_ms=NOON - 1).utc_ms == NOON
    assert not Clock(2, 0, NOON, floor_utc_ms=NOON + 1).known
    assert not Clock(1, 0, 0).known
    assert not Clock(1, 0, timestamp.EARLIEST_MS - 1).known
    assert not Clock(1, 0, timestamp.LATEST_MS + 1).known


# --- over boots ---


def test_a_stamp_of_a_boot_that_learnt_the_time_later_is_exact_for_ever():
    station = Station()
    station.run(HOUR)
    early = station.stamp()
    station.run(HOUR)
    station.clock.set_utc_ms(NOON)
    station.keep()
    for _ in range(5):
        station.boot()
        assert station.clock.resolve(early) == NOON - HOUR
    station.run(MINUTE)
    station.clock.set_utc_ms(NOON + DAY)
    assert station.clock.resolve(early) == NOON - HOUR


def test_a_boot_that_never_learnt_the_time_is_estimated_by_the_next_that_does():
    station = Station()
    station.clock.set_utc_ms(NOON)
    station.run(HOUR)
    station.keep()
    station.boot()  # the power was off for a while; nobody knows how long
    station.run(10 * MINUTE)
    start = station.stamp()
    station.run(20 * MINUTE)
    stop = station.stamp()
    station.run(5 * MINUTE)
    station.keep()
    station.boot()
    station.run(2 * MINUTE)
    assert station.clock.resolve(start) is None
    station.clock.set_utc_ms(NOON + 3 * HOUR)
    # As if the power had been off for no time after it: never later than the boot that followed.
    assert station.clock.resolve(stop) == NOON + 3 * HOUR - 2 * MINUTE - 5 * MINUTE
    assert station.clock.resolve(stop) - station.clock.resolve(start) == 20 * MINUTE


def test_a_station_that_has_never_known_the_time():
    station = Station()
    stamps = []
    for _ in range(4):
        station.run(HOUR)
        stamps.append(station.stamp())
        station.run(HOUR)
        station.keep()
        station.boot()
    station.clock.set_utc_ms(NOON)
    found = [station.clock.resolve(stamp) for stamp in stamps]
    assert found == [NOON - 7 * HOUR, NOON - 5 * HOUR, NOON - 3 * HOUR, NOON - HOUR]


def test_what_was_not_persisted_before_a_power_cut_cannot_reorder():
    station = Station()
    station.run(5 * HOUR)
    late = station.stamp()  # the floor was kept at boot only
    station.boot()
    station.run(MINUTE)
    next_boot = station.stamp()
    station.keep()
    station.boot()
    station.clock.set_utc_ms(NOON)
    assert station.clock.resolve(late) <= station.clock.resolve(next_boot) <= NOON


def test_forgotten_boots_resolve_to_the_oldest_remembered():
    station = Station()
    first = station.stamp()
    for _ in range(30):
        station.run(MINUTE)
        station.keep()
        station.boot()
    assert len(json.dumps(station.clock.anchors)) < 500
    station.clock.set_utc_ms(NOON)
    assert station.clock.resolve(first) == NOON - 11 * MINUTE


def test_a_lost_boot_counter_does_not_block_anything():
    clock = Clock(1, 0)
    assert clock.resolve((57, 1000)) is None
    clock.set_utc_ms(NOON)
    assert clock.resolve((57, 1000)) == NOON


def test_the_floor_is_what_it_is_at_least():
    station = Station()
    station.run(HOUR)
    assert station.clock.floor_utc_ms == HOUR
    station.clock.set_utc_ms(NOON)
    station.run(HOUR)
    assert station.clock.floor_utc_ms == NOON + HOUR
    station.keep()
    station.boot()
    assert station.clock.floor_utc_ms == NOON + HOUR
    station.run(HOUR)
    assert station.clock.floor_utc_ms == NOON + 2 * HOUR
    assert station.clock.utc_ms is None


# --- a clock that jumps, and who hears of it ---


def test_who_keeps_and_who_sets_hears_of_each_sync():
    station = Station()
    station.run(1000)
    station.clock.set_utc_ms(NOON)
    assert station.set_by == [(None, True)]
    station.run(MINUTE)
    now_ms = NOON + MINUTE
    for by_ms, news in (
        (1000, False),
        (-1001, False),
        (-999, False),
        (-1, True),  # little by little, a second and more
        (-1000, False),
        (5 * HOUR, True),
        (-5 * HOUR, True),
    ):
        now_ms += by_ms
        station.clock.set_utc_ms(now_ms)
        assert station.set_by[-1] == (by_ms, news)


def test_boots_that_nothing_asks_for_are_forgotten():
    station = Station()
    for _ in range(5):
        station.run(MINUTE)
        station.keep()
        station.boot()
    station.clock.forget_boots()
    assert len(station.clock.anchors) == 6  # the time is not known: they are all that there is
    station.clock.set_utc_ms(NOON)
    station.clock.forget_boots()
    assert station.clock.anchors == [[6, NOON, 1]]


# --- a battery-kept clock ---


def test_a_battery_kept_clock_that_is_wrong_is_set_right():
    """What happened before the first sync becomes right, in this boot and in those before it."""
    for wrong_ms in (5 * HOUR, -5 * HOUR, 0):
        station = Station()
        true_ms = NOON
        station.boot(true_ms + wrong_ms)
        assert station.clock.known and not station.clock.told
        station.run(MINUTE)
        first = station.stamp()
        assert station.clock.resolve(first) == true_ms + wrong_ms + MINUTE
        assert station.clock.settled(first) is None
        station.run(MINUTE)
        station.keep()
        true_ms += 2 * MINUTE + HOUR  # the power is off for an hour
        station.boot(true_ms + wrong_ms)
        station.run(MINUTE)
        second = station.stamp()
        station.clock.set_utc_ms(true_ms + MINUTE)
        assert station.set_by == [(-wrong_ms, True)]
        assert station.clock.utc_ms == true_ms + MINUTE
        assert station.clock.resolve(second) == true_ms + MINUTE
        assert station.clock.resolve(first) == NOON + MINUTE
        assert station.clock.settled(first) == NOON + MINUTE


def test_a_battery_that_died_meanwhile():
    """What it said while it lived is kept; how long it was off says nothing about that."""
    station = Station()
    station.boot(NOON)
    station.run(MINUTE)
    first = station.stamp()
    station.keep()
    station.boot(timestamp.EARLIEST_MS)
    assert not station.clock.known
    station.run(MINUTE)
    second = station.stamp()
    station.clock.set_utc_ms(NOON + DAY)
    assert station.clock.resolve(first) == NOON + MINUTE
    assert station.clock.resolve(second) == NOON + DAY


def test_boots_by_a_battery_that_was_fast_stay_in_order():
    station = Station()
    stamps = []
    for hours in (0, 2):
        station.boot(NOON + hours * HOUR)
        station.run(HOUR)
        stamps.append(station.stamp())
        station.run(HOUR)
        station.keep()
    station.boot()  # the battery is flat, and it is not that late
    station.clock.set_utc_ms(NOON + HOUR // 2)
    found = [station.clock.resolve(stamp) for stamp in stamps]
    assert found == sorted(found)
    assert found[-1] <= NOON + HOUR // 2


def test_a_battery_that_is_put_in_dates_the_boots_before():
    station = Station()
    station.run(HOUR)
    first = station.stamp()
    station.keep()
    station.boot(NOON)
    assert station.clock.resolve(first) == NOON
    station.run(MINUTE)
    station.clock.set_utc_ms(NOON + HOUR + MINUTE)
    assert station.clock.resolve(first) == NOON + HOUR


# --- in step, whatever the clock does ---


def test_behind_what_was_told():
    station = Station()
    station.clock.set_utc_ms(NOON)
    clock = station.clock
    told = station.stamp()
    station.run(MINUTE)
    assert clock.stamp_behind(told, 0, MINUTE) == NOON + MINUTE
    clock.set_utc_ms(NOON - 5 * HOUR)
    assert clock.stamp_behind(told, 0, MINUTE) == NOON + MINUTE  # durations stay right
    assert clock.stamp_behind(told, 30000, MINUTE) == NOON + 30000
    assert clock.stamp_behind(told, MINUTE, 30000) == NOON  # taken before, told behind
    clock.set_utc_ms(NOON + 5 * HOUR)
    assert clock.stamp_behind(told, 0, MINUTE) == NOON + 5 * HOUR  # set forward, it shows


def test_behind_what_was_told_before_the_time_was_known():
    station = Station()
    station.run(HOUR)
    told = station.stamp()
    assert station.clock.stamp_behind(told, HOUR, HOUR - 5) == (1, HOUR)
    station.run(HOUR)
    assert station.clock.stamp_behind(told, HOUR, 2 * HOUR) == (1, 2 * HOUR)
    station.clock.set_utc_ms(NOON)
    station.clock.set_utc_ms(NOON - 5 * HOUR)
    assert station.clock.stamp_behind(told, HOUR, 2 * HOUR) == NOON


def test_the_stamp_of_a_cut():
    """Between the last record and a bound, and not after the boot that followed."""
    late_ms = 121000
    for off_ms, found_ms in (
        (5000, 5000),
        (late_ms, late_ms),
        (DAY, late_ms),
        (-2000, 0),  # corrected
        (-2001, late_ms),  # the clock was set back: the start says nothing
        (-5 * HOUR, late_ms),
    ):
        station = Station()
        station.clock.set_utc_ms(NOON)
        station.keep()
        station.boot()
        cut = json.loads(json.dumps(station.clock.stamp_of_cut(NOON, late_ms)))
        assert station.clock.resolve(cut) is None
        assert station.clock.settled(cut) is None
        station.run(MINUTE)
        station.clock.set_utc_ms(NOON + off_ms + MINUTE)
        assert station.clock.resolve(cut) == NOON + found_ms, off_ms
        assert station.clock.settled(cut) == NOON + found_ms


def test_the_stamp_of_a_cut_in_a_boot_without_the_time():
    station = Station()
    station.run(HOUR)
    station.keep()
    last = station.stamp()
    station.boot()
    cut = json.loads(json.dumps(station.clock.stamp_of_cut(last, 121000)))
    station.run(MINUTE)
    later = station.stamp()
    station.clock.set_utc_ms(NOON)
    assert station.clock.resolve(last) == station.clock.resolve(cut) == NOON - MINUTE
    assert station.clock.resolve(later) == NOON


def test_a_stamp_of_a_boot_that_is_still_to_come_is_no_stamp_of_now():
    clock = Clock(1, 0)
    clock.set_utc_ms(NOON)
    assert clock.settled((57, 1000)) == NOON
    assert clock.resolve((57, 1000, NOON - 5, NOON + 5)) == NOON
