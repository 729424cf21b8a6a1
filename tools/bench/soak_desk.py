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
from bench.soak_wire import Wire
from bench.station import CallRefused, NotSeen

_PATIENCE_S = 3
_LIST_PATIENCE_S = 10
_TRIES = 20
_NOBODY = 0  # no session's reservationId


class Desk:
    """`quiet`: whoever holds it is not disturbed by lists and triggers."""

    def __init__(self, wire: Wire, seed: int, index: int, steady: bool, note: Callable[[str], None]):
        self.quiet = asyncio.Lock()
        self._wire = wire
        self._note = note
        self._first = first_list(seed, index)
        self._calls = calls(seed, index, steady)

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
                else:
                    await self.call("TriggerMessage", **planned.payload())

    async def _update(self, planned: Update) -> None:
        await self.call("SendLocalList", _LIST_PATIENCE_S, **planned.payload())
        if planned.asks:
            await self._ask("GetLocalListVersion", {}, _PATIENCE_S)

    async def version(self) -> None:
        """At the end: what the charger says of its list, however often it has to be asked."""
        for _ in range(_TRIES):
            if await self._ask("GetLocalListVersion", {}, _PATIENCE_S) is not None:
                return
            await asyncio.sleep(1)

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
