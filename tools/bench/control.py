# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Client of the simulated board's control channel: one JSON object per line each way, on 127.0.0.1.

The requests stand in `boards/sim/README.md`; here they are only carried.
"""

import asyncio
import contextlib
import itertools
import json
from collections.abc import Callable
from typing import Any

from bench.deadline import within

Event = dict[str, Any]


class ControlRefused(Exception):
    """The simulated board answered `"ok": false`; the text is its reason."""


class ControlLost(ConnectionError):
    """The channel ended before the answer came."""


class ControlChannel:
    """`on_event` gets each `{"event": ...}` line, once `watch` was requested."""

    def __init__(self, on_event: Callable[[Event], None] | None = None):
        self._on_event = on_event
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        return self._writer is not None

    async def connect(self, port: int) -> None:
        """OSError when nobody listens there."""
        reader, self._writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
        self._reading = asyncio.create_task(self._read(reader, self._writer))

    async def request(self, do: str, timeout: float = 10, **fields: Any) -> dict[str, Any]:
        """One request; returns its answer. `ControlRefused`, `ControlLost`, `TimeoutError`."""
        if self._writer is None:
            raise ControlLost("the control channel is closed")
        number = next(self._numbers)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._writer.write(json.dumps({"do": do, "n": number, **fields}).encode() + b"\n")
        try:
            answer = await within(timeout, future)
        finally:
            self._waiting.pop(number, None)
        if not answer.get("ok"):
            raise ControlRefused(answer.get("error") or f"{do} was refused without a reason")
        return answer

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
            self._reading = None

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                message = json.loads(line)
                if "event" in message:
                    if self._on_event is not None:
                        self._on_event(message)
                    continue
                future = self._waiting.get(message.get("n"))
                if future is not None and not future.done():
                    future.set_result(message)
        except (OSError, ValueError):
            pass  # the board died in the middle of a line
        finally:
            self._writer = None
            writer.close()
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ControlLost("the simulated board ended before it answered"))
