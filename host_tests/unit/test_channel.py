# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Connections that cannot even be tried, and what a channel tells of its connection."""

import asyncio
import json

from host_tests.unit.event_loop import run, settle
from host_tests.unit.expect import raises
from host_tests.unit.local_list_rig import ListWire, entry, request
from host_tests.unit.test_frames import frame
from net import tcp
from net.url import OwnFault
from ocpp16 import channel
from ocpp16.channel import Channel, connect
from ocpp16.frames import PART, TEXT
from ocpp16.websocket import Closed, WebSocket


class Config:
    """`key`: AuthorizationKey."""

    def __init__(self, key=None):
        self._key = key

    def value(self, name):
        return self._key if name == "AuthorizationKey" else None


class Rpc:
    call = None
    streams = None
    attached = False

    def attach(self, send):
        self.attached = True

    def detach(self):
        self.attached = False


class FakeWebSocket:
    certified = 1, 2, True
    aborted = None

    def ping_every(self, interval_ms):
        pass

    def send(self, data):
        pass

    def abort(self, why):
        self.aborted = why

    def take_as_stream(self, streams):
        pass


class NoTask(FakeWebSocket):
    """There is no memory for the task that sends pings."""

    def ping_every(self, interval_ms):
        raise MemoryError("ping")


async def nowhere(host, port, timeout_ms):
    raise AssertionError("connected")


def fault(url, identity="CP1", key=None):
    real, tcp.connect = tcp.connect, nowhere
    try:
        return str(raises(OwnFault, run, connect(url, identity, Config(key), Rpc())))
    finally:
        tcp.connect = real


def test_what_cannot_be_tried_is_a_fault_of_its_own():
    assert "@" in fault("ws://user:p@ss/word@h/x")
    assert "bad port" in fault("ws://csms.example:99999/x")
    assert "must start with" in fault("csms.example")
    assert "not a WebSocket URL" in fault("http://csms.example")
    assert "colon" in fault("ws://csms.example/x", "CP:1", b"0123456789abcdef")
    assert "nobody has set it up" in fault("wss://csms.example/x")


def test_a_password_is_not_in_the_reason():
    assert "geheim7" not in fault("ws://CP1:geheim7@csms.example:99999/x")
    assert "geheim7" not in fault("ws://CP1:ge/geheim7@csms.example/x")


def test_what_the_connection_is_certified_for():
    assert Channel(FakeWebSocket(), Rpc()).certified == (1, 2, True)


class Talking(FakeWebSocket):
    """Receives what it is given, and is closed then. An item may be a function, to be called when it is its
    turn."""

    def __init__(self, wire, received):
        self.wire = wire
        self.received = received

    def send(self, text):
        self.wire._send(text)

    async def receive(self):
        while self.received:
            item = self.received.pop(0)
            if isinstance(item, tuple):
                return item
            item()
        await settle()
        raise Closed(1006, "gone")


def parts(message, last=True):
    data = memoryview(json.dumps(message).encode())
    half = len(data) // 2 + 20
    found = [(PART, data[:half], 0), (PART, data[half:], len(data))]
    return found if last else found[:1]


def whole(message):
    return [(TEXT, memoryview(json.dumps(message).encode()), 0)]


LIST = [entry("A"), entry("B"), entry("C")]


def test_a_message_in_pieces_among_others():
    wire = ListWire()
    received = whole([2, "1", "GetLocalListVersion", {}]) + parts(request(LIST, 5, message_id="2"))
    received += whole([2, "3", "GetLocalListVersion", {}])
    run(Channel(Talking(wire, received), wire.rpc).receive())
    answers = {answer[1]: answer[2] for answer in wire.sent}
    assert answers["1"] == {"listVersion": 0}
    assert answers["2"] == {"status": "Accepted"}
    assert [version for version, _, _ in wire.list.done] == [5]


def test_the_connection_ends_within_a_message():
    wire = ListWire()
    run(Channel(Talking(wire, parts(request(LIST), last=False)), wire.rpc).receive())
    assert [update.closed for update in wire.list.updates] == ["abandoned"]
    assert wire.sent == wire.list.done == []


def test_a_message_that_began_before_the_acceptance_is_ignored_to_its_end():
    wire = ListWire()
    deaf = []
    first, second = parts(request(LIST, message_id="2"))
    received = parts(request([{}], message_id="1"))
    received += [lambda: deaf.append(True), first, deaf.clear, second]
    received += parts(request(LIST, message_id="3"))
    it = Channel(Talking(wire, received), wire.rpc)
    it.deaf = lambda: bool(deaf)
    run(it.receive())
    assert [answer[:2] for answer in wire.sent] == [[4, "1"], [3, "3"]]
    assert wire.sent[1][2] == {"status": "Accepted"}
    assert len(wire.list.updates) == 2


def test_the_name_that_the_session_goes_by():
    assert issubclass(OwnFault, OSError)
    assert not issubclass(OwnFault, tcp.Refused)
    assert channel.OwnFault is OwnFault


def test_a_connection_that_is_not_taken_up_is_closed():
    """Nobody knows of it: it would keep the memory of TLS, and the next one does without."""
    opened = NoTask()

    async def give(*arguments):
        return opened

    rpc = Rpc()
    real, channel.WebSocket.open = channel.WebSocket.open, give
    try:
        raises(MemoryError, run, connect("ws://csms.example/x", "CP1", Config(), rpc))
    finally:
        channel.WebSocket.open = real
    assert opened.aborted is not None and not rpc.attached


class Stream:
    """A network that brings `data`, as much as there is room for, and takes everything. One may read."""

    certified = None

    def __init__(self, data):
        self._data = data
        self._reading = False
        self._over = asyncio.Event()

    async def read_into(self, view, timeout_ms=None):
        assert not self._reading, "two read"
        self._reading = True
        try:
            await asyncio.sleep(0)
            if not self._data:
                await self._over.wait()
                raise OSError(103, "closed here")
            count = min(len(view), len(self._data))
            view[:count] = self._data[:count]
            self._data = self._data[count:]
            return count
        finally:
            self._reading = False

    def write_some(self, view):
        return len(view)

    def close(self):
        self._over.set()


def test_who_leaves_within_a_message_does_not_read_in_between():
    """What has come of it is still being read, in the buffer."""

    async def live(seen):
        wire = ListWire()
        listed = [entry("TAG%d" % n) for n in range(100)]
        text = json.dumps(request(listed)).encode()
        websocket = WebSocket(receive_limit=1000)
        websocket._stream = Stream(frame(TEXT, text) + frame(8, b"\x03\xe8"))
        it = Channel(websocket, wire.rpc)
        receiving = asyncio.create_task(it.receive())
        while not wire.list.updates or wire.list.updates[0].count < seen:
            await asyncio.sleep(0)
        it.leave("new password")
        await receiving
        assert websocket.closed
        await settle()
        assert [[tag for tag, _ in kept] for _, _, kept in wire.list.done] == [
            [item["idTag"] for item in listed]
        ]

    for seen in (1, 2, 5, 50, 99):
        run(live(seen))
