# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`hal.contract` as a measure: fakes made of it, a strict cover for other parts, and what its implementations
lack.

Nothing is written down a second time: classes, methods, parameters and attributes are read from the contract.
"""

import ast
import inspect
import re
from dataclasses import dataclass, field
from pathlib import Path

from hal import contract
from host_tests.fakes import stubs
from toolchain.layout import ROOT

KINDS = {
    name: kind
    for name, kind in vars(contract).items()
    if inspect.isclass(kind) and kind.__module__ == contract.__name__
}
_MARK = re.compile(r"\bA `hal\.contract\.(\w+)`")


def methods(kind: str) -> dict:
    """name -> function of the contract's class."""
    return {name: value for name, value in vars(KINDS[kind]).items() if inspect.isfunction(value)}


def attributes(kind: str) -> set[str]:
    return set(KINDS[kind].__annotations__)


def bound_signature(function) -> inspect.Signature:
    """Without self."""
    signature = inspect.signature(function)
    return plain_signature(signature.replace(parameters=list(signature.parameters.values())[1:]))


def plain_signature(signature: inspect.Signature) -> inspect.Signature:
    """Without annotations, which implementations need not repeat."""
    parameters = signature.parameters.values()
    return inspect.Signature([one.replace(annotation=inspect.Parameter.empty) for one in parameters])


class Strict:
    """`part` seen through the contract's class `kind`: any other attribute, method or call is an
    AssertionError."""

    def __init__(self, kind: str, part):
        object.__setattr__(self, "_kind", kind)
        object.__setattr__(self, "_part", part)

    def __getattr__(self, name):
        kind, part = self._kind, self._part
        if name in attributes(kind):
            return getattr(part, name)
        if name not in methods(kind):
            raise AssertionError("hal.contract.%s has no %s" % (kind, name))
        function = getattr(part, name)
        if function is None:  # power_fails of a board that has no such input
            return None
        signature = bound_signature(methods(kind)[name])

        def call(*arguments, **keywords):
            try:
                signature.bind(*arguments, **keywords)
            except TypeError as error:
                raise AssertionError("%s.%s%s: %s" % (kind, name, signature, error)) from None
            return function(*arguments, **keywords)

        return call

    def __setattr__(self, name, value):
        raise AssertionError("hal.contract.%s: nobody sets %s" % (self._kind, name))


class Fake:
    """A part that does nothing by itself: `answers` has what its methods return, `calls` what was asked of
    it."""

    def __init__(self, kind: str, answers: dict):
        unknown = set(answers) - set(methods(kind)) - attributes(kind)
        assert not unknown, "hal.contract.%s has no %s" % (kind, ", ".join(sorted(unknown)))
        self.kind = kind
        self.answers = dict(answers)
        self.calls = []
        for name in attributes(kind) & set(answers):
            setattr(self, name, answers[name])
        for name, function in methods(kind).items():
            setattr(self, name, self._method(name, function))

    def _method(self, name, function):
        def call(*arguments, **keywords):
            self.calls.append((name, *arguments, *keywords.values()))
            if name in self.answers:
                return self.answers[name]
            if inspect.signature(function).return_annotation is not None:
                raise AssertionError("what does %s.%s answer?" % (self.kind, name))
            return None

        async def call_later(*arguments, **keywords):
            return call(*arguments, **keywords)

        return call_later if inspect.iscoroutinefunction(function) else call


def fake(kind: str, **answers) -> tuple[Strict, Fake]:
    """(what the firmware gets, what the test holds)."""
    held = Fake(kind, answers)
    return Strict(kind, held), held


@dataclass
class Implementation:
    """A class that says in its docstring that it is a `hal.contract.KIND`."""

    kind: str
    path: Path
    name: str
    methods: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=dict)
    attributes: set[str] = field(default_factory=set)

    def __str__(self):
        return "%s:%s as %s" % (self.path.relative_to(ROOT), self.name, self.kind)

    def problems(self) -> list[str]:
        """What it lacks of the contract, or has otherwise."""
        found = []
        for name, function in methods(self.kind).items():
            if name in self.attributes:
                continue  # a function bound at construction
            if name not in self.methods:
                found.append("no method %s" % name)
                continue
            mine = self.methods[name]
            if isinstance(mine, ast.AsyncFunctionDef) != inspect.iscoroutinefunction(function):
                found.append("%s: a coroutine here, none there" % name)
            signature = bound_signature(function)
            own = stubs.signature_of(mine, bound=True)
            if str(own) != str(signature):
                found.append("%s%s instead of %s" % (name, own, signature))
        return found + ["no attribute %s" % name for name in attributes(self.kind) - self.attributes]


def part_problems(kind: str, part) -> list[str]:
    """As `Implementation.problems`, of an object: whatever it is made of."""
    found = []
    for name, function in methods(kind).items():
        own = getattr(part, name, None)
        if own is None:
            if hasattr(part, name):
                continue  # Board.power_fails, without such an input
            found.append("no method %s" % name)
        elif inspect.iscoroutinefunction(own) != inspect.iscoroutinefunction(function):
            found.append("%s: a coroutine here, none there" % name)
        elif plain_signature(inspect.signature(own)) != bound_signature(function):
            found.append("%s%s instead of %s" % (name, inspect.signature(own), bound_signature(function)))
    return found + ["no attribute %s" % name for name in attributes(kind) if not hasattr(part, name)]


def implementations(package: str) -> list[Implementation]:
    """Those in hal/PACKAGE."""
    found = []
    for path in sorted((ROOT / "hal" / package).rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef):
                kinds = _MARK.findall(ast.get_docstring(node) or "")
                found += [_implementation(kind, path, node) for kind in kinds if kind in KINDS]
    return found


def _implementation(kind, path, node):
    found = Implementation(kind, path, node.name)
    for member in node.body:
        if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
            found.methods[member.name] = member
            targets = [target for inner in ast.walk(member) for target in _targets(inner)]
            found.attributes |= {target.attr for target in targets if _of_self(target)}
        found.attributes |= {target.id for target in _targets(member) if isinstance(target, ast.Name)}
    return found


def _of_self(target):
    return isinstance(target, ast.Attribute) and getattr(target.value, "id", "") == "self"


def _targets(node):
    if isinstance(node, ast.AnnAssign):
        return [node.target]
    if not isinstance(node, ast.Assign):
        return []
    plain = []
    for target in node.targets:
        plain += target.elts if isinstance(target, ast.Tuple) else [target]
    return plain
