# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""tools/toolchain/constants.py: constants in the places of their names, and nothing else changed."""

import ast

import pytest

from image import frozen
from toolchain import constants


def folded(**texts: str) -> dict[str, str]:
    """By module, lines without what was left out."""
    found = constants.folded({name + ".py": text for name, text in texts.items()})
    for name, text in texts.items():
        assert found[name + ".py"].count("\n") == text.count("\n")
    return {name[:-3]: text for name, text in found.items()}


def test_a_constant_is_put_where_its_name_was_and_the_name_goes():
    text = "_LIMIT_MS = 9\n_MORE = _LIMIT_MS * 2 + 1\n\ndef f(x):\n    return x > _MORE or x == _LIMIT_MS\n"
    assert folded(a=text)["a"] == "pass\npass\n\ndef f(x):\n    return x > 19 or x == 9\n"


def test_across_modules_by_name_and_by_module():
    texts = folded(
        a="KIND = 'x'\nOTHER = 1 << 4\ndef f(): pass\n",
        b="from a import KIND, f\nimport a\ndef g(): return f, KIND, a.OTHER\n",
    )
    assert texts["a"] == "pass\npass\ndef f(): pass\n"
    assert texts["b"] == "from a import f\nimport a\ndef g(): return f, 'x', 16\n"


def test_short_tuples_of_constants_are_constants_too():
    text = "A = 1 << 31\nB = (A, None, True)\nTABLE = (('x', B), ('y', B))\n"
    b = "(2147483648, None, True)"
    assert folded(a=text)["a"] == "pass\npass\nTABLE = (('x', %s), ('y', %s))\n" % (b, b)


def test_an_import_of_constants_only_is_left_out():
    assert folded(a="ONE = 1\n", b="def f():\n    from a import ONE\n    return ONE\n")["b"] == (
        "def f():\n    pass\n    return 1\n"
    )


def test_a_module_that_does_something_is_imported_all_the_same():
    text = "from a import ONE\nprint(ONE)\n"
    assert folded(a="ONE = 1\nprint()\n", b=text)["b"] == "from a import ONE\nprint(1)\n"


@pytest.mark.parametrize(
    "text",
    [
        "X = 1\nX = 2\nprint(X)\n",  # twice
        "X = 1\ndef f():\n    global X\n    X = 2\nprint(X)\n",
        "X = 1\ndef f(X):\n    return X\n",  # another X
        "X = 1\nprint([X for X in Y])\n",
        "X = 1\nclass C:\n    X = 2\n",
        "X = 1\nX += 1\nprint(X)\n",
        "if Y:\n    X = 1\nprint(X)\n",  # not always
        "X = f()\nprint(X)\n",
        "X = object()\nprint(Y is X)\n",
        "X = 1.5\nprint(X)\n",
        "X = True\nprint(X)\n",
        "X = (1, [2])\nprint(X)\n",
        "X = (1, 2, 3, 4, 5, 6, 7, 8, 9)\nprint(X)\n",  # too long to be everywhere
        "X = [1]\nprint(X)\n",
        "X = 'identity'\nprint(Y is X)\n",
        "import m\nX = 1\nm.X = 2\nprint(X)\n",  # m may be this one
        "X = Y\nY = X\nprint(X, Y)\n",
        "level = 1\nprint(level)\n",  # somebody may set it
    ],
)
def test_what_is_no_constant_stays(text):
    assert folded(a=text)["a"] == text


@pytest.mark.parametrize("asks", ["print(thing.ONE)", "getattr(thing, 'ONE')", "print(f'{ONE}')"])
def test_a_name_that_may_be_asked_for_stays(asks):
    text = "ONE = 1\nprint(ONE)\n%s\n" % asks
    assert folded(a=text)["a"] == "ONE = 1\nprint(1)\n%s\n" % asks


@pytest.mark.parametrize(
    "does",
    [
        "import reg\nreg.HANDLERS['plug'] = len\n",
        "import reg\nreg.plug = len\n",
        "import reg\nreg.HANDLERS['plug'], OTHER = len, 2\n",
        "import reg\nOTHER = reg.register(len)\n",
        "from reg import register\n@register\ndef f(): pass\n",
        "from reg import register\ndef f(x=register()): pass\n",
        "from reg import register\nclass C:\n    x = register()\n",
        "from reg import register\nclass C(register()): pass\n",
        "from reg import register\nif register(): OTHER = 2\n",
        "import other\n",  # which does something
        "import package.inner\n",
        "from package import inner\n",
    ],
)
def test_a_module_whose_import_has_an_effect_is_imported_all_the_same(does):
    text = "from a import ONE\nprint(ONE)\n"
    found = constants.folded(
        {
            "a.py": "ONE = 1\n" + does,
            "b.py": text,
            "other.py": "print()\n",
            "package/__init__.py": "print()\n",
            "package/inner.py": "X = 1\n",
        }
    )
    assert found["b.py"] == "from a import ONE\nprint(1)\n"
    assert found["a.py"] == "ONE = 1\n" + does


@pytest.mark.parametrize(
    "defines",
    [
        "A, (B, C) = 2, (3, 4)\n",
        "ROOM = bytearray(8)\nNAMES = frozenset(('x', 'y'))\n",
        "class C(Exception):\n    'text'\n    @property\n    def x(self):\n        return print()\n",
        "import time\nif hasattr(time, 'ticks_ms'):\n    def f(): return print()\nelse:\n    f = None\n",
        "import b\n",  # and that imports this
        "F = lambda: print()\n",
        "def f(x: print() = 2) -> print(): pass\n",  # MicroPython leaves them out
    ],
)
def test_an_import_of_what_only_defines_is_left_out(defines):
    texts = folded(a="ONE = 1\n" + defines, b="from a import ONE\nX = (ONE, [])\n")
    assert texts["b"] == "pass\nX = (1, [])\n"


@pytest.mark.parametrize(
    "text",
    [
        "A = 1\nfrom z import *\nprint(A)\n",
        "from y import A\nfrom z import *\nprint(A)\n",
        "import y\nfrom z import *\nprint(y.A)\n",
        "A = 1\nexec(input())\nprint(A)\n",
        "A = 1\nprint(A, eval(input()))\n",
        "A = 1\nglobals()[input()] = 2\nprint(A)\n",
        "A = 1\nglobals()['A'] = 2\nprint(A)\n",
        "A = 1\nglobals().update(A=2)\nprint(A)\n",
    ],
)
def test_nothing_is_folded_where_any_name_may_be_given_another_value(text):
    texts = folded(k=text, y="A = 3\n", z="A = 2\n", user="import k\nfrom k import A\nprint(A, k.A)\n")
    assert texts["k"] == text
    assert texts["y"] == "A = 3\n"
    assert texts["user"] == "import k\nfrom k import A\nprint(A, k.A)\n"


@pytest.mark.parametrize(
    "text",
    [
        "import a\nsetattr(a, 'A', 9)\nprint(a.A)\n",
        "import a\ndelattr(a, 'A')\nprint(a.A)\n",
        "import sys, a\nsetattr(sys.modules['a'], 'A', 9)\nprint(a.A)\n",
        "import a\ndef f(name):\n    setattr(a, name, 9)\nprint(a.A)\n",
        "import a\na.__dict__['A'] = 9\nprint(a.A)\n",
    ],
)
def test_a_constant_that_is_set_by_its_name_is_none(text):
    texts = folded(a="A = 1\ndef f(): return A\n", b=text)
    assert texts == {"a": "A = 1\ndef f(): return A\n", "b": text}


def test_an_imported_name_that_is_set_by_its_name_is_none():
    texts = folded(a="A = 1\n", b="from a import A as B\nprint(B)\n", c="import b\nb.B = 2\n")
    assert texts["b"] == "from a import A as B\nprint(B)\n"
    assert texts["a"] == "A = 1\n"


def test_what_is_imported_for_others_stays():
    texts = folded(
        a="ONE = 1\nTWO = 2\n", b="from a import ONE, TWO\nx = TWO\n", c="from b import ONE\nx = f'{ONE}'\n"
    )
    assert texts == {
        "a": "ONE = 1\npass\n",
        "b": "from a import ONE\nx = 2\n",
        "c": "from b import ONE\nx = f'{ONE}'\n",
    }
    assert folded(a="ONE = 1\n", b="from a import ONE\n", c="from b import *\nprint(ONE)\n") == {
        "a": "ONE = 1\n",
        "b": "from a import ONE\n",
        "c": "from b import *\nprint(ONE)\n",
    }


def test_relative_imports_are_those_of_the_package():
    found = constants.folded(
        {
            "p/__init__.py": "from .r import BIG\nLIMIT = 7\nx = BIG\n",
            "p/q.py": "from . import LIMIT\nfrom .r import BIG, KEPT, f\nx = LIMIT + BIG, f'{KEPT}'\n",
            "p/r.py": "BIG = 3\nKEPT = 4\ndef f(): return BIG, KEPT\n",
            "p/s/t.py": "from ..r import BIG\nfrom .. import r\nx = BIG, r.BIG\n",
            "BIG.py": "from .r import BIG\nx = BIG\n",  # outside of any package
            "r.py": "BIG = 5\n",
        }
    )
    assert found["p/__init__.py"] == "pass\npass\nx = 3\n"
    assert found["p/q.py"] == "pass\nfrom .r import KEPT, f\nx = 7 + 3, f'{KEPT}'\n"
    assert found["p/r.py"] == "pass\nKEPT = 4\ndef f(): return 3, 4\n"
    assert found["p/s/t.py"] == "pass\nfrom .. import r\nx = 3, 3\n"
    assert found["BIG.py"] == "from .r import BIG\nx = BIG\n"


def test_a_name_that_an_importer_has_for_something_else_as_well_stays():
    texts = folded(a="ONE = 1\n", b="from a import ONE\nONE = 2\nprint(ONE)\n")
    assert texts == {"a": "ONE = 1\n", "b": "from a import ONE\nONE = 2\nprint(ONE)\n"}


def test_lines_and_order_of_operations_stay():
    text = "_A = -2\n_LONG = (\n    1 +\n    2\n)\nx = 'ä' + f(-_A, _A ** 2, _LONG)\nclass C: y = _A\n"
    result = folded(a=text)["a"]
    assert result == "pass\npass\n\n\n\nx = 'ä' + f(-(-2), (-2) ** 2, 3)\nclass C: y = (-2)\n"
    assert ast.literal_eval("(-2) ** 2".replace(" ** 2", "")) == -2


def test_annotations_ask_for_nothing():
    assert folded(a="_A = 1\ndef f(x: _A = _A) -> _A: pass\n")["a"] == "pass\ndef f(x: _A = 1) -> _A: pass\n"


@pytest.mark.parametrize("board", frozen.boards())
def test_of_the_firmware_hardly_a_number_has_a_name_left(board):
    sources = {name: path.read_text() for name, path in frozen.files(board).items()}
    before, after = (
        sum(map(numbers, texts)) for texts in (sources.values(), constants.folded(sources).values())
    )
    assert before > 200
    assert after < before // 10


@pytest.mark.parametrize("board", frozen.boards())
def test_the_table_of_configuration_keys_is_a_constant(board):
    """One name left in it, and it is made in RAM, with each of its rows that has one."""
    sources = {name: path.read_text() for name, path in frozen.files(board).items()}
    text = constants.folded(sources)["station/keys.py"]
    values = [statement.value for statement in ast.parse(text).body if isinstance(statement, ast.Assign)]
    (table,) = [value for value in values if isinstance(value, ast.Tuple) and len(value.elts) > 40]
    assert [node.id for node in ast.walk(table) if isinstance(node, ast.Name)] == []


def numbers(text: str) -> int:
    """Names of integers at the top of a module."""
    found = 0
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            found += type(statement.value.value) is int
    return found
