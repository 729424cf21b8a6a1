# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""As many charging profiles as a station takes, each as long as it takes one, of every kind, for `make
schedule-bench`: each counts for some hours of the day, and no two have a boundary at the same second.

The day of the maximum and that of the transaction part are cut into windows. Each profile has its boundaries
in one and says nothing in the others, but for the one of the lowest level, which goes on below the rest.
"""

import random
from datetime import UTC, datetime
from typing import Any

PERIODS = 32
DAY_S = 86400
# (purpose, connector, kind, unit, days before that its schedule began), in the order of their windows
_MAXIMA = (
    ("ChargePointMaxProfile", 0, "Absolute", "A", 0),
    ("ChargePointMaxProfile", 0, "Daily", "W", 3),
    ("ChargePointMaxProfile", 0, "Weekly", "A", 14),
    ("ChargePointMaxProfile", 0, "Absolute", "W", 0),
)
_TRANSACTION_PART = (
    ("TxProfile", 1, "Relative", "A", 0),
    ("TxProfile", 1, "Daily", "W", 5),
    ("TxDefaultProfile", 1, "Absolute", "W", 0),
    ("TxDefaultProfile", 1, "Weekly", "A", 7),
    ("TxDefaultProfile", 0, "Daily", "A", 30),
    ("TxDefaultProfile", 0, "Absolute", "W", 0),
)
COUNT = len(_MAXIMA) + len(_TRANSACTION_PART)


def payloads(now_s: int, chance: random.Random) -> list[dict[str, Any]]:
    """COUNT payloads of SetChargingProfile for the day that begins at the second `now_s` of UTC, when a
    transaction runs at connector 1."""
    found = []
    for rows, odd in ((_MAXIMA, 1), (_TRANSACTION_PART, 0)):
        width_s = DAY_S // len(rows)
        for place, row in enumerate(rows):
            begin_s = place * width_s
            seconds = chance.sample(range(begin_s + 2 + odd, begin_s + width_s, 2), PERIODS - 1)
            last = place == len(rows) - 1
            profile = _profile(row, now_s, begin_s, None if last else width_s, sorted(seconds), chance)
            profile["chargingProfileId"] = 100 + len(found)
            profile["stackLevel"] = 90 - 7 * place
            found.append({"connectorId": row[1], "csChargingProfiles": profile})
    return found


def _profile(
    row: tuple, now_s: int, begin_s: int, width_s: int | None, seconds: list[int], chance: random.Random
) -> dict[str, Any]:
    """`begin_s`, `width_s`: its window; None: without end, and begun the day before. `seconds`: its
    boundaries."""
    purpose, _, kind, unit, days = row
    origin_s = -DAY_S if width_s is None else begin_s
    schedule: dict[str, Any] = {
        "chargingRateUnit": unit,
        "minChargingRate": 6.0 if unit == "A" else 1380.0,
        "chargingSchedulePeriod": [
            _period(second - origin_s, unit, chance) for second in (origin_s, *seconds)
        ],
    }
    profile: dict[str, Any] = {
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind if kind in ("Absolute", "Relative") else "Recurring",
        "chargingSchedule": schedule,
    }
    if kind != "Relative":
        schedule["startSchedule"] = _text(now_s + origin_s - days * DAY_S)
    if kind in ("Daily", "Weekly"):
        profile["recurrencyKind"] = kind
    if kind == "Weekly":
        profile["validFrom"] = _text(now_s + begin_s)
        profile["validTo"] = _text(now_s + begin_s + (width_s or 0))
    elif width_s is not None:
        schedule["duration"] = width_s
    return profile


def _period(start_s: int, unit: str, chance: random.Random) -> dict[str, Any]:
    limit = chance.randrange(60, 320) / 10 if unit == "A" else float(chance.randrange(1380, 7360))
    return {"startPeriod": start_s, "limit": limit, "numberPhases": 1}


def _text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
