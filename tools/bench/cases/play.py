# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The catalogue's reusable states and memory states: how a case gets there, from configuration keys on."""

from typing import Any

from bench.cases.claims import Claims
from bench.cases.expected import Expected, OneOf, authorize, boot, start, status, stop
from bench.cases.failed import Failed, NotApplicable
from bench.cases.parameters import Parameters
from bench.cases.steps import Steps
from bench.csms import Csms
from bench.drivers import Driver
from bench.messages import Message
from bench.station import Station


class Play(Steps):
    """What `steps.py` has, and the states. `transaction`: the id of the one that the case has started."""

    def __init__(self, csms: Csms, station: Station, driver: Driver, claims: Claims, parameters: Parameters):
        super().__init__(csms, station, driver, claims, parameters)
        self.transaction = 0

    # --- configuration keys ---------------------------------------------------------------------------------

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

    async def can_be(self, key: str, value: object) -> bool:
        """The key has this value, or lets it be changed."""
        row = await self._row(key)
        return row is not None and (
            not row["readonly"] or row.get("value", "").lower() == _text(value).lower()
        )

    async def prefer(self, key: str, value: object) -> None:
        """The key has this value, where the charge point has the key and lets it be changed."""
        row = await self._row(key)
        if row is not None and not row["readonly"]:
            await self.configure(key, value)

    async def _row(self, key: str) -> dict[str, Any] | None:
        rows = (await self.call("GetConfiguration", key=[key])).payload.get("configurationKey", [])
        return next(iter(rows), None)

    # --- reusable states ------------------------------------------------------------------------------------

    async def authorized(self) -> None:
        """The driver's identification is accepted; nothing is plugged in."""
        await self.present(self.tag)
        await self.any_order(authorize(self.tag), status("Preparing", self.connector))

    async def times_out(self, preparing: Message, timeout_s: int) -> None:
        """Nobody plugs in: ConnectionTimeOut after this message the connector is Available."""
        available = status("Available", self.connector)
        (message,) = await self.expect(available, within_s=timeout_s + self.parameters.patience_s)
        self.after(preparing, message, timeout_s, str(available))

    async def plugged_in(self) -> None:
        """The cable is in, and has been for a moment: a lock travels, and nobody is quicker at a real one."""
        await self.plug()
        await self.expect(status("Preparing", self.connector))
        await self.sleep(self.parameters.settle_s)

    # In what follows a tag None is the one under test.

    async def asked_remotely(self, tag: str | None = None) -> list[Expected]:
        """What the charge point has to ask when a remote start is accepted: about the tag, or nothing."""
        asks = (await self.configured("AuthorizeRemoteTxRequests") or "").lower() == "true"
        return [authorize(tag or self.tag)] if asks else []

    async def start_remotely(self, tag: str | None = None) -> None:
        fields = {"connectorId": self.connector, "idTag": tag or self.tag}
        await self.ask("RemoteStartTransaction", "Accepted", **fields)

    async def remotely_started(self, tag: str | None = None) -> None:
        """A remote start is accepted, and so is the tag."""
        questions = await self.asked_remotely(tag)
        await self.start_remotely(tag)
        await self.expect(*questions)

    async def remotely_authorized(self) -> list[Message]:
        """The same with no car: the connector waits for one."""
        questions = await self.asked_remotely()
        await self.start_remotely()
        return await self.any_order(*questions, self.status("Preparing"))

    async def alone(self) -> None:
        """A tag can only be meant for the connector under test. The catalogue has the others occupied; a car
        that waits there for a tag would be free for it, so here they are taken out of service.
        """
        for number in self.claims.numbers:
            if number != self.connector:
                await self.ask("ChangeAvailability", "Accepted", connectorId=number, type="Inoperative")
                await self.expect(status("Unavailable", number))

    async def charging(self, tag: str | None = None, **fields: Any) -> None:
        """Cable first, then a remote start. `fields`: as of `started`."""
        await self.plugged_in()
        await self.remotely_started(tag)
        await self.started(tag, **fields)

    async def started(self, tag: str | None = None, **fields: Any) -> Message:
        """The transaction begins, with these fields too; the car charges. Returns the StartTransaction."""
        began = start(tag or self.tag, self.connector, **fields)
        return self.began(await self.expect(began, self.status("Charging")))

    def began(self, seen: list[Message]) -> Message:
        """The StartTransaction among these; `transaction` is its id."""
        began = next(message for message in seen if message.action == "StartTransaction")
        answer = self.answer_to(began)
        if answer.kind == "error":
            raise Failed("a StartTransaction that can be booked", str(began), f"the CSMS answers {answer}")
        self.transaction = answer.payload["transactionId"]
        return began

    def status(self, *names: str) -> Expected:
        """StatusNotification of the connector under test."""
        return status(names[0] if len(names) == 1 else OneOf(*names), self.connector)

    def stopped_locally(self) -> list[Expected]:
        """The StopTransaction of the tag that started, and what is told of the connector."""
        return [stop(self.transaction, reason=OneOf("Local", None)), self.status("Finishing")]

    async def booted(self, *others: Expected) -> Message:
        """After a power-up or a reset: BootNotification, accepted; `others` may come from now on."""
        (first,) = await self.expect(boot(), within_s=self.parameters.power_up_s)
        self.tolerate(*others)
        return first

    # --- memory states --------------------------------------------------------------------------------------

    async def cached(self) -> None:
        """IdTagCached: a session of this tag has been, and the CSMS has accepted the tag at its end."""
        await self.have("AuthorizationCacheEnabled", True)
        await self.charging()
        await self.present(self.tag)
        await self.expect(
            stop(self.transaction, idTag=self.tag, reason=OneOf("Local", None)), self.status("Finishing")
        )
        await self.unplug()
        await self.expect(self.status("Available"))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
