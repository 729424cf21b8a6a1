# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A case of the conformance catalogue played with the real firmware: every CALL of the charger must be one
that the test names, in the order in which it names them, with exactly these fields. What nobody named fails
the case.

    async with Case("generic_socket", ConnectionTimeOut=2) as case:   # booted, told, Available
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.do("tag", id=CARD)
        await case.sees(authorize(CARD), swapped(start(CARD), status("Charging")))
        assert await case.ask("RemoteStopTransaction", transactionId=1) == "Accepted"
        await case.sees(swapped(stop("Remote"), status("Finishing")))

Each connector's meter starts at 1000 Wh times its number, so that a 0 is always wrong. The cars ask for
energy 0.1 s after an offer.
"""

import asyncio
import json
import re
import time
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self
from unittest.mock import ANY

from bench.charger import SimulatedCharger, station_file
from bench.csms import Csms
from bench.messages import FROM_STATION, Message, parse_utc
from bench.station import Station

CARD = "04A1B2C3"
OTHER = "04D4E5F6"
THIRD = "04777777"
STRANGER = "0BAD0BAD"  # the CSMS does not know it

# Nothing is said by the clock or by habit, unless a test wants it.
QUIET = {"MeterValueSampleInterval": 0, "ClockAlignedDataInterval": 0, "MinimumStatusDuration": 0}

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_EARLY_S = 0.15  # two clocks of one machine, one of them set over the wire


@dataclass
class Expected:
    """A CALL with exactly these fields (`ANY`: whatever it is) and, where it has one, a timestamp of the last
    `age_s` seconds."""

    action: str
    fields: dict[str, Any] = field(default_factory=dict)
    age_s: float = 3

    def objection(self, message: Message) -> str | None:
        if message.action != self.action:
            return f"it is no {self.action}"
        payload = dict(message.payload)
        stamp = payload.pop("timestamp", None)
        if payload != self.fields:
            return f"its fields are {payload}, not {self.fields}"
        if stamp is None:
            return None
        if not _TIME.fullmatch(stamp):
            return f"{stamp} is no time with milliseconds"
        if not -_EARLY_S <= (message.at - parse_utc(stamp)).total_seconds() <= self.age_s:
            return f"{stamp} is not of the last {self.age_s} s"
        return None

    def __str__(self) -> str:
        return f"{self.action} {self.fields}"

    def late(self, age_s: float) -> "Expected":
        """The same, told up to so many seconds after it happened."""
        return replace(self, age_s=age_s)


class Swapped(tuple[Expected, ...]):
    """All of these, in any order."""

    __slots__ = ()


def swapped(*expected: Expected) -> Swapped:
    return Swapped(expected)


def status(name: str, connector: int = 1, error: str = "NoError", **more: Any) -> Expected:
    return Expected(
        "StatusNotification", {"connectorId": connector, "status": name, "errorCode": error, **more}
    )


def authorize(tag: str) -> Expected:
    return Expected("Authorize", {"idTag": tag})


def start(tag: str, connector: int = 1, wh: Any = ANY) -> Expected:
    return Expected("StartTransaction", {"connectorId": connector, "idTag": tag, "meterStart": wh})


def stop(reason: str, tag: str | None = None, transaction: int = 1, wh: Any = ANY, **more: Any) -> Expected:
    fields = {"transactionId": transaction, "meterStop": wh, "reason": reason, **more}
    if tag is not None:
        fields["idTag"] = tag
    return Expected("StopTransaction", fields)


def meter_values(transaction: int | None = 1, connector: int = 1, values: Any = ANY) -> Expected:
    fields = {"connectorId": connector, "meterValue": values}
    if transaction is not None:
        fields["transactionId"] = transaction
    return Expected("MeterValues", fields)


class Case:
    """`aside`: actions that may come at any time and are read with `taken(action)` instead of `sees`."""

    def __init__(self, station: str | Path = "loop_evs32a", *, aside: tuple[str, ...] = (), **settings: Any):
        described = json.loads(station_file(station).read_text())
        self.numbers = range(1, len(described["connectors"]) + 1)
        settings = {
            **{key: value for key, value in QUIET.items() if key not in described.get("absent", ())},
            **settings,
        }
        self.csms = Csms()
        self.books = self.csms.books
        for tag in (CARD, OTHER, THIRD):
            self.books.tag(tag)
        self._station_name, self._settings, self._aside = station, settings, aside
        self._unread: deque[Message] = deque()
        self._taken: list[Message] = []
        self._news = asyncio.Event()
        self._after = -1  # index of the answer behind which the next CALL must come
        self.charger: SimulatedCharger
        self.station: Station

    async def __aenter__(self) -> Self:
        await self.csms.start()
        self.csms.hooks.append(self._note)
        self.charger = SimulatedCharger(self.csms.url, station=self._station_name, set=self._settings)
        try:
            await self.charger.__aenter__()
            for number in self.numbers:
                await self.do("meter", connector=number, wh=1000 * number)
                await self.do("car", connector=number, delay_s=0.1)
            self.station = await self.csms.connected("CP1")
            await self.boots()
        except BaseException:
            await self.__aexit__(AssertionError)
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                await self.quiet(0.25)
        except BaseException:
            kind = AssertionError
            raise
        finally:
            await self.charger.__aexit__(kind, None, None)
            await self.csms.__aexit__(kind, *rest)

    # --- the charger's side of the cable --------------------------------------------------------------------

    async def do(self, request: str, **fields: Any) -> dict[str, Any]:
        """One request of the control channel; `connector` is 1 unless given, where there is one."""
        if request in ("plug", "unplug", "car", "pilot", "meter"):
            fields.setdefault("connector", 1)
        return await self.charger.do(request, **fields)

    async def swipe(self, tag: str) -> None:
        await self.do("tag", id=tag)

    async def connector(self, number: int = 1) -> dict[str, Any]:
        return (await self.charger.state())["connectors"][number - 1]

    async def until(self, wanted: Any, within: float = 5, number: int = 1) -> dict[str, Any]:
        """The connector's state, as soon as `wanted(state)` is true."""
        give_up = time.monotonic() + within
        while True:
            state = await self.connector(number)
            if wanted(state):
                return state
            assert time.monotonic() < give_up, f"not within {within} s: {state}"
            await asyncio.sleep(0.05)

    async def last_tag(self) -> str:
        """What became of the last tag at the reader."""
        return (await self.charger.state())["last_tag"][1]

    def closed_contactors(self) -> list[int]:
        """The connectors whose contactor has closed at any time."""
        return [e["connector"] for e in self.charger.events if e["event"] == "contactor" and e["closed"]]

    # --- the CSMS's side ------------------------------------------------------------------------------------

    async def ask(self, action: str, /, **payload: Any) -> str:
        """A CALL to the charger; the answer's status. What it brings about comes after the answer."""
        message = await self.station.send_call(action, payload)
        answer = await self.station.answer_to(message)
        assert answer.kind == "result", answer
        self._after = answer.index
        return answer.payload["status"]

    async def change(self, key: str, value: Any) -> None:
        """ChangeConfiguration that is accepted."""
        text = str(value).lower() if isinstance(value, bool) else str(value)
        assert await self.ask("ChangeConfiguration", key=key, value=text) == "Accepted"

    # --- what the charger says ------------------------------------------------------------------------------

    async def sees(self, *expected: Expected | Swapped, within: float = 5) -> list[Message]:
        """These CALLs and no other, in this order; each at most `within` seconds after the one before."""
        seen = []
        for item in expected:
            choices = list(item) if isinstance(item, Swapped) else [item]
            while choices:
                message = await self._next(within, choices)
                objections = [choice.objection(message) for choice in choices]
                if None not in objections:
                    raise AssertionError(self._report(message, choices, objections))
                assert message.index > self._after, f"said before the answer: {message}"
                del choices[objections.index(None)]
                seen.append(message)
        return seen

    async def quiet(self, seconds: float) -> None:
        """Nothing is said for so long."""
        give_up = time.monotonic() + seconds
        while not self._unread:
            self._news.clear()
            try:
                async with asyncio.timeout(give_up - time.monotonic()):
                    await self._news.wait()
            except TimeoutError:
                return
        raise AssertionError(self._report(self._unread[0], [], []))

    def taken(self, action: str = "MeterValues") -> list[Message]:
        """The messages of an action that is `aside`, oldest first; they are forgotten here."""
        found = [message for message in self._taken if message.action == action]
        self._taken = [message for message in self._taken if message.action != action]
        return found

    async def collect(self, number: int, within: float = 10, action: str = "MeterValues") -> list[Message]:
        """Wait until so many of these have come."""
        give_up = time.monotonic() + within
        while sum(message.action == action for message in self._taken) < number:
            self._news.clear()
            try:
                async with asyncio.timeout(give_up - time.monotonic()):
                    await self._news.wait()
            except TimeoutError:
                raise AssertionError(f"{len(self._taken)} of {number} {action} within {within} s") from None
        return self.taken(action)

    # --- recipes --------------------------------------------------------------------------------------------

    async def boots(self, within: float = 5, **told: Expected) -> None:
        """BootNotification, then the status of 0 and of all connectors: Available, or as `told` by c0, c1."""
        booted = Expected("BootNotification", ANY)
        each = [told.get(f"c{number}", status("Available", number)).late(60) for number in (0, *self.numbers)]
        await self.sees(booted, *each, within=within)

    async def charging(
        self, tag: str = CARD, connector: int = 1, *, transaction: int = 1, asks: bool = True
    ) -> Message:
        """The catalogue's state Charging: cable first, then a remote start. Returns StartTransaction."""
        await self.do("plug", connector=connector)
        await self.sees(status("Preparing", connector))
        answer = await self.ask("RemoteStartTransaction", idTag=tag, connectorId=connector)
        assert answer == "Accepted"
        if asks:
            await self.sees(authorize(tag))
        seen = await self.sees(swapped(start(tag, connector), status("Charging", connector)))
        running = [entry.id for entry in self.books.running("CP1") if entry.connector == connector]
        assert running == [transaction]
        return next(message for message in seen if message.action == "StartTransaction")

    async def finish(self) -> None:
        """Charging to Finishing, by the CSMS."""
        assert await self.ask("RemoteStopTransaction", transactionId=1) == "Accepted"
        await self.sees(swapped(stop("Remote"), status("Finishing")))

    async def cached(self, tag: str = CARD, transaction: int = 1) -> None:
        """The catalogue's state IdTagCached: a whole session with this tag, at connector 1."""
        await self.charging(tag, transaction=transaction)
        await self.swipe(tag)
        await self.sees(swapped(stop("Local", tag, transaction), status("Finishing")))
        await self.do("unplug")
        await self.sees(status("Available"))

    # --- inside ---------------------------------------------------------------------------------------------

    def _note(self, _station: Station, message: Message) -> None:
        if message.direction == FROM_STATION and message.kind == "call":
            (self._taken if message.action in self._aside else self._unread).append(message)
            self._news.set()

    async def _next(self, within: float, choices: list[Expected]) -> Message:
        give_up = time.monotonic() + within
        while not self._unread:
            self._news.clear()
            try:
                async with asyncio.timeout(give_up - time.monotonic()):
                    await self._news.wait()
            except TimeoutError:
                raise AssertionError(self._report(None, choices, [])) from None
        return self._unread.popleft()

    def _report(self, message: Message | None, choices: list[Expected], objections: list[str | None]) -> str:
        lines = ["nothing came" if message is None else f"it said {message}"]
        lines += [f"expected: {choice}" for choice in choices] or ["expected: nothing"]
        lines += [f"but {objection}" for objection in objections]
        lines += ["", "all messages:", *(str(entry) for entry in list(self.station.log)[-30:])]
        lines += ["", "the charger's console:", *list(self.charger.output)[-15:]]
        return "\n  ".join(lines)
