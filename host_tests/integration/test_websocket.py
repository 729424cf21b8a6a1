# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The firmware's WebSocket client under MicroPython against servers that do not behave, and one that does."""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import socket
import struct

import pytest
import websockets

from bench.deadline import within
from host_tests.conftest import ROOT
from host_tests.unit.test_frames import frame
from toolchain import interpreter

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

CLIENT = ROOT / "host_tests" / "micropython" / "websocket_client.py"
HEAP = "200k"


class Client:
    """The MicroPython process and what it says."""

    def __init__(self, process):
        self.process = process
        self.events = []

    async def until(self, event, seconds=10):
        """The next `event`; the ones before it are kept in `events`."""
        async with asyncio.timeout(seconds):
            while True:
                line = (await self.process.stdout.readline()).decode()
                assert line, "the client ended:\n" + (await self.process.stderr.read()).decode()
                said = json.loads(line)
                self.events.append(said)
                if said["event"] == event:
                    return said

    async def end(self):
        """Wait for its end; nothing may have been left open."""
        said = await self.until("end")
        assert said["leaked"] == 0
        assert await self.process.wait() == 0
        assert (await self.process.stderr.read()) == b""
        return said


@contextlib.asynccontextmanager
async def client(port, host="127.0.0.1", path="/ocpp/CP1", scheme="ws", **options):
    process = await asyncio.create_subprocess_exec(
        str(interpreter.find().path),
        "-X",
        "heapsize=" + HEAP,
        str(CLIENT),
        "%s://%s:%d%s" % (scheme, host, port, path),
        json.dumps(options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "MICROPYPATH": "%s:%s/firmware:.frozen" % (ROOT, ROOT)},
    )
    try:
        yield Client(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Peer:
    """The server's end of one connection, byte by byte."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer
        self.head = ""

    async def request(self):
        self.head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        return self.head

    def field(self, name):
        for line in self.head.split("\r\n"):
            if line.lower().startswith(name.lower() + ":"):
                return line.partition(":")[2].strip()
        return None

    def answer(self, **changes):
        """The bytes of a good answer to the upgrade request."""
        key = self.field("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        digest = hashlib.sha1(key.encode())
        fields = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": base64.b64encode(digest.digest()).decode(),
            "Sec-WebSocket-Protocol": "ocpp1.6",
        }
        fields.update({key.replace("_", "-"): value for key, value in changes.items()})
        lines = ["%s: %s" % (key, value) for key, value in fields.items() if value is not None]
        return "\r\n".join(["HTTP/1.1 101 Switching Protocols", *lines, "", ""]).encode()

    async def accept(self):
        await self.request()
        self.writer.write(self.answer())

    def send(self, *frames):
        self.writer.write(b"".join(frames))

    def order(self, text):
        self.send(frame(TEXT, text.encode()))

    async def receive(self):
        """(kind, payload) of the client's next frame, which must be masked."""
        first, second = await self.reader.readexactly(2)
        assert first & 0xF0 == 0x80
        assert second & 0x80
        size = second & 127
        if size == 126:
            (size,) = struct.unpack(">H", await self.reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", await self.reader.readexactly(8))
        mask = await self.reader.readexactly(4)
        data = await self.reader.readexactly(size)
        key = int.from_bytes((mask * (size // 4 + 1))[:size])
        return first & 15, (int.from_bytes(data) ^ key).to_bytes(size)

    async def closes(self):
        """(code, reason) of the client's close frame, which must be the next one."""
        kind, payload = await self.receive()
        assert kind == CLOSE, (kind, payload)
        return struct.unpack(">H", payload[:2])[0], payload[2:].decode()

    async def gone(self):
        """Wait until the client has closed the connection."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(4096):
                pass


@contextlib.asynccontextmanager
async def server(play, buffer=None):
    """A server on a port of its own whose every connection runs `play(peer)`; its failure is the test's.

    `buffer`: bytes the system may keep of what the server does not read; it gives megabytes otherwise.
    """
    failures = []
    tasks = set()

    async def connection(reader, writer):
        tasks.add(asyncio.current_task())
        try:
            async with asyncio.timeout(20):
                await play(Peer(reader, writer))
        except Exception as error:
            failures.append(error)
        finally:
            writer.close()

    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    if buffer is not None:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    listener = await asyncio.start_server(connection, sock=bound)
    try:
        yield listener.sockets[0].getsockname()[1]
        for task in list(tasks):
            with contextlib.suppress(asyncio.CancelledError):
                await task
    finally:
        listener.close()
    if failures:
        raise failures[0]


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


# ---- opening


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
        assert "not in this build yet" in (await it.until("failed"))["reason"]
        await it.end()


# ---- talking


async def test_messages_of_all_sizes_both_ways():
    sizes = [0, 1, 125, 126, 127, 1000, 8191, 8192]

    async def echo(ws):
        for size in sizes:
            await ws.send("z" * size)
            await ws.send(os.urandom(size))
        for size in [*sizes[1:], 30_000]:
            await ws.send("!send %d" % size)
            assert await ws.recv() == "x" * size
        await ws.send("!close")
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (1000, "bye")

    async with (
        websockets.serve(echo, "127.0.0.1", 0, subprotocols=["ocpp1.6"], compression=None) as listener,
        client(listener.sockets[0].getsockname()[1]) as it,
    ):
        await it.end()
    got = [(said["kind"], said["size"]) for said in it.events if said["event"] == "message"]
    assert got == [(kind, size) for size in sizes for kind in (TEXT, BINARY)]
    assert closed_with(it.events) == (1000, "bye")


async def talk(play, buffer=None, **options):
    """Run `play(peer)` after the handshake until the client has ended; all it said."""

    async def accepted(peer):
        await peer.accept()
        await play(peer)

    async with server(accepted, buffer) as port, client(port, **options) as it:
        await it.end()
        return it.events


def closed_with(events):
    [said] = [said for said in events if said["event"] == "closed"]
    return said["code"], said["reason"]


async def test_fragments_and_pings_between():
    async def play(peer):
        for byte in (
            frame(TEXT, b"one ", fin=False) + frame(PING, b"1") + frame(0, "\u20ac".encode()[:1], fin=False)
            + frame(PING, b"2") + frame(0, "\u20ac".encode()[1:])
        ):  # fmt: skip
            peer.send(bytes((byte,)))
            await peer.writer.drain()
        assert await peer.receive() == (PONG, b"1")
        assert await peer.receive() == (PONG, b"2")
        peer.send(frame(CLOSE, b"\x03\xe9going"))
        assert await peer.closes() == (1001, "")
        await peer.gone()

    events = await talk(play)
    [message] = [said for said in events if said["event"] == "message"]
    assert bytes.fromhex(message["head"]).decode() == "one \u20ac"
    assert closed_with(events) == (1001, "going")


async def test_a_message_that_is_too_long_is_cut_and_the_link_lives():
    async def play(peer):
        peer.send(frame(TEXT, b'[2,"id",' + b"x" * 900_000))
        peer.send(frame(TEXT, b"y" * 8000, fin=False), frame(PING, b"k"), frame(0, b"y" * 8000))
        peer.send(frame(TEXT, b"after"))
        assert await peer.receive() == (PONG, b"k")
        peer.order("!close")
        assert await peer.closes() == (1000, "bye")
        peer.send(frame(CLOSE, b"\x03\xe8"))
        await peer.gone()

    events = await talk(play)
    got = [(said["size"], said["oversize"]) for said in events if said["event"] == "message"]
    assert got == [(512, 900_008), (512, 16000), (5, 0)]
    assert closed_with(events)[0] == 1000


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT, b"x", rsv=4), 1002),
        (frame(TEXT, b"x", mask=True), 1002),
        (frame(3, b"x"), 1002),
        (frame(11, b"x"), 1002),
        (frame(0, b"x"), 1002),
        (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(PING, b"x", fin=False), 1002),
        (frame(TEXT, b"x", form=16), 1002),
        (frame(CLOSE, b"\x03"), 1002),
        (frame(CLOSE, b"\x03\xed"), 1002),
        (frame(CLOSE, b"\x03\xe8\xff"), 1007),
        (frame(TEXT, b"\xff\xfe"), 1007),
        (frame(TEXT, b"\xed\xa0\x80"), 1007),
        (frame(TEXT, b"x" * 10)[:1] + b"\x7f" + struct.pack(">Q", 1 << 21), 1009),
        (b"HTTP/1.1 200 OK\r\n\r\n", 1002),
    ],
)
async def test_broken_frames_are_closed_with_their_code(data, code):
    async def play(peer):
        peer.send(data)
        # More is on its way: the close frame must arrive nevertheless.
        peer.send(b"z" * 3000)
        assert (await peer.closes())[0] == code

    events = await talk(play)
    assert closed_with(events)[0] == code


async def test_a_flood_of_pings():
    async def play(peer):
        for i in range(20_000):
            peer.send(frame(PING, b"%d" % i))
            if i % 1000 == 0:
                await peer.writer.drain()
        peer.order("!send 10")
        pongs = 0
        while True:
            kind, payload = await peer.receive()
            if kind != PONG:
                break
            pongs += 1
            last = payload
        assert last == b"19999"
        assert payload == b"x" * 10
        assert pongs <= 20_000
        peer.send(frame(CLOSE, b"\x03\xe8"))
        await peer.gone()

    assert closed_with(await talk(play))[0] == 1000


async def test_a_flood_of_pings_nobody_reads_the_pongs_of():
    async def play(peer):
        flood = frame(PING, b"p" * 125) * 1000
        for _ in range(60):  # 7.6 MB: far more than any socket takes
            peer.send(flood)
            await peer.writer.drain()
        peer.order("!send 10")
        while True:
            kind, payload = await peer.receive()
            if kind == TEXT:
                break
        assert payload == b"x" * 10
        peer.send(frame(CLOSE, b"\x03\xe8"))
        await peer.gone()

    events = await talk(play)
    assert closed_with(events)[0] == 1000
    # The rest of the station had its turns. (Milliseconds on an idle machine.)
    assert events[-1]["stall_ms"] < 400


async def test_the_peer_breaks_off():
    async def play(peer):
        peer.writer.transport.abort()

    assert closed_with(await talk(play))[0] == 1006


async def test_the_peer_hangs_up_without_a_close_frame():
    async def play(peer):
        peer.writer.write_eof()
        await peer.gone()

    assert closed_with(await talk(play)) == (1006, "peer hung up")


async def test_a_close_nobody_answers():
    async def play(peer):
        peer.order("!close")
        assert await peer.closes() == (1000, "bye")
        await peer.gone()

    events = await talk(play)
    assert closed_with(events)[0] == 1000
    assert events[-1]["ms"] < 5000


async def test_abort():
    async def play(peer):
        peer.order("!abort")
        await peer.gone()

    assert closed_with(await talk(play)) == (1006, "told to")


async def test_pings_go_out_and_a_silent_peer_is_left():
    async def play(peer):
        for _ in range(3):
            assert await peer.receive() == (PING, b"")
            peer.send(frame(PONG))
        assert await peer.receive() == (PING, b"")
        peer.send(frame(PING, b"sign of life"))  # any bytes are
        assert await peer.receive() == (PONG, b"sign of life")
        assert await peer.receive() == (PING, b"")
        await peer.gone()

    events = await talk(play, interval_ms=200, pong_timeout_ms=300)
    assert closed_with(events) == (1006, "no pong within 300 ms")
    assert events[-1]["ms"] > 5 * 200 + 300


async def test_the_ping_interval_changes_at_run_time():
    async def play(peer):
        with pytest.raises(TimeoutError):
            await within(0.5, peer.receive())
        peer.order("!ping 100")
        began = asyncio.get_running_loop().time()
        for _ in range(3):
            assert await peer.receive() == (PING, b"")
            peer.send(frame(PONG))
        assert 0.25 < asyncio.get_running_loop().time() - began < 1.5
        peer.order("!ping 0")
        with pytest.raises(TimeoutError):
            await within(0.5, peer.receive())
        peer.order("!close")
        assert (await peer.closes())[0] == 1000
        peer.send(frame(CLOSE))
        await peer.gone()

    assert closed_with(await talk(play))[0] in (1000, 1005)


async def test_pings_stay_in_step():
    moments = []

    async def play(peer):
        for _ in range(6):
            assert await peer.receive() == (PING, b"")
            moments.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0.1)  # a slow pong does not delay the next ping
            peer.send(frame(PONG))
        peer.send(frame(CLOSE, b"\x03\xe8"))
        await peer.gone()

    await talk(play, interval_ms=300, pong_timeout_ms=200)
    assert 1.4 < moments[-1] - moments[0] < 2.0


async def test_a_client_busy_elsewhere_does_not_miss_the_pong():
    async def play(peer):
        peer.order("!deaf 900")  # longer than interval and deadline, less than two of them
        assert await peer.receive() == (PING, b"")
        peer.send(frame(PONG))
        await asyncio.sleep(1)
        peer.order("!ping 0")
        peer.order("!close")
        while (await peer.receive())[0] != CLOSE:
            pass
        peer.send(frame(CLOSE, b"\x03\xe8"))
        await peer.gone()

    assert closed_with(await talk(play, interval_ms=300, pong_timeout_ms=700))[0] == 1000


async def test_a_pong_that_came_while_the_event_loop_stood_still():
    async def play(peer):
        peer.order("!block 800")
        assert await peer.receive() == (PING, b"")
        await asyncio.sleep(0.3)
        peer.send(frame(PONG))
        assert await peer.receive() == (PING, b"")
        peer.send(frame(PONG), frame(CLOSE, b"\x03\xe8"))
        await peer.gone()

    events = await talk(play, interval_ms=600, pong_timeout_ms=400)
    assert closed_with(events)[0] == 1000
    assert events[-1]["stall_ms"] > 800


async def test_a_peer_that_asks_but_does_not_read_is_not_asked_on():
    count = 8000  # as many KB, more than the system's buffers and our queue hold

    async def play(peer):
        peer.writer.transport.pause_reading()
        peer.send(frame(TEXT, b"!send 1000") * count)
        await asyncio.sleep(1)
        peer.writer.transport.resume_reading()
        for _ in range(count):
            assert await peer.receive() == (TEXT, b"x" * 1000)
        peer.send(frame(CLOSE, b"\x03\xe8"))
        await peer.gone()

    assert closed_with(await talk(play, buffer=8192))[0] == 1000


async def test_the_send_queue_is_bounded_and_a_peer_that_does_not_read_is_left():
    async def play(peer):
        peer.writer.transport.pause_reading()
        # More than once: what is on its way when the buffers are full still makes room.
        for _ in range(10):
            peer.order("!flood 20000")
            await asyncio.sleep(0.2)
        await asyncio.sleep(0.5)
        peer.writer.transport.resume_reading()
        await peer.gone()

    events = await talk(play, buffer=8192, write_timeout_ms=1000)
    for flood in [said for said in events if said["event"] == "flood"]:
        assert flood["sent"] < 20000
        assert 15000 < flood["queued"] <= 16384
    code, reason = closed_with(events)
    assert code == 1006
    assert "cannot send" in reason


async def test_a_slow_reader_gets_everything_in_order():
    async def play(peer):
        peer.order("!flood 20000")
        await asyncio.sleep(0.5)
        peer.order("!send 77")  # not read before the queue is short again
        count = 0
        while True:
            kind, payload = await peer.receive()
            assert kind == TEXT
            if payload == b"x" * 77:
                break
            assert payload == b"y" * 1000
            count += 1
        peer.send(frame(CLOSE, b"\x03\xe8%d" % count))
        await peer.gone()

    events = await talk(play, buffer=8192)
    [flood] = [said for said in events if said["event"] == "flood"]
    assert closed_with(events) == (1000, str(flood["sent"]))


async def test_a_cancelled_receive_loses_nothing():
    async def play(peer):
        peer.order("!cancel")
        whole = frame(TEXT, b"one", fin=False) + frame(0, b"two")
        peer.send(whole[:6])
        await asyncio.sleep(0.3)
        peer.send(whole[6:], frame(CLOSE, b"\x03\xe8"))
        await peer.gone()

    events = await talk(play)
    assert [said["event"] for said in events] == ["open", "cancelled", "message", "closed", "end"]
    assert bytes.fromhex(events[2]["head"]) == b"onetwo"


async def test_a_hundred_connections_leave_nothing_behind():
    async def play(peer):
        await peer.accept()
        peer.order("!send 3000")
        await peer.receive()
        peer.writer.transport.abort()

    async def memory(times):
        async with server(play) as port, client(port, times=times) as it:
            return (await it.end())["memory"]

    assert abs(await memory(100) - await memory(5)) < 1500
