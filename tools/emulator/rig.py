# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The real image with everything around it: an emulated board, its modem, a CSMS on loopback.

async with charger(image) as rig:
    await rig.start()                       # installed, powered up; Available when it returns
    await rig.do("plug")
    await rig.expect("StartTransaction")
"""

import asyncio
import contextlib
import json
import ssl
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from bench.csms import Csms
from bench.messages import Message
from bench.station import Station
from emulator.emulated import Emulated
from emulator.modem.line import Line
from emulator.modem.modem import ModemSettings
from emulator.modem.pins import Pins

TAG = "04A1B2C3"
HOST = "csms.test"
# Of the host's clock: the emulator keeps its pace on a machine that does nothing else, and may take three
# times as long on one that does.
SOON_S = 60


class Rig:
    """board: `Emulated`; csms: `bench.csms.Csms`; station: the charger as the CSMS sees it. crashes: what may
    end the firmware, as its traceback says it; anything else fails."""

    def __init__(self, board: Emulated, csms: Csms, line: Line, folder: Path, files: dict[str, bytes]):
        self.board = board
        self.csms = csms
        self.line = line
        self.station: Station
        self.crashes: list[str] = []
        self._folder = folder
        self._files = files

    async def do(self, what: str, **fields) -> dict:
        return await asyncio.to_thread(self.board.do, what, **fields)

    async def state(self) -> dict:
        return await self.do("state")

    async def install(self) -> None:
        """The installer's files, copied with mpremote onto a board that has just been flashed."""
        await asyncio.to_thread(self.board.wait_for_usb, 60)
        paths = []
        for name, content in self._files.items():
            path = self._folder / name
            path.write_bytes(content)
            paths.append(str(path))
        await asyncio.to_thread(self.board.mpremote, "fs", "cp", *paths, ":")

    async def start(self) -> None:
        await self.install()
        await self.do("reset")
        self.station = await self.csms.connected("CP1", timeout=2 * SOON_S)
        await self.expect("BootNotification")
        await self.expect("StatusNotification", connectorId=1, status="Available")

    async def again(self, number: int) -> None:
        """It has restarted: wait for its connection `number` and what it says first."""
        await self.station.wait_connection(number, 3 * SOON_S)
        await self.expect("BootNotification")

    async def expect(self, action: str, **fields) -> Message:
        return await self.station.expect(action, timeout=SOON_S, **fields)

    async def charge(self) -> Message:
        """From a plug to current that flows; its StartTransaction."""
        await self.do("plug")
        await self.expect("StatusNotification", connectorId=1, status="Preparing")
        await self.do("tag", id=TAG)
        started = await self.expect("StartTransaction", connectorId=1, idTag=TAG)
        await self.expect("StatusNotification", connectorId=1, status="Charging")
        await self.until(lambda state: state["car"]["current_ma"] > 0)
        return started

    async def until(self, condition, timeout_s: float = SOON_S) -> dict:
        """The emulator's state, once `condition(state)` holds. `timeout_s`: of the board's time, which goes
        slower than ours where others want the processor too, but never ten times."""
        loop = asyncio.get_running_loop()
        late = loop.time() + 10 * timeout_s
        end_ns = None
        while True:
            state = await self.state()
            if condition(state):
                return state
            if end_ns is None:
                end_ns = state["ns"] + timeout_s * 1e9
            assert state["ns"] < end_ns and loop.time() < late, state
            await asyncio.sleep(0.2)

    async def pause(self, ms: float) -> None:
        """So long in the board's time."""
        end = (await self.state())["ns"] + ms * 1e6
        await self.until(lambda state: state["ns"] >= end, SOON_S + ms / 1000)

    async def console(self) -> str:
        return (await self.do("console"))["text"]

    async def check_console(self) -> None:
        """Nothing has gone wrong in the interrupt, in the main loop, or in a task that nobody waits for."""
        said = (await self.console()).rpartition('"help()"')[2]  # before that it was mpremote
        assert "Uncaught" not in said, said
        for trace in said.split("Traceback")[1:]:
            assert any(crash in trace for crash in self.crashes), said


@contextlib.asynccontextmanager
async def charger(
    image: Path,
    tls: ssl.SSLContext | None = None,
    ca: bytes | None = None,
    settings: dict[str, str] | None = None,
    station: dict[str, Any] | None = None,
) -> AsyncIterator[Rig]:
    """Everything started but the charger. tls, ca: the server's certificate, and who has signed it (DER);
    settings: configuration keys; station: fields in the place of the board's own description. AssertionError
    at the end: the console tells of something that the firmware could not cope with."""
    async with contextlib.AsyncExitStack() as stack:
        csms = await stack.enter_async_context(Csms(tls=tls))
        csms.books.tag(TAG)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        scheme = "ws://10.64.0.1" if tls is None else "wss://" + HOST
        installation = {
            "csms_url": "%s:%d" % (scheme, csms.port),
            "id": "CP1",
            "lte": {"apn": "internet"},
            "set": {"MeterValueSampleInterval": "5", **(settings or {})},
            "station": station or {},
        }
        files = {"installation.json": json.dumps(installation).encode()}
        if ca is not None:
            files["ca.der"] = ca
        board = stack.enter_context(Emulated(image, flash=folder / "flash.bin", pace=1, seed=7))
        line = Line(ModemSettings(names={HOST: "10.64.0.1"}))
        modem = [
            asyncio.create_task(line.follow(board.uart1_port)),
            asyncio.create_task(Pins(line).follow(board.control_port)),
        ]
        rig = Rig(board, csms, line, folder, files)
        try:
            yield rig
            await rig.check_console()
        except Exception as error:
            error.add_note("the board's console:\n" + (await rig.console())[-6000:])
            raise
        finally:
            for task in modem:
                task.cancel()
            await asyncio.gather(*modem, return_exceptions=True)
