# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the frozen modules take of the heap when they are imported, on the emulated board."""

import json
import re
from pathlib import Path

from emulator.emulated import Emulated

# From the ground up: what a package imports is loaded before it, and counted where it is.
_ORDER = ("asyncio", "log", "hal", "store", "evse", "station", "net", "ocpp16")

# Runs on the board. The list is what the figures themselves take: it is made before the first.
_MEASURE = """
import gc, json, micropython
def used():
    gc.collect()
    return gc.mem_alloc()
figures = [0] * %(count)d
def load(names):
    for name in names:
        __import__(name)
figures[0] = used()
for number, names in enumerate(%(groups)s):
    load(names)
    figures[number + 1] = used()
gc.collect()
print(json.dumps([figures, gc.mem_free()]))
micropython.mem_info()
"""


class Heap:
    """Bytes.

    after_boot     in use when only the console runs
    imported       (name, what importing this package and all of its modules has added), in order
    in_use, free   at the end, after a collection
    largest        the largest free block then
    """

    def __init__(self, figures: list[int], names: list[str], free: int, largest: int):
        self.after_boot = figures[0]
        self.imported = [(name, b - a) for name, a, b in zip(names, figures, figures[1:], strict=False)]
        self.in_use = figures[-1]
        self.free = free
        self.largest = largest


def measure(folder: Path, by_module: bool = False) -> Heap:
    """Boot the image in `folder`, and import everything of ours, package by package or module by module.

    SetupError: there is no emulator; EmulatorError: it ended, or something cannot be imported.
    """
    groups = _groups((folder / "modules").read_text().splitlines())
    if by_module:
        groups = {module: [module] for modules in groups.values() for module in modules}
    code = _MEASURE % {"count": len(groups) + 1, "groups": repr(list(groups.values()))}
    with Emulated(folder / "firmware.uf2") as emulated:
        emulated.wait_for_usb()
        said = emulated.exec(code)
    line = next(line for line in said.splitlines() if line.startswith("["))
    figures, free = json.loads(line)
    blocks = re.search(r"max free sz: (\d+)", said)
    if blocks is None:
        raise ValueError("mem_info says nothing of the largest block: %s" % said)
    return Heap(figures, list(groups), free, int(blocks[1]) * 16)


def _groups(modules: list[str]) -> dict[str, list[str]]:
    """The modules of each package, and those that are in none as "the rest"."""
    found: dict[str, list[str]] = {name: [] for name in (*_ORDER, "the rest")}
    found["asyncio"].append("asyncio")
    for module in modules:
        package = module.partition(".")[0]
        # _boot has run; main comes last, it imports all the others.
        if module not in ("_boot", "main"):
            found[package if package in found else "the rest"].append(module)
    found["the rest"].append("main")
    return found
