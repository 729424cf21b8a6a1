# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The simulated board's flash: maps the firmware's ROMFS image outside the heap and starts the firmware from
it.

    micropython -X heapsize=300k boards/sim/flash.py IMAGE IN_FLASH [options of boards.sim.main]

A board runs frozen bytecode straight from its flash chip; mapping a file read-only is the same for a process.
IN_FLASH: bytes of the heap that are for what a board has in its flash all the same (toolchain/loaded.py).
"""

import os
import sys

import ffi
import uctypes
import vfs

_PROT_READ = 1
_MAP_PRIVATE = 2


def _map(path):
    """The file's bytes at an address of their own: nothing of it is in the heap."""
    libc = ffi.open(None)
    size = os.stat(path)[6]
    descriptor = libc.func("i", "open", "si")(path, 0)
    if descriptor < 0:
        raise OSError(2, path)
    word = "q" if sys.maxsize > 1 << 32 else "i"  # an address, and a file offset, of this MicroPython
    address = libc.func(word, "mmap", word * 2 + "iii" + word)(
        0, size, _PROT_READ, _MAP_PRIVATE, descriptor, 0
    )
    if address == -1:
        raise OSError(12, path)
    return uctypes.bytearray_at(address, size)


vfs.mount(vfs.VfsRom(_map(sys.argv[1])), "/rom")
sys.path[:] = ["/rom", "/rom/firmware", ".frozen"]
in_flash_bytes = int(sys.argv[2])
del sys.argv[1:3]

from boards.sim.main import start  # noqa: E402
from hal.sim import heap  # noqa: E402

heap.in_flash_bytes = in_flash_bytes

sys.exit(start())
