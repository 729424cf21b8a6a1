# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a soak leaves behind, in small, for the tests of its audit: messages, books, meters, and what the CSMS
has asked for. `time(n)` is second n, in timestamps and in all that is monotonic.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from bench import soak_wire
from bench.books import Books
from bench.messages import parse_utc
from bench.soak_asked import Asked, Swipe
from bench.soak_books import Account, Found, audit
from bench.soak_plan import ATTEMPTS, MESSAGE_TIMEOUT_S
from bench.soak_record import METER, START, STOP, Record

ID = "CP1"
CONNECTION = 99  # of all that is asked; the messages of a bill have others


@dataclass
class Message:
    action: str
    payload: dict
    outcomes: tuple[str, ...] = ("result",)


ACCEPTED = {"status": "Accepted"}


@dataclass
class Ask:
    """A CALL of the CSMS. `answer` None: there was none."""

    action: str
    payload: dict[str, Any]
    at_s: float
    answer: dict[str, Any] | None = field(default_factory=lambda: {"status": "Accepted"})


@dataclass
class Said:
    """A CALL of the charger."""

    action: str
    payload: dict[str, Any]
    at_s: float
    answer: dict[str, Any] | None = field(default_factory=dict)


@dataclass
class World:
    """One charger's soak in small: two transactions on connector 1, one on 2, as they should be."""

    messages: list[Message] = field(default_factory=list)
    books: Books = field(default_factory=Books)
    registers_wh: dict[int, int] = field(default_factory=lambda: {1: 1130, 2: 500_000_040})
    shown: set[tuple[int, str, int]] = field(default_factory=set)
    asks: list[Ask] = field(default_factory=list)
    said: list[Said] = field(default_factory=lambda: [Said("Heartbeat", {}, 0.5)])
    swipes: list[Swipe] = field(default_factory=list)
    lives: list[float] = field(default_factory=list)
    frozen: list[tuple[float, float]] = field(default_factory=list)
    parents: dict[str, str] = field(default_factory=dict)
    connection_ends: dict[int, float] = field(default_factory=dict)
    pre_authorize: bool = False
    list_size: int | None = None

    def account(self) -> Account:
        record = Record()
        for number, message in enumerate(self.messages):
            given = {"transactionId": self.number(message)} if message.action == START else {}
            for turn, outcome in enumerate(message.outcomes):
                at_s = number * 10.0 + turn
                record.sent(
                    turn, at_s, message.payload.get("id", f"m{number}"), message.action, message.payload
                )
                if outcome != "none":
                    record.answered(message.payload.get("id", f"m{number}"), at_s + 0.1, outcome, given)
                record.ends[turn] = at_s + 5
        books = list(self.books.transactions.values())
        record.ends.update(self.connection_ends)
        return Account(
            ID, record, books, self.registers_wh, ATTEMPTS, MESSAGE_TIMEOUT_S, self.shown, self.asked()
        )

    def asked(self) -> Asked:
        """Everything in the order of its time."""
        asked = Asked(
            parse_utc(time(0)).timestamp(), swipes=self.swipes, lives=self.lives, frozen=self.frozen
        )
        asked.parents, asked.pre_authorize, asked.list_size = self.parents, self.pre_authorize, self.list_size
        asked.end_s = 300
        events: list[tuple[float, Callable[[], None]]] = []
        for letter, calls, called, answered, after_s in (
            ("r", self.asks, asked.request, asked.answered, 0.1),
            ("c", self.said, asked.called, asked.confirmed, 0.01),
        ):
            for number, call in enumerate(calls):
                name = f"{letter}{number}"
                put = partial(called, name, call.action, call.payload, CONNECTION, call.at_s)
                events.append((call.at_s, put))
                if call.answer is not None:
                    at_s = call.at_s + after_s
                    events.append((at_s, partial(answered, name, at_s, call.answer)))
        for _, happen in sorted(events, key=lambda event: event[0]):
            happen()
        return asked

    def number(self, start: Message) -> int | None:
        wanted = (start.payload["connectorId"], start.payload["meterStart"])
        for entry in self.books.transactions.values():
            if (entry.connector, entry.meter_start_wh) == wanted:
                return entry.id
        return None

    def judged(self) -> Found:
        return audit(self.account())


def time(second: int) -> str:
    return f"2026-11-20T10:{second // 60:02}:{second % 60:02}.000Z"


def start(connector: int, tag: str, wh: int, second: int, reservation: int | None = None) -> Message:
    payload = {"connectorId": connector, "idTag": tag, "meterStart": wh, "timestamp": time(second)}
    if reservation is not None:
        payload["reservationId"] = reservation
    return Message(START, payload)


def sample(connector: int, number: int, wh: int, second: int) -> Message:
    value = {"timestamp": time(second), "sampledValue": [{"value": str(wh)}]}
    return Message(METER, {"connectorId": connector, "transactionId": number, "meterValue": [value]})


def stop(number: int, wh: int, second: int) -> Message:
    return Message(STOP, {"transactionId": number, "meterStop": wh, "timestamp": time(second)})


def right() -> World:
    world = World(shown={(1, "A", 1000), (2, "B", 500_000_000), (1, "C", 1100)})
    world.messages = [
        start(1, "A", 1000, 0),  # 0
        start(2, "B", 500_000_000, 1),
        sample(1, 1, 1040, 2),  # 2
        sample(2, 2, 500_000_030, 2),
        sample(1, 1, 1050, 3),  # 4
        stop(1, 1100, 4),
        start(1, "C", 1100, 5),  # 6
        stop(2, 500_000_040, 6),
        stop(3, 1130, 7),  # 8
    ]
    for message in world.messages:
        enter(world.books, message)
    return world


def enter(books: Books, message: Message) -> None:
    soak_wire.enter(books, ID, message.action, message.payload)


def said_of(world: World) -> list[str]:
    """The complaints of the audit."""
    return [text for text, _ in world.judged().wrong]


def judge(world: World, spoil: Callable[[World], None], complaint: str) -> None:
    """What is right passes; spoilt in one way it does not."""
    assert said_of(world) == []
    spoil(world)
    said = said_of(world)
    assert any(complaint in text for text in said), said


def each(*changes: Callable[[World], None]) -> Any:
    return pytest.mark.parametrize("change", changes, ids=[change.__name__ for change in changes])


def cases(*rows: tuple[Callable[[World], None], str]) -> Any:
    return pytest.mark.parametrize(("spoil", "complaint"), rows, ids=[spoil.__name__ for spoil, _ in rows])
