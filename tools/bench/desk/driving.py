# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Commands for the car, the driver and the simulated charger itself: requests of its control channel."""

import json
from typing import Any

from bench.charger import SimulatedCharger
from bench.desk.commands import Command, Mistake, NotNow, connector, json_object, whole, yes
from bench.desk.screen import DIM, Screen
from bench.desk.view import connector_rows, meter_text, station_rows


class Driving:
    """`commands()`: the car and the driver; `charger_commands()`: the charger as a process."""

    def __init__(self, charger: SimulatedCharger, screen: Screen):
        self._charger, self._screen = charger, screen

    def commands(self) -> list[Command]:
        return [
            Command("plug [CONNECTOR]", "put the cable into the car", self._plug),
            Command("unplug [CONNECTOR]", "pull the cable out of the car", self._unplug),
            Command(
                "tag ID [CONNECTOR]", "hold an RFID card before the reader (`tags` lists them)", self._tag
            ),
            Command(
                "car WHAT VALUE ... [CONNECTOR]",
                "e.g. car ready no, car amps 10 phases 1, car soc 80",
                self._car,
            ),
            Command(
                "fault NAME [CONNECTOR]", "raise a fault, e.g. GroundFailure, EmergencyStop", self._fault
            ),
            Command("clear NAME [CONNECTOR]", "the fault is gone", self._clear),
            Command("meter [WH] [CONNECTOR]", "show the meters, or set a register", self._meter),
            Command("link down|up", "the network goes away, comes back", self._link),
            Command("power cut", "the power fails; it comes back after a second", self._power),
            Command("reboot", "restart the charger", self._reboot),
            Command("do REQUEST {json}", "any request of the control channel", self._do),
        ]

    def charger_commands(self) -> list[Command]:
        return [
            Command("state", "everything about the charger now (`state json`: as it comes)", self._state),
            Command("start", "start the charger when it crashed", self._start),
        ]

    async def _plug(self, words: list[str]) -> None:
        await self._charger.do("plug", **({"connector": 1} | connector(words)))

    async def _unplug(self, words: list[str]) -> None:
        await self._charger.do("unplug", **({"connector": 1} | connector(words)))

    async def _tag(self, words: list[str]) -> None:
        if not words:
            raise Mistake("which tag? `tags` lists those the CSMS knows, e.g. tag 04A1B2C3")
        await self._charger.do("tag", id=words[0], **connector(words, 1))

    async def _car(self, words: list[str]) -> None:
        fields: dict[str, Any] = {"connector": 1}
        if len(words) % 2 and len(words) > 1:
            fields |= connector(words[-1:])
            words = words[:-1]
        if len(words) < 2:
            raise Mistake("say what changes, and its value")
        for name, value in zip(words[::2], words[1::2], strict=True):
            if name == "ready":
                fields[name] = yes(value)
            elif name in ("amps", "phases", "delay_s", "soc"):
                fields[name] = whole(value, name)
            else:
                raise Mistake(f"a car has ready, amps, phases, delay_s and soc, but no {name!r}")
        await self._charger.do("car", **fields)

    async def _fault(self, words: list[str]) -> None:
        if not words:
            raise Mistake(
                "which fault? Names of the standard: GroundFailure, OverCurrentFailure, HighTemperature ..."
            )
        await self._charger.do("fault", name=words[0], **connector(words, 1))

    async def _clear(self, words: list[str]) -> None:
        if not words:
            raise Mistake("which fault is gone? (`clear-cache` is another command)")
        await self._charger.do("clear", name=words[0], **connector(words, 1))

    async def _meter(self, words: list[str]) -> None:
        if words:
            register = {"fail": True} if words[0] == "fail" else {"wh": whole(words[0], "the register")}
            await self._charger.do("meter", **({"connector": 1} | connector(words, 1) | register))
            return
        for entry in (await self._charger.state())["connectors"]:
            self._screen.line(f"  connector {entry['connector']}: {meter_text(entry)}")

    async def _link(self, words: list[str]) -> None:
        if words not in (["up"], ["down"]):
            raise Mistake("the link goes up or down")
        await self._charger.do("link", up=words == ["up"])

    async def _power(self, words: list[str]) -> None:
        if words != ["cut"]:
            raise Mistake("power can only be cut")
        await self._charger.power_cut()

    async def _reboot(self, words: list[str]) -> None:
        await self._charger.do("reboot")

    async def _do(self, words: list[str]) -> None:
        if not words:
            raise Mistake("which request?")
        answer = await self._charger.do(words[0], **json_object(words[1:]))
        self._screen.line("  " + json.dumps({key: value for key, value in answer.items() if key != "n"}))

    async def _state(self, words: list[str]) -> None:
        state = await self._charger.state()
        if words == ["json"]:
            self._screen.line(json.dumps(state, indent=2))
            return
        for name, value in station_rows(state):
            self._screen.line(f"  {name:14} {value}")
        for row in connector_rows(state):
            self._screen.line(f"  connector {row.number:<4} {row.summary}")
            self._screen.line(f"  {'':14} {row.detail}", DIM)

    async def _start(self, words: list[str]) -> None:
        if self._charger.running:
            raise NotNow("the charger is running")
        await self._charger.start()
