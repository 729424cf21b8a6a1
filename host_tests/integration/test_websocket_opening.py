# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The firmware's WebSocket client opens: servers that let it in, and all kinds that do not."""

import asyncio
import base64
import contextlib
import socket

import pytest

from host_tests.integration.peer import TEXT, client, server
from host_tests.unit.test_frames import frame


async def refused(play, **options):
    """What the client says of a server that does not open the WebSocket."""
    async with server(play) as port, client(port, **options) as it:
        said = await it.until("refused")
        await it.end()
    return said


def says(data):
    """A server that answers `data` to the request and then waits."""

    async def play(peer):
        await peer.request()
        peer.writer.write(data)
        await peer.gone()

    return play


async def test_the_request_is_a_good_one():
    async def play(peer):
        head = await peer.request()
        assert head.startswith("GET /ocpp/CP%201?x=1 HTTP/1.1\r\n")
        assert peer.field("Host") == "127.0.0.1:%d" % port
        assert peer.field("Sec-WebSocket-Protocol") == "ocpp1.6"
        assert peer.field("Sec-WebSocket-Version") == "13"
        scheme, _, text = peer.field("Authorization").partition(" ")
        assert scheme == "Basic"
        assert base64.b64decode(text) == b"CP 1:\x00\x01\xff:\r\n"
        peer.send(peer.answer(), frame(TEXT, b"right behind"))
        await peer.gone()

    async with server(play) as port:
        path = "/ocpp/CP%201?x=1"
        async with client(port, path=path, user="CP 1", password_hex="0001ff3a0d0a") as it:
            await it.until("open")
            said = await it.until("message")
            assert bytes.fromhex(said["head"]) == b"right behind"


async def test_an_answer_in_single_bytes_is_an_answer():
    async def play(peer):
        await peer.request()
        for byte in peer.answer() + frame(TEXT, b"hello"):
            peer.writer.write(bytes((byte,)))
            await peer.writer.drain()
            await asyncio.sleep(0.001)
        peer.order("!close")
        await peer.gone()

    async with server(play) as port, client(port) as it:
        assert (await it.until("message"))["size"] == 5
        await it.end()


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 500, 503])
async def test_http_errors(status):
    said = await refused(says(b"HTTP/1.1 %d No\r\nLocation: ws://elsewhere/\r\n\r\n<html>" % status))
    assert said["status"] == status
    assert ("elsewhere" in said["reason"]) == (300 <= status < 400)


@pytest.mark.parametrize(
    "data", [b"SSH-2.0-x\r\n", b"\x16\x03\x01\x00\x05", b"\x00", b"HTTP/1.1 101 x\r\n" + b"X: y\r\n" * 2000]
)
async def test_garbage_is_left_at_once(data):
    said = await refused(says(data))
    assert said["ms"] < 3000


@pytest.mark.parametrize(
    "changes",
    [
        {"Sec_WebSocket_Protocol": None},
        {"Sec_WebSocket_Protocol": "ocpp2.0.1"},
        {"Sec_WebSocket_Accept": "AAAA"},
        {"Sec_WebSocket_Extensions": "permessage-deflate"},
        {"Upgrade": "h2c"},
    ],
)
async def test_a_wrong_upgrade(changes):
    async def play(peer):
        await peer.request()
        peer.writer.write(peer.answer(**changes))
        await peer.gone()

    assert (await refused(play))["status"] == 0


async def test_a_server_that_hangs_up():
    async def play(peer):
        await peer.request()
        peer.writer.write(b"HTTP/1.1 101 Swi")

    assert "hung up" in (await refused(play))["reason"]


@pytest.mark.parametrize("drip", [False, True])
async def test_a_server_that_never_finishes_its_answer(drip):
    async def play(peer):
        await peer.request()
        if drip:
            with contextlib.suppress(ConnectionError):
                for byte in b"HTTP/1.1 101 Switching Protocols\r\n" * 50:
                    peer.writer.write(bytes((byte,)))
                    await peer.writer.drain()
                    await asyncio.sleep(0.05)
        await peer.gone()

    async with server(play) as port, client(port, timeout_ms=600) as it:
        said = await it.until("failed")
        assert "600 ms" in said["reason"]
        assert 550 < said["ms"] < 3000
        await it.end()


async def test_nobody_listens():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with client(port) as it:
        said = await it.until("failed")
        assert "cannot connect to 127.0.0.1:%d" % port in said["reason"]
        await it.end()


async def test_nobody_answers_at_all():
    # A listener whose queue is full lets connects hang, as a firewall that swallows packets does.
    with socket.socket() as listener, contextlib.ExitStack() as fillers:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        async with client(listener.getsockname()[1], timeout_ms=500) as it:
            said = await it.until("failed")
            assert said["ms"] < 3000
            await it.end()


async def test_a_name_that_does_not_exist():
    async with client(80, host="no-such-host.invalid") as it:
        assert "cannot resolve no-such-host.invalid" in (await it.until("failed"))["reason"]
        await it.end()


async def test_the_second_address_of_a_name_is_tried():
    # localhost is ::1 and 127.0.0.1 on most machines; the server is on one of them only.
    async def play(peer):
        await peer.accept()
        peer.order("!close")
        await peer.gone()

    async with server(play) as port, client(port, host="localhost") as it:
        await it.until("open")
        await it.end()


@pytest.mark.parametrize("when", [1, 100])
async def test_a_cancelled_opening_leaves_nothing(when):
    async def play(peer):
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await peer.request()
            await peer.gone()

    async with server(play) as port, client(port, cancel_ms=when, times=5) as it:
        await it.end()
        assert [said["event"] for said in it.events].count("cancelled") == 5


async def test_wss_is_refused_clearly():
    async with client(1, scheme="wss") as it:
        assert "nobody has set it up" in (await it.until("failed"))["reason"]
        await it.end()
