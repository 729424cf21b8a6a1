# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A connection that ends because nothing comes over it any more says so: the link below may be dead."""

import asyncio
import errno

from host_tests.unit.event_loop import run
from ocpp16.channel import Channel, _shown
from ocpp16.websocket import WebSocket

if not hasattr(asyncio, "sleep_ms"):  # CPython

    def sleep_ms(ms):
        return asyncio.sleep(ms / 1000)

    asyncio.sleep_ms = sleep_ms


class Stream:
    """What the network does: `failure` is raised by what writes."""

    closed = False
    certified = None
    failure = None

    async def read_into(self, view, timeout_ms=None):
        while not self.closed:
            await asyncio.sleep(0.001)
        raise OSError(errno.ECONNABORTED)

    def write_some(self, view):
        return 0 if self.failure else len(view)

    async def write_all(self, view, timeout_ms):
        await asyncio.sleep(0.001)
        raise OSError(self.failure, "failed")

    def close(self):
        self.closed = True


class Rpc:
    call = None
    streams = None

    def attach(self, send):
        pass

    def detach(self):
        pass


def ended(act, failure=None):
    """A channel on a silent network, after `act(websocket, channel)` and its end."""

    async def live():
        websocket = WebSocket(pong_timeout_ms=5)
        websocket._stream = Stream()
        websocket._stream.failure = failure
        websocket._write_task = asyncio.create_task(websocket._write_loop())
        channel = Channel(websocket, Rpc())
        act(websocket, channel)
        await channel.receive()
        return channel.fell_silent

    return run(live())


def ping(websocket, channel):
    websocket.ping_every(5)


def send(websocket, channel):
    websocket.send("x")


def test_silence():
    assert ended(ping)
    assert ended(send, errno.ETIMEDOUT)
    assert ended(lambda websocket, channel: channel.abort("nothing came", True))


def test_no_silence():
    assert not ended(send, errno.ECONNRESET)
    assert not ended(lambda websocket, channel: channel.abort("link down"))
    assert not ended(lambda websocket, channel: websocket._end(1000, "bye"))


class Ponging(Stream):
    """A far end that answers pings, and nothing else."""

    async def read_into(self, view, timeout_ms=None):
        await asyncio.sleep(0.005)
        view[:2] = b"\x8a\x00"
        return 2


def test_pongs_are_no_silence():
    async def live(stream):
        websocket = WebSocket()
        websocket._stream = stream
        channel = Channel(websocket, Rpc())
        receiving = asyncio.create_task(channel.receive())
        await asyncio.sleep(0.3)
        silent_ms = channel.silent_ms()
        channel.abort("over")
        await receiving
        return silent_ms

    assert run(live(Ponging())) < 200
    assert run(live(Stream())) >= 290


def test_a_password_in_the_address_is_not_shown():
    assert _shown("wss://CP1:secret@csms.example/ocpp/CP1") == "csms.example/ocpp/CP1"
    assert _shown("wss://csms.example/ocpp/CP1") == "wss://csms.example/ocpp/CP1"
