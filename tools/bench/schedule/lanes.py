# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the profiles of a situation say over its interval, and what they come to.

Nothing of the standard is decided here: each value is an answer of `station.composite`, asked about one
profile, those of one lane, or all of them, at each instant at which any answer may change.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from bench.schedule.situation import Situation
from evse.pilot import MIN_DA
from station.charging_profile import DEFAULT, MAX, TX, ChargingProfile
from station.composite import Composite, Place, compose, compose_station

# What a profile does with what it says.
OVERRULED, COUNTS, LIMITS = 0, 1, 2

# Above every limit that a profile can have: 13.4 MW in any unit (station.charging_profile.MOST).
_NO_LOCAL_DW = 0x8000000
_NO_LOCAL_DA = 100001

LOCAL = "local limit"
SUM = "sum of the connectors"


@dataclass(frozen=True)
class Span:
    """Seconds after the beginning; `value` in tenths of the unit; `part`: OVERRULED, COUNTS or LIMITS."""

    begin: int
    end: int
    value: int
    part: int


@dataclass(frozen=True)
class Line:
    """One installed profile. No spans: it says nothing in this interval."""

    profile: ChargingProfile
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Row:
    """A period of the composite schedule. `phases` 0: direct current. `by`: what sets the limit, in their
    order. `pause`: less than can be offered."""

    begin: int
    end: int
    value: int
    phases: int
    by: tuple[str, ...]
    pause: bool


class Lanes:
    """maximum, transaction, default   lines, by level
    rows            the composite schedule
    local           steps (begin, value): the local limit
    least           steps: what is needed to charge; none for a whole station
    """

    def __init__(self, situation: Situation):
        self.situation = situation
        begin_s = situation.begin_s
        # Without a transaction charging begins with the interval. Most questions are about an instant of it.
        self._places = [_begun(place, begin_s) for place in situation.places]
        self._parts: dict[int, dict[int, int]] = {}  # instant -> chargingProfileId -> part
        self.maximum = self._lines(MAX)
        self.transaction = self._lines(TX)
        self.default = self._lines(DEFAULT)

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        found = []
        steps = self._steps(self._all)
        ends = [*[begin for begin, _, _ in steps[1:]], self.situation.duration_s]
        for (begin, value, phases), end in zip(steps, ends, strict=True):
            inside = self._instants[bisect_left(self._instants, begin) : bisect_left(self._instants, end)]
            by = tuple(dict.fromkeys(self._by(at) for at in inside))
            found.append(Row(begin, end, value, phases, by, self._pauses(begin, value)))
        return tuple(found)

    @cached_property
    def local(self) -> tuple[tuple[int, int], ...]:
        return _merged((at, self._local(at)) for at in self._instants)

    @cached_property
    def least(self) -> tuple[tuple[int, int], ...]:
        if not self.situation.connector:
            return ()
        return _merged((at, self._least(at)) for at in self._instants)

    def least_at(self, at: int) -> int:
        """The step of `least` in which an instant lies; 0 for a whole station."""
        return max((step for step in self.least if step[0] <= at), default=(0, 0))[1]

    @cached_property
    def _instants(self) -> tuple[int, ...]:
        """At which something may change."""
        found = {begin for begin, _, _ in self._steps(self._all)}
        for profile in self.situation.profiles:
            free = self._free(profile, None)

            def alone(begin_s: int, duration_s: int, ours=(profile,), free=free) -> Composite:
                return compose(ours, free, begin_s, duration_s, self.situation.unit)

            found.update(begin for begin, _, _ in self._steps(alone))
        return tuple(sorted(found))

    def _steps(self, ask: Callable[[int, int], Composite]) -> list[tuple[int, int, int]]:
        """(startPeriod, limit, numberPhases). `ask(begin_s, duration_s)` may answer about less."""
        found: list[tuple[int, int, int]] = []
        done = 0
        while done < self.situation.duration_s:
            schedule = ask(self.situation.begin_s + done, self.situation.duration_s - done)
            numbers = schedule.periods
            for place in range(0, len(numbers), 2):
                value, phases = numbers[place + 1] >> 2, numbers[place + 1] & 3
                if not found or found[-1][1:] != (value, phases):
                    found.append((done + numbers[place], value, phases))
            done += schedule.covered_s
        return found

    def _lines(self, purpose: int) -> tuple[Line, ...]:
        asked = self.situation
        ours = [
            profile
            for profile in asked.profiles
            if profile.purpose == purpose
            and (not asked.connector or profile.connector in (0, asked.connector))
        ]
        ours.sort(key=lambda profile: (-profile.level, -profile.connector, profile.number))
        return tuple(Line(profile, self._spans(profile)) for profile in ours)

    def _spans(self, profile: ChargingProfile) -> tuple[Span, ...]:
        instants = (*self._instants, self.situation.duration_s)
        found: list[Span] = []
        for begin, end in pairwise(instants):
            value = self._says(profile, begin)
            if value is None or end <= begin:
                continue
            part = self._part(profile, begin)
            last = found[-1] if found else None
            if last and (last.end, last.value, last.part) == (begin, value, part):
                found[-1] = Span(last.begin, end, value, part)
            else:
                found.append(Span(begin, end, value, part))
        return tuple(found)

    def _says(self, profile: ChargingProfile, at: int) -> int | None:
        """In tenths of the unit, with the phases that are in use then; None: nothing."""
        begin_s = self.situation.begin_s + at
        schedule = compose([profile], self._free(profile, at), begin_s, 0, self.situation.unit)
        return None if schedule.winner is None else schedule.periods[1] >> 2

    def _part(self, profile: ChargingProfile, at: int) -> int:
        if at not in self._parts:
            numbers = {one.number: COUNTS for one in self._counting(at)}
            self._parts[at] = {**numbers, **{one.number: LIMITS for one in self._limiting(at)}}
        return self._parts[at].get(profile.number, OVERRULED)

    def _counting(self, at: int) -> list[ChargingProfile]:
        """Those that go before all others of their lane."""
        found = []
        for place in self._asked_places:
            free = _without_local(place)
            for purposes in ((MAX,), (TX, DEFAULT)):
                ours = [profile for profile in self.situation.profiles if profile.purpose in purposes]
                found.append(compose(ours, free, self.situation.begin_s + at, 0, "W").winner)
        return [profile for profile in found if profile is not None]

    def _limiting(self, at: int) -> list[ChargingProfile]:
        begin_s = self.situation.begin_s + at
        top = self._all(begin_s, 0).winner
        if top is not None or self.situation.connector:
            return [] if top is None else [top]
        found = [compose(self._ours, place, begin_s, 0, "W").winner for place in self._places]
        return [profile for profile in found if profile is not None]

    def _by(self, at: int) -> str:
        top = self._all(self.situation.begin_s + at, 0).winner
        if top is not None:
            return top.describe()
        return LOCAL if self.situation.connector else SUM

    def _all(self, begin_s: int, duration_s: int) -> Composite:
        asked = self.situation
        if asked.connector:
            return compose(asked.profiles, self._asked_places[0], begin_s, duration_s, asked.unit)
        return compose_station(asked.profiles, self._places, begin_s, duration_s, asked.unit)

    def _local(self, at: int) -> int:
        asked = self.situation
        begin_s = asked.begin_s + at
        if asked.connector:
            place = self._switched(self._asked_places[0], at)
            return compose([], place, begin_s, 0, asked.unit).periods[1] >> 2
        return compose_station([], self._places, begin_s, 0, asked.unit).periods[1] >> 2

    def _least(self, at: int) -> int:
        place = self._switched(self._asked_places[0], at)
        place.local_da = MIN_DA
        return compose([], place, self.situation.begin_s, 0, self.situation.unit).periods[1] >> 2

    def _pauses(self, at: int, value: int) -> bool:
        return bool(self.situation.connector) and value < self._least(at)

    @property
    def _ours(self) -> list[ChargingProfile]:
        """All but the station's maxima."""
        return [profile for profile in self.situation.profiles if profile.purpose != MAX]

    @property
    def _asked_places(self) -> Sequence[Place]:
        number = self.situation.connector
        return [self._places[number - 1]] if number else self._places

    def _free(self, profile: ChargingProfile, at: int | None) -> Place:
        """The connector by which a profile's limit is measured, without a limit of its own; `at`: with the
        phases that are in use at that instant."""
        number = self.situation.connector or profile.connector
        place = self._places[(number or 1) - 1]
        if profile.purpose == MAX and not self.situation.connector:
            place = _copy(place)
            place.phases, place.switch = max(one.phases for one in self._places), False
        elif at is not None:
            place = self._switched(place, at)
        return _without_local(place)

    def _switched(self, place: Place, at: int) -> Place:
        """With the phases that it uses at that instant, come what may."""
        found = _copy(place)
        if place.switch:
            begin_s = self.situation.begin_s + at
            profiles = self.situation.profiles if self.situation.connector else self._ours
            found.phases = compose(profiles, place, begin_s, 0, "W").periods[1] & 3
            found.switch = False
        return found


def _merged(steps) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for at, value in steps:
        if not found or found[-1][1] != value:
            found.append((at, value))
    return tuple(found)


def _copy(place: Place) -> Place:
    found = Place(place.number, place.phases, place.nominal_v, place.dc, place.switch)
    found.local_da, found.transaction, found.begun_s = place.local_da, place.transaction, place.begun_s
    return found


def _begun(place: Place, begin_s: int) -> Place:
    found = _copy(place)
    found.begun_s = begin_s if place.begun_s is None else min(place.begun_s, begin_s)
    return found


def _without_local(place: Place) -> Place:
    found = _copy(place)
    found.local_da = max(_NO_LOCAL_DA, -(-_NO_LOCAL_DW // place.nominal_v))
    return found
