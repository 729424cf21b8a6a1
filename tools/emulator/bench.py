# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make emulate-bench`: how fast the real image answers, and what it takes of its heap and flash, on the
emulated RP2040: over the modem, PPP, TCP and TLS with a verified certificate.

Times are emulated: from the last byte of a message on the modem's UART to the last byte of what the charger
says to it. Network and CSMS are not in them.
"""

import argparse
import asyncio
import random
import ssl
import sys
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.certificates import Authority
from bench.messages import FROM_STATION, TO_STATION, Message
from emulator import capture, profile, stack
from emulator.emulated import IMAGE, EmulatorError
from emulator.heap import watch_heap
from emulator.rig import HOST, TAG, Rig, charger
from image.elf import Elf
from toolchain.output import line_by_line

RESPONSE_AIM_MS = 20
START_AIM_MS = 100
HEAP_AIM = 100 * 1024
BLOCK_AIM = 24 * 1024

# No traffic of its own while it is measured.
SETTINGS = {
    "AuthorizeRemoteTxRequests": "false",
    "MeterValueSampleInterval": "0",
    "ClockAlignedDataInterval": "0",
    "HeartbeatInterval": "86400",
    "WebSocketPingInterval": "0",
}
ALL_KEYS = "GetConfiguration, all keys"
# title: action and payload of the number-th call.
CALLS: dict[str, Any] = {
    "GetConfiguration, one key": lambda _: ("GetConfiguration", {"key": ["HeartbeatInterval"]}),
    "DataTransfer": lambda _: (
        "DataTransfer",
        {"vendorId": "org.example", "messageId": "ping", "data": "0123456789" * 10},
    ),
    "ChangeConfiguration, written to flash": lambda number: (
        "ChangeConfiguration",
        {"key": "ConnectionTimeOut", "value": str(60 + number % 2)},
    ),
    ALL_KEYS: lambda _: ("GetConfiguration", {}),
}


@dataclass
class Series:
    values: list[float] = field(default_factory=list)

    def row(self, title: str, aim: float | None = None) -> str:
        ordered = sorted(self.values)
        return "%-40s %4d %8.1f %8.1f %8s" % (
            title,
            len(ordered),
            median(ordered),
            ordered[-1],
            "" if aim is None else "%g" % aim,
        )


class Timeline:
    """What was said over a connection, and when in emulated time."""

    def __init__(self, rig: Rig):
        self._rig = rig
        self._log: list[list] = []

    async def begin(self) -> None:
        self._log = []
        await self._rig.do("log", keep=[*capture.SIGNALS, "reset", "erase"])

    async def fetch(self) -> None:
        self._log += (await self._rig.do("log"))["log"]

    def moments(self, name: str, value: object) -> list[int]:
        return [ns for ns, signal, said in self._log if signal == name and said == value]

    def last(self) -> capture.Conversation:
        return capture.conversations(self._log)[-1]

    def times(self, messages: list[Message]) -> dict[int, int]:
        """messages: all of the last connection. {index in the station's log: ns}."""
        talk = self.last()
        found = {}
        for direction, flow in ((FROM_STATION, talk.outbound), (TO_STATION, talk.inbound)):
            ours = [message for message in messages if message.direction == direction]
            masked = direction == FROM_STATION
            lengths = [capture.frame_bytes(_payload_bytes(message), masked) for message in ours]
            for message, ns in zip(
                ours, capture.complete_at(capture.plain(flow, True), lengths), strict=True
            ):
                found[message.index] = ns
        return found


def _payload_bytes(message: Message) -> int:
    return len(message.raw.encode() if isinstance(message.raw, str) else message.raw)


async def one_session(rig: Rig) -> None:
    """Started and stopped remotely, a car that takes what it is offered."""
    await rig.do("plug")
    await rig.expect("StatusNotification", connectorId=1, status="Preparing")
    await rig.pause(1500)
    await rig.station.call("RemoteStartTransaction", {"idTag": TAG, "connectorId": 1})
    await rig.expect("StartTransaction", connectorId=1)
    await rig.expect("StatusNotification", connectorId=1, status="Charging")
    await rig.pause(2000)
    await rig.station.call("RemoteStopTransaction", {"transactionId": max(rig.csms.books.transactions)})
    await rig.expect("StopTransaction")
    await rig.do("unplug")
    await rig.expect("StatusNotification", connectorId=1, status="Available")
    await rig.pause(500)


def answers(messages: list[Message], times: dict[int, int]) -> dict[str, Series]:
    """CALL to CALLRESULT of what the CSMS asked, by what was asked."""
    asked = {}
    found: dict[str, Series] = {}
    for message in messages:
        if message.direction == TO_STATION and message.kind == "call":
            asked[message.id] = message
        elif message.direction == FROM_STATION and message.kind in ("result", "error"):
            question = asked.pop(message.id)
            title = question.action
            if title == "GetConfiguration":
                title += ", one key" if question.payload else ", all keys"
            found.setdefault(title, Series()).values.append(
                (times[message.index] - times[question.index]) / 1e6
            )
    return found


def follow(messages: list[Message], times: dict[int, int], action: str, then: str) -> Series:
    """From the CSMS's CALL `action` to the charger's next `then`."""
    series = Series()
    begin = None
    for message in messages:
        if message.kind != "call":
            continue
        if message.action == action and message.direction == TO_STATION:
            begin = times[message.index]
        elif message.action == then and message.direction == FROM_STATION and begin is not None:
            series.values.append((times[message.index] - begin) / 1e6)
            begin = None
    return series


@dataclass
class Figures:
    """boot_ms: from reset to the connector's Available; online_ms: to the first packet of the connection;
    answers: by action; erases: of flash, in a transaction."""

    boot_ms: float
    online_ms: float
    handshake_ms: float
    answers: dict[str, Series]
    start: Series
    stop: Series
    heap: dict[str, int]
    depth: stack.Depth
    erases: float

    def rows(self) -> list[str]:
        every = Series([value for series in self.answers.values() for value in series.values])
        heap, depth = self.heap, self.depth
        return [
            "%-40s %4s %8s %8s %8s" % ("ms of emulated time", "n", "p50", "max", "aim"),
            Series([self.online_ms]).row("reset to the first packet"),
            Series([self.handshake_ms]).row("TLS handshake"),
            Series([self.boot_ms]).row("reset to Available"),
            every.row("CALL to CALLRESULT", RESPONSE_AIM_MS),
            *[series.row("  " + action) for action, series in self.answers.items()],
            self.start.row("RemoteStart to StartTransaction", START_AIM_MS),
            self.stop.row("RemoteStop to StopTransaction"),
            "%-40s %14s %8s" % ("bytes of the heap", "", "aim"),
            "%-40s %14s %8s" % ("in use after a collection, at most", _n(heap["kept"]), _n(HEAP_AIM)),
            "%-40s %14s" % ("with garbage, at most", _n(heap["peak"])),
            "%-40s %14s %8s" % ("largest free block, at least", _n(heap["largest"]), _n(BLOCK_AIM)),
            "%-40s %14s %8s" % ("bytes of the stack", "", "room"),
            _deepest("by the program, at most", depth.program, stack.room() - stack.interrupts_room()),
            _deepest("by interrupts above it, at most", depth.interrupts, stack.interrupts_room()),
            "%-40s %14.1f" % ("flash erases in a transaction", self.erases),
        ]

    def missed(self) -> list[str]:
        every = Series([value for series in self.answers.values() for value in series.values])
        checks = {
            "CALL to CALLRESULT": median(every.values) <= RESPONSE_AIM_MS,
            "RemoteStart to StartTransaction": median(self.start.values) <= START_AIM_MS,
            "heap": self.heap["kept"] <= HEAP_AIM,
            "largest free block": self.heap["largest"] >= BLOCK_AIM,
            "stack": self.depth.fits(),
        }
        return [name for name, good in checks.items() if not good]


def _n(number: int) -> str:
    return format(number, ",")


def _deepest(title: str, found: int, room: int) -> str:
    return "%-40s %14s %8s" % (title, _n(found), _n(room))


async def measure(image: Path, calls: int, sessions: int, seed: int, profiled: bool) -> Figures:
    authority = Authority("ec")
    context = authority.server(HOST).context(highest=ssl.TLSVersion.TLSv1_2)
    async with charger(image, context, authority.der, SETTINGS) as rig:
        await rig.install()
        elf = Elf(image.with_suffix(".elf"))
        await asyncio.to_thread(watch_heap, rig.board, elf)
        await asyncio.to_thread(stack.watch, rig.board)
        line = Timeline(rig)
        await line.begin()
        await rig.do("reset")
        await rig.do("heap")  # what there was before counts no more
        rig.station = await rig.csms.connected("CP1", timeout=180)
        await rig.expect("StatusNotification", connectorId=1, status="Available")
        chance = random.Random(seed)
        if profiled:
            await rig.do("profile", types=profile.types(elf))
        for number in range(calls):
            for title, call in CALLS.items():
                if title == ALL_KEYS and number % 5:
                    continue
                await rig.pause(20 + chance.randrange(100))
                await rig.station.call(*call(number))
            await line.fetch()
        await rig.pause(500)
        if profiled:
            found = profile.Profile((await rig.do("profile"))["samples"], elf)
            print("\n".join(found.rows()))
        before = (await rig.state())["flash"]["erases"]
        for _ in range(sessions):
            await one_session(rig)
            await line.fetch()
        after = (await rig.state())["flash"]["erases"]
        messages = list(rig.station.log)
        times = line.times(messages)
        reset = line.moments("reset", "power-up")[-1]
        available = next(
            times[message.index]
            for message in messages
            if message.action == "StatusNotification" and message.payload.get("status") == "Available"
        )
        return Figures(
            boot_ms=(available - reset) / 1e6,
            online_ms=(line.last().opened_ns - reset) / 1e6,
            handshake_ms=capture.handshake_ms(line.last()),
            answers=answers(messages, times),
            start=follow(messages, times, "RemoteStartTransaction", "StartTransaction"),
            stop=follow(messages, times, "RemoteStopTransaction", "StopTransaction"),
            heap=await rig.do("heap"),
            depth=await asyncio.to_thread(stack.depth, rig.board),
            erases=(after - before) / sessions,
        )


def main() -> int:
    line_by_line()
    parser = argparse.ArgumentParser(prog="make emulate-bench", description=__doc__)
    parser.add_argument("--image", type=Path, default=IMAGE)
    parser.add_argument("--calls", type=int, default=40, help="of each kind (%(default)s)")
    parser.add_argument("--sessions", type=int, default=8, help="(%(default)s)")
    parser.add_argument("--profile", action="store_true", help="where the time of the calls went")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    print("emulate-bench: seed %d, LTE, PPP, TLS 1.2 with a P-256 certificate" % options.seed)
    figures = asyncio.run(
        measure(options.image, options.calls, options.sessions, options.seed, options.profile)
    )
    for row in figures.rows():
        print(row)
    missed = figures.missed()
    print("emulate-bench: the aims are %s" % ("NOT met: " + ", ".join(missed) if missed else "met"))
    return 1 if missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EmulatorError as error:
        sys.exit("emulate-bench: %s" % error)
