# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Modules that go when they have done their work."""

import sys

import once
from host_tests.unit.scratch import Scratch, write

_TEXT = b"""
def word():
    return text
text = "needed once"
"""


class _Package:
    """As much of one as `forget` sees."""


def _forgotten(frozen):
    """The package that is left, and a function of the module that was in it."""
    with Scratch() as folder:
        write(folder + "/for_once_inner.py", _TEXT)
        sys.path.insert(0, folder)
        import for_once_inner  # pyright: ignore[reportMissingImports]

        sys.path.pop(0)
    package = _Package()
    package.inner = module = for_once_inner  # pyright: ignore[reportAttributeAccessIssue]
    word = module.word
    assert word() == "needed once"
    before = once._FROZEN
    del sys.modules["for_once_inner"]
    sys.modules["for_once"] = package  # pyright: ignore[reportArgumentType]
    sys.modules["for_once.inner"] = module
    once._FROZEN = frozen
    try:
        once.forget("for_once.inner", "for_once.never", "nor_this")
        assert "for_once.inner" not in sys.modules and "for_once" in sys.modules
    finally:
        once._FROZEN = before
        sys.modules.pop("for_once.inner", None)
        del sys.modules["for_once"]
    return package, word


def test_neither_its_package_nor_anybody_else_has_it_any_more():
    package, word = _forgotten(False)
    assert not hasattr(package, "inner")
    assert word() == "needed once"  # who has one of its functions may go on calling it


def test_of_a_frozen_one_not_even_its_names_stay():
    _, word = _forgotten(True)
    try:
        word()
    except NameError:
        return
    raise AssertionError("it still knows its names")


def test_from_a_file_it_is_not_frozen():
    assert not once._FROZEN
