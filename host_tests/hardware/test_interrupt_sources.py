# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the guard's interrupt runs, read as source: nothing that works on the unix port, and is an exception
in an interrupt of the frozen image.

Constants: mpy-tool.py freezes an integer in a tuple of constants as a large one when it does not fit into 14
bits, whatever the board's small integers are; arithmetic with it allocates. `a, b = 7800, 10200` is such a
tuple.

Names: while a dict grows, it is empty for a moment (mp_map_rehash of py/map.c), and an interrupt that looks a
name up then gets a NameError or AttributeError. So objects have all their attributes, and modules all their
names, before an interrupt begins.
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
    "hal/parts/buzzer.py",
    "hal/parts/indications.py",
    "hal/parts/lamp.py",
    "hal/parts/leds.py",
    "hal/parts/lock.py",
    "hal/parts/monitor.py",
    "hal/parts/pins.py",
    "hal/parts/wired.py",
    "hal/parts/ws2812.py",
    "hal/rp2/board.py",
    "hal/rp2/dead_man.py",
    "hal/rp2/pilot.py",
    "hal/rp2/pulses.py",
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


def late_names(source: str) -> list[str]:
    """Attributes that a class gets outside of `__init__` and what that calls, names that a module gets from a
    function."""
    found = []
    tree = ast.parse(source)
    for one in ast.walk(tree):
        if isinstance(one, ast.ClassDef):
            methods = {each.name: each for each in one.body if isinstance(each, ast.FunctionDef)}
            early = _at_the_beginning(methods)
            made = {name for method in early for name in _stored(methods[method])}
            late = {name for method in methods for name in _stored(methods[method])}
            found += sorted("%s.%s" % (one.name, name) for name in late - made)
    top = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.ClassDef)]
    names = {target.id for node in top for target in ast.walk(node) if _is_store(target, ast.Name)}
    for one in ast.walk(tree):
        if isinstance(one, ast.Global):
            found += [name for name in one.names if name not in names]
    return found


def _is_store(node, kind):
    return isinstance(node, kind) and isinstance(node.ctx, ast.Store)


def _is_self(node):
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"


def _stored(method):
    return {node.attr for node in ast.walk(method) if _is_store(node, ast.Attribute) and _is_self(node)}


def _at_the_beginning(methods):
    """`__init__`, and of the other methods those that it calls."""
    found, to_do = set(), ["__init__"]
    while to_do:
        name = to_do.pop()
        if name in found or name not in methods:
            continue
        found.add(name)
        to_do += [
            node.func.attr
            for node in ast.walk(methods[name])
            if isinstance(node, ast.Call) and _is_self(node.func) and isinstance(node.func, ast.Attribute)
        ]
    return found


@pytest.mark.parametrize("path", MODULES)
def test_no_dict_grows_beside_the_interrupt(path):
    assert late_names((ROOT / path).read_text()) == []


def test_a_name_that_comes_late_is_found():
    assert late_names("class A:\n def __init__(self):\n  self.a = 1\n def f(self):\n  self.b = 1\n") == [
        "A.b"
    ]
    assert late_names("class A:\n def __init__(self):\n  self.f()\n def f(self):\n  self.b = 1\n") == []
    assert late_names("def f():\n global a\n a = 1\n") == ["a"]
    assert late_names("a = 0\ndef f():\n global a\n a = 1\n") == []
