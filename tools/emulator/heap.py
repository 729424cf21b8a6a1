# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Where the heap of an emulated board lies, so that the emulator can watch it (`heap_watch.mjs`)."""

from emulator.emulated import Emulated, EmulatorError
from image.elf import Elf

_STATE = "mp_state_ctx"


def watch_heap(board: Emulated, elf: Elf) -> None:
    """Find the allocation table in MicroPython's state (py/mpstate.h), and have it watched from now on, over
    resets too; `board.do("heap")` has the figures. elf: of the image that runs. EmulatorError: it is not
    there."""
    begin = elf.address("__GcHeapStart")
    words = board.do("mem", address=elf.address(_STATE), words=elf.size(_STATE) // 4)["words"]
    for at, word in enumerate(words[:-4]):
        # gc_alloc_table_start, gc_alloc_table_byte_len, gc_finaliser_table_start, gc_pool_start, gc_pool_end
        table_bytes, finalisers, pool = words[at + 1 : at + 4]
        if word == begin and begin + table_bytes <= finalisers < pool < words[at + 4]:
            board.do("heap", table=word, bytes=table_bytes)
            return
    raise EmulatorError("the heap is not where it should be")
