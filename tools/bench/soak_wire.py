# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The CSMS's side of a soak for one charger: it answers as the plan says, and records what is said."""

import time
from collections import Counter
from typing import Any

from bench.books import Books, Transaction
from bench.csms import Csms
from bench.messages import FROM_STATION, Message
from bench.scripts import Answer, amend, boot, call_error, hang_up, late, reply, silence
from bench.soak_asked import Asked
from bench.soak_plan import (
    BLOCKED,
    ERROR,
    HANG_UP,
    LATE,
    LOST,
    LOST_HANG_UP,
    MESSAGE_TIMEOUT_S,
    NONSENSE,
    SILENT,
    TOO_LATE,
    WELCOME,
    Session,
    minor_fate,
    parent_of,
)
from bench.soak_record import ACTIONS, METER, START, STOP, Entry, Record
from bench.station import Station

_MINOR = ("StatusNotification", "Heartbeat", "BootNotification")
_NONSENSE = {
    START: {"transactionId": "none"},
    STOP: {"idTagInfo": {"status": "Maybe"}},
    "Authorize": {"idTagInfo": "none"},
}
_SIMPLE = {
    LATE: late(0.4),
    TOO_LATE: late(MESSAGE_TIMEOUT_S + 0.4),
    ERROR: call_error("InternalError", "the plan says so"),
    SILENT: silence(),
    LOST: silence(),
    HANG_UP: hang_up(),
    LOST_HANG_UP: hang_up(),
    BLOCKED: amend(idTagInfo={"status": "Blocked"}),
    WELCOME: amend(idTagInfo={"status": "Accepted"}),
    "Pending": boot("Pending", 1),
    "Rejected": boot("Rejected", 1),
}


class Wire:
    """`calm`: from now on every message is answered as usual."""

    def __init__(self, csms: Csms, station_id: str, seed: int, index: int):
        self.station: Station = csms.station(station_id)
        self.record = Record()
        self.asked = Asked(time.time() - time.monotonic())
        self.calm = False
        self.done: Counter[str] = Counter()  # what was made of messages, by the plan's words
        self._csms = csms
        self._seed, self._index = seed, index
        self._sessions: dict[str, Session] = {}
        self._open: dict[
            int, tuple[str, int]
        ] = {}  # connector -> (tag, MeterValues so far) of its transaction
        self._minor: Counter[str] = Counter()
        self._calls: dict[str, str] = {}  # id -> action of every CALL
        self._used: set[str] = set()  # ids of CALLs that are not transaction-related
        self._nonsense: set[str] = set()
        self.station.decide = self._decide
        csms.hooks.append(self._note)
        csms.connection_hooks.append(self._connection)

    def expect(self, session: Session) -> None:
        """This session is next on its connector: its tag is as it says from now on."""
        self._sessions[session.tag] = session
        parent = parent_of(session.tag)
        if parent is not None:
            self.asked.parents[session.tag] = parent
        if session.status is None:
            self._csms.books.forget_tag(session.tag)
        else:
            self._csms.books.tag(session.tag, session.status, parent)

    def running(self, tag: str) -> int | None:
        """The transactionId of the last transaction with this tag that the CSMS has confirmed."""
        for entry in reversed(self.record.entries.values()):
            if entry.action == START and entry.payload["idTag"] == tag:
                return entry.transaction_id
        return None

    def running_at(self, connector: int) -> int | None:
        """The transactionId of the transaction of a connector, as far as the CSMS knows; None: none runs."""
        stopped = {
            entry.payload["transactionId"] for entry in self.record.entries.values() if entry.action == STOP
        }
        for entry in reversed(self.record.entries.values()):
            if entry.action == START and entry.payload["connectorId"] == connector:
                return None if entry.transaction_id in stopped else entry.transaction_id
        return None

    def books(self) -> list[Transaction]:
        books = self._csms.books.transactions.values()
        return [entry for entry in books if entry.station == self.station.id]

    # --- what is said ---

    def _note(self, station: Station, message: Message) -> None:
        if station is not self.station:
            return
        record = self.record
        self._note_asked(message)
        if message.direction != FROM_STATION:
            if message.kind in ("result", "error") and message.action in ACTIONS:
                outcome = "error" if message.id in self._nonsense else message.kind
                self._nonsense.discard(message.id)
                record.answered(message.id, message.monotonic_s, outcome, message.payload)
            return
        if message.violation:
            record.wrong.append((f"against the schema: {message.violation}: {message}", None))
        if message.kind != "call":
            return
        # A sample that is asked for while Pending goes past all that waits.
        transaction_related = message.action in ACTIONS and (
            message.action != METER or ("transactionId" in message.payload and self.asked.registered)
        )
        before = self._calls.setdefault(message.id, message.action)
        if not transaction_related or before != message.action:
            if message.id in self._used or before != message.action:
                record.wrong.append((f"an id used before, for {before}: {message}", None))
            self._used.add(message.id)
            return
        self._follow(
            record.sent(station.connections, message.monotonic_s, message.id, message.action, message.payload)
        )

    def _note_asked(self, message: Message) -> None:
        asked, at_s = self.asked, message.monotonic_s
        from_station = message.direction == FROM_STATION
        if message.kind == "call":
            hear = asked.called if from_station else asked.request
            hear(message.id, message.action, message.payload, self.station.connections, at_s)
        elif message.kind in ("result", "error"):
            answer = message.payload if message.kind == "result" else None
            (asked.answered if from_station else asked.confirmed)(message.id, at_s, answer)

    def _connection(self, station: Station, up: bool) -> None:
        if station is self.station and not up:
            self.record.ends.setdefault(station.connections, time.monotonic())

    def _follow(self, entry: Entry) -> None:
        if entry.action == START and len(entry.sendings) == 1:
            self._open[entry.payload["connectorId"]] = (entry.payload["idTag"], 0)

    # --- what is answered ---

    def _decide(self, message: Message) -> Answer | None:
        if self.calm:
            return None
        fate = self._fate(message)
        if fate is None:
            return None
        self.done[fate] += 1
        if fate in (LOST, LOST_HANG_UP):
            enter(self._csms.books, self.station.id, message.action, message.payload)
        if fate == NONSENSE and message.action in _NONSENSE:
            self._nonsense.add(message.id)
            return reply(_NONSENSE[message.action])
        return _SIMPLE[ERROR if fate == NONSENSE else fate]

    def _fate(self, message: Message) -> str | None:
        action, payload = message.action, message.payload
        if action in _MINOR:
            ordinal = self._minor[action]
            self._minor[action] += 1
            return minor_fate(self._seed, self._index, action, ordinal)
        if action == "Authorize":
            session = self._sessions.get(payload["idTag"])
            return session.authorize[0] if session is not None and session.authorize else None
        entry = self.record.entries.get(message.id)
        if entry is None:
            return None
        fates = self._fates(entry)
        turn = len(entry.sendings) - 1
        return fates[turn] if turn < len(fates) else None

    def _fates(self, entry: Entry) -> tuple[str, ...]:
        payload = entry.payload
        if entry.action == START:
            session = self._sessions.get(payload["idTag"])
            return session.start if session else ()
        if entry.action == METER:
            tag, ordinal = self._open.get(payload["connectorId"], ("", 0))
            if len(entry.sendings) == 1:
                self._open[payload["connectorId"]] = (tag, ordinal + 1)
            else:
                ordinal -= 1
            session = self._sessions.get(tag)
            return session.meter_values.get(ordinal, ()) if session else ()
        transaction = self._csms.books.transactions.get(payload["transactionId"])
        session = self._sessions.get(transaction.tag) if transaction is not None else None
        return session.stop if session else ()


def enter(books: Books, station_id: str, action: str, payload: dict[str, Any]) -> None:
    """Into the books what a StartTransaction or StopTransaction says, without an answer."""
    if action == START:
        books.start(
            station_id=station_id,
            connector=payload["connectorId"],
            tag=payload["idTag"],
            meter_start_wh=payload["meterStart"],
            timestamp=payload["timestamp"],
        )
    elif action == STOP:
        books.stop(
            transaction_id=payload["transactionId"],
            meter_stop_wh=payload["meterStop"],
            timestamp=payload["timestamp"],
            tag=payload.get("idTag"),
            reason=payload.get("reason"),
            data=[],
        )
