# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A charger that is none: the launcher's options, a control channel and just enough OCPP, on CPython.

Takes the firmware's place where a test wants to see what the console and the demo do when a charger
misbehaves: `--set Defect=...` with crash-on-plug, crash-at-start, no-boot, no-meter-values, frozen-meter,
wrong-stop, no-stop, leak. Without a defect it plays an honest session: a failing test is the defect's doing.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from typing import Any

import websockets
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import ChargePointErrorCode, ChargePointStatus, Reason
from websockets.typing import Subprotocol

from bench.messages import utc_text

State = dict[str, Any]


class StandIn(ChargePoint):
    def __init__(self, station_id: str, connection: Any, defect: str):
        super().__init__(station_id, connection)
        self.defect = defect
        self.status = "Available"
        self.plugged = False
        self.transaction: int | None = None
        self.tag: str | None = None
        self.last_tag: list[Any] | None = None
        self.since_s = time.monotonic()
        self.events: list[asyncio.StreamWriter] = []
        self.asked = 0  # how often a configuration key was changed
        self.sampling: asyncio.Task[None] | None = None

    def wh(self) -> int:
        running = self.transaction is not None and self.defect != "frozen-meter"
        return 1200 + (int((time.monotonic() - self.since_s) * 10) if running else 0)

    async def tell(self, status: str) -> None:
        self.status = status
        for writer in self.events:
            writer.write(json.dumps({"event": "status", "connector": 1, "status": status}).encode() + b"\n")
        await self.call(call.StatusNotification(1, ChargePointErrorCode.no_error, ChargePointStatus(status)))

    async def boot(self) -> None:
        if self.defect != "no-boot":
            await self.call(
                call.BootNotification(charge_point_model="Stand-in", charge_point_vendor="Nobody")
            )
            await self.tell("Available")

    @on("Reset")
    def reset(self, type: str):
        asyncio.get_running_loop().call_later(0.1, os._exit, 3)
        return call_result.Reset("Accepted")  # pyright: ignore[reportArgumentType]

    @on("ChangeConfiguration")
    def change_configuration(self, key: str, value: str):
        self.asked += 1
        return call_result.ChangeConfiguration("Accepted")  # pyright: ignore[reportArgumentType]

    async def do_plug(self) -> None:
        if self.defect == "crash-on-plug":
            print("Traceback: the stand-in fell over its cable", flush=True)
            os._exit(1)
        self.plugged = True
        await self.tell("Preparing")

    async def do_unplug(self) -> None:
        self.plugged = False
        await self.tell("Available")

    def judged(self, tag: str, outcome: str, why: str) -> None:
        self.last_tag = [tag, outcome, why, int(time.monotonic() * 1000)]

    async def do_tag(self, id: str) -> None:
        if self.transaction is not None:
            self.judged(id, "accepted", "stops its transaction")
            await self.stop_transaction(id)
            return
        answer = await self.call(call.Authorize(id))
        status = "no answer" if answer is None else answer.id_tag_info["status"]
        self.judged(id, "accepted" if status == "Accepted" else "refused", f"CSMS: {status}")
        if status != "Accepted":
            return
        self.tag, self.since_s = id, time.monotonic()
        started = await self.call(call.StartTransaction(1, id, 1200, utc_text()))
        assert started is not None
        self.transaction = started.transaction_id
        await self.tell("Charging")
        if self.defect != "no-meter-values":
            self.sampling = asyncio.create_task(self.sample())

    async def sample(self) -> None:
        while self.transaction is not None:
            await asyncio.sleep(1)
            value = {"timestamp": utc_text(), "sampled_value": [{"value": str(self.wh()), "unit": "Wh"}]}
            await self.call(call.MeterValues(1, [value], self.transaction))  # pyright: ignore[reportArgumentType]

    async def stop_transaction(self, id: str) -> None:
        if self.defect == "no-stop":
            return
        if self.sampling:
            self.sampling.cancel()
        reason = Reason.other if self.defect == "wrong-stop" else Reason.local
        wh, transaction, self.transaction = self.wh(), self.transaction, None
        assert transaction is not None
        await self.call(call.StopTransaction(wh, utc_text(), transaction, reason, id))
        await self.tell("Finishing")

    def state(self) -> State:
        charging = self.transaction is not None
        connector = {
            "connector": 1,
            "pilot": "C" if charging else "B" if self.plugged else "A",
            "contactor": charging,
            "status": self.status,
            "transaction": None,
            "energy_wh": self.wh(),
            "power_w": 7360 if charging else 0,
            "faults": [],
        }
        used = 100_000 + (2 * self.asked if self.defect == "leak" else 0)
        heap = {"free": 200_000 - used, "used": used, "peak": used}
        return {
            "connectors": [connector],
            "connected": True,
            "registration": "Accepted",
            "heap": heap,
            "last_tag": self.last_tag,
            "uptime_s": int(time.monotonic()),
        }

    async def serve_control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            request = json.loads(line)
            number, do = request.pop("n", None), request.pop("do")
            request.pop("connector", None)
            answer: State = {"ok": True, "n": number}
            if do == "watch":
                self.events.append(writer)
            elif do == "state":
                answer |= self.state()
            elif do == "power_cut":
                os._exit(137)
            elif do == "reboot":
                asyncio.get_running_loop().call_later(0.05, os._exit, 3)
            elif do == "meter":
                pass  # it stands at 1200 Wh anyway
            elif do in ("plug", "unplug", "tag"):
                # Not awaited here: the driver does not wait for the CSMS.
                self.task = asyncio.create_task(getattr(self, f"do_{do}")(**request))
            else:
                answer = {"ok": False, "error": f"no request {do!r}", "n": number}
            writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()


async def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--csms", "--id", "--control", "--data", "--heap", "--station", "--info", "--bits"):
        parser.add_argument(name)
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    defect = dict(pair.split("=", 1) for pair in options.set).get("Defect", "")
    if defect == "crash-at-start":
        sys.exit("Traceback: the stand-in never got up")
    async with websockets.connect(
        f"{options.csms}/{options.id}", subprotocols=[Subprotocol("ocpp1.6")]
    ) as connection:
        charger = StandIn(options.id, connection, defect)
        await asyncio.start_server(charger.serve_control, "127.0.0.1", int(options.control))
        await asyncio.gather(charger.start(), charger.boot())


if __name__ == "__main__":
    asyncio.run(main())
