# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Smart charging: the profiles that a case sets, and the composite schedule that must come of them.

    smart = await ready(play, installed=2)
    await smart.put(smart.profile(1, DEFAULT, (0, 6), (100, 8)))
    await smart.gives(300, (0, 6), (100, 8))

Limits are in amperes; a charge point that knows watts only gets a thousand times as many of them, as the
catalogue has it. Seconds count from `smart.began`, which lies a little in the past, so that a clock that is
slightly behind has reached it too.
"""

import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bench.cases.failed import Failed, NotApplicable
from bench.cases.play import Play
from bench.messages import Message, parse_utc, utc_text

SMART = "SmartCharging"
MAXIMUM, DEFAULT, TX = "ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"
UNITS = "ChargingScheduleAllowedChargingRateUnit"
INSTALLED = "MaxChargingProfilesInstalled"
PERIODS = "ChargingScheduleMaxPeriods"
LEVEL = "ChargeProfileMaxStackLevel"
DAY_S, WEEK_S = 86400, 7 * 86400
# What the standard has for a profile that cannot be is told in two ways; the catalogue takes both.
IMPOSSIBLE = ("Rejected", "PropertyConstraintViolation")
_WORDS = {"A": "Current", "W": "Power"}
# Errata 3.44: of a schedule in fractions of a second the boundaries may be rounded either way.
_TOLERANCE_S = 1.05
_TENTH = 0.1001

Step = tuple[float, float | None]
Steps = Sequence[Step]
Profile = dict[str, Any]


@dataclass
class Composite:
    """`start`: scheduleStart, seconds since 1970; `steps`: startPeriod and limit, as told."""

    start: float
    unit: str
    steps: list[tuple[float, float]]
    message: Message

    def limit_at(self, second: float) -> float:
        return [limit for start, limit in self.steps if start <= second][-1]


class Charging:
    """`unit`: that of the profiles; `began`: seconds since 1970, whole."""

    def __init__(self, play: Play, units: tuple[str, ...]):
        self._play = play
        self.units = units
        self.unit = units[0]
        self._factor = 1 if self.unit == "A" else 1000
        self.began = int(time.time() - play.parameters.deviation_s)
        self._own: dict[tuple[int, str], float] = {}

    # --- what is set ----------------------------------------------------------------------------------------

    def when(self, seconds: float) -> str:
        return utc_text(datetime.fromtimestamp(self.began + seconds, UTC))

    def schedule(
        self,
        *periods: tuple[float, ...],
        start: float | None = 0,
        duration: int | None = None,
        unit: str | None = None,
    ) -> dict[str, Any]:
        """`periods`: start, limit, and the number of phases where it is to be said. `unit` given: the limits
        are in it, as they are.
        """
        factor = self._factor if unit is None else 1
        found: dict[str, Any] = {"chargingRateUnit": unit or self.unit}
        found["chargingSchedulePeriod"] = [
            {"startPeriod": int(begins), "limit": _short(limit * factor), **_phases(phases)}
            for begins, limit, *phases in periods
        ]
        if start is not None:
            found["startSchedule"] = self.when(start)
        if duration is not None:
            found["duration"] = duration
        return found

    def profile(
        self,
        number: int,
        purpose: str,
        *periods: tuple[float, ...],
        level: int = 0,
        kind: str = "Absolute",
        start: float | None = 0,
        duration: int | None = None,
        unit: str | None = None,
        **fields: Any,
    ) -> Profile:
        """`kind`: Daily and Weekly too. A TxProfile is for the transaction of the case, if there is one."""
        found: Profile = {
            "chargingProfileId": number,
            "stackLevel": level,
            "chargingProfilePurpose": purpose,
            "chargingProfileKind": kind,
        }
        if kind in ("Daily", "Weekly"):
            found |= {"chargingProfileKind": "Recurring", "recurrencyKind": kind}
        if purpose == TX and self._play.transaction:
            found["transactionId"] = self._play.transaction
        start = None if kind == "Relative" else start
        found["chargingSchedule"] = self.schedule(*periods, start=start, duration=duration, unit=unit)
        return {**found, **fields}

    async def put(
        self, profile: Profile, *statuses: str, connector: int | None = None, what: str = ""
    ) -> None:
        """SetChargingProfile, answered by one of these statuses, none: Accepted. `connector` None: 0 for a
        ChargePointMaxProfile, else the one under test. `what`: is wrong with it.
        """
        if connector is None:
            of_all = profile["chargingProfilePurpose"] == MAXIMUM
            connector = 0 if of_all else self._play.connector
        fields = {"connectorId": connector, "csChargingProfiles": profile}
        if not what:
            await self._play.ask("SetChargingProfile", *(statuses or ("Accepted",)), **fields)
            return
        answered = await self._play.call("SetChargingProfile", **fields)
        told = answered.error or answered.payload["status"]
        if told not in statuses:
            wanted = " or ".join(statuses)
            raise Failed(
                f"SetChargingProfile.conf {wanted}", str(answered.message), f"{what}, and it is {told}"
            )

    async def clear(self, *statuses: str, **criteria: Any) -> None:
        """ClearChargingProfile, answered by one of these statuses, none: Accepted."""
        await self._play.ask("ClearChargingProfile", *(statuses or ("Accepted",)), **criteria)

    async def are_there(self, numbers: Sequence[int], among: Sequence[int], after: str) -> None:
        """Of these profiles, and no others of `among`, the charge point knows; afterwards it knows none."""
        for number in among:
            told = (await self._play.call("ClearChargingProfile", id=number)).payload.get("status")
            wanted = "Accepted" if number in numbers else "Unknown"
            if told != wanted:
                must = "must be there" if number in numbers else "must be gone"
                raise Failed(
                    f"ClearChargingProfile.conf {wanted} of profile {number}",
                    str(told),
                    f"{after}, profile {number} {must}",
                )

    # --- what comes of it -----------------------------------------------------------------------------------

    async def own(self, connector: int | None = None, unit: str | None = None) -> float:
        """What the charge point says when no profile is there: the limit that it has itself."""
        number = self._play.connector if connector is None else connector
        unit = unit or self.unit
        told = await self.composite(60, number, unit)
        self._own[number, unit] = told.limit_at(0)
        return self._own[number, unit]

    async def composite(
        self, seconds: int, connector: int | None = None, unit: str | None = None
    ) -> Composite:
        """GetCompositeSchedule, accepted, as every answer must be. `unit` None: that of the profiles."""
        play = self._play
        number = play.connector if connector is None else connector
        unit = unit or self.unit
        fields = {"connectorId": number, "duration": seconds, "chargingRateUnit": unit}
        answered = await play.ask("GetCompositeSchedule", "Accepted", **fields)
        assert answered.message is not None
        return read(answered.message, seconds, number, unit, play.parameters.deviation_s)

    async def gives(
        self,
        seconds: int,
        *steps: Step,
        connector: int | None = None,
        unit: str | None = None,
        since: float | None = None,
    ) -> Composite:
        """The composite schedule of so many seconds from now. `steps`: from a second after `since` (None:
        `began`; seconds since 1970) on the limit; None, as before the first: the charge point's own, for
        which `own` has asked. `unit` given: the limits are in it.
        """
        factor = self._factor if unit is None else 1
        told = await self.composite(seconds, connector, unit)
        number = self._play.connector if connector is None else connector
        shift = (self.began if since is None else since) - told.start
        wanted = self._wanted(told.unit, number, factor, shift, steps)
        compare(told, wanted, seconds)
        return told

    async def from_its_start(self, seconds: int, *steps: Step) -> None:
        """The same, of a schedule whose seconds count from the beginning of the answer."""
        told = await self.composite(seconds)
        compare(told, self._wanted(told.unit, self._play.connector, self._factor, 0, steps), seconds)

    def _wanted(
        self, unit: str, connector: int, factor: float, shift: float, steps: Steps
    ) -> list[tuple[float, float]]:
        """Counted from the beginning of the answer."""
        own = self._own.get((connector, unit), self._rated(unit))
        limits = [(second, own if limit is None else min(limit * factor, own)) for second, limit in steps]
        return [(-math.inf, own), *((second + shift, limit) for second, limit in limits)]

    def _rated(self, unit: str) -> float:
        """As the description says; no limit where it says nothing."""
        found = self._play.claims.connectors[self._play.connector - 1]
        if unit != "A" or "rated_a" not in found:
            return math.inf
        return found["rated_a"]


async def ready(play: Play, installed: int = 1, periods: int = 1, level: int = 0) -> Charging:
    """The charge point takes so many profiles, of so many periods, up to this level; otherwise the case does
    not apply.
    """
    for key, needed in ((INSTALLED, installed), (PERIODS, periods), (LEVEL, level)):
        told = await number_of(play, key)
        if told < needed:
            raise NotApplicable(f"{key} is {told}")
    words = [word.strip() for word in (await play.configured(UNITS) or "").split(",")]
    units = tuple(unit for unit, word in _WORDS.items() if word in words)
    if not units:
        raise Failed(f"{UNITS}: Current, Power or both", ",".join(words), "nobody knows what it takes")
    return Charging(play, units)


async def number_of(play: Play, key: str) -> int:
    """The value of a required key that is a number."""
    told = await play.configured(key) or ""
    if not told.isdigit():
        raise Failed(f"{key}, a number", told or "no such key", "the key is required")
    return int(told)


def read(message: Message, seconds: int, connector: int, unit: str, deviation_s: float) -> Composite:
    """An accepted GetCompositeSchedule.conf. Failed: it is not what was asked for."""
    told = message.payload
    schedule = told.get("chargingSchedule", {})
    periods = schedule.get("chargingSchedulePeriod", [])
    starts = [period["startPeriod"] for period in periods]
    late_s = 0.0
    if "scheduleStart" in told:
        start = parse_utc(told["scheduleStart"])
        late_s = (start - message.at).total_seconds()
    wrong = None
    if told.get("connectorId") != connector:
        wrong = f"connectorId is {told.get('connectorId', 'missing')}, not {connector}"
    elif "scheduleStart" not in told:
        wrong = "scheduleStart is missing"
    elif abs(late_s) > deviation_s:
        wrong = f"scheduleStart is {late_s:+.1f} s off, and begins when it is asked for"
    elif schedule.get("chargingRateUnit") != unit:
        wrong = f"chargingRateUnit is {schedule.get('chargingRateUnit', 'missing')}, not {unit}"
    elif schedule.get("duration") != seconds:
        wrong = f"duration is {schedule.get('duration', 'missing')}, not {seconds}"
    elif not periods:
        wrong = "there is no period, and a limit there always is"
    elif starts[0] != 0 or any(later <= earlier for earlier, later in itertools.pairwise(starts)):
        wrong = f"the periods begin at {', '.join(map(str, starts))}: the first is 0, and they grow"
    elif starts[-1] >= max(seconds, 1):
        wrong = f"a period begins at {starts[-1]}, and the schedule ends at {seconds}"
    if wrong is not None:
        raise Failed(f"a composite schedule of {seconds} s of connector {connector}", str(message), wrong)
    steps = [(period["startPeriod"], period["limit"]) for period in periods]
    return Composite(start.timestamp(), unit, steps, message)


def compare(told: Composite, wanted: list[tuple[float, float]], seconds: int) -> None:
    """The limits are the same at every moment, but for those within the tolerance of a boundary."""
    starts = [start for start, _ in (*told.steps, *wanted)]
    bounds = sorted({0.0, float(seconds), *(start for start in starts if 0 < start < seconds)})
    for begin, end in itertools.pairwise(bounds):
        if end - begin <= _TOLERANCE_S and (begin, end) != (0, seconds):
            continue
        middle = (begin + end) / 2
        has, needs = told.limit_at(middle), [limit for start, limit in wanted if start <= middle][-1]
        if abs(has - needs) > max(_TENTH, needs / 100 if told.unit == "W" else 0):
            raise Failed(
                f"limits in {told.unit}: {_text(wanted, seconds)}",
                f"{_text(told.steps, seconds)}: {told.message}",
                f"at {middle:.0f} s it is {has:g} {told.unit}, not {needs:g}",
            )


def _text(steps: list[tuple[float, float]], seconds: int) -> str:
    """`0: 8, 50: 10`, from now on, neighbours that are equal as one."""
    found: list[tuple[float, float]] = []
    for start, limit in steps:
        if start >= max(seconds, 1):
            break
        if start <= 0:
            found = [(0, limit)]
        elif not found or found[-1][1] != limit:
            found.append((start, limit))
    return ", ".join(f"{start:.0f}: {limit:g}" for start, limit in found)


def _phases(phases: list[float]) -> dict[str, int]:
    return {"numberPhases": int(phases[0])} if phases else {}


def _short(limit: float) -> float:
    """The schemas want multiples of 0.1."""
    rounded = round(limit, 1)
    return int(rounded) if rounded == int(rounded) else rounded
