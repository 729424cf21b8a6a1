# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Eastron SDM meters on Modbus: input registers in 32-bit floats (IEEE 754), high word first. Protocol
documents SDM120 V2.4, SDM630 V1.7, SDM72D-M V1.1.

From 0x0000 on voltages, 0x0006 currents, 0x000C watts of three phases; of one phase 14 registers are enough
for them, and what lies between is 0. From 0x0046 on Hz, import and export in kWh, and in kvarh. The first
SDM72 has nothing but the power of all phases at 0x0034, and import and export.
"""

from hal.meter.modbus import READ_INPUT
from hal.meter.registers import FLOAT

_VOLTS, _AMPERES, _WATTS = (0, 0, FLOAT, 1000, 1), (0, 6, FLOAT, 1000, 1), (0, 12, FLOAT, 1, 1)
_SUMS = (
    None,
    (1, 2, FLOAT, 1000, 1),
    (1, 4, FLOAT, 1000, 1),
    (1, 6, FLOAT, 1000, 1),
    (1, 8, FLOAT, 1000, 1),
    (1, 0, FLOAT, 1000, 1),
)
_ONE = (READ_INPUT, 0, 1, ((0x0000, 14), (0x0046, 10)), _VOLTS, _AMPERES, _WATTS) + _SUMS
_THREE = (READ_INPUT, 0, 3, ((0x0000, 18), (0x0046, 10)), _VOLTS, _AMPERES, _WATTS) + _SUMS
_ENERGY_ONLY = (
    READ_INPUT, 0, 3, ((0x0034, 2), (0x0048, 4)), None, None, None,
    (0, 0, FLOAT, 1, 1), (1, 0, FLOAT, 1000, 1), (1, 2, FLOAT, 1000, 1), None, None, None,
)  # fmt: skip


def table_of(kind: str) -> tuple:
    return _ENERGY_ONLY if kind == "sdm72" else _THREE if kind in ("sdm630", "sdm72v2") else _ONE
