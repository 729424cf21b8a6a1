# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The audit of TriggerMessage: what was accepted is said, behind the answer, on the same connection.

A charger has one CALL out at a time, so that what was asked for may have to wait for others that are not
answered: only the time counts in which none is out and no bill waits for its next try. An answer to
BootNotification other than Accepted ends what waits (section 4.2).
"""

from collections.abc import Callable
from typing import Any

from bench.soak_asked import ACCEPTED, Asked, Call, Request
from bench.soak_record import Record

BOUND_S = 6  # a meter that does not answer at once is asked for 4.5 s
_CONTEXT = "Trigger"

Wrong = Callable[..., None]
Span = tuple[float, float]


def audit_triggers(asked: Asked, record: Record, timeout_s: float, wrong: Wrong) -> int:
    """How many were accepted."""
    accepted = [request for request in asked.of("TriggerMessage") if request.accepted]
    calls: dict[int, list[Call]] = {}
    for call in asked.calls:
        calls.setdefault(call.connection, []).append(call)
    busy = _busy(asked, record, timeout_s)
    for request in accepted:
        _follow(request, calls.get(request.connection, []), _end_s(request, asked, record), busy, wrong)
    return len(accepted)


def _busy(asked: Asked, record: Record, timeout_s: float) -> list[Span]:
    """When the charger could say nothing else, or we did not listen; in order."""
    spans = [
        (call.at_s, call.at_s + timeout_s + 1 if call.done_s is None else call.done_s) for call in asked.calls
    ]
    for entry in record.in_order():
        last = entry.sendings[-1]
        end_s = last.answered_s if last.outcome != "none" else last.at_s + timeout_s + 1
        spans.append((entry.sendings[0].at_s, end_s))
    return sorted([*spans, *record.stalls, *asked.frozen])


def _end_s(request: Request, asked: Asked, record: Record) -> float:
    """Until when the charger may be waited for."""
    end_s = min(asked.end_s, record.ends.get(request.connection, float("inf")))
    for call in asked.calls:
        if call.action == "BootNotification" and call.status not in (None, ACCEPTED):
            done_s = call.done_s or 0
            if call.connection == request.connection and done_s > request.at_s:
                end_s = min(end_s, done_s)
    return end_s


def _follow(request: Request, calls: list[Call], end_s: float, busy: list[Span], wrong: Wrong) -> None:
    for wanted in _wanted(request.payload):
        found = next(
            (call for call in calls if call.place > request.answered_as and _is(call, wanted)),
            None,
        )
        said_s = end_s if found is None else min(found.at_s, end_s)
        since_s = request.answered_s or request.at_s
        if _free_s(since_s, said_s, busy) > BOUND_S:
            told = "not said" if found is None else "said too late"
            wrong(f"asked for and {told}: {wanted}", request, *([found] if found else []))


def _wanted(payload: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages that follow."""
    action, number = payload["requestedMessage"], payload.get("connectorId")
    if action not in ("StatusNotification", "MeterValues"):
        return [{"action": action}]
    every = (0, 1, 2) if action == "StatusNotification" else (1, 2)
    numbers = every if number is None else (number,)
    return [{"action": action, "connectorId": number} for number in numbers]


def _is(call: Call, wanted: dict[str, Any]) -> bool:
    if call.action != wanted["action"]:
        return False
    if "connectorId" in wanted and call.payload.get("connectorId") != wanted["connectorId"]:
        return False
    return call.action != "MeterValues" or any(
        sample.get("context") == _CONTEXT
        for value in call.payload["meterValue"]
        for sample in value["sampledValue"]
    )


def _free_s(since_s: float, until_s: float, busy: list[Span]) -> float:
    """How long of that time the charger had nothing else to say."""
    free_s, at_s = 0.0, since_s
    for begin, end in busy:
        if end <= at_s:
            continue
        if begin >= until_s:
            break
        free_s += max(0.0, begin - at_s)
        at_s = end
    return free_s + max(0.0, until_s - at_s)
