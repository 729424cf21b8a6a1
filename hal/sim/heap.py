# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The heap of the simulated board, as a real one would show it."""

# What is in the heap here and in the flash of a board: its process has as much more of it. Set by
# boards/sim/flash.py.
in_flash_bytes = 0


def as_on_a_board(figures: dict) -> None:
    """Take it out of the figures of `view.Heap`."""
    for name in ("used", "peak"):
        if name in figures:
            figures[name] -= in_flash_bytes
