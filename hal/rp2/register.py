# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One register of the chip, written from the interrupt: `machine.mem32` would make an integer of its address
each time."""

import micropython


@micropython.viper
def put(address: int, value: int):
    """`address`: an int object that was made before; `value`: 32 bits."""
    ptr32(address)[0] = value
