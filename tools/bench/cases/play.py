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
case is about them (`watch`). What the official schemas do not allow fails the case wherever it comes.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.cases.claims import Claims
from bench.cases.expected import Expected, authorize, start, status
from bench.csms import Csms
from bench.drivers import Driver
from bench.messages import FROM_STATION, Message
from bench.scripts import Answer
from bench.station import NotSeen, Station

_BORNE = ("Heartbeat", "MeterValues")
_ANSWER_S = 30
_AFTER_S = 0.4


@dataclass(frozen=True)
class Parameters:
    """What the catalogue leaves to the tester. Times in seconds.

    patience_s      for each message that is waited for
    deviation_s     by which an interval may be missed
    """

    connector: int = 1
    tag: str = "04A1B2C3"
    other_tag: str = "04D4E5F6"  # valid as well
    patience_s: float = 5
    deviation_s: float = 1.5
    retry_s: int = 4  # of BootNotification, while the CSMS has not accepted it
    heartbeat_s: int = 4
    connection_timeout_s: int = 4
    restart_s: float = 20  # what a reset may take


class Failed(Exception):
    """The charge point did something else. Three lines: what was expected, what came, why that is wrong."""

    def __init__(self, expected: str, came: str, why: str):
        super().__init__(f"expected  {expected}\ncame      {came}\nso        {why}")
        self.expected, self.came, self.why = expected, came, why


@dataclass
class Answered:
    """The answer to a CALL of ours: its payload, or the code of a CALLERROR."""

    payload: dict[str, Any]
    error: str = ""
    message: Message | None = field(default=None, repr=False)


class Play:
    """One case, played with one charge point. `tag` and `connector` are those under test."""

    def __init__(self, csms: Csms, station: Station, driver: Driver, claims: Claims, parameters: Parameters):
        self.csms, self.station, self.driver = csms, station, driver
        self.claims, self.parameters = claims, parameters
        self.connector, self.tag = parameters.connector, parameters.tag
        self.transaction = 0  # the id of the one that the case has started
        self._unread: deque[Message] = deque()
        self._borne = list(_BORNE)
        self._answers: dict[str, Message] = {}  # of the CSMS, by message id
        self._news = asyncio.Event()
        csms.hooks.append(self._note)

    def close(self) -> None:
        self.csms.hooks.remove(self._note)

    # --- the driver -----------------------------------------------------------------------------------------

    async def plug(self) -> None:
        await self.driver.plug(self.connector)

    async def unplug(self) -> None:
        await self.driver.unplug(self.connector)

    async def present(self, tag: str) -> None:
        await self.driver.present(tag)

    async def power_cycle(self) -> None:
        await self.driver.power_cycle()

    # --- the CSMS -------------------------------------------------------------------------------------------

    def answer(self, action: str, *answers: Answer) -> None:
        """How the CSMS answers the next CALLs of this action; see bench.scripts."""
        self.csms.script(action, *answers)

    def family(self, parent: str, *tags: str) -> None:
        """From now on the CSMS says that these tags have this parent."""
        for tag in tags:
            self.csms.books.tag(tag, parent=parent)

    async def call(self, action: str, **payload: Any) -> Answered:
        """A CALL to the charge point."""
        try:
            sent = await self.station.send_call(action, payload)
            answer = await self.station.answer_to(sent, self.parameters.patience_s)
        except (NotSeen, ConnectionError):
            raise Failed(
                f"an answer to {action}", f"nothing within {self.parameters.patience_s:g} s", "it must answer"
            ) from None
        if answer.violation:
            raise Failed(f"{action}.conf", str(answer), answer.violation)
        if answer.kind == "error":
            return Answered({}, answer.error_code, answer)
        return Answered(answer.payload, "", answer)

    async def ask(self, action: str, *statuses: str, **payload: Any) -> Answered:
        """A CALL whose answer has one of these statuses; or codes of a CALLERROR, `CALLERROR` is any."""
        answered = await self.call(action, **payload)
        told = answered.error or answered.payload.get("status")
        if told not in statuses and not (answered.error and "CALLERROR" in statuses):
            wanted = " or ".join(statuses)
            raise Failed(
                f"{action}.conf {wanted}", str(answered.message), f"the status is {told}, not {wanted}"
            )
        return answered

    async def configure(self, key: str, value: object) -> None:
        text = str(value).lower() if isinstance(value, bool) else str(value)
        await self.ask("ChangeConfiguration", "Accepted", key=key, value=text)

    async def configured(self, key: str) -> str | None:
        """The value of a configuration key, None when there is none."""
        rows = (await self.call("GetConfiguration", key=[key])).payload.get("configurationKey", [])
        return next((row.get("value") for row in rows), None)

    # --- what must come -------------------------------------------------------------------------------------

    async def expect(self, *expected: Expected, within_s: float | None = None) -> list[Message]:
        """These CALLs, in this order (but for the twins), each within the time after the one before."""
        wanted = list(expected)
        seen = []
        while wanted:
            twins = len(wanted) > 1 and wanted[0].twin_of(wanted[1])
            seen.append(await self._one_of(wanted, 2 if twins else 1, within_s))
        return seen

    async def any_order(self, *expected: Expected, within_s: float | None = None) -> list[Message]:
        """These CALLs, whichever comes first."""
        wanted = list(expected)
        return [await self._one_of(wanted, len(wanted), within_s) for _ in expected]

    async def either(self, *choices: Expected, within_s: float | None = None) -> Message:
        """The next CALL, which is one of these."""
        return await self._one_of(list(choices), len(choices), within_s)

    async def maybe(self, *choices: Expected, within_s: float) -> Message | None:
        """The next CALL, if it is one of these; None when it is another, which stays, or none comes."""
        if not await self._until(lambda: bool(self._unread), within_s):
            return None
        if all(choice.objection(self._unread[0]) for choice in choices):
            return None
        return await self._one_of(list(choices), len(choices), within_s)

    async def nothing(self, seconds: float) -> None:
        """Nothing is told for so long."""
        message = await self._next(seconds)
        if message is not None:
            raise Failed(f"nothing for {seconds:g} s", str(message), "the case does not allow it")

    async def ends(self) -> None:
        """After the last step nothing may follow at once that the case does not know."""
        await self.nothing(_AFTER_S)

    def watch(self, *actions: str) -> None:
        """From now on these must be expected too."""
        self._borne = [action for action in self._borne if action not in actions]

    def after(self, earlier: Message, later: Message, seconds: float, what: str) -> None:
        """`later` came so many seconds after `earlier`, but for the deviation."""
        took = later.monotonic_s - earlier.monotonic_s
        if abs(took - seconds) > self.parameters.deviation_s:
            raise Failed(
                f"{what} after {seconds:g} s",
                f"{later.action} after {took:.1f} s",
                "the interval was not kept",
            )

    # --- the catalogue's reusable states --------------------------------------------------------------------

    async def authorized(self) -> None:
        """The driver's identification is accepted; nothing is plugged in."""
        await self.present(self.tag)
        await self.any_order(authorize(self.tag), status("Preparing", self.connector))

    async def times_out(self, preparing: Message, timeout_s: int) -> None:
        """Nobody plugs in: ConnectionTimeOut after this message the connector is Available."""
        available = status("Available", self.connector)
        (message,) = await self.expect(available, within_s=timeout_s + self.parameters.patience_s)
        self.after(preparing, message, timeout_s, str(available))

    async def remotely_started(self) -> None:
        """RemoteStartTransaction is accepted; the charge point asks about the tag if it is to."""
        asks = (await self.configured("AuthorizeRemoteTxRequests") or "").lower() == "true"
        await self.ask("RemoteStartTransaction", "Accepted", connectorId=self.connector, idTag=self.tag)
        if asks:
            await self.expect(authorize(self.tag))

    async def alone(self) -> None:
        """A tag can only be meant for the connector under test. The catalogue has the others occupied; a car
        that waits there for a tag would be free for it, so here they are taken out of service.
        """
        for number in self.claims.numbers:
            if number != self.connector:
                await self.ask("ChangeAvailability", "Accepted", connectorId=number, type="Inoperative")
                await self.expect(status("Unavailable", number))

    async def charging(self) -> None:
        """Cable first, then a remote start."""
        await self.plug()
        await self.expect(status("Preparing", self.connector))
        await self.remotely_started()
        await self.started()

    async def started(self) -> None:
        """The transaction begins and the car charges."""
        seen = await self.expect(start(self.tag, self.connector), status("Charging", self.connector))
        began = next(message for message in seen if message.action == "StartTransaction")
        answer = self._answers[began.id]
        if answer.kind == "error":
            raise Failed("a StartTransaction that can be booked", str(began), f"the CSMS answers {answer}")
        self.transaction = answer.payload["transactionId"]

    # --- inside ---------------------------------------------------------------------------------------------

    def _note(self, station: Station, message: Message) -> None:
        if station is not self.station:
            return
        if message.direction != FROM_STATION:
            if message.kind != "call":
                self._answers[message.id] = message
        elif message.violation or (message.kind == "call" and message.action not in self._borne):
            self._unread.append(message)
        self._news.set()

    async def _until(self, fulfilled: Callable[[], bool], seconds: float) -> bool:
        give_up = time.monotonic() + seconds
        while not fulfilled():
            self._news.clear()
            try:
                async with asyncio.timeout(give_up - time.monotonic()):
                    await self._news.wait()
            except TimeoutError:
                return False
        return True

    async def _next(self, seconds: float) -> Message | None:
        """The next message that is not borne; None: none came."""
        if not await self._until(lambda: bool(self._unread), seconds):
            return None
        message = self._unread.popleft()
        if message.violation:
            raise Failed("messages that the schemas allow", str(message), message.violation)
        return message

    async def _one_of(self, wanted: list[Expected], first: int, within_s: float | None) -> Message:
        """The next CALL is one of the `first` of these; it is taken out of the list. It has its answer."""
        seconds = self.parameters.patience_s if within_s is None else within_s
        choices: Sequence[Expected] = wanted[:first]
        texts = " or ".join(str(choice) for choice in choices)
        message = await self._next(seconds)
        if message is None:
            raise Failed(texts, f"nothing within {seconds:g} s", "it must be told")
        objections = [choice.objection(message) for choice in choices]
        if None not in objections:
            raise Failed(texts, str(message), " and ".join(str(objection) for objection in objections))
        del wanted[objections.index(None)]
        # What the case does next comes after the answer, which may be a late one.
        if not await self._until(lambda: message.id in self._answers, _ANSWER_S):
            raise Failed("a connection that lasts", f"{message}, without an answer", "the answer got lost")
        return message
