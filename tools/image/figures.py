# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a board's image costs, in flash and RAM, beside the budgets: at the end of `make image`, and with

PYTHONPATH=tools build/venv/bin/python -m image.figures [--modules] [BOARD]
"""

import argparse
import hashlib
import re
import sys
from pathlib import Path

from emulator.emulated import EmulatorError
from image import frozen, heap
from image.elf import Elf
from toolchain import port_sources
from toolchain.layout import BUILD, SetupError
from toolchain.output import line_by_line

_RAM = 0x20000000

# What may be in use at most with everything on, TLS connected, and what must be free in one piece.
PEAK_BUDGET = 100 * 1024
BLOCK_BUDGET = 24 * 1024

# Of MicroPython's, not ours.
_THEIRS = ("asyncio", "uasyncio", "rp2_", "rp2")


def flash_room(elf: Elf) -> int:
    """Bytes for the program: the file system begins behind them."""
    _, base, _ = elf.words("rp2_flash_obj", 3)  # type, flash_base, flash_size
    return base


def static(board: str, folder: Path) -> list[str]:
    """What the files say, without running anything."""
    elf = Elf(folder / "firmware.elf")
    program = (folder / "firmware.bin").read_bytes()
    _, base, file_system = elf.words("rp2_flash_obj", 3)
    all_frozen, theirs = _frozen_bytes(folder)
    fixed = elf.address("__GcHeapStart") - _RAM
    end = elf.address("__StackTop")
    stack = _stack_bytes(board) or end - elf.address("__StackBottom")
    return [
        "flash",
        "%s of %s, %s left" % (_row("program", len(program)), _n(base), _n(base - len(program))),
        _row("  frozen, of ours", all_frozen - theirs),
        _row("file system", file_system),
        "RAM",
        _row("static", fixed),
        _row("stack", stack),
        _row("heap", min(elf.address("__GcHeapEnd"), end - stack) - elf.address("__GcHeapStart")),
        "sha256 of firmware.bin: %s" % hashlib.sha256(program).hexdigest(),
    ]


def _stack_bytes(board: str) -> int | None:
    """A stack that the board's configuration makes at boot, larger than the linker's."""
    header = (frozen.board_folder(board) / "mpconfigboard.h").read_text()
    found = re.search(r"^#define PILOTLIGHT_STACK_BYTES \((\d+) \* 1024\)", header, re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _frozen_bytes(folder: Path) -> tuple[int, int]:
    """Everything that is frozen, and what of it is MicroPython's own."""
    made = Elf(folder / "cmake/CMakeFiles/firmware.dir/frozen_content.c.o")
    theirs = sum(size for name, size in made.frozen_bytes().items() if name.startswith(_THEIRS))
    return made.total_bytes(), theirs


def _row(label: str, number: int) -> str:
    return "  %-32s %9s" % (label, _n(number))


def _n(number: int) -> str:
    return format(number, ",")


def in_use(figures: heap.Heap) -> list[str]:
    return [
        "heap, on the emulated board",
        _row("after boot", figures.after_boot),
        *[_row("import " + name, added) for name, added in figures.imported],
        "%s of %s, the budget for the peak with TLS" % (_row("in use", figures.in_use), _n(PEAK_BUDGET)),
        _row("free", figures.free),
        "%s, at least %s" % (_row("largest block", figures.largest), _n(BLOCK_BUDGET)),
    ]


def show(board: str, by_module: bool = False) -> bool:
    """Print the figures; are they within the budgets? by_module: what each module takes of the heap when it
    is imported, with what it imports that was not there before."""
    folder = BUILD / "image" / board
    if not (folder / "inputs").exists():
        raise SetupError("there is no image of %s: make image BOARD=%s" % (board, board))
    print("%s: %s" % (board, ", ".join((port_sources.versions() or "").splitlines())))
    for line in static(board, folder):
        print(line)
    try:
        figures = heap.measure(folder, by_module)
    except (SetupError, EmulatorError) as error:
        print("heap: not measured: %s" % str(error).strip().splitlines()[-1])
        return True
    for line in in_use(figures):
        print(line)
    within = figures.in_use <= PEAK_BUDGET and figures.largest >= BLOCK_BUDGET
    if not within:
        print("image: over the budget.")
    return within


def main() -> int:
    line_by_line()
    parser = argparse.ArgumentParser(prog="image.figures", description=__doc__)
    parser.add_argument("board", nargs="?", default="pico_lte")
    parser.add_argument("--modules", action="store_true", help="the heap by module, not by package")
    chosen = parser.parse_args()
    return 0 if show(chosen.board, chosen.modules) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SetupError as error:
        sys.exit("image: %s" % error)
