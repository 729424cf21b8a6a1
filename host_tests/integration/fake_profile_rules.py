# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Which charging profiles the fake charge point refuses: rule -> whether a profile breaks it. For each rule
there is a defect, `takes-` and its name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from host_tests.integration.fake_composite import Installed

_MAXIMUM, _TX = "ChargePointMaxProfile", "TxProfile"


@dataclass(frozen=True)
class Bounds:
    """What the charge point is, now. `running`: the number of the transaction on that connector, if any."""

    levels: int
    periods: int
    units: str
    running: int | None
    now: float


def _periods(profile: Installed) -> list[dict[str, Any]]:
    return profile.schedule["chargingSchedulePeriod"]


def _starts(profile: Installed) -> list[int]:
    return [period["startPeriod"] for period in _periods(profile)]


def _kind(profile: Installed) -> str:
    return profile.fields["chargingProfileKind"]


def _phases(profile: Installed) -> list[int]:
    return [period.get("numberPhases", 3) for period in _periods(profile)]


def _validity(profile: Installed) -> tuple[float, float]:
    begins, ends = profile.seconds("validFrom"), profile.seconds("validTo")
    return (0 if begins is None else begins, 1e12 if ends is None else ends)


def _foreign(profile: Installed, bounds: Bounds) -> bool:
    number = profile.fields.get("transactionId", bounds.running)
    return profile.purpose == _TX and bounds.running is not None and number != bounds.running


Breaks = Callable[[Installed, Bounds], bool]

# Where there can be none: the standard leaves open how that is told.
PLACES: dict[str, Breaks] = {
    "unknown-connectors": lambda profile, _: profile.connector > 2,
    "negative-connectors": lambda profile, _: profile.connector < 0,
    "maxima-of-connectors": lambda profile, _: profile.purpose == _MAXIMUM and profile.connector != 0,
    "transactions-of-0": lambda profile, _: profile.purpose == _TX and profile.connector == 0,
}
TRANSACTIONS: dict[str, Breaks] = {
    "profiles-without-transaction": lambda profile, bounds: (
        profile.purpose == _TX and profile.connector > 0 and bounds.running is None
    ),
    "profiles-of-other-transactions": _foreign,
}
# What the station description limits.
LIMITS: dict[str, Breaks] = {
    "any-level": lambda profile, bounds: profile.level > bounds.levels,
    "long-schedules": lambda profile, bounds: len(_periods(profile)) > bounds.periods,
    "any-unit": lambda profile, bounds: (
        {"A": "Current", "W": "Power"}[profile.schedule["chargingRateUnit"]] not in bounds.units.split(",")
    ),
}
SCHEDULES: dict[str, Breaks] = {
    "empty-schedules": lambda profile, _: not _periods(profile),
    "late-schedules": lambda profile, _: _starts(profile)[:1] not in ([], [0]),
    "periods-at-once": lambda profile, _: any(a == b for a, b in pairwise(_starts(profile))),
    "periods-in-any-order": lambda profile, _: any(a > b for a, b in pairwise(_starts(profile))),
    "negative-limits": lambda profile, _: any(period["limit"] < 0 for period in _periods(profile)),
    "negative-rates": lambda profile, _: profile.schedule.get("minChargingRate", 0) < 0,
    "no-phases": lambda profile, _: min(_phases(profile), default=1) < 1,
    "four-phases": lambda profile, _: max(_phases(profile), default=1) > 3,
    "no-duration": lambda profile, _: profile.schedule.get("duration") == 0,
    "negative-durations": lambda profile, _: profile.schedule.get("duration", 1) < 0,
    "negative-levels": lambda profile, _: profile.level < 0,
    "nameless-recurrences": lambda profile, _: (
        _kind(profile) == "Recurring" and "recurrencyKind" not in profile.fields
    ),
    "recurrences-of-no-time": lambda profile, _: (
        _kind(profile) == "Recurring" and "startSchedule" not in profile.schedule
    ),
    "relative-starts": lambda profile, _: (
        _kind(profile) == "Relative" and "startSchedule" in profile.schedule
    ),
}
TIMES: dict[str, Breaks] = {
    "twisted-validity": lambda profile, _: _validity(profile)[0] > _validity(profile)[1],
    "empty-validity": lambda profile, _: _validity(profile)[0] == _validity(profile)[1],
    "what-is-over": lambda profile, bounds: _validity(profile)[1] <= bounds.now,
    "relative-maxima": lambda profile, _: (
        profile.purpose == _MAXIMUM and _kind(profile) == "Relative" and len(_periods(profile)) > 1
    ),
}
RULES = PLACES | TRANSACTIONS | LIMITS | SCHEDULES | TIMES
