# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Modules that are needed once, at the start: 3 KB of the heap for the rest of the charger's life."""

import sys

# A frozen module has no folder, and where MicroPython saves on that no `__file__`. Only of those the names
# have to go one by one: the functions of frozen modules lie in flash and know where their module keeps its
# names, so nobody can tell when these are of no use any more (tools/toolchain/mends/rom_objects.patch). A
# module from a file goes with its last function.
_FROZEN = globals().get("__file__", "once.py") == "once.py"


def forget(*names: str) -> None:
    """These modules are garbage from now on. Frozen, their functions must not be called any more, whoever has
    them; who imports one again gets a new one."""
    for name in names:
        module = sys.modules.pop(name, None)
        package, _, last = name.rpartition(".")
        if package in sys.modules and hasattr(sys.modules[package], last):
            delattr(sys.modules[package], last)
        if _FROZEN and module is not None:
            module.__dict__.clear()
