# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Which charging profiles the CSMS of a soak sets, replaces and clears, and when it asks for the composite
schedule; decided by the random numbers that it is given. Pure.

A profile has one period, so that it is plain what has to come of it; some begin or end after a few seconds.
There are nine places, and nine numbers for them: a station of ten has room for all, and one that is set
replaces the one in its place, the one with its number, or both.
"""

import random
from dataclasses import dataclass
from typing import Any

MAXIMUM, DEFAULT, TX = "ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"
SET, CLEAR, ASK = "SetChargingProfile", "ClearChargingProfile", "GetCompositeSchedule"

# (purpose, connector, stackLevel), and how often. Most of the time no transaction runs for a TxProfile.
_PLACES = (
    ((MAXIMUM, 0, 0), 3),
    ((MAXIMUM, 0, 1), 2),
    ((DEFAULT, 0, 0), 3),
    ((DEFAULT, 1, 0), 2),
    ((DEFAULT, 2, 0), 2),
    ((DEFAULT, 1, 1), 2),
    ((DEFAULT, 2, 1), 2),
    ((TX, 1, 0), 10),
    ((TX, 2, 0), 10),
)
NUMBERS = len(_PLACES)
# What the profiles say is below all that the stations and their cables could do, see `soak_charging`.
MOST_A = 15
_LEAST_A = 6
_PAUSES_A = (0, 5)  # of a TxProfile, seldom: who comes next may charge


@dataclass(frozen=True)
class Charging:
    """`begins_s`, `ends_s`: validFrom and validTo, so long after it is sent. `of`: the connector whose
    transaction a TxProfile is for; where none runs there, that of the other one, where none runs at all it is
    not sent. `asks`: for which composite schedules the CSMS asks afterwards.
    """

    after_s: float
    action: str
    payload: dict[str, Any]
    of: int | None = None
    begins_s: int | None = None
    ends_s: int | None = None
    asks: tuple[dict[str, Any], ...] = ()


def charging(rng: random.Random, after_s: float, volts_in_all: int) -> Charging:
    """The next. `volts_in_all`: what one A on all phases has in W."""
    chance = rng.random()
    if chance < 0.5:
        return _set(rng, after_s, volts_in_all)
    if chance < 0.65:
        return Charging(after_s, CLEAR, _criteria(rng), asks=(ask(rng),))
    return Charging(after_s, ASK, ask(rng))


def ask(rng: random.Random, connector: int | None = None) -> dict[str, Any]:
    """Of that connector for long, or of any."""
    payload: dict[str, Any] = {"connectorId": connector or rng.randrange(3)}
    payload["duration"] = rng.choice((0, 1, 10, 30, 60) if connector is None else (40, 60))
    unit = rng.choice((None, "A", "W"))
    return payload if unit is None else {**payload, "chargingRateUnit": unit}


def profile(
    number: int, place: tuple[str, int, int], limit: float, unit: str = "A", **more: Any
) -> dict[str, Any]:
    """As csChargingProfiles."""
    schedule = {"chargingRateUnit": unit, "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    return {
        "chargingProfileId": number,
        "stackLevel": place[2],
        "chargingProfilePurpose": place[0],
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
        **more,
    }


def _set(rng: random.Random, after_s: float, volts_in_all: int) -> Charging:
    place = rng.choices([row[0] for row in _PLACES], [row[1] for row in _PLACES])[0]
    own = _PLACES.index(next(row for row in _PLACES if row[0] == place)) + 1
    number = own if rng.random() < 0.6 else rng.randint(1, NUMBERS)
    limit_a = rng.randint(2 * _LEAST_A, 2 * MOST_A) / 2
    if place[0] == TX and rng.random() < 0.08:
        limit_a = rng.choice(_PAUSES_A)
    watts = rng.random() < 0.25
    given = profile(number, place, round(limit_a * volts_in_all) if watts else limit_a, "W" if watts else "A")
    begins_s = rng.randint(1, 4) if rng.random() < 0.12 else None
    ends_s = rng.randint(6, 25) if rng.random() < 0.25 else None
    asks = ask(rng, place[1]), *((ask(rng),) if rng.random() < 0.3 else ())
    of = place[1] if place[0] == TX else None
    payload = {"connectorId": place[1], "csChargingProfiles": given}
    return Charging(after_s, SET, payload, of, begins_s, ends_s, asks)


def _criteria(rng: random.Random) -> dict[str, Any]:
    place = rng.choice(_PLACES)[0]
    kind = rng.choices(("id", "place", "purpose", "connector", "all"), (5, 3, 1, 1, 1))[0]
    if kind == "id":
        return {"id": rng.randint(1, NUMBERS)}
    if kind == "place":
        return {"chargingProfilePurpose": place[0], "connectorId": place[1], "stackLevel": place[2]}
    if kind == "purpose":
        return {"chargingProfilePurpose": place[0]}
    return {"connectorId": place[1]} if kind == "connector" else {}
