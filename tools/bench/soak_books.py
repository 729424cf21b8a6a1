# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The audit of a soak: what a charger said, what the CSMS has in its books, and what the meters counted.

Of each charger every transmission of StartTransaction, MeterValues and StopTransaction is recorded
(`Record`), as are the registers of its meters before and after (`Account`). `audit` says what does not agree:

- a message id stands for one message; it comes again only as a retry, before the next message is sent;
- the next message is sent when the CSMS has confirmed the one before it, or has failed to process it
  TransactionMessageAttempts times (section 3.7.1): then it is given up, and only then a transactionId is -1;
- on each connector transactions follow each other, begun once, ended once, times and registers going forward;
- a transaction begins at the register at which the one before it ended, and the last one ends at what the
  meter shows: the simulated meter keeps its register over power cuts and the firmware reads it at boot, so
  that not one Wh may flow unbilled, power cut or not;
- every transaction is in the CSMS's books, with the same registers, and no other; what the CSMS refused to
  take for good (every attempt answered by CALLERROR, or not at all) is accounted for from the messages;
- what the charger showed its drivers as a transaction is one of them;
- the local list, reservations, charging profiles and what the CSMS has asked to be told: `soak_lists`,
  `soak_reservations`, `soak_charging` and `soak_triggers` have their rules.

The connectors' registers start at `METER_BASE_WH`, far apart: StopTransaction.req does not name the
connector.
"""

from dataclasses import dataclass, field
from typing import Any

from bench.books import Transaction
from bench.messages import parse_utc
from bench.soak_asked import Asked
from bench.soak_charging import audit_charging
from bench.soak_lists import audit_lists
from bench.soak_record import METER, METER_BASE_WH, START, Entry, Record, registers
from bench.soak_reservations import Run, audit_reservations
from bench.soak_triggers import audit_triggers

NEVER_CONFIRMED = -1  # errata 3.18


def connector_of(register_wh: int) -> int:
    return max(number for number, base in METER_BASE_WH.items() if register_wh >= base)


@dataclass
class Account:
    """All that is known of one charger when the soak is over and its queue is empty."""

    id: str
    record: Record
    books: list[Transaction]
    registers_wh: dict[int, int]  # connector -> what its meter shows now
    attempts: int
    timeout_s: float
    # (connector, tag, meterStart) of the transactions that it showed while energy could flow
    shown: set[tuple[int, str, int]] = field(default_factory=set)
    asked: Asked = field(default_factory=Asked)


@dataclass
class Found:
    """`wrong`: what does not agree, and the messages of the guilty transaction."""

    transactions: int = 0
    billed_wh: int = 0  # what the CSMS's books say
    refused_wh: int = 0  # what it was told and refused to take
    never_confirmed: int = 0  # StartTransaction given up
    never_stopped: int = 0  # StopTransaction given up
    retries: int = 0
    lists: int = 0  # SendLocalList that were accepted
    listed: int = 0  # swipes that the local list has decided
    reservations: int = 0  # that were accepted
    reservations_used: int = 0
    triggers: int = 0  # TriggerMessage that were accepted
    profiles: int = 0  # SetChargingProfile that were accepted
    composites: int = 0  # GetCompositeSchedule that were accepted
    certain: int = 0  # of them: what they had to say was known for sure
    limited: int = 0  # samples of Current.Offered while a profile was in force
    wrong: list[tuple[str, list[Any]]] = field(default_factory=list)


@dataclass
class _Told:
    """A transaction as the messages tell it."""

    start: Entry
    last_wh: int
    last_time: Any
    messages: list[Entry]
    stop: Entry | None = None
    number: int | None = None  # the transactionId of what followed


def _is(entry: Transaction, connector: int, start: dict[str, Any]) -> bool:
    """Is it this StartTransaction.req that was entered?"""
    return (entry.connector, entry.tag, entry.meter_start_wh, entry.started) == (
        connector,
        start["idTag"],
        start["meterStart"],
        parse_utc(start["timestamp"]),
    )


class _Audit:
    def __init__(self, account: Account):
        self.account = account
        self.record = account.record
        self.found = Found()
        self.told: dict[int, list[_Told]] = {number: [] for number in account.registers_wh}

    def wrong(self, text: str, *messages: Any) -> None:
        self.found.wrong.append((f"{self.account.id}: {text}", list(messages)))

    def run(self) -> Found:
        for text, entry in self.record.wrong:
            self.wrong(text, *([entry] if entry else []))
        self._queue()
        self._transactions()
        self._meters()
        self._books()
        self._shown()
        self._asked()
        return self.found

    # --- one message after the other ---

    def _queue(self) -> None:
        done: set[str] = set()
        last: Entry | None = None
        for message_id in self.record.order:
            entry = self.record.entries[message_id]
            if entry is last:
                self.found.retries += 1
                continue
            if message_id in done:
                self.wrong("sent again after the next one", entry, *([last] if last else []))
            if last is not None and not (last.confirmed or self._given_up(last)):
                self.wrong("passed over: not confirmed, and not failed often enough", last, entry)
            done.add(message_id)
            last = entry
        if last is not None and not (last.confirmed or self._given_up(last)):
            self.wrong("the last message was not confirmed", last)

    def _given_up(self, entry: Entry) -> bool:
        return self.record.failures(entry, self.account.timeout_s) >= self.account.attempts

    # --- one transaction after the other ---

    def _transactions(self) -> None:
        for entry in self.record.in_order():
            if entry.action == START:
                self._start(entry)
            elif entry.action == METER:
                if "transactionId" in entry.payload:
                    self._sample(entry)
            else:
                self._stop(entry)
        for rows in self.told.values():
            if rows and rows[-1].stop is None:
                self.wrong("never ended", *rows[-1].messages)

    def _open(self, connector: int) -> _Told | None:
        rows = self.told.get(connector)
        return rows[-1] if rows and rows[-1].stop is None else None

    def _start(self, entry: Entry) -> None:
        payload = entry.payload
        connector = payload["connectorId"]
        running = self._open(connector)
        if running is not None:
            self.wrong(
                "begun while another was running: StopTransaction is missing", *running.messages, entry
            )
        rows = self.told.setdefault(connector, [])
        key = (payload["idTag"], payload["meterStart"], payload["timestamp"])
        for other in rows[-3:]:
            before = other.start.payload
            if (before["idTag"], before["meterStart"], before["timestamp"]) == key:
                self.wrong("begun twice", other.start, entry)
        if connector_of(payload["meterStart"]) != connector:
            self.wrong(f"not a register of connector {connector}'s meter", entry)
        told = _Told(entry, payload["meterStart"], parse_utc(payload["timestamp"]), [entry])
        if rows and told.last_time < rows[-1].last_time:
            self.wrong("begun before the one before it ended", *rows[-1].messages, entry)
        rows.append(told)

    def _sample(self, entry: Entry) -> None:
        connector = entry.payload["connectorId"]
        running = self._open(connector)
        if running is None:
            self.wrong(
                f"MeterValues of no transaction on connector {connector}", *self._last(connector), entry
            )
            return
        running.messages.append(entry)
        self._same_number(running, entry)
        for timestamp, wh in registers(entry.payload):
            self._onward(running, timestamp, wh, entry)

    def _stop(self, entry: Entry) -> None:
        connector = connector_of(entry.payload["meterStop"])
        running = self._open(connector)
        if running is None:
            self.wrong(
                f"StopTransaction of no transaction on connector {connector}", *self._last(connector), entry
            )
            return
        running.messages.append(entry)
        self._same_number(running, entry)
        self._data(running, entry)
        self._onward(running, entry.payload["timestamp"], entry.payload["meterStop"], entry)
        running.stop = entry

    def _data(self, running: _Told, entry: Entry) -> None:
        """transactionData goes from the start to the end."""
        wh = running.start.payload["meterStart"]
        for _, next_wh in registers({"meterValue": entry.payload.get("transactionData", [])}):
            if not wh <= next_wh <= entry.payload["meterStop"]:
                self.wrong(f"transactionData: {next_wh} Wh", *running.messages)
            wh = next_wh

    def _last(self, connector: int) -> list[Entry]:
        rows = self.told.get(connector)
        return rows[-1].messages if rows else []

    def _same_number(self, told: _Told, entry: Entry) -> None:
        """What StartTransaction.conf said, -1 when that was given up; it never changes."""
        number = entry.payload["transactionId"]
        start = told.start
        may = set()
        if start.confirmed:
            may.add(start.transaction_id)
        if self._given_up(start):
            may.add(NEVER_CONFIRMED)
        if number not in may or told.number not in (None, number):
            self.wrong(f"transactionId {number}, where it can be {may or 'none'}", *told.messages)
        told.number = number

    def _onward(self, told: _Told, timestamp: str, wh: int, entry: Entry) -> None:
        time = parse_utc(timestamp)
        if wh < told.last_wh:
            self.wrong(f"the register goes back from {told.last_wh} Wh to {wh} Wh", *told.messages)
        if time < told.last_time:
            self.wrong(f"earlier than the message before it: {entry.action}", *told.messages)
        told.last_wh, told.last_time = wh, time

    # --- the meters ---

    def _meters(self) -> None:
        for connector, rows in self.told.items():
            register_wh = METER_BASE_WH[connector]
            before: list[Entry] = []
            for told in rows:
                start_wh = told.start.payload["meterStart"]
                if start_wh != register_wh:
                    text = f"connector {connector}: {start_wh - register_wh} Wh between two transactions"
                    self.wrong(text, *before, *told.messages)
                register_wh, before = told.last_wh, told.messages
            end_wh = self.account.registers_wh[connector]
            if end_wh != register_wh:
                text = f"connector {connector}: {end_wh - register_wh} Wh after the last transaction"
                self.wrong(text, *before)

    # --- the books ---

    def _books(self) -> None:
        found = self.found
        books = {entry.id: entry for entry in self.account.books}
        for connector, rows in self.told.items():
            agreed_wh = 0
            for told in rows:
                found.transactions += 1
                agreed_wh += self._book(told, connector, books)
            counted_wh = self.account.registers_wh[connector] - METER_BASE_WH[connector]
            if agreed_wh != counted_wh:
                self.wrong(
                    f"connector {connector}: {agreed_wh} Wh in the books, {counted_wh} Wh on the meter"
                )
        for entry in books.values():
            text = f"in the books, not in the messages: transaction {entry.id}, connector {entry.connector}"
            self.wrong(text, *self._last(entry.connector))

    def _book(self, told: _Told, connector: int, books: dict[int, Transaction]) -> int:
        """Take a transaction off the books; its energy by them, or by its messages where the CSMS would not
        have it.
        """
        found = self.found
        start, stop = told.start, told.stop
        start_wh = start.payload["meterStart"]
        # A CSMS that has processed what it did not answer knows the transaction by its registers alone.
        entry = next((one for one in books.values() if _is(one, connector, start.payload)), None)
        if entry is not None:
            del books[entry.id]
        if told.number == NEVER_CONFIRMED:
            found.never_confirmed += 1
        elif entry is None or start.transaction_id != entry.id:
            self.wrong("confirmed, and not in the books", *told.messages)
        if stop is None:
            return 0
        stop_wh = stop.payload["meterStop"]
        if entry is not None and entry.meter_stop_wh is not None:
            if entry.meter_stop_wh != stop_wh:
                self.wrong(f"the books say that it ended at {entry.meter_stop_wh} Wh", *told.messages)
            found.billed_wh += entry.meter_stop_wh - entry.meter_start_wh
            return entry.meter_stop_wh - entry.meter_start_wh
        if told.number != NEVER_CONFIRMED:
            found.never_stopped += 1
            if stop.confirmed:
                self.wrong("its end was confirmed, and is not in the books", *told.messages)
            elif not self._given_up(stop):
                self.wrong("its end is not in the books", *told.messages)
        found.refused_wh += stop_wh - start_wh
        return stop_wh - start_wh

    def _shown(self) -> None:
        begun = {
            (connector, told.start.payload["idTag"], told.start.payload["meterStart"])
            for connector, rows in self.told.items()
            for told in rows
        }
        for connector, tag, start_wh in sorted(self.account.shown - begun):
            text = f"connector {connector}: shown, and never told: tag {tag}, from {start_wh} Wh"
            self.wrong(text, *self._last(connector))

    # --- what the CSMS has asked for ---

    def _asked(self) -> None:
        found, account = self.found, self.account
        asked = account.asked
        runs = [self._run(told, connector) for connector, rows in self.told.items() for told in rows]
        begun = [(run.tag, run.begun_s) for run in runs]
        found.lists, found.listed = audit_lists(asked, begun, self.wrong)
        found.reservations, found.reservations_used = audit_reservations(asked, runs, self.wrong)
        found.triggers = audit_triggers(asked, self.record, account.timeout_s, self.wrong)
        found.profiles, found.composites, found.certain, found.limited = audit_charging(
            asked, self.record, self._ended(), self.wrong
        )

    def _ended(self) -> dict[int, float]:
        """When each transaction ended, by the transactionId that the CSMS has given."""
        ended: dict[int, float] = {}
        for rows in self.told.values():
            for told in rows:
                if told.stop is not None and told.start.transaction_id is not None:
                    moment = told.stop.payload["timestamp"]
                    ended[told.start.transaction_id] = self.account.asked.moment_s(moment)
        return ended

    def _run(self, told: _Told, connector: int) -> Run:
        asked, payload = self.account.asked, told.start.payload
        return Run(
            connector,
            payload["idTag"],
            payload.get("reservationId"),
            asked.moment_s(payload["timestamp"]),
            None if told.stop is None else asked.moment_s(told.stop.payload["timestamp"]),
            told.messages,
        )


def audit(account: Account) -> Found:
    return _Audit(account).run()
