# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Who does to a charge point what a case needs done: plugs in, presents a tag, cuts the power."""

from typing import Protocol

from bench.charger import SimulatedCharger


class Driver(Protocol):
    """Each returns when it is done, not when the charge point has told of it."""

    async def plug(self, connector: int) -> None:
        """The cable is in at both ends, and the car asks for energy."""
        ...

    async def unplug(self, connector: int) -> None: ...

    async def present(self, tag: str) -> None:
        """Identification, by whatever local means there is."""
        ...

    async def power_cycle(self) -> None:
        """The power goes and comes back."""
        ...


class Pilotlight:
    """Our firmware on the simulated board. The charger runs by then."""

    def __init__(self, charger: SimulatedCharger):
        self._charger = charger

    async def plug(self, connector: int) -> None:
        await self._charger.do("car", connector=connector, delay_s=0.1)
        await self._charger.do("plug", connector=connector)

    async def unplug(self, connector: int) -> None:
        await self._charger.do("unplug", connector=connector)

    async def present(self, tag: str) -> None:
        await self._charger.do("tag", id=tag)

    async def power_cycle(self) -> None:
        await self._charger.power_cut()
        await self._charger.start()
