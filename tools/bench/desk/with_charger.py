# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""CSMS, simulated charger and screen put together: what the console and the demo both stand on."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any, Self

from bench.charger import EXIT_POWER_CUT, EXIT_REBOOT, ChargerCrashed, SimulatedCharger, station_file
from bench.control import ControlLost, ControlRefused, Event
from bench.csms import Csms
from bench.deadline import within
from bench.desk.screen import Screen
from bench.desk.view import connector_rows, tag_text
from bench.ledger.books import Ledger
from bench.ledger.database import MEMORY
from bench.messages import Message
from bench.station import Station

STATION_ID = "CP1"
DATABASE = "csms.sqlite"  # beside what the charger keeps
CARD = "04A1B2C3"

# Power moves a little with every reading of the meter; below this a person sees no news in it.
_POWER_STEP_W = 300
_POLL_S = 1.0


class Desk:
    """`async with Desk(...) as desk`: everything runs; everything has ended when the block ends."""

    def __init__(
        self,
        station: str | Path,
        screen: Screen,
        *,
        settings: dict[str, str] | None = None,
        data: Path | None = None,
        launcher: tuple[str, ...] | None = None,
        port: int = 0,
    ):
        self.screen = screen
        if data is not None:
            data.mkdir(parents=True, exist_ok=True)
        self.ledger = Ledger(MEMORY if data is None else data / DATABASE)
        self.csms = Csms(port=port, strict=False, ping_interval_s=20, books=self.ledger)
        self._enter_cards()
        self.csms.hooks.append(self._on_message)
        self.csms.connection_hooks.append(self._on_connection)
        self.station: Station = self.csms.station(STATION_ID)
        self.description = json.loads(station_file(station).read_text("utf-8"))
        self._station_file, self._settings, self._data, self._launcher = station, settings, data, launcher
        self._charger: SimulatedCharger | None = None
        self._shown: dict[int, tuple[str, int]] = {}
        self._shown_tag: list[Any] | None = None
        self._look_now = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self.protocol = "OCPP 1.6J"
        self.toolbar = ""
        self.crash_hint = ""
        self._leaving = False

    @property
    def charger(self) -> SimulatedCharger:
        assert self._charger is not None
        return self._charger

    def _enter_cards(self) -> None:
        books = self.ledger
        books.heartbeat_interval_s = 60
        if books.tags:  # as they were left
            return
        books.tag(CARD, parent="FAMILY")
        books.tag("04D4E5F6", parent="FAMILY")
        books.tag("04C0FFEE")
        books.tag("04BADBAD", status="Blocked")

    # --- life -----------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.csms.start()
        extra: dict[str, Any] = {"launcher": self._launcher} if self._launcher else {}
        self._charger = SimulatedCharger(
            self.csms.url,
            STATION_ID,
            station=self._station_file,
            data=self._data,
            set=self._settings,
            on_event=self._on_event,
            on_end=self._on_end,
            **extra,
        )
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_exception: object) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        # What comes in while everything ends is no news.
        self._leaving = True
        self.csms.hooks.clear()
        self.csms.connection_hooks.clear()
        await self.charger.stop()
        await self.csms.stop()
        self.ledger.close()

    async def begin(self) -> None:
        """Start the charger and wait until the CSMS has accepted it and knows its connectors."""
        await self.charger.start()
        await self.station.expect("BootNotification", timeout=15)
        for connector in range(1, len(self.description["connectors"]) + 1):
            await self.station.expect(
                "StatusNotification",
                timeout=15,
                where=lambda told, number=connector: told["connectorId"] == number,
            )
        await asyncio.sleep(0.2)  # the last answer is on the screen

    # --- what the screen is told ----------------------------------------------------------------------------

    def _on_message(self, _station: Station, message: Message) -> None:
        self.screen.message(message)
        self._look_now.set()

    def _on_connection(self, _station: Station, connected: bool) -> None:
        begins, ends = "the charger is connected to the CSMS", "the connection to the CSMS has ended"
        self.screen.note(begins if connected else ends)

    def _on_event(self, event: Event) -> None:
        if event["event"] != "message":
            self._look_now.set()

    def _on_end(self, code: int) -> None:
        if self._leaving:
            return
        if code == EXIT_REBOOT:
            self.screen.note("the charger resets itself (exit code 3) and is started again")
        elif code == EXIT_POWER_CUT:
            self.screen.note("the power is cut (exit code 137); it comes back in a second")
            asyncio.get_running_loop().create_task(self._power_back())
        else:
            self.screen.trouble(f"the charger crashed (exit code {code}); its last words:")
            for line in list(self.charger.output)[-12:]:
                self.screen.line("    " + line)
            if self.crash_hint:
                self.screen.note(self.crash_hint)

    async def _power_back(self) -> None:
        await asyncio.sleep(1)
        with contextlib.suppress(ChargerCrashed, RuntimeError):
            await self.charger.start()

    async def _watch(self) -> None:
        """Show a connector whenever something visible about it changed, and what became of each tag."""
        while True:
            with contextlib.suppress(TimeoutError):
                await within(_POLL_S, self._look_now.wait())
            await asyncio.sleep(0.05)  # changes that belong together become one line
            self._look_now.clear()
            if not self.charger.ready:
                self.toolbar = " the charger is not running"
                continue
            with contextlib.suppress(ChargerCrashed, ControlLost, ControlRefused, TimeoutError):
                self._show(await self.charger.state())

    def _show(self, state: dict[str, Any]) -> None:
        tag = state.get("last_tag")
        if tag != self._shown_tag:
            self._shown_tag = tag
            if tag:
                self.screen.connector(f"tag {tag_text(tag)}")
        rows = connector_rows(state)
        several = len(rows) > 1
        for row in rows:
            old, old_power_w = self._shown.get(row.number, ("", 0))
            if row.visible != old or abs(row.power_w - old_power_w) >= _POWER_STEP_W:
                self._shown[row.number] = (row.visible, row.power_w)
                self.screen.connector(f"connector {row.number}  {row.summary}")
        texts = [f"{f'{row.number}: ' if several else ''}{row.summary}" for row in rows]
        self.toolbar = " " + "   |   ".join(texts) + ("" if self.station.connected else "   |   OFFLINE")
