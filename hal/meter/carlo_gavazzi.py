# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Carlo Gavazzi meters on Modbus: input registers, 32-bit integers with the low word first; 0x7FFFFFFF is
no value. The measuring system has to be B for a power with a sign (ET112, EM340 and their like).

EM110, EM111, EM112, ET112: 0.1 V at 0x0000, mA, 0.1 W at 0x0004, 0.1 Hz at 0x000F, import in 0.1 kWh at
0x0010, export at 0x0020. EM330, EM340, ET340: 0.1 V from 0x0000 on, mA from 0x000C, 0.1 W from 0x0012, all
of it at 0x0028, 0.1 Hz at 0x0033, import at 0x0034, export at 0x004E. At most 50 registers in an answer."""

from hal.meter.modbus import READ_INPUT
from hal.meter.registers import SIGNED, WORD

_ONE = (
    READ_INPUT, 1, 1, ((0x0000, 18), (0x0020, 2)),
    (0, 0, SIGNED, 100, 1), (0, 2, SIGNED, 1, 1), None,
    (0, 4, SIGNED, 1, 10), (0, 16, SIGNED, 100, 1), (1, 0, SIGNED, 100, 1), None, None,
    (0, 15, WORD, 100, 1),
)  # fmt: skip
_THREE = (
    READ_INPUT, 1, 3, ((0x0000, 24), (0x0028, 14), (0x004E, 2)),
    (0, 0, SIGNED, 100, 1), (0, 12, SIGNED, 1, 1), (0, 18, SIGNED, 1, 10),
    (1, 0, SIGNED, 1, 10), (1, 12, SIGNED, 100, 1), (2, 0, SIGNED, 100, 1), None, None,
    (1, 11, WORD, 100, 1),
)  # fmt: skip


def table_of(kind: str) -> tuple:
    return _THREE if kind in ("em330", "em340") else _ONE
