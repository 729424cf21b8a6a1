# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the emulator sees of the firmware's heap and of its time, without asking it."""

import pytest

from emulator import profile
from emulator.emulated import EmulatorError
from emulator.heap import watch_heap
from image.elf import Elf

# What the console's own buffers and MicroPython's bookkeeping may differ by.
CLOSE = 4096


def test_the_heap_is_what_micropython_says(start, image):
    board = start()
    elf = Elf(image.with_suffix(".elf"))
    with pytest.raises(EmulatorError, match="not watched"):
        board.do("heap")
    watch_heap(board, elf)
    board.exec(
        "import gc, time\n"
        "def live():\n"
        " gc.collect(); begin = gc.mem_alloc()\n"
        " kept = bytearray(30000); time.sleep_ms(5)\n"
        " full = gc.mem_alloc(); del kept; gc.collect(); time.sleep_ms(5)\n"
        " other = bytearray(1000); time.sleep_ms(5)\n"
        " print(begin, full)\n"
    )
    board.do("heap")  # what the console gives back of compiling looks like a collection too
    out = board.mpremote("resume", "exec", "live()")
    begin, full = map(int, out.split())
    figures = board.do("heap")
    assert abs(figures["peak"] - full) < CLOSE
    assert begin - CLOSE < figures["kept"] < full - 20000
    assert figures["collections"] >= 1
    assert figures["largest"] > 30000
    again = board.do("heap")
    assert again["collections"] == 0 and again["kept"] is None


def test_the_largest_block_is_seen_to_shrink(start, image):
    board = start()
    watch_heap(board, Elf(image.with_suffix(".elf")))
    board.exec(
        "import gc, time\n"
        "kept = [bytearray(1000) for _ in range(150)]\n"
        "kept = kept[::2]\n"
        "gc.collect(); time.sleep_ms(5)\n"
        "other = bytearray(100); time.sleep_ms(5)\n"
    )
    assert board.do("heap")["largest"] < 150000


def test_a_profile_names_functions_that_are_frozen_and_those_in_c(start, image):
    board = start()
    elf = Elf(image.with_suffix(".elf"))
    board.exec("from hal.ticks import ticks_add, ticks_diff")
    board.do("profile", types=profile.types(elf))
    board.exec(
        "import time\n"
        "from hal.ticks import ticks_add, ticks_diff\n"
        "end = ticks_add(time.ticks_ms(), 300)\n"
        "while ticks_diff(end, time.ticks_ms()) > 0: pass\n"
    )
    found = profile.Profile(board.do("profile")["samples"], elf)
    assert found.own["hal_ticks_ticks_diff"] > 0.2 * found.awake
    assert found.within["hal_ticks_ticks_diff"] >= found.own["hal_ticks_ticks_diff"]
    assert found.in_c["mp_execute_bytecode"] > 0.05 * found.awake
    with pytest.raises(EmulatorError, match="nothing is being profiled"):
        board.do("profile")
