# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Our firmware on the simulated board. The charger runs by then."""

import asyncio

from bench.charger import SimulatedCharger
from bench.drivers import STIMULI


class Pilotlight:
    can = frozenset(STIMULI)

    def __init__(self, charger: SimulatedCharger):
        self._charger = charger

    async def begin(self) -> None:
        """Nothing is plugged in when it starts."""

    async def plug(self, connector: int) -> None:
        await self._charger.do("pilot", connector=connector)
        await self._charger.do("car", connector=connector, delay_s=0.1, ready=True)
        await self._charger.do("plug", connector=connector)

    async def unplug(self, connector: int) -> None:
        # First the cable, then the line: the other way round the car would show itself once more.
        await self._charger.do("unplug", connector=connector)
        await self._charger.do("pilot", connector=connector)

    async def leave(self, connector: int) -> None:
        # `unplug` of the simulated board pulls the plug out of the socket too, as drivers do.
        await self._charger.do("pilot", connector=connector, high_mv=12000)

    async def full(self, connector: int) -> None:
        await self._charger.do("car", connector=connector, ready=False)

    async def present(self, tag: str) -> None:
        await self._charger.do("tag", id=tag)

    async def power(self, on: bool) -> None:
        await (self._charger.start() if on else self._charger.power_cut())

    async def link(self, up: bool) -> None:
        await self._charger.do("link", up=up)

    async def fault(self, connector: int, present: bool) -> None:
        await self._charger.do("fault" if present else "clear", name="OtherError", connector=connector)

    async def lock_failure(self, connector: int, present: bool) -> None:
        await self._charger.do(
            "fault" if present else "clear", name="ConnectorLockFailure", connector=connector
        )

    async def data_transfer(self) -> None:
        # Its answer is the case's affair; here only the message has to go out.
        self._transfer = asyncio.create_task(
            self._charger.do("data_transfer", timeout=70, vendorId="com.example.bench", messageId="one")
        )
        self._transfer.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def offered(self, connector: int) -> float:
        # IEC 61851-1, table A.7: of the duty cycle that is on the line, whatever the firmware thinks.
        duty_e4 = (await self._charger.state())["connectors"][connector - 1]["duty_e4"]
        return offered_a(duty_e4 / 100)


def offered_a(duty_pct: float) -> float:
    """IEC 61851-1, table A.7. 0: no current by this duty cycle."""
    if 8 <= duty_pct < 10:
        return 6.0
    if 10 <= duty_pct <= 85:
        return duty_pct * 0.6
    return (duty_pct - 64) * 2.5 if 85 < duty_pct <= 96 else 0.0
