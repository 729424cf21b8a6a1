# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The CSMS calls a charge point: how, and the operations of OCPP 1.6's Core profile. The others stand in
`bench.desk.profiles` and `bench.desk.security`.

Messages and their answers appear on the screen by themselves; an operation prints only what no line shows.
"""

import difflib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ocpp.v16.enums import Action

from bench.books import Books
from bench.desk.charging import charging_schedule, is_period, tx_profile
from bench.desk.commands import (
    Command,
    Mistake,
    NotNow,
    connector,
    json_object,
    one_of,
    secret_value,
    whole,
    yes,
)
from bench.desk.screen import Screen
from bench.ledger.passwords import Passwords, password_bytes
from bench.messages import violation
from bench.station import CallRefused, Station

Payload = dict[str, Any]

# Answers with which a charge point says that it will do it. Without a status it has done it.
AGREEING = {"Accepted", "AcceptedCanceled", "RebootRequired", "Scheduled", "Unlocked"}

_EPOCH_S = 1577836800  # 2020: numbers that we make up fit into 32 bits for a while


@dataclass
class Answer:
    """The last answer of a charge point to a call from the prompt."""

    action: str
    payload: Payload = field(default_factory=dict)
    error_code: str = ""  # CALLERROR

    @property
    def said(self) -> str:
        return self.error_code or str(self.payload.get("status", "no status"))

    @property
    def agreed(self) -> bool:
        return not self.error_code and self.payload.get("status", "Accepted") in AGREEING


class Caller:
    """Calls the charge point that is meant (`target()`, which raises NotNow when it is none).

    With `passwords`, a changed AuthorizationKey is the charge point's next password.
    """

    def __init__(
        self,
        target: Callable[[], Station],
        books: Books,
        screen: Screen,
        passwords: Passwords | None = None,
    ):
        self.target, self.books, self.screen = target, books, screen
        self.last: Answer | None = None
        self._passwords = passwords
        self._number = 0

    async def call(self, action: str, payload: Payload) -> Payload:
        """The answer's payload. CallRefused, NotSeen, ConnectionError; ValueError: no schema allows it."""
        station = self.target()
        if not station.connected:
            raise ConnectionError(f"{station.id} is not connected")
        secret = secret_value(action, payload)
        objection = violation("call", action, payload)
        if objection:  # it quotes the value
            raise ValueError(
                f"{action} call: the schema forbids that" if secret else _hinted(objection, action)
            )
        slot = await self._offered(station, payload["value"]) if secret else None
        try:
            answer = await station.call(action, payload)
        except CallRefused as error:
            self._conclude(station, Answer(action, error_code=error.code), slot)
            raise
        self._conclude(station, Answer(action, answer), slot)
        if action == "ChangeConfiguration" and answer.get("status") == "Accepted":
            self.books.changed(station.id, payload["key"], payload["value"])
        return answer

    async def _offered(self, station: Station, key: str) -> str | None:
        if self._passwords is None or not self._passwords.needed():
            return None
        return await self._passwords.offer(station.id, password_bytes(key))

    def _conclude(self, station: Station, answer: Answer, slot: str | None) -> None:
        self.last = answer
        if slot is not None and self._passwords is not None and not answer.agreed:
            self._passwords.withdraw(station.id, slot)

    def number(self) -> int:
        """A new number for a request that has to have one of its own, also after a restart."""
        self._number = max(self._number + 1, int(time.time()) - _EPOCH_S)
        return self._number

    def tag(self) -> str:
        """The tag that is meant when none is named: the first that was entered."""
        if not self.books.tags:
            raise NotNow("the CSMS knows no tag yet; name one, or enter it: tags 04A1B2C3 accepted")
        return next(iter(self.books.tags.values())).id


def _hinted(objection: str, action: str) -> str:
    near = difflib.get_close_matches(action, [str(known.value) for known in Action], n=1)
    unknown = "has no action" in objection and near
    return f"{objection}, did you mean {near[0]}?" if unknown else objection


class CoreOperations:
    def __init__(self, caller: Caller):
        self._caller, self._call = caller, caller.call

    def commands(self) -> list[Command]:
        return [
            Command(
                "remote-start [TAG] [CONNECTOR] [LIMIT ...]",
                "RemoteStartTransaction; with a charging profile: remote-start 04A1B2C3 1 10A",
                self._remote_start,
                ("remotestarttransaction", "remote-start-transaction"),
            ),
            Command(
                "remote-stop [TRANSACTION]",
                "RemoteStopTransaction",
                self._remote_stop,
                ("remotestoptransaction", "remote-stop-transaction"),
            ),
            Command(
                "set KEY VALUE",
                "ChangeConfiguration, e.g. set MeterValueSampleInterval 5",
                self._set,
                ("changeconfiguration", "change-configuration"),
                self._secret,
            ),
            Command(
                "get [KEY ...]",
                "GetConfiguration; without a key: all",
                self._get,
                ("getconfiguration", "get-configuration"),
            ),
            Command(
                "unlock [CONNECTOR]",
                "UnlockConnector",
                self._unlock,
                ("unlockconnector", "unlock-connector"),
            ),
            Command("reset soft|hard", "Reset", self._reset),
            Command(
                "availability CONNECTOR on|off",
                "ChangeAvailability; 0 is the whole station",
                self._availability,
                ("changeavailability", "change-availability"),
            ),
            Command("clear-cache", "ClearCache", self._clear_cache, ("clearcache",)),
            Command(
                "data-transfer VENDOR [MESSAGE] [DATA]",
                "DataTransfer",
                self._data_transfer,
                ("datatransfer",),
            ),
            Command(
                "send ACTION {json}", "any OCPP 1.6 operation (`call` means the same)", self._send, ("call",)
            ),
        ]

    async def _remote_start(self, words: list[str]) -> None:
        limits = [word for word in words if is_period(word)]
        words = [word for word in words if not is_period(word)]
        tag = words[0] if words else self._caller.tag()
        number = (connector(words, 1) or {"connector": 1})["connector"]
        payload: Payload = {"idTag": tag, "connectorId": number}
        if limits:
            payload["chargingProfile"] = tx_profile(self._caller.number(), charging_schedule(limits))
        await self._call("RemoteStartTransaction", payload)

    async def _remote_stop(self, words: list[str]) -> None:
        if words:
            number = whole(words[0], "the transaction")
        else:
            running = self._caller.books.running(self._caller.target().id)
            if not running:
                raise NotNow("no transaction is running")
            number = running[-1].id
        await self._call("RemoteStopTransaction", {"transactionId": number})

    @staticmethod
    def _secret(words: list[str]) -> str | None:
        missing = len(words) == 1 and secret_value("ChangeConfiguration", {"key": words[0]})
        return f"{words[0]} (not shown): " if missing else None

    async def _set(self, words: list[str]) -> None:
        if len(words) < 2:
            raise Mistake("say which key and its new value")
        await self._call("ChangeConfiguration", {"key": words[0], "value": " ".join(words[1:])})

    async def _get(self, words: list[str]) -> None:
        answer = await self._call("GetConfiguration", {"key": words} if words else {})
        rows = answer.get("configurationKey", [])
        if len(rows) > 3:  # fewer stand in the message's line already
            show_configuration(
                self._caller.screen,
                [(row["key"], row.get("value"), row["readonly"]) for row in rows],
            )

    async def _unlock(self, words: list[str]) -> None:
        await self._call("UnlockConnector", {"connectorId": connector(words).get("connector", 1)})

    async def _reset(self, words: list[str]) -> None:
        if len(words) != 1 or words[0].lower() not in ("soft", "hard"):
            raise Mistake("a reset is soft or hard")
        await self._call("Reset", {"type": words[0].capitalize()})

    async def _availability(self, words: list[str]) -> None:
        if len(words) != 2:
            raise Mistake("say which connector, and on or off")
        states = ("Operative", "Inoperative")
        if words[1].capitalize() in states:
            state = one_of(words[1], states, "the availability")
        else:
            state = "Operative" if yes(words[1]) else "Inoperative"
        await self._call(
            "ChangeAvailability", {"connectorId": whole(words[0], "the connector"), "type": state}
        )

    async def _clear_cache(self, words: list[str]) -> None:
        await self._call("ClearCache", {})

    async def _data_transfer(self, words: list[str]) -> None:
        if not words:
            raise Mistake("a vendor's name is needed, e.g. data-transfer org.example hello")
        names = ("vendorId", "messageId", "data")
        texts = [*words[:2], " ".join(words[2:])] if len(words) > 2 else words
        await self._call("DataTransfer", dict(zip(names, texts, strict=False)))

    async def _send(self, words: list[str]) -> None:
        if not words:
            raise Mistake('which operation? e.g. send TriggerMessage {"requestedMessage": "Heartbeat"}')
        await self._call(words[0], json_object(words[1:]))


def show_configuration(screen: Screen, rows: list[tuple[str, str | None, bool]]) -> None:
    """(key, value, read-only) in columns."""
    width = max((len(key) for key, _, _ in rows), default=0)
    for key, value, readonly in rows:
        shown = "***" if secret_value("ChangeConfiguration", {"key": key}) and value else value or ""
        screen.row(f"  {key:{width}}  {shown:24} {'read-only' if readonly else ''}".rstrip())
