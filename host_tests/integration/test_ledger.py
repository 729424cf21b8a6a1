# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The CSMS's books in a SQLite file: what was confirmed is there, whatever ended the CSMS."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import websockets
from ocpp.exceptions import InternalError
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from bench.books import Books
from bench.charger import REPOSITORY
from bench.csms import Csms
from bench.deadline import within
from bench.ledger import books as ledger_module
from bench.ledger.books import Ledger
from bench.ledger.database import VERSION, DatabaseTrouble
from bench.scenario import scenario
from host_tests.integration.charge_points import everything

START = {"connectorId": 1, "idTag": "T1", "meterStart": 100, "timestamp": "2026-11-20T10:00:00.123456Z"}
SAMPLE = {
    "timestamp": "2026-11-20T10:00:30Z",
    "sampledValue": [{"value": "150"}, {"value": "9", "unit": "A"}],
}
STOP = {"transactionId": 1, "meterStop": 350, "timestamp": "2026-11-20T12:01:00+02:00"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "csms.sqlite"


def start(books: Books, number: int = 0, station: str = "CP1") -> Any:
    return books.start(
        station_id=station, connector=1, tag="T1", meter_start_wh=number, timestamp="2026-11-20T10:00:00Z"
    )


def stop(books: Books, number: int, data: list[Any] | None = None) -> Any:
    return books.stop(
        transaction_id=number,
        meter_stop_wh=500,
        timestamp="2026-11-20T10:10:00Z",
        tag="T1",
        reason="EVDisconnected",
        data=data or [],
    )


def select(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """As somebody at the sqlite3 shell sees it."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


async def ask(wire: ClientConnection, action: str, payload: dict[str, Any], number: str = "m1") -> list[Any]:
    await wire.send(json.dumps([2, number, action, payload]))
    return json.loads(await within(5, wire.recv()))


def dial(url: str, station_id: str = "CP1") -> Any:
    return websockets.connect(f"{url}/{station_id}", subprotocols=[Subprotocol("ocpp1.6")])


@contextlib.asynccontextmanager
async def csms_on(path: Path):
    with Ledger(path) as ledger:
        async with Csms(books=ledger) as csms:
            yield csms


def test_after_a_restart_everything_is_there_as_it_was(path):
    books = Books()
    with Ledger(path) as ledger:
        for book in (books, ledger):
            book.tag("T1", parent="FAMILY", expiry=datetime(2099, 1, 1, tzinfo=UTC))
            book.tag("t2", status="Blocked")
            book.tag("GONE")
            assert book.forget_tag("gone") and not book.forget_tag("gone")
            book.booted("CP1", {"chargePointVendor": "V", "chargePointModel": "M", "firmwareVersion": "1.2"})
            book.status("CP1", 1, {"errorCode": "NoError", "status": "Preparing"})
            book.status("CP1", 1, {"errorCode": "GroundFailure", "status": "Faulted", "info": "why"})
            book.status("CP1", 0, {"errorCode": "NoError", "status": "Available"})
            book.configuration("CP1", [{"key": "HeartbeatInterval", "value": "60", "readonly": False}])
            book.configuration("CP1", [{"key": "Nothing", "readonly": True}])
            book.changed("CP1", "heartbeatinterval", "90")
            book.security_event(
                "CP1", {"type": "TamperDetectionActivated", "timestamp": "2026-11-20T10:00:00Z"}
            )
            start(book)
            start(book, 7, "CP2")
            book.meter_values("CP1", 1, 1, [SAMPLE])
            book.meter_values("CP1", 1, None, [SAMPLE])
            book.meter_values("CP1", 1, 99, [SAMPLE])  # of a transaction that nobody knows
            stop(book, 1, [SAMPLE, SAMPLE])
        ledger.heartbeat("CP1")
        heartbeat = ledger.station("CP1").last_heartbeat
    with Ledger(path) as again:
        assert again.tags == books.tags
        assert again.transactions == books.transactions
        assert again.transactions[1].energy_wh == 500 and again.transactions[2].stopped is None
        assert again.station("CP1").last_heartbeat == heartbeat
        books.heartbeat("CP1", heartbeat)
        assert again.station("CP1") == books.station("CP1")
        assert again.station("CP1").configuration["HeartbeatInterval"] == ("90", False)
        assert [entry.id for entry in again.running("CP2")] == [2]


@scenario(30)
async def test_messages_around_a_restart_belong_together(tmp_path: Path):
    path = tmp_path / "csms.sqlite"
    async with csms_on(path) as csms, dial(csms.url) as wire:
        csms.books.tag("T1")
        first = (await ask(wire, "StartTransaction", START, "a"))[2]["transactionId"]
        assert (await ask(wire, "StartTransaction", START | {"connectorId": 2}))[2]["transactionId"] == 2
    async with csms_on(path) as csms, dial(csms.url) as wire:
        again = (await ask(wire, "StartTransaction", START, "b"))[2]
        assert again == {"transactionId": first, "idTagInfo": {"status": "Accepted"}}
        await ask(wire, "MeterValues", {"connectorId": 1, "transactionId": first, "meterValue": [SAMPLE]})
        await ask(wire, "StopTransaction", STOP | {"transactionData": [SAMPLE]})
        third = (await ask(wire, "StartTransaction", START | {"connectorId": 3}))[2]["transactionId"]
        assert third == 3
    async with csms_on(path) as csms, dial(csms.url) as wire:
        await ask(wire, "StopTransaction", STOP | {"meterStop": 9999})  # the first one delivered counts
        entry = csms.books.transactions[first]
        assert (entry.energy_wh, entry.reason, entry.readings) == (250, "Local", [SAMPLE])
        assert [one.id for one in csms.books.running("CP1")] == [2, 3]
        assert entry.duration_s == pytest.approx(60 - 0.123456)


def test_ids_go_on_when_rows_were_deleted_by_hand(path):
    with Ledger(path) as ledger:
        assert [start(ledger, number).id for number in range(3)] == [1, 2, 3]
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM transactions")
        connection.commit()
    with Ledger(path) as ledger:
        assert start(ledger).id == 4


def test_tables_can_be_read_with_the_sqlite_shell_while_the_csms_runs(path):
    with Ledger(path) as ledger:
        ledger.tag("T1")
        ledger.booted("CP1", {"chargePointVendor": "V", "chargePointModel": "M"})
        ledger.status("CP1", 2, {"errorCode": "NoError", "status": "Charging"})
        ledger.security_event("CP1", {"type": "X", "timestamp": "2026-11-20T10:00:00Z", "techInfo": "seal"})
        start(ledger, 100)
        ledger.meter_values("CP1", 1, 1, [SAMPLE])
        stop(ledger, 1)
        assert select(path, "SELECT vendor, model FROM stations") == [("V", "M")]
        assert select(path, "SELECT connector, status FROM connectors") == [(2, "Charging")]
        assert select(path, "SELECT type, tech_info FROM security_events") == [("X", "seal")]
        assert select(path, "SELECT id, tag, energy_wh, reason FROM transactions") == [
            (1, "T1", 400, "EVDisconnected")
        ]
        assert select(path, "SELECT transaction_id, measurand, value, unit FROM samples") == [
            (1, "Energy.Active.Import.Register", "150", "Wh"),
            (1, "Energy.Active.Import.Register", "9", "A"),
        ]
        assert select(path, "SELECT julianday(stopped) > julianday(started) FROM transactions") == [(1,)]


def test_readings_outside_transactions_are_trimmed_to_the_last_hundred(path):
    with Ledger(path) as ledger:
        for number in range(130):
            ledger.meter_values("CP1", 1, None, [{"timestamp": str(number), "sampledValue": []}])
        ledger.meter_values("CP1", 2, None, [SAMPLE])
        start(ledger)
        for _ in range(130):
            ledger.meter_values("CP1", 1, 1, [SAMPLE])
        assert len(ledger.station("CP1").readings[1]) == 100
    rows = select(path, "SELECT timestamp FROM meter_values WHERE transaction_id IS NULL AND connector = 1")
    assert [int(row[0]) for row in rows] == list(range(30, 130))
    assert select(path, "SELECT count(*) FROM meter_values WHERE transaction_id = 1") == [(130,)]
    with Ledger(path) as ledger:
        readings = ledger.station("CP1").readings
        assert [entry["timestamp"] for entry in readings[1]] == [str(number) for number in range(30, 130)]
        assert readings[2] == [SAMPLE]


def test_old_readings_leave_the_memory_and_stay_in_the_file(path, monkeypatch):
    monkeypatch.setattr(ledger_module, "_WITH_READINGS", 2)
    with Ledger(path) as ledger:
        for number in range(1, 5):
            start(ledger, number)
            ledger.meter_values("CP1", 1, number, [SAMPLE])
            stop(ledger, number, [SAMPLE, SAMPLE])
        in_memory = [len(entry.readings) for entry in ledger.transactions.values()]
        assert in_memory == [0, 0, 1, 1]
    with Ledger(path) as ledger:
        assert [len(entry.readings) for entry in ledger.transactions.values()] == in_memory
        assert ledger.readings(1) == [SAMPLE]
        assert ledger.readings(1, "StopTransaction") == [SAMPLE, SAMPLE]


# A CSMS of its own, to be killed; it prints its address.
SERVER = """
import asyncio, sys
from bench.csms import Csms
from bench.ledger.books import Ledger

async def serve():
    ledger = Ledger(sys.argv[1])
    ledger.tag("T1")
    async with Csms(books=ledger, strict=False) as csms:
        print(csms.url, flush=True)
        await asyncio.Event().wait()

asyncio.run(serve())
"""


@scenario(50)
async def test_what_was_confirmed_before_a_sigkill_is_there_after_it(tmp_path: Path):
    path = tmp_path / "csms.sqlite"
    confirmed: list[tuple[str, int, list[Any]]] = []  # station, transaction, what was confirmed of it
    told: dict[str, str] = {}

    async def traffic(url: str, name: str, round_: int) -> None:
        with contextlib.suppress(websockets.ConnectionClosed, OSError, TimeoutError):
            async with dial(url, name) as wire:
                for number in range(10_000):
                    begun = START | {"meterStart": number, "connectorId": round_ + 1}
                    answer = await ask(wire, "StartTransaction", begun)
                    facts: list[Any] = [number]
                    transaction = answer[2]["transactionId"]
                    confirmed.append((name, transaction, facts))
                    values = [SAMPLE | {"timestamp": f"2026-11-20T10:00:{number % 60:02d}Z"}]
                    reading = {"connectorId": 1, "transactionId": transaction, "meterValue": values}
                    await ask(wire, "MeterValues", reading)
                    facts.append(values)
                    state = "Charging" if number % 2 else "Available"
                    status = {
                        "connectorId": round_ + 1,
                        "errorCode": "NoError",
                        "status": state,
                        "info": str(number),
                    }
                    await ask(wire, "StatusNotification", status)
                    told[f"{name} {round_ + 1}"] = str(number)
                    await ask(
                        wire,
                        "StopTransaction",
                        STOP | {"transactionId": transaction, "meterStop": number + 5},
                    )
                    facts.append(number + 5)

    for round_ in range(3):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SERVER, str(path), stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY / "tools")},
        )  # fmt: skip
        try:
            assert process.stdout is not None
            url = (await within(15, process.stdout.readline())).decode().strip()
            before = len(confirmed)
            playing = [asyncio.create_task(traffic(url, name, round_)) for name in ("CP1", "CP2")]
            while len(confirmed) < before + 40 + 7 * round_:
                await asyncio.sleep(0.003)
        finally:
            process.send_signal(signal.SIGKILL)
            await process.wait()
        await asyncio.gather(*playing)

    with Ledger(path) as ledger:
        assert len({transaction for _, transaction, _ in confirmed}) == len(confirmed) >= 120
        for name, transaction, (start_wh, *rest) in confirmed:
            entry = ledger.transactions[transaction]
            assert (entry.station, entry.meter_start_wh) == (name, start_wh)
            if rest:
                assert ledger.readings(transaction) == rest[0]
            if len(rest) > 1:
                assert entry.meter_stop_wh == rest[1]
        for key, number in told.items():
            name, connector = key.split()
            # One more may have come whose answer did not get out.
            assert ledger.station(name).statuses[int(connector)]["info"] in (number, str(int(number) + 1))


@scenario(30)
async def test_what_cannot_be_kept_is_not_confirmed_and_can_come_again(tmp_path: Path):
    path = tmp_path / "csms.sqlite"
    async with csms_on(path) as csms, dial(csms.url) as wire:
        started = (await ask(wire, "StartTransaction", START))[2]["transactionId"]
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # another program writes, and takes its time
            for action, payload in (
                ("StopTransaction", STOP),
                ("StartTransaction", START | {"connectorId": 2}),
                ("MeterValues", {"connectorId": 1, "transactionId": started, "meterValue": [SAMPLE]}),
                ("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}),
                ("SecurityEventNotification", {"type": "X", "timestamp": "2026-11-20T10:00:00Z"}),
            ):
                answer = await ask(wire, action, payload)
                assert answer[0] == 4 and answer[2] == "InternalError", answer
                assert "locked by another program" in answer[3]
            other.execute("ROLLBACK")
        entry = csms.books.transactions[started]
        assert entry.stopped is None and entry.readings == [] and set(csms.books.transactions) == {started}
        assert csms.books.station("CP1").security_events == []
        assert csms.books.station("CP1").statuses == {}
        await ask(wire, "StopTransaction", STOP)
        assert entry.energy_wh == 250
    assert select(path, "SELECT energy_wh FROM transactions") == [(250,)]


def test_a_file_that_is_no_such_database_is_named_with_the_reason(path, tmp_path):
    def reason() -> str:
        before = path.read_bytes()
        with pytest.raises(DatabaseTrouble) as trouble:
            Ledger(path)
        assert path.read_bytes() == before
        assert str(path) in str(trouble.value)
        return str(trouble.value)

    path.write_text("Dear diary, " * 500)
    assert "is no SQLite database" in reason()
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipes (name)")
    assert "something else" in reason()
    path.unlink()
    Ledger(path).close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    assert "newer version" in reason()
    with pytest.raises(DatabaseTrouble, match="no such folder"):
        Ledger(tmp_path / "nowhere" / "csms.sqlite")
    with pytest.raises(DatabaseTrouble, match="cannot be opened"):
        Ledger(tmp_path)


@pytest.mark.parametrize("where", ["header", "pages", "content"])
def test_a_damaged_file_is_told(path, where):
    with Ledger(path) as ledger:
        for number in range(200):
            start(ledger, number)
            ledger.booted("CP1", {"chargePointVendor": "V"})
    content = bytearray(path.read_bytes())
    if where == "header":
        content[:16] = bytes(16)
    elif where == "pages":
        content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    if where == "content":
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE transactions SET started = 'yesterday' WHERE id = 7")
            connection.commit()
    expected = {
        "header": "is no SQLite database",
        "pages": "is damaged",
        "content": "cannot be read.*yesterday",
    }
    with pytest.raises(DatabaseTrouble, match=expected[where]):
        Ledger(path)


def test_a_file_in_use_is_told_and_free_again_afterwards(path):
    with Ledger(path):
        with pytest.raises(DatabaseTrouble, match="in use by another CSMS"):
            Ledger(path)
        with Ledger(), Ledger():  # those that keep nothing have nothing to share
            pass
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(DatabaseTrouble, match="locked by another program"):
            Ledger(path)
    with Ledger(path) as ledger:
        start(ledger)


def test_what_is_billed_waits_for_the_disk_and_the_rest_does_not(path):
    """A power cut of the machine leaves the former. SQLite's levels: 2 flushes each commit, 1 does not."""
    with Ledger(path) as ledger:

        def level() -> int:
            return ledger.database.rows("PRAGMA synchronous")[0][0]

        levels = []
        for enter in (
            lambda: start(ledger),
            lambda: ledger.heartbeat("CP1"),
            lambda: stop(ledger, 1),
            lambda: ledger.meter_values("CP1", 1, 1, [SAMPLE]),
            lambda: ledger.tag("T1"),
            lambda: ledger.status("CP1", 1, {"status": "Available", "errorCode": "NoError"}),
        ):
            enter()
            levels.append(level())
        assert levels == [2, 1, 2, 1, 2, 1]
        assert ledger.database.rows("PRAGMA journal_mode") == [("wal",)]


def test_a_full_disk_is_told_and_nothing_of_the_message_is_kept(path):
    with Ledger(path) as ledger:
        start(ledger)
        ledger.database.rows("PRAGMA max_page_count = 30")
        with pytest.raises(InternalError) as trouble:
            for _ in range(1000):
                before = len(ledger.transactions[1].readings)
                ledger.meter_values("CP1", 1, 1, [SAMPLE | {"sampledValue": [{"value": "x" * 400}] * 3}] * 3)
        assert "full" in trouble.value.description
        assert len(ledger.transactions[1].readings) == before > 0
    assert select(path, "SELECT count(*) FROM meter_values") == [(before,)]


def test_the_file_is_for_its_owner_only(path):
    with Ledger(path) as ledger:
        ledger.tag("T1")
        modes = {entry.name: entry.stat().st_mode & 0o077 for entry in path.parent.iterdir()}
        assert len(modes) >= 2 and set(modes.values()) == {0}, modes
    assert list(path.parent.iterdir()) == [path]


KEY = "4F43415F4F4354545F61646D696E5F74657374"  # TC_073: hexadecimal of "OCA_OCTT_admin_test"


def test_authorization_keys_are_in_no_table_and_not_in_memory(path):
    with Ledger(path) as ledger:
        ledger.configuration("CP1", [{"key": "AuthorizationKey", "value": KEY, "readonly": False}])
        ledger.changed("CP1", "authorizationKEY", KEY)
        assert ledger.station("CP1").configuration == {"AuthorizationKey": (None, False)}
        assert KEY.encode() not in everything(path.parent)
    assert select(path, "SELECT key, value FROM configuration") == [("AuthorizationKey", None)]
