# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The audit of charging profiles: what the charger said and offered against what can have been installed.

What was answered Accepted is installed, or cleared, until something else is; what was not answered leaves
both open: `Installed` has for each place (purpose, connector, stackLevel) what there can have been in it, and
when. By it

- SetChargingProfile is refused only for a TxProfile whose transaction may not run;
- ClearChargingProfile finds something where something must be, and nothing where nothing can be;
- every composite schedule says of each second what one of the profiles that may be installed makes of it,
  and has the form of section 7.13; it is refused only while the time is not known;
- Current.Offered of every sample is at most what was in force at some time in the seconds before it.

The profiles have one period each and say less than the stations could do. What those could do is not known
here: it is more than LOCAL_DA.
"""

import itertools
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.messages import parse_utc
from bench.soak_asked import Asked, Request
from bench.soak_profiles import ASK, CLEAR, DEFAULT, MAXIMUM, MOST_A, SET, TX
from bench.soak_record import METER, Record

LOCAL_DA = 10 * MOST_A + 1
# The duty changes 5 s after it has changed before at the latest, and looks at a change within a second;
# timestamps may be cut to the second.
CHANGE_S = 5 + 1 + 1
_OFFERED = "Current.Offered"
_ENDLESS = float("inf")
_CLOCK_S = 3  # by so much the charger's clock may differ from ours
_OWN_CLOCK_S = 1.5  # and from itself, cut to the second
_DATED_S = 15  # and the end of a transaction that the power cut off before the time was known
_MOST_PERIODS = 100

Wrong = Callable[..., None]
Place = tuple[str, int, int]
Range = tuple[float, float]  # tenths of W, from least to most


@dataclass(frozen=True)
class Profile:
    """Times are seconds of UTC; `limit`: tenths of `unit`."""

    number: int
    place: Place
    limit: int
    unit: str
    from_s: float
    to_s: float
    transaction: int | None  # transactionId that a TxProfile is for

    def says(self, at_s: float) -> bool:
        return self.from_s <= at_s < self.to_s

    def matches(self, criteria: dict[str, Any]) -> bool:
        if "id" in criteria:
            return self.number == criteria["id"]
        fields = ("chargingProfilePurpose", "connectorId", "stackLevel")
        return all(criteria.get(name, own) == own for name, own in zip(fields, self.place, strict=True))


May = frozenset[Profile | None]  # what can be in a place; None: nothing
_NOTHING: May = frozenset((None,))
_Places = dict[Place, May]


def read(payload: dict[str, Any]) -> Profile:
    """The profile of a SetChargingProfile.req."""
    given = payload["csChargingProfiles"]
    schedule = given["chargingSchedule"]
    (period,) = schedule["chargingSchedulePeriod"]
    return Profile(
        given["chargingProfileId"],
        (given["chargingProfilePurpose"], payload["connectorId"], given["stackLevel"]),
        round(10 * period["limit"]),
        schedule["chargingRateUnit"],
        _second(given, "validFrom", -_ENDLESS),
        _second(given, "validTo", _ENDLESS),
        given.get("transactionId"),
    )


def _second(fields: dict[str, Any], name: str, default: float) -> float:
    return parse_utc(fields[name]).timestamp() // 1 if name in fields else default


class Installed:
    """What there can have been in each place."""

    def __init__(self, asked: Asked, sure: Callable[[Profile, Request], bool], wrong: Wrong):
        """`sure(profile, request)`: the transaction of that TxProfile ran at the time of the request."""
        self._wrong = wrong
        self._sure = sure
        self._epoch_s = asked.epoch_s
        self._since: list[float] = [-_ENDLESS]
        self._places: list[_Places] = [{}]
        for request in asked.of(SET, CLEAR):
            (self._set if request.action == SET else self._clear)(request)

    def between(self, from_s: float, until_s: float) -> _Places:
        first = max(0, bisect_right(self._since, from_s) - 1)
        last = bisect_right(self._since, until_s)
        spans = self._places[first:last]
        found: _Places = {}
        for place in {place for span in spans for place in span}:
            found[place] = frozenset(itertools.chain(*(span.get(place, _NOTHING) for span in spans)))
        return found

    def _become(self, request: Request, after: _Places) -> None:
        """From the request on as before it or after it, and behind the answer as after it."""
        before = self._places[-1]
        places = {*before, *after}
        both = {place: before.get(place, _NOTHING) | after.get(place, _NOTHING) for place in places}
        self._note(request.at_s, both)
        if request.answered_s is not None:
            self._note(request.answered_s, after if request.accepted else before)

    def _note(self, at_s: float, places: _Places) -> None:
        self._since.append(max(at_s, self._since[-1]))
        self._places.append(places)

    def _set(self, request: Request) -> None:
        profile = read(request.payload)
        if request.answered_s is not None and not request.accepted:
            over = profile.to_s <= self._epoch_s + request.answered_s + _CLOCK_S  # it came late
            if not over and (profile.place[0] != TX or self._sure(profile, request)):
                self._wrong(f"a profile was refused: {request.told}", request)
            return
        after: _Places = {}
        for place, may in self._places[-1].items():
            after[place] = frozenset(None if one and one.number == profile.number else one for one in may)
        after[profile.place] = frozenset((profile,))
        self._become(request, after)

    def _clear(self, request: Request) -> None:
        criteria = request.payload
        hit = [
            [one is not None and one.matches(criteria) for one in may] for may in self._places[-1].values()
        ]
        after = {
            place: frozenset(None if one and one.matches(criteria) else one for one in may)
            for place, may in self._places[-1].items()
        }
        if request.status == "Unknown":
            lasting = [
                all(one is not None and one.matches(criteria) and one.place[0] != TX for one in may)
                for may in self._places[-1].values()
            ]
            if any(lasting):
                self._wrong("nothing was found to be cleared", request)
            self._note(request.answered_s or request.at_s, after)
            return
        if request.accepted and not any(itertools.chain(*hit)):
            self._wrong("something was found to be cleared", request)
        if request.answered_s is not None and request.answer is None:
            self._wrong("ClearChargingProfile has failed", request)
        self._become(request, after)


class _Audit:
    def __init__(self, asked: Asked, record: Record, ended: dict[int, float], wrong: Wrong):
        self.asked = asked
        self.record = record
        self.ended = ended
        self.wrong = wrong
        self.per_ampere = asked.supply.phases * asked.supply.volts
        self.used = self._used()
        self.installed = Installed(asked, self._surely_runs, wrong)

    def _used(self) -> dict[int, float]:
        """When the charger first showed that it knows a transactionId."""
        used: dict[int, float] = {}
        for entry in self.record.in_order():
            number = entry.payload.get("transactionId")
            if entry.action == METER and number is not None:
                used.setdefault(number, entry.sendings[0].at_s)
        return used

    def _runs(
        self, transaction: int | None, from_s: float, until_s: float, slack_s: float = _CLOCK_S
    ) -> tuple[bool, bool]:
        """Does the transaction of a TxProfile, which was accepted, (surely, perhaps) run?"""
        ended_s = self.ended.get(transaction) if transaction is not None else None
        if ended_s is None:
            return False, True
        told = self.asked.told_the_time(self.asked.life(from_s)[0], from_s)
        return ended_s > until_s + (slack_s if told else _DATED_S), ended_s > from_s - _DATED_S

    def _surely_runs(self, profile: Profile, request: Request) -> bool:
        until_s = request.answered_s or request.at_s
        known_s = self.used.get(profile.transaction or 0, _ENDLESS)
        return known_s < request.at_s and self._runs(profile.transaction, request.at_s, until_s)[0]

    # --- what may be in force ---

    def _may_say(
        self, may: Iterable[tuple[Profile | None, bool, bool]], at_s: float
    ) -> tuple[set[float], bool]:
        """(what may be said in this place, in tenths of W; whether something is said for sure)."""
        said: set[float] = set()
        sure = True
        for one, surely, perhaps in may:
            if one is not None and perhaps and one.says(at_s):
                said.add(one.limit if one.unit == "W" else one.limit * self.per_ampere)
                sure = sure and surely
            else:
                sure = False
        return said, sure

    def _part(
        self, places: _Places, wanted: list[tuple[str, int]], at_s: float, span: Range, slack_s: float
    ) -> tuple[set[float], bool]:
        """Of these purposes and connectors, in order, each from the highest stackLevel on."""
        said: set[float] = set()
        for purpose, connector in wanted:
            for place in sorted((row for row in places if row[:2] == (purpose, connector)), key=_level):
                may = [
                    (
                        one,
                        *(
                            self._runs(one.transaction, *span, slack_s)
                            if one and purpose == TX
                            else (True, True)
                        ),
                    )
                    for one in places[place]
                ]
                more, sure = self._may_say(may, at_s)
                said |= more
                if sure:
                    return said, True
        return said, False

    def may_be(
        self, places: _Places, connector: int, at_s: float, span: Range, slack_s: float
    ) -> Iterator[Range]:
        """The ranges of which one holds the limit of a connector. `at_s`: second of UTC; `span`: from when to
        when a transaction has to run, by a clock that may be wrong by `slack_s`.
        """
        maxima, limited = self._part(places, [(MAXIMUM, 0)], at_s, span, slack_s)
        each = [
            self._part(places, [(TX, number), (DEFAULT, number), (DEFAULT, 0)], at_s, span, slack_s)
            for number in ((connector,) if connector else (1, 2))
        ]
        local = (LOCAL_DA * self.per_ampere, _ENDLESS)
        parts = [[(one, one) for one in said] + ([] if sure else [local]) for said, sure in each]
        tops = [(one, one) for one in maxima] + ([] if limited else [(_ENDLESS, _ENDLESS)])
        for top in tops:
            for rows in itertools.product(*parts):
                least, most = sum(row[0] for row in rows), sum(row[1] for row in rows)
                yield min(top[0], least), min(top[1], most)

    # --- composite schedules ---

    def composites(self) -> tuple[int, int]:
        """(how many were given, in how many it was certain what they had to say)."""
        count = certain = 0
        for request in self.asked.of(ASK):
            if request.answered_s is None:
                continue
            if request.accepted:
                count += 1
                certain += self._composite(request)
            elif self.asked.told_the_time(self.asked.life(request.at_s)[0], request.at_s):
                self.wrong(f"no composite schedule: {request.told}", request)
        return count, certain

    def _composite(self, request: Request) -> bool:
        answer, payload = request.answer or {}, request.payload
        connector = payload["connectorId"]
        schedule = answer["chargingSchedule"]
        unit = schedule["chargingRateUnit"]
        usual = "W" if self.asked.supply.dc else "A"
        periods = [(row["startPeriod"], row["limit"]) for row in schedule["chargingSchedulePeriod"]]
        for text in self._form(answer, payload, periods, payload.get("chargingRateUnit", usual)):
            self.wrong(f"composite schedule: {text}", request)
        span = (request.at_s, request.answered_s or request.at_s)
        begin_s = parse_utc(answer["scheduleStart"]).timestamp()
        if not span[0] - _CLOCK_S <= begin_s - self.asked.epoch_s <= span[1] + _CLOCK_S:
            self.wrong(f"composite schedule: it begins at {answer['scheduleStart']}", request)
        places = self.installed.between(*span)
        # By its own clock the charger says when it was asked, and when a transaction ended.
        own = (begin_s - self.asked.epoch_s, begin_s - self.asked.epoch_s)
        certain = True
        for second in range(max(1, payload["duration"])):
            limit = next(said for start, said in reversed(periods) if start <= second)
            tenths = round(10 * limit)
            may = set(self.may_be(places, connector, begin_s + second, own, _OWN_CLOCK_S))
            certain = certain and len(may) == 1
            if not any(self._holds(one, tenths, unit) for one in may):
                shown = sorted(self._shown(one, unit) for one in may)
                text = f"{limit} {unit} in second {second}, not one of {shown}"
                self.wrong(f"composite schedule: {text}", request)
                break
        return certain

    def _form(
        self, answer: dict[str, Any], payload: dict[str, Any], periods: list[tuple[int, float]], unit: str
    ) -> Iterator[str]:
        schedule = answer["chargingSchedule"]
        starts = [start for start, _ in periods]
        if answer.get("connectorId") != payload["connectorId"]:
            yield "of another connector"
        if schedule["duration"] != payload["duration"] or "startSchedule" in schedule:
            yield "another duration, or a startSchedule"
        if schedule["chargingRateUnit"] != unit:
            yield f"not in {unit}"
        if not starts or starts[0] != 0 or starts != sorted(set(starts)) or len(starts) > _MOST_PERIODS:
            yield f"periods begin at {starts}"
        if starts and starts[-1] >= max(1, payload["duration"]):
            yield "a period behind the end"
        if any(before[1] == after[1] for before, after in itertools.pairwise(periods)):
            yield "two equal periods"
        phases = None if self.asked.supply.dc else self.asked.supply.phases
        if any(row.get("numberPhases") != phases for row in schedule["chargingSchedulePeriod"]):
            yield f"numberPhases is not {phases}"

    def _holds(self, may: Range, tenths: int, unit: str) -> bool:
        if unit == "W":
            return may[0] <= tenths <= may[1]
        return may[0] // self.per_ampere <= tenths <= may[1] / self.per_ampere

    def _shown(self, may: Range, unit: str) -> Range:
        by = 10 if unit == "W" else 10 * self.per_ampere
        return may[0] / by, may[1] / by

    # --- what is offered ---

    def offers(self) -> int:
        """How many samples of Current.Offered were looked at."""
        count = 0
        for entry in self.record.in_order():
            if entry.action != METER:
                continue
            for value in entry.payload["meterValue"]:
                for sample in value["sampledValue"]:
                    if sample.get("measurand") == _OFFERED:
                        count += self._offer(entry, value["timestamp"], float(sample["value"]))
        return count

    def _offer(self, entry: Any, timestamp: str, offered_a: float) -> bool:
        asked = self.asked
        at_s = asked.moment_s(timestamp)
        if not asked.told_the_time(asked.life(at_s)[0], at_s - CHANGE_S):
            return False  # nobody knows how well it is dated
        if any(since - CHANGE_S <= at_s <= until + CHANGE_S for since, until in self.record.stalls):
            return False  # the machine is busy, perhaps the charger too
        span = (at_s - CHANGE_S, at_s + 1)
        places = self.installed.between(*span)
        transaction = entry.payload.get("transactionId")
        of_it = {
            place: may if place[0] != TX else frozenset(one if _of(one, transaction) else None for one in may)
            for place, may in places.items()
        }
        most = 0.0
        for second in range(CHANGE_S + 2):
            utc_s = (asked.epoch_s + span[0] + second) // 1
            may = self.may_be(of_it, entry.payload["connectorId"], utc_s, span, _CLOCK_S)
            most = max(most, *(one[1] for one in may))
        if offered_a * 10 * self.per_ampere > most:
            allowed_a = most / 10 / self.per_ampere
            self.wrong(f"{offered_a} A are offered at {timestamp}, allowed are {allowed_a:.1f} A", entry)
        return most < _ENDLESS


def _of(one: Profile | None, transaction: int | None) -> bool:
    return one is not None and one.transaction == transaction


def _level(place: Place) -> int:
    return -place[2]


def audit_charging(
    asked: Asked, record: Record, ended: dict[int, float], wrong: Wrong
) -> tuple[int, int, int, int]:
    """(profiles accepted, composite schedules, of them such of which it was certain what they had to say,
    samples that a profile has limited). `ended`: when the transaction of a transactionId ended.
    """
    audit = _Audit(asked, record, ended, wrong)
    count, certain = audit.composites()
    return sum(request.accepted for request in asked.of(SET)), count, certain, audit.offers()
