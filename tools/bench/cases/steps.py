# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a case can say: what the driver does, what the CSMS asks, and what must come of it.

    await play.plug()
    await play.expect(status("Preparing", play.connector))
    await play.ask("RemoteStartTransaction", "Accepted", connectorId=play.connector, idTag=play.tag)
    await play.expect(start(play.tag, play.connector), status("Charging", play.connector))

Every CALL of the charge point must be expected, in the order in which the case names them. Three things are
borne in every case: StartTransaction and StatusNotification(Charging) may be swapped, StopTransaction and
StatusNotification(Finishing) as well; a Heartbeat may come at any time, and so may MeterValues, unless the
case is about them (`watch`), and SecurityEventNotification. What else a case bears it says (`tolerate`). What
the official schemas do not allow, or `judge.py` or `arrivals.py` object to, fails it wherever it comes.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bench.cases.arrivals import Arrivals
from bench.cases.claims import Claims
from bench.cases.expected import Expected, edges, status
from bench.cases.failed import Failed
from bench.cases.parameters import Parameters
from bench.csms import Csms
from bench.drivers import Driver
from bench.messages import Message
from bench.scripts import Answer
from bench.station import NotSeen, Station

_AFTER_S = 0.4
CUT, GIVEN_BACK = "cuts the network", "gives the network back"


@dataclass
class Answered:
    """The answer to a CALL of ours: its payload, or the code of a CALLERROR."""

    payload: dict[str, Any]
    error: str = ""
    message: Message | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Deed:
    """What the driver did, when."""

    text: str
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    monotonic_s: float = field(default_factory=lambda: time.monotonic())  # noqa: PLW0108 (tests have clocks of their own)


class Steps:
    """One case, played with one charge point. `tag` and `connector` are those under test."""

    def __init__(self, csms: Csms, station: Station, driver: Driver, claims: Claims, parameters: Parameters):
        self.csms, self.station, self.driver = csms, station, driver
        self.claims, self.parameters = claims, parameters
        self.connector, self.tag = parameters.connector, parameters.tag
        self.deeds: list[Deed] = []
        self._afterwards: list[Callable[[], Awaitable[None]]] = []
        self._arrivals = Arrivals(csms, station)
        self._powered = True
        self.notes: list[str] = []  # what is no failure, but somebody should know
        self.bear, self.tolerate = self._arrivals.bear, self._arrivals.tolerate
        self.begin, self.answer_to = self._arrivals.begin, self._arrivals.answer_to

    def afterwards(self, *mend: Callable[[], Awaitable[None]]) -> None:
        """To be done when the case is over, however it ends: what the case has broken."""
        self._afterwards += mend

    async def close(self) -> None:
        """All of it is done; then the first error is raised."""
        self._arrivals.close()
        first: Exception | None = None
        while self._afterwards:
            try:
                await self._afterwards.pop()()
            except Exception as error:
                first = first or error
        if first is not None:
            raise first

    def watch(self, *actions: str) -> None:
        """From now on these must be expected too."""
        self._arrivals.watch(*actions)
        if "MeterValues" in actions:
            self.tolerate(edges())

    # --- the driver -----------------------------------------------------------------------------------------

    def _deed(self, text: str) -> None:
        self.deeds.append(Deed(text))

    async def plug(self, connector: int | None = None) -> None:
        """None: at the one under test."""
        connector = self.connector if connector is None else connector
        self._deed(f"plugs in at connector {connector}")
        await self.driver.plug(connector)

    async def unplug(self) -> None:
        self._deed(f"unplugs at connector {self.connector}")
        await self.driver.unplug(self.connector)

    async def leave(self) -> None:
        """The cable is pulled out of the car; in a socket it stays."""
        self._deed(f"pulls the cable of connector {self.connector} out of the car")
        await self.driver.leave(self.connector)

    async def full(self) -> None:
        """The car asks for no more energy."""
        self._deed(f"has the car at connector {self.connector} stop asking for energy")
        await self.driver.full(self.connector)

    async def present(self, tag: str) -> None:
        self._deed(f"presents {tag}")
        await self.driver.present(tag)

    async def power(self, on: bool) -> None:
        self._deed("gives power" if on else "cuts the power")
        if on:
            await self._power_again()
            return
        self._powered = False
        self.afterwards(self._power_again)
        await self.driver.power(False)
        self.station.cut()  # nobody says good-bye

    async def _power_again(self) -> None:
        if not self._powered:
            await self.driver.power(True)
            self._powered = True

    async def power_cycle(self) -> None:
        await self.power(False)
        await self.power(True)

    async def restart(self) -> None:
        """A power cycle; where the driver cannot, a hard reset, which boots it as well."""
        if "power" in self.driver.can:
            await self.power_cycle()
        else:
            await self.ask("Reset", "Accepted", type="Hard")

    async def link(self, up: bool) -> None:
        """The network goes, and both sides know; or it comes back."""
        self._deed(GIVEN_BACK if up else CUT)
        if up:
            self.reconnects()
            await self._link_up()
            return
        await self.nothing(0)
        self.afterwards(self._link_up)
        # While the network is there, so that the charge point hears of it.
        self.station.cut()
        await self.csms.stop()
        if "link" in self.driver.can:
            await self.driver.link(False)
        await self.sleep(self.parameters.notice_s)
        self._arrivals.cut()

    async def _link_up(self) -> None:
        if not self.csms.listening:
            await self.csms.start()
        if "link" in self.driver.can:
            await self.driver.link(True)

    def reconnects(self) -> None:
        """The connection is a new one: the charge point may tell the status of all connectors once more."""
        others = [number for number in (0, *self.claims.numbers) if number != self.connector]
        self.tolerate(*(Expected("StatusNotification", {"connectorId": number}) for number in others))
        told = [
            message.payload["status"]
            for message in self.station.calls("StatusNotification")
            if message.payload.get("connectorId") == self.connector and not message.violation
        ]
        if told:
            self.tolerate(status(told[-1], self.connector))

    async def fault(self, present: bool = True, connector: int | None = None) -> None:
        """None: of the one under test."""
        number = self.connector if connector is None else connector
        self._deed(f"{'causes' if present else 'mends'} a fault of connector {number}")
        await self.driver.fault(number, present)
        if present:
            self.afterwards(lambda: self.driver.fault(number, False))

    async def lock_failure(self) -> None:
        self._deed(f"blocks the lock of connector {self.connector}")
        self.afterwards(lambda: self.driver.lock_failure(self.connector, False))
        await self.driver.lock_failure(self.connector, True)

    async def data_transfer(self) -> None:
        self._deed("makes the charge point send a DataTransfer")
        await self.driver.data_transfer()

    # --- the CSMS -------------------------------------------------------------------------------------------

    def answer(self, action: str, *answers: Answer) -> None:
        """How the CSMS answers the next CALLs of this action; see bench.scripts."""
        self.csms.script(action, *answers)

    def family(self, parent: str, *tags: str) -> None:
        """From now on the CSMS says that these tags have this parent."""
        for tag in tags:
            self.csms.books.tag(tag, parent=parent)

    async def call(
        self, action: str, check: bool = True, within_s: float | None = None, **payload: Any
    ) -> Answered:
        """A CALL to the charge point. `check=False`: also one that no schema allows."""
        seconds = self._seconds(within_s)
        try:
            sent = await self.station.send_call(action, payload, check)
            answer = await self.station.answer_to(sent, seconds)
        except (NotSeen, ConnectionError):
            raise Failed(
                f"an answer to {action}", f"nothing within {seconds:g} s", "it must answer"
            ) from None
        if answer.violation:
            raise Failed(f"{action}.conf", str(answer), answer.violation)
        if answer.kind == "error":
            return Answered({}, answer.error_code, answer)
        return Answered(answer.payload, "", answer)

    async def ask(
        self, action: str, *statuses: str, check: bool = True, within_s: float | None = None, **payload: Any
    ) -> Answered:
        """A CALL whose answer has one of these statuses; or codes of a CALLERROR, `CALLERROR` is any."""
        answered = await self.call(action, check, within_s, **payload)
        told = answered.error or answered.payload.get("status")
        if told not in statuses and not (answered.error and "CALLERROR" in statuses):
            wanted = " or ".join(statuses)
            raise Failed(
                f"{action}.conf {wanted}", str(answered.message), f"the status is {told}, not {wanted}"
            )
        return answered

    # --- what must come -------------------------------------------------------------------------------------

    async def expect(self, *expected: Expected, within_s: float | None = None) -> list[Message]:
        """These CALLs, in this order (but for the twins), each within the time after the one before."""
        wanted = list(expected)
        seen = []
        while wanted:
            twins = len(wanted) > 1 and wanted[0].twin_of(wanted[1])
            seen.append(await self._take(wanted, 2 if twins else 1, within_s))
        return seen

    async def any_order(self, *expected: Expected, within_s: float | None = None) -> list[Message]:
        """These CALLs, whichever comes first."""
        wanted = list(expected)
        return [await self._take(wanted, len(wanted), within_s) for _ in expected]

    async def either(self, *choices: Expected, within_s: float | None = None) -> Message:
        """The next CALL, which is one of these."""
        return await self._take(list(choices), len(choices), within_s)

    async def unanswered(self, expected: Expected, within_s: float | None = None) -> Message:
        """The next CALL, which the CSMS does not answer as it was told."""
        return await self._arrivals.one_of([expected], self._seconds(within_s), answered=False)

    async def maybe(self, *choices: Expected, within_s: float) -> Message | None:
        """The next CALL, if it is one of these; None when it is another, which stays, or none comes."""
        if not await self._arrivals.comes(choices, within_s):
            return None
        return await self._take(list(choices), len(choices), within_s)

    async def nothing(self, seconds: float | None = None) -> None:
        """Nothing is told for so long."""
        seconds = self.parameters.idle_s if seconds is None else seconds
        message = await self._arrivals.next(seconds)
        if message is not None:
            raise Failed(f"nothing for {seconds:g} s", str(message), "the case does not allow it")

    async def ends(self) -> None:
        """After the last step nothing may follow at once that the case does not know."""
        await self.nothing(_AFTER_S)

    async def new_connection(self, number: int, what: str) -> None:
        """The charge point has connected for the so-manieth time."""
        wait_s = self.parameters.restart_s
        self.reconnects()
        try:
            await self.station.wait_connection(number, wait_s)
        except NotSeen:
            text = f"a connection with {what}"
            raise Failed(text, f"none within {wait_s:g} s", "it must come back") from None

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def after(self, earlier: Message, later: Message, seconds: float, what: str) -> None:
        """`later` came so many seconds after `earlier`, but for the deviation."""
        took = later.monotonic_s - earlier.monotonic_s
        if abs(took - seconds) > self.parameters.deviation_s:
            raise Failed(
                f"{what} after {seconds:g} s",
                f"{later.action} after {took:.1f} s",
                "the interval was not kept",
            )

    def no_later(self, earlier: Message, later: Message, seconds: float, what: str) -> None:
        """`later` came at most so many seconds after `earlier`, but for the deviation."""
        took = later.monotonic_s - earlier.monotonic_s
        if took > seconds + self.parameters.deviation_s:
            raise Failed(f"{what} within {seconds:g} s", f"it came after {took:.1f} s", "that is too late")

    def _seconds(self, within_s: float | None) -> float:
        return self.parameters.patience_s if within_s is None else within_s

    async def _take(self, wanted: list[Expected], first: int, within_s: float | None) -> Message:
        """The next CALL is one of the `first` of these; it is taken out of the list."""
        message = await self._arrivals.one_of(wanted[:first], self._seconds(within_s))
        found = next(each for each in wanted[:first] if each.objection(message) is None)
        # By identity: two of the same may be wanted.
        del wanted[next(index for index, each in enumerate(wanted) if each is found)]
        return message
