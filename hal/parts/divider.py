# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A resistor to ground behind a known resistor to the supply: reading -> ohm. Pure."""

# Above ten times the upper resistor the reading is within a tenth of the supply: there an ESP32's converter
# is at its end (3.1 V of 3.3 V), and nobody can tell a large resistor from a broken wire.
_OPEN = 10


def lower_ohm(reading: int, full: int, upper_ohm: int) -> "int | None":
    """`reading` at the pin and `full` at the supply, in the same unit (counts, mV); None: open.

    `reading * upper_ohm` has to stay below 2**30.
    """
    if reading >= full * _OPEN // (_OPEN + 1):
        return None
    if reading <= 0:
        return 0
    return reading * upper_ohm // (full - reading)
