# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make soak`: thousands of transactions with everything that goes wrong in the field, then the audit.

Real charger processes (32-bit MicroPython, 200 KB heap, two connectors each) and one CSMS. Links drop, the
CSMS stops and comes back, the power fails at any moment, chargers reboot, answers are slow, wrong, CALLERRORs
or do not come, cars are unplugged in the middle. Meanwhile the CSMS sends local lists, reserves connectors,
sets charging profiles and asks for messages. What happens is decided from the seed (`bench.soak_plan`,
`bench.soak_calls`), what must hold in the end stands in `bench.soak_books`. Ends with code 0 when it holds.

    python -m bench.soak --seed 7 --transactions 2000
    python -m bench.soak --minutes 4 --chargers 5
"""

import argparse
import asyncio
import contextlib
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bench.charger import ChargerCrashed, reserve_port
from bench.csms import Csms
from bench.soak_books import Found, audit
from bench.soak_charger import SoakCharger, Stuck, growth
from bench.soak_plan import Outage, outages, sessions
from bench.soak_record import START, Entry
from toolchain.output import line_by_line

# What may be in use more at the end than at the beginning, on 200 KB. Two readings of the same charger differ
# by some hundred bytes: MicroPython's collector takes for an address what looks like one.
ALLOWED_GROWTH_BYTES = 2048
_ROUND = 10  # sessions of each connector between two looks at the heap
_SHOWN_MESSAGES = 12
_MOST_ERRORS = 20


@dataclass
class Result:
    seed: int
    transactions: int = 0
    cuts: int = 0
    link_drops: int = 0
    restarts: int = 0
    growth_bytes: int = 0
    lists: int = 0
    reservations: int = 0
    triggers: int = 0
    profiles: int = 0
    composites: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        what = f"soak: seed {self.seed}, {self.transactions} transactions, {self.cuts} cuts, "
        what += f"{self.link_drops} link drops, {self.restarts} restarts, {self.lists} lists, "
        what += f"{self.reservations} reservations, {self.triggers} triggers, {self.profiles} profiles, "
        what += f"{self.composites} composite schedules: "
        if self.wrong:
            return what + f"{len(self.wrong)} things do not agree; the first: {self.wrong[0].splitlines()[0]}"
        return what + f"books and meter agree, heap {self.growth_bytes:+d} bytes"


class Soak:
    def __init__(
        self, seed: int, transactions: int | None, minutes: float | None, chargers: int, folder: Path
    ):
        self._seed = seed
        self._transactions = transactions
        self._ends_at = None if minutes is None else time.monotonic() + 60 * minutes
        self._holder = reserve_port()  # so that nobody takes it while the CSMS is down
        self.csms = Csms(port=self._holder.getsockname()[1], strict=False)
        self.csms.books.heartbeat_interval_s = 5
        # Every fourth one runs through, without a restart: its heap tells of leaks.
        self.chargers = [
            SoakCharger(self.csms, index, seed, folder, steady=index % 4 == 0, begun=self._session_begins)
            for index in range(chargers)
        ]
        self._outages = outages(seed, chargers)
        self._begun = 0
        self._more = asyncio.Event()
        self.restarts = 0
        self._ending = False

    # --- the course of it ---

    def _session_begins(self) -> None:
        self._begun += 1
        self._more.set()

    def transactions(self) -> int:
        return sum(entry.action == START for one in self.chargers for entry in one.wire.record.in_order())

    def over(self) -> bool:
        if any(len(one.errors) > _MOST_ERRORS for one in self.chargers):
            return True  # it has failed already
        if self._ends_at is not None and time.monotonic() >= self._ends_at:
            return True
        return self._transactions is not None and self.transactions() >= self._transactions

    async def run(self) -> Result:
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self._holder.close)
            await stack.enter_async_context(self.csms)
            for one in self.chargers:
                await stack.enter_async_context(one.charger)
            await asyncio.gather(*(one.begin() for one in self.chargers))
            aside = [
                asyncio.create_task(work)
                for work in (self._stop_the_csms(), self._show(), self._watch_itself())
            ]
            try:
                await _all(*(self._play(one) for one in self.chargers))
                self._ending = True
                self._more.set()
                await aside[0]
            finally:
                for task in aside:
                    task.cancel()
            accounts = await _all(*(one.finish() for one in self.chargers))
        return self._judge([audit(account) for account in accounts])

    async def _play(self, one: SoakCharger) -> None:
        plans = {number: sessions(self._seed, int(one.id[4:]), number, one.steady) for number in (1, 2)}
        desk = asyncio.create_task(one.desk.work(one.befall))
        try:
            while not self.over():
                await _all(*(one.play(plan, _ROUND, self.over) for plan in plans.values()))
                await one.pause()
        finally:
            desk.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await desk

    async def _stop_the_csms(self) -> None:
        due = 0
        while True:
            outage: Outage = next(self._outages)
            due += outage.sessions
            while self._begun < due and not self._ending:
                self._more.clear()
                await self._more.wait()
            if self._ending:
                return
            if outage.rude:
                for one in self.chargers:
                    one.wire.station.cut()
            await self.csms.stop()
            await asyncio.sleep(outage.span_s)
            await self.csms.start()
            self.restarts += 1

    async def _show(self) -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(30)
            print(f"  {time.monotonic() - began:5.0f} s: {self.transactions()} transactions")

    async def _watch_itself(self) -> None:
        """A busy machine: what came from the chargers then had to wait, who knows how long."""
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.2)
            now = time.monotonic()
            if now - last > 1:
                for one in self.chargers:
                    one.wire.record.stalls.append((last, now))
            last = now

    # --- what came of it ---

    def _judge(self, all_found: list[Found]) -> Result:
        troubles: Counter[str] = Counter()
        answers: Counter[str] = Counter()
        asked: Counter[str] = Counter()
        result = Result(self._seed, restarts=self.restarts)
        for one, found in zip(self.chargers, all_found, strict=True):
            troubles.update(one.troubles)
            answers.update(one.wire.done)
            for request in one.wire.asked.requests.values():
                asked[f"{request.action} {request.told}"] += 1
            grown, stretch = growth(one.rests)
            print(
                f"  {one.id}: {found.transactions} transactions, {found.billed_wh} Wh in the books, "
                f"{found.refused_wh} Wh refused by the CSMS; {found.never_confirmed} starts and "
                f"{found.never_stopped} ends given up, {found.retries} retries; "
                f"heap {one.boot_growth_bytes():+d} bytes from the first to the last boot, "
                f"{grown:+d} bytes over {stretch} sessions without a restart"
            )
            result.growth_bytes = max(result.growth_bytes, grown, one.boot_growth_bytes())
            print(
                f"  {one.id}: {found.lists} lists, {found.listed} tags decided by them; {found.reservations} "
                f"reservations, {found.reservations_used} used; {found.triggers} triggers; "
                f"{found.profiles} charging profiles, {found.composites} composite schedules, of which "
                f"{found.certain} were certain, {found.limited} samples under a limit"
            )
            result.lists += found.lists
            result.reservations += found.reservations
            result.triggers += found.triggers
            result.profiles += found.profiles
            result.composites += found.composites
            result.transactions += found.transactions
            result.wrong += [_told(text, messages) for text, messages in found.wrong]
            result.wrong += [f"{one.id}: the firmware logged: {line}" for line in one.errors]
        result.cuts = troubles["kill"] + troubles["power_cut"] + troubles["cut while starting"]
        result.link_drops = troubles["link"] + troubles["cut"] + troubles["freeze"]
        titles = ("befell chargers", troubles), ("answers", answers), ("asked of chargers", asked)
        for title, counts in titles:
            print(f"  {title}: " + ", ".join(f"{count} {word}" for word, count in sorted(counts.items())))
        if result.growth_bytes > ALLOWED_GROWTH_BYTES:
            result.wrong.append(
                f"the heap has grown by {result.growth_bytes} bytes, {ALLOWED_GROWTH_BYTES} are allowed"
            )
        return result


async def _all(*work):
    """The results; the first that fails ends the others."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
    return [task.result() for task in tasks]


def _told(text: str, messages: list[Entry]) -> str:
    return "\n".join([text, *(f"    {message}" for message in messages[-_SHOWN_MESSAGES:])])


async def soak(seed: int, transactions: int | None, minutes: float | None, chargers: int) -> Result:
    """When it fails, the logs and messages of all chargers are kept."""
    folder = Path(tempfile.mkdtemp(prefix="pilotlight-soak-"))
    result: Result | None = None
    try:
        work = Soak(seed, transactions, minutes, chargers, folder)
        try:
            result = await work.run()
            return result
        finally:
            for one in work.chargers:
                one.write_messages()
    finally:
        if result is not None and not result.wrong:
            shutil.rmtree(folder)
        else:
            print(f"  logs and messages are in {folder}")


def _first(group: BaseExceptionGroup) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def main() -> int:
    line_by_line()
    parser = argparse.ArgumentParser(
        prog="make soak", description="Thousands of transactions, and the audit."
    )
    parser.add_argument("--seed", type=int, help="of what happens; otherwise a new one, which is printed")
    parser.add_argument("--transactions", type=int, help="until there are so many (2,000)")
    parser.add_argument("--minutes", type=float, help="until so much time has passed")
    parser.add_argument(
        "--chargers", type=int, default=12, help="at a time, two connectors each (%(default)s)"
    )
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    transactions = options.transactions
    if transactions is None and options.minutes is None:
        transactions = 2000
    print(f"soak: seed {seed}, {options.chargers} chargers with two connectors")
    try:
        result = asyncio.run(soak(seed, transactions, options.minutes, options.chargers))
    except BaseExceptionGroup as group:
        error = _first(group)
        if not isinstance(error, (ChargerCrashed, Stuck)):
            raise
        print(f"soak: seed {seed}: {error}", file=sys.stderr)
        return 1
    except (ChargerCrashed, Stuck) as error:
        print(f"soak: seed {seed}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    for text in result.wrong:
        print(text)
    print(result)
    return 1 if result.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
