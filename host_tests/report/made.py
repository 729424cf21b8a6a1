# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Runs that never were, for the tests of the report: what was said, and when, is in the test."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.cases.catalogue import Case
from bench.cases.claims import Claims
from bench.cases.run import PASSED, Outcome, Run
from bench.cases.steps import Deed
from bench.messages import FROM_STATION, TO_STATION, Message

BEGAN = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)


class Exchange:
    """`told`, `asked`, `answered` and `did` at a time in seconds. `messages`, `deeds`: of an Outcome."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.deeds: list[Deed] = []

    def told(self, at_s: float, action: str, **payload: Any) -> Message:
        """A CALL of the charge point."""
        return self._message(FROM_STATION, "call", at_s, action, payload)

    def asked(self, at_s: float, action: str, **payload: Any) -> Message:
        """A CALL of the CSMS."""
        return self._message(TO_STATION, "call", at_s, action, payload)

    def answered(self, at_s: float, question: Message, kind: str = "result", **payload: Any) -> Message:
        way = TO_STATION if question.direction == FROM_STATION else FROM_STATION
        answer = self._message(way, kind, at_s, question.action, payload)
        answer.id, answer.question = question.id, question
        return answer

    def garbage(self, at_s: float, raw: str) -> Message:
        message = self._message(FROM_STATION, "garbage", at_s, "", {})
        message.raw, message.violation = raw, "no OCPP-J message"
        return message

    def did(self, at_s: float, text: str) -> None:
        self.deeds.append(Deed(text, BEGAN + timedelta(seconds=at_s), at_s))

    def outcome(self, name: str = "TC_010_CS", verdict: str = PASSED, text: str = "") -> Outcome:
        return outcome(name, verdict, text, self)

    def _message(self, way: str, kind: str, at_s: float, action: str, payload: dict[str, Any]) -> Message:
        number = f"m{len(self.messages)}"
        message = Message(way, kind, json.dumps([2, number, action, payload]), number, action, payload)
        message.at, message.monotonic_s = BEGAN + timedelta(seconds=at_s), at_s
        self.messages.append(message)
        return message


async def _nothing(_: Any) -> None:
    return None


def outcome(
    name: str,
    verdict: str = PASSED,
    text: str = "",
    exchange: Exchange | None = None,
    profile: str = "Core",
    aliases: tuple[str, ...] = (),
) -> Outcome:
    said = exchange or Exchange()
    case = Case(name, f"Title of {name}", profile, _nothing, aliases)
    return Outcome(case, verdict, text, 1.5, said.messages, said.deeds)


def run(*outcomes: Outcome, described: dict[str, Any] | None = None, **fields: Any) -> Run:
    """`described` None: somebody else's charge point, of which nothing is stated."""
    described = described or {}
    claims = Claims(
        name=described.get("name", "Somebody's"),
        connectors=tuple(described.get("connectors", ())),
        profiles=tuple(described.get("profiles", ("Core",))),
        cache=False,
        absent=tuple(described.get("absent", ())),
        read_only=tuple(described.get("read_only", ())),
        described=described,
    )
    return Run(claims, "manual", BEGAN, outcomes=list(outcomes), seconds=12.5, **fields)
