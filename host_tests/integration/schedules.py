# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Files for `python -m bench schedule`: those of the docs, and others."""

import copy
import json
from collections.abc import Iterator
from typing import Any

from bench.schedule.pages import EXAMPLES

NOW = "2026-11-21T08:00:00Z"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.json"))


def example(name: str) -> dict[str, Any]:
    return json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))


def payload(connector: int, number: int, periods: Any, **more: Any) -> dict[str, Any]:
    """A SetChargingProfile: a TxDefaultProfile of level 0 that begins NOW, unless `more` says otherwise; what
    belongs into chargingSchedule goes there. `periods`: pairs (startPeriod, limit)."""
    inner = ("duration", "startSchedule", "chargingRateUnit", "minChargingRate")
    schedule = {"startSchedule": NOW, "chargingRateUnit": "A"}
    schedule |= {key: value for key, value in more.items() if key in inner}
    profile = {
        "chargingProfileId": number,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        **{key: value for key, value in more.items() if key not in inner},
        "chargingSchedule": {
            **{key: value for key, value in schedule.items() if value is not None},
            "chargingSchedulePeriod": [{"startPeriod": start, "limit": limit} for start, limit in periods],
        },
    }
    return {"connectorId": connector, "csChargingProfiles": profile}


def mutants(document: Any, values: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """(where, document) with one thing in it replaced by one of `values`, or left out."""
    for path in _paths(document):
        for value in values:
            changed = copy.deepcopy(document)
            _owner(changed, path)[path[-1]] = value
            yield f"{path} = {value!r}", changed
        changed = copy.deepcopy(document)
        del _owner(changed, path)[path[-1]]
        yield f"{path} left out", changed


def _paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield (*before, key)
        yield from _paths(one, (*before, key))


def _owner(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        document = document[key]
    return document
