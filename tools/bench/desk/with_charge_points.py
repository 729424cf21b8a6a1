# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The prompt of a CSMS with several charge points: which one is meant, and who may connect."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager

from ocpp.exceptions import InternalError
from ocpp.v16.enums import Action
from websockets.http11 import Request, Response

from bench.csms import Csms
from bench.desk.commands import Command, Commands, Mistake, NotNow, Quit
from bench.desk.operations import Caller, CoreOperations
from bench.desk.profiles import ProfileOperations
from bench.desk.records import Records
from bench.desk.screen import Screen, plain
from bench.desk.security import SecurityOperations
from bench.desk.waiting import FROM_CHARGE_POINT, Waiting
from bench.ledger.books import Ledger
from bench.ledger.database import DatabaseTrouble
from bench.ledger.passwords import Passwords, password_bytes
from bench.messages import Message
from bench.station import CallRefused, NotSeen, Station

_LONGEST_ID = 48

_TROUBLES = (
    (CallRefused, ""),  # the CALLERROR is on the screen already
    (NotSeen, "the charge point did not answer within 30 s"),
    (ConnectionError, "{error}"),
    (InternalError, "not done: {error.description}"),
    (DatabaseTrouble, "not done: {error}"),
    (ValueError, "not done: {error}"),
)


class Selection:
    """Which charge point a command is for: that of its prefix, else that of `use`, else the only one."""

    def __init__(self, csms: Csms):
        self._csms = csms
        self.used: str | None = None
        self._prefix: str | None = None

    @contextmanager
    def prefixed(self, station_id: str | None) -> Iterator[None]:
        """Within the block a command is for this one."""
        self._prefix = station_id
        try:
            yield
        finally:
            self._prefix = None

    def connected(self) -> list[str]:
        return [name for name, station in self._csms.stations.items() if station.connected]

    def is_connected(self, station_id: str) -> bool:
        return station_id in self._csms.stations and self._csms.stations[station_id].connected

    def target(self) -> Station:
        name = self._prefix or self.used
        if name is None:
            known = self.connected() or list(self._csms.books.stations)
            if not known:
                raise NotNow("no charge point is connected")
            if len(known) > 1:
                first = known[0]
                raise NotNow(f"which one? {', '.join(known)}; say `use {first}`, or `{first}: get`")
            name = known[0]
        return self._csms.station(name)

    async def arrives(self, seconds: float) -> Station:
        """The same; when none is meant and none connected, the first that connects within `seconds`."""
        give_up = asyncio.get_running_loop().time() + seconds
        while self._prefix is None and self.used is None and not self.connected():
            if asyncio.get_running_loop().time() >= give_up:
                raise NotNow(f"no charge point has connected within {seconds:g} s")
            await asyncio.sleep(0.02)
        return self.target()


class CsmsCommands(Commands):
    """Commands of the CSMS alone. `ID: command` is for that charge point."""

    def __init__(self, screen: Screen, selection: Selection):
        super().__init__(screen, _TROUBLES)
        self._selection = selection

    async def run(self, line: str, secret: str | None = None) -> bool:
        name, line = prefix(line)
        with self._selection.prefixed(name):
            return await super().run(line, secret)

    def asks_for(self, line: str) -> str | None:
        return super().asks_for(prefix(line)[1])


def prefix(line: str) -> tuple[str | None, str]:
    """`CP1: get` as ("CP1", "get"); (None, line) when no charge point is named so."""
    match = re.match(r"\s*([^\s{\"']+):\s+(.*)", line)
    return (match[1], match[2]) if match else (None, line)


class CsmsDesk:
    """CSMS, ledger, passwords and screen put together. `commands`: the prompt's."""

    def __init__(self, ledger: Ledger, screen: Screen, *, host: str, port: int, interactive: bool = False):
        self.ledger, self.screen = ledger, screen
        self._interactive = interactive
        self.passwords = Passwords(ledger.database)
        self.csms = Csms(
            port=port, host=host, books=ledger, strict=False, ping_interval_s=20, admission=self._admit
        )
        self.csms.hooks.append(self._on_message)
        self.csms.connection_hooks.append(self._on_connection)
        self.csms.refusal_hooks.append(self._on_refusal)
        self.selection = Selection(self.csms)
        self.caller = Caller(self.selection.target, ledger, screen, self.passwords)
        self.commands = self._build()

    @property
    def toolbar(self) -> str:
        parts = []
        for name, entry in self.ledger.stations.items():
            if self.selection.is_connected(name):
                statuses = [
                    f"{number} {told.get('status')}" for number, told in sorted(entry.statuses.items())
                ]
                parts.append(plain(f"{name}: {', '.join(statuses) or 'connected'}"))
        return " " + ("   |   ".join(parts) or "no charge point is connected")

    def words(self) -> list[str]:
        """What the prompt completes."""
        operations = [action.value for action in Action if action not in FROM_CHARGE_POINT]
        waits = [f"wait {action.value}" for action in FROM_CHARGE_POINT]
        used = [f"use {name}" for name in self.ledger.stations]
        return [*self.commands.names, *(f"call {name}" for name in operations), *waits, *used]

    def _build(self) -> CsmsCommands:
        commands = CsmsCommands(self.screen, self.selection)
        records = Records(self.ledger, self.screen, self.selection.target, self.selection.is_connected)
        commands.add("Operations: Core", CoreOperations(self.caller).commands())
        commands.add("Operations: feature profiles", ProfileOperations(self.caller).commands())
        commands.add("Operations: security extension", SecurityOperations(self.caller).commands())
        commands.add("What the CSMS knows", [*records.commands(), self._password_command()])
        use = Command("use [ID]", "the charge point that is meant from now on (or `ID: command`)", self._use)
        waiting = Waiting(self.selection.arrives, self.caller).commands()
        serve = Command(
            "serve", "go on until Ctrl-C: the last line of a script that starts a CSMS", self._serve
        )
        commands.add("The prompt and scripts", [use, *waiting, serve, *commands.common()])
        return commands

    # --- commands of this desk ------------------------------------------------------------------------------

    async def _use(self, words: list[str]) -> None:
        if len(words) > 1:
            raise Mistake("one charge point, or none: the only one that is connected")
        self.selection.used = words[0] if words else None
        if words and not self.selection.is_connected(words[0]):
            self.screen.note(f"{plain(words[0])} is not connected now")

    async def _serve(self, words: list[str]) -> None:
        if self._interactive:
            raise NotNow("the prompt stays by itself; `serve` is for scripts")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise Quit from None  # the signal that ends us is what was waited for

    def _password_command(self) -> Command:
        return Command(
            "password [ID [none]]",
            "set a charge point's password, or take it away; without an id: who has one",
            self._password,
            ("passwords",),
            lambda words: f"password of {plain(words[0])} (not shown): " if len(words) == 1 else None,
        )

    async def _password(self, words: list[str]) -> None:
        if len(words) > 2 or len(words) == 1:
            raise Mistake("say the charge point's id; the password is asked for, or stands behind it")
        if len(words) == 2:
            station_id, word = words
            if word.lower() == "none":
                self.passwords.forget(station_id)
            else:
                await self.passwords.set(station_id, password_bytes(word))
        known = self.passwords.stations()
        if not known:
            self.screen.line("  nobody needs a password")
            return
        self.screen.row(f"  {', '.join(known)}: with a password; all others are refused")

    # --- what happens ---------------------------------------------------------------------------------------

    async def _admit(self, station_id: str, password: bytes | None) -> bool:
        if len(station_id) > _LONGEST_ID or not station_id.isprintable():
            return False
        return await self.passwords.lets_in(station_id, password)

    def _on_message(self, station: Station, message: Message) -> None:
        self.screen.message(message, station.id)

    def _on_connection(self, station: Station, connected: bool) -> None:
        self.screen.note(f"{plain(station.id)} {'is connected' if connected else 'has gone'}")

    def _on_refusal(self, request: Request, response: Response) -> None:
        self.csms.refused.clear()  # nobody waits for them here
        reason = response.body.decode("utf-8", "replace").strip()
        self.screen.trouble(f"refused {plain(request.path)[:100]}: {response.status_code} {reason}")
