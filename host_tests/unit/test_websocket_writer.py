# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The writer of a WebSocket, of which nobody would find out that it has ended."""

import asyncio
import errno

from host_tests.unit.event_loop import run, settle
from ocpp16.websocket import WebSocket


class Unreadable(OSError):
    """There is no memory for a line about it."""

    def __str__(self):
        raise MemoryError("memory allocation failed")


class Stream:
    """Takes nothing at once, and then fails."""

    certified = None

    def __init__(self, error):
        self._error = error
        self.closed = False

    def write_some(self, view):
        return 0

    async def write_all(self, view, timeout_ms):
        raise self._error

    def close(self):
        self.closed = True


def test_whatever_ends_the_writer_ends_the_connection():
    async def main(error, silent):
        ws = WebSocket()
        ws._stream = stream = Stream(error)
        ws._write_task = asyncio.create_task(ws._write_loop())
        ws.send("hello")
        await settle()
        assert ws.closed and stream.closed, error
        assert ws.fell_silent == silent, error

    for error, silent in (
        (OSError(errno.ETIMEDOUT, "timed out"), True),
        (OSError(errno.ECONNRESET), False),
        (Unreadable(errno.ETIMEDOUT, "timed out"), True),
        (Unreadable(errno.ECONNRESET), False),
        (MemoryError("memory allocation failed"), False),
    ):
        run(main(error, silent))
