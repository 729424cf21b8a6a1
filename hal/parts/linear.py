# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""MCP9700A: a voltage that grows with the temperature, 500 mV at 0 degrees and 10 mV for each. Pure."""

_ZERO_MV = 500
_LEAST_MV, _MOST_MV = 100, 1750  # -40 and 125 degrees; outside: shorted, no supply, a broken wire


class LinearSensor:
    """A `hal.contract.Temperature`. `read()`: the voltage at the pin, `full` that of `supply_mv`, in the same
    unit."""

    def __init__(self, read, full: int, supply_mv: int):
        self._read = read
        self._full = full
        self._supply_mv = supply_mv

    def celsius_d(self) -> "int | None":
        mv = self._read() * self._supply_mv // self._full
        return mv - _ZERO_MV if _LEAST_MV <= mv <= _MOST_MV else None
