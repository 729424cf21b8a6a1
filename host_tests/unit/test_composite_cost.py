# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What composite schedules cost: memory, and time where a question or a profile is made to take long.

Milliseconds are a matter of `make schedule-bench`.
"""

import gc

try:
    from micropython import heap_lock, heap_unlock
except ImportError:
    heap_lock = None

from host_tests.unit.smart_rig import NOW_S, SmartRig, profile
from station.charging_profile import ABSOLUTE, DAILY, DEFAULT, MAX, TX, WEEKLY, ChargingProfile, schedule
from station.composite import Place, compose, compose_station

DAY_S = 86400
AIM_BYTES = 12 * 1024


def profile_of(number, connector, purpose, level, kind, unit, rows):
    made = ChargingProfile(number, connector, purpose, level, kind, unit, schedule(rows))
    made.start_s = NOW_S - (0 if kind == ABSOLUTE else 14 * DAY_S)
    return made


def rows_within(begin_s, end_s, odd, unit):
    """32 periods: one from the beginning on, the others between these seconds."""
    step_s = (end_s - begin_s) // 32
    limits = [60 + 7 * (number * 5 % 32) for number in range(32)]
    return [
        (0 if number == 0 else begin_s + number * step_s + odd, limit * (1 if unit == "A" else 230), None)
        for number, limit in enumerate(limits)
    ]


def ten():
    """10 profiles of 32 periods; each says something for some hours of the day, or all day below others."""
    found = []
    for purposes, odd in (((MAX,) * 4, 0), ((TX,) * 2 + (DEFAULT,) * 4, 1)):
        width_s = DAY_S // len(purposes)
        for place, purpose in enumerate(purposes):
            unit = "AW"[place % 2]
            kind = (ABSOLUTE, DAILY, WEEKLY)[place % 3]
            rows = rows_within(place * width_s, place * width_s + width_s, odd, unit)
            connector = 1 if purpose != MAX and place < 4 else 0
            made = profile_of(len(found), connector, purpose, 9 - place, kind, unit, rows)
            if place < len(purposes) - 1:
                made.to_s = NOW_S + place * width_s + width_s
            if purpose == TX:
                made.transaction = 5
            found.append(made)
    return found


def place_of(number=1):
    place = Place(number, 3, 230)
    place.local_da = 320
    place.transaction = 5
    place.begun_s = NOW_S - 10
    return place


def limits_of(found):
    return [found.periods[at] >> 2 for at in range(1, len(found.periods), 2)]


def taken(work):
    """Bytes of the heap, garbage included."""
    gc.collect()
    before = gc.mem_alloc()
    work()
    return gc.mem_alloc() - before


def test_a_day_of_ten_profiles_fits_into_little_memory():
    profiles = ten()
    place = place_of()
    places = [place, place_of(2), place_of(3)]
    found = compose(profiles, place, NOW_S, DAY_S, "A")
    assert found.covered_s == DAY_S and len(found.periods) > 2 * 150
    assert compose_station(profiles, places, NOW_S, DAY_S, "W").covered_s == DAY_S
    if hasattr(gc, "mem_alloc"):
        assert taken(lambda: compose(profiles, place, NOW_S, DAY_S, "A")) <= AIM_BYTES // 2
        assert taken(lambda: compose_station(profiles, places, NOW_S, DAY_S, "W")) <= AIM_BYTES


def test_a_step_without_a_change_allocates_nothing():
    if heap_lock is None:
        return
    rig = SmartRig()
    rig.set(1, profile(1, "default", [(0, 20), (60, 16)]))
    charging = rig.station.charging
    now = rig.station.now()
    charging.step(now)
    heap_lock()
    try:
        for _ in range(10):
            charging.step(now)
    finally:
        heap_unlock()


def test_a_question_for_years_does_not_take_long():
    """A profile of 32 periods that recurs each day below a lower maximum: one period comes of it."""
    daily = profile_of(1, 0, DEFAULT, 0, DAILY, "A", rows_within(0, DAY_S, 0, "A"))
    maximum = profile_of(2, 0, MAX, 0, ABSOLUTE, "A", [(0, 50, None)])
    for duration_s in (366 * DAY_S, 0x7FFFFFFF):
        found = compose([daily, maximum], place_of(), NOW_S, duration_s, "A", 100)
        assert len(found.periods) == 2 and found.periods[1] >> 2 == 50
        assert 10 * DAY_S < found.covered_s < 366 * DAY_S
        found = compose_station([daily, maximum], [place_of()], NOW_S, duration_s, "A", 100)
        assert len(found.periods) == 2 and 10 * DAY_S < found.covered_s < 366 * DAY_S


def test_a_profile_that_began_long_ago_is_exact():
    """Of more than 17 years the seconds do not fit into what is counted fast."""
    for years in (10, 18, 40):
        begun_s = years * 365 * DAY_S
        made = ChargingProfile(
            1,
            0,
            DEFAULT,
            0,
            ABSOLUTE,
            "A",
            schedule([(0, 60, None), (begun_s - 5, 70, None), (begun_s + 5, 80, None)]),
        )
        made.start_s = NOW_S - begun_s
        found = compose([made], place_of(), NOW_S, 60, "A")
        assert limits_of(found) == [70, 80] and found.periods[2] == 5
        made.duration_s = begun_s + 7
        found = compose([made], place_of(), NOW_S, 60, "A")
        assert limits_of(found) == [70, 80, 320] and found.periods[4] == 7
