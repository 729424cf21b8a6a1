# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Charge points that are bare WebSockets: they answer every CALL of the CSMS, and say what a test wants. And
a CSMS's desk for them.
"""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from bench.deadline import within
from bench.desk.screen import Screen
from bench.desk.with_charge_points import CsmsDesk
from bench.ledger.books import Ledger
from bench.messages import violation

Payload = dict[str, Any]

START = {"connectorId": 1, "idTag": "T1", "meterStart": 100, "timestamp": "2026-11-20T10:00:00Z"}
HASHES = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "ab" * 32,
    "issuerKeyHash": "cd" * 32,
    "serialNumber": "1f",
}
# What a charge point answers that agrees to everything, where that is more than Accepted.
ANSWERS: dict[str, Payload] = {
    "GetConfiguration": {
        "configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "60"}]
    },
    "GetDiagnostics": {"fileName": "log.gz"},
    "GetLocalListVersion": {"listVersion": 4},
    "GetInstalledCertificateIds": {"status": "Accepted", "certificateHashData": [HASHES]},
    "GetCompositeSchedule": {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": "2026-11-20T10:00:00Z",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}, {"startPeriod": 600, "limit": 8.5}],
        },
    },
    "UnlockConnector": {"status": "Unlocked"},
    "UpdateFirmware": {},
}


class ChargePoint:
    """A bare WebSocket that answers every CALL with what agrees, or with `answers`."""

    def __init__(self, wire: ClientConnection, answers: dict[str, Payload]):
        self.calls: list[tuple[str, Payload]] = []  # of the CSMS, in order
        self.answers = answers
        self._wire = wire
        self._own: asyncio.Queue[list[Any]] = asyncio.Queue()
        self._reading = asyncio.create_task(self._read())

    async def ask(self, action: str, payload: Payload) -> Payload:
        await self._wire.send(json.dumps([2, f"m{len(self.calls)}-{action}", action, payload]))
        frame = await within(5, self._own.get())
        assert frame[0] == 3, frame
        return frame[2]

    @property
    def gone(self) -> bool:
        """The CSMS has ended the connection."""
        return self._reading.done()

    async def ended(self) -> None:
        await within(5, self._wire.wait_closed())

    async def _read(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                frame = json.loads(await self._wire.recv())
                if frame[0] != 2:
                    self._own.put_nowait(frame)
                    continue
                assert violation("call", frame[2], frame[3]) is None, frame
                self.calls.append((frame[2], frame[3]))
                answer = self.answers.get(frame[2], ANSWERS.get(frame[2], {"status": "Accepted"}))
                kind = (
                    [4, frame[1], answer["error"], answer.get("description", ""), {}]
                    if "error" in answer
                    else [3, frame[1], answer]
                )
                await self._wire.send(json.dumps(kind))


def basic(user: str, password: bytes) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(user.encode() + b":" + password).decode()}


@contextlib.asynccontextmanager
async def charge_point(
    url: str, name: str = "CP1", password: bytes | None = None, **answers: Payload
) -> AsyncIterator[ChargePoint]:
    headers = basic(name, password) if password is not None else {}
    async with websockets.connect(
        f"{url}/{name}", subprotocols=[Subprotocol("ocpp1.6")], additional_headers=headers
    ) as wire:
        yield ChargePoint(wire, answers)


@contextlib.asynccontextmanager
async def desk(path: str | Path = ":memory:") -> AsyncIterator[tuple[CsmsDesk, list[str]]]:
    """A desk, and the lines on its screen."""
    lines: list[str] = []
    with Ledger(path) as ledger:
        here = CsmsDesk(ledger, Screen(lines.append, colour=False), host="127.0.0.1", port=0)
        async with here.csms:
            yield here, lines


def everything(folder: str | Path, pattern: str = "*") -> bytes:
    """Each byte of the files in a folder."""
    return b"".join(file.read_bytes() for file in sorted(Path(folder).glob(pattern)))


def write(folder: str, name: str, text: str) -> Path:
    path = Path(folder, name)
    path.write_text(text)
    return path
