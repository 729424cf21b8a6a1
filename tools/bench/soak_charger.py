# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One charger of a soak: its drivers, and what befalls it.

What is done follows the plan. What comes of it is not looked at more than a driver would: the audit judges by
messages and meters. Only that the next session finds its connector free is waited for.
"""

import asyncio
import contextlib
import itertools
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.charger import ChargerCrashed, SimulatedCharger, station_file
from bench.control import ControlLost, ControlRefused, Event
from bench.csms import Csms
from bench.soak_asked import Supply, Swipe
from bench.soak_books import Account
from bench.soak_desk import Desk
from bench.soak_plan import ATTEMPTS, MESSAGE_TIMEOUT_S, PHASES, RESTARTS, Booking, Session, Trouble
from bench.soak_record import METER_BASE_WH
from bench.soak_wire import Wire

_KEYS = {
    "ConnectionTimeOut": 4,
    "MessageTimeout": MESSAGE_TIMEOUT_S,
    "MeterValueSampleInterval": 1,
    "MeterValuesSampledData": "Energy.Active.Import.Register,Current.Offered",
    "TransactionMessageAttempts": ATTEMPTS,
    "TransactionMessageRetryInterval": 1,
}
_ERROR = re.compile(r"^\s*\d+ E |exception|Traceback|MemoryError", re.IGNORECASE)
# What the plan brings about and the firmware has to say as an error.
_PLANNED = re.compile(r"given up after \d+ tries")
_RING_LINES = 40  # the log's ring in RAM is full after so many: until then each line makes the heap grow
_PATIENCE_S = 120  # for what takes a second or two: the machine may be busy
_EXIT_REBOOT = 3


class Stuck(AssertionError):
    """The charger does not come to what it must come to."""


@dataclass
class Rest:
    """The heap at a moment when nothing goes on. `life`: of the process; `lines`: of the log in that life."""

    life: int
    sessions: int
    lines: int
    used_bytes: int


def growth(rests: list[Rest]) -> tuple[int, int]:
    """(bytes, over the longest stretch of so many sessions without a restart); (0, 0): there was none.

    Of the first life only: there `begin` has used every profile once. In a later one a module that is loaded
    when it is first needed (5 KB of Smart Charging) would look like a leak.
    """
    best = (0, 0)
    of_first_life = [each for each in rests if each.life == 0 and each.lines >= 2 * _RING_LINES]
    for first, last in itertools.combinations(of_first_life, 2):
        sessions = last.sessions - first.sessions
        if sessions > best[1]:
            best = (last.used_bytes - first.used_bytes, sessions)
    return best


def _station(index: int, folder: Path) -> Path:
    """Two connectors with a reader each: DC with fixed cables, AC sockets with locks, or DC once more, where
    a transaction goes on after a power cut.
    """
    kind = index % 3
    document = json.loads(station_file("generic_socket" if kind == 1 else "xcharge_c6").read_text())
    document["reader"] = "per_connector"
    document["connectors"] = [document["connectors"][0]] * 2
    for row in document["connectors"]:
        if row["current"] == "DC":
            row["nominal_v"] = 1000  # so that some seconds are worth counting
    document["options"]["power_loss"] = "resume" if kind == 2 else "stop"
    document.setdefault("configuration", {}).update(
        LocalAuthListMaxLength="1000", SendLocalListMaxLength="1000", ReserveConnectorZeroSupported="true"
    )
    path = folder / f"station_{index}.json"
    path.write_text(json.dumps(document))
    return path


def _supply(index: int, folder: Path) -> Supply:
    row = json.loads(_station(index, folder).read_text())["connectors"][0]
    return Supply(row["phases"], row["nominal_v"], row["current"] == "DC")


class SoakCharger:
    """`steady`: this one is never restarted. `begun()` is called as each session begins."""

    def __init__(
        self, csms: Csms, index: int, seed: int, folder: Path, steady: bool, begun: Callable[[], None]
    ):
        self.id = f"SOAK{index}"
        self.wire = Wire(csms, self.id, seed, index)
        self.wire.asked.supply = _supply(index, folder)
        self.desk = Desk(self.wire, seed, index, steady, self._note)
        self.steady = steady
        self.errors: list[str] = []  # of the firmware's log
        self.troubles: Counter[str] = Counter()
        self.rests: list[Rest] = []
        self.shown: set[tuple[int, str, int]] = set()
        self._begun = begun
        self._status: dict[int, str | None] = {}
        self._closed: set[int] = set()  # connectors whose contactor has closed in this session
        self._changed = asyncio.Condition()
        self._power = asyncio.Lock()  # one restart at a time; the link may be down meanwhile
        self._link = asyncio.Lock()
        self._pending: list[asyncio.Task[None]] = []  # outages that may outlast the session they began in
        self._sessions = self._lines = 0  # of this life
        self._diary = (folder / f"{self.id}.log").open("w", buffering=1)
        keys: dict[str, object] = {**_KEYS, "WebSocketPingInterval": 2 if index % 2 else 0}
        keys["LocalPreAuthorize"] = self.wire.asked.pre_authorize = index % 4 >= 2
        # Where it is false nobody but the local list and the cache let a driver in offline.
        keys["AllowOfflineTxForUnknownId"] = index % 6 != 1
        if index % 2:
            keys["StopTxnSampledData"] = "Energy.Active.Import.Register"
        self.charger = SimulatedCharger(
            csms.url,
            self.id,
            station=_station(index, folder),
            data=folder / self.id,
            set=keys,
            options=("--bits", "32"),
            on_event=self._event,
            on_end=self._ended,
            on_output=self._output,
        )

    # --- what is seen of it ---

    def _event(self, event: Event) -> None:
        if event["event"] == "status":
            self._status[event["connector"]] = event["status"]
        elif event["event"] == "contactor" and event["closed"]:
            self._closed.add(event["connector"])
        else:
            return
        self._wake()

    def _note(self, text: str) -> None:
        """Into the file that is kept when the soak fails."""
        self._diary.write(f"{datetime.now(UTC):%H:%M:%S.%f} {text}\n")

    def _ended(self, code: int) -> None:
        self._note(f"* the process has ended: {code}")
        self.wire.asked.lives.append(time.monotonic())
        self._status.clear()
        self._sessions = self._lines = 0
        self._wake()

    def _output(self, line: str) -> None:
        self._lines += 1
        self._note(line)
        if _ERROR.search(line) and not _PLANNED.search(line):
            self.errors.append(line)

    def _wake(self) -> None:
        async def wake() -> None:
            async with self._changed:
                self._changed.notify_all()

        task = asyncio.get_running_loop().create_task(wake())
        _WAKING.add(task)
        task.add_done_callback(_WAKING.discard)

    async def _until(self, happened: Callable[[], bool], timeout_s: float) -> bool:
        """False when it has not happened in that time."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(happened)
        except TimeoutError:
            return False
        return True

    async def _do(self, request: str, **fields: Any) -> dict[str, Any] | None:
        """One request, once the charger runs; None when it was refused or the power failed meanwhile."""
        if request != "state":
            self._note(f"* {request} {fields or ''}")
        try:
            return await self.charger.do(request, timeout=_PATIENCE_S, **fields)
        except (ControlLost, ControlRefused) as error:
            self._note(f"* {request}: {error!r}")
            return None

    # --- the first boot, and the end ---

    async def begin(self) -> None:
        """Installed: the meters show what they start from, the CSMS knows it, the heap is measured."""
        for number, register_wh in METER_BASE_WH.items():
            await self._do("meter", connector=number, wh=register_wh)
            await self._do("car", connector=number, delay_s=0.1, soc=10, battery_wh=1_000_000)
        await self.idle()
        await self.rest()
        await self.desk.begin()

    async def idle(self, timeout_s: float = 3 * _PATIENCE_S) -> None:
        """Until the charger has told everything and no connector is taken."""
        state: dict[str, Any] | None = None
        quiet = 0
        try:
            async with asyncio.timeout(timeout_s):
                while quiet < 3:
                    await asyncio.sleep(0.3)
                    state = await self._do("state")
                    free = state is not None and all(
                        row["transaction"] is None and row["status"] == "Available"
                        for row in state["connectors"]
                    )
                    told = state is not None and state["queue_depth"] == 0
                    online = state is not None and state["connected"] and state["registration"] == "Accepted"
                    quiet = quiet + 1 if free and told and online else 0
        except TimeoutError:
            raise Stuck(f"{self.id} does not come to rest: {state}; its log:\n{self.log()}") from None

    async def rest(self) -> int:
        """Measure the heap, with nothing going on. What is in use differs by what the messages of the last
        moments left where the collector cannot tell it from an address: the least of some readings counts.
        Without a connection (the CSMS stops when it likes) it is less by what that takes.
        """
        used: list[int] = []
        async with asyncio.timeout(_PATIENCE_S):
            while len(used) < 5:
                state = await self._do("state")
                if state is not None and state["connected"] and state["registration"] == "Accepted":
                    used.append(state["heap"]["used"])
                await asyncio.sleep(0.2)
        self.rests.append(Rest(len(self.charger.exit_codes), self._sessions, self._lines, min(used)))
        return min(used)

    async def finish(self) -> Account:
        """Everything is told; the account; then a last clean start, to compare its heap with the first."""
        self.wire.calm = True
        await self._do("link", up=True)
        self.wire.station.thaw()
        await self.idle()
        await self.desk.composites()
        await self.desk.leave_one()
        await self.rest()
        state = await self._do("state")
        assert state is not None
        registers = {row["connector"]: row["register_wh"] for row in state["connectors"]}
        await self._do("reboot")
        await self.idle()
        await self.rest()
        asked = self.wire.asked
        await self.desk.version()
        await self.desk.composites()
        state = await self._do("state")
        assert state is not None
        asked.list_size = state["local_list"]["size"]
        asked.end_s = time.monotonic()
        record, books = self.wire.record, self.wire.books()
        return Account(self.id, record, books, registers, ATTEMPTS, MESSAGE_TIMEOUT_S, self.shown, asked)

    def boot_growth_bytes(self) -> int:
        """The heap after the last clean start, over that after the first one."""
        return self.rests[-1].used_bytes - self.rests[0].used_bytes

    def write_messages(self) -> None:
        """All that was said, beside the log."""
        path = Path(self._diary.name).with_suffix(".messages")
        path.write_text("".join(f"{message}\n" for message in self.wire.station.log))

    def log(self) -> str:
        return "\n".join("    " + line for line in list(self.charger.output)[-40:])

    # --- sessions ---

    async def play(self, plan: Iterator[Session], count: int, over: Callable[[], bool]) -> None:
        """So many sessions of one connector, fewer when the soak is `over`."""
        for _ in range(count):
            if over():
                return
            await self._session(next(plan))

    async def _session(self, session: Session) -> None:
        self.wire.expect(session)
        self._note(f"* {session}")
        self._begun()
        self._closed.discard(session.connector)
        phases = {phase: asyncio.Event() for phase in PHASES}
        task = None
        if session.trouble is not None:
            task = asyncio.create_task(self.befall(session.trouble, phases[session.trouble.phase]))
            self._pending.append(task)
        await self._drive(session, phases)
        self._sessions += 1
        if task is not None and session.trouble is not None and session.trouble.kind in RESTARTS:
            await task

    async def pause(self) -> None:
        """Between rounds: every trouble is over, everything told, the heap measured."""
        pending, self._pending = self._pending, []
        await asyncio.gather(*pending)
        async with self.desk.quiet:
            await self.idle()
            await self.desk.clear()
            await self.rest()

    async def _drive(self, session: Session, phases: dict[str, asyncio.Event]) -> None:
        number, booking = session.connector, session.booking
        await self._do("car", connector=number, amps=session.amps)
        if booking is not None:
            await self.desk.reserve(booking)
            await self._cancel(booking, "plugged")
        phases["plugged"].set()
        remote = session.begin == "remote"
        if session.begin == "tag":
            await self._swipe(session)
            await asyncio.sleep(0.2)
        await self._do("plug", connector=number)
        await asyncio.sleep(0.3)
        if remote:
            remote = await self.desk.call("RemoteStartTransaction", idTag=session.tag, connectorId=number)
        if not remote and session.begin != "tag":
            await self._swipe(session)
        phases["shown"].set()
        welcome = session.status == "Accepted" or session.listed
        welcome = welcome and (booking is None or booking.admits(session.tag))
        charges = await self._until(lambda: number in self._closed, 5 if welcome else 1.5)
        if not charges and booking is not None and booking.returns:
            await asyncio.sleep(booking.span_s)  # the reservation is over by now
            await self._swipe(session)
            charges = await self._until(lambda: number in self._closed, 5)
        if charges:
            await self._look(number)
        phases["charging"].set()
        await asyncio.sleep(session.charge_s)
        phases["ending"].set()
        await self._end(session)
        phases["ended"].set()
        if booking is not None:
            await self._cancel(booking, "ended")
        await self._leave(session)

    async def _cancel(self, booking: Booking, phase: str) -> None:
        if booking.cancel == phase:
            await self.desk.call("CancelReservation", reservationId=booking.number)

    async def _swipe(self, session: Session) -> None:
        """The driver's tag. What the charger makes of one that only the list knows is looked at."""
        await self._do("tag", id=session.tag, connector=session.connector)
        if not session.listed:
            return
        await asyncio.sleep(0.1)
        at_s = time.monotonic()
        state = await self._do("state")
        if state is None or state["last_tag"] is None:
            return
        tag, outcome, why, uptime_ms = state["last_tag"]
        if tag == session.tag and 1000 * state["uptime_s"] - uptime_ms < 1000:  # of now
            self.wire.asked.swipes.append(Swipe(tag, at_s, outcome, why))

    async def _look(self, number: int) -> None:
        """The transaction that the charger shows to whoever charges there. It may be the one of who was there
        before, whose tag was accepted just now.
        """
        state = await self._do("state")
        row = state["connectors"][number - 1]["transaction"] if state is not None else None
        if row is not None:
            self.shown.add((number, row["idTag"], row["meter_start_wh"]))

    async def _end(self, session: Session) -> None:
        number = session.connector
        if session.end == "remote":
            transaction_id = self.wire.running(session.tag)
            if transaction_id is not None and await self.desk.call(
                "RemoteStopTransaction", transactionId=transaction_id
            ):
                await self._until(lambda: self._status.get(number) == "Finishing", 4)
                return
        if session.end == "tag" and self._status.get(number) == "Charging":
            await self._do("tag", id=session.tag, connector=number)
            await self._until(lambda: self._status.get(number) == "Finishing", 4)

    async def _leave(self, session: Session) -> None:
        """Unplug, until the connector is free. A cable that is kept for its owner is freed by the tag, or by
        the CSMS: it may be kept for who was there before, whose tag was looked at too late.
        """
        number = session.connector
        row: dict[str, Any] = {}
        for turn in range(40):
            if await self._do("unplug", connector=number) is None:
                continue  # the power failed: what is shown at the start says nothing of the car yet
            await self._until(lambda: self._status.get(number) in ("Available", "Reserved"), 2.5)
            if self._status.get(number) == "Available":
                return
            state = await self._do("state")
            row = state["connectors"][number - 1] if state is not None else {}
            if row.get("status") == "Available":  # told before we could watch
                return
            if row.get("status") == "Reserved":  # which it may have been with the cable in it
                if not row["plugged"] and not row["locked"]:
                    return
                await asyncio.sleep(0.3)
                continue
            if row.get("transaction") is None and row.get("lock") and row.get("status") != "Preparing":
                await self._do("tag", id=session.tag, connector=number)
                if turn > 1:
                    await self.desk.call("UnlockConnector", connectorId=number)
            elif turn > 8:
                await asyncio.sleep(3)
        raise Stuck(f"{self.id}: connector {number} does not come free: {row}; its log:\n{self.log()}")

    # --- trouble ---

    async def befall(self, trouble: Trouble, phase: asyncio.Event | None = None) -> None:
        if phase is not None:
            await phase.wait()
        await asyncio.sleep(trouble.delay_s)
        async with self._power if trouble.kind in RESTARTS else self._link:
            self.troubles[trouble.kind] += 1
            self._note(f"* {trouble}")
            if trouble.kind == "link":
                await self._do("link", up=False)
                await asyncio.sleep(trouble.span_s)
                await self._do("link", up=True)
            elif trouble.kind == "cut":
                self.wire.station.cut()
            elif trouble.kind == "freeze":
                since_s = time.monotonic()
                self.wire.station.freeze()
                await asyncio.sleep(trouble.span_s)
                self.wire.station.thaw()
                self.wire.asked.frozen.append((since_s, time.monotonic()))
            elif trouble.kind in ("kill", "power_cut"):
                await self._power_cut(trouble)
            else:
                await self._restart(trouble.kind)

    async def _power_cut(self, trouble: Trouble) -> None:
        charger = self.charger
        if trouble.kind == "power_cut":
            try:
                with contextlib.suppress(ControlRefused):
                    await charger.do("power_cut", timeout=_PATIENCE_S)
            except ChargerCrashed:
                if charger.exit_codes[-1] != _EXIT_REBOOT:  # a reset of before was quicker
                    raise
        await charger.kill()
        await asyncio.sleep(trouble.span_s)
        await charger.start(timeout=_PATIENCE_S)
        if trouble.again_s is not None:  # in the middle of the start
            self.troubles["cut while starting"] += 1
            await asyncio.sleep(trouble.again_s)
            await charger.kill()
            await charger.start(timeout=_PATIENCE_S)

    async def _restart(self, kind: str) -> None:
        ends = len(self.charger.exit_codes)
        if kind == "reboot":
            await self._do("reboot")
        elif not await self.desk.call("Reset", type=kind.removesuffix("Reset")):
            return
        await self._until(lambda: len(self.charger.exit_codes) > ends, _PATIENCE_S)


_WAKING: set[asyncio.Task[None]] = set()
