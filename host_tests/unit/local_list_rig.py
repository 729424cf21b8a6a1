# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A station with a local list that keeps a book of what is done to it, behind a real Rpc."""

import asyncio
import json

from host_tests.unit.event_loop import run
from ocpp16 import local_list, schema_core, schema_local_list
from ocpp16.frames import PART, TEXT
from ocpp16.rpc import Rpc
from station.clock import Clock


class FakeUpdate:
    def __init__(self, book):
        self.book = book
        self.entries = []
        self.count = 0
        self.slices = 0  # of the work at the end
        self.failed = None
        self.status = None
        self.closed = None  # "finished" or "abandoned"

    def add(self, tag, info):
        assert self.closed is None
        assert self.failed is None
        assert self.book.keeps or tag == "TAG%d" % self.count
        self.count += 1
        if self.book.keeps:
            kept = None if info is None else (info.status, info.expiry_utc_ms, info.parent)
            self.entries.append((tag, kept))
        if self.count == self.book.fails_at:
            self.failed = "no room"

    def finish(self, version, full):
        assert self.closed is None
        for _ in range(3):
            self.slices += 1
            yield
        while self.book.held:
            yield
        if self.book.breaks:
            raise MemoryError
        self.closed = "finished"
        self.status = self.book.status if self.failed is None else "Failed"
        if self.status == "Accepted":
            self.book.version = version
            self.book.done.append((version, full, self.entries))

    def abandon(self):
        assert self.closed is None
        self.closed = "abandoned"


class FakeLocalList:
    """`done`: (version, full, entries) of each update that has counted."""

    def __init__(self):
        self.version = 0
        self.updates = []
        self.done = []
        self.held = False
        self.breaks = False
        self.status = "Accepted"
        self.fails_at = -1
        self.keeps = True  # the entries; else they are counted, and must be TAG0, TAG1...

    def update(self):
        assert all(update.closed for update in self.updates), "two updates at once"
        self.updates.append(FakeUpdate(self))
        return self.updates[-1]


class FakeConfig:
    def __init__(self):
        self.values = {"LocalAuthListEnabled": True, "SendLocalListMaxLength": 1000}

    def value(self, name):
        return self.values[name]


class FakeStation:
    def __init__(self):
        self.config = FakeConfig()
        self.local_list = FakeLocalList()
        self.clock = Clock(1, 0)
        self.quiet = False  # the power fails


class ListWire:
    """The Rpc of such a station, and what it sends."""

    def __init__(self, **others):
        self.station = FakeStation()
        self.list = self.station.local_list
        self.config = self.station.config.values
        self.handlers = local_list.handlers(self.station, None)
        self.handlers.update(others)
        self.sent = []
        self.shown = []
        self.rpc = Rpc(self.handlers.get, (schema_core, schema_local_list))
        self.rpc.attach(self._send)

    def _send(self, text):
        self.sent.append(json.loads(text))

    def take(self):
        sent, self.sent = self.sent, []
        return sent

    async def hear(self, message, size=None):
        """Let it hear a message (a str, or a frame to be written as JSON): whole, or in pieces of `size`
        behind the first, which has the action in it."""
        if not isinstance(message, str):
            message = json.dumps(message)
        data = memoryview(message.encode())
        if size is None:
            await self.rpc.hear(TEXT, data)
            return
        assert self.rpc.streams(data[:512])
        first = bytes(data).find(b"{")
        if first < 0:
            first = len(data)
        at = 0
        while at < len(data):
            end = min(at + size, len(data)) if at else first
            await self.rpc.hear(PART, data[at:end], len(data) if end == len(data) else 0)
            at = end

    def says(self, message, size=None):
        """What is answered to it, at once or when the work is done."""

        async def live():
            await self.hear(message, size)
            for _ in range(100):
                if self.sent:
                    break
                await asyncio.sleep(0)
            return self.take()

        return run(live())


def request(entries=None, version=1, kind="Full", message_id="1"):
    payload = {"listVersion": version, "updateType": kind}
    if entries is not None:
        payload["localAuthorizationList"] = entries
    return [2, message_id, "SendLocalList", payload]


def entry(tag, status="Accepted", **more):
    info = {"status": status}
    info.update(more)
    return {"idTag": tag, "idTagInfo": info}
