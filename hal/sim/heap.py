# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The heap of the simulated board, as a real one would show it."""

import gc

# What is in the heap here and in the flash of a board: its process has as much more of it. Set by
# boards/sim/flash.py; None: the code was loaded from files.
in_flash_bytes = None


def as_on_a_board(figures: dict) -> None:
    """Take it out of the figures of `view.Heap`."""
    for name in ("used", "peak"):
        if name in figures:
            figures[name] -= in_flash_bytes or 0


# MicroPython keeps names in pools, each twice as large as the one before. The firmware's are some 2,400 when
# it has started, and the pool of 2,560 begins at 2,535: 18 KB in one piece at some moment of a life, which
# never comes on a board, whose names are in its flash. So a start goes on to that pool, in which there is
# room for as many names again.
POOL_BYTES = 16000
_MOST_NAMES = 300


def fill_names():
    """Let the names of this process reach the pool that all of them will need; False: that is far, or was
    reached before.
    """
    for number in range(_MOST_NAMES):
        before = gc.mem_alloc()
        getattr(gc, "name%d" % number, None)  # every name that is asked for is kept for ever
        if gc.mem_alloc() - before > POOL_BYTES:
            return True
    return False
