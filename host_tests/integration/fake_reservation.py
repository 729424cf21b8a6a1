# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The fake charge point's reservations. They are kept over a power cut."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bench.messages import parse_utc
from host_tests.integration.fake_sessions import FakeSessions
from host_tests.integration.fake_wire import Payload

_STATES = ("Faulted", "Unavailable", "Occupied")


@dataclass
class Reserved:
    """`connector` 0: any."""

    number: int
    connector: int
    tag: str
    parent: str | None
    until: datetime


class FakeReservation(FakeSessions):
    def __init__(self, url: str, defect: str | None, cable: str, password: bytes | None, quirky: bool):
        self._reservations: dict[int, Reserved] = {}
        self._cancelled: int | None = None  # the last one
        super().__init__(url, defect, cable, password, quirky)

    def _forget(self) -> None:
        if self._is("forgets-reservations"):
            self._reservations.clear()
        super()._forget()

    # --- which connector is meant ---------------------------------------------------------------------------

    def _at(self, connector: int) -> Reserved | None:
        """The reservation that this connector is kept for."""
        for each in self._reservations.values():
            if each.connector == connector:
                return each
        zero = next((each for each in self._reservations.values() if each.connector == 0), None)
        if zero is None or self._is("keeps-nothing-for-all"):
            return None
        others = [number for number in (1, 2) if number != connector and self._is_open(number)]
        return zero if connector and not others else None

    def _is_open(self, connector: int) -> bool:
        """Somebody may come to it yet."""
        if any(each.connector == connector for each in self._reservations.values()):
            return False
        granted = self._granted is not None and self._granted[0] == connector
        return self._free(connector) and not self.plugged[connector] and not granted

    def _idle(self, connector: int) -> str:
        status = super()._idle(connector)
        free = connector in (1, 2) and status in ("Available", "Preparing")
        return "Reserved" if free and self._at(connector) is not None else status

    def _never_for(self, connector: int, tag: str) -> bool:
        """It is kept for somebody else, whoever the CSMS says this is."""
        kept = self._at(connector)
        other = kept is not None and kept.parent is None and kept.tag != tag
        return other and not self._is("starts-others-remotely")

    # --- what happens at a connector that is kept -----------------------------------------------------------

    async def _plugged_in(self, connector: int) -> None:
        granted = self._granted is not None and self._granted[0] == connector
        if self._at(connector) is None or granted:
            await super()._plugged_in(connector)
            await self._tell_kept()
        elif self._is("is-preparing-though-reserved"):
            await self._tell(connector, "Preparing")

    async def _may_begin(self, connector: int, tag: str, remotely: bool = False) -> bool:
        kept = self._at(connector)
        if kept is not None and kept.tag == tag and self._quirky and not remotely:
            return True  # who reserved for it has said so already
        if kept is None or kept.tag == tag or (remotely and self._is("starts-others-remotely")):
            return await super()._may_begin(connector, tag, remotely)
        if kept.parent is None:
            if self._is("asks-about-tags-of-others") or (self._quirky and remotely):
                await self._authorize(tag)
            return self._is("starts-others")
        allowed = await super()._may_begin(connector, tag, remotely)
        return allowed and self._parents.get(tag) == kept.parent and not self._is("knows-no-family")

    async def _identified(self, connector: int, tag: str) -> None:
        if self.plugged[connector] and self._at(connector) is not None:
            await self._tell(connector, "Preparing")
        await super()._identified(connector, tag)

    def _reservation_used(self, connector: int, tag: str) -> Payload:
        theirs = [each for each in self._reservations.values() if each.connector in (connector, 0)]
        kept = next((each for each in theirs if self._is_for(each, tag)), None)
        if kept is None:
            last = self._cancelled if self._is("remembers-what-is-cancelled") else None
            return {} if last is None else {"reservationId": last}
        del self._reservations[kept.number]
        return {} if self._is("forgets-the-reservation-id") else {"reservationId": kept.number}

    def _is_for(self, kept: Reserved, tag: str) -> bool:
        return kept.tag == tag or (kept.parent is not None and self._parents.get(tag) == kept.parent)

    async def _tell_kept(self) -> None:
        """Connectors that have become reserved, or free."""
        for connector in (1, 2):
            now, then = self._idle(connector), self._status[connector]
            if now != then and "Reserved" in (now, then) and connector not in self._transactions:
                granted = self._granted is not None and self._granted[0] == connector
                if not granted and then in ("Reserved", "Available"):
                    await self._tell(connector, now)

    async def _let_expire(self) -> None:
        late = timedelta(seconds=2.5 if self._is("expires-late") else 0)
        while True:
            await asyncio.sleep(0.02)
            for each in list(self._reservations.values()):
                if each.until + late < datetime.now(UTC) and not self._is("never-expires"):
                    del self._reservations[each.number]
                    await self._tell_kept()

    # --- the CSMS's CALLs -----------------------------------------------------------------------------------

    def _reserve(self, fields: Payload) -> str:
        connector, number = fields["connectorId"], fields["reservationId"]
        if connector == 0 and not self._on("ReserveConnectorZeroSupported"):
            return "Rejected"
        if connector not in (0, 1, 2):
            return "Rejected"
        found = {self._refusal(each, number) for each in ((1, 2) if connector == 0 else (connector,))}
        if None not in found:
            return next(state for state in reversed(_STATES) if state in found)
        if number in self._reservations and self._is("replaces-nothing"):
            return "Occupied"
        if number in self._reservations and self._is("keeps-the-first"):
            return "Accepted"
        if number in self._reservations and self._is("adds-instead-of-replacing"):
            self._reservations[-number] = self._reservations[number]
        self._reservations[number] = Reserved(
            number, connector, fields["idTag"], fields.get("parentIdTag"), parse_utc(fields["expiryDate"])
        )
        if not (connector == 0 and self._is("tells-nothing-of-all")):
            self._go_on(self._tell_kept())
        return "Accepted"

    def _refusal(self, connector: int, number: int) -> str | None:
        """Why it cannot be reserved."""
        state = None
        if connector in self._faulty:
            state = "Faulted"
        elif connector in self._unavailable:
            state = "Unavailable"
        elif connector in self._transactions or self.plugged[connector]:
            state = "Occupied"
        elif any(each.connector == connector for each in self._others(number)):
            return None if self._is("reserves-what-is-reserved") else "Occupied"
        lenient = state is not None and self._is(f"reserves-what-is-{state.lower()}")
        return None if lenient else state

    def _others(self, number: int) -> list[Reserved]:
        return [each for each in self._reservations.values() if each.number != number]

    def _cancel(self, number: int) -> str:
        if number not in self._reservations:
            if self._reservations.pop(-number, None) is not None:
                self._go_on(self._tell_kept())
                return "Accepted"
            if self._is("cancels-though-it-refuses"):
                self._reservations.clear()
                self._go_on(self._tell_kept())
            return "Accepted" if self._is("cancels-anything") else "Rejected"
        if not self._is("keeps-what-is-cancelled"):
            del self._reservations[number]
        self._cancelled = number
        self._go_on(self._tell_kept())
        return "Accepted"
