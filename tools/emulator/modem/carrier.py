# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Carries the bytes of the board's TCP connections to servers on 127.0.0.1 and back."""

import asyncio
import socket
import struct
from collections.abc import Callable

from emulator.modem.tcp import Connection

LOOPBACK = "127.0.0.1"
# What the transport may keep for a server that does not read; then the board's window closes.
_HIGH_WATER = 32768


class Carrier:
    """wake: called when a server has changed something: what the connections have to say is to be sent."""

    def __init__(self, wake: Callable[[], None]):
        self._wake = wake
        self._pipes: set[_Pipe] = set()
        self._calls: set[asyncio.Task[None]] = set()

    def dial(self, connection: Connection, port: int) -> None:
        task = asyncio.get_running_loop().create_task(self._call(connection, port))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    def move(self) -> None:
        """What the board has sent goes to the servers; servers go on where there is room again."""
        for pipe in list(self._pipes):
            pipe.move()
            if pipe.is_over:
                self._pipes.discard(pipe)

    def close(self) -> None:
        for task in self._calls:
            task.cancel()
        for pipe in self._pipes:
            pipe.cut()
        self._pipes.clear()

    async def _call(self, connection: Connection, port: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            _, pipe = await loop.create_connection(lambda: _Pipe(connection, self._wake), LOOPBACK, port)
        except OSError:
            connection.refuse()
        else:
            self._pipes.add(pipe)
            connection.accept(loop.time())
        self._wake()


class _Pipe(asyncio.Protocol):
    """One connection's socket. Each direction ends by itself: half closed connections stay half closed."""

    def __init__(self, connection: Connection, wake: Callable[[], None]):
        self._connection = connection
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._server_is_full = self._reading_paused = self._eof_written = False

    @property
    def is_over(self) -> bool:
        return self._transport is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=_HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        self._connection.write(data, self._loop.time())
        self._wake()

    def eof_received(self) -> bool:
        self._connection.finish(self._loop.time())
        self._wake()
        return True  # the board may have more to say

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if exc is not None:
            self._connection.abort()
        else:
            self._connection.finish(self._loop.time())
            self._connection.abandon(self._loop.time())
        self._wake()

    def pause_writing(self) -> None:
        self._server_is_full = True

    def resume_writing(self) -> None:
        self._server_is_full = False
        self._wake()

    def move(self) -> None:
        transport, connection = self._transport, self._connection
        if transport is None:
            return
        if connection.ended in ("reset", "timeout", "aborted"):
            self.cut()
            return
        while not self._server_is_full and (data := connection.take(_HIGH_WATER)):
            transport.write(data)
        if connection.received_all and not self._eof_written:
            self._eof_written = True
            transport.write_eof()
        if connection.ended or (self._eof_written and connection.sent_all):
            transport.close()
        elif connection.room == 0 and not self._reading_paused:
            self._reading_paused = True
            transport.pause_reading()
        elif connection.room and self._reading_paused:
            self._reading_paused = False
            transport.resume_reading()

    def cut(self) -> None:
        """The server sees a reset."""
        if self._transport is not None:
            _reset(self._transport)
            self._transport = None


def _reset(transport: asyncio.Transport) -> None:
    """Closed with SO_LINGER 0: RST, not FIN."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
