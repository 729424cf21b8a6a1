# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""How long the charge point took, measured by the bench between frames, in seconds. Passed cases only.

response      a CALL of the CSMS, to its answer (a CALLERROR is one too). Not the answer to UnlockConnector
              that says what the lock did: it is the end of a function
triggered     a CALL of the CSMS that was accepted, to what tells that it was done, in most cases a CALL of
              the charge point: see _TRIGGERS. Not Reset, which is a restart, nor a change of availability
              that was only scheduled
remote_start  RemoteStartTransaction that was accepted, to StartTransaction of that tag. Only where the cable
              was in before, so that no human waiting time is counted
remote_stop   RemoteStopTransaction that was accepted, to StopTransaction of that transaction, when no car
              draws current
remote_stop_charging   the same of a car that draws: its current goes down first, the contactor opens, and
              what flows until then is billed; how long that takes is mostly the car's affair

Of the latter four only those in which neither the CSMS nor the driver did anything else in between: it would
not be known what the charge point answers to.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.cases.run import PASSED, Outcome
from bench.cases.steps import Deed
from bench.messages import FROM_STATION, Message

Payload = dict[str, Any]
# Of a CALL of the CSMS, what the CALL that tells of it looks like: (action, payload) -> is it?
Told = Callable[[str, Payload], bool]

TITLES = {
    "response": "OCPP response",
    "triggered": "triggered function",
    "remote_start": "RemoteStartTransaction to StartTransaction",
    "remote_stop": "RemoteStopTransaction to StopTransaction, no current flowing",
    "remote_stop_charging": "RemoteStopTransaction to StopTransaction, while the car draws current",
}


@dataclass(frozen=True)
class Sample:
    """`what`: the CALL, in a few words. `case`: where it was measured."""

    measure: str
    seconds: float
    what: str
    case: str


def rows(outcomes: Iterable[Outcome]) -> list[Payload]:
    """One per measure: {"id", "measure", "samples", "min", "max", "average", "shortest", "longest"}; seconds,
    None where nothing was measured. `shortest` and `longest`: {"what", "case"} of the samples at the ends.
    """
    found = [sample for outcome in outcomes for sample in samples(outcome)]
    return [_row(name, [sample for sample in found if sample.measure == name]) for name in TITLES]


def samples(outcome: Outcome) -> list[Sample]:
    if outcome.verdict != PASSED:
        return []
    found = []
    for index, question in enumerate(outcome.exchange):
        if question.direction == FROM_STATION or question.kind != "call":
            continue
        later = outcome.exchange[index + 1 :]
        answer = next((message for message in later if _answers(message, question)), None)
        if answer is None:
            continue
        measure = "triggered" if _tells_of_a_lock(answer) else "response"
        found.append(_sample(measure, question, answer, outcome))
        told = _told(question, answer, _undisturbed(later, outcome.deeds, question))
        if told is None:
            continue
        name = _MEASURES.get(question.action, "triggered")
        if name == "remote_stop" and _charges(outcome.exchange[:index]):
            name = "remote_stop_charging"
        if name != "remote_start" or _cable_was_in(outcome.deeds, question, told):
            found.append(_sample(name, question, told, outcome))
    return found


# --- what tells of what -------------------------------------------------------------------------------------


def _status(connector: Any, *statuses: str) -> Told:
    def told(action: str, payload: Payload) -> bool:
        here = payload.get("connectorId") == connector
        return action == "StatusNotification" and here and payload.get("status") in statuses

    return told


def _availability(asked: Payload) -> Told:
    if asked.get("type") == "Inoperative":
        return _status(asked.get("connectorId"), "Unavailable")
    return _status(asked.get("connectorId"), "Available", "Preparing", "Finishing", "Reserved", "Faulted")


def _trigger(asked: Payload) -> Told:
    wanted = asked.get("requestedMessage")
    wanted = {"SignChargePointCertificate": "SignCertificate"}.get(str(wanted), wanted)
    connector = asked.get("connectorId")

    def told(action: str, payload: Payload) -> bool:
        return action == wanted and connector in (None, payload.get("connectorId", connector))

    return told


def _action(name: str, **fields: Any) -> Told:
    def told(action: str, payload: Payload) -> bool:
        return action == name and all(payload.get(field) == value for field, value in fields.items())

    return told


_MEASURES = {"RemoteStartTransaction": "remote_start", "RemoteStopTransaction": "remote_stop"}

# Action of the CSMS's CALL -> (the status of its answer, what tells of it, made of its payload).
_TRIGGERS: dict[str, tuple[str, Callable[[Payload], Told]]] = {
    "ChangeAvailability": ("Accepted", _availability),
    "TriggerMessage": ("Accepted", _trigger),
    "ExtendedTriggerMessage": ("Accepted", _trigger),
    "UnlockConnector": ("Unlocked", lambda _: _action("StopTransaction", reason="UnlockCommand")),
    "ReserveNow": ("Accepted", lambda asked: _status(asked.get("connectorId"), "Reserved")),
    "RemoteStartTransaction": ("Accepted", lambda asked: _tag(asked.get("idTag"))),
    "RemoteStopTransaction": (
        "Accepted",
        lambda asked: _action("StopTransaction", transactionId=asked.get("transactionId")),
    ),
}


def _tag(tag: Any) -> Told:
    def told(action: str, payload: Payload) -> bool:
        return action == "StartTransaction" and str(payload.get("idTag")).upper() == str(tag).upper()

    return told


def _told(question: Message, answer: Message, later: Iterable[Message]) -> Message | None:
    """The CALL that tells of what was asked; None: it was not accepted, or nothing is told of it."""
    if question.action not in _TRIGGERS:
        return None
    status, of = _TRIGGERS[question.action]
    if answer.kind != "result" or _fields(answer).get("status") != status:
        return None
    tells = of(question.payload)
    calls = (message for message in later if message.kind == "call")
    return next((message for message in calls if tells(message.action, _fields(message))), None)


def _tells_of_a_lock(answer: Message) -> bool:
    return _fields(answer).get("status") in ("Unlocked", "UnlockFailed")


def _charges(earlier: Iterable[Message]) -> bool:
    """The last that was told of some connector is that it charges."""
    last: dict[Any, Any] = {}
    for message in earlier:
        if message.action == "StatusNotification" and message.kind == "call":
            last[_fields(message).get("connectorId")] = _fields(message).get("status")
    return "Charging" in last.values()


def _fields(message: Message) -> Payload:
    """What a charge point sends as a payload need not be an object."""
    return message.payload if isinstance(message.payload, dict) else {}


def _undisturbed(later: list[Message], deeds: Iterable[Deed], question: Message) -> Iterator[Message]:
    """What the charge point told until the CSMS or the driver did something else."""
    until = min(
        (deed.monotonic_s for deed in deeds if deed.monotonic_s >= question.monotonic_s), default=math.inf
    )
    for message in later:
        if message.monotonic_s > until or (message.direction != FROM_STATION and message.kind == "call"):
            return
        if message.direction == FROM_STATION:
            yield message


def _answers(message: Message, question: Message) -> bool:
    if message.direction != FROM_STATION or message.kind not in ("result", "error"):
        return False
    return message.question is question or message.id == question.id


# --- the driver ---------------------------------------------------------------------------------------------

_CABLE = re.compile(r"^(plugs|unplugs|pulls)\b.*\bconnector (\d+)")


def _cable_was_in(deeds: Iterable[Deed], question: Message, told: Message) -> bool:
    """The last that the driver did with the cable of this connector was to plug it in."""
    last = ""
    for deed in deeds:
        match = _CABLE.match(deed.text)
        before = deed.monotonic_s < question.monotonic_s
        if match and before and int(match[2]) == told.payload.get("connectorId"):
            last = match[1]
    return last == "plugs"


# --- figures ------------------------------------------------------------------------------------------------


def _sample(name: str, question: Message, end: Message, outcome: Outcome) -> Sample:
    what = question.action
    if name == "triggered":
        what += f" {question.payload.get('requestedMessage') or question.payload.get('type') or ''}".rstrip()
        what += f" to {end.action if end.kind == 'call' else 'its answer'}"
    return Sample(name, end.monotonic_s - question.monotonic_s, what, outcome.case.id)


def _row(name: str, found: list[Sample]) -> Payload:
    row: Payload = {"id": name, "measure": TITLES[name], "samples": len(found)}
    if not found:
        return {**row, "min": None, "max": None, "average": None, "shortest": None, "longest": None}
    shortest = min(found, key=lambda sample: sample.seconds)
    longest = max(found, key=lambda sample: sample.seconds)
    return {
        **row,
        "min": round(shortest.seconds, 6),
        "max": round(longest.seconds, 6),
        "average": round(sum(sample.seconds for sample in found) / len(found), 6),
        "shortest": {"what": shortest.what, "case": shortest.case},
        "longest": {"what": longest.what, "case": longest.case},
    }
