# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One OCPP-J message as the bench remembers it, and the check against the official schemas.

Framing (OCPP-J 1.6, section 4) and schemas are those of the `ocpp` library; here is only the record.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ocpp.exceptions import OCPPError
from ocpp.messages import Call, CallError, CallResult, MessageType, get_validator, unpack
from ocpp.v16.enums import Action

FROM_STATION = "in"
TO_STATION = "out"

_ACTIONS = frozenset(str(action.value) for action in Action)
# Their schemas ask for multiples of 0.1, which binary floats cannot satisfy (python-jsonschema issue 247).
_DECIMAL = {
    (MessageType.Call, "SetChargingProfile"),
    (MessageType.Call, "RemoteStartTransaction"),
    (MessageType.CallResult, "GetCompositeSchedule"),
}


def utc_text(moment: datetime | None = None) -> str:
    """`2026-11-20T10:09:22.123Z`: what a CSMS of the field sends, milliseconds included."""
    moment = moment or datetime.now(UTC)
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_utc(text: str) -> datetime:
    """A timestamp of a message as an aware datetime. ValueError when it is none."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass
class Message:
    """One frame. `direction` is seen from the CSMS: "in" came from the charge point, "out" went to it."""

    direction: str
    kind: str  # "call", "result", "error" or "garbage" (no OCPP-J message at all)
    raw: str | bytes
    id: str = ""
    action: str = ""  # of answers too, when the question is known
    payload: dict[str, Any] = field(default_factory=dict)
    error_code: str = ""
    error_description: str = ""
    violation: str | None = None  # what the official schema has against it
    answered: bool = False  # a CALL of ours: the charge point has answered it
    question: "Message | None" = None  # of an answer: the CALL it answers
    index: int = -1  # position in the station's log
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    monotonic_s: float = field(default_factory=lambda: time.monotonic())  # noqa: PLW0108 (tests have clocks of their own)

    def __str__(self) -> str:
        arrow = "->" if self.direction == FROM_STATION else "<-"
        body = self.error_code if self.kind == "error" else json.dumps(self.payload)
        if self.kind == "garbage":
            body = repr(self.raw)
        answer = "" if self.kind == "call" else " " + self.kind
        return (
            f"{self.at:%H:%M:%S}.{self.at.microsecond // 1000:03d} {arrow} {self.action}{answer} {body[:160]}"
        )


def violation(kind: str, action: str, payload: Any) -> str | None:
    """What the official OCPP 1.6 schema objects to, in one sentence; None when the payload is right."""
    if action not in _ACTIONS:
        return f"OCPP 1.6 has no action {action!r}"
    type_id = MessageType.Call if kind == "call" else MessageType.CallResult
    decimal = (type_id, action) in _DECIMAL
    validator = get_validator(type_id, action, "1.6", parse_float=Decimal if decimal else float)
    if decimal:
        payload = json.loads(json.dumps(payload), parse_float=Decimal)
    for error in validator.iter_errors(payload):
        where = ".".join(str(step) for step in error.absolute_path)
        return f"{action} {kind}: {where + ': ' if where else ''}{error.message}"
    return None


def read(direction: str, raw: str | bytes) -> Message:
    """A frame as a `Message`. Answers do not carry their action on the wire: the caller fills that in."""
    if isinstance(raw, bytes):
        return Message(direction, "garbage", raw, violation="binary frame")
    try:
        parsed = unpack(raw)
    except (OCPPError, TypeError, KeyError, ValueError, RecursionError) as error:
        return Message(direction, "garbage", raw, violation=f"no OCPP-J message: {error}")
    if isinstance(parsed, Call):
        if not isinstance(parsed.action, str):
            return Message(direction, "garbage", raw, violation=f"no action: {parsed.action!r}")
        message = Message(direction, "call", raw, parsed.unique_id, parsed.action, parsed.payload)
        message.violation = violation("call", parsed.action, parsed.payload)
    elif isinstance(parsed, CallResult):
        message = Message(direction, "result", raw, parsed.unique_id, "", parsed.payload)
    else:
        assert isinstance(parsed, CallError)
        message = Message(direction, "error", raw, parsed.unique_id)
        message.payload = parsed.error_details or {}
        message.error_code, message.error_description = parsed.error_code, parsed.error_description
    if not isinstance(message.payload, dict):
        message.violation = message.violation or f"{message.payload!r} is no object"
        message.payload = {}
    if not isinstance(message.id, str) or len(message.id) > 36:
        message.violation = f"message id {message.id!r} is not a text of at most 36 characters (OCPP-J 4.1.4)"
    return message


class Log:
    """The messages of one charge point in order, the oldest forgotten beyond `limit`."""

    def __init__(self, limit: int = 20_000):
        self._limit = limit
        self._messages: list[Message] = []
        self._first = 0

    def append(self, message: Message) -> None:
        message.index = self.next_index
        self._messages.append(message)
        if len(self._messages) > self._limit:
            gone = self._limit // 4
            del self._messages[:gone]
            self._first += gone

    @property
    def next_index(self) -> int:
        return self._first + len(self._messages)

    def since(self, index: int) -> list[Message]:
        return self._messages[max(0, index - self._first) :]

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages)

    def __len__(self) -> int:
        return len(self._messages)

    def __reversed__(self) -> Iterator[Message]:
        return reversed(self._messages)
