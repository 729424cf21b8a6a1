# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The control channel over real sockets: one answer for every line, whatever the line, and bounds that
hold."""

import asyncio
import json
import os

from evse import faults
from hal.sim.board import SimBoard
from hal.sim.control import Control
from hal.sim.requests import Requests
from ocpp16 import json_text


class StandIn:
    """A firmware as `hal.sim.requests` knows it."""

    class Supply:
        pilot = "A"
        offered_da = 0
        limit_da = 320
        limit_name = "board"

        def __init__(self):
            self.acknowledged = 0

        def acknowledge(self):
            self.acknowledged += 1

    def __init__(self, connectors):
        self.on_event = None
        self.supplies = [self.Supply() for _ in range(connectors)]
        self.told = []

    def state(self):
        rows = [{"connector": number + 1, "status": "Available"} for number in range(len(self.supplies))]
        return {"connected": True, "registration": "Accepted", "connectors": rows}

    def security_event(self, kind, info):
        if kind == "Never":
            raise ValueError("not in this firmware")
        self.told.append((kind, info))

    async def data_transfer(self, vendor_id, message_id, data):
        await asyncio.sleep(0)
        self.told.append((vendor_id, message_id, data))
        return None if vendor_id == "silent" else "Accepted"

    def request_reboot(self):
        self.told.append("reboot")


class Rig:
    def __init__(self, attached=True, station=None):
        station = station or {"connectors": [{"cable": "socket", "lock": True}, {}]}
        self.board = SimBoard(station, None)
        self.board.power_cut = lambda: self.ended.append("power cut")
        self.board.reset = lambda: self.ended.append("reset")
        self.ended = []
        self.requests = Requests(self.board, faults.find)
        self.control = Control(self.requests, json_text.read)
        self.firmware = StandIn(len(self.board.connectors))
        if attached:
            self.requests.attach(self.firmware)
        self.port = None

    async def listen(self):
        for _ in range(50):  # another process may hold the port
            self.port = 20000 + int.from_bytes(os.urandom(2), "big") % 12000
            try:
                await self.control.listen(self.port)
                await asyncio.sleep(0)
                return self
            except OSError:
                pass
        raise AssertionError("no free port")

    async def client(self):
        return Client(*await asyncio.open_connection("127.0.0.1", self.port))


class Client:
    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    async def send(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def line(self):
        line = await asyncio.wait_for(self.reader.readline(), 5)
        return json.loads(line) if line else None

    async def ask(self, **request):
        await self.send(json.dumps(request).encode() + b"\n")
        return await self.line()

    async def close(self):
        self.writer.close()
        await self.writer.wait_closed()


def run(test, **keywords):
    async def whole():
        rig = await Rig(**keywords).listen()
        await test(rig, await rig.client())

    try:
        asyncio.run(asyncio.wait_for(whole(), 20))
    finally:
        asyncio.new_event_loop()  # MicroPython keeps the tasks of the last run otherwise


def test_plug_and_unplug():
    async def test(rig, client):
        assert await client.ask(do="plug", connector=1) == {"ok": True}
        assert rig.board.connectors[0].car.plugged and rig.board.connectors[0].cable
        assert await client.ask(do="plug", connector=1) == {"ok": True}
        assert await client.ask(do="unplug", connector=1, n=7) == {"ok": True, "n": 7}
        assert not rig.board.connectors[0].car.plugged
        assert await client.ask(do="plug", connector=2) == {"ok": True}
        assert rig.board.connectors[1].car.plugged and not rig.board.connectors[1].cable

    run(test)


def test_the_car():
    async def test(rig, client):
        car = rig.board.connectors[0].car
        request = {"amps": 10.5, "phases": 1, "ready": False, "delay_s": 1.5, "soc": 40, "battery_wh": 20000}
        assert (await client.ask(do="car", connector=1, react_ms=300, ventilation=True, **request))["ok"]
        assert (car.limit_ma, car.phases, car.ready, car.delay_ms) == (10500, 1, False, 1500)
        assert (car.soc_pct(), car.stored_wh, car.react_ms, car.ventilation) == (40, 8000, 300, True)
        assert (await client.ask(do="car", connector=1, soc=80))["ok"]
        assert (car.limit_ma, car.soc_pct()) == (10500, 80)  # the rest stays
        assert (await client.ask(do="car", connector=1))["ok"]

    run(test)


def test_raw_pilot_levels():
    async def test(rig, client):
        hardware = rig.board.connectors[0]
        assert (await client.ask(do="pilot", connector=1, high_mv=9000, low_mv=-12000))["ok"]
        assert hardware.read() == (9000, -12000)
        assert (await client.ask(do="pilot", connector=1, high_mv=6000))["ok"]
        assert hardware.read() == (6000, 6000)
        assert (await client.ask(do="pilot", connector=1))["ok"]
        assert hardware.read() == (12000, 12000)

    run(test)


def test_tags():
    async def test(rig, client):
        assert (await client.ask(do="tag", id="04a1b2c3"))["ok"]
        assert (await client.ask(do="tag", id="Tag-1", connector=2))["ok"]
        assert await rig.board.tag_reader.read() == ("04A1B2C3", None)
        assert await rig.board.tag_reader.read() == ("Tag-1", 2)
        for _ in range(8):
            assert (await client.ask(do="tag", id="AA"))["ok"]
        assert not (await client.ask(do="tag", id="AA"))["ok"]

    run(test)


def test_a_station_without_reader():
    async def test(rig, client):
        answer = await client.ask(do="tag", id="AA")
        assert not answer["ok"] and "reader" in answer["error"]

    run(test, station={"reader": "none"})


def test_faults_of_a_connector_and_of_the_station():
    async def test(rig, client):
        first, second = rig.board.connectors
        assert await client.ask(do="fault", name="GroundFailure", connector=1) == {
            "ok": True,
            "name": "GroundFailure",
        }
        assert (await client.ask(do="fault", name="HighTemperature", connector=2))[
            "name"
        ] == "OverTemperature"
        assert (await client.ask(do="fault", name="MREC17EVSEContactorFault", connector=2))[
            "name"
        ] == "ContactorWelded"
        assert first.fault_signals() == ("GroundFailure",) and rig.board.fault_signals() == ()
        assert second.broken_parts() == ["ContactorWelded", "OverTemperature"]
        assert (await client.ask(do="fault", name="EmergencyStop"))["ok"]
        assert (await client.ask(do="fault", name="OverTemperature"))["ok"]
        assert rig.board.fault_signals() == ("EmergencyStop", "OverTemperature")
        assert (await client.ask(do="fault", name="ConnectorLockFailure"))["ok"]  # every lock there is
        assert (
            "ConnectorLockFailure" in first.broken_parts() and "ConnectorLockFailure" in second.broken_parts()
        )

    run(test)


def test_every_fault_of_the_catalogue_can_be_raised_and_cleared():
    async def test(rig, client):
        for name in faults.names():
            for where in ({}, {"connector": 2}):
                assert (await client.ask(do="fault", name=name, **where))["ok"], name
                hardware = rig.board.connectors[1]
                assert name in hardware.broken_parts() or name in rig.board.fault_signals(), name
                assert (await client.ask(do="clear", name=name, **where))["ok"], name
                assert hardware.broken_parts() == [] and rig.board.fault_signals() == (), name

    run(test)


def test_clear_plays_the_technician():
    async def test(rig, client):
        await client.ask(do="fault", name="RcdTrip", connector=1)
        await client.ask(do="fault", name="GroundFailure", connector=1)
        assert (await client.ask(do="clear", name="RcdTrip", connector=1))["ok"]
        assert rig.board.connectors[0].fault_signals() == ("GroundFailure",)
        assert [supply.acknowledged for supply in rig.firmware.supplies] == [1, 0]
        await client.ask(do="fault", name="EmergencyStop")
        assert (await client.ask(do="clear"))["ok"]
        assert rig.board.connectors[0].fault_signals() == () and rig.board.fault_signals() == ()
        assert [supply.acknowledged for supply in rig.firmware.supplies] == [2, 1]
        assert (await client.ask(do="clear", name="RcdTrip"))["ok"]  # gone already

    run(test)


def test_the_meter():
    async def test(rig, client):
        meter = rig.board.connectors[1].meter
        assert (await client.ask(do="meter", connector=2, wh=1200))["ok"]
        assert meter.wh == 1200 and not meter.failing
        assert (await client.ask(do="meter", connector=2, fail=True))["ok"]
        assert meter.wh == 1200 and meter.failing
        assert (await client.ask(do="meter", connector=2, fail=False, wh=0))["ok"]
        assert meter.wh == 0 and not meter.failing
        assert not (await client.ask(do="meter", connector=2))["ok"]

    run(test)


def test_the_link():
    async def test(rig, client):
        link = rig.board.link
        changed = asyncio.create_task(link.changed())
        assert (await client.ask(do="link", up=True))["ok"]
        assert not changed.done()
        assert (await client.ask(do="link", up=False))["ok"]
        await asyncio.sleep(0.01)
        assert changed.done() and not link.up()
        assert (await client.ask(do="state"))["link"] is False
        assert (await client.ask(do="link", up=True))["ok"]
        assert link.up()

    run(test)


def test_the_ways_to_end():
    async def test(rig, client):
        assert await client.ask(do="power_cut", n="a") == {"ok": True, "n": "a"}
        assert rig.ended == ["power cut"]
        assert await client.ask(do="reboot", n="b") == {"ok": True, "n": "b"}
        assert rig.firmware.told == ["reboot"] and rig.ended == ["power cut"]

    run(test)


def test_a_warning_of_power():
    async def test(rig, client):
        board = rig.board
        assert not board.power_fails()
        assert await client.ask(do="power_fail", active=True) == {"ok": True}
        assert board.power_fails()
        assert await client.ask(do="power_fail", active=False) == {"ok": True}
        assert not board.power_fails()
        for fields in ({}, {"hold_up_ms": -1}, {"hold_up_ms": 10001}, {"hold_up_ms": 1.5}, {"active": 1}):
            assert not (await client.ask(do="power_fail", **fields))["ok"], fields
            assert not board.power_fails()
        assert await client.ask(do="power_fail", hold_up_ms=50) == {"ok": True}
        await asyncio.sleep(0.01)
        assert board.power_fails() and rig.ended == []
        await asyncio.sleep(0.3)
        assert rig.ended == ["power cut"]

    run(test)


def test_messages_of_the_charge_point_itself():
    async def test(rig, client):
        assert (await client.ask(do="security_event", type="TamperDetectionActivated", info="lid"))["ok"]
        assert (await client.ask(do="security_event", type="StartupOfTheDevice"))["ok"]
        answer = await client.ask(do="security_event", type="Never")
        assert answer == {"ok": False, "error": "not in this firmware"}
        answer = await client.ask(do="data_transfer", vendorId="org.example", messageId="m", data="d")
        assert answer == {"ok": True, "status": "Accepted"}
        assert (await client.ask(do="data_transfer", vendorId="org.example"))["ok"]
        assert not (await client.ask(do="data_transfer", vendorId="silent"))["ok"]
        assert rig.firmware.told == [
            ("TamperDetectionActivated", "lid"),
            ("StartupOfTheDevice", None),
            ("org.example", "m", "d"),
            ("org.example", None, None),
            ("silent", None, None),
        ]

    run(test)


def test_state_joins_the_firmware_and_the_world():
    async def test(rig, client):
        await client.ask(do="fault", name="GroundFailure", connector=2)
        state = await client.ask(do="state", n=[1, {"a": None}])
        assert state["ok"] and state["n"] == [1, {"a": None}] and state["connected"] and state["link"]
        first, second = state["connectors"]
        assert (first["connector"], first["status"], first["pilot"]) == (1, "Available", "A")
        assert (first["high_mv"], first["low_mv"], first["volts"], first["duty_e4"]) == (
            12000,
            12000,
            12,
            10000,
        )
        assert (first["contactor"], first["lock"], first["offered_a"], first["limit_a"]) == (
            False,
            False,
            0,
            32,
        )
        assert first["limit"] == "board" and first["car"]["soc"] == 40
        assert second["lock"] is None and second["broken"] == ["GroundFailure"]

    run(test)


def test_a_firmware_that_is_still_starting():
    async def test(rig, client):
        assert (await client.ask(do="plug", connector=1))["ok"]
        assert (await client.ask(do="fault", name="GroundFailure"))["ok"]
        assert (await client.ask(do="clear"))["ok"]
        assert (await client.ask(do="watch"))["ok"]
        state = await client.ask(do="state")
        assert state["connected"] is False and state["connectors"][0]["status"] is None
        for request in ({"do": "security_event", "type": "x"}, {"do": "data_transfer", "vendorId": "x"}):
            answer = await client.ask(**request)
            assert not answer["ok"] and "starting" in answer["error"]
        assert (await client.ask(do="reboot"))["ok"]
        assert rig.ended == ["reset"]

    run(test, attached=False)


BAD_REQUESTS = (
    {},
    {"do": None},
    {"do": 5},
    {"do": ["plug"]},
    {"do": ""},
    {"do": "fly"},
    {"do": "_transfer"},
    {"do": "__init__"},
    {"do": "plug"},
    {"do": "plug", "connector": 0},
    {"do": "plug", "connector": 3},
    {"do": "plug", "connector": -1},
    {"do": "plug", "connector": "1"},
    {"do": "plug", "connector": True},
    {"do": "plug", "connector": 1.5},
    {"do": "plug", "connector": None},
    {"do": "plug", "connector": [1]},
    {"do": "unplug", "connector": {}},
    {"do": "car", "connector": 9},
    {"do": "car", "connector": 1, "amps": "16"},
    {"do": "car", "connector": 1, "amps": -1},
    {"do": "car", "connector": 1, "amps": True},
    {"do": "car", "connector": 1, "amps": 1e30},
    {"do": "car", "connector": 1, "phases": 4},
    {"do": "car", "connector": 1, "phases": 1.5},
    {"do": "car", "connector": 1, "ready": 1},
    {"do": "car", "connector": 1, "ready": "true"},
    {"do": "car", "connector": 1, "delay_s": -0.1},
    {"do": "car", "connector": 1, "soc": 101},
    {"do": "car", "connector": 1, "battery_wh": 0},
    {"do": "pilot", "connector": 1, "low_mv": 5},
    {"do": "pilot", "connector": 1, "high_mv": "x"},
    {"do": "pilot", "connector": 1, "high_mv": 1000000},
    {"do": "tag"},
    {"do": "tag", "id": ""},
    {"do": "tag", "id": 5},
    {"do": "tag", "id": "A" * 41},
    {"do": "tag", "id": "AA", "connector": 3},
    {"do": "fault"},
    {"do": "fault", "name": 1},
    {"do": "fault", "name": "Nothing"},
    {"do": "fault", "name": "GroundFailure", "connector": 3},
    {"do": "clear", "name": "Nothing"},
    {"do": "clear", "connector": "all"},
    {"do": "meter", "connector": 1},
    {"do": "meter", "connector": 1, "wh": -1},
    {"do": "meter", "connector": 1, "wh": 1.5},
    {"do": "meter", "connector": 1, "wh": 10000000000},
    {"do": "meter", "connector": 1, "fail": 1},
    {"do": "link"},
    {"do": "link", "up": "yes"},
    {"do": "security_event"},
    {"do": "security_event", "type": "x", "info": 5},
    {"do": "data_transfer"},
    {"do": "data_transfer", "vendorId": "x", "data": {}},
    {"do": "data_transfer", "vendorId": "x" * 256},
)


def test_bad_requests_are_refused_with_a_reason_and_change_nothing():
    async def test(rig, client):
        before = await client.ask(do="state")
        for number, request in enumerate(BAD_REQUESTS):
            answer = await client.ask(n=number, **request)
            assert answer["ok"] is False and answer["n"] == number, request
            assert isinstance(answer["error"], str) and "failed" not in answer["error"], (request, answer)
        assert await client.ask(do="state") == before
        assert rig.firmware.told == [] and rig.ended == []

    run(test)


BAD_LINES = (
    b"",
    b" ",
    b"x",
    b"{",
    b"}",
    b"[]",
    b"null",
    b"5",
    b'"plug"',
    b'{"do":"plug","connector":1',
    b'{"do" "plug" "connector":1}',
    b'{"do":"plug","connector":1,}',
    b"{'do':'plug'}",
    b'{"do":"plug","connector":01}',
    b'{"do":"plug"} {"do":"plug"}',
    b'{"do":"pl\xffug"}',
    b"\xff\xfe",
    b"\x00\x01\x02",
    b'{"do":"plug","connector":1e999}',
    b'{"do":"plug","connector":NaN}',
    b'{"do":"\\ud800"}',
    b"[" * 4000,
    b'{"a":' * 600,
)


def test_bad_lines_are_refused_and_the_channel_lives_on():
    async def test(rig, client):
        for line in BAD_LINES:
            await client.send(line + b"\n")
            answer = await client.line()
            assert answer["ok"] is False and answer["error"], line
            assert await client.ask(do="link", up=True, n=1) == {"ok": True, "n": 1}, line

    run(test)


def test_over_long_lines_get_one_answer():
    async def test(rig, client):
        whole = json.dumps({"do": "link", "up": True, "x": ""})
        longest = whole.replace('""', '"' + "a" * (4096 - len(whole)) + '"').encode()
        assert len(longest) == 4096
        await client.send(longest + b"\n")
        assert await client.line() == {"ok": True}
        for size in (4097, 5000, 100000):
            await client.send(b"a" * size + b"\n")
            answer = await client.line()
            assert answer["ok"] is False and "4096" in answer["error"]
            assert await client.ask(do="link", up=True, n=size) == {"ok": True, "n": size}

    run(test)


def test_lines_in_pieces_and_in_heaps():
    async def test(rig, client):
        for byte in b'{"do":"link","up":true,"n":"pieces"}\r\n':
            await client.send(bytes([byte]))
            await asyncio.sleep(0)
        assert await client.line() == {"ok": True, "n": "pieces"}
        await client.send(b"".join([b'{"do":"link","up":true,"n":%d}\n' % number for number in range(200)]))
        for number in range(200):
            assert await client.line() == {"ok": True, "n": number}

    run(test)


def test_clients_are_bounded_and_the_place_of_a_leaver_is_free():
    async def test(rig, client):
        clients = [client]
        while len(clients) < 8:
            clients.append(await rig.client())
        for one in clients:
            assert (await one.ask(do="link", up=True))["ok"]
        ninth = await rig.client()
        answer = await ninth.line()
        assert answer["ok"] is False and "8" in answer["error"]
        assert await ninth.line() is None  # closed
        await clients[3].close()
        await asyncio.sleep(0.05)
        again = await rig.client()
        assert (await again.ask(do="link", up=True))["ok"]
        assert (await client.ask(do="link", up=True))["ok"]

    run(test)


def test_events_go_to_those_who_watch():
    async def test(rig, client):
        other = await rig.client()
        assert (await client.ask(do="watch", n=1)) == {"ok": True, "n": 1}
        rig.firmware.on_event({"event": "status", "connector": 1, "status": "Preparing"})
        rig.firmware.on_event({"event": "pilot", "connector": 1, "pilot": "B"})
        assert await client.line() == {"event": "status", "connector": 1, "status": "Preparing"}
        assert await client.line() == {"event": "pilot", "connector": 1, "pilot": "B"}
        assert await other.ask(do="link", up=True, n=2) == {"ok": True, "n": 2}  # no event before its answer
        assert await client.ask(do="link", up=True, n=3) == {"ok": True, "n": 3}

    run(test)


def test_a_watcher_that_does_not_read_is_dropped_and_nobody_else():
    async def test(rig, client):
        slow = await rig.client()
        assert (await slow.ask(do="watch"))["ok"]
        for _ in range(20000):  # far more than the sockets between the two can hold
            rig.control.emit({"event": "message", "text": "x" * 4000})
            await asyncio.sleep(0)
            if len(rig.control._clients) == 1:
                break
        assert len(rig.control._clients) == 1
        rig.control.emit({"event": "status"})
        assert (await client.ask(do="link", up=True))["ok"]

    run(test)


def test_a_long_event_reaches_a_reader_whole():
    async def test(rig, client):
        assert (await client.ask(do="watch"))["ok"]
        text = "0123456789" * 3000
        for number in range(3):
            rig.control.emit({"event": "message", "number": number, "text": text})
            assert await client.line() == {"event": "message", "number": number, "text": text}

    run(test)


def test_a_client_that_vanishes_in_the_middle():
    async def test(rig, client):
        for data in (b'{"do":"wat', b'{"do":"watch"}\n', b'{"do":"state"}\n' * 20):
            other = await rig.client()
            await other.send(data)
            await other.close()
            for _ in range(5):
                rig.control.emit({"event": "status"})
                await asyncio.sleep(0.01)
        assert (await client.ask(do="link", up=True))["ok"]
        assert len(rig.control._clients) == 1

    run(test)
