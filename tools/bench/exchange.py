# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Timed exchanges with a charge point over its bare frames.

The CSMS's schema checks and books take milliseconds of their own, so measurements go around them: bare frames
out, the arrival time taken before anything is looked at, the charge point's own CALLs answered at once.
"""

import itertools
import json
from typing import Any

from bench.messages import utc_text
from bench.station import Pipe


class Wrong(Exception):
    """The charge point answered otherwise than an honest measurement needs."""


class Exchange:
    """One charge point at the other end of `pipe`."""

    def __init__(self, pipe: Pipe):
        self._pipe = pipe
        self._numbers = itertools.count(1)
        self.transaction = 0  # id given to the last StartTransaction
        self.frames = 0  # of both directions

    async def call_ms(self, action: str, payload: dict[str, Any]) -> float:
        """Milliseconds from sending a CALL to the arrival of its CALLRESULT."""
        return (await self._until(action, payload, None))[0]

    async def follow_ms(self, action: str, payload: dict[str, Any], wanted: str) -> float:
        """Milliseconds from sending a CALL to the arrival of the charge point's CALL `wanted`."""
        return (await self._until(action, payload, wanted))[0]

    async def answer(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        return (await self._until(action, payload, None))[1]

    async def status(self, *statuses: str, connector: int = 1) -> None:
        """Serve the charge point until it reports one of these for the connector."""
        while True:
            message, _ = await self._next()
            if message[0] == 2 and message[2] == "StatusNotification":
                told = message[3]
                if told["connectorId"] == connector and told["status"] in statuses:
                    return

    async def _until(
        self, action: str, payload: dict[str, Any], wanted: str | None
    ) -> tuple[float, dict[str, Any]]:
        number = f"bench-{next(self._numbers)}"
        sent_ns = await self._pipe.send(json.dumps([2, number, action, payload], separators=(",", ":")))
        self.frames += 1
        answer: dict[str, Any] | None = None
        arrived_ns = 0
        while answer is None or (wanted and not arrived_ns):
            message, at_ns = await self._next()
            if message[0] in (3, 4) and message[1] == number:
                if message[0] == 4 or message[2].get("status", "Accepted") != "Accepted":
                    raise Wrong(f"{action} {payload} was answered by {message[2:]}")
                answer = message[2]
                arrived_ns = arrived_ns or (0 if wanted else at_ns)
            elif message[0] == 2 and message[2] == wanted:
                arrived_ns = at_ns
        return (arrived_ns - sent_ns) / 1e6, answer

    async def _next(self) -> tuple[list[Any], int]:
        """The next frame; a CALL of the charge point has its answer by then."""
        frame, at_ns = await self._pipe.receive()
        message = json.loads(frame)
        self.frames += 1
        if message[0] == 2:
            await self._pipe.send(json.dumps([3, message[1], self._confirmation(message[2])]))
            self.frames += 1
        return message, at_ns

    def _confirmation(self, action: str) -> dict[str, Any]:
        if action == "StartTransaction":
            self.transaction += 1
            return {"transactionId": self.transaction, "idTagInfo": {"status": "Accepted"}}
        if action == "Authorize":
            return {"idTagInfo": {"status": "Accepted"}}
        if action == "Heartbeat":
            return {"currentTime": utc_text()}
        if action == "BootNotification":
            return {"status": "Accepted", "interval": 300, "currentTime": utc_text()}
        return {"status": "Accepted"} if action == "DataTransfer" else {}
