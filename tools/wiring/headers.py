# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Where a GPIO is on the header of a board: GPIO -> number of the header's pin."""

# Raspberry Pi Pico datasheet, chapter 2.1. WIZnet's W5500-EVB-Pico has the same 40 pins.
_PICO = {
    0: 1, 1: 2, 2: 4, 3: 5, 4: 6, 5: 7, 6: 9, 7: 10, 8: 11, 9: 12, 10: 14, 11: 15, 12: 16, 13: 17, 14: 19,
    15: 20, 16: 21, 17: 22, 18: 24, 19: 25, 20: 26, 21: 27, 22: 29, 26: 31, 27: 32, 28: 34,
}  # fmt: skip

# The others print the number of the GPIO beside the pin.
_OF = {"pico_lte": _PICO, "pico_w": _PICO, "w5500_evb_pico": _PICO}


def of(board: dict) -> dict[int, int]:
    """Empty where there are no other numbers than those of the GPIOs."""
    return _OF.get(board["name"], {})
