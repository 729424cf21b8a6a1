# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The real image's LTE link without the charger: `tools/emulator/board/link_load.py` on an emulated board,
its modem, and a server on loopback that says the same pattern and listens for it.

async with link(image, connections=1, size=10**9, erase_ms=300) as it:
    await it.until(lambda told: told["got"] > 1000000)
"""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from emulator.emulated import Emulated
from emulator.modem.line import Line
from emulator.modem.modem import ModemSettings
from emulator.modem.pins import Pins

SCRIPT = Path(__file__).parents[2] / "tools/emulator/board/link_load.py"
PATTERN = bytes((index * 7 + (index >> 3)) & 255 for index in range(1021))
# Of the host's clock, for a machine that does many things at once.
PATIENCE_S = 600


class Link:
    """board: `Emulated`; line: its modem's; heard, wrong: bytes that have come to the server, connections on
    which they were others than the board's."""

    def __init__(self, board: Emulated, line: Line):
        self.board = board
        self.line = line
        self.heard = 0
        self.wrong = 0

    async def do(self, what: str, **fields) -> dict:
        return await asyncio.to_thread(self.board.do, what, **fields)

    async def told(self) -> dict:
        """What the board has said last; {}: nothing yet."""
        text = (await self.do("console"))["text"]
        assert "Traceback" not in text.rpartition("LINK ")[2], text
        lines = [line for line in text.splitlines() if line.startswith("LINK ") and line.endswith("}")]
        return json.loads(lines[-1][5:]) if lines else {}

    async def until(self, condition: Callable[[dict], bool]) -> dict:
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE_S
        while True:
            told = await self.told()
            if told and condition(told):
                return told
            assert loop.time() < end, told
            await asyncio.sleep(0.3)

    async def pause(self, ms: float) -> None:
        """So long in the board's time."""
        end = (await self.do("state"))["ns"] + ms * 1e6
        while (await self.do("state"))["ns"] < end:
            await asyncio.sleep(0.1)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        saying = asyncio.create_task(_say(writer))
        done = 0
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                begin = done % len(PATTERN)
                if data != (PATTERN * (len(data) // len(PATTERN) + 2))[begin : begin + len(data)]:
                    self.wrong += 1
                    break
                done += len(data)
                self.heard += len(data)
        saying.cancel()
        writer.close()


async def _say(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while True:
            writer.write(PATTERN)
            await writer.drain()


@contextlib.asynccontextmanager
async def link(image: Path, connections: int, size: int, erase_ms: int = 0) -> AsyncIterator[Link]:
    """`size`: bytes that the board takes from each connection before it closes it."""
    async with contextlib.AsyncExitStack() as stack:
        board = stack.enter_context(Emulated(image, pace=1, seed=7))
        line = Line(ModemSettings())
        it = Link(board, line)
        server = await stack.enter_async_context(await asyncio.start_server(it.serve, "127.0.0.1", 0))
        port = server.sockets[0].getsockname()[1]
        tasks = [
            asyncio.create_task(line.follow(board.uart1_port)),
            asyncio.create_task(Pins(line).follow(board.control_port)),
        ]
        try:
            await asyncio.to_thread(board.wait_for_usb, 60)
            script = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "link.py"
            given = {"PORT": port, "CONNECTIONS": connections, "BYTES": size, "ERASE_MS": erase_ms}
            head = "".join("%s = %d\n" % row for row in given.items())
            script.write_text(head + SCRIPT.read_text())
            await asyncio.to_thread(board.mpremote, "run", "--no-follow", str(script))
            yield it
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            line.close()
