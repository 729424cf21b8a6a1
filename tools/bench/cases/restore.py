# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The charge point as every case expects to find it: booted, connected, all connectors Available, nothing
plugged in, no transaction, an empty cache, the configuration as it was before the first case.
"""

import asyncio
import time

from bench.cases.claims import Claims
from bench.csms import Csms
from bench.drivers import Driver
from bench.station import CallRefused, NotSeen, Station

# Waited for after the cables are out; then a reset has to help.
_SETTLED_S = 5
_BOOTED_S = 60
# So long nothing is told any more.
_QUIET_S = 0.15
_MINIMUM = "MinimumStatusDuration"


class NotRestored(Exception):
    """The charge point does not come back to where a case can begin. The text says what is wrong."""


class Restore:
    def __init__(self, csms: Csms, station: Station, driver: Driver, claims: Claims):
        self._csms, self._station, self._driver, self._claims = csms, station, driver, claims
        self._configuration: dict[str, str] = {}

    async def remember(self) -> None:
        """The present configuration is the one to come back to."""
        self._configuration = await self._changeable()
        if self._configuration.get(_MINIMUM, "0") != "0":
            self._configuration[_MINIMUM] = "0"

    async def before_a_case(self) -> None:
        """Raises NotRestored."""
        try:
            await self._tidy()
        except (CallRefused, NotSeen, ConnectionError) as error:
            raise NotRestored(f"{error}") from error

    async def _tidy(self) -> None:
        station = self._station
        self._csms.unscript()
        for number in self._claims.numbers:
            await self._driver.unplug(number)
        await station.wait_connected(_BOOTED_S)
        for entry in self._csms.books.running(station.id):
            await station.call("RemoteStopTransaction", {"transactionId": entry.id})
        await station.call("ChangeAvailability", {"connectorId": 0, "type": "Operative"})
        if self._claims.cache:
            await station.call("ClearCache")
        for key, value in (await self._changeable()).items():
            wanted = self._configuration.get(key, value)
            if value != wanted:
                await station.call("ChangeConfiguration", {"key": key, "value": wanted})
        if not await self._settled(_SETTLED_S):
            connections = station.connections
            await station.call("Reset", {"type": "Hard"})
            await station.wait_connection(connections + 1, _BOOTED_S)
            if not await self._settled(_SETTLED_S):
                raise NotRestored(f"after a hard reset: {self._trouble()}")

    async def _changeable(self) -> dict[str, str]:
        rows = (await self._station.call("GetConfiguration")).get("configurationKey", [])
        return {row["key"]: row["value"] for row in rows if not row["readonly"] and "value" in row}

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
        told = self._csms.books.station(self._station.id).statuses
        for number in (0, *self._claims.numbers):
            status = told.get(number, {}).get("status", "unknown")
            if status != "Available":
                return f"connector {number} is {status}"
        running = self._csms.books.running(self._station.id)
        return f"transaction {running[0].id} goes on" if running else ""
