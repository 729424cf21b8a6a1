# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The CSMS's SQLite file: its tables, opening it, and what is wrong with a file that is no such one.

Messages are kept as they came, as JSON; columns and the view `samples` read them for whoever looks with the
`sqlite3` shell. Times are UTC text, `2026-11-20T10:09:22.123000Z`, which sorts as it stands.
"""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MEMORY = ":memory:"

_APPLICATION = 0x50494C54  # "PILT": tells our files from other SQLite databases
VERSION = 1
_BUSY_S = 0.5  # how long a writer waits for another program that writes: nobody gets an answer meanwhile

_SCHEMA = """
CREATE TABLE stations (
    id TEXT PRIMARY KEY,
    boot TEXT,                          -- last BootNotification.req
    booted TEXT,                        -- when it came
    last_heartbeat TEXT,
    vendor TEXT AS (json_extract(boot, '$.chargePointVendor')),
    model TEXT AS (json_extract(boot, '$.chargePointModel')),
    firmware TEXT AS (json_extract(boot, '$.firmwareVersion'))
);
CREATE TABLE connectors (
    station TEXT NOT NULL,
    connector INTEGER NOT NULL,         -- 0: the whole charge point
    message TEXT NOT NULL,              -- last StatusNotification.req
    received TEXT NOT NULL,
    status TEXT AS (json_extract(message, '$.status')),
    error_code TEXT AS (json_extract(message, '$.errorCode')),
    info TEXT AS (json_extract(message, '$.info')),
    PRIMARY KEY (station, connector)
);
CREATE TABLE transactions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    station TEXT NOT NULL,
    connector INTEGER NOT NULL,
    tag TEXT NOT NULL,
    meter_start_wh INTEGER NOT NULL,
    started TEXT NOT NULL,
    reservation INTEGER,
    stopped TEXT,                       -- NULL: not stopped yet
    meter_stop_wh INTEGER,
    stop_tag TEXT,
    reason TEXT,
    energy_wh INTEGER AS (meter_stop_wh - meter_start_wh),
    UNIQUE (station, connector, tag, meter_start_wh, started)
);
CREATE TABLE meter_values (
    id INTEGER PRIMARY KEY,
    station TEXT NOT NULL,
    connector INTEGER NOT NULL,
    transaction_id INTEGER,             -- NULL: outside transactions, last 100 of each connector
    source TEXT NOT NULL,               -- MeterValues, or StopTransaction for its transactionData
    entry TEXT NOT NULL,                -- one element of meterValue
    timestamp TEXT AS (json_extract(entry, '$.timestamp'))
);
CREATE INDEX meter_values_of_transaction ON meter_values (transaction_id);
CREATE INDEX meter_values_outside ON meter_values (station, connector, id) WHERE transaction_id IS NULL;
CREATE VIEW samples AS
    SELECT meter_values.id, station, connector, transaction_id, source, timestamp,
        COALESCE(json_extract(sample.value, '$.measurand'), 'Energy.Active.Import.Register') AS measurand,
        json_extract(sample.value, '$.phase') AS phase,
        json_extract(sample.value, '$.value') AS value,
        COALESCE(json_extract(sample.value, '$.unit'), 'Wh') AS unit,
        COALESCE(json_extract(sample.value, '$.context'), 'Sample.Periodic') AS context
    FROM meter_values, json_each(meter_values.entry, '$.sampledValue') AS sample;
CREATE TABLE tags (
    id TEXT PRIMARY KEY COLLATE NOCASE,
    status TEXT NOT NULL,
    parent TEXT,
    expiry TEXT
);
CREATE TABLE configuration (
    station TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT,                         -- NULL: none told, and always for AuthorizationKey
    readonly INTEGER NOT NULL,
    PRIMARY KEY (station, key)
);
CREATE TABLE security_events (
    id INTEGER PRIMARY KEY,
    station TEXT NOT NULL,
    received TEXT NOT NULL,
    message TEXT NOT NULL,              -- SecurityEventNotification.req
    type TEXT AS (json_extract(message, '$.type')),
    timestamp TEXT AS (json_extract(message, '$.timestamp')),
    tech_info TEXT AS (json_extract(message, '$.techInfo'))
);
CREATE TABLE passwords (
    station TEXT NOT NULL,
    slot TEXT NOT NULL,                 -- present; next N: offered with ChangeConfiguration, not used yet
    salt BLOB NOT NULL,
    hash BLOB NOT NULL,                 -- scrypt; the password itself is nowhere
    PRIMARY KEY (station, slot)
);
"""

Statement = tuple[str, Sequence[Any]]


class DatabaseTrouble(Exception):
    """The file cannot be used, or not written; the text says why, in words for the person at the desk."""


class Database:
    """One file, used by one CSMS at a time; others may read it meanwhile. `":memory:"` is forgotten."""

    def __init__(self, path: str | Path):
        self.path = str(path)
        self._durable = False
        self._lock = self._locked()
        try:
            self._connection = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise
        except sqlite3.Error as error:
            self._unlock()
            raise DatabaseTrouble(f"{self.path} {_why(error)}") from None
        except BaseException:
            self._unlock()
            raise

    def close(self) -> None:
        self._connection.close()  # what is in the -wal file goes into the file itself
        self._unlock()  # only now: closing any descriptor of the file gives up SQLite's own locks on it

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise DatabaseTrouble(f"{self.path} {_why(error)}") from None

    def write(self, *statements: Statement, durable: bool = False) -> None:
        """All of them or none. Then a crash of this program loses nothing of it; with `durable`, which waits
        for the disk, a power cut of the machine neither.
        """
        run = self._connection.execute
        try:
            if durable is not self._durable:
                run(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._durable = durable
            run("BEGIN IMMEDIATE")
            try:
                for sql, values in statements:
                    run(sql, values)
                run("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    run("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise DatabaseTrouble(f"{self.path} {_why(error)}") from None

    # --- opening --------------------------------------------------------------------------------------------

    def _locked(self) -> int | None:
        """A descriptor that keeps a second CSMS out. The file is made for its owner's eyes only."""
        if self.path == MEMORY:
            return None
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            raise DatabaseTrouble(f"{self.path}: there is no such folder") from None
        except OSError as error:
            raise DatabaseTrouble(f"{self.path} cannot be opened for writing: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise DatabaseTrouble(f"{self.path} is in use by another CSMS") from None
        return descriptor

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _prepare(self) -> None:
        run = self._connection.execute
        # The first look at the file itself: what is no database says so here.
        tables = run("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        application, version = self._number("application_id"), self._number("user_version")
        if tables and application != _APPLICATION:
            raise DatabaseTrouble(f"{self.path} is a database of something else, not of this CSMS")
        if version > VERSION:
            raise DatabaseTrouble(
                f"{self.path} was written by a newer version (layout {version}, this one knows {VERSION})"
            )
        found = run("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(f"malformed: {found}")
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        if not tables:
            run("BEGIN IMMEDIATE")
            for statement in _SCHEMA.split(";\n"):
                run(statement)
            run(f"PRAGMA application_id = {_APPLICATION}")
            run(f"PRAGMA user_version = {VERSION}")
            run("COMMIT")

    def _number(self, pragma: str) -> int:
        return self._connection.execute(f"PRAGMA {pragma}").fetchone()[0]


def _why(error: sqlite3.Error) -> str:
    """SQLite's own words, and what to do about it."""
    text = str(error)
    if "not a database" in text:
        return "is no SQLite database"
    if "malformed" in text or "disk image" in text:
        return f"is damaged ({text}); move it away to begin anew, or try `sqlite3 FILE .recover`"
    if "locked" in text:
        return "is locked by another program that writes to it"
    if "readonly" in text:
        return "cannot be written to: it is read-only"
    return f"cannot be used: {text}"
