# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`python -m bench csms --figures`: how long a charge point waits for the CSMS's answers.

The CSMS is a process of its own, as a person starts it, with its SQLite file in the folder for temporary
files and its screen in another file. The charge point is a bare WebSocket here, one CALL at a time.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from bench.deadline import within
from bench.messages import utc_text

SAMPLES = 500
_TAG = "04A1B2C3"
_SCRIPT = f"tags {_TAG} accepted\nserve\n"

Payload = dict[str, Any]


def _samples() -> list[Payload]:
    """One reading of a three-phase station, seven measurands."""
    return [
        {"value": "123456", "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
        {"value": "11040", "measurand": "Power.Active.Import", "unit": "W"},
        *({"value": "16.0", "measurand": "Current.Import", "phase": f"L{n}", "unit": "A"} for n in (1, 2, 3)),
        {"value": "230.1", "measurand": "Voltage", "phase": "L1-N", "unit": "V"},
        {"value": "41.0", "measurand": "Temperature", "unit": "Celsius"},
    ]


class _ChargePoint:
    def __init__(self, wire: ClientConnection):
        self._wire = wire
        self.times_ms: dict[str, list[float]] = {}

    async def ask(self, action: str, payload: Payload) -> Payload:
        frame = json.dumps([2, f"{time.monotonic_ns()}", action, payload])
        began = time.perf_counter()
        await self._wire.send(frame)
        answer = json.loads(await within(10, self._wire.recv()))
        self.times_ms.setdefault(action, []).append((time.perf_counter() - began) * 1000)
        if answer[0] != 3:
            raise RuntimeError(f"{action} was answered {answer}")
        return answer[2]

    async def session(self, number: int) -> None:
        """Each action once."""
        await self.ask("Heartbeat", {})
        told = {"connectorId": 1, "errorCode": "NoError", "status": "Preparing", "timestamp": utc_text()}
        await self.ask("StatusNotification", told)
        await self.ask("Authorize", {"idTag": _TAG})
        start = {"connectorId": 1, "idTag": _TAG, "meterStart": number, "timestamp": utc_text()}
        transaction = (await self.ask("StartTransaction", start))["transactionId"]
        values = [{"timestamp": utc_text(), "sampledValue": _samples()}]
        await self.ask("MeterValues", {"connectorId": 1, "transactionId": transaction, "meterValue": values})
        stop = {"transactionId": transaction, "meterStop": number + 1, "timestamp": utc_text()}
        await self.ask("StopTransaction", stop | {"idTag": _TAG, "reason": "Local"})


def _row(action: str, values: list[float]) -> str:
    ordered = sorted(values)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    return f"{action:24} {at(0.5):8.2f} {at(0.99):8.2f} {ordered[-1]:8.2f}"


async def _measure(url: str, samples: int) -> dict[str, list[float]]:
    async with websockets.connect(
        f"{url}/FIGURES", subprotocols=[Subprotocol("ocpp1.6")], compression=None
    ) as wire:
        point = _ChargePoint(wire)
        await point.ask("BootNotification", {"chargePointVendor": "Bench", "chargePointModel": "Figures"})
        for number in range(20):  # schemas are read at their first use
            await point.session(number)
        point.times_ms.clear()
        for number in range(20, 20 + samples):
            await point.session(number)
        return point.times_ms


def _url(shown: Path, running: Callable[[], bool]) -> str:
    """The address that the CSMS prints when it listens."""
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up and running():
        for line in shown.read_text("utf-8").splitlines():
            if line.strip().startswith("charge points connect to"):
                return line.split()[-1].removesuffix("/ID")
        time.sleep(0.05)
    raise RuntimeError("the CSMS did not start:\n" + shown.read_text("utf-8"))


def figures(samples: int = SAMPLES) -> int:
    """Print the table; the process's exit code."""
    with tempfile.TemporaryDirectory(prefix="pilotlight-") as folder, contextlib.ExitStack() as stack:
        shown = Path(folder, "screen")
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.desk.csms_command", "--port=0", f"--database={folder}/csms.sqlite"],
            stdin=subprocess.PIPE, stdout=stack.enter_context(shown.open("w")), stderr=subprocess.STDOUT,
        )  # fmt: skip
        stack.callback(process.wait)
        stack.callback(process.kill)
        assert process.stdin is not None
        process.stdin.write(_SCRIPT.encode())
        process.stdin.flush()
        try:
            url = _url(shown, lambda: process.poll() is None)
            times_ms = asyncio.run(_measure(url, samples))
        except (OSError, RuntimeError, TimeoutError, websockets.WebSocketException) as error:
            print(f"the measurement failed: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
    print(f"milliseconds from a charge point's CALL to the answer, {samples} of each, SQLite file on disk")
    print(f"{'':24} {'p50':>8} {'p99':>8} {'max':>8}")
    for action, values in times_ms.items():
        print(_row(action, values))
    print("StartTransaction and StopTransaction wait for the disk; the others are in the file, not flushed.")
    return 0
