# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the CSMS of a soak asks of a charger beside its sessions, decided from the seed alone: updates of the
local authorization list, messages that it wants to be told, and what `bench.soak_profiles` has. Pure.

Of the tags that only the list knows (`soak_plan.listed_tag`) the first four are Accepted in every list, the
next two Blocked; the others change. All the rest of a list are tags that never come.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from bench.soak_plan import LISTED, Trouble, listed_tag, parent_of
from bench.soak_profiles import Charging, charging

_ACCEPTED, _BLOCKED = 4, 6  # of LISTED: below the first always Accepted, below the second always Blocked
_FILLERS = 800  # with LISTED of both connectors below LocalAuthListMaxLength
_MOST_S = 4
UPDATE = "update"  # the phase of such trouble

# (least, most) entries, and how often. "Large" is what does not fit into the receive buffer.
_FULL = (((0, 0), 1), ((10, 40), 9), ((150, 300), 6), ((400, 600), 3))
_DIFFERENTIAL = (((1, 5), 6), ((20, 60), 3), ((100, 200), 1))
_MESSAGES = (("StatusNotification", 4), ("MeterValues", 5), ("Heartbeat", 2), ("BootNotification", 1))
_PLACES = {"StatusNotification": (None, 0, 1, 2), "MeterValues": (None, 1, 2)}


@dataclass(frozen=True)
class Update:
    """SendLocalList. `asks`: the CSMS asks for the version afterwards. `trouble`: in the middle of it."""

    after_s: float
    version: int
    full: bool
    entries: tuple[dict[str, Any], ...]
    asks: bool
    trouble: Trouble | None = None

    def payload(self) -> dict[str, Any]:
        return {
            "listVersion": self.version,
            "updateType": "Full" if self.full else "Differential",
            "localAuthorizationList": list(self.entries),
        }


@dataclass(frozen=True)
class Trigger:
    after_s: float
    message: str
    connector: int | None

    def payload(self) -> dict[str, Any]:
        place = {} if self.connector is None else {"connectorId": self.connector}
        return {"requestedMessage": self.message, **place}


def first_list(seed: int, charger: int) -> Update:
    """Installed before the first driver comes."""
    return _update(random.Random(f"{seed} first list {charger}"), charger, 1, (150, 300), True)


def calls(
    seed: int, charger: int, steady: bool, volts_in_all: int = 690
) -> Iterator[Update | Trigger | Charging]:
    """Without end, each so long after the one before it. `steady`: this charger is never restarted;
    `volts_in_all`: of its supply, see `charging`.
    """
    rng = random.Random(f"{seed} calls {charger}")
    version = 1
    while True:
        chance = rng.random()
        if chance < 0.5:
            yield charging(rng, _pause_s(rng), volts_in_all)
            continue
        if chance < 0.8:
            yield _trigger(rng)
            continue
        version += 1
        full = rng.random() < 0.4
        size = _one(rng, _FULL if full else _DIFFERENTIAL)
        trouble = _trouble(rng, steady) if rng.random() < 0.2 else None
        yield replace(_update(rng, charger, version, size, full), trouble=trouble)


def _one(rng: random.Random, table: tuple[tuple[Any, int], ...]) -> Any:
    return rng.choices([row[0] for row in table], [row[1] for row in table])[0]


def _pause_s(rng: random.Random) -> float:
    return round(rng.uniform(0.2, _MOST_S), 2)


def _trouble(rng: random.Random, steady: bool) -> Trouble:
    """While it comes in, while it is sorted, when it has just been told."""
    kind = "cut" if steady else rng.choice(("cut", "kill", "kill"))
    span_s = round(rng.uniform(0, 0.5), 2)
    return Trouble(kind, UPDATE, round(rng.uniform(0, 0.4), 3), span_s)


def _trigger(rng: random.Random) -> Trigger:
    message = _one(rng, _MESSAGES)
    return Trigger(_pause_s(rng), message, rng.choice(_PLACES.get(message, (None,))))


def _update(rng: random.Random, charger: int, version: int, size: tuple[int, int], full: bool) -> Update:
    tags = [(connector, number) for connector in (1, 2) for number in range(LISTED)]
    if not full:
        tags = rng.sample(tags, rng.randint(0, 4))
    elif size == (0, 0):
        tags = []
    fillers = rng.sample(range(_FILLERS), rng.randint(*size))
    listed = [_listed(rng, charger, *tag, full) for tag in tags]
    entries = [entry for entry in listed if entry is not None]
    entries += [
        _entry(f"F{charger:02X}{number:04d}", _status(rng, full), rng.random() < 0.2) for number in fillers
    ]
    rng.shuffle(entries)
    wrong = rng.random()
    if wrong < 0.06 and entries and version > 1:
        entries.append({**entries[0], "idTag": entries[0]["idTag"].lower()})  # a tag twice
    elif wrong < 0.12 and not full:
        version = 1  # long over
    return Update(_pause_s(rng), version, full, tuple(entries), rng.random() < 0.5)


def _status(rng: random.Random, full: bool) -> str | None:
    """None: in a Differential update the tag is deleted."""
    return rng.choices(("Accepted", "Blocked", "Expired", None), (6, 2, 1, 0 if full else 2))[0]


def _listed(
    rng: random.Random, charger: int, connector: int, number: int, full: bool
) -> dict[str, Any] | None:
    tag = listed_tag(charger, connector, number)
    if number < _BLOCKED:
        return _entry(tag, "Accepted" if number < _ACCEPTED else "Blocked", rng.random() < 0.3)
    status = rng.choices(("Accepted", "Blocked", None), (6, 2, 2))[0]
    return None if full and status is None else _entry(tag, status, rng.random() < 0.3)


def _entry(tag: str, status: str | None, expires: bool) -> dict[str, Any]:
    if status is None:
        return {"idTag": tag}
    info = {"status": status}
    parent = None if tag.startswith("F") else parent_of(tag)
    if parent is not None:
        info["parentIdTag"] = parent
    if expires:
        info["expiryDate"] = "2040-01-01T00:00:00Z"
    return {"idTag": tag, "idTagInfo": info}
