# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Behaviour behind a stub: what the stub has not, the fake has not either, and every call is checked against
the stub before the behaviour sees it.

A violation is raised where it happens, and kept: firmware that swallows exceptions does not hide it from the
test (`Chip.installed` raises it again at the end).
"""

import functools
import types

from host_tests.fakes import stubs


class NotFaked(AssertionError):
    """The stub has it, the fake does not: the fake has to learn it before it can be tested."""


class FakeExceedsStub(AssertionError):
    """A fake that offers what the chip does not have would let wrong code pass."""


def checked(routine: stubs.Routine, function, violations: list, documented=()):
    """`function` behind the check; a `function` that is a method gets self first. `documented`: keywords that
    the documentation has and the stub lacks."""

    good = (
        set()
    )  # numbers of plain arguments that were found right: a burst asks for the time a thousand times

    @functools.wraps(function)
    def call(*arguments, **keywords):
        if keywords or len(arguments) not in good:
            try:
                known = {name: value for name, value in keywords.items() if name not in documented}
                routine.check(arguments[1:] if call.has_self else arguments, known)
            except TypeError as error:
                violations.append(error)
                raise
            if not keywords:
                good.add(len(arguments))
        return function(*arguments, **keywords)

    call.has_self = False
    return call


def strict_class(stub: stubs.Class, behaviour: type, chip) -> type:
    """A class with the behaviour's methods and the stub's constants; `_chip` is the chip it lives in."""
    members: dict = {**stub.constants, "_chip": chip, "_stub": stub}
    for owner in reversed(behaviour.__mro__[:-1]):
        for name, value in vars(owner).items():
            special = name in ("__init__", "__call__")
            if not callable(value) and not isinstance(value, staticmethod | classmethod):
                if not name.startswith("_"):
                    raise FakeExceedsStub("%s.%s: constants come from the stub" % (stub.name, name))
                continue
            if name.startswith("_") and not special:
                if not name.startswith("__"):
                    members[name] = value
                continue
            if name not in stub.methods:
                raise FakeExceedsStub("%s.%s is not in the stub" % (stub.name, name))
            documented = getattr(behaviour, "_documented_keywords", {}).get(name, ())
            members[name] = _member(stub.methods[name], value, chip.violations, documented)
    members["__getattr__"] = _missing(stub, getattr(behaviour, "_documented", ()))
    members["__setattr__"] = _only_private
    return type(stub.name, (), members)


def _member(routine, value, violations, documented):
    if isinstance(value, staticmethod):
        return staticmethod(checked(routine, value.__func__, violations, documented))
    if isinstance(value, classmethod):
        call = checked(routine, value.__func__, violations)
        call.has_self = True
        return classmethod(call)
    call = checked(routine, value, violations, documented)
    call.has_self = True
    return call


def _missing(stub, documented):
    def missing(self, name):
        if name in documented:
            return getattr(self, "_" + name)
        if name in stub.methods:
            raise NotFaked("%s.%s" % (stub.name, name))
        raise AttributeError("%s has no attribute %s" % (stub.name, name))

    return missing


def _only_private(self, name, value):
    # Objects of MicroPython that are written in C take no attributes; the fakes' own begin with a line.
    if not name.startswith("_"):
        raise AttributeError("%s takes no attribute %s" % (type(self).__name__, name))
    object.__setattr__(self, name, value)


def strict_module(chip, name: str, functions: dict, classes: dict) -> types.ModuleType:
    """functions: name -> function; classes: name -> behaviour, or a value of the fake's own."""
    stub = stubs.read(chip.name, name)
    module = _Module(name)
    module.__dict__["_stub"] = stub
    for constant, value in stub.constants.items():
        module.__dict__[constant] = value
    for function, value in functions.items():
        if function not in stub.functions:
            raise FakeExceedsStub("%s.%s is not in the stub" % (name, function))
        module.__dict__[function] = checked(stub.functions[function], value, chip.violations)
    for kind, behaviour in classes.items():
        if kind not in stub.classes:
            raise FakeExceedsStub("%s.%s is not in the stub" % (name, kind))
        module.__dict__[kind] = strict_class(stub.classes[kind], behaviour, chip)
    return module


class _Module(types.ModuleType):
    def __getattr__(self, name):
        stub = self.__dict__.get("_stub")
        if stub is not None and (name in stub.functions or name in stub.classes):
            raise NotFaked("%s.%s" % (stub.name, name))
        raise AttributeError("module %s has no attribute %s" % (self.__name__, name))
