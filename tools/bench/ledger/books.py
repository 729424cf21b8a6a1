# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The CSMS's books, kept in a SQLite file (tables: `bench.ledger.database`).

Everything is in the file before it is in the books, and in the books before the charge point has its answer;
what cannot be written is in neither and answered with CALLERROR InternalError, so that it is sent again.
Starts and ends of transactions, tags and passwords survive a power cut of this machine as well; of readings,
statuses and heartbeats it may cost those of the last half minute or so.
"""

import contextlib
import json
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from ocpp.exceptions import InternalError

from bench.books import Books, Tag, Transaction, is_secret
from bench.ledger.database import MEMORY, Database, DatabaseTrouble, Statement
from bench.messages import parse_utc

# In memory are all transactions, but the readings of the running ones and of so many that have ended.
_WITH_READINGS = 200

_STATION = "INSERT OR IGNORE INTO stations (id) VALUES (?)"
_TAG = """
    INSERT INTO tags VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
        id = excluded.id, status = excluded.status, parent = excluded.parent, expiry = excluded.expiry
"""
_STATUS = "INSERT OR REPLACE INTO connectors (station, connector, message, received) VALUES (?, ?, ?, ?)"
_START = """
    INSERT INTO transactions (id, station, connector, tag, meter_start_wh, started, reservation)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_STOP = "UPDATE transactions SET stopped = ?, meter_stop_wh = ?, stop_tag = ?, reason = ? WHERE id = ?"
_TRANSACTIONS = """
    SELECT id, station, connector, tag, meter_start_wh, started, reservation,
        stopped, meter_stop_wh, stop_tag, reason
    FROM transactions ORDER BY id
"""
_KEY = "INSERT OR REPLACE INTO configuration VALUES (?, ?, ?, ?)"
_METER_VALUE = (
    "INSERT INTO meter_values (station, connector, transaction_id, source, entry) VALUES (?, ?, ?, ?, ?)"
)
_TRIM = """
    DELETE FROM meter_values WHERE transaction_id IS NULL AND station = ? AND connector = ? AND id <= (
        SELECT id FROM meter_values WHERE transaction_id IS NULL AND station = ? AND connector = ?
        ORDER BY id DESC LIMIT 1 OFFSET 100)
"""


def stored(moment: datetime | None) -> str | None:
    """A moment as the file has it: exact, because a retried StartTransaction is recognised by it."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_utc(text)


class Ledger(Books):
    """`path=":memory:"` keeps nothing. DatabaseTrouble when the file cannot be used. To be closed."""

    def __init__(self, path: str | Path = MEMORY, unknown_tag: str = "Invalid"):
        super().__init__(unknown_tag)
        self.database = Database(path)
        self._with_readings: deque[int] = deque()  # transactions that have ended, oldest first
        try:
            self._load()
        except (ValueError, TypeError, KeyError) as error:
            self.database.close()
            raise DatabaseTrouble(f"{path} holds something that cannot be read: {error!r}") from error
        except BaseException:
            self.database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        self.database.close()

    def readings(self, transaction_id: int, source: str = "MeterValues") -> list[dict[str, Any]]:
        """All readings of a transaction, as received; `source="StopTransaction"`: its transactionData."""
        rows = self.database.rows(
            "SELECT entry FROM meter_values WHERE transaction_id = ? AND source = ? ORDER BY id",
            (transaction_id, source),
        )
        return [json.loads(entry) for (entry,) in rows]

    # --- what is entered ------------------------------------------------------------------------------------

    def tag(
        self, id_tag: str, status: str = "Accepted", parent: str | None = None, expiry: datetime | None = None
    ) -> Tag:
        self._keep((_TAG, (id_tag, status, parent, stored(expiry))), durable=True)
        return super().tag(id_tag, status, parent, expiry)

    def forget_tag(self, id_tag: str) -> bool:
        self._keep(("DELETE FROM tags WHERE id = ?", (id_tag,)), durable=True)
        return super().forget_tag(id_tag)

    def booted(self, station_id: str, request: dict[str, Any]) -> None:
        values = (json.dumps(request), stored(datetime.now(UTC)), station_id)
        self._keep(
            (_STATION, (station_id,)), ("UPDATE stations SET boot = ?, booted = ? WHERE id = ?", values)
        )
        super().booted(station_id, request)

    def heartbeat(self, station_id: str, at: datetime | None = None) -> None:
        at = at or datetime.now(UTC)
        values = (stored(at), station_id)
        self._keep((_STATION, (station_id,)), ("UPDATE stations SET last_heartbeat = ? WHERE id = ?", values))
        super().heartbeat(station_id, at)

    def status(self, station_id: str, connector: int, told: dict[str, Any]) -> None:
        self._keep(
            (_STATION, (station_id,)),
            (_STATUS, (station_id, connector, json.dumps(told), stored(datetime.now(UTC)))),
        )
        super().status(station_id, connector, told)

    def security_event(self, station_id: str, event: dict[str, Any]) -> None:
        self._keep(
            (_STATION, (station_id,)),
            (
                "INSERT INTO security_events (station, received, message) VALUES (?, ?, ?)",
                (station_id, stored(datetime.now(UTC)), json.dumps(event)),
            ),
        )
        super().security_event(station_id, event)

    def _known(self, new: Transaction) -> Transaction | None:
        rows = self.database.rows(
            "SELECT id FROM transactions WHERE station = ? AND connector = ? AND tag = ? "
            "AND meter_start_wh = ? AND started = ?",
            (new.station, new.connector, new.tag, new.meter_start_wh, stored(new.started)),
        )
        return self.transactions.get(rows[0][0]) if rows else None

    def _enter(self, entry: Transaction) -> None:
        self._keep(
            (_STATION, (entry.station,)),
            (
                _START,
                (
                    entry.id,
                    entry.station,
                    entry.connector,
                    entry.tag,
                    entry.meter_start_wh,
                    stored(entry.started),
                    entry.reservation,
                ),
            ),
            durable=True,
        )

    def _end(self, entry: Transaction) -> None:
        values = (stored(entry.stopped), entry.meter_stop_wh, entry.stop_tag, entry.reason, entry.id)
        self._keep(
            (_STOP, values),
            *self._readings(
                entry.station, entry.connector, entry.id, "StopTransaction", entry.transaction_data
            ),
            durable=True,
        )
        self._ended(entry.id)

    def meter_values(
        self, station_id: str, connector: int, transaction_id: int | None, values: list[dict[str, Any]]
    ) -> None:
        known = None if self.of_station(transaction_id, station_id) is None else transaction_id
        trim: list[Statement] = []
        if known is None:
            trim = [(_TRIM, (station_id, connector) * 2)]
        self._keep(
            (_STATION, (station_id,)),
            *self._readings(station_id, connector, known, "MeterValues", values),
            *trim,
        )
        super().meter_values(station_id, connector, transaction_id, values)

    def configuration(self, station_id: str, rows: list[dict[str, Any]]) -> None:
        entries = [
            (station_id, row["key"], None if is_secret(row["key"]) else row.get("value"), row["readonly"])
            for row in rows
        ]
        # These come in an answer, which nobody can answer in turn: what cannot be kept is asked for again. A
        # ValueError is a key that is no Unicode.
        with contextlib.suppress(InternalError, ValueError):
            self._keep((_STATION, (station_id,)), *((_KEY, entry) for entry in entries))
            super().configuration(station_id, rows)

    # --- inside ---------------------------------------------------------------------------------------------

    def _keep(self, *statements: Statement, durable: bool = False) -> None:
        try:
            self.database.write(*statements, durable=durable)
        except DatabaseTrouble as trouble:
            raise InternalError(f"not kept: {trouble}") from trouble

    @staticmethod
    def _readings(
        station_id: str, connector: int, transaction_id: int | None, source: str, values: Sequence[Any]
    ) -> list[Statement]:
        return [
            (_METER_VALUE, (station_id, connector, transaction_id, source, json.dumps(entry)))
            for entry in values
        ]

    def _ended(self, transaction_id: int) -> None:
        """Years of readings are in the file; a desk's memory holds the latest."""
        self._with_readings.append(transaction_id)
        while len(self._with_readings) > _WITH_READINGS:
            old = self.transactions.get(self._with_readings.popleft())
            if old is not None:
                old.readings, old.transaction_data = [], []

    def _load(self) -> None:
        rows = self.database.rows
        for name, status, parent, expiry in rows(
            "SELECT id, status, parent, expiry FROM tags ORDER BY rowid"
        ):
            super().tag(name, status, parent, _moment(expiry))
        for station_id, boot, heartbeat in rows("SELECT id, boot, last_heartbeat FROM stations"):
            entry = self.station(station_id)
            entry.boot = json.loads(boot) if boot else {}
            entry.last_heartbeat = _moment(heartbeat)
        for station_id, connector, message in rows(
            "SELECT station, connector, message FROM connectors ORDER BY connector"
        ):
            self.station(station_id).statuses[connector] = json.loads(message)
        for station_id, key, value, readonly in rows(
            "SELECT station, key, value, readonly FROM configuration ORDER BY rowid"
        ):
            self.station(station_id).configuration[key] = (value, bool(readonly))
        for station_id, message in rows("SELECT station, message FROM security_events ORDER BY id"):
            super().security_event(station_id, json.loads(message))
        self._load_transactions()
        for station_id, connector, entry in rows(
            "SELECT station, connector, entry FROM meter_values WHERE transaction_id IS NULL ORDER BY id"
        ):
            super().meter_values(station_id, connector, None, [json.loads(entry)])

    def _load_transactions(self) -> None:
        rows = self.database.rows
        for number, station, connector, tag, start_wh, started, reservation, stopped, *end in rows(
            _TRANSACTIONS
        ):
            self.transactions[number] = Transaction(
                number,
                station,
                connector,
                tag,
                start_wh,
                parse_utc(started),
                reservation,
                _moment(stopped),
                *end,
            )
        # AUTOINCREMENT's memory: ids go on, also when somebody has deleted rows.
        highest = rows("SELECT seq FROM sqlite_sequence WHERE name = 'transactions'")
        self.next_transaction = 1 + max(highest[0][0] if highest else 0, *self.transactions, 0)
        ended = [entry for entry in self.transactions.values() if entry.stopped is not None]
        self._with_readings.extend(entry.id for entry in ended[-_WITH_READINGS:])
        running = [entry.id for entry in self.transactions.values() if entry.stopped is None]
        for number in (*self._with_readings, *running):
            entry = self.transactions[number]
            entry.readings = self.readings(number)
            entry.transaction_data = self.readings(number, "StopTransaction")
