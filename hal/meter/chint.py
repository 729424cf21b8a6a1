# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Chint meters on Modbus: holding registers in 32-bit floats, high word first.

DDSU666 (manual ZTY0.464.922): V, A and kW from 0x2000 on, Hz at 0x200E, import in kWh at 0x4000. It comes
from the factory speaking DL/T645: the protocol has to be set to Modbus at its display. There are variants
that tell 0.1 V: such a voltage is none (`hal.meter.registers`), and the meter counts as silent.

DTSU666: voltages from 0x2006 on in 0.1 V, then mA, then the powers of all and of each phase in 0.1 W; 0.01
Hz at 0x2044; import in kWh at 0x101E, export at 0x1028."""

from hal.meter.modbus import READ_HOLDING
from hal.meter.registers import FLOAT

_DDSU666 = (
    READ_HOLDING, 0, 1, ((0x2000, 16), (0x4000, 2)),
    (0, 0, FLOAT, 1000, 1), (0, 2, FLOAT, 1000, 1), None,
    (0, 4, FLOAT, 1000, 1), (1, 0, FLOAT, 1000, 1), None, None, None, (0, 14, FLOAT, 1000, 1),
)  # fmt: skip
_DTSU666 = (
    READ_HOLDING, 0, 3, ((0x2006, 20), (0x101E, 12), (0x2044, 2)),
    (0, 0, FLOAT, 100, 1), (0, 6, FLOAT, 1, 1), (0, 14, FLOAT, 1, 10),
    (0, 12, FLOAT, 1, 10), (1, 0, FLOAT, 1000, 1), (1, 10, FLOAT, 1000, 1), None, None,
    (2, 0, FLOAT, 10, 1),
)  # fmt: skip


def table_of(kind: str) -> tuple:
    return _DTSU666 if kind == "dtsu666" else _DDSU666
