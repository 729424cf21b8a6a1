# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The operator's desk of a soak for one charger: what the CSMS asks of it. What comes of it is not looked at
here; the audit judges by `bench.soak_asked`.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.messages import utc_text
from bench.soak_calls import Update, calls, first_list
from bench.soak_plan import Booking, Trouble
from bench.soak_profiles import ASK, CLEAR, MAXIMUM, SET, Charging, profile
from bench.soak_wire import Wire
from bench.station import CallRefused, NotSeen

_PATIENCE_S = 3
_LIST_PATIENCE_S = 10
_TRIES = 20
_NOBODY = 0  # no session's reservationId
_LASTING = 0, profile(1, (MAXIMUM, 0, 0), 12)


class Desk:
    """`quiet`: whoever holds it is not disturbed by lists, triggers and charging profiles."""

    def __init__(self, wire: Wire, seed: int, index: int, steady: bool, note: Callable[[str], None]):
        self.quiet = asyncio.Lock()
        self._wire = wire
        self._note = note
        self._first = first_list(seed, index)
        supply = wire.asked.supply
        self._calls = calls(seed, index, steady, supply.phases * supply.volts)

    async def call(self, action: str, timeout_s: float = _PATIENCE_S, **payload: Any) -> bool:
        """Ask the charger over the wire; False when it did not agree, or could not be asked."""
        answer = await self._ask(action, payload, timeout_s)
        return answer is not None and answer.get("status") == "Accepted"

    async def _ask(self, action: str, payload: dict[str, Any], timeout_s: float) -> dict[str, Any] | None:
        shown = {key: value if not isinstance(value, list) else len(value) for key, value in payload.items()}
        try:
            answer = await self._answer(action, payload, timeout_s)
        except (ConnectionError, NotSeen, CallRefused) as error:
            self._note(f"* {action} {shown}: {type(error).__name__}")
            return None
        self._note(f"* {action} {shown}: {answer}")
        return answer

    async def _answer(self, action: str, payload: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """NotSeen also when the connection ends: then there is none to wait for."""
        station = self._wire.station
        asking = asyncio.create_task(station.call(action, payload, timeout=timeout_s))
        lost = asyncio.create_task(station.wait_disconnected(timeout=3600))
        try:
            await asyncio.wait({asking, lost}, return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                return asking.result()
            raise NotSeen("the connection has ended")
        finally:
            asking.cancel()
            lost.cancel()
            await asyncio.gather(asking, lost, return_exceptions=True)

    # --- lists and triggers ---

    async def begin(self) -> None:
        """The first list; and each profile is used once, so that what it loads is no growth of the heap."""
        await self._update(self._first)
        await self.call("TriggerMessage", requestedMessage="MeterValues")
        await self._reserve(_NOBODY, 0, "X", None, 60)
        await self.call("CancelReservation", reservationId=_NOBODY)
        await self.call(SET, connectorId=_LASTING[0], csChargingProfiles=_LASTING[1])
        await self.composites()
        await self.clear()

    async def work(self, befall: Callable[[Trouble], Coroutine[None, None, None]]) -> None:
        """What is planned, until it is cancelled. `befall`: brings trouble over the charger."""
        for planned in self._calls:
            await asyncio.sleep(planned.after_s)
            while not self._wire.station.connected:
                await asyncio.sleep(0.1)
            async with self.quiet:
                if isinstance(planned, Update):
                    async with asyncio.TaskGroup() as group:
                        if planned.trouble is not None:
                            group.create_task(befall(planned.trouble))
                        await self._update(planned)
                elif isinstance(planned, Charging):
                    await self._charging(planned)
                else:
                    await self.call("TriggerMessage", **planned.payload())

    async def _update(self, planned: Update) -> None:
        await self.call("SendLocalList", _LIST_PATIENCE_S, **planned.payload())
        if planned.asks:
            await self._ask("GetLocalListVersion", {}, _PATIENCE_S)

    async def version(self) -> None:
        """At the end: what the charger says of its list, however often it has to be asked."""
        await self._insist("GetLocalListVersion")

    async def _insist(self, action: str) -> None:
        for _ in range(_TRIES):
            if await self._ask(action, {}, _PATIENCE_S) is not None:
                return
            await asyncio.sleep(1)

    # --- charging profiles ---

    async def _charging(self, planned: Charging) -> None:
        payload = planned.payload
        if planned.action == SET:
            given = dict(payload["csChargingProfiles"])
            now = datetime.now(UTC)
            if planned.begins_s is not None:
                given["validFrom"] = utc_text(now + timedelta(seconds=planned.begins_s))
            if planned.ends_s is not None:
                given["validTo"] = utc_text(now + timedelta(seconds=planned.ends_s))
            payload = {**payload, "csChargingProfiles": given}
            if planned.of is not None:
                running = {number: self._wire.running_at(number) for number in (3 - planned.of, planned.of)}
                runs = [number for number, transaction in running.items() if transaction is not None]
                if not runs:
                    return
                payload["connectorId"] = runs[-1]
                given["transactionId"] = running[runs[-1]]
        await self._ask(planned.action, payload, _PATIENCE_S)
        for number, ask in enumerate(planned.asks):
            own = {"connectorId": payload["connectorId"]} if planned.of and number == 0 else {}
            await self._ask(ASK, {**ask, **own}, _PATIENCE_S)

    async def composites(self) -> None:
        for number in range(3):
            await self._ask(ASK, {"connectorId": number, "duration": 60}, _PATIENCE_S)

    async def clear(self) -> None:
        """All of them, however often it has to be asked."""
        await self._insist(CLEAR)

    async def leave_one(self) -> None:
        """Before the last start: one is to be there afterwards."""
        await self.clear()
        await self.call(SET, connectorId=_LASTING[0], csChargingProfiles=_LASTING[1])

    # --- reservations ---

    async def reserve(self, booking: Booking) -> None:
        if booking.first_for is not None:
            await self._reserve(booking.number, booking.connector, booking.first_for, None, booking.span_s)
        await self._reserve(booking.number, booking.connector, booking.tag, booking.parent, booking.span_s)

    async def _reserve(
        self, number: int, connector: int, tag: str, parent: str | None, span_s: float
    ) -> None:
        payload = {
            "connectorId": connector,
            "expiryDate": utc_text(datetime.now(UTC) + timedelta(seconds=span_s)),
            "idTag": tag,
            "reservationId": number,
        }
        if parent is not None:
            payload["parentIdTag"] = parent
        await self.call("ReserveNow", **payload)
