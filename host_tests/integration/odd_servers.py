# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Servers that are no CSMS, or not now: what a charge point meets between itself and its CSMS.

    async with OddServer(garbage) as server:
        ... --csms server.url ...
        await server.connections(3)
        server.arrivals                              # when they came

A behaviour is a coroutine function of (reader, writer); the connection is closed when it returns.
"""

import asyncio
import base64
import contextlib
import hashlib
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Self

from bench.deadline import within

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class OddServer:
    def __init__(self, behaviour: Behaviour, port: int = 0):
        self.arrivals: list[float] = []  # loop time of each connection
        self.left: list[float] = []  # of the end of each, from whatever side
        self.requests: list[bytes] = []  # upgrade requests, where the behaviour has read them
        self.port = port
        self._behaviour = behaviour
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ocpp"

    async def connections(self, count: int, timeout: float = 15) -> None:
        async with self._changed:
            await within(timeout, self._changed.wait_for(lambda: len(self.arrivals) >= count))

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_rest: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        async with self._changed:
            self.arrivals.append(asyncio.get_running_loop().time())
            self._changed.notify_all()
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._behaviour(reader, writer)
        finally:
            self.left.append(asyncio.get_running_loop().time())
            writer.close()


async def _until_left(reader: asyncio.StreamReader) -> None:
    """Say nothing more; wait for the other side to go."""
    while await reader.read(4096):
        pass


def answering(
    status: str = "101 Switching Protocols", accept: str | None = None, protocol: str | None = "ocpp1.6"
) -> Behaviour:
    """An upgrade that is answered, rightly or with another status, Accept or subprotocol (None: none)."""

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        key = request.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
        right = base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode()
        lines = [f"HTTP/1.1 {status}", "Upgrade: websocket", "Connection: Upgrade"]
        lines.append(f"Sec-WebSocket-Accept: {accept or right}")
        if protocol is not None:
            lines.append(f"Sec-WebSocket-Protocol: {protocol}")
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await _until_left(reader)

    return behave


async def hanging_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts and closes at once."""


async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts and resets: RST instead of FIN."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(bytes(range(256)) * 64)
    await _until_left(reader)


async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accepts, reads and says nothing."""
    await _until_left(reader)


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The head of an answer that never ends, a byte at a time."""
    leaving = asyncio.create_task(_until_left(reader))
    head = b"HTTP/1.1 101 Switching Protocols\r\nX-Slow: " + b"x" * 4000
    for byte in head:
        writer.write(bytes((byte,)))
        done, _ = await asyncio.wait((leaving,), timeout=0.2)
        if done:
            return
