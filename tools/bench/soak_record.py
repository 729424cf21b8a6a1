# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a charger said of its transactions during a soak, message by message and try by try."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

START, STOP, METER = "StartTransaction", "StopTransaction", "MeterValues"
ACTIONS = (START, METER, STOP)
ENERGY = "Energy.Active.Import.Register"
METER_BASE_WH = {1: 1000, 2: 500_000_000}  # of each connector, at first

# A transmission that the CSMS has answered later than this part of MessageTimeout may have failed: clocks and
# machines are not that exact.
_LATE = 0.7


def registers(payload: dict[str, Any]) -> list[tuple[str, int]]:
    """(timestamp, Wh) of every energy register in a MeterValues.req."""
    return [
        (entry["timestamp"], int(sample["value"]))
        for entry in payload["meterValue"]
        for sample in entry["sampledValue"]
        if sample.get("measurand", ENERGY) == ENERGY
    ]


@dataclass
class Sending:
    """One transmission. `at_s`, `answered_s`: monotonic; `outcome`: "result", "error" or "none" so far."""

    connection: int
    at_s: float
    outcome: str = "none"
    answered_s: float = 0


@dataclass
class Entry:
    """One message of the charger with all its transmissions."""

    id: str
    action: str
    payload: dict[str, Any]
    sendings: list[Sending] = field(default_factory=list)
    transaction_id: int | None = None  # what the CSMS gave for a StartTransaction

    def __str__(self) -> str:
        tries = ", ".join(
            f"{sending.outcome} on connection {sending.connection}" for sending in self.sendings
        )
        return f"{self.action} {self.id} {self.payload} ({tries})"

    @property
    def confirmed(self) -> bool:
        return any(sending.outcome == "result" for sending in self.sendings)


class Record:
    """All transaction-related messages of one charger, in the order in which they came."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.order: list[str] = []  # the id of each transmission
        self.ends: dict[int, float] = {}  # connection -> when it ended
        self.stalls: list[tuple[float, float]] = []  # when the CSMS did not come to read what had arrived
        self.wrong: list[tuple[str, Entry | None]] = []  # what was seen to be wrong at once

    def sent(
        self, connection: int, at_s: float, message_id: str, action: str, payload: dict[str, Any]
    ) -> Entry:
        entry = self.entries.get(message_id)
        if entry is None:
            entry = self.entries[message_id] = Entry(message_id, action, payload)
        elif (entry.action, entry.payload) != (action, payload):
            self.wrong.append((f"an id for two messages, the other is {action} {payload}", entry))
        entry.sendings.append(Sending(connection, at_s))
        self.order.append(message_id)
        return entry

    def answered(self, message_id: str, at_s: float, outcome: str, payload: dict[str, Any]) -> None:
        entry = self.entries.get(message_id)
        if entry is None:
            return
        sending = next((one for one in reversed(entry.sendings) if one.outcome == "none"), None)
        if sending is None:
            return
        sending.outcome, sending.answered_s = outcome, at_s
        if outcome == "result" and entry.action == START:
            entry.transaction_id = payload["transactionId"]

    def in_order(self) -> Iterator[Entry]:
        """Each message once, as it was sent first."""
        return iter(self.entries.values())

    def failures(self, entry: Entry, timeout_s: float) -> int:
        """How many of its transmissions the charger may count as "failed to process"."""
        count = 0
        for sending in entry.sendings:
            end_s = sending.answered_s
            if sending.outcome == "none":
                end_s = self.ends.get(sending.connection, float("inf"))
            late = end_s - sending.at_s > _LATE * timeout_s
            count += sending.outcome == "error" or late or self._waited(sending)
        return count

    def _waited(self, sending: Sending) -> bool:
        """It may have come before it was read."""
        return any(since <= sending.at_s <= until + 1 for since, until in self.stalls)
