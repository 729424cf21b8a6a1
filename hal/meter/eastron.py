# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Eastron SDM meters on Modbus: input registers in 32-bit floats (IEEE 754), high word first.

The floats of the boards have 24 bits, and so have the meter's: they are taken apart in integers, so that what
is billed is what the meter shows. Protocol documents SDM120 V2.4, SDM630 V1.7.
"""

from hal.meter.modbus import READ_INPUT
from hal.reading import Reading

_VOLTAGE = 0x0000  # V; with three phases 0x0002 and 0x0004 as well
_FREQUENCY = 0x0046  # Hz, then import and export in kWh, import and export in kvarh


def scaled(data, factor: int) -> "int | None":
    """A float of four bytes times `factor`, in integers only; None: it is no number, or above 2**30.

    0.005 kWh are 0.00499999989 in a float: half of its last bit is added, then what is less than one is
    dropped. So a register is what its meter shows, and never more than the meter has counted.
    """
    bits = data[0] << 24 | data[1] << 16 | data[2] << 8 | data[3]
    exponent = bits >> 23 & 0xFF
    if exponent == 0xFF:
        return None
    if exponent == 0:
        return 0
    mantissa = ((bits & 0x7FFFFF | 0x800000) * 2 + 1) * factor
    shift = exponent - 151
    if shift > 30:
        return None
    value = mantissa << shift if shift >= 0 else mantissa >> min(-shift, 60)
    if value >= 1 << 30:
        return None
    return -value if bits >> 31 else value


class Sdm:
    """A `hal.contract.Meter`. `phases`: 1 (SDM120, SDM220, SDM230) or 3 (SDM630, SDM72DM-V2)."""

    slow = True

    def __init__(self, bus, station=1, phases=1):
        self._bus = bus
        self._station = station
        self._phases = phases

    async def read(self):
        """A reading, from two questions of different length: an answer to the one is none to the other."""
        # The first block is 14 registers long with one phase (voltage to power), 18 with three.
        phases = self._phases
        live = await self._bus.read(self._station, READ_INPUT, _VOLTAGE, 14 if phases == 1 else 18)
        if live is None:
            return None
        sums = await self._bus.read(self._station, READ_INPUT, _FREQUENCY, 10)
        if sums is None:
            return None
        # With one phase current and power are at 6 and 12, with three each phase has a register of each kind.
        voltage_mv = tuple([scaled(live[4 * n : 4 * n + 4], 1000) for n in range(phases)])
        current_ma = tuple([scaled(live[12 + 4 * n : 16 + 4 * n], 1000) for n in range(phases)])
        power_w = 0
        for n in range(phases):
            one = scaled(live[24 + 4 * n : 28 + 4 * n], 1)
            if one is None:
                return None
            power_w += one
        energy_wh = scaled(sums[4:8], 1000)
        if energy_wh is None or energy_wh < 0 or None in voltage_mv or None in current_ma:
            return None
        frequency_mhz = scaled(sums[0:4], 1000)
        return Reading(
            energy_wh=energy_wh,
            power_w=power_w,
            current_ma=current_ma,
            voltage_mv=voltage_mv,
            export_wh=scaled(sums[8:12], 1000),
            reactive_import_varh=scaled(sums[12:16], 1000),
            reactive_export_varh=scaled(sums[16:20], 1000),
            frequency_mhz=frequency_mhz,
        )
