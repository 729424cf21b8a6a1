# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A charging post: the real firmware process beside a CSMS, and a look through its papers at the end.

    async with installed(HeartbeatInterval=1) as post:
        await post.booted()
        start = await post.charge()                     # plug, tag -> the StartTransaction message
        await post.offline()

WebSocket pings and MeterValues are off unless a key says otherwise. When the block ends well, `ledger.audit`
goes through all messages, and the firmware must not have logged an error (`errors`: texts of errors that the
test provokes). The other options are those of `audit`.
"""

import asyncio
import contextlib
import itertools
import re
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.books import Books
from bench.charger import SimulatedCharger
from bench.csms import Csms
from bench.messages import TO_STATION, Message
from bench.station import Station
from host_tests.integration import ledger

TAG = "04A1B2C3"
OTHER = "0B0B0B0B"
STRANGER = "0BADCAFE"  # in nobody's books

# What a busy test machine may take, below what a wrong interval would be.
SLACK_S = 0.9
# Arrivals are timed by the CSMS: when it was busy, what came next seems to have come early.
EARLY_S = 0.3

_QUIET = {"WebSocketPingInterval": 0, "MeterValueSampleInterval": 0}
_ERROR = re.compile(r"^\s*\d+ E |exception", re.IGNORECASE)


class Post:
    """`station`: the CSMS's view; `charger`: the process and its control channel."""

    def __init__(self, csms: Csms, charger: SimulatedCharger, connectors: int):
        self.csms = csms
        self.charger = charger
        self.connectors = connectors
        self.station: Station = csms.station(charger.id)

    async def booted(self, timeout: float = 10) -> Message:
        """The next BootNotification; then the status of connector 0 and of every other one."""
        boot = await self.station.expect("BootNotification", timeout)
        for number in range(self.connectors + 1):
            status = await self.station.expect(
                "StatusNotification", where=lambda payload, number=number: payload["connectorId"] == number
            )
            assert status.index > boot.index
        return boot

    async def plug(self, connector: int = 1) -> None:
        await self.charger.do("plug", connector=connector)
        await self.shows("Preparing", connector)

    async def unplug(self, connector: int = 1) -> None:
        await self.charger.do("unplug", connector=connector)
        await self.shows("Available", connector)

    async def tag(self, tag: str = TAG) -> None:
        await self.charger.do("tag", id=tag)

    async def charge(self, tag: str = TAG, connector: int = 1) -> Message:
        """Online: plug, tag, and the CSMS knows that it charges."""
        await self.plug(connector)
        await self.tag(tag)
        start = await self.station.expect("StartTransaction", connectorId=connector, idTag=tag)
        await self.station.expect("StatusNotification", connectorId=connector, status="Charging")
        return start

    async def charge_offline(self, tag: str = TAG, connector: int = 1) -> None:
        await self.plug(connector)
        await self.tag(tag)
        await self.shows("Charging", connector)

    async def shows(self, status: str, connector: int = 1, timeout: float = 5) -> None:
        """The connector's next change of status to this one, told to the CSMS or not."""
        await self.charger.event("status", timeout, connector=connector, status=status)

    async def settled(self) -> None:
        """The CSMS has answered what it will answer, and the charger has the answers: it takes one message
        after the other.
        """
        for _ in range(20):
            last = next((message for message in reversed(self.station.log) if ledger.is_call(message)), None)
            answers = self.station.log.since(last.index if last else 0)
            if last is None or any(m.id == last.id and m.direction == TO_STATION for m in answers):
                break
            await asyncio.sleep(0.01)
        await self.station.call("GetConfiguration", {"key": ["HeartbeatInterval"]})

    async def offline(self) -> None:
        await self.settled()
        await self.charger.do("link", up=False)
        await self.station.wait_disconnected()

    async def online(self) -> None:
        await self.charger.do("link", up=True)
        await self.station.wait_connected()

    async def connector(self, number: int = 1) -> dict[str, Any]:
        return (await self.charger.state())["connectors"][number - 1]

    async def counts(self, wh: int, number: int = 1, timeout: float = 10) -> None:
        """Until the register of the connector's meter has got so far."""
        async with asyncio.timeout(timeout):
            while (await self.connector(number))["register_wh"] < wh:
                await asyncio.sleep(0.05)

    def transaction_messages(self) -> list[Message]:
        """StartTransaction, MeterValues and StopTransaction since `station.mark()`, in order."""
        wanted = ("StartTransaction", "MeterValues", "StopTransaction")
        return [message for message in self.station.calls() if message.action in wanted]


def about(span_s: float, wanted_s: float) -> bool:
    """Did it take that long, as seen from the CSMS?"""
    return wanted_s - EARLY_S < span_s < wanted_s + SLACK_S


def every(times: list[datetime], interval_s: float) -> bool:
    """None missing, none twice, and in step from the first to the last."""
    spans_s = [(later - time).total_seconds() for time, later in itertools.pairwise(times)]
    in_step = abs(sum(spans_s) - interval_s * len(spans_s)) < 0.6 * interval_s
    return in_step and all(0.4 * interval_s < span_s < 1.6 * interval_s for span_s in spans_s)


@contextlib.asynccontextmanager
async def installed(
    *,
    station: str | Path = "loop_evs32a",
    connectors: int = 1,
    csms: Csms | None = None,
    data: str | Path | None = None,
    options: tuple[str, ...] = (),
    link: bool = True,
    identity: str = "CP1",
    errors: tuple[str, ...] = (),
    repeats: tuple[str, ...] = (),
    late_answers: bool = False,
    **keys: object,
) -> AsyncIterator[Post]:
    """`csms`: one that the test has made (and scripted) but not started. `link=False`: no network at boot."""
    csms = csms or Csms()
    books: Books = csms.books
    books.tag(TAG)
    books.tag(OTHER)
    async with csms:
        charger = SimulatedCharger(
            csms.url, identity, station=station, data=data, options=options, set={**_QUIET, **keys}
        )
        post = Post(csms, charger, connectors)
        boots = ledger.Boots(csms, charger)
        if not link:
            await csms.stop()  # until the link is down: the charger may be quicker than we are
        async with charger:
            if not link:
                await charger.do("link", up=False)
                await csms.start()
            try:
                yield post
            except BaseException:
                print("the end of the firmware's log:", *list(charger.output)[-40:], sep="\n")
                print("exit codes so far:", charger.exit_codes)
                raise
            lines = [line for line in charger.output if _ERROR.search(line)]
        wrong = [line for line in lines if not any(text in line for text in errors)]
        assert not wrong, "the firmware logged errors:\n" + "\n".join(wrong)
    ledger.audit(post.station, boots.starts, repeats, late_answers)
