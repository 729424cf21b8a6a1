# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The commands of the console's prompt: what they are called, what they mean, what they do.

Three things can be told to do something: the car and the driver (control channel), the CSMS (OCPP operations)
and the bench. Messages that follow appear by themselves; a command prints only what no message shows.
"""

import asyncio
import difflib
import json
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bench.charger import ChargerCrashed, SimulatedCharger
from bench.control import ControlLost, ControlRefused
from bench.csms import Csms
from bench.screen import BOLD, DIM, Screen
from bench.station import CallRefused, NotSeen, Station
from bench.view import connector_rows, meter_text, station_rows


class Quit(Exception):
    """The person wants to leave."""


class Mistake(Exception):
    """A command written wrongly; the text says what is missing."""


class NotNow(Exception):
    """A command that is right but cannot be carried out; the text says why."""


@dataclass
class Command:
    usage: str
    meaning: str
    run: Callable[[list[str]], Awaitable[None]]


def _whole(text: str, what: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Mistake(f"{what} is a whole number, not {text!r}") from None


def _yes(text: str) -> bool:
    if text.lower() in ("yes", "true", "on", "1"):
        return True
    if text.lower() in ("no", "false", "off", "0"):
        return False
    raise Mistake(f"say yes or no instead of {text!r}")


class Commands:
    """Carries out a typed line with `run(line)`. `Quit` when it asks to leave."""

    def __init__(self, csms: Csms, station: Station, charger: SimulatedCharger, screen: Screen):
        self._csms, self._station, self._charger, self._screen = csms, station, charger, screen
        car, csms_part, bench = self._car_commands(), self._csms_commands(), self._bench_commands()
        self._groups = (("The car and the driver", car), ("The CSMS", csms_part), ("The bench", bench))
        self._commands = {command.usage.split()[0]: command for _, group in self._groups for command in group}

    @property
    def names(self) -> list[str]:
        return sorted(self._commands)

    async def run(self, line: str) -> None:
        """Carry out one line; whatever goes wrong becomes a sentence on the screen."""
        try:
            words = shlex.split(line) if "{" not in line else _split_json(line)
        except ValueError as error:
            self._screen.trouble(f"that line cannot be read: {error}")
            return
        if not words:
            return
        command = self._commands.get(words[0].lower())
        try:
            if command is None:
                raise Mistake(self._unknown(words[0]))
            await command.run(words[1:])
        except Mistake as error:
            self._screen.trouble(str(error) + (f"  (usage: {command.usage})" if command else ""))
        except NotNow as error:
            self._screen.trouble(str(error))
        except (ControlRefused, ValueError) as error:
            self._screen.trouble(f"not done: {error}")
        except CallRefused:
            pass  # the CALLERROR is on the screen already
        except NotSeen:
            self._screen.trouble("the charger did not answer within 30 s")
        except ControlLost:
            self._screen.trouble("the charger ended before it answered")
        except ChargerCrashed:
            self._screen.trouble("the charger is not running; `start` starts it")
        except ConnectionError:
            self._screen.trouble("the charger is not connected to the CSMS now; `link up` or wait a moment")

    def _unknown(self, word: str) -> str:
        near = difflib.get_close_matches(word.lower(), self._commands, cutoff=0.5)
        hint = f", did you mean {' or '.join(near)}?" if near else ";"
        return f"there is no command {word!r}{hint} `help` shows all"

    # --- the car and the driver -----------------------------------------------------------------------------

    def _car_commands(self) -> list[Command]:
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

    def _connector(self, words: list[str], at: int = 0) -> dict[str, int]:
        if len(words) > at + 1:
            raise Mistake(f"too many words after {words[at]!r}")
        return {"connector": _whole(words[at], "the connector")} if len(words) > at else {}

    async def _plug(self, words: list[str]) -> None:
        await self._charger.do("plug", **({"connector": 1} | self._connector(words)))

    async def _unplug(self, words: list[str]) -> None:
        await self._charger.do("unplug", **({"connector": 1} | self._connector(words)))

    async def _tag(self, words: list[str]) -> None:
        if not words:
            raise Mistake("which tag? `tags` lists those the CSMS knows, e.g. tag 04A1B2C3")
        await self._charger.do("tag", id=words[0], **self._connector(words, 1))

    async def _car(self, words: list[str]) -> None:
        fields: dict[str, Any] = {"connector": 1}
        if len(words) % 2 and len(words) > 1:
            fields |= self._connector(words[-1:])
            words = words[:-1]
        if len(words) < 2:
            raise Mistake("say what changes, and its value")
        for name, value in zip(words[::2], words[1::2], strict=True):
            if name == "ready":
                fields[name] = _yes(value)
            elif name in ("amps", "phases", "delay_s", "soc"):
                fields[name] = _whole(value, name)
            else:
                raise Mistake(f"a car has ready, amps, phases, delay_s and soc, but no {name!r}")
        await self._charger.do("car", **fields)

    async def _fault(self, words: list[str]) -> None:
        if not words:
            raise Mistake(
                "which fault? Names of the standard: GroundFailure, OverCurrentFailure, HighTemperature ..."
            )
        await self._charger.do("fault", name=words[0], **self._connector(words, 1))

    async def _clear(self, words: list[str]) -> None:
        if not words:
            raise Mistake("which fault is gone? (`clear-cache` is another command)")
        await self._charger.do("clear", name=words[0], **self._connector(words, 1))

    async def _meter(self, words: list[str]) -> None:
        if words:
            register = {"fail": True} if words[0] == "fail" else {"wh": _whole(words[0], "the register")}
            await self._charger.do("meter", **({"connector": 1} | self._connector(words, 1) | register))
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
        answer = await self._charger.do(words[0], **_json(words[1:]))
        self._screen.line("  " + json.dumps({key: value for key, value in answer.items() if key != "n"}))

    # --- the CSMS -------------------------------------------------------------------------------------------

    def _csms_commands(self) -> list[Command]:
        return [
            Command("remote-start [TAG] [CONNECTOR]", "RemoteStartTransaction", self._remote_start),
            Command("remote-stop [TRANSACTION]", "RemoteStopTransaction", self._remote_stop),
            Command("set KEY VALUE", "ChangeConfiguration, e.g. set MeterValueSampleInterval 5", self._set),
            Command("get [KEY ...]", "GetConfiguration; without a key: all", self._get),
            Command("unlock [CONNECTOR]", "UnlockConnector", self._unlock),
            Command("reset soft|hard", "Reset", self._reset),
            Command(
                "availability CONNECTOR on|off",
                "ChangeAvailability; 0 is the whole station",
                self._availability,
            ),
            Command("clear-cache", "ClearCache", self._clear_cache),
            Command("data-transfer VENDOR [MESSAGE] [DATA]", "DataTransfer", self._data_transfer),
            Command("send ACTION {json}", "any OCPP 1.6 operation", self._send),
            Command("tags [ID STATUS]", "show the cards the CSMS knows, or enter one", self._tags),
        ]

    async def _remote_start(self, words: list[str]) -> None:
        tag = words[0] if words else next(iter(self._csms.books.tags.values())).id
        connector = self._connector(words, 1) or {"connector": 1}
        await self._station.call(
            "RemoteStartTransaction", {"idTag": tag, "connectorId": connector["connector"]}
        )

    async def _remote_stop(self, words: list[str]) -> None:
        if words:
            number = _whole(words[0], "the transaction")
        else:
            running = self._csms.books.running(self._station.id)
            if not running:
                raise NotNow("no transaction is running")
            number = running[-1].id
        await self._station.call("RemoteStopTransaction", {"transactionId": number})

    async def _set(self, words: list[str]) -> None:
        if len(words) < 2:
            raise Mistake("say which key and its new value")
        await self._station.call("ChangeConfiguration", {"key": words[0], "value": " ".join(words[1:])})

    async def _get(self, words: list[str]) -> None:
        answer = await self._station.call("GetConfiguration", {"key": words} if words else {})
        rows = answer.get("configurationKey", [])
        if len(rows) > 3:  # fewer stand in the message's line already
            width = max(len(row["key"]) for row in rows)
            for row in rows:
                access = "read-only" if row["readonly"] else ""
                self._screen.line(f"  {row['key']:{width}}  {row.get('value', ''):24} {access}".rstrip())

    async def _unlock(self, words: list[str]) -> None:
        number = (self._connector(words) or {"connector": 1})["connector"]
        await self._station.call("UnlockConnector", {"connectorId": number})

    async def _reset(self, words: list[str]) -> None:
        if len(words) != 1 or words[0].lower() not in ("soft", "hard"):
            raise Mistake("a reset is soft or hard")
        await self._station.call("Reset", {"type": words[0].capitalize()})

    async def _availability(self, words: list[str]) -> None:
        if len(words) != 2:
            raise Mistake("say which connector, and on or off")
        state = "Operative" if _yes(words[1]) else "Inoperative"
        await self._station.call(
            "ChangeAvailability", {"connectorId": _whole(words[0], "the connector"), "type": state}
        )

    async def _clear_cache(self, words: list[str]) -> None:
        await self._station.call("ClearCache")

    async def _data_transfer(self, words: list[str]) -> None:
        if not words:
            raise Mistake("a vendor's name is needed, e.g. data-transfer org.example hello")
        names = ("vendorId", "messageId", "data")
        texts = [*words[:2], " ".join(words[2:])] if len(words) > 2 else words
        await self._station.call("DataTransfer", dict(zip(names, texts, strict=False)))

    async def _send(self, words: list[str]) -> None:
        if not words:
            raise Mistake('which operation? e.g. send TriggerMessage {"requestedMessage": "Heartbeat"}')
        await self._station.call(words[0], _json(words[1:]))

    async def _tags(self, words: list[str]) -> None:
        statuses = ("Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx")
        if words:
            if len(words) != 2 or words[1].capitalize() not in statuses:
                raise Mistake(f"say a tag and one of {', '.join(statuses)}")
            self._csms.books.tag(words[0], words[1].capitalize())
        for tag in self._csms.books.tags.values():
            family = f"parent {tag.parent}" if tag.parent else ""
            self._screen.line(f"  {tag.id:20}  {tag.status:12}  {family}".rstrip())
        self._screen.line(f"  any other             {self._csms.books.unknown_tag}")

    # --- the bench ------------------------------------------------------------------------------------------

    def _bench_commands(self) -> list[Command]:
        return [
            Command("state", "everything about the charger now (`state json`: as it comes)", self._state),
            Command("start", "start the charger when it crashed", self._start),
            Command("wait SECONDS", "for commands from a file or a pipe", self._wait),
            Command("help", "this list", self._help),
            Command("quit", "end everything (Ctrl-C and Ctrl-D do too)", self._quit),
        ]

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

    async def _wait(self, words: list[str]) -> None:
        try:
            seconds = float(words[0])
        except (IndexError, ValueError):
            raise Mistake("how many seconds?") from None
        await asyncio.sleep(seconds)

    async def _help(self, words: list[str]) -> None:
        width = max(len(command.usage) for command in self._commands.values() if len(command.usage) < 40)
        for title, group in self._groups:
            self._screen.line(title, BOLD)
            for command in group:
                self._screen.line(f"  {command.usage:{width}}  {command.meaning}")

    async def _quit(self, words: list[str]) -> None:
        raise Quit


def _split_json(line: str) -> list[str]:
    """Words before the first brace, and everything from it on as one word."""
    head, brace, rest = line.partition("{")
    return [*shlex.split(head), brace + rest]


def _json(words: list[str]) -> dict[str, Any]:
    if not words:
        return {}
    try:
        value = json.loads(" ".join(words))
    except json.JSONDecodeError as error:
        raise Mistake(f"that is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Mistake("a JSON object in braces is needed")
    return value
