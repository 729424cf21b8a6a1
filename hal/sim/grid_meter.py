# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The simulated meter at the grid connection: what the house takes, and our own cars."""

from hal.reading import Reading

_PHASES = 3


class SimGridMeter:
    """A `hal.contract.Meter`. house_ma: of three phases, negative: export; failing: it does not answer."""

    slow = False

    def __init__(self, connectors):
        self.house_ma = (0,) * _PHASES
        self.failing = False
        self._connectors = connectors

    def current_ma(self) -> tuple:
        """A connector's first phase is the grid's first."""
        sums = list(self.house_ma)
        for connector in self._connectors:
            connector.advance()
            for phase in range(connector.meter.used_phases()):
                sums[phase] += connector.car.current_ma
        return tuple(sums)

    async def read(self):
        return None if self.failing else Reading(current_ma=self.current_ma())
