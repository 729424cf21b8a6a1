# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A control channel over real sockets: a simulated board, a firmware that takes notes, and clients."""

import asyncio
import json
import os

from evse import faults
from hal.sim.board import SimBoard
from hal.sim.control import Control
from hal.sim.requests import Requests
from ocpp16 import json_text
from view import Events


class StandIn:
    """A firmware as `hal.sim.requests` knows it."""

    class Supply:
        pilot = "A"
        state = "A1"
        offered_da = 0
        limit_da = 320
        limit_name = "board"

        def __init__(self):
            self.acknowledged = 0

        def acknowledge(self):
            self.acknowledged += 1

    def __init__(self, connectors):
        self.events = Events(connectors)
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
