# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Cases for the composite charging schedule: nasty ones from a random generator, the comparison of the
firmware with slow_composite, and a case that differs made small and readable.

What is nasty: instants of different profiles that coincide or are a second apart, limits that are equal in A
and W or a tenth apart, an interval that ends where a period does. So all instants of a case come from a few
marks, and all limits from a few values.
"""

import copy
from random import Random
from typing import NamedTuple

from host_tests.property import slow_composite as slow
from host_tests.property.slow_composite import (
    ABSOLUTE,
    DAILY,
    DEFAULT,
    MAX,
    RECURRENCE_S,
    RELATIVE,
    TX,
    WEEKLY,
)
from station import composite
from station.charging_profile import MOST, ChargingProfile, check, schedule
from station.composite import Place

DAY_S, WEEK_S = 86400, 604800
MIDNIGHT_S = 20800 * DAY_S
LEVELS = (0, 1, 2, 3, 50, 98, 99)
NO_LIMIT = 100
# (phases, nominal_v, dc, switch)
SUPPLIES = (
    (1, 230, False, False), (1, 240, False, False), (3, 230, False, False), (3, 277, False, False),
    (3, 230, False, True), (3, 230, False, True), (1, 500, True, False), (1, 1000, True, False),
)  # fmt: skip
FAR_S = (-60 * 365 * DAY_S, -18 * 365 * DAY_S, -17 * 365 * DAY_S, -3 * 365 * DAY_S, 40 * 365 * DAY_S)


class Case(NamedTuple):
    """places: the connector asked for; where `station`, all of them, asked for connector 0."""

    profiles: list[ChargingProfile]
    places: list[Place]
    station: bool
    begin_s: int
    duration_s: int
    unit: str
    most: int
    known: bool


# --- random cases -------------------------------------------------------------------------------------------


def one_of(rng, things):
    return things[int(rng.random() * len(things))]


def up_to(rng, most):
    return int(rng.random() * (most + 1))


def slot_of(profile):
    """Of two with the same the later one replaces the other (section 5.16)."""
    return profile.purpose, profile.level, profile.connector


class Maker:
    """Makes one case of what `rng` says."""

    def __init__(self, rng: Random, longest_s: int, profiles: int, periods: int):
        self.rng = rng
        self.station = rng.random() < 0.2
        self.begin_s = MIDNIGHT_S + up_to(rng, 10) * DAY_S + one_of(rng, (0, 0, -1, 1, -30, 43210))
        self.duration_s = duration_s = up_to(rng, longest_s if rng.random() < 0.5 else up_to(rng, longest_s))
        marks = [0, 0, 1, -1, duration_s - 1, duration_s, duration_s + 1]
        self.marks = marks + [up_to(rng, duration_s) for _ in range(3)]
        self.places = [self.place(number + 1) for number in range(1 + up_to(rng, 2) * self.station)]
        self.limits = self.pool()
        taken = set()
        self.profiles = []
        for number in range(profiles):
            made = self.profile(number + 1, periods)
            if slot_of(made) not in taken:
                taken.add(slot_of(made))
                self.profiles.append(made)
        self.known = self.station or rng.random() < 0.9

    def case(self):
        most = NO_LIMIT if self.rng.random() < 0.9 else 1 + up_to(self.rng, 4)
        unit = one_of(self.rng, "AW")
        return Case(
            self.profiles, self.places, self.station, self.begin_s, self.duration_s, unit, most, self.known
        )

    def place(self, number):
        rng = self.rng
        place = Place(number if self.station else 1 + up_to(rng, 1), *one_of(rng, SUPPLIES))
        place.local_da = one_of(rng, (320, 160, 60, 63, 0, 4000))
        if rng.random() < 0.6:
            place.transaction = number * 10
            if rng.random() < 0.95:  # else the time was not known when it began
                place.begun_s = self.begin_s - one_of(rng, (0, 1, 30, 500, DAY_S, up_to(rng, 5000), -10))
        return place

    def pool(self):
        """(unit, tenths): some powers, said in A and in W, and next to it."""
        place = one_of(self.rng, self.places)
        found = []
        for _ in range(2):
            tenths = one_of(self.rng, (0, 1, 59, 60, 61, 100, 160, place.local_da, up_to(self.rng, 400)))
            watts = tenths * place.nominal_v * one_of(self.rng, (1, place.phases))
            watts += one_of(self.rng, (0, 0, -1, 1))
            found += [("A", tenths), ("W", max(watts, 0))]
        found.append(one_of(self.rng, (("A", MOST), ("W", MOST), ("A", 0), ("W", 60 * 3 * place.nominal_v))))
        return found

    def instant(self):
        at_s = self.begin_s + one_of(self.rng, self.marks)
        far = self.rng.random()
        if far < 0.4:
            at_s -= DAY_S * one_of(self.rng, (1, 1, 2, 7, 7, 30, up_to(self.rng, 1000)))
        elif far < 0.43:
            at_s += one_of(self.rng, FAR_S)
        return at_s

    def span(self, start_s, cycle_s):
        """From the start of a schedule to one of the marks, of any round, or anything."""
        any_s = self.rng.random()
        if any_s < 0.7:
            span_s = self.begin_s + one_of(self.rng, self.marks) - start_s
            if cycle_s and any_s < 0.6:
                span_s %= cycle_s
            if span_s > 0:
                return span_s
        if any_s < 0.95:
            return 1 + up_to(self.rng, 90)
        return one_of(self.rng, (DAY_S - 1, DAY_S, DAY_S + 1, WEEK_S, 2 * WEEK_S, 2**31 - 1))

    def profile(self, number, periods):
        rng = self.rng
        place = one_of(rng, self.places)
        purpose = one_of(rng, (MAX, DEFAULT, DEFAULT, TX, TX))
        kind = one_of(rng, (ABSOLUTE, ABSOLUTE, RELATIVE, DAILY, DAILY, WEEKLY))
        connector = place.number if purpose == TX or (purpose == DEFAULT and rng.random() < 0.5) else 0
        if rng.random() < 0.03 and purpose != MAX:
            connector = 3  # another one, which is not asked about
        unit = one_of(rng, "AAW")
        start_s = None
        if kind != RELATIVE and (kind != ABSOLUTE or rng.random() < 0.8):
            start_s = self.instant()
        cycle_s = RECURRENCE_S.get(kind, 0)
        begin_s = start_s
        if begin_s is None:
            begin_s = place.begun_s or self.begin_s
        free = purpose != MAX or start_s is not None  # else it is a constant one
        starts = {0}
        if free:
            starts.update(self.span(begin_s, cycle_s) for _ in range(up_to(rng, periods - 1)))
        limits = [tenths for said, tenths in self.limits if said == unit]
        rows = [(start, one_of(rng, limits), one_of(rng, (None, None, 1, 2, 3))) for start in sorted(starts)]
        made = ChargingProfile(number, connector, purpose, one_of(rng, LEVELS), kind, unit, schedule(rows))
        made.start_s = start_s
        if free and rng.random() < 0.5:
            made.duration_s = self.span(begin_s, cycle_s)
        if rng.random() < 0.25:
            made.from_s = self.instant()
        if rng.random() < 0.25:
            made.to_s = self.instant()
            if made.from_s is not None and made.to_s <= made.from_s:
                made.to_s = made.from_s + 1 + up_to(rng, 3)
        if purpose == TX and rng.random() < 0.9:
            made.transaction = place.transaction or 7
        elif purpose == TX:
            made.transaction = 7 if place.transaction else None
        return made


def random_case(rng, longest_s=3600, profiles=4, periods=5):
    """Up to so many profiles of up to so many periods."""
    return Maker(rng, longest_s, up_to(rng, profiles), periods).case()


# --- the comparison -----------------------------------------------------------------------------------------


def all_instants(case):
    """Each second."""
    return range(case.begin_s, case.begin_s + max(case.duration_s, 1))


def telling_instants(case, rng):
    """Each at which something may change, the seconds beside it, and some others."""
    begin_s, end_s = case.begin_s, case.begin_s + case.duration_s
    found = {begin_s}
    for at_s in slow.moments(case.profiles, case.places, begin_s, end_s):
        found.update((at_s - 1, at_s, at_s + 1))
    found.update(begin_s + up_to(rng, case.duration_s) for _ in range(3))
    return [at_s for at_s in sorted(found) if begin_s <= at_s < end_s or at_s == begin_s]


def difference(case, instants):
    """What the firmware says otherwise than slow_composite does, None: nothing."""
    profiles, places, station, begin_s, duration_s, unit, most, known = case
    if station:
        found = composite.compose_station(profiles, places, begin_s, duration_s, unit, most)
    else:
        found = composite.compose(profiles, places[0], begin_s, duration_s, unit, most, known)

    def limit(t_s):
        if station:
            return slow.limit_of_station_at(profiles, places, t_s, unit, begin_s)
        return slow.limit_at(profiles, places[0], t_s, unit, begin_s, known)

    expected, covered_s = slow.schedule(limit, instants, begin_s, duration_s, most)
    if list(found.periods) != expected or found.periods.typecode != "i":
        return "periods %s, not %s" % (shown(found.periods), shown(expected))
    if found.covered_s != covered_s:
        return "covered_s %d, not %d" % (found.covered_s, covered_s)
    if station:
        winners, unsure = slow.winners_of_station_at(profiles, places, begin_s), False
    else:
        winners = slow.winners_at(profiles, places[0], begin_s, known)
        unsure = not known and slow.unsure_at(profiles, places[0], begin_s)
    if found.winner not in winners:
        return "winner %s, not %s" % (named(found.winner), " or ".join(named(one) for one in winners))
    if found.unsure is not unsure:
        return "unsure %s, not %s" % (found.unsure, unsure)
    return None


def named(profile):
    return "the local limit" if profile is None else profile.describe()


def shown(periods):
    """[0: 16.0, 60: 10.0 (1 phase), ...]"""
    rows = []
    for start_s, packed in zip(periods[::2], periods[1::2], strict=True):
        phases = "" if not packed & 3 else "/%d" % (packed & 3)
        rows.append("%d: %d.%d%s" % (start_s, (packed >> 2) // 10, (packed >> 2) % 10, phases))
    return "[%s]" % ", ".join(rows)


# --- a case for people --------------------------------------------------------------------------------------


def text(case):
    """The case in lines; instants as seconds after the beginning of the interval."""

    def after(at_s):
        return "%+d" % (at_s - case.begin_s)

    what = "connector 0" if case.station else "connector %d" % case.places[0].number
    lines = [
        "%s, %d s from %d on, in %s, at most %d periods, the time %s"
        % (what, case.duration_s, case.begin_s, case.unit, case.most, "known" if case.known else "not known")
    ]
    for place in case.places:
        line = "  place %d: %s, %d V" % (
            place.number, "DC" if place.dc else "%d phases" % place.phases, place.nominal_v
        )  # fmt: skip
        line += ", can switch" if place.switch else ""
        line += ", local limit %d.%d A" % divmod(place.local_da, 10)
        if place.transaction is not None:
            line += ", transaction %d" % place.transaction
            line += "" if place.begun_s is None else " begun at %s" % after(place.begun_s)
        lines.append(line)
    for one in case.profiles:
        kind = ("Absolute", "Relative", "Daily", "Weekly")[one.kind]
        line = "  %s on %d, %s, %s" % (one.describe(), one.connector, kind, one.unit)
        if one.purpose == TX:
            line += ", of transaction %s" % one.transaction
        for name, at_s in (("starts", one.start_s), ("from", one.from_s), ("to", one.to_s)):
            line += "" if at_s is None else ", %s %s" % (name, after(at_s))
        line += "" if one.duration_s is None else ", for %d s" % one.duration_s
        lines.append(line + " " + shown(one.periods))
    return "\n".join(lines)


def smaller(case):
    """Cases that are a little simpler."""
    profiles = case.profiles
    for index in range(len(profiles)):
        yield case._replace(profiles=profiles[:index] + profiles[index + 1 :])
    for index in range(1, len(case.places)):
        yield case._replace(places=case.places[:index] + case.places[index + 1 :])
    for index, profile in enumerate(profiles):
        for changed in simpler(profile, case.begin_s):
            yield case._replace(profiles=[*profiles[:index], changed, *profiles[index + 1 :]])
    less_s = case.duration_s
    while less_s:
        yield case._replace(duration_s=case.duration_s - less_s)
        less_s //= 2
    if case.most < NO_LIMIT:
        yield case._replace(most=NO_LIMIT)
    if not case.known:
        yield case._replace(known=True)
    for index, place in enumerate(case.places):
        if place.transaction is not None:
            bare = copy.copy(place)
            bare.transaction = bare.begun_s = None
            yield case._replace(places=[*case.places[:index], bare, *case.places[index + 1 :]])


def simpler(profile, begin_s):
    def but(**changes):
        changed = copy.copy(profile)
        for name, value in changes.items():
            setattr(changed, name, value)
        return changed

    for name in ("duration_s", "from_s", "to_s"):
        if getattr(profile, name) is not None:
            yield but(**{name: None})
    if profile.kind != ABSOLUTE and profile.start_s is not None:
        yield but(kind=ABSOLUTE)
    if profile.start_s not in (None, begin_s):
        yield but(start_s=begin_s)
    if profile.level > 1:
        yield but(level=1)
    periods = profile.periods
    for place in range(2, len(periods), 2):
        yield but(periods=periods[:place] + periods[place + 2 :])
    for place in range(1, len(periods), 2):
        for packed in (periods[place] & ~3, 60 << 2):
            if packed != periods[place]:
                rest = periods[place + 1 :]
                yield but(periods=periods[:place] + type(periods)("i", [packed]) + rest)


def may_be(case):
    """Could all its profiles be installed at once?"""
    try:
        for profile in case.profiles:
            check(profile, None)
    except ValueError:
        return False
    return len({slot_of(one) for one in case.profiles}) == len(case.profiles)


def smallest(case, differs):
    """The simplest case found on the way down from `case` that still `differs`."""
    while True:
        for candidate in smaller(case):
            if may_be(candidate) and differs(candidate):
                case = candidate
                break
        else:
            return case
