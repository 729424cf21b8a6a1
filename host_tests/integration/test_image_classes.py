# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Classes of frozen modules lie in flash: nothing that is frozen may want to change one (docs/image.md)."""

from pathlib import Path

import pytest

from image import build, frozen
from toolchain.layout import SetupError

OTHERS = {
    "other.py": "class Other:\n    count = 0\n",
    "kept.py": "class Kept:\n    count = 0\nKept.count = 1\n",
}


def refused(folder: Path, text: str) -> list[str]:
    """Places in `text` behind a class, as a module a.py among others."""
    files = {}
    for name, content in {**OTHERS, "a.py": "class Class:\n    count = 0\n" + text}.items():
        files[name] = folder / name
        files[name].write_text(content)
    return [line.partition(": ")[0] for line in frozen.changed_classes(files)]


@pytest.mark.parametrize("board", frozen.boards())
def test_nothing_in_an_image_changes_a_class_in_flash(board):
    assert frozen.changed_classes(frozen.files(board)) == []


@pytest.mark.parametrize(
    "text",
    [
        "Class.count += 1\n",
        "del Class.count\n",
        "setattr(Class, 'count', 1)\n",
        "delattr(Class, 'count')\n",
        "kind = Class; kind.count = 1\n",
        "one, kind = 1, Class; kind.count = 1\n",
        "kind = Class if input() else None; kind.count = 1\n",
        "if kind := Class: kind.count = 1\n",
        "for kind in (Class, int): kind.count = 1\n",
        "def f(self): type(self).count = 1\n",
        "def f(self): type(self).count += 1\n",
        "def f(self): kind = type(self); kind.count = 1\n",
        "def f(self): self.__class__.count = 1\n",
        "def f(cls): cls.count = 1\n",
        "def f(cls): setattr(cls, 'count', 1)\n",
        "def f(self): setattr(type(self), 'count', 1)\n",
        "def f(self): self.Class.count = 1\n",
        "import a; a.Class.count = 1\n",
        "from other import Other; Other.count = 1\n",
        "from other import Other as Kind; Kind.count = 1\n",
        "from other import *; Other.count = 1\n",
        "import other; other.Other.count = 1\n",
    ],
)
def test_a_class_is_not_changed(tmp_path, text):
    assert refused(tmp_path, text) == ["a.py:3"]


def test_a_class_within_another_is_not_changed_from_outside(tmp_path):
    inner = "class Outer:\n    class Inner:\n        count = 0\n%sOuter.Inner.count = 1\n"
    assert refused(tmp_path, inner % "") == ["a.py:6"]
    assert refused(tmp_path, inner % "    Inner.count = 2\n") == []


def test_machine_code_does_not_keep_a_class_in_ram(tmp_path):
    for kind in ("native", "viper"):
        assert refused(tmp_path, "@micropython.%s\ndef f(): Class.count = 1\n" % kind) == ["a.py:4"]


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n  class C: pass\n",
        "async def f():\n  class C: pass\n",
        "class K:\n  def f(self):\n    class C: pass\n",
        "for _ in range(2):\n  class C: pass\n",
        "while input():\n  class C: pass\n",
    ],
)
def test_a_class_is_made_once(tmp_path, text):
    line = 3 + text[: text.index("class C")].count("\n")
    assert refused(tmp_path, text) == ["a.py:%d" % line]


@pytest.mark.parametrize(
    "text",
    [
        "Class.count = 1\n",
        "def f(): Class.count = 1\n",
        "Class.count, x = 1, 2\n",
        "Class.count = x = 2\n",
        "for Class.count in (1, 2): pass\n",
        # It is in RAM, so that anything goes:
        "Class.count = 1\ndel Class.count\n",
        "def f(): Class.count += 1\ndef g(): Class.count = 0\n",
        "kind = Class; kind.count = 1; Class.count = 2\n",
        "setattr(Class, 'count', 1); Class.count = 2\n",
        "import kept; kept.Kept.count = 2\n",
        "from kept import Kept; Kept.count += 2\n",
        # not of a class:
        "def f(self): self.count += 1; del self.count; setattr(self, 'count', 1)\n",
        "thing = Class(); thing.count = 1; setattr(thing, 'count', 2)\n",
        "kind = type(3); print(kind.count, Class.count, type(3).count)\n",
        "kind = type(3)\ndef f(self): self.kind.count = 1\n",
        "for thing in (Class(), Class()): thing.count = 1\n",
        "if input():\n  class C: pass\nelse:\n  class C: pass\n",
        "class K:\n  class C: pass\n",
    ],
)
def test_what_works_with_classes_in_flash_is_not_refused(tmp_path, text):
    assert refused(tmp_path, text) == []


def test_make_image_refuses_them(tmp_path, monkeypatch):
    bad = tmp_path / "bad.py"
    bad.write_text("class Class:\n    count = 0\n\n\ndel Class.count\n")
    monkeypatch.setattr(build, "IMAGES", tmp_path)
    monkeypatch.setattr(frozen, "files", lambda board: {"evse/bad.py": bad})
    with pytest.raises(SetupError, match=r"evse/bad\.py:5: "):
        build.build(frozen.boards()[0], print)
