# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Behaviour of the CSMS that a test writes beforehand: what to answer, when, or not at all.

csms.script("BootNotification", boot("Pending", 2), boot("Accepted", 300))  # the next two
csms.script("StartTransaction", call_error("InternalError"), silence())
csms.always("Heartbeat", late(0.5))                                   # until csms.unscript("Heartbeat")
csms.script("Authorize", amend(idTagInfo={"status": "Blocked"}))
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.messages import Message, utc_text

Payload = dict[str, Any]


@dataclass
class Answer:
    """What happens to one CALL of the charge point. With no field set: the usual answer of the books."""

    payload: Payload | Callable[[Message], Payload] | None = None  # answer with this; the books see nothing
    amend: Payload = field(default_factory=dict)  # the usual answer, these fields replaced
    error: tuple[str, str, Payload] | None = None  # CALLERROR: code, description, details
    raw: str | bytes | None = None  # this frame, whatever it is; "{id}" becomes the message id
    silent: bool = False
    drop: bool = False  # the connection is cut instead of an answer
    delay_s: float = 0

    @property
    def usual(self) -> bool:
        """The books handle the message (and only then are their entries written)."""
        return not (
            self.payload is not None or self.error or self.raw is not None or self.silent or self.drop
        )


def reply(payload: Payload | Callable[[Message], Payload], delay_s: float = 0) -> Answer:
    """A CALLRESULT with exactly this payload, valid or not; the books see nothing of the exchange."""
    return Answer(payload=payload, delay_s=delay_s)


def amend(delay_s: float = 0, **fields: Any) -> Answer:
    """The usual answer, with these top-level fields replaced."""
    return Answer(amend=fields, delay_s=delay_s)


def late(delay_s: float) -> Answer:
    """The usual answer, `delay_s` seconds later. Other traffic goes on meanwhile."""
    return Answer(delay_s=delay_s)


def call_error(code: str, description: str = "", delay_s: float = 0) -> Answer:
    return Answer(error=(code, description, {}), delay_s=delay_s)


def raw_answer(frame: str | bytes, delay_s: float = 0) -> Answer:
    return Answer(raw=frame, delay_s=delay_s)


def silence() -> Answer:
    return Answer(silent=True)


def hang_up(delay_s: float = 0) -> Answer:
    """No answer: the TCP connection is cut."""
    return Answer(drop=True, delay_s=delay_s)


def boot(status: str, interval_s: int, delay_s: float = 0) -> Answer:
    """BootNotification.conf: "Accepted", "Pending" or "Rejected" with its interval."""
    return reply(
        lambda _call: {"status": status, "interval": interval_s, "currentTime": utc_text()}, delay_s=delay_s
    )


class Script:
    """Per action: answers to give once, in order; then the standing one, if any; then as usual."""

    def __init__(self) -> None:
        self._once: dict[str, deque[Answer]] = {}
        self._standing: dict[str, Answer] = {}

    def once(self, action: str, *answers: Answer) -> None:
        self._once.setdefault(action, deque()).extend(answers)

    def always(self, action: str, answer: Answer) -> None:
        self._standing[action] = answer

    def drop(self, action: str | None = None) -> None:
        """Forget what is scripted for `action`, or everything."""
        if action is None:
            self._once.clear()
            self._standing.clear()
        else:
            self._once.pop(action, None)
            self._standing.pop(action, None)

    def take(self, action: str) -> Answer | None:
        waiting = self._once.get(action)
        if waiting:
            return waiting.popleft()
        return self._standing.get(action)

    def left(self, action: str) -> int:
        """How many one-time answers nobody has asked for yet."""
        return len(self._once.get(action, ()))
