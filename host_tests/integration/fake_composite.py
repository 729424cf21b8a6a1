# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Which limit the fake charge point's charging profiles say, and when. Seconds are those since 1970.

Two connectors of three phases, 230 V and 32 A. All is compared in watts, as little as there is to compare.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.messages import parse_utc

RATED_A, VOLTS, PHASES = 32, 230, 3
WATTS_OF_AN_AMPERE = VOLTS * PHASES
OWN_W = RATED_A * WATTS_OF_AN_AMPERE
_DAY_S = 86400
_MAXIMUM, _DEFAULT, _TX = "ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"

Is = Callable[[str], bool]


@dataclass
class Installed:
    """`fields`: csChargingProfiles; `transaction`: that it belongs to; `since`: when it was set."""

    connector: int
    fields: dict[str, Any]
    transaction: object = None
    since: float = 0

    @property
    def number(self) -> int:
        return self.fields["chargingProfileId"]

    @property
    def purpose(self) -> str:
        return self.fields["chargingProfilePurpose"]

    @property
    def level(self) -> int:
        return self.fields["stackLevel"]

    @property
    def schedule(self) -> dict[str, Any]:
        return self.fields["chargingSchedule"]

    def seconds(self, name: str) -> int | None:
        """A time of it, None where it has none."""
        text = self.fields.get(name, self.schedule.get(name))
        return None if text is None else int(parse_utc(text).timestamp())


@dataclass
class Place:
    """A connector. `transaction`: the one that runs there; `begun`: when charging began, or would."""

    number: int
    transaction: object
    begun: float


def _every(profile: Installed) -> int:
    """Seconds after which it begins anew; 0: never."""
    if profile.fields["chargingProfileKind"] != "Recurring":
        return 0
    return _DAY_S if profile.fields["recurrencyKind"] == "Daily" else 7 * _DAY_S


def _start(profile: Installed, place: Place, now: float, wrong: Is) -> float:
    start = profile.seconds("startSchedule")
    if start is None:
        if wrong("counts-from-the-profile"):
            return profile.since
        return now if wrong("counts-from-now") else int(place.begun)
    if _every(profile) and wrong("keeps-local-time") and now - start > 60 * _DAY_S:
        return start + 3600
    return start


def _watts(profile: Installed, moment: float, place: Place, now: float, wrong: Is) -> float | None:
    """None: it says nothing at this moment."""
    valid_from, valid_to = profile.seconds("validFrom"), profile.seconds("validTo")
    if valid_from is not None and moment < valid_from and not wrong("is-valid-early"):
        return None
    if valid_to is not None and moment >= valid_to and not wrong("is-valid-for-ever"):
        return None
    start = _start(profile, place, now, wrong)
    if moment < start and not wrong("begins-at-once"):
        return None
    schedule, at, every = profile.schedule, max(moment - start, 0), _every(profile)
    if wrong("knows-no-past"):
        at = max(moment - max(start, profile.since), 0)
    if every and not (wrong("never-recurs") or (wrong("knows-days-only") and every > _DAY_S)):
        at %= every
    elif every:
        at %= _DAY_S if wrong("knows-days-only") else 10**12
    duration = schedule.get("duration")
    if duration is not None and at >= duration and not wrong("lasts-for-ever"):
        return None
    if every and wrong("runs-into-the-next-day"):
        at = max(at, at + every if at < 600 else at)
    periods = schedule["chargingSchedulePeriod"]
    period = [each for each in periods if each["startPeriod"] <= at][-1]
    if schedule["chargingRateUnit"] == "W":
        return period["limit"] * (PHASES if wrong("takes-watts-for-one-phase") else 1)
    phases = period.get("numberPhases", PHASES) if wrong("rescales-by-phases") else PHASES
    return period["limit"] * VOLTS * phases


def _highest(
    profiles: Iterable[Installed], moment: float, place: Place, now: float, wrong: Is
) -> float | None:
    found = [(each.level, _watts(each, moment, place, now, wrong)) for each in profiles]
    if wrong("lets-the-highest-silence-the-others") and found:
        return max(found, key=lambda pair: pair[0])[1]
    said = [(level, watts) for level, watts in found if watts is not None]
    if not said:
        return None
    if wrong("takes-the-lowest-level"):
        return min(said)[1]
    return max(said, key=lambda pair: pair[0])[1]


def _transaction_w(
    profiles: list[Installed], place: Place, moment: float, now: float, wrong: Is
) -> float | None:
    def of(purpose: str, *connectors: int) -> float | None:
        chosen = [each for each in profiles if each.purpose == purpose and each.connector in connectors]
        if purpose == _TX:
            chosen = [each for each in chosen if each.transaction is place.transaction is not None]
        if purpose == _DEFAULT and wrong("has-defaults-for-the-next-one") and place.transaction:
            chosen = [each for each in chosen if each.since <= place.begun]
        return _highest(chosen, moment, place, now, wrong)

    mine = None if wrong("ignores-tx-profiles") else of(_TX, place.number)
    if mine is not None:
        return mine
    if wrong("never-falls-back") and any(each.purpose == _TX for each in profiles):
        return None
    if wrong("mixes-connectors"):
        return of(_DEFAULT, place.number, 0)
    here = of(_DEFAULT, place.number)
    if here is not None or wrong("knows-defaults-of-connectors-only"):
        return here
    return of(_DEFAULT, 0)


def watts(profiles: list[Installed], places: list[Place], moment: float, now: float, wrong: Is) -> float:
    """What these places may take together."""
    total = 0.0
    for place in places:
        mine = _transaction_w(profiles, place, moment, now, wrong)
        total += OWN_W if mine is None else min(mine, OWN_W)
    maxima = [each for each in profiles if each.purpose == _MAXIMUM]
    most = None if wrong("knows-no-maximum") else _highest(maxima, moment, places[0], now, wrong)
    return total if most is None else min(total, most)


def _edges(
    profile: Installed, place: Place, begin: float, end: float, now: float, wrong: Is
) -> Iterator[float]:
    """When what it says may change."""
    for name in ("validFrom", "validTo"):
        moment = profile.seconds(name)
        if moment is not None:
            yield moment
    start, every = _start(profile, place, now, wrong), _every(profile)
    schedule = profile.schedule
    offsets = [0, *(each["startPeriod"] for each in schedule["chargingSchedulePeriod"])]
    offsets += [schedule["duration"]] if "duration" in schedule else []
    starts = [start, max(start, profile.since)]
    if every:
        # Half a day is the least that any defect makes of it.
        step = _DAY_S
        first = start + (begin - start) // step * step - step
        starts += [first + number * step for number in range(int((end - first) // step) + 2)]
        offsets += [600]
    for one in starts:
        for offset in offsets:
            yield one + offset
            if every > _DAY_S:
                yield one + offset % _DAY_S


def compose(
    profiles: list[Installed], places: list[Place], start: float, seconds: int, wrong: Is
) -> list[tuple[int, float]]:
    """(startPeriod, watts), neighbours that are equal merged."""
    end = start + max(seconds, 1)
    moments = {start}
    for place in places:
        for profile in profiles:
            moments.update(
                edge for edge in _edges(profile, place, start, end, start, wrong) if start < edge < end
            )
    found: list[tuple[int, float]] = []
    for moment in sorted(moments):
        told = watts(profiles, places, moment, start, wrong)
        if wrong("adds-the-maximum") and len(places) > 1:
            told = sum(watts(profiles, [place], moment, start, wrong) for place in places)
        offset = round(moment - start)
        if found and offset >= seconds:
            break  # a fraction of a second before the end
        if found and (found[-1][1] == told or found[-1][0] == offset):
            found[-1] = (found[-1][0], told)
        else:
            found.append((offset, told))
    return found
