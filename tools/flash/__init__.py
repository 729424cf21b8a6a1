# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What becomes of the flash chip: power cuts, damage, wear. `board/` runs under 32-bit MicroPython."""
