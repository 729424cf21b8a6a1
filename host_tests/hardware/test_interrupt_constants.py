# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the guard's interrupt runs has no constant that allocates once it is frozen.

mpy-tool.py freezes an integer in a tuple of constants as a large one when it does not fit into 14 bits,
whatever the board's small integers are; arithmetic with it allocates, and in the interrupt that is an
exception. `a, b = 7800, 10200` is such a tuple. On the unix port, which freezes nothing, no test would see
it.
"""

import ast
from pathlib import Path

import pytest

from toolchain.layout import ROOT

MODULES = (
    "firmware/evse/guard.py",
    "firmware/evse/pilot.py",
    "firmware/evse/ticker.py",
    "hal/ticks.py",
    "hal/parts/lamp.py",
    "hal/parts/lock.py",
    "hal/parts/pins.py",
    "hal/parts/wired.py",
    "hal/rp2/board.py",
    "hal/rp2/dead_man.py",
    "hal/rp2/pilot.py",
    "hal/rp2/register.py",
    "hal/rp2/sampler.py",
)
_MOST = 0x1FFF  # mp_small_int_fits of mpy-tool.py


def large_constants(source: str) -> list[int]:
    """The lines of functions with a tuple of constants that holds a large one."""
    found = []
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Tuple) and all(_is_constant(item) for item in node.elts):
                values = [ast.literal_eval(item) for item in node.elts]
                if any(isinstance(value, int) and not -_MOST - 1 <= value <= _MOST for value in values):
                    found.append(node.lineno)
    return found


def _is_constant(node: ast.AST) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("path", MODULES)
def test_no_tuple_of_large_constants(path):
    found = large_constants((ROOT / path).read_text())
    # `in (0, 10000)` of `Sampler.set_duty` is only compared with, and not in the interrupt.
    allowed = {"hal/rp2/sampler.py": 1}.get(path, 0)
    assert len(found) <= allowed, found


def test_one_that_is_there_is_found():
    assert large_constants("def f():\n    a, b = 7800, 10200\n") == [2]
    assert large_constants("def f():\n    a, b = -9000, 1\n") == [2]
    assert not large_constants("def f():\n    a, b = 7800, 8191\n    c = 10200\n")
    assert Path(ROOT / MODULES[0]).is_file()
