# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make emulate-soak`: the real image on the emulated RP2040, one car after the other, over LTE and TLS, and
in each session something goes wrong (`emulator.troubles`). What must hold: the car charges on or the
transaction ends as the trouble has it, the contactor is never closed for a car that does not ask for it, the
charger comes back by itself, the bills are what the meter says, the controller restarts when it is made to
and at no other time, heap and stack stay in their bounds. Ends with code 0 when it holds.
"""

import argparse
import asyncio
import random
import ssl
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.certificates import Authority
from emulator import stack
from emulator.bench import HEAP_AIM
from emulator.emulated import IMAGE, EmulatorError
from emulator.heap import watch_heap
from emulator.rig import HOST, TAG, Rig, charger
from emulator.troubles import ENDS, LINK, NOTHING, TROUBLES, Trouble, restarts
from image.elf import Elf
from toolchain.output import line_by_line

# The guard's 100 ms of table A.6.
_OPEN_MS = 100
# A link that is dead is found by its silence, a modem that hangs is switched off: minutes, not seconds.
_BACK_S = 400
_CARD_AWAY_MS = 3000  # one that is back within a second has not been presented again
_SETTINGS = {"WebSocketPingInterval": "10", "MeterValueSampleInterval": "10"}


@dataclass
class Found:
    """slowest_ms: from the car's S2 open to the coil off; back_s: emulated, from the trouble to the next
    connection; wrong: what does not hold, in words."""

    sessions: int = 0
    troubles: Counter[str] = field(default_factory=Counter)
    slowest_ms: float = 0.0
    openings: int = 0
    back_s: list[float] = field(default_factory=list)
    kept: int = 0
    largest: int = 1 << 30
    wrong: list[str] = field(default_factory=list)


class Contactor:
    """Judges the coil by the car's switch, from the emulator's log."""

    def __init__(self, found: Found):
        self._found = found
        self._coil = self._s2 = 0
        self._s2_open_ns = 0

    def look(self, log: list[list]) -> None:
        found = self._found
        for ns, name, value in log:
            if name == "s2":
                self._s2 = value
                self._s2_open_ns = ns
            elif name == "gp10" and value != self._coil:
                self._coil = value
                late_ms = (ns - self._s2_open_ns) / 1e6
                if value and not self._s2:
                    found.wrong.append("at %.3f s the coil is on, and S2 open" % (ns / 1e9))
                elif not value and not self._s2:
                    found.openings += 1
                    found.slowest_ms = max(found.slowest_ms, late_ms)
                    if late_ms > _OPEN_MS:
                        found.wrong.append("at %.3f s the coil is off after %.1f ms" % (ns / 1e9, late_ms))


class Soak:
    def __init__(self, rig: Rig, seed: int):
        self._rig = rig
        self._chance = random.Random(seed)
        self._contactor = Contactor(found := Found())
        self.found = found
        self._pending: list[Trouble] = []

    async def session(self) -> None:
        """A car comes, charges, one trouble or three befall it, it leaves."""
        rig, found = self._rig, self.found
        rig.station.mark()
        await rig.pause(_CARD_AWAY_MS)
        await rig.charge()
        for _ in range(self._chance.randrange(1, 4)):
            trouble = self._next()
            print("  %3d  %s" % (found.sessions, trouble.name))
            found.troubles[trouble.name] += 1
            if await self._play(trouble):
                break
        else:
            await self._stop()
        await rig.do("unplug")
        await rig.expect("StatusNotification", connectorId=1, status="Available")
        await self._look()
        found.sessions += 1

    def _next(self) -> Trouble:
        """Each of them once before one comes again."""
        if not self._pending:
            self._pending = self._chance.sample(TROUBLES, len(TROUBLES))
        return self._pending.pop()

    async def _play(self, trouble: Trouble) -> bool:
        """True: the session is over."""
        rig = self._rig
        await rig.pause(self._chance.randrange(200, 4000))
        before = await rig.state()
        connections = rig.station.connections
        await trouble.play(rig, self._chance)
        if trouble.restarts:
            await rig.until(lambda state: restarts(state) >= restarts(before) + trouble.restarts)
        if trouble.outcome == LINK or trouble.restarts:
            await rig.station.wait_connection(connections + 1, _BACK_S)
            after = await rig.state()
            self.found.back_s.append((after["ns"] - before["ns"]) / 1e9)
        if trouble.outcome == ENDS:
            stopped = await rig.expect("StopTransaction")
            if stopped.payload.get("reason", "Local") not in trouble.reasons:
                self.found.wrong.append("%s: StopTransaction %s" % (trouble.name, stopped.payload))
        after = await rig.state()
        if restarts(after) != restarts(before) + trouble.restarts:
            self.found.wrong.append("%s: the controller has restarted" % trouble.name)
        if trouble.outcome in (LINK, NOTHING) and (
            not after["contactor"]["closed"] or after["contactor"]["cycles"] != before["contactor"]["cycles"]
        ):
            self.found.wrong.append("%s: the contactor has opened" % trouble.name)
        return trouble.outcome == ENDS

    async def _stop(self) -> None:
        rig = self._rig
        if self._chance.random() < 0.5:
            number = max(rig.csms.books.transactions)
            await rig.station.call("RemoteStopTransaction", {"transactionId": number})
        else:
            await rig.pause(_CARD_AWAY_MS)
            await rig.do("tag", id=TAG)
        await rig.expect("StopTransaction")

    async def _look(self) -> None:
        found = self.found
        self._contactor.look((await self._rig.do("log"))["log"])
        heap = await self._rig.do("heap")
        if heap["collections"]:
            found.kept = max(found.kept, heap["kept"])
            found.largest = min(found.largest, heap["largest"])

    def judge(self, metered_wh: float) -> None:
        """Of the whole: the bills, against the meter."""
        found = self.found
        transactions = self._rig.csms.books.transactions
        for one in transactions.values():
            if one.energy_wh is None or one.energy_wh < 0:
                found.wrong.append("transaction %d has no bill: %s" % (one.id, one))
        billed_wh = sum(one.energy_wh or 0 for one in transactions.values())
        if len(transactions) != found.sessions:
            found.wrong.append("%d sessions, %d transactions" % (found.sessions, len(transactions)))
        # Each is cut off to whole Wh at both ends.
        if not metered_wh - found.sessions <= billed_wh <= metered_wh:
            found.wrong.append("%d Wh billed, %.1f Wh flowed" % (billed_wh, metered_wh))
        if found.kept > HEAP_AIM:
            found.wrong.append("%d bytes of the heap in use after a collection" % found.kept)


async def play(image: Path, sessions: int, minutes: float | None, seed: int) -> tuple[Soak, stack.Depth]:
    authority = Authority("ec")
    context = authority.server(HOST).context(highest=ssl.TLSVersion.TLSv1_2)
    ends_at = None if minutes is None else time.monotonic() + 60 * minutes
    async with charger(image, context, authority.der, _SETTINGS) as rig:
        await asyncio.to_thread(rig.board.wait_for_usb, 60)
        await asyncio.to_thread(watch_heap, rig.board, Elf(image.with_suffix(".elf")))
        await asyncio.to_thread(stack.watch, rig.board)
        await rig.do("log", keep=["gp10", "s2"])
        await rig.start()
        await rig.do("heap")  # what there was before counts no more
        soak = Soak(rig, seed)
        while soak.found.sessions < sessions if ends_at is None else time.monotonic() < ends_at:
            await soak.session()
        soak.judge((await rig.state())["meter"]["wh"])
        return soak, await asyncio.to_thread(stack.depth, rig.board)


def rows(found: Found, depth: stack.Depth) -> list[str]:
    back = sorted(found.back_s)
    return [
        "%d sessions, %d troubles: %s"
        % (
            found.sessions,
            found.troubles.total(),
            ", ".join("%d %s" % (count, name) for name, count in sorted(found.troubles.items())),
        ),
        "the coil is off after S2 has opened: %d times, at most %.1f ms" % (found.openings, found.slowest_ms),
        "connected again: %d times, median %.1f s, at most %.1f s"
        % (len(back), median(back or [0]), (back or [0])[-1]),
        "heap in use after a collection: at most %d, aim %d; largest free block: at least %d"
        % (found.kept, HEAP_AIM, found.largest),
        "stack: program %d of %d, interrupts above it %d of %d"
        % (
            depth.program,
            stack.room() - stack.interrupts_room(),
            depth.interrupts,
            stack.interrupts_room(),
        ),
    ]


def main() -> int:
    line_by_line()
    parser = argparse.ArgumentParser(prog="make emulate-soak", description=__doc__)
    parser.add_argument("--image", type=Path, default=IMAGE)
    parser.add_argument("--sessions", type=int, default=len(TROUBLES), help="(%(default)s)")
    parser.add_argument("--minutes", type=float, help="so long instead")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    options = parser.parse_args()
    print("emulate-soak: seed %d" % options.seed)
    soak, depth = asyncio.run(play(options.image, options.sessions, options.minutes, options.seed))
    for row in rows(soak.found, depth):
        print(row)
    wrong = soak.found.wrong + ([] if depth.fits() else ["the stack does not fit"])
    print("\n".join(wrong))
    print("emulate-soak: seed %d, %s" % (options.seed, "%d wrong" % len(wrong) if wrong else "all holds"))
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EmulatorError as error:
        sys.exit("emulate-soak: %s" % error)
