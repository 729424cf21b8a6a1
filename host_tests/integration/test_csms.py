# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The bench's CSMS against charge points that are not ours: one on the `ocpp` library, and bare frames."""

import asyncio
import base64
import contextlib
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from bench.charger import REPOSITORY, reserve_port
from bench.csms import Csms, SchemaViolation
from bench.deadline import within
from bench.scenario import scenario
from bench.scripts import amend, boot, call_error, hang_up, late, raw_answer, reply, silence
from bench.station import CallRefused, NotSeen

HEARTBEAT = json.dumps([2, "h1", "Heartbeat", {}])
START = {"connectorId": 1, "idTag": "T1", "meterStart": 100, "timestamp": "2026-11-20T10:00:00.000Z"}


def basic(user: str, password: bytes) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(user.encode() + b":" + password).decode()}


def dial(csms: Csms, station_id: str = "CP1", **options: Any) -> Any:
    options.setdefault("subprotocols", [Subprotocol("ocpp1.6")])
    return websockets.connect(f"{csms.url}/{station_id}", **options)


async def ask(wire: ClientConnection, action: str, payload: dict[str, Any], number: str = "m1") -> list[Any]:
    """One CALL of the charge point over bare frames; returns the answer's frame."""
    await wire.send(json.dumps([2, number, action, payload]))
    return json.loads(await within(5, wire.recv()))


@contextlib.asynccontextmanager
async def rival(csms: Csms, station_id: str = "RIVAL", keys: int = 40) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.rival", "--csms", csms.url, "--id", station_id, "--keys", str(keys)),
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "tools")},
    )
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@scenario(30)
async def test_a_whole_session_of_a_charge_point_on_the_ocpp_library():
    async with Csms() as csms, rival(csms, keys=17):
        csms.books.tag("04A1B2C3")
        station = await csms.connected("RIVAL")
        booted = await station.expect("BootNotification")
        told = await station.expect("StatusNotification", connectorId=1, status="Available")
        assert booted.index < told.index
        assert csms.books.station("RIVAL").boot["chargePointModel"] == "CPython"
        assert len((await station.call("GetConfiguration"))["configurationKey"]) == 17
        one = await station.call("GetConfiguration", {"key": ["HeartbeatInterval", "Nonsense"]})
        assert one == {
            "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}],
            "unknownKey": ["Nonsense"],
        }
        assert csms.books.station("RIVAL").configuration["HeartbeatInterval"] == ("300", False)
        answer = await station.call("RemoteStartTransaction", {"idTag": "04A1B2C3", "connectorId": 1})
        assert answer == {"status": "Accepted"}
        await station.expect("StartTransaction", idTag="04A1B2C3")
        await asyncio.sleep(0.2)
        assert [entry.id for entry in csms.books.running("RIVAL")] == [1]
        await station.call("RemoteStopTransaction", {"transactionId": 1})
        await station.expect("StopTransaction", reason="Remote")
        await asyncio.sleep(0.2)
        assert csms.books.running("RIVAL") == []
        assert csms.books.transactions[1].reason == "Remote"
        with pytest.raises(CallRefused) as refused:
            await station.call("ClearCache")
        assert refused.value.code == "NotImplemented"


@scenario(30)
async def test_two_charge_points_are_kept_apart():
    async with Csms() as csms, dial(csms, "CP1") as one, dial(csms, "CP2") as two:
        await ask(one, "StartTransaction", START)
        await ask(two, "Heartbeat", {})
        assert [message.action for message in csms.station("CP1").calls()] == ["StartTransaction"]
        assert [message.action for message in csms.station("CP2").calls()] == ["Heartbeat"]
        assert csms.books.running("CP2") == []


@scenario(30)
async def test_a_message_against_the_schema_is_refused_and_fails_the_block():
    with pytest.raises(SchemaViolation, match="chargePointModel"):
        async with Csms() as csms, dial(csms) as wire:
            answer = await ask(wire, "BootNotification", {"chargePointVendor": "V"})
            assert answer[0] == 4


@scenario(30)
async def test_an_answer_against_the_schema_fails_the_block():
    with pytest.raises(SchemaViolation, match="Perhaps"):
        async with Csms() as csms, dial(csms) as wire:
            station = await csms.connected("CP1")
            number = await station.send_call("ClearCache")
            await wire.send(json.dumps([3, json.loads(await wire.recv())[1], {"status": "Perhaps"}]))
            await station.answer_to(number)


@pytest.mark.parametrize("frame", ["[2,", "{}", "[9,1,2]", '[3,"x",{}]', '[2,"x"]', b"\x00binary", "[]"])
def test_a_frame_that_is_no_message_fails_the_block(frame):
    @scenario(30)
    async def play():
        with pytest.raises(SchemaViolation):
            async with Csms() as csms, dial(csms) as wire:
                await wire.send(frame)
                await ask(wire, "Heartbeat", {})

    play()


@scenario(30)
async def test_the_body_of_a_block_fails_with_its_own_error():
    with pytest.raises(ZeroDivisionError):
        async with Csms() as csms, dial(csms) as wire:
            await ask(wire, "Nonsense", {})
            raise ZeroDivisionError


@scenario(30)
async def test_a_request_of_ours_is_checked_before_it_is_sent():
    async with Csms() as csms, dial(csms) as wire:
        station = await csms.connected("CP1")
        with pytest.raises(ValueError, match="type"):
            await station.call("Reset", {"type": "Warm"})
        await station.send_call("Reset", {"type": "Warm"}, check=False)
        assert json.loads(await wire.recv())[3] == {"type": "Warm"}


@scenario(30)
async def test_boot_answers_come_in_the_order_of_the_script():
    async with Csms() as csms, dial(csms) as wire:
        csms.script("BootNotification", boot("Rejected", 7), boot("Pending", 3))
        request = {"chargePointVendor": "V", "chargePointModel": "M"}
        answers = [(await ask(wire, "BootNotification", request))[2] for _ in range(3)]
        assert [(answer["status"], answer["interval"]) for answer in answers] == [
            ("Rejected", 7),
            ("Pending", 3),
            ("Accepted", 300),
        ]
        age = datetime.now(UTC) - datetime.fromisoformat(answers[0]["currentTime"])
        assert answers[0]["currentTime"].endswith("Z") and abs(age) < timedelta(seconds=2)
        assert len(answers[0]["currentTime"]) == len("2026-11-20T10:09:22.123Z")


@scenario(30)
async def test_scripted_answers_replace_amend_refuse_and_garble():
    async with Csms() as csms, dial(csms) as wire:
        csms.books.tag("T1")
        csms.script(
            "Authorize",
            reply({"idTagInfo": {"status": "Expired"}}),
            amend(idTagInfo={"status": "Blocked"}),
            call_error("InternalError", "out of ink"),
            raw_answer('[3,"{id}",'),
        )
        assert (await ask(wire, "Authorize", {"idTag": "T1"}))[2] == {"idTagInfo": {"status": "Expired"}}
        assert (await ask(wire, "Authorize", {"idTag": "T1"}))[2] == {"idTagInfo": {"status": "Blocked"}}
        assert (await ask(wire, "Authorize", {"idTag": "T1"}))[2:4] == ["InternalError", "out of ink"]
        await wire.send(json.dumps([2, "m9", "Authorize", {"idTag": "T1"}]))
        assert await wire.recv() == '[3,"m9",'
        assert (await ask(wire, "Authorize", {"idTag": "T1"}))[2] == {"idTagInfo": {"status": "Accepted"}}


@scenario(30)
async def test_amended_transactions_stand_in_the_books_and_refused_ones_do_not():
    async with Csms() as csms, dial(csms) as wire:
        csms.books.tag("T1")
        csms.script("StartTransaction", call_error("GenericError"), amend(idTagInfo={"status": "Invalid"}))
        assert (await ask(wire, "StartTransaction", START))[0] == 4
        assert csms.books.transactions == {}
        answer = await ask(wire, "StartTransaction", START)
        assert answer[2] == {"transactionId": 1, "idTagInfo": {"status": "Invalid"}}
        assert csms.books.transactions[1].meter_start_wh == 100


@scenario(30)
async def test_a_late_answer_holds_nothing_up_and_silence_answers_nothing():
    async with Csms() as csms, dial(csms) as wire:
        csms.script("Authorize", late(0.4))
        csms.always("DataTransfer", silence())
        await wire.send(json.dumps([2, "never", "DataTransfer", {"vendorId": "V"}]))
        await wire.send(json.dumps([2, "slow", "Authorize", {"idTag": "T1"}]))
        began = asyncio.get_running_loop().time()
        assert (await ask(wire, "Heartbeat", {}, "quick"))[1] == "quick"
        assert json.loads(await wire.recv())[1] == "slow"
        assert asyncio.get_running_loop().time() - began >= 0.35
        csms.unscript("DataTransfer")
        assert (await ask(wire, "DataTransfer", {"vendorId": "V"}))[2] == {"status": "UnknownVendorId"}


@scenario(30)
async def test_hanging_up_cutting_and_closing():
    async with Csms() as csms:
        csms.script("Heartbeat", hang_up())
        async with dial(csms) as wire:
            await wire.send(HEARTBEAT)
            with pytest.raises(websockets.ConnectionClosedError):
                await within(5, wire.recv())
        async with dial(csms) as wire:
            station = await csms.connected("CP1")
            station.cut()
            with pytest.raises(websockets.ConnectionClosedError):
                await within(5, wire.recv())
            await station.wait_disconnected()
        async with dial(csms) as wire:
            await station.wait_connected()
            await station.close(1001, "maintenance")
            with pytest.raises(websockets.ConnectionClosedOK) as closed:
                await within(5, wire.recv())
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1001
        assert station.connections == 3


@scenario(30)
async def test_a_frozen_connection_answers_no_ping_and_a_thawed_one_does():
    async with Csms() as csms, dial(csms) as wire:
        station = await csms.connected("CP1")
        await within(5, await wire.ping())
        assert len(station.pings) == 1
        station.freeze()
        pong = await wire.ping()
        with pytest.raises(TimeoutError):
            await within(0.5, asyncio.shield(pong))
        station.thaw()
        await within(5, pong)


@scenario(30)
async def test_an_outage_of_the_csms_ends_connections_and_the_port_stays():
    async with Csms() as csms:
        async with dial(csms) as wire:
            url = csms.url
            await csms.stop()
            with pytest.raises(websockets.ConnectionClosed):
                await within(5, wire.recv())
        with pytest.raises(OSError):
            async with dial(csms):
                pass
        await csms.start()
        assert csms.url == url
        async with dial(csms) as wire:
            assert (await ask(wire, "Heartbeat", {}))[0] == 3


@scenario(30)
async def test_only_the_right_password_bytes_are_let_in():
    password = bytes(range(0x7F, 0x93))  # what AuthorizationKey may hold is no text
    async with Csms(passwords={"CP1": password}) as csms:
        for headers in ({}, basic("CP1", b"wrong"), basic("CP2", password), {"Authorization": "Basic %%"}):
            with pytest.raises(websockets.InvalidStatus) as refused:
                async with dial(csms, additional_headers=headers):
                    pass
            assert refused.value.response.status_code == 401
        assert len(csms.refused) == 4
        async with dial(csms, additional_headers=basic("CP1", password)) as wire:
            assert (await ask(wire, "Heartbeat", {}))[0] == 3
            request = csms.station("CP1").request
            assert request is not None and request.headers["Authorization"].startswith("Basic ")


@scenario(30)
async def test_http_answers_and_missing_subprotocol():
    async with Csms(subprotocols=()) as csms:
        async with dial(csms) as wire:
            assert wire.subprotocol is None
        csms.http_answer = (503, {"Retry-After": "5"})
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with dial(csms):
                pass
        assert refused.value.response.headers["Retry-After"] == "5"


@scenario(30)
async def test_tags_have_status_parent_and_expiry_and_no_case():
    async with Csms() as csms, dial(csms) as wire:
        past, future = datetime.now(UTC) - timedelta(hours=1), datetime(2099, 1, 1, tzinfo=UTC)
        csms.books.tag("Aa01", parent="P")
        csms.books.tag("Aa02", expiry=past)
        csms.books.tag("Aa03", expiry=future, status="Blocked")
        answers = [
            (await ask(wire, "Authorize", {"idTag": tag}))[2]["idTagInfo"]
            for tag in ("AA01", "aa02", "aa03", "aa04")
        ]
        assert answers[0] == {"status": "Accepted", "parentIdTag": "P"}
        assert answers[1]["status"] == "Expired"
        assert answers[2] == {"status": "Blocked", "expiryDate": "2099-01-01T00:00:00.000Z"}
        assert answers[3] == {"status": "Invalid"}


@scenario(30)
async def test_a_start_delivered_twice_is_one_transaction_and_the_first_stop_counts():
    async with Csms() as csms, dial(csms) as wire:
        csms.books.tag("T1")
        first = await ask(wire, "StartTransaction", START, "a")
        again = await ask(wire, "StartTransaction", START, "b")
        other = await ask(wire, "StartTransaction", START | {"timestamp": "2026-11-20T10:00:01Z"}, "c")
        assert first[2]["transactionId"] == again[2]["transactionId"] != other[2]["transactionId"]
        sample = {"timestamp": "2026-11-20T10:00:30Z", "sampledValue": [{"value": "150"}]}
        await ask(wire, "MeterValues", {"connectorId": 1, "transactionId": 1, "meterValue": [sample]})
        stop = {"transactionId": 1, "meterStop": 350, "timestamp": "2026-11-20T10:01:00Z"}
        await ask(wire, "StopTransaction", stop | {"transactionData": [sample]}, "d")
        await ask(wire, "StopTransaction", stop | {"meterStop": 9999}, "e")
        entry = csms.books.transactions[1]
        assert (entry.energy_wh, entry.duration_s, entry.reason) == (250, 60, "Local")
        assert entry.readings == [sample] and entry.transaction_data == [sample]


@scenario(30)
async def test_expect_looks_forward_and_never_raises_what_it_must_not_see():
    async with Csms() as csms, dial(csms) as wire:
        station = await csms.connected("CP1")
        for status in ("Available", "Preparing", "Available"):
            told = {"connectorId": 1, "errorCode": "NoError", "status": status}
            await ask(wire, "StatusNotification", told)
        first = await station.expect("StatusNotification", status="Available")
        second = await station.expect("StatusNotification", status="Available")
        assert second.index > first.index
        with pytest.raises(NotSeen, match=r"StatusNotification status='Available'.*CP1(.|\n)*Preparing"):
            await station.expect("StatusNotification", timeout=0.1, status="Available")
        with pytest.raises(NotSeen):
            await station.expect("Heartbeat", timeout=0.1, where=lambda _: False)
        await ask(wire, "Heartbeat", {})
        with pytest.raises(AssertionError, match="must not send"):
            await station.never("Heartbeat", within_s=0.1)
        await ask(wire, "Heartbeat", {})
        station.mark()
        await station.never("Heartbeat", within_s=0.1)
        assert station.calls() == []


@scenario(30)
async def test_calls_of_ours_go_one_at_a_time_and_an_answer_that_never_comes_is_told():
    async with Csms() as csms, dial(csms) as wire:
        station = await csms.connected("CP1")
        calls = [asyncio.create_task(station.call("ClearCache")) for _ in range(2)]
        first = json.loads(await wire.recv())
        with pytest.raises(TimeoutError):
            await within(0.2, wire.recv())
        await wire.send(json.dumps([3, first[1], {"status": "Accepted"}]))
        second = json.loads(await within(5, wire.recv()))
        await wire.send(json.dumps([3, second[1], {"status": "Rejected"}]))
        assert [await call for call in calls] == [{"status": "Accepted"}, {"status": "Rejected"}]
        with pytest.raises(NotSeen, match="answer"):
            await station.call("ClearCache", timeout=0.2)


@scenario(30)
async def test_a_second_connection_of_the_same_charge_point_replaces_the_first():
    async with Csms() as csms, dial(csms) as old:
        await ask(old, "Heartbeat", {})
        async with dial(csms) as new:
            with pytest.raises(websockets.ConnectionClosed):
                await within(5, old.recv())
            assert (await ask(new, "Heartbeat", {}))[0] == 3
            assert csms.station("CP1").connected


@scenario(30)
async def test_hooks_see_every_frame_of_both_directions_in_order():
    seen = []
    async with Csms() as csms, dial(csms) as wire:
        csms.hooks.append(lambda station, message: seen.append((station.id, message.direction, message.raw)))
        answer = await ask(wire, "DataTransfer", {"vendorId": "V"})
        await (await csms.connected("CP1")).send_raw("[2,")
        assert await wire.recv() == "[2,"
    assert seen == [
        ("CP1", "in", json.dumps([2, "m1", "DataTransfer", {"vendorId": "V"}])),
        ("CP1", "out", json.dumps(answer, separators=(",", ":"))),
        ("CP1", "out", "[2,"),
    ]


@scenario(30)
async def test_a_pipe_carries_bare_frames_with_their_times():
    async with Csms() as csms, dial(csms) as wire:
        station = await csms.connected("CP1")
        async with station.pipe() as pipe:
            sent_ns = await pipe.send("hello")
            assert await wire.recv() == "hello"
            await asyncio.sleep(0.05)
            await wire.send("back")
            frame, arrived_ns = await pipe.receive(5)
            assert frame == "back" and 40e6 < arrived_ns - sent_ns < 5e9
        assert (await ask(wire, "Heartbeat", {}))[0] == 3
        assert len(station.log) == 2


def test_a_port_for_a_charger_is_its_own():
    """Seen once in a hundred starts with six chargers at a time: EADDRINUSE, and exit code 2."""
    with contextlib.ExitStack() as held:
        ports = {held.enter_context(reserve_port()).getsockname()[1] for _ in range(400)}
        assert len(ports) == 400
        assert all(1024 < port < 32768 for port in ports)  # none that an outgoing connection takes
        port = ports.pop()
        with socket.create_server(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
            pass
