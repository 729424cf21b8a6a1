# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The composite charging schedule: worked examples. host_tests/property/test_composite.py compares it with a
second one in every way that chance finds.

Limits are tenths of A or W. `rows` are (startPeriod, limit), those of a schedule and those of an answer.
"""

from station.charging_profile import (
    ABSOLUTE,
    DAILY,
    DEFAULT,
    MAX,
    RELATIVE,
    TX,
    WEEKLY,
    ChargingProfile,
    schedule,
)
from station.composite import Place, compose, compose_station

HOUR = 3600
DAY = 24 * HOUR
MIDNIGHT = 20780 * DAY  # a Monday, 2026-11-23
NOW = MIDNIGHT + 12 * HOUR


def place_of(number=1, phases=3, transaction=None, begun_s=None, volts=230, local_da=320, **more):
    place = Place(number, phases, volts, **more)
    place.local_da = local_da
    place.transaction = transaction
    place.begun_s = begun_s
    return place


def profile_of(purpose, *rows, kind=ABSOLUTE, level=0, connector=1, unit="A", phases=None, **times):
    """`times`: start_s and its like, and `transaction`."""
    if purpose == MAX:
        connector = 0
    periods = schedule([(start, limit, phases) for start, limit in rows])
    profile = ChargingProfile(purpose * 100 + level, connector, purpose, level, kind, unit, periods)
    if kind == ABSOLUTE:
        profile.start_s = NOW
    for name, value in times.items():
        setattr(profile, name, value)
    return profile


def rows_of(composite):
    periods = composite.periods
    return [(periods[at], periods[at + 1] >> 2) for at in range(0, len(periods), 2)]


def phases_of(composite):
    return [composite.periods[at] & 3 for at in range(1, len(composite.periods), 2)]


def ask(profiles, duration_s, place=None, begin_s=NOW, unit="A"):
    composite = compose(profiles, place or place_of(), begin_s, duration_s, unit)
    assert composite.covered_s == duration_s
    return rows_of(composite)


# --- cases of the conformance catalogue, asked for in the second in which the profiles begin ----------------


def test_case_066_a_maximum_a_default_and_one_of_the_transaction():
    maximum = profile_of(MAX, (0, 100), duration_s=DAY)
    default = profile_of(DEFAULT, (0, 60), (60, 100), (120, 80), (180, 150), (260, 80), duration_s=300)
    own = profile_of(TX, (0, 80), (50, 110), (140, 160), (200, 60), (240, 120), duration_s=260, transaction=5)
    charging = place_of(transaction=5, begun_s=NOW - 20)
    # 110 and 160 are capped at 100. After 260 s the default one counts, after 300 s only the maximum.
    expected = [(0, 80), (50, 100), (200, 60), (240, 100), (260, 80), (300, 100)]
    assert ask([maximum, default, own], 400, charging) == expected
    assert ask([own, default, maximum], 400, charging) == expected
    assert ask([maximum, default, own], 250, charging) == expected[:4]


def test_case_067_one_after_the_other_is_cleared():
    upper = profile_of(DEFAULT, (0, 60), (60, 80), (200, 100), level=1, duration_s=400)
    lower = profile_of(DEFAULT, (0, 70), (100, 90), duration_s=400)
    maximum = profile_of(MAX, (0, 110), (200, 120))
    assert ask([upper, lower, maximum], 350) == [(0, 60), (60, 80), (200, 100)]
    assert ask([lower, maximum], 350) == [(0, 70), (100, 90)]
    assert ask([maximum], 350) == [(0, 110), (200, 120)]
    assert ask([], 350) == [(0, 320)]


def test_case_072_what_lies_below_comes_back():
    lower = profile_of(DEFAULT, (0, 60), (100, 80), (200, 100), duration_s=400)
    upper = profile_of(DEFAULT, (0, 70), (100, 90), level=1, duration_s=150)
    assert ask([lower, upper], 350) == [(0, 70), (100, 90), (150, 80), (200, 100)]


def test_asked_a_moment_later_all_boundaries_come_sooner():
    lower = profile_of(DEFAULT, (0, 60), (100, 80), (200, 100), duration_s=400)
    upper = profile_of(DEFAULT, (0, 70), (100, 90), level=1, duration_s=150)
    assert ask([lower, upper], 350, begin_s=NOW + 3) == [(0, 70), (97, 90), (147, 80), (197, 100)]
    assert ask([lower, upper], 350, begin_s=NOW + 100) == [(0, 90), (50, 80), (100, 100), (300, 320)]


# --- stacks -------------------------------------------------------------------------------------------------


def test_one_of_the_connector_goes_before_one_of_the_station():
    whole = profile_of(DEFAULT, (0, 60), level=99, connector=0)
    own = profile_of(DEFAULT, (0, 200), level=0, duration_s=100)
    assert ask([whole, own], 300) == [(0, 200), (100, 60)]
    assert ask([whole, own], 300, place_of(2)) == [(0, 60)]


def test_one_of_another_transaction_says_nothing():
    own = profile_of(TX, (0, 100), transaction=5)
    assert ask([own], 60, place_of(transaction=5, begun_s=NOW)) == [(0, 100)]
    assert ask([own], 60, place_of(transaction=6, begun_s=NOW)) == [(0, 320)]
    assert ask([own], 60, place_of(2, transaction=5, begun_s=NOW)) == [(0, 320)]
    assert ask([own], 60) == [(0, 320)]


def test_it_expires_during_the_transaction():
    charging = place_of(transaction=5, begun_s=NOW)
    upper = profile_of(TX, (0, 100), level=2, transaction=5, to_s=NOW + 60)
    lower = profile_of(TX, (0, 130), level=1, transaction=5, to_s=NOW + 120)
    default = profile_of(DEFAULT, (0, 160), connector=0, to_s=NOW + 180)
    profiles = [upper, lower, default]
    assert ask(profiles, 600, charging) == [(0, 100), (60, 130), (120, 160), (180, 320)]
    assert ask(profiles, 600, charging, NOW + 59) == [(0, 100), (1, 130), (61, 160), (121, 320)]
    assert ask(profiles, 600, charging, NOW + 60) == [(0, 130), (60, 160), (120, 320)]
    upper.from_s = NOW + 10  # valid in between
    assert ask(profiles, 60, charging) == [(0, 130), (10, 100)]


def test_zero_is_a_limit():
    default = profile_of(DEFAULT, (0, 160), (600, 0), (1200, 160))
    assert ask([default], 1800) == [(0, 160), (600, 0), (1200, 160)]
    assert ask([default, profile_of(MAX, (0, 0))], 1800) == [(0, 0)]


def test_the_winner_has_a_name():
    maximum = profile_of(MAX, (0, 200), (60, 100))
    default = profile_of(DEFAULT, (0, 160))
    assert compose([maximum, default], place_of(), NOW, 600, "A").winner is default
    assert compose([maximum, default], place_of(), NOW + 60, 600, "A").winner is maximum
    assert compose([maximum, default], place_of(local_da=90), NOW, 600, "A").winner is None
    assert default.describe() == "TxDefaultProfile 100, level 0"


# --- time ---------------------------------------------------------------------------------------------------


def test_daily_over_midnight():
    night = profile_of(
        DEFAULT, (0, 160), kind=DAILY, level=1, start_s=MIDNIGHT - 2 * HOUR, duration_s=8 * HOUR
    )
    always = profile_of(DEFAULT, (0, 60), kind=RELATIVE)
    evening = MIDNIGHT + 30 * DAY + 21 * HOUR
    assert ask([night, always], DAY, begin_s=evening) == [(0, 60), (HOUR, 160), (9 * HOUR, 60)]
    assert ask([night, always], DAY, begin_s=evening + 4 * HOUR) == [
        (0, 160),
        (5 * HOUR, 60),
        (21 * HOUR, 160),
    ]
    # Not before it begins for the first time.
    assert ask([night, always], DAY, begin_s=MIDNIGHT - DAY) == [(0, 60), (22 * HOUR, 160)]


def test_a_day_has_24_hours_when_clocks_are_put_back():
    """Errata 3.78; 2026-10-25, at 01:00 UTC, summer ends in Europe."""
    sunday = MIDNIGHT - 29 * DAY
    evening = profile_of(DEFAULT, (0, 160), (2 * HOUR, 60), kind=DAILY, start_s=sunday - 10 * DAY + 16 * HOUR)
    found = ask([evening], 2 * DAY, begin_s=sunday)
    assert found == [(0, 60), (16 * HOUR, 160), (18 * HOUR, 60), (40 * HOUR, 160), (42 * HOUR, 60)]


def test_weekly():
    week = profile_of(DEFAULT, (0, 100), (5 * DAY, 320), kind=WEEKLY, start_s=MIDNIGHT)
    friday = MIDNIGHT + 4 * DAY + 23 * HOUR
    assert ask([week], 3 * DAY, begin_s=friday) == [(0, 100), (HOUR, 320), (49 * HOUR, 100)]
    assert ask([week], 3 * DAY, begin_s=friday + 520 * 7 * DAY) == [(0, 100), (HOUR, 320), (49 * HOUR, 100)]


def test_periods_beyond_the_recurrence_are_never_reached():
    """Errata 3.44."""
    day = profile_of(
        DEFAULT, (0, 100), (23 * HOUR, 120), (DAY, 0), (DAY + 10, 0), kind=DAILY, start_s=MIDNIGHT
    )
    assert ask([day], DAY) == [(0, 100), (11 * HOUR, 120), (12 * HOUR, 100)]


def test_relative_to_the_start_of_charging():
    for kind in (RELATIVE, ABSOLUTE):
        boost = profile_of(DEFAULT, (0, 320), (1800, 100), kind=kind, start_s=None)
        assert ask([boost], HOUR, place_of(transaction=5, begun_s=NOW - 600)) == [(0, 320), (1200, 100)]
        assert ask([boost], HOUR, place_of(transaction=5, begun_s=NOW - 2 * DAY)) == [(0, 100)]
        # Without a transaction: as if one began now.
        assert ask([boost], HOUR) == [(0, 320), (1800, 100)]
        boost.duration_s = 2000
        assert ask([boost], HOUR, place_of(transaction=5, begun_s=NOW - 600)) == [
            (0, 320),
            (1200, 100),
            (1400, 320),
        ]


def test_a_clock_that_was_set_back_takes_no_limit_away():
    """The transaction seems to begin later than now."""
    charging = place_of(transaction=5, begun_s=NOW + 50)
    maximum = profile_of(MAX, (0, 100), kind=RELATIVE)
    assert ask([maximum], 100, charging) == [(0, 100)]
    assert rows_of(compose_station([maximum], [charging], NOW, 100, "A")) == [(0, 100)]
    own = profile_of(TX, (0, 60), (20, 70), kind=RELATIVE, transaction=5)
    assert ask([own], 100, charging) == [(0, 60), (20, 70)]


def test_instants_far_away():
    for start_s in (0, 1, 946684800, NOW - 537000000):  # 1970, 2000, 17 years ago
        default = profile_of(DEFAULT, (0, 100), (NOW + 30 - start_s, 110), start_s=start_s)
        assert ask([default], 60) == [(0, 100), (30, 110)]
        default.duration_s = 0x7FFFFFFF
        assert ask([default], 60) == [(0, 100), (30, 110)]
        default.duration_s = NOW + 40 - start_s
        assert ask([default], 60) == [(0, 100), (30, 110), (40, 320)]
        default.duration_s = NOW - start_s
        assert ask([default], 60) == [(0, 320)]
    later = profile_of(DEFAULT, (0, 100), start_s=4102444800)  # 2100
    assert ask([later], DAY) == [(0, 320)]
    valid = profile_of(DEFAULT, (0, 100), kind=RELATIVE, from_s=0, to_s=4102444800)
    assert ask([valid], DAY) == [(0, 100)]


def test_an_interval_of_no_time_has_a_period():
    default = profile_of(DEFAULT, (0, 100), (1, 110))
    assert ask([default], 0) == [(0, 100)]
    assert ask([default], 1) == [(0, 100)]
    assert ask([default], 2) == [(0, 100), (1, 110)]
    assert ask([], 0) == [(0, 320)]


def test_an_interval_of_many_years_has_an_end():
    for profiles in ([], [profile_of(DEFAULT, (0, 100))]):
        composite = compose(profiles, place_of(), NOW, 0x7FFFFFFF, "A", 100)
        assert len(composite.periods) == 2
        assert 10 * 366 * DAY < composite.covered_s <= 0x7FFFFFFF


def test_as_many_periods_as_may_be():
    default = profile_of(DEFAULT, (0, 100), (60, 110), (90, 110), (120, 100), (180, 90))
    for most, covered_s in ((1, 60), (2, 120), (3, 180), (4, 300), (5, 300)):
        composite = compose([default], place_of(), NOW, 300, "A", most)
        assert rows_of(composite) == [(0, 100), (60, 110), (120, 100), (180, 90)][:most]
        assert composite.covered_s == covered_s


# --- units, phases ------------------------------------------------------------------------------------------


def test_watts_are_of_all_phases():
    default = profile_of(DEFAULT, (0, 110400), (60, 110000), (120, 220801), unit="W")
    assert ask([default], 180) == [(0, 160), (60, 159), (120, 320)]
    assert ask([default], 180, unit="W") == [(0, 110400), (60, 110000), (120, 220800)]
    assert ask([default], 180, place_of(phases=1, local_da=500)) == [(0, 480), (60, 478), (120, 500)]
    direct = place_of(phases=1, volts=500, dc=True, local_da=800)
    found = compose([default], direct, NOW, 180, "W")
    assert rows_of(found) == [(0, 110400), (60, 110000), (120, 220801)]
    assert phases_of(found) == [0, 0, 0]


def test_amperes_and_watts_are_compared_as_power():
    maximum = profile_of(MAX, (0, 110400), unit="W")
    default = profile_of(DEFAULT, (0, 150), (60, 160), (120, 170))
    assert ask([maximum, default], 180) == [(0, 150), (60, 160)]
    assert ask([maximum, default], 180, unit="W") == [(0, 103500), (60, 110400)]


def test_phases_that_cannot_be_left_off_change_nothing():
    """Errata 3.34: nor are those that are not there."""
    for phases in (None, 1, 2, 3):
        for there in (1, 3):
            default = profile_of(DEFAULT, (0, 100), phases=phases)
            found = compose([default], place_of(phases=there), NOW, 60, "A")
            assert rows_of(found) == [(0, 100)] and phases_of(found) == [there]
    watts = profile_of(DEFAULT, (0, 23000), unit="W", phases=1)  # 10 A on one phase, 3.3 A on each of three
    assert ask([watts], 60) == [(0, 33)]


def test_a_switch_of_phases():
    place = place_of(switch=True)
    watts = profile_of(DEFAULT, (0, 41400), (60, 41399), (120, 13800), (180, 0), unit="W")
    found = compose([watts], place, NOW, 240, "A")
    assert rows_of(found) == [(0, 60), (60, 179), (120, 60), (180, 0)]
    assert phases_of(found) == [3, 1, 1, 1]
    for asked, used in ((None, 3), (1, 1), (2, 1), (3, 3)):
        found = compose([profile_of(DEFAULT, (0, 100), phases=asked)], place, NOW, 60, "W")
        assert rows_of(found) == [(0, 23000 * used)] and phases_of(found) == [used]
    three = profile_of(DEFAULT, (0, 30000), unit="W", phases=3)  # it wants three, and they are too many
    assert rows_of(compose([three], place, NOW, 60, "A")) == [(0, 43)]


# --- connector 0 --------------------------------------------------------------------------------------------


def ask_station(profiles, places, unit="A"):
    return rows_of(compose_station(profiles, places, NOW, 300, unit))


def test_the_station_is_the_sum_capped_by_the_maximum():
    places = [place_of(1, transaction=5, begun_s=NOW - 60), place_of(2)]
    assert ask_station([], places) == [(0, 640)]
    maximum = profile_of(MAX, (0, 400), (200, 300))
    own = profile_of(TX, (0, 160), (100, 60), transaction=5, duration_s=150)
    default = profile_of(DEFAULT, (0, 100), connector=2)
    assert ask_station([maximum], places) == [(0, 400), (200, 300)]
    assert ask_station([own, default], places) == [(0, 260), (100, 160), (150, 420)]
    assert ask_station([maximum, own, default], places) == [(0, 260), (100, 160), (150, 400), (200, 300)]
    assert ask_station([maximum, own, default], places, "W") == [
        (0, 179400), (100, 110400), (150, 276000), (200, 207000)
    ]  # fmt: skip


def test_a_station_of_different_connectors():
    places = [place_of(1), place_of(2, phases=1), place_of(3, phases=1, volts=500, dc=True, local_da=800)]
    watts = 320 * 690 + 320 * 230 + 800 * 500
    assert ask_station([], places, "W") == [(0, watts)]
    assert ask_station([], places) == [(0, watts // 690)]
    assert ask_station([profile_of(MAX, (0, 400))], places, "W") == [(0, 400 * 690)]
    assert ask_station([profile_of(DEFAULT, (0, 100), connector=0)], places, "W") == [
        (0, 100 * (690 + 230 + 500))
    ]


# --- nobody knows the time ----------------------------------------------------------------------------------


def ask_without_clock(profiles, place=None):
    """(limit, winner, unsure)"""
    composite = compose(profiles, place or place_of(), 100, 0, "A", 1, False)
    return composite.periods[1] >> 2, composite.winner, composite.unsure


def test_without_a_clock_what_needs_one_says_nothing():
    timed = profile_of(DEFAULT, (0, 100), level=3)
    constant = profile_of(DEFAULT, (0, 160), kind=RELATIVE, level=2)
    assert ask_without_clock([]) == (320, None, False)
    assert ask_without_clock([timed]) == (320, None, True)
    assert ask_without_clock([constant]) == (160, constant, False)
    assert ask_without_clock([timed, constant]) == (160, constant, True)
    constant.level = 4  # nothing of a lower level can count
    assert ask_without_clock([timed, constant]) == (160, constant, False)
    for name in ("from_s", "to_s"):
        valid = profile_of(DEFAULT, (0, 100), kind=RELATIVE)
        setattr(valid, name, NOW)
        assert ask_without_clock([valid]) == (320, None, True)


def test_without_a_clock_one_of_a_transaction_goes_before_what_needs_one():
    charging = place_of(transaction=5, begun_s=40)  # seconds since the start
    own = profile_of(TX, (0, 100), (70, 110), kind=RELATIVE, transaction=5)
    timed = profile_of(DEFAULT, (0, 60), level=99)
    assert ask_without_clock([own, timed], charging) == (100, own, False)
    assert ask_without_clock([own, timed]) == (320, None, True)
    maximum = profile_of(MAX, (0, 60))
    assert ask_without_clock([own, maximum], charging) == (100, own, True)
    stranger = profile_of(TX, (0, 60), transaction=6)
    assert ask_without_clock([stranger], charging) == (320, None, False)
