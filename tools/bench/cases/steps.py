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
case is about them (`watch`). What else a case bears it says (`tolerate`). What the official schemas do not
allow fails the case wherever it comes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from bench.cases.arrivals import Arrivals
from bench.cases.claims import Claims
from bench.cases.expected import Expected
from bench.cases.failed import Failed, NotApplicable
from bench.csms import Csms
from bench.drivers import Driver
from bench.messages import Message
from bench.scripts import Answer
from bench.station import NotSeen, Station

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
    invalid_tag: str = "04BADBAD"  # the CSMS refuses it
    password: bytes | None = None  # the charge point's AuthorizationKey, where it has one
    patience_s: float = 5
    deviation_s: float = 1.5
    retry_s: int = 4  # of BootNotification, while the CSMS has not accepted it
    own_retry_s: float = 90  # until BootNotification comes again that got no answer
    heartbeat_s: int = 4
    connection_timeout_s: int = 4
    sample_s: int = 2  # MeterValueSampleInterval
    clock_s: int = 4  # ClockAlignedDataInterval; 86400 can be divided by it
    settle_s: float = 0.5  # between plugging in and what comes next
    idle_s: float = 2  # for so long nothing may come of what must not begin
    attempt_s: int = 2  # TransactionMessageRetryInterval
    notice_s: float = 0.5  # until the charge point knows that the network is gone
    restart_s: float = 20  # what a reset, or a new connection, may take
    power_up_s: float = 60
    longest_s: float = 600  # of a case: somebody at the bench has gone for lunch
    boot_s: float = 3  # from power to a charge point that can be used without a CSMS


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
    monotonic_s: float = field(default_factory=monotonic)


class Steps:
    """One case, played with one charge point. `tag` and `connector` are those under test."""

    def __init__(self, csms: Csms, station: Station, driver: Driver, claims: Claims, parameters: Parameters):
        self.csms, self.station, self.driver = csms, station, driver
        self.claims, self.parameters = claims, parameters
        self.connector, self.tag = parameters.connector, parameters.tag
        self.deeds: list[Deed] = []
        self._afterwards: list[Callable[[], Awaitable[None]]] = []
        self._arrivals = Arrivals(csms, station)
        self.watch, self.tolerate = self._arrivals.watch, self._arrivals.tolerate
        self.forget, self.answer_to = self._arrivals.forget, self._arrivals.answer_to
        self.is_answered = self._arrivals.is_answered

    def afterwards(self, *mend: Callable[[], Awaitable[None]]) -> None:
        """To be done when the case is over, however it ends: what the case has broken."""
        self._afterwards += mend

    async def close(self) -> None:
        self._arrivals.close()
        while self._afterwards:
            await self._afterwards.pop()()

    # --- the driver -----------------------------------------------------------------------------------------

    def _deed(self, text: str) -> None:
        self.deeds.append(Deed(text))

    async def plug(self) -> None:
        self._deed(f"plugs in at connector {self.connector}")
        await self.driver.plug(self.connector)

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
        await self.driver.power(on)
        if not on:
            self.afterwards(self._power_again)

    async def _power_again(self) -> None:
        if not self.station.connected:
            await self.driver.power(True)

    async def power_cycle(self) -> None:
        await self.power(False)
        await self.power(True)

    async def link(self, up: bool) -> None:
        """The network goes, and its end has been noticed here; or it comes back."""
        self._deed("gives the network back" if up else "cuts the network")
        if up:
            await self._link_up()
            return
        self.afterwards(self._link_up)
        if "link" in self.driver.can:
            await self.driver.link(False)
        else:
            await self.csms.stop()
        self.station.cut()
        await self.station.wait_disconnected()
        await self.sleep(self.parameters.notice_s)

    async def _link_up(self) -> None:
        if "link" in self.driver.can:
            await self.driver.link(True)
        elif not self.csms.listening:
            await self.csms.start()

    async def fault(self, present: bool = True) -> None:
        self._deed(f"{'causes' if present else 'mends'} a fault of connector {self.connector}")
        await self.driver.fault(self.connector, present)
        if present:
            self.afterwards(lambda: self.driver.fault(self.connector, False))

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

    async def call(self, action: str, check: bool = True, **payload: Any) -> Answered:
        """A CALL to the charge point. `check=False`: also one that no schema allows."""
        try:
            sent = await self.station.send_call(action, payload, check)
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

    async def ask(self, action: str, *statuses: str, check: bool = True, **payload: Any) -> Answered:
        """A CALL whose answer has one of these statuses; or codes of a CALLERROR, `CALLERROR` is any."""
        answered = await self.call(action, check, **payload)
        told = answered.error or answered.payload.get("status")
        if told not in statuses and not (answered.error and "CALLERROR" in statuses):
            wanted = " or ".join(statuses)
            raise Failed(
                f"{action}.conf {wanted}", str(answered.message), f"the status is {told}, not {wanted}"
            )
        return answered

    async def configure(self, key: str, value: object) -> None:
        await self.ask("ChangeConfiguration", "Accepted", key=key, value=_text(value))

    async def configured(self, key: str) -> str | None:
        """The value of a configuration key, None when there is none."""
        row = await self._row(key)
        return None if row is None else row.get("value")

    async def have(self, key: str, value: object) -> None:
        """The key has this value, by a change where it can be changed; otherwise the case does not apply."""
        row = await self._row(key)
        if row is None:
            raise NotApplicable(f"there is no {key}")
        if row["readonly"] and row.get("value", "").lower() != _text(value).lower():
            raise NotApplicable(f"{key} is {row.get('value')} and cannot be {_text(value)}")
        if not row["readonly"]:
            await self.configure(key, value)

    async def prefer(self, key: str, value: object) -> None:
        """The key has this value, where the charge point has the key and lets it be changed."""
        row = await self._row(key)
        if row is not None and not row["readonly"]:
            await self.configure(key, value)

    async def _row(self, key: str) -> dict[str, Any] | None:
        rows = (await self.call("GetConfiguration", key=[key])).payload.get("configurationKey", [])
        return next(iter(rows), None)

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


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
