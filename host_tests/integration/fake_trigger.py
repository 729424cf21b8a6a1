# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the fake charge point tells when it is triggered."""

import asyncio
import contextlib
from typing import Any

from host_tests.integration.fake_sessions import FakeSessions
from host_tests.integration.fake_wire import Payload, Unanswered

_TRANSFERS = ("DiagnosticsStatusNotification", "FirmwareStatusNotification")
_OF_CONNECTORS = ("MeterValues", "StatusNotification")


class FakeTrigger(FakeSessions):
    def __init__(self, url: str, defect: str | None, cable: str, password: bytes | None, quirky: bool):
        self._boot_now = asyncio.Event()
        super().__init__(url, defect, cable, password, quirky)

    async def _triggered_boot(self, seconds: float) -> None:
        """BootNotification is due, or has been triggered."""
        self._boot_now.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._boot_now.wait()

    def _trigger(self, message: str, connector: int | None) -> str:
        if connector not in (None, 0, 1, 2):
            if self._is("triggers-though-it-refuses"):
                self._go_on(self._tell_of(message, 1))
            return "Accepted" if self._is("triggers-any-connector") else "Rejected"
        if not self._accepted and self._is("mute-while-pending"):
            return "Rejected"
        if message == "BootNotification":
            if self._accepted or self._quirky:
                return "Rejected"
            self._boot_now.set()
            return "Accepted"
        if message in _TRANSFERS and self._quirky:
            return "NotImplemented"
        if message not in ("Heartbeat", *_OF_CONNECTORS, *_TRANSFERS):
            return "Accepted" if self._is("triggers-anything") else "NotImplemented"
        if not self._is("triggers-nothing"):
            self._go_on(self._say(message, connector))
        return "Accepted"

    async def _say(self, message: str, connector: int | None) -> None:
        with contextlib.suppress(Unanswered):
            if message == "Heartbeat":
                await self._call("Heartbeat", {})
            elif message in _TRANSFERS:
                await self._call(message, {"status": "Uploaded" if self._is("is-never-idle") else "Idle"})
            else:
                for number in self._meant(connector):
                    await self._tell_of(message, number)

    def _meant(self, connector: int | None) -> tuple[int, ...]:
        everything = not self._accepted and self._is("tells-all-when-triggered")
        if connector is not None and not everything:
            return (connector,)
        if self._is("triggers-one-for-all"):
            return (1,)
        return (0, 1, 2) if self._quirky or everything else (1, 2)

    async def _tell_of(self, message: str, connector: int) -> None:
        fields: dict[str, Any]
        if message == "MeterValues":
            fields = self._triggered_values(connector)
        else:
            status = "Preparing" if self._is("tells-another-status") else self._status[connector]
            fields = {"connectorId": connector, "errorCode": "NoError", "status": status}
        await self._call(message, fields)

    def _triggered_values(self, connector: int) -> Payload:
        context = "Sample.Periodic" if self._is("knows-one-context") else "Trigger"
        fields = self._metered(connector, self._values("MeterValuesSampledData", context))
        running = self._transactions.get(connector)
        if running is not None and running.number is not None and not self._is("forgets-the-transaction"):
            fields["transactionId"] = running.number
        return fields
