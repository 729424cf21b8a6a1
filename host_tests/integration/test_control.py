# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The control channel with the firmware behind it: every request, one answer each, and what comes of it."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bench.charger import EXIT_POWER_CUT, EXIT_REBOOT, SimulatedCharger
from bench.deadline import within
from host_tests.integration.wire import Site, site

AT_ONCE = 8


class Line:
    """One connection to the control channel, line by line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.reader, self.writer = reader, writer

    def send(self, *lines: bytes | dict[str, Any]) -> None:
        for line in lines:
            self.writer.write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")

    async def next(self, timeout: float = 10) -> dict[str, Any]:
        line = await within(timeout, self.reader.readline())
        assert line.endswith(b"\n"), line
        return json.loads(line)

    async def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        self.send({"do": do, **fields})
        return await self.next()

    async def silent(self, seconds: float = 0.2) -> bool:
        """No line comes."""
        try:
            await self.next(seconds)
        except TimeoutError:
            return True
        return False


@contextlib.asynccontextmanager
async def line_to(charger: SimulatedCharger, buffer: int | None = None) -> AsyncIterator[Line]:
    """`buffer`: bytes that the system keeps for who does not read."""
    ours = socket.socket()
    ours.setblocking(False)
    if buffer is not None:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    await asyncio.get_running_loop().sock_connect(ours, ("127.0.0.1", charger.control_port))
    reader, writer = await asyncio.open_connection(sock=ours, limit=2**20)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


async def connector(here: Site, number: int = 1) -> dict[str, Any]:
    return (await here.charger.state())["connectors"][number - 1]


async def until(here: Site, **fields: Any) -> dict[str, Any]:
    """The connector's state, once these fields have these values."""
    entry: dict[str, Any] = {}
    for _ in range(500):
        entry = await connector(here)
        if all(entry[name] == value for name, value in fields.items()):
            return entry
        await asyncio.sleep(0.02)
    raise AssertionError(f"{fields} did not come: {entry}")


STATION_FACTS = {
    *("connected", "registration", "queue_depth", "heap", "uptime_s", "time", "faults", "last_tag", "link"),
    "connectors",
    "local_list",
}
CONNECTOR_FACTS = {
    *(
        "connector",
        "pilot",
        "volts",
        "high_mv",
        "low_mv",
        "duty_e4",
        "duty_pct",
        "contactor",
        "lock",
        "locked",
    ),
    *(
        "offered_a",
        "offered_da",
        "limit_a",
        "limit_da",
        "limit",
        "limit_by",
        "limit_why",
        "status",
        "transaction",
        "faults",
    ),
    *("energy_wh", "power_w", "current_ma", "voltage_mv", "register_wh", "plugged", "cable", "broken", "car"),
}


async def test_every_request_and_what_comes_of_it():
    async with site("generic_socket", ConnectionTimeOut=60) as here:
        do, station = here.charger.do, here.station
        here.csms.books.tag("04A1B2C3")
        state = await here.charger.state()
        assert set(state) >= STATION_FACTS and set(state["connectors"][0]) >= CONNECTOR_FACTS
        assert set(state["heap"]) >= {"used", "free", "peak"}
        # All of its heap, and nothing of what a board has in its flash.
        assert 113_000 < state["heap"]["used"] + state["heap"]["free"] < 121_000
        assert 30_000 < state["heap"]["used"] < 80_000
        # The car.
        await do("car", connector=1, amps=10, phases=1, ready=False, delay_s=0.1, soc=40)
        await do("plug", connector=1)
        await station.expect("StatusNotification", status="Preparing")
        assert (await connector(here))["pilot"] == "B"
        await do("tag", id="04a1b2c3", connector=1)
        assert (await station.expect("Authorize")).payload == {"idTag": "04A1B2C3"}
        await station.expect("StartTransaction", idTag="04A1B2C3")
        assert (await until(here, offered_a=32, pilot="B"))["contactor"] is False
        await do("car", connector=1, ready=True)
        await station.expect("StatusNotification", status="Charging")
        entry = await until(here, current_ma=[10000, 0, 0])
        assert (entry["contactor"], entry["limit"], entry["limit_a"], entry["locked"]) == (
            True,
            "board",
            32,
            True,
        )
        assert entry["power_w"] == 10 * entry["voltage_mv"][0] // 1000
        # The pilot.
        await do("pilot", connector=1, high_mv=9000, low_mv=-12000)
        await until(here, pilot="B", contactor=False)
        await do("pilot", connector=1)
        await until(here, pilot="C", contactor=True)
        # The meter.
        await do("meter", connector=1, wh=5000)
        await until(here, register_wh=5000)
        await do("meter", connector=1, fail=True)
        await station.expect("StatusNotification", 10, status="Faulted", errorCode="PowerMeterFailure")
        await do("meter", connector=1, fail=False)
        await do("clear")
        # Faults, by the name of the catalogue, of OCPP and of MREC.
        await do("unplug", connector=1)
        await station.expect("StopTransaction", 10)
        await until(here, pilot="A", contactor=False, faults=[])
        for name, code in (
            ("GroundFailure", "GroundFailure"),
            ("OverTemperature", "HighTemperature"),
            ("MREC17EVSEContactorFault", "PowerSwitchFailure"),
        ):
            station.mark()
            await do("fault", name=name, connector=1)
            await station.expect("StatusNotification", connectorId=1, status="Faulted", errorCode=code)
            await do("clear", name=name, connector=1)
            await station.expect("StatusNotification", connectorId=1, status="Available")
        station.mark()
        await do("fault", name="EmergencyStop")
        await station.expect("StatusNotification", connectorId=0, status="Faulted")
        await do("clear", name="EmergencyStop")
        await station.expect("StatusNotification", connectorId=0, status="Available")
        # The link.
        await do("link", up=False)
        await station.wait_disconnected()
        assert (await here.charger.state())["link"] is False
        await do("link", up=True)
        await station.wait_connected()
        # Two ways to end.
        await here.reboot()
        await here.reboot(power_cut=True)
        assert here.charger.exit_codes == [EXIT_REBOOT, EXIT_POWER_CUT]
        assert (await connector(here))["register_wh"] >= 5000


BAD_LINES: tuple[bytes, ...] = (
    # no JSON, or no object
    *(b"", b" ", b"x", b"{", b"[]", b"null", b"5", b'"do"', b'{"do":"state"', b"{'do':'state'}", b"\xff\xfe"),
    *(b'{"do":"state"}}', b'{"do":"st\xffate"}', b'{"do":"state",}', b"[" * 3000, b"x" * 4097, b"y" * 20_000),
    b'{"do":"state","a":' + b"[" * 500 + b"]" * 500 + b"}",
    b'{"do":"data_transfer","vendorId":"v","data":"' + b"x" * 4097 + b'"}',
    # no request
    *(b"{}", b'{"do":null}', b'{"do":["state"]}', b'{"do":"State"}', b'{"do":""}', b'{"do":"__init__"}'),
    *(b'{"do":"handle"}', b'{"do":"state state"}', b'{"do":"' + b"[" * 500 + b'"}'),
    # fields missing, wrong, out of range
    b'{"do":"plug"}',
    b'{"do":"plug","connector":0}',
    b'{"do":"plug","connector":2}',
    b'{"do":"plug","connector":1.0}',
    b'{"do":"plug","connector":true}',
    b'{"do":"unplug","connector":"1"}',
    b'{"do":"unplug","connector":null}',
    b'{"do":"car","connector":1,"amps":-1}',
    b'{"do":"car","connector":1,"phases":4}',
    b'{"do":"car","connector":1,"ready":"no"}',
    b'{"do":"car","connector":1,"soc":101}',
    b'{"do":"car","connector":1,"amps":6,"delay_s":"1"}',
    b'{"do":"pilot","connector":1,"high_mv":99999}',
    b'{"do":"pilot","connector":1,"low_mv":-12000}',
    b'{"do":"tag"}',
    b'{"do":"tag","id":""}',
    b'{"do":"tag","id":5}',
    b'{"do":"tag","id":"' + b"A" * 41 + b'"}',
    b'{"do":"tag","id":"A","connector":9}',
    b'{"do":"fault"}',
    b'{"do":"fault","name":"NoSuchFault"}',
    b'{"do":"fault","name":"GroundFailure","connector":7}',
    b'{"do":"clear","name":"NoSuchFault"}',
    b'{"do":"meter","connector":1}',
    b'{"do":"meter","connector":1,"wh":-5}',
    b'{"do":"meter","connector":1,"wh":1.5}',
    b'{"do":"meter","connector":1,"fail":0}',
    b'{"do":"link"}',
    b'{"do":"link","up":1}',
    b'{"do":"security_event"}',
    b'{"do":"data_transfer"}',
)


async def test_lines_that_are_none_change_nothing():
    async with site("generic_socket") as here:
        await here.begin()
        before = await here.probe()
        async with line_to(here.charger) as line:
            for bad in BAD_LINES:
                line.send(bad + b"\n")
                answer = await line.next()
                assert answer["ok"] is False and isinstance(answer["error"], str) and answer["error"], bad[
                    :60
                ]
            assert await line.silent()
            # All of them at once, and a good one behind: an answer for each, in order.
            line.send(*(bad + b"\n" for bad in BAD_LINES), {"do": "state", "n": "last"})
            answers = [await line.next() for _ in range(len(BAD_LINES) + 1)]
            assert [answer["ok"] for answer in answers] == [False] * len(BAD_LINES) + [True]
            assert answers[-1]["n"] == "last"
        assert await here.probe() == before


async def test_the_number_of_a_request_comes_back():
    async with site("generic_socket") as here, line_to(here.charger) as line:
        for n in (0, 1, -5, 2**40, 1.5, "text", "", None, True, [1, {"a": 2}], {"b": []}):
            assert await line.ask("link", up=True, n=n) == {"ok": True, "n": n}
            refused = await line.ask("plug", connector=9, n=n)
            assert refused["ok"] is False and refused["n"] == n
        assert await line.ask("link", up=True) == {"ok": True}
        assert "n" not in await line.ask("nothing")
        assert (await line.ask("link", n=7, up="up"))["n"] == 7
        # In pieces, and without the line's end until later.
        text = b'{"do":"link","up":true,"n":"pieces"}\r\n'
        for at in range(len(text)):
            line.send(text[at : at + 1])
            await asyncio.sleep(0.001)
        assert await line.next() == {"ok": True, "n": "pieces"}


async def test_several_clients_at_once():
    """While the CSMS asks too: each gets its own answers, in order; only who watches gets events."""
    async with site("generic_socket") as here, contextlib.AsyncExitStack() as stack:
        lines = [await stack.enter_async_context(line_to(here.charger)) for _ in range(7)]
        watching = lines[0]
        assert (await watching.ask("watch"))["ok"]
        for index, line in enumerate(lines[1:]):
            line.send(*({"do": "state", "n": [index, number]} for number in range(20)))
        asking = [asyncio.create_task(here.station.call("GetConfiguration", {})) for _ in range(20)]
        for index, line in enumerate(lines[1:]):
            assert [(await line.next())["n"] for _ in range(20)] == [[index, number] for number in range(20)]
        await asyncio.gather(*asking)
        await here.charger.do("plug", connector=1)
        for line in lines[1:]:
            assert await line.silent(0.05)
        events = []
        while not events or events[-1].get("status") != "Preparing":
            events.append(await watching.next())
        assert {"event", "connector", "pilot"} <= set(next(e for e in events if e["event"] == "pilot"))
        told = [event for event in events if event["event"] == "message"]
        assert {event["direction"] for event in told} == {"in", "out"}
        # Who asked to watch may still ask.
        watching.send({"do": "link", "up": True, "n": 9})
        while "n" not in (answer := await watching.next()):
            assert "event" in answer
        assert answer == {"ok": True, "n": 9}


async def test_a_client_that_does_not_read():
    """It costs the others nothing."""
    async with site("generic_socket") as here, line_to(here.charger, buffer=2048) as slow:
        await slow.ask("watch")
        slow.writer.transport.pause_reading()
        used = await here.heap_used()
        for _ in range(400):
            await here.station.call("DataTransfer", {"vendorId": "v", "data": "x" * 3000}, timeout=5)
        assert await here.heap_used() < used + 20_000
        slow.writer.transport.resume_reading()
        slow.send({"do": "link", "up": True, "n": "slow"})
        while "n" not in (line := await slow.next()):
            assert "event" in line  # whole lines, however late
        # And one that asks without reading the answers: the charger stops listening to it.
        async with line_to(here.charger) as greedy:
            greedy.writer.transport.pause_reading()
            for number in range(1000):
                greedy.send({"do": "state", "n": number})
            await asyncio.sleep(0.3)
            assert (await here.charger.do("link", up=True))["ok"]
            assert await here.heap_used() < used + 20_000
            greedy.writer.transport.resume_reading()
            assert [(await greedy.next())["n"] for _ in range(1000)] == list(range(1000))


async def test_events():
    async with site("generic_socket") as here:
        charger = here.charger
        charger.events.clear()
        await here.begin()
        await charger.do("fault", name="GroundFailure", connector=1)
        await here.station.expect("StopTransaction", 10)
        await here.station.call("ClearCache", {})
        await charger.do("link", up=False)
        await here.station.wait_disconnected()
        await charger.do("link", up=True)
        await here.station.wait_connected()
        # The last answer comes behind the events before it.
        events = list(charger.events)

        def first(name: str, **fields: Any) -> int:
            for index, event in enumerate(events):
                if event["event"] == name and fields.items() <= event.items():
                    return index
            raise AssertionError(f"no {name} {fields} in {events}")

        order = [
            first("pilot", connector=1, pilot="B"),
            first("offer", connector=1, offered_da=320),
            first("pilot", connector=1, pilot="C"),
            first("contactor", connector=1, closed=True),
            first("status", connector=1, status="Charging"),
            first("fault", connector=1, faults=["GroundFailure"]),
            first("status", connector=1, status="Faulted"),
            first("connection", up=False),
        ]
        assert order == sorted(order)
        first("tag", id="04A1B2C3")
        told = [event for event in events if event["event"] == "message" and "ClearCache" in event["text"]]
        said = json.loads(told[0]["text"])
        assert told[0]["direction"] == "in" and said[2:] == ["ClearCache", {}]
        answer = json.dumps([3, said[1], {"status": "Accepted"}], separators=(",", ":"))
        first("message", direction="out", text=answer)


@pytest.mark.parametrize("name", ["xcharge_c6"])
async def test_two_connectors(name: str):
    async with site(name) as here:
        here.csms.books.tag("B2")
        await here.charger.do("plug", connector=2)
        await here.charger.do("tag", id="B2")
        await here.station.expect("StartTransaction", connectorId=2)
        await here.station.expect("StatusNotification", 10, connectorId=2, status="Charging")
        first, second = (await here.charger.state())["connectors"]
        assert first["transaction"] is None and not first["car"]["plugged"]
        assert second["transaction"]["idTag"] == "B2" and second["contactor"]
        await here.charger.do("fault", name="EmergencyStop")
        await here.station.expect("StopTransaction", 10, reason="EmergencyStop")
        state = await here.charger.state()
        assert state["faults"] == ["EmergencyStop"] and [c["contactor"] for c in state["connectors"]] == [
            False,
            False,
        ]
        await here.charger.do("clear")
        await here.station.expect("StatusNotification", 5, connectorId=0, status="Available")
