# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The prompt of `python -m bench csms`, in this process: who is meant, waits, records, what is not shown."""

import asyncio
import json
import re
import tempfile
from pathlib import Path

import pytest
import websockets

from bench.charger import REPOSITORY
from bench.desk.commands import presentable
from bench.desk.screen import Screen
from bench.desk.with_charge_points import CsmsDesk, prefix
from bench.ledger.books import Ledger
from bench.messages import TO_STATION, read
from host_tests.integration.charge_points import START, charge_point, desk, everything

AT_ONCE = 4

_NOW = "2026-11-20T10:00:00Z"


async def test_with_two_charge_points_one_must_be_named():
    async with desk() as (here, lines):
        run = here.commands.run
        assert not await run("get") and "no charge point is connected" in lines[-1]
        async with charge_point(here.csms.url, "CP1") as one, charge_point(here.csms.url, "CP2") as two:
            await one.ask("Heartbeat", {})
            await two.ask("Heartbeat", {})
            assert not await run("get") and re.search(r"which one\? CP1, CP2; say `use CP1`", lines[-1])
            assert await run("CP2: clear-cache") and (one.calls, len(two.calls)) == ([], 1)
            assert not await run("clear-cache")
            assert await run("use CP1") and await run("clear-cache") and await run("CP2: unlock")
            assert [action for action, _ in one.calls] == ["ClearCache"]
            assert [action for action, _ in two.calls] == ["ClearCache", "UnlockConnector"]
        await here.csms.station("CP1").wait_disconnected()
        assert not await run("clear-cache") and "CP1 is not connected" in lines[-1]


async def test_waits_take_what_has_come_in_order():
    async with desk() as (here, lines), charge_point(here.csms.url) as point:
        run = here.commands.run
        for number, status in enumerate(("Available", "Preparing", "Available")):
            told = {"connectorId": number, "errorCode": "NoError", "status": status}
            await point.ask("StatusNotification", told)
        assert await run("wait status available connectorId=0")
        assert await run("wait StatusNotification Available within 1")
        assert not await run("wait StatusNotification within 0.05")
        await point.ask("Heartbeat", {})
        assert await run("mark") and not await run("wait Heartbeat within 0.05")
        later = asyncio.create_task(run("wait StartTransaction T1 connectorId=1 within 5"))
        await asyncio.sleep(0.05)
        await point.ask("StartTransaction", START)
        assert await later, lines
        assert await run("wait connected") and not await run("wait disconnected within 0.05")


async def test_records_are_shown_in_local_time_with_milliseconds():
    async with desk() as (here, lines), charge_point(here.csms.url) as point:
        await point.ask("BootNotification", {"chargePointVendor": "V\u001b[2J", "chargePointModel": "M"})
        await point.ask(
            "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}
        )
        await point.ask("StartTransaction", START)
        values = [{"timestamp": "2026-11-20T10:00:30.250Z", "sampledValue": [{"value": "150"}]}]
        await point.ask("MeterValues", {"connectorId": 1, "transactionId": 1, "meterValue": values})
        await point.ask("MeterValues", {"connectorId": 2, "meterValue": values})
        await point.ask("SecurityEventNotification", {"type": "Tamper", "timestamp": "2026-11-20T10:00:00Z"})
        await here.commands.run("get HeartbeatInterval")
        shown: dict[str, str] = {}
        for line in ("stations", "transactions", "transactions 1", "transactions running", "meter-values 1",
                     "meter-values", "configuration heart", "security-events", "tags", "help"):  # fmt: skip
            before = len(lines)
            assert await here.commands.run(line), lines[-1]
            shown[line] = "\n".join(lines[before:])
    stamp = r"2026-11-\d\d \d\d:\d\d:\d\d\.\d{3}"
    assert re.search(r"CP1 +connected +V\\x1b\[2J M\n +connector 1 +Charging", shown["stations"])
    assert re.search(rf"1  CP1 connector 1  tag T1  {stamp}  running", shown["transactions"])
    assert shown["transactions running"] == shown["transactions"]
    assert re.search(rf"started +{stamp}  100 Wh\n +stopped +not yet", shown["transactions 1"])
    assert re.search(rf"{stamp}  Energy.Active.Import.Register  150 Wh", shown["meter-values 1"])
    assert re.search(rf"connector 2\n +{stamp}  Energy", shown["meter-values"])
    assert re.search(r"HeartbeatInterval +60", shown["configuration heart"])
    assert re.search(rf"{stamp}  Tamper", shown["security-events"])
    assert all(
        re.search(rf"^  {name}( .*)?  \S", shown["help"], re.MULTILINE) for name in here.commands.names
    )
    assert not any("\x1b" in line for line in lines)


async def test_a_tag_keeps_its_parent_and_expiry_when_its_status_changes():
    async with desk() as (here, lines):
        for line in (
            "tags 04a1 accepted parent FAMILY until 2099-01-01T00:00Z",
            "tags 04A1 blocked",
            "tags 04B2 accepted",
            "tags 04B2 remove",
        ):
            assert await here.commands.run(line), lines
        (tag,) = here.ledger.tags.values()
        assert (tag.id, tag.status, tag.parent) == ("04a1", "Blocked", "FAMILY")
        assert tag.expiry is not None and tag.expiry.year == 2099
        assert await here.commands.run("tags 04A1 accepted parent none until none")
        (tag,) = here.ledger.tags.values()
        assert (tag.status, tag.parent, tag.expiry) == ("Accepted", None, None)
        assert not await here.commands.run("tags 04B2 remove") and "there is no tag" in lines[-1]


def test_the_page_names_every_command_and_its_queries_work(tmp_path: Path):
    page = (REPOSITORY / "docs" / "csms.md").read_text()
    rows = [line.split("`")[1].split()[0] for line in page.splitlines() if line.startswith("| `")]
    with Ledger(tmp_path / "csms.sqlite") as ledger:
        here = CsmsDesk(ledger, Screen(lambda _: None, colour=False), host="127.0.0.1", port=0)
        assert set(here.commands.names) <= set(rows)
        start = {"tag": "T1", "meter_start_wh": 100, "timestamp": _NOW}
        for connector in (1, 2):
            ledger.start(station_id="CP1", connector=connector, **start)
        ledger.stop(transaction_id=1, meter_stop_wh=900, timestamp=_NOW, tag=None, reason=None, data=[])
        ledger.meter_values("CP1", 1, 1, [{"timestamp": _NOW, "sampledValue": [{"value": "150"}]}])
        ledger.status("CP1", 1, {"status": "Faulted", "errorCode": "GroundFailure"})
        queries = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)[0].strip().split(";\n")
        assert len(queries) >= 3
        for query in queries:
            assert ledger.database.rows(query), query
        query = "SELECT name FROM sqlite_schema WHERE sql LIKE 'CREATE %' AND type IN ('table', 'view')"
        tables = {row[0] for row in ledger.database.rows(query)}
        assert tables - {"sqlite_sequence"} <= set(rows)


SECRET = "correct-horse-battery"


def test_a_line_with_a_password_is_shown_without_it():
    for line in (
        f"set AuthorizationKey {SECRET}",
        f"CP1: set authorizationkey '{SECRET}'",
        f'call ChangeConfiguration {{"value": "{SECRET}", "key": "AuthorizationKey"}}',
        f"password CP1 {SECRET}",
        f"CP1: password CP1 {SECRET}",
    ):
        assert SECRET not in presentable(line) and "***" in presentable(line), line
    for line in ("get AuthorizationKey", "password CP1 none", "password", "set HeartbeatInterval 5"):
        assert presentable(line) == line


async def test_a_new_authorization_key_becomes_the_password_and_is_seen_nowhere():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "csms.sqlite")
        sloppy = {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": SECRET}]}
        async with desk(path) as (here, lines):
            await here.commands.run("password CP1 first")
            with pytest.raises(websockets.InvalidStatus):
                async with charge_point(here.csms.url):
                    pass
            assert re.search(r"refused /ocpp/CP1: 401", lines[-1])
            refusing = {"ChangeConfiguration": {"status": "Rejected"}}
            async with charge_point(here.csms.url, password=b"first", **refusing):
                assert await here.commands.run("set AuthorizationKey refused-one")
            with pytest.raises(websockets.InvalidStatus):
                async with charge_point(here.csms.url, password=b"refused-one"):
                    pass
            async with charge_point(here.csms.url, password=b"first", GetConfiguration=sloppy) as point:
                assert await here.commands.run("set AuthorizationKey", SECRET)
                assert point.calls[-1] == (
                    "ChangeConfiguration",
                    {"key": "AuthorizationKey", "value": SECRET},
                )
                assert await here.commands.run("get AuthorizationKey")
                assert not await here.commands.run(f"set AuthorizationKey {SECRET * 40}")
                assert await here.commands.run("configuration")
            async with charge_point(here.csms.url, password=SECRET.encode()):
                pass
            with pytest.raises(websockets.InvalidStatus):
                async with charge_point(here.csms.url, password=b"first"):
                    pass
            assert here.commands.asks_for("set AuthorizationKey") and here.commands.asks_for(
                "CP1: password CP1"
            )
            assert not here.commands.asks_for("set HeartbeatInterval") and not here.commands.asks_for("get")
            stored = everything(folder)
        text = "\n".join(lines)
        for secret in (SECRET, "refused-one", "first"):
            assert secret not in text and secret.encode() not in stored
        assert "AuthorizationKey = ***" in text


def test_the_screen_hides_a_key_in_a_message_that_is_none():
    lines: list[str] = []
    screen = Screen(lines.append, colour=False)
    for frame in (
        [2, "1", "ChangeConfiguration", {"key": "AuthorizationKey", "value": SECRET}],
        [2, "1", "ChangeConfiguration", {"key": "AuthorizationKey", "worth": SECRET}],
        [2, "1", "ChangeConfiguration", ["AuthorizationKey", SECRET]],
        [9, "1", "AuthorizationKey", SECRET],
    ):
        screen.message(read(TO_STATION, json.dumps(frame)))
    assert len(lines) == 4 and not any(SECRET in line for line in lines), lines


@pytest.mark.parametrize(
    ("line", "name", "rest"),
    [
        ("CP1: get A", "CP1", "get A"),
        ("  a:b: get", "a:b", "get"),
        ("diagnostics ftp://h/x: y", None, "diagnostics ftp://h/x: y"),
        ('call X {"a": 1}', None, 'call X {"a": 1}'),
        ('{"a": 1}', None, '{"a": 1}'),
        ("CP1:", None, "CP1:"),
    ],
)
def test_a_prefix_is_told_from_a_command(line, name, rest):
    assert prefix(line) == (name, rest)
