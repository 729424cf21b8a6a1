# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The firmware's WebSocket client in a MicroPython process, and the server that a test plays byte by byte."""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import socket
import struct

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
async def server(play, buffer=None, tls=None):
    """A server on a port of its own whose every connection runs `play(peer)`; its failure is the test's.

    `buffer`: bytes the system may keep of what the server does not read; it gives megabytes otherwise. `tls`:
    the ssl.SSLContext of a wss:// server.
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
    listener = await asyncio.start_server(connection, sock=bound, ssl=tls)
    try:
        yield listener.sockets[0].getsockname()[1]
        for task in list(tasks):
            with contextlib.suppress(asyncio.CancelledError):
                await task
    finally:
        listener.close()
    if failures:
        raise failures[0]


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
