# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A file for `python -m bench schedule`: a station, a moment, and what its CSMS has sent.

    {"station": {...} or "generic_socket", "now": "2026-11-21T08:00:00Z", "connector": 1, "duration": 86400,
     "unit": "A", "local_a": 20, "transaction": {"connector": 1, "id": 7, "begun": "2026-11-21T07:50:00Z"},
     "profiles": [{"connectorId": 0, "csChargingProfiles": {...}}, ...]}

`profiles` is all that must be there; a list alone is taken for it. They are payloads of SetChargingProfile,
in the order in which they came, and are taken in by the firmware: what it would not accept is an error here.

station      a station file, or the name of one in boards/sim; "generic_socket" when left out
now          when they were set; when left out, the earliest startSchedule
connector    1 when left out; 0: the whole station
duration     seconds; a day when left out
unit         "A" or "W"; when left out as GetCompositeSchedule has it
local_a      a limit of somebody at the site, amperes for each phase; the rating counts anyhow
transaction  one that runs, or a list of such; `id` is the CSMS's, `begun` is now when left out
clear        a list of ClearChargingProfile payloads that came after the profiles; none when left out
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.charger import station_file
from bench.schedule import taken_in
from station import timestamp
from station.charging_profile import ChargingProfile
from station.composite import Place
from station.description import Description, DescriptionError

DAY_S = 86400
_LONGEST_S = 31 * DAY_S  # nobody reads a chart of more, and each day has its steps
_STATION = "generic_socket"
_KEYS = ("station", "now", "connector", "duration", "unit", "local_a", "transaction", "profiles", "clear")
_TRANSACTION_KEYS = ("connector", "id", "begun")


class Wrong(ValueError):
    """The text says in one line what is wrong with the file, and where."""


@dataclass(frozen=True)
class Situation:
    """`now_s`: the second of UTC in which the profiles were set; `begin_s`: at which the interval begins."""

    station: str
    places: tuple[Place, ...]
    connector: int
    now_s: int
    begin_s: int
    duration_s: int
    unit: str
    profiles: tuple[ChargingProfile, ...]
    payloads: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Wishes:
    """What the command line says in place of the file."""

    connector: int | None = None
    begin: str | None = None
    duration_s: int | None = None
    unit: str | None = None


def read(path: Path, wishes: Wishes = Wishes()) -> Situation:
    try:
        document = json.loads(path.read_text("utf-8"), parse_float=_finite, parse_constant=_finite)
    except OSError as error:
        raise Wrong(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:  # of the bytes, of the JSON, of numbers of 5,000 digits
        raise Wrong(f"{path}: no JSON: {error}") from None
    try:
        return situation(document, wishes)
    except Wrong as error:
        raise Wrong(f"{path}: {error}") from None


def situation(document: Any, wishes: Wishes = Wishes()) -> Situation:
    """Of the JSON of a file. Raises Wrong."""
    if isinstance(document, list):
        document = {"profiles": document}
    if not isinstance(document, dict):
        raise Wrong("an object is needed, or a list of SetChargingProfile payloads")
    _only(document, _KEYS, "")
    payloads = _payloads(document)
    description = _description(document.get("station", _STATION))
    begin_s = None if wishes.begin is None else _second(wishes.begin, "--from")
    now_s = _now(document, payloads, begin_s)
    places = _places(description, document)
    number = _connector(
        document.get("connector", 1) if wishes.connector is None else wishes.connector, places
    )
    _run(document, places, now_s)
    installed = _installed(
        document, description, now_s, {place.number: place.transaction for place in places}
    )
    unit = document.get("unit") if wishes.unit is None else wishes.unit
    if unit is None:
        unit = installed.unit(number)
    elif unit not in ("A", "W"):
        raise Wrong(f'unit: "A" or "W" is needed, not {_told(unit)}')
    return Situation(
        station=_printable(description.name),
        places=tuple(places),
        connector=number,
        now_s=now_s,
        begin_s=now_s if begin_s is None else begin_s,
        duration_s=_duration(
            document.get("duration", DAY_S) if wishes.duration_s is None else wishes.duration_s
        ),
        unit=unit,
        profiles=tuple(installed.profiles),
        payloads=tuple(payloads),
    )


def _installed(
    document: dict[str, Any], description: Description, now_s: int, running: dict[int, int | None]
) -> taken_in.Installed:
    """What is there after all that the CSMS has sent."""
    clears = document.get("clear", [])
    if not isinstance(clears, list) or not all(isinstance(one, dict) for one in clears):
        raise Wrong(f"clear: a list of ClearChargingProfile payloads is needed, not {_told(clears)}")
    where = "station"
    try:
        found = taken_in.Installed(description, now_s, running)
        for at, payload in enumerate(document["profiles"]):
            where = _which(at, payload)
            found.take(payload)
        for at, payload in enumerate(clears):
            where = f"clear[{at}]"
            found.clear(payload)
    except taken_in.NotTaken as error:
        raise Wrong(f"{where}: {error}") from None
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number of JSON")
    return number


def _payloads(document: dict[str, Any]) -> list[dict[str, Any]]:
    if "profiles" not in document:
        raise Wrong("profiles: missing")
    payloads = document["profiles"]
    if not isinstance(payloads, list):
        raise Wrong(f"profiles: a list is needed, not {_told(payloads)}")
    for at, payload in enumerate(payloads):
        if not isinstance(payload, dict):
            raise Wrong(f"profiles[{at}]: a payload of SetChargingProfile is needed, not {_told(payload)}")
    return payloads


def _which(at: int, payload: dict[str, Any]) -> str:
    profile = payload.get("csChargingProfiles")
    number = profile.get("chargingProfileId") if isinstance(profile, dict) else None
    return f"profiles[{at}]" + (f" (chargingProfileId {number})" if isinstance(number, int) else "")


def _description(station: Any) -> Description:
    if isinstance(station, str):
        try:
            station = json.loads(station_file(station).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise Wrong(f"station: {error}") from None
    try:
        return Description(station)
    except DescriptionError as error:
        raise Wrong(f"station: {error}") from None


def _now(document: dict[str, Any], payloads: list[dict[str, Any]], begin_s: int | None) -> int:
    if "now" in document:
        return _second(document["now"], "now")
    if begin_s is not None:
        return begin_s
    starts = []
    for payload in payloads:
        profile = payload.get("csChargingProfiles")
        schedule = profile.get("chargingSchedule") if isinstance(profile, dict) else None
        start = schedule.get("startSchedule") if isinstance(schedule, dict) else None
        if isinstance(start, str):
            try:
                starts.append(timestamp.parse(start) // 1000)
            except ValueError:
                pass  # the firmware says so, and where
    if not starts:
        raise Wrong(
            'now: missing, and no startSchedule says when this is; "now": "2026-11-21T08:00:00Z", or --from'
        )
    return min(starts)


def _second(text: Any, where: str) -> int:
    if not isinstance(text, str):
        raise Wrong(f"{where}: a date-time is needed, not {_told(text)}")
    try:
        return timestamp.parse(text) // 1000
    except ValueError as error:
        raise Wrong(f"{where}: {error}") from None


def _places(description: Description, document: dict[str, Any]) -> list[Place]:
    local = document.get("local_a")
    if local is not None and (
        isinstance(local, bool) or not isinstance(local, int | float) or not 0 <= local < 10000
    ):
        raise Wrong(f"local_a: amperes are needed, not {_told(local)}")
    places = taken_in.places(description)
    for place in places:
        if local is not None:
            place.local_da = min(place.local_da, int(local * 10 + 1e-6))
    return places


def _connector(number: Any, places: list[Place]) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= len(places):
        raise Wrong(f"connector: the station has 1 to {len(places)}, and 0 is all of it; not {_told(number)}")
    return number


def _run(document: dict[str, Any], places: list[Place], now_s: int) -> None:
    """The transactions that run."""
    given = document.get("transaction", [])
    for at, one in enumerate(given if isinstance(given, list) else [given]):
        where = f"transaction[{at}]" if isinstance(given, list) else "transaction"
        if not isinstance(one, dict):
            raise Wrong(f"{where}: an object is needed, not {_told(one)}")
        _only(one, _TRANSACTION_KEYS, where + ".")
        number = one.get("connector", 1)
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= len(places):
            raise Wrong(f"{where}.connector: the station has 1 to {len(places)}, not {_told(number)}")
        place = places[number - 1]
        if place.transaction is not None:
            raise Wrong(f"{where}: another one runs on connector {number}")
        if isinstance(one.get("id"), bool) or not isinstance(one.get("id"), int):
            raise Wrong(f"{where}.id: the transactionId is needed, not {_told(one.get('id'))}")
        place.transaction = one["id"]
        place.begun_s = _second(one["begun"], f"{where}.begun") if "begun" in one else now_s
        if place.begun_s > now_s:
            raise Wrong(f"{where}.begun: {one['begun']} is later than now")


def _printable(text: str) -> str:
    """In one line."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _duration(seconds: Any) -> int:
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 1 <= seconds <= _LONGEST_S:
        raise Wrong(f"duration: 1 to {_LONGEST_S} seconds are needed, not {_told(seconds)}")
    return seconds


def _only(document: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in document:
        if key not in known:
            raise Wrong(f"{where}{key}: no such key; known: {', '.join(known)}")


def _told(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."
