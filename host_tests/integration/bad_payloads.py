# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Every way in which one field of a Core request can be wrong, made from the official schemas of the `ocpp`
library, with the CALLERROR code that OCPP-J 1.6 (section 4.2.3) has for it."""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ocpp.v16

FORMATION = "FormationViolation"
PROPERTY = "PropertyConstraintViolation"
OCCURENCE = "OccurenceConstraintViolation"
TYPE = "TypeConstraintViolation"

_SCHEMAS = Path(ocpp.v16.__file__).parent / "schemas"

# Requests that the schemas allow, with every optional field: one fault at a time is put into them. Most would
# change something if they were carried out.
_PROFILE: dict[str, Any] = {
    "chargingProfileId": 1,
    "transactionId": 4711,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Recurring",
    "recurrencyKind": "Daily",
    "validFrom": "2026-11-20T10:00:00Z",
    "validTo": "2096-11-21T10:00:00Z",
    "chargingSchedule": {
        "duration": 600,
        "startSchedule": "2026-11-20T10:00:00Z",
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.5, "numberPhases": 3}],
        "minChargingRate": 6.0,
    },
}
WHOLE: dict[str, dict[str, Any]] = {
    "ChangeAvailability": {"connectorId": 0, "type": "Inoperative"},
    "ChangeConfiguration": {"key": "HeartbeatInterval", "value": "77"},
    "ClearCache": {},
    "DataTransfer": {"vendorId": "org.example", "messageId": "m", "data": "text"},
    "GetConfiguration": {"key": ["HeartbeatInterval", "NumberOfConnectors"]},
    "RemoteStartTransaction": {
        "connectorId": 1,
        "idTag": "04A1B2C3",
        "chargingProfile": _PROFILE,
    },
    "RemoteStopTransaction": {"transactionId": 1},
    "Reset": {"type": "Hard"},
    "UnlockConnector": {"connectorId": 1},
    "ClearChargingProfile": {
        "id": 9,
        "connectorId": 1,
        "chargingProfilePurpose": "TxDefaultProfile",
        "stackLevel": 9,
    },
    "GetCompositeSchedule": {"connectorId": 1, "duration": 60, "chargingRateUnit": "A"},
    "SetChargingProfile": {
        "connectorId": 1,
        "csChargingProfiles": {**_PROFILE, "chargingProfilePurpose": "TxDefaultProfile"},
    },
}

# The same of answers to the charge point's requests.
WHOLE_ANSWERS: dict[str, dict[str, Any]] = {
    "Authorize": {
        "idTagInfo": {"status": "Accepted", "parentIdTag": "P", "expiryDate": "2126-11-20T10:00:00Z"}
    },
    "BootNotification": {"status": "Accepted", "currentTime": "2026-11-20T10:00:00Z", "interval": 300},
    "DataTransfer": {"status": "Accepted", "data": "text"},
    "Heartbeat": {"currentTime": "2026-11-20T10:00:00Z"},
    "StartTransaction": {
        "transactionId": 4711,
        "idTagInfo": {"status": "Accepted", "parentIdTag": "P", "expiryDate": "2126-11-20T10:00:00Z"},
    },
    "StopTransaction": {
        "idTagInfo": {"status": "Accepted", "parentIdTag": "P", "expiryDate": "2126-11-20T10:00:00Z"}
    },
    "MeterValues": {},
    "StatusNotification": {},
}

# Of another type than the schema's, for each type of the schemas.
_OTHER_TYPES: dict[str, list[Any]] = {
    "string": [5, 0, -1.5, True, None, [], {}, ["text"], {"a": "text"}],
    "integer": ["1", "", 1.5, True, False, None, [], {}, [1], 1.0, 1e3],
    "number": ["16", "", True, None, [], {}, [16]],
    "object": ["text", "", 5, True, None, [], [{}]],
    "array": ["text", 5, True, None, {}, {"0": "HeartbeatInterval"}],
}
_TOO_LARGE = [2**31, -(2**31) - 1, 2**53, 10**18, -(10**18), 10**30]
_NO_DATES = ["", "yesterday", "20.11.2026 10:00", "2026-11-20", "10:00:00", "2026/11/20T10:00:00Z"]
_NO_TENTHS = [16.55, 0.01, -3.333]


@dataclass(frozen=True)
class Case:
    action: str
    fault: str
    payload: Any
    code: str
    by_schema: bool = True  # False: the schemas say nothing of it, the standard's text does
    tolerable: bool = False  # a field too many, or null for no field: overlooked in an answer

    def __str__(self) -> str:
        return f"{self.action}: {self.fault}"


def cases() -> Iterator[Case]:
    """One wrong thing at a time, in every field of every request."""
    for action, whole in WHOLE.items():
        yield from _in_message(action, whole, action)


def wrong_answers(action: str) -> list[Any]:
    """Payloads that are no answer to this request of the charge point.

    Being strict where it helps nobody is not meant: a number beyond 32 bits, a date that nobody can read.
    """
    return [
        case.payload
        for case in _in_message(action, WHOLE_ANSWERS[action], action + "Response")
        if case.by_schema and not case.tolerable
    ]


def _in_message(action: str, whole: Any, name: str) -> Iterator[Case]:
    schema = json.loads((_SCHEMAS / f"{name}.json").read_text("utf-8-sig"))
    for payload in (None, [], [whole], "text", "", 5, True, 1.5):
        yield Case(action, f"payload {payload!r:.40}", payload, FORMATION)
    yield from _in_object(action, whole, schema, ())


def _in_object(action: str, whole: Any, schema: dict[str, Any], path: tuple[Any, ...]) -> Iterator[Case]:
    required = schema.get("required", [])
    assert schema.get("additionalProperties") is False, (action, path)
    for extra in ("extra", "", "customData", "Ä"):
        yield replace(_changed(action, whole, (*path, extra), "text", FORMATION), tolerable=True)
    for name, rule in schema["properties"].items():
        here = (*path, name)
        if name in required:
            yield _missing(action, whole, here)
        for case in _in_field(action, whole, rule, here):
            null = case.fault == f"{_name(here)} = null"
            yield replace(case, tolerable=True) if null and name not in required else case


def _in_field(action: str, whole: Any, rule: dict[str, Any], path: tuple[Any, ...]) -> Iterator[Case]:
    kind = rule["type"]
    for value in _OTHER_TYPES[kind]:
        yield _changed(action, whole, path, value, TYPE)
    if kind == "object":
        yield from _in_object(action, whole, rule, path)
    elif kind == "array":
        if rule.get("minItems"):
            yield _changed(action, whole, path, [], OCCURENCE)
        yield from _in_field(action, whole, rule["items"], (*path, 0))
    elif "enum" in rule:
        first = rule["enum"][0]
        for value in ("", first.lower(), first + " ", first + "x", "x" * 600):
            yield _changed(action, whole, path, value, PROPERTY)
    elif kind == "string":
        # The library does not look at "format": "date-time".
        for value in _no_strings(rule):
            yield replace(_changed(action, whole, path, value, PROPERTY), by_schema="maxLength" in rule)
    elif kind == "integer" and path[-1] != "transactionId":  # the CSMS's own; some have more than 32 bits
        for value in _TOO_LARGE:  # OCPP 1.6 section 6: 32 bit
            yield replace(_changed(action, whole, path, value, PROPERTY), by_schema=False)
    elif rule.get("multipleOf") == 0.1:
        for value in _NO_TENTHS:
            yield _changed(action, whole, path, value, PROPERTY)


def _no_strings(rule: dict[str, Any]) -> list[str]:
    if rule.get("format") == "date-time":
        return _NO_DATES
    longest = rule.get("maxLength")
    if longest is None:
        return []
    return ["x" * (longest + 1), "ä" * (longest + 1), "x" * (4 * longest), "\U0001f50c" * (longest + 1)]


def _changed(action: str, whole: Any, path: tuple[Any, ...], value: Any, code: str) -> Case:
    payload = copy.deepcopy(whole)
    _inside(payload, path)[path[-1]] = value
    text = json.dumps(value)
    return Case(action, f"{_name(path)} = {text if len(text) < 50 else text[:47] + '...'}", payload, code)


def _missing(action: str, whole: Any, path: tuple[Any, ...]) -> Case:
    payload = copy.deepcopy(whole)
    del _inside(payload, path)[path[-1]]
    return Case(action, f"{_name(path)} missing", payload, OCCURENCE)


def _inside(payload: Any, path: tuple[Any, ...]) -> Any:
    for step in path[:-1]:
        payload = payload[step]
    return payload


def _name(path: tuple[Any, ...]) -> str:
    return ".".join(str(step) for step in path) or "payload"
