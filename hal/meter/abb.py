# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""ABB B21, B23 and B24 on Modbus: holding registers, integers with the high word first; all bits set, but for
the sign of a number that has one: the meter has no such value.

From 0x5B00 on voltages (0.1 V), 0x5B0C currents (0.01 A), 0x5B14 the power of all and of each phase (0.01 W),
0x5B2C frequency (0.01 Hz). From 0x5000 on import and export, 64 bits in 0.01 kWh. A B21 says the power of all
only.
"""

from hal.meter.modbus import READ_HOLDING
from hal.meter.registers import LONG, SIGNED, UNSIGNED, WORD

_BLOCKS = ((0x5B00, 45), (0x5000, 8))
_VOLTS, _AMPERES = (0, 0, UNSIGNED, 100, 1), (0, 12, UNSIGNED, 10, 1)
_SUMS = (
    (0, 20, SIGNED, 1, 100), (1, 0, LONG, 10, 1), (1, 4, LONG, 10, 1), None, None, (0, 44, WORD, 10, 1),
)  # fmt: skip
_ONE = (READ_HOLDING, 0, 1, _BLOCKS, _VOLTS, _AMPERES, None) + _SUMS
_THREE = (READ_HOLDING, 0, 3, _BLOCKS, _VOLTS, _AMPERES, (0, 22, SIGNED, 1, 100)) + _SUMS


def table_of(kind: str) -> tuple:
    return _ONE if kind == "b21" else _THREE
