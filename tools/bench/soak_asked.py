# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the CSMS of a soak has asked of a charger, and what it was told beside bills: for the audit of lists,
reservations and triggers. Times are monotonic seconds.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bench.messages import parse_utc

ACCEPTED = "Accepted"


@dataclass
class Request:
    """A CALL of the CSMS. `answered_s` None: no answer was seen; `answer` None then, and for a CALLERROR."""

    action: str
    payload: dict[str, Any]
    connection: int
    at_s: float
    answered_s: float | None = None
    answered_as: int = 0  # place of the answer among all messages, as `Call.place`
    answer: dict[str, Any] | None = None

    @property
    def status(self) -> str | None:
        """None: CALLERROR, or no answer."""
        return None if self.answer is None else self.answer.get("status")

    @property
    def accepted(self) -> bool:
        return self.status == ACCEPTED

    @property
    def open(self) -> bool:
        """It may have been carried out or not."""
        return self.answered_s is None

    @property
    def told(self) -> str:
        """The answer in a word."""
        if self.answer is None:
            return "unanswered" if self.open else "CALLERROR"
        return self.answer.get("status", "answered")

    def __str__(self) -> str:
        told = self.told if self.answer is None else self.answer
        fields = {key: value for key, value in self.payload.items() if not isinstance(value, list)}
        return f"{self.at_s:.2f} {self.action} {fields} on connection {self.connection}: {told}"


@dataclass
class Call:
    """One transmission of a CALL of the charger. `done_s` None: it got no answer."""

    id: str
    action: str
    payload: dict[str, Any]
    connection: int
    at_s: float
    place: int
    done_s: float | None = None
    status: str | None = None  # of the answer, or of its idTagInfo

    def __str__(self) -> str:
        return f"{self.at_s:.2f} {self.action} {self.payload} on connection {self.connection}: {self.status}"


@dataclass
class Swipe:
    """What the charger made of a tag at the reader, by itself: `why` is its own text."""

    tag: str
    at_s: float
    outcome: str
    why: str

    def __str__(self) -> str:
        return f"{self.at_s:.2f} tag {self.tag} {self.outcome}: {self.why}"


@dataclass
class Supply:
    """Of each connector; direct current has one phase. `volts`: nominal."""

    phases: int = 3
    volts: int = 230
    dc: bool = False


@dataclass
class Asked:
    """`epoch_s`: the time of day at monotonic 0. `lives`: when a process of the charger ended. `frozen`: from
    when to when nothing of the charger was read. `end_s`: when the soak was over.
    """

    epoch_s: float = 0
    requests: dict[str, Request] = field(default_factory=dict)  # message id ->
    calls: list[Call] = field(default_factory=list)
    swipes: list[Swipe] = field(default_factory=list)
    lives: list[float] = field(default_factory=list)
    frozen: list[tuple[float, float]] = field(default_factory=list)
    parents: dict[str, str] = field(default_factory=dict)  # tag -> parent, of drivers who came
    pre_authorize: bool = False
    supply: Supply = field(default_factory=Supply)
    list_size: int | None = None  # at the end, by the charger
    end_s: float = 0
    _places: Iterator[int] = field(default_factory=itertools.count)
    _latest: dict[str, Call] = field(default_factory=dict)

    # --- what is heard ---

    def request(
        self, message_id: str, action: str, payload: dict[str, Any], connection: int, at_s: float
    ) -> None:
        self.requests[message_id] = Request(action, payload, connection, at_s)

    def answered(self, message_id: str, at_s: float, answer: dict[str, Any] | None) -> None:
        """`answer` None: CALLERROR."""
        request = self.requests.get(message_id)
        if request is not None and request.open:
            request.answered_s, request.answered_as, request.answer = at_s, next(self._places), answer

    def called(
        self, message_id: str, action: str, payload: dict[str, Any], connection: int, at_s: float
    ) -> None:
        call = Call(message_id, action, payload, connection, at_s, next(self._places))
        self.calls.append(call)
        self._latest[message_id] = call

    def confirmed(self, message_id: str, at_s: float, answer: dict[str, Any] | None) -> None:
        call = self._latest.get(message_id)
        if call is not None and call.done_s is None:
            call.done_s = at_s
            if answer is not None:
                info = answer.get("idTagInfo")
                call.status = info.get("status") if isinstance(info, dict) else answer.get("status", ACCEPTED)

    # --- what is known ---

    def of(self, *actions: str) -> list[Request]:
        """The requests of these actions, in order."""
        return [request for request in self.requests.values() if request.action in actions]

    def moment_s(self, timestamp: str) -> float:
        return parse_utc(timestamp).timestamp() - self.epoch_s

    def life(self, at_s: float) -> tuple[float, float]:
        """From when to when the process lived that was alive at that time."""
        begun = max((end for end in self.lives if end <= at_s), default=float("-inf"))
        return begun, min((end for end in self.lives if end > at_s), default=float("inf"))

    def told_the_time(self, since_s: float, until_s: float) -> bool:
        """Was the charger told the time between the two?"""
        return any(
            call.action in ("BootNotification", "Heartbeat")
            and call.status is not None
            and call.done_s is not None
            and since_s <= call.done_s <= until_s
            for call in self.calls
        )

    @property
    def registered(self) -> bool:
        """What BootNotification was answered last."""
        for call in reversed(self.calls):
            if call.action == "BootNotification" and call.status is not None:
                return call.status == ACCEPTED
        return False
