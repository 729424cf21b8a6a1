# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Analog parts of `hal.contract` behind a divider: proximity contact, NTC.

`read()` gives the voltage at the pin and `full` is that of the supply, in the same unit, whatever it is:
counts of a ratiometric converter (RP2040), millivolts of a calibrated one (ESP32).
"""

from hal.parts.divider import lower_ohm
from hal.parts.ntc import celsius_d


class Proximity:
    """A `hal.contract.Proximity`: coding resistor from the contact to ground (IEC 61851-1 annex B),
    `upper_ohm` to the supply."""

    def __init__(self, read, full: int, upper_ohm: int):
        self._read = read
        self._full = full
        self._upper_ohm = upper_ohm

    def resistance_ohm(self) -> "int | None":
        return lower_ohm(self._read(), self._full, self._upper_ohm)


class Thermistor:
    """A `hal.contract.Temperature`: NTC to ground, `upper_ohm` to the supply; `table` of `hal.parts.ntc`."""

    def __init__(self, read, full: int, upper_ohm: int, table: tuple):
        self._read = read
        self._full = full
        self._upper_ohm = upper_ohm
        self._table = table

    def celsius_d(self) -> "int | None":
        ohm = lower_ohm(self._read(), self._full, self._upper_ohm)
        return None if ohm is None else celsius_d(ohm, self._table)
