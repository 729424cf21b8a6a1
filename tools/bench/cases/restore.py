# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The charge point as every case expects to find it: booted, connected, all connectors Available, nothing
plugged in, no transaction, no reservation, an empty cache and local list, the configuration as it was, and
nothing told by habit.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from bench.cases.claims import Claims
from bench.cases.parameters import OTHER_RESERVATION, RESERVATION
from bench.csms import Csms
from bench.drivers import Driver, NotDone
from bench.messages import FROM_STATION, Message
from bench.station import CallRefused, NotSeen, Station

# After which a charge point that connects has told that it boots.
_BOOTS_S = 5
# Waited for after the cables are out; then a reset has to help.
_SETTLED_S = 5
_ANSWER_S = 5
_SEVERAL = 4
# So long nothing is told any more.
_QUIET_S = 0.15
# In all cases, unless they say otherwise.
# ConnectionTimeOut: somebody may have to walk to the car.
_HABITS = {"MinimumStatusDuration": "0", "ClockAlignedDataInterval": "0", "ConnectionTimeOut": "300"}


class NotRestored(Exception):
    """The charge point does not come back to where a case can begin. The text says what is wrong."""


class Restore:
    def __init__(self, csms: Csms, station: Station, driver: Driver, claims: Claims, booted_s: float = 60):
        """`booted_s`: for a power-up, or a reset."""
        self._booted_s = booted_s
        self._csms, self._station, self._driver, self._claims = csms, station, driver, claims
        self._configuration: dict[str, str] = {}
        self._lost: set[int] = set()  # transactions that it no longer knows

    async def remember(self) -> None:
        """The present configuration is the one to come back to. Raises NotRestored, as all of these do."""
        try:
            await self._station.wait_connected(self._booted_s)
            if not await self._comes(lambda: self._last_boot() is not None, _BOOTS_S):
                # It was up, and has only come back: that is no reason for a BootNotification.
                await self._reset()
            if await self._comes(self._booted, self._booted_s):
                # A run that was killed may have left one.
                await self._cancel_reservations()
            if not await self._settled(self._booted_s):
                raise NotRestored(self._trouble())
            self._configuration = await self._changeable()
        except (CallRefused, NotSeen, ConnectionError) as error:
            raise NotRestored(str(error)) from error

    @property
    def has_cache(self) -> bool:
        return self._claims.cache or "AuthorizationCacheEnabled" in self._configuration

    async def before_a_case(self) -> None:
        habits = {key: value for key, value in _HABITS.items() if key in self._configuration}
        wanted = {**self._configuration, **habits}
        try:
            await self._tidy(wanted)
        except (NotSeen, ConnectionError):
            # The case before may have left it in the middle of a reset.
            try:
                await self._tidy(wanted)
            except (CallRefused, NotSeen, ConnectionError, NotDone) as error:
                raise NotRestored(str(error)) from error
        except (CallRefused, NotDone) as error:
            raise NotRestored(str(error)) from error

    async def at_the_end(self) -> None:
        """As it was before the first case; as far as it goes, since there is nobody left to tell."""
        try:
            await self._tidy(self._configuration)
        except (CallRefused, NotSeen, ConnectionError, NotRestored, NotDone):
            return

    async def _tidy(self, configuration: dict[str, str]) -> None:
        station = self._station
        self._csms.unscript()
        await station.wait_connected(self._booted_s)
        # Only that: what else is amiss is to be put right now.
        if not await self._comes(self._booted, self._booted_s):
            raise NotRestored(self._trouble())
        # First the transactions: a cable may be locked while one goes on.
        for transaction in self._running():
            await self._must("RemoteStopTransaction", "Accepted", "Rejected", transactionId=transaction)
        for number in self._claims.numbers:
            await self._driver.unplug(number)
        await self._must("ChangeAvailability", "Accepted", "Scheduled", connectorId=0, type="Operative")
        if self.has_cache:
            await self._must("ClearCache", "Accepted", "Rejected")
        await self._empty()
        for key, value in (await self._changeable()).items():
            wanted = configuration.get(key, value)
            if value != wanted:
                # Not every station takes our habits.
                allowed = ("Rejected",) if _HABITS.get(key) == wanted else ()
                fields = {"key": key, "value": wanted}
                await self._must("ChangeConfiguration", "Accepted", "RebootRequired", *allowed, **fields)
        if await self._settled(_SETTLED_S):
            return
        await self._reset()
        await asyncio.sleep(1)
        # It had every opportunity to tell of their ends.
        self._lost.update(self._running())
        if not await self._settled(_SETTLED_S):
            raise NotRestored(f"after a hard reset: {self._trouble()}")

    async def _reset(self) -> None:
        self._station.mark()
        connections = self._station.connections
        await self._must("Reset", "Accepted", type="Hard")
        await self._station.wait_connection(connections + 1, self._booted_s)
        await self._station.expect("BootNotification", self._booted_s)

    async def _empty(self) -> None:
        """No reservation, local list and charging profile, where there are such; whatever it answers."""
        await self._cancel_reservations()
        fields = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": []}
        await self._call_of("LocalAuthListManagement", "SendLocalList", **fields)
        await self._call_of("SmartCharging", "ClearChargingProfile")

    async def _cancel_reservations(self) -> None:
        for number in (RESERVATION, OTHER_RESERVATION):
            # One that does not replace by the same id has several of it.
            for _ in range(_SEVERAL):
                told = await self._call_of("Reservation", "CancelReservation", reservationId=number)
                if told != "Accepted":
                    break

    async def _call_of(self, profile: str, action: str, **payload: Any) -> str | None:
        """The status of its answer; None: it has no such profile, or has answered otherwise."""
        if profile in self._claims.profiles:
            with contextlib.suppress(CallRefused):
                return (await self._station.call(action, payload, _ANSWER_S)).get("status")
        return None

    async def _must(self, action: str, *statuses: str, **payload: Any) -> None:
        told = (await self._station.call(action, payload, _ANSWER_S)).get("status")
        if told not in statuses:
            raise NotRestored(f"{action} {payload} is {told}")

    async def _changeable(self) -> dict[str, str]:
        rows = (await self._station.call("GetConfiguration", {}, _ANSWER_S)).get("configurationKey", [])
        return {row["key"]: row["value"] for row in rows if not row["readonly"] and "value" in row}

    @staticmethod
    async def _comes(fulfilled: Callable[[], bool], seconds: float) -> bool:
        give_up = time.monotonic() + seconds
        while not fulfilled() and time.monotonic() < give_up:
            await asyncio.sleep(_QUIET_S)
        return fulfilled()

    async def _settled(self, seconds: float) -> bool:
        """All is as it should be, and nothing more is told of it."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            seen = self._station.log.next_index
            await asyncio.sleep(_QUIET_S)
            if not self._trouble() and seen == self._station.log.next_index:
                return True
        return False

    def _trouble(self) -> str:
        if not self._booted():
            return "its BootNotification has not been accepted"
        told = self._told_since_boot()
        for number in (0, *self._claims.numbers):
            # That of connector 0 is not everybody's habit; TC_001 asks for it.
            status = told.get(number, "unknown" if number else "Available")
            if status != "Available":
                return f"connector {number} is {status}"
        running = self._running()
        return f"transaction {running[0]} goes on" if running else ""

    def _running(self) -> list[int]:
        running = [entry.id for entry in self._csms.books.running(self._station.id)]
        return [transaction for transaction in running if transaction not in self._lost]

    def _last_boot(self) -> Message | None:
        for message in reversed(self._station.log):
            if message.action == "BootNotification" and message.kind == "call":
                return message
        return None

    def _booted(self) -> bool:
        boot = self._last_boot()
        if boot is None or not self._station.connected:
            return False
        return any(
            message.id == boot.id and message.kind == "result" and message.payload.get("status") == "Accepted"
            for message in self._station.log.since(boot.index)
        )

    def _told_since_boot(self) -> dict[int, str]:
        boot = self._last_boot()
        messages = self._station.log.since(boot.index if boot else 0)
        return {
            message.payload["connectorId"]: message.payload["status"]
            for message in messages
            if message.direction == FROM_STATION
            and message.action == "StatusNotification"
            and message.kind == "call"
            and not message.violation
        }
