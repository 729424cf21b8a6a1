# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A running charger and its connection as bare frames: for what no honest CSMS sends.

    async with site(station="loop_evs32a", HeartbeatInterval=0) as here:
        async with here.wire() as wire:
            before = await here.probe(wire)
            replies = await wire.replies('[2,"1","Reset"]')       # all that came back for it, in order
            await wire.call("GetConfiguration", {"key": []})      # -> payload
            assert await here.probe(wire) == before

A fence, a harmless CALL behind each frame, tells when everything before it has been dealt with: the charger
takes one message after the other. The charger's own CALLs are answered as a CSMS that accepts everything
would, kept in `calls` and checked against the official schemas.
"""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection

from bench.charger import SimulatedCharger
from bench.csms import Csms
from bench.deadline import within
from bench.messages import FROM_STATION, Message, read, utc_text
from bench.station import Pipe, Station

Frame = list[Any]

# With 100 the largest piece is 22 KB at times while a car charges. Functions and classes are some 37 KB here,
# which a board has in its flash (docs/image.md).
HEAP = "118k"
# Bytes in one piece that it has at any time.
LARGEST_FREE = 24 * 1024

# What changes by itself, or because it was asked for.
_VOLATILE = (
    "heap",
    "queue_depth",
    "uptime_s",
    "stall",
    "time",
    "n",
    "energy_wh",
    "power_w",
    "current_ma",
    "voltage_mv",
    "register_wh",
    "soc",
)


class Refused(Exception):
    """CALLERROR."""

    def __init__(self, frame: Frame):
        super().__init__(*frame[2:4])
        self.code, self.description = frame[2], frame[3]


def confirmation(action: str) -> dict[str, Any]:
    """The answer of a CSMS that accepts everything."""
    if action == "StartTransaction":
        return {"transactionId": 4711, "idTagInfo": {"status": "Accepted"}}
    if action == "Authorize":
        return {"idTagInfo": {"status": "Accepted"}}
    if action == "Heartbeat":
        return {"currentTime": utc_text()}
    if action == "BootNotification":
        return {"status": "Accepted", "interval": 300, "currentTime": utc_text()}
    return {"status": "Accepted"} if action == "DataTransfer" else {}


class Wire:
    """`answers(call)`: what is sent for a CALL of the charger: a payload; whole texts, in which "{id}" stands
    for the message id; None for silence."""

    def __init__(self, station: Station, pipe: Pipe):
        self.station = station
        self.calls: list[Message] = []  # of the charger, in order
        self.answers: Callable[[Message], dict[str, Any] | str | list[str] | None] = lambda call: (
            confirmation(call.action)
        )
        self._pipe = pipe
        self._numbers = itertools.count(1)
        self._replies: list[Frame] = []  # that nobody has taken yet
        self._wrong: str | None = None  # what is wrong with what the charger sent
        self._changed = asyncio.Condition()

    @property
    def connection(self) -> ServerConnection:
        """The library's connection, for pings and the like."""
        return self._pipe._connection

    async def send(self, frame: str | bytes | Iterable[str] | Frame) -> None:
        """A text; bytes as a text frame, UTF-8 or not; a tuple of texts as fragments; a list as its JSON."""
        if isinstance(frame, bytes):
            await self.station.send_text_frame(frame)
        else:
            await self._pipe.send(json.dumps(frame) if isinstance(frame, list) else frame)

    async def replies(self, frame: Any, timeout: float = 10) -> list[Frame]:
        """Send `frame` and a fence; what came back before the fence's answer, but for answers to `call`s."""
        await self.send(frame)
        return await self.fence(timeout)

    async def fence(self, timeout: float = 10) -> list[Frame]:
        """All replies that nobody has taken, once everything sent so far has been dealt with."""
        number = f"fence-{next(self._numbers)}"
        await self.send([2, number, "GetConfiguration", {"key": ["NumberOfConnectors"]}])
        answer = await self.answer_to(number, timeout)
        assert answer[0] == 3 and len(answer[2]["configurationKey"]) == 1, answer
        found, self._replies = self._replies, []
        return found

    async def answer_to(self, message_id: str, timeout: float = 10) -> Frame:
        """Take the first answer with this id."""
        found: list[Frame] = []

        def arrived() -> bool:
            found[:] = [frame for frame in self._replies if frame[1] == message_id][:1]
            return bool(found) or self._wrong is not None

        async with self._changed:
            await within(timeout, self._changed.wait_for(arrived))
        assert self._wrong is None, self._wrong
        self._replies.remove(found[0])
        return found[0]

    async def call(self, action: str, payload: dict[str, Any], timeout: float = 10) -> dict[str, Any]:
        """A CALL; the payload of its answer."""
        number = f"call-{next(self._numbers)}"
        await self.send([2, number, action, payload])
        answer = await self.answer_to(number, timeout)
        if answer[0] == 4:
            raise Refused(answer)
        return answer[2]

    async def expect(
        self, action: str, timeout: float = 10, count: int = 1, since: int = 0, **fields: Any
    ) -> Message:
        """The `count`th CALL of the charger with this action and these fields, from the `since`th on."""
        found: list[Message] = []

        def arrived() -> bool:
            found[:] = [
                call
                for call in self.calls[since:]
                if call.action == action
                and all(call.payload.get(key) == value for key, value in fields.items())
            ]
            return len(found) >= count or self._wrong is not None

        async with self._changed:
            await within(timeout, self._changed.wait_for(arrived))
        assert self._wrong is None, self._wrong
        return found[count - 1]

    async def read(self) -> None:
        """Runs as a task: sort what comes."""
        try:
            while True:
                raw, _ = await self._pipe.receive(timeout=3600)
                await self._take(raw)
        except (ConnectionError, OSError) as error:
            await self._fail(f"the connection broke: {error}")

    async def _take(self, raw: str | bytes) -> None:
        message = read(FROM_STATION, raw)
        if message.kind == "call":
            self.calls.append(message)
            answer = self.answers(message)
            if isinstance(answer, (str, list)):
                for text in [answer] if isinstance(answer, str) else answer:
                    await self.send(text.replace("{id}", message.id))
            elif answer is not None:
                await self.send([3, message.id, answer])
        elif message.kind != "garbage":
            self._replies.append(json.loads(raw))
        if message.kind == "garbage" or (message.kind == "call" and message.violation):
            await self._fail(f"{message.violation}: {raw!r:.300}")
        async with self._changed:
            self._changed.notify_all()

    async def _fail(self, why: str) -> None:
        self._wrong = self._wrong or why
        async with self._changed:
            self._changed.notify_all()

    def check(self) -> None:
        """AssertionError when the charger sent what it must not."""
        assert self._wrong is None, self._wrong


class Site:
    """One charger with its CSMS."""

    def __init__(self, csms: Csms, station: Station, charger: SimulatedCharger):
        self.csms, self.station, self.charger = csms, station, charger

    @contextlib.asynccontextmanager
    async def wire(self) -> AsyncIterator[Wire]:
        """The present connection as bare frames, until the block ends."""
        async with self.station.pipe() as pipe:
            wire = Wire(self.station, pipe)
            reading = asyncio.create_task(wire.read())
            try:
                yield wire
                wire.check()
            finally:
                while not reading.done():  # wait_for overlooks a cancellation that comes with a frame
                    reading.cancel()
                    await asyncio.wait([reading], timeout=0.2)

    async def told(self) -> None:
        """Wait until the charger has told the status of everything it has."""
        for number in range(len((await self.charger.state())["connectors"]) + 1):
            await self.station.expect("StatusNotification", 10, connectorId=number)

    async def reboot(self, power_cut: bool = False) -> None:
        """A restart on the same data directory, until all is told again."""
        self.station.mark()
        connections = self.station.connections
        if power_cut:
            await self.charger.power_cut()
            await self.charger.start()
        else:
            await self.charger.do("reboot")
        await self.station.wait_connection(connections + 1)
        await self.told()

    async def configuration(self, *keys: str) -> dict[str, tuple[str | None, bool]]:
        """GetConfiguration: {key: (value, readonly)}, in the order of the answer."""
        answer = await self.station.call("GetConfiguration", {"key": list(keys)} if keys else {})
        assert not answer.get("unknownKey"), answer["unknownKey"]
        return {row["key"]: (row.get("value"), row["readonly"]) for row in answer["configurationKey"]}

    async def change(self, key: str, value: str) -> str:
        """ChangeConfiguration: the status."""
        return (await self.station.call("ChangeConfiguration", {"key": key, "value": value}))["status"]

    async def begin(self, tag: str = "04A1B2C3", connector: int = 1) -> int:
        """A transaction, car charging; its transactionId. Before `wire`."""
        self.csms.books.tag(tag)
        await self.charger.do("plug", connector=connector)
        await self.charger.do("tag", id=tag)
        await self.station.expect("StatusNotification", 10, connectorId=connector, status="Charging")
        return max(self.csms.books.transactions)

    async def probe(self, wire: Wire | None = None) -> dict[str, Any]:
        """What bad input must not change: every key, the station's state, what is kept on flash."""
        ask = self.station.call if wire is None else wire.call
        return {
            "configuration": await ask("GetConfiguration", {}),  # first: its answer proves the connection
            "state": _steady(await self.charger.state()),
            "kept": {path.name: path.read_bytes() for path in _kept(self.charger.data)},
        }

    async def heap_used(self) -> int:
        """Bytes in use after a collection; of what is free enough must be in one piece."""
        heap = (await self.charger.state())["heap"]
        assert heap["largest_free"] >= LARGEST_FREE, heap
        return heap["used"]


def _steady(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _steady(entry) for key, entry in value.items() if key not in _VOLATILE}
    return [_steady(entry) for entry in value] if isinstance(value, list) else value


def _kept(data: Path) -> list[Path]:
    files = [data / "settings", data / "availability", data / "boots"]
    return [path for path in files if path.is_file()] + sorted(data.glob("cache/*"))


@contextlib.asynccontextmanager
async def site(
    station: str | Path = "generic_socket",
    *,
    data: Path | None = None,
    interval_s: int = 300,
    passwords: dict[str, bytes] | None = None,
    **settings: Any,
) -> AsyncIterator[Site]:
    """A charger that has booted and told its statuses; `settings`: keys for --set, `interval_s`: that of
    BootNotification.conf, `data`: its data directory, None for a new one.

    The CSMS does not object to answers that belong to nobody: frames of `Wire` are not in its books.
    """
    async with (
        _csms(interval_s, passwords) as csms,
        SimulatedCharger(csms.url, station=station, data=data, set=settings, heap=HEAP) as charger,
    ):
        seen = await csms.connected("CP1")
        here = Site(csms, seen, charger)
        await here.told()
        yield here


def _csms(interval_s: int, passwords: dict[str, bytes] | None) -> Csms:
    csms = Csms(strict=False, passwords=passwords)
    csms.books.heartbeat_interval_s = interval_s
    return csms
