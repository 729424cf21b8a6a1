# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""PZEM-004T v3 on Modbus (9600 8N1, TTL): input registers 0 to 9, 32-bit numbers with the low word first:
0.1 V, mA, 0.1 W, Wh, 0.1 Hz, 0.01 of the power factor, alarm. It answers while mains is on it, at address
0xF8 whatever its own is (`hal.meter.modbus.GENERAL`). No calibrated meter: nothing may be billed by it
where the law asks for one."""

from hal.meter.modbus import READ_INPUT
from hal.meter.registers import UNSIGNED, WORD

_TABLE = (
    READ_INPUT, 1, 1, ((0x0000, 10),),
    (0, 0, WORD, 100, 1), (0, 1, UNSIGNED, 1, 1), None,
    (0, 3, UNSIGNED, 1, 10), (0, 5, UNSIGNED, 1, 1), None, None, None, (0, 7, WORD, 100, 1),
)  # fmt: skip


def table_of(kind: str) -> tuple:
    return _TABLE
