# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The composite charging schedule against slow_composite, in 100,000 random cases and more.

`PILOTLIGHT_SEED=7` makes other random cases. One that differs is printed as small as it gets.
"""

import copy
import os
from array import array
from collections import Counter
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_tests.property import composite_cases as cases
from host_tests.property import slow_composite as slow
from host_tests.property.slow_composite import ABSOLUTE, DAILY, DEFAULT, MAX, RELATIVE, TX, WEEKLY
from station import charging_profile, composite
from station.charging_profile import ChargingProfile
from station.composite import Composite, Place, compose, compose_station

SEED = int(os.environ.get("PILOTLIGHT_SEED", "1"))

# Cases; the longest interval; profiles and periods of each at most.
SHORT = (60000, 60, 4, 5)
HOURS = (30000, 7200, 5, 6)
DAYS = (9000, 10 * 86400, 6, 8)
FULL = (1000, 86400, 20, 32)  # about ten are left where one replaces the other


def instants_of(case, rng, each_second):
    return cases.all_instants(case) if each_second else cases.telling_instants(case, rng)


def random_cases(kind, first=0, count=None):
    """(case, its random numbers); each has numbers of its own, so that one can be made again."""
    most, longest_s, profiles, periods = kind
    for number in range(first, first + (count or most)):
        rng = Random(SEED * 1000003 + number)
        yield cases.random_case(rng, longest_s, profiles, periods), rng


def first_difference(kind, each_second, first=0, count=None):
    """Text of the first case that differs, made small; None: there is none."""
    for case, rng in random_cases(kind, first, count):
        if cases.difference(case, instants_of(case, rng, each_second)) is not None:

            def again(smaller):
                seconds = each_second or smaller.duration_s < 120
                return cases.difference(smaller, instants_of(smaller, Random(1), seconds))

            small = cases.smallest(case, again)
            return "%s\n=> %s" % (
                cases.text(small),
                again(small) or cases.difference(case, instants_of(case, rng, each_second)),
            )
    return None


def no_difference(kind, each_second, first=0):
    found = first_difference(kind, each_second, first)
    assert found is None, "seed %d:\n%s" % (SEED, found)


# --- 100,000 cases ------------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
def test_short_intervals_second_by_second():
    no_difference(SHORT, True)


@pytest.mark.timeout(300)
def test_hours_at_each_instant_that_tells():
    no_difference(HOURS, False, 100000)


@pytest.mark.timeout(300)
def test_days_at_each_instant_that_tells():
    no_difference(DAYS, False, 200000)


@pytest.mark.timeout(300)
def test_ten_profiles_of_many_periods():
    no_difference(FULL, False, 300000)


@pytest.mark.timeout(300)
def test_hours_second_by_second():
    """No instant is forgotten among those that tell."""
    no_difference((40, 7200, 6, 8), True, 400000)


# --- what hypothesis finds ----------------------------------------------------------------------------------

BEGIN_S = cases.MIDNIGHT_S + 20
near = st.integers(-100, 100) | st.sampled_from((-86400, -86401, -604800, -604790, 86400, -(10**9)))
limits = st.sampled_from((0, 1, 59, 60, 61, 160, 320, 13800, 13801, 41399, 41400, charging_profile.MOST))
phases = st.sampled_from((None, 1, 2, 3))
lengths = st.none() | st.integers(1, 100) | st.sampled_from((86399, 86400, 86401, 2**31 - 1))


@st.composite
def places_of(draw, number):
    place = Place(number, *draw(st.sampled_from(cases.SUPPLIES)))
    place.local_da = draw(st.sampled_from((0, 60, 320, 4000)))
    if draw(st.booleans()):
        place.transaction = draw(st.sampled_from((7, 8)))
        place.begun_s = draw(st.none() | near.map(lambda after_s: BEGIN_S + after_s))
    return place


@st.composite
def profiles_of(draw, numbers):
    purpose = draw(st.sampled_from((MAX, DEFAULT, TX)))
    kind = draw(st.sampled_from((ABSOLUTE, RELATIVE, DAILY, WEEKLY)))
    connector = 0 if purpose == MAX else draw(st.sampled_from(numbers if purpose == TX else (0, *numbers)))
    instants = near.map(lambda after_s: BEGIN_S + after_s)
    start_s = None
    if kind in (DAILY, WEEKLY) or (kind == ABSOLUTE and draw(st.booleans())):
        start_s = draw(instants)
    rows = {0: draw(limits)}
    constant = purpose == MAX and start_s is None
    if not constant:
        rows |= draw(
            st.dictionaries(st.integers(1, 100) | st.sampled_from((86399, 86400)), limits, max_size=4)
        )
    made = ChargingProfile(
        draw(st.integers(1, 9)),
        connector,
        purpose,
        draw(st.integers(0, 3)),
        kind,
        draw(st.sampled_from("AW")),
        charging_profile.schedule([(start, tenths, draw(phases)) for start, tenths in sorted(rows.items())]),
    )
    made.start_s = start_s
    made.duration_s = None if constant else draw(lengths)
    made.from_s = draw(st.none() | instants)
    made.to_s = draw(st.none() | instants)
    if made.from_s is not None and made.to_s is not None and made.to_s <= made.from_s:
        made.to_s = made.from_s + 1
    if purpose == TX:
        made.transaction = draw(st.sampled_from((7, 8, None)))
    return made


@st.composite
def any_cases(draw):
    station = draw(st.booleans())
    places = [draw(places_of(number)) for number in range(1, 1 + (draw(st.integers(1, 3)) if station else 1))]
    numbers = tuple(place.number for place in places)
    profiles = draw(st.lists(profiles_of(numbers), max_size=5, unique_by=cases.slot_of))
    known = station or draw(st.booleans())
    most = draw(st.sampled_from((100, 1, 2)))
    return cases.Case(
        profiles,
        places,
        station,
        BEGIN_S,
        draw(st.integers(0, 130)),
        draw(st.sampled_from("AW")),
        most,
        known,
    )


@settings(max_examples=500)
@given(any_cases())
def test_any_case(case):
    assert cases.may_be(case)
    found = cases.difference(case, cases.all_instants(case))
    assert found is None, cases.text(case) + "\n=> " + found


# --- what holds whatever the profiles are -------------------------------------------------------------------


def test_form_of_every_answer():
    for case, _ in random_cases(HOURS, 500000, 2000):
        profiles, places, station, begin_s, duration_s, unit, most, known = case
        if station:
            found = compose_station(profiles, places, begin_s, duration_s, unit, most)
        else:
            found = compose(profiles, places[0], begin_s, duration_s, unit, most, known)
        starts, packed = list(found.periods[::2]), list(found.periods[1::2])
        assert 1 <= len(starts) == len(packed) <= most
        assert starts[0] == 0 and starts == sorted(set(starts))
        assert all(one != following for one, following in pairwise(packed))
        assert 0 <= found.covered_s <= duration_s and (starts[-1] < duration_s or len(starts) == 1)
        assert found.covered_s == duration_s or (len(starts) == most and found.covered_s > starts[-1])
        assert all(value >= 0 and (value & 3) in (0, 1, 3) for value in packed)


def test_the_order_in_which_profiles_are_kept_does_not_matter():
    for case, rng in random_cases(HOURS, 600000, 2000):
        instants = cases.telling_instants(case, rng)
        assert cases.difference(case, instants) is None, cases.text(case)
        rng.shuffle(case.profiles)
        assert cases.difference(case, instants) is None, cases.text(case)


def test_until_its_end_nothing_changes():
    """What is in force is looked at again no sooner."""
    looks = 0
    for case, _ in random_cases(SHORT, 500000, 3000):
        profiles, places, station, begin_s, _, unit, most, known = case
        if station:
            continue
        place = copy.copy(places[0])
        found = compose(profiles, place, begin_s, 0, unit, most, known)
        assert found.until >= 1
        if place.begun_s is None and (known or place.transaction is None):
            place.begun_s = begin_s  # without a transaction each look begins one
        for at_s in {1, found.until // 2, found.until - 1} - {0}:
            if at_s < found.until:
                again = compose(profiles, place, begin_s + at_s, 0, unit, most, known)
                for name in ("periods", "winner", "unsure"):
                    assert getattr(again, name) == getattr(found, name), cases.text(case)
                looks += 1
    assert looks > 3000


@pytest.mark.timeout(20)
@pytest.mark.parametrize("duration_s", [2**29 - 1, 2**29, 2**30, 2**31 - 1])
def test_an_interval_of_years_has_an_end(duration_s):
    """It is a number in a message of the central system."""
    place = Place(1, 3, 230)
    place.local_da = 320
    for profiles in ([], [daily_of(0, 60)]):
        found = compose(profiles, place, cases.MIDNIGHT_S, duration_s, "A", 100)
        assert found.periods[0] == 0 and 0 < found.covered_s <= duration_s
        found = compose_station(profiles, [place], cases.MIDNIGHT_S, duration_s, "A", 100)
        assert found.periods[0] == 0 and 0 < found.covered_s <= duration_s


def daily_of(*starts):
    rows = [(start, 60 + 10 * place, None) for place, start in enumerate(starts)]
    made = ChargingProfile(1, 0, DEFAULT, 0, DAILY, "A", charging_profile.schedule(rows))
    made.start_s = cases.MIDNIGHT_S
    return made


# --- it can fail --------------------------------------------------------------------------------------------


def test_everything_nasty_is_among_the_cases():
    seen = Counter()
    for case, _ in random_cases(HOURS, 100000, 3000):
        begin_s, end_s = case.begin_s, case.begin_s + case.duration_s
        place = case.places[0]
        marks = Counter()
        for one in case.profiles:
            seen["purpose", one.purpose] += 1
            seen["kind", one.kind] += 1
            seen["unit", one.unit] += 1
            seen["level", one.level] += 1
            seen["starts later"] += one.start_s is not None and begin_s < one.start_s < end_s
            seen["started years ago"] += one.start_s is not None and one.start_s < begin_s - 17 * 365 * 86400
            seen["valid from within"] += one.from_s is not None and begin_s < one.from_s < end_s
            seen["valid to within"] += one.to_s is not None and begin_s < one.to_s < end_s
            seen["of another transaction"] += one.purpose == TX and one.transaction != place.transaction
            seen["on another connector"] += one.connector == 3
            seen["relative without one"] += one.kind == RELATIVE and place.transaction is None
            seen["relative with one"] += one.kind == RELATIVE and place.begun_s is not None
            cycle_s = slow.RECURRENCE_S.get(one.kind)
            seen["beyond the recurrence"] += cycle_s is not None and max(one.periods[::2]) >= cycle_s
            first_s = slow.begin_of(one, place, begin_s)
            at_s = set(slow.moments([one], [], begin_s, end_s)) - {begin_s}
            seen["a round begins"] += cycle_s is not None and any(
                (at - first_s) % cycle_s == 0 for at in at_s
            )
            seen["ends with a period"] += end_s in {first_s + start for start in one.periods[::2]}
            marks.update(at_s)
            for packed, following in zip(one.periods[1::2], one.periods[3::2], strict=False):
                seen["equal neighbours"] += packed == following
            for packed in one.periods[1::2]:
                seen["phases", packed & 3] += 1
                seen["zero"] += packed >> 2 == 0
                seen["huge"] += packed >> 2 == charging_profile.MOST
        seen["boundaries that coincide"] += any(count > 1 for count in marks.values())
        seen["boundaries a second apart"] += any(at + 1 in marks for at in marks)
        seen["not known"] += not case.known
        seen["few periods"] += case.most < 4
        seen["station", len(case.places)] += case.station
        seen["mixed"] += case.station and len({place.dc for place in case.places}) == 2
        seen["switch"] += place.switch
        seen["dc"] += place.dc
        if not case.station:
            found = compose(case.profiles, place, begin_s, case.duration_s, case.unit)
            seen["periods", min(len(found.periods) // 2, 4)] += 1
            seen["cut"] += len(found.periods) // 2 > case.most
            seen["phases change"] += len({packed & 3 for packed in found.periods[1::2]}) > 1
            seen["winner", found.winner is None or found.winner.purpose] += 1
            unsure = compose(case.profiles, place, begin_s, 0, "A", 100, False).unsure
            seen["unsure", unsure] += not case.known
    wanted = [("purpose", purpose) for purpose in (MAX, DEFAULT, TX)]
    wanted += [("kind", kind) for kind in (ABSOLUTE, RELATIVE, DAILY, WEEKLY)]
    wanted += [("periods", 1), ("periods", 2), ("periods", 3), ("periods", 4), ("winner", True)]
    wanted += [("winner", purpose) for purpose in (MAX, DEFAULT, TX)]
    wanted += [("unsure", True), ("unsure", False), ("station", 1), ("station", 2), ("station", 3)]
    wanted += [("phases", number) for number in range(4)] + [("level", level) for level in cases.LEVELS]
    rare = {key: seen[key] for key in {*seen, *wanted} if seen[key] < 15}
    assert not rare, rare


def wrong_slow():
    """Wrong variations of the slow one: what it is easy to misunderstand. (name in slow_composite, value)"""
    said, ranks, needs_clock = slow.said, slow.ranks, slow.needs_clock

    def of_changed(change):
        def changed_said(profile, *rest):
            changed = copy.copy(profile)
            change(changed)
            return said(changed, *rest)

        return "said", changed_said

    def shifted(by_s):
        return "said", lambda profile, place, t_s, *rest: said(profile, place, t_s + by_s, *rest)

    def set_to(name, value_of):
        return of_changed(lambda one: setattr(one, name, value_of(one)))

    def ranked(order):
        return "ranks", lambda profiles, place: order(profiles, *ranks(profiles, place))

    return {
        "a boundary counts a second later": shifted(-1),
        "a boundary counts a second earlier": shifted(1),
        "validTo is the last second": set_to("to_s", lambda one: one.to_s and one.to_s + 1),
        "validFrom is overlooked": set_to("from_s", lambda one: None),
        "the last period goes on after the duration": set_to("duration_s", lambda one: None),
        "an empty duration": set_to("duration_s", lambda one: one.duration_s or 3600),
        "numberPhases is overlooked": ("phases_under", lambda counting, place: slow.phases_of(place)),
        "a day is a week": ("RECURRENCE_S", {DAILY: 604800, WEEKLY: 604800}),
        "a day is one of 25 hours": ("RECURRENCE_S", {DAILY: 90000, WEEKLY: 604800}),
        "nothing recurs": ("RECURRENCE_S", {}),
        "TxProfiles of any transaction": set_to("purpose", lambda one: min(one.purpose, DEFAULT)),
        "the lowest level goes first": ranked(lambda _, maximum, part: (maximum[::-1], part[::-1])),
        "no maximum": ranked(lambda _, maximum, part: ([], part)),
        "the maximum for the connector": ranked(lambda _, maximum, part: (maximum, maximum + part)),
        "connector 0 goes before the connector": ranked(
            lambda _, maximum, part: (maximum, sorted(part, key=lambda one: one.connector))
        ),
        "W is per phase": (
            "power_of",
            lambda profile, tenths, volts, phases: tenths * phases * (1 if profile.unit == "W" else volts),
        ),
        "A is in total": (
            "power_of",
            lambda profile, tenths, volts, phases: tenths * (1 if profile.unit == "W" else volts),
        ),
        "relative to the interval": ("begin_of", lambda profile, place, asked_s: profile.start_s or asked_s),
        "6.1 A are too few for three phases": ("SWITCH_FROM_DA", 61),
        "validFrom needs no clock": ("needs_clock", lambda profile, _: profile.start_s is not None),
        "a duration needs a clock": ("needs_clock", lambda one, at: needs_clock(one, at) or one.duration_s),
    }  # fmt: skip


WRONG_SLOW = wrong_slow()


@pytest.mark.parametrize("name", list(WRONG_SLOW))
def test_a_misunderstanding_is_found(name, monkeypatch):
    monkeypatch.setattr(slow, *WRONG_SLOW[name])
    assert first_difference(SHORT, True, 0, 6000) or first_difference(DAYS, False, 200000, 6000)


def changed(change):
    """`compose` with something done to its answer."""

    def spoiled(*asked):
        found = compose(*asked)
        again = Composite(found.covered_s)
        again.winner, again.unsure, again.periods = found.winner, found.unsure, found.periods[:]
        change(again)
        return again

    return spoiled


def split(found):
    """A period in two equal ones."""
    if found.covered_s > found.periods[-2] + 1:
        found.periods += array("i", [found.covered_s - 1, found.periods[-1]])


def later(found):
    if len(found.periods) > 2:
        found.periods[2] += 1


def shorter(found):
    found.periods = found.periods[: 2 * 3]


WRONG_FAST = {
    "an equal period": changed(split),
    "a second late": changed(later),
    "a tenth more": changed(lambda found: found.periods.__setitem__(-1, found.periods[-1] + 4)),
    "other phases": changed(lambda found: found.periods.__setitem__(-1, found.periods[-1] ^ 1)),
    "the first three periods": changed(shorter),
    "never cut": changed(lambda found: setattr(found, "covered_s", 3)),
    "no winner": changed(lambda found: setattr(found, "winner", None)),
    "always sure": changed(lambda found: setattr(found, "unsure", False)),
    "a second of another interval": lambda profiles, place, begin_s, *rest: compose(
        profiles, place, begin_s + 1, *rest
    ),
    "the last profile is overlooked": lambda profiles, *rest: compose(profiles[:-1], *rest),
    "the clock is always known": lambda *asked: compose(*asked[:6]),
    "one period too many": lambda *asked: compose(*asked[:5], most=asked[5] + 1, known=asked[6]),
}


@pytest.mark.parametrize("name", list(WRONG_FAST))
def test_a_defect_is_found(name, monkeypatch):
    monkeypatch.setattr(composite, "compose", WRONG_FAST[name])
    assert first_difference(SHORT, True, 0, 6000)


def test_a_defect_of_the_station_is_found(monkeypatch):
    def spoiled(profiles, places, *rest):
        return compose_station(profiles, places[:-1] or places, *rest)

    monkeypatch.setattr(composite, "compose_station", spoiled)
    assert first_difference(SHORT, True, 0, 6000)


def test_a_case_that_differs_is_made_small(monkeypatch):
    monkeypatch.setattr(slow, "RECURRENCE_S", {DAILY: 86401, WEEKLY: 604800})
    text = first_difference(DAYS, False, 200000)
    (line,) = [line for line in text.splitlines() if "Profile" in line]
    assert "Daily" in line and "starts" in line
    assert "\n=> periods [0: " in text
