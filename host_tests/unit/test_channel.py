# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Connections that cannot even be tried, and what a channel tells of its connection."""

from host_tests.unit.event_loop import run
from host_tests.unit.expect import raises
from net import tcp
from net.url import OwnFault
from ocpp16 import channel
from ocpp16.channel import Channel, connect


class Config:
    """`key`: AuthorizationKey."""

    def __init__(self, key=None):
        self._key = key

    def value(self, name):
        return self._key if name == "AuthorizationKey" else None


class Rpc:
    call = None

    attached = False

    def attach(self, send):
        self.attached = True

    def detach(self):
        self.attached = False


class FakeWebSocket:
    certified = 1, 2, True
    ping_interval_ms = 0
    aborted = None

    def send(self, data):
        pass

    def abort(self, why):
        self.aborted = why


class NoTask(FakeWebSocket):
    """There is no memory for the task that sends pings."""

    def __setattr__(self, name, value):
        if name == "ping_interval_ms":
            raise MemoryError("ping")
        super().__setattr__(name, value)


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
