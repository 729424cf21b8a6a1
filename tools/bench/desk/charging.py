# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Charging schedules and profiles as a person writes them: `16A`, or `0:16A 600:8A/1 3600:0A`.

Each word is a period: the second at which it starts (0 when left out), the limit in A or W, after a stroke
the number of phases.
"""

import re
from typing import Any

from bench.desk.commands import Mistake

Payload = dict[str, Any]

PURPOSES = {"max": "ChargePointMaxProfile", "default": "TxDefaultProfile", "tx": "TxProfile"}

_PERIOD = re.compile(r"(?:(\d+):)?(\d+(?:\.\d)?)([AaWw])(?:/([123]))?")


def is_period(word: str) -> bool:
    return _PERIOD.fullmatch(word) is not None


def charging_schedule(words: list[str]) -> Payload:
    """A chargingSchedule of these periods."""
    periods: list[Payload] = []
    units = set()
    for word in words:
        match = _PERIOD.fullmatch(word)
        if match is None:
            raise Mistake(f"a limit is written 16A, 7400W or 600:8A/1, not {word!r}")
        start, limit, unit, phases = match.groups()
        number = float(limit)
        period: Payload = {
            "startPeriod": int(start or 0),
            "limit": int(number) if number.is_integer() else number,
        }
        if phases:
            period["numberPhases"] = int(phases)
        periods.append(period)
        units.add(unit.upper())
    starts = [period["startPeriod"] for period in periods]
    if not periods:
        raise Mistake("a limit is missing, e.g. 16A, or 0:16A 600:8A")
    if len(units) > 1:
        raise Mistake("a schedule is in A or in W, not in both")
    if starts[0] != 0 or starts != sorted(set(starts)):
        raise Mistake("the first period of a schedule starts at 0, and each later than the one before")
    return {"chargingRateUnit": units.pop(), "chargingSchedulePeriod": periods}


def tx_profile(number: int, schedule: Payload, level: int = 0) -> Payload:
    """A profile for one transaction, which begins with it."""
    return {
        "chargingProfileId": number,
        "stackLevel": level,
        "chargingProfilePurpose": PURPOSES["tx"],
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule,
    }
