# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a module of MicroPython offers on a chip, read from its stub (.pyi) in build/typings_<chip>.

The stubs hold what was found on the chip and what the documentation says. A name of the documentation that
the chip has not is left out here: a constant that is not Final, a method of another port (`mp_available`).
"""

import ast
import functools
import inspect
from dataclasses import dataclass, field

from toolchain.layout import BUILD

CHIPS = ("esp32", "rp2")


@dataclass
class Routine:
    """signatures: one, or one per overload, without self or cls. loose: the stub says (*args, **kwargs)
    only."""

    name: str
    signatures: list[inspect.Signature] = field(default_factory=list)
    loose: bool = False

    def check(self, arguments: tuple, keywords: dict) -> None:
        """TypeError when no overload takes these."""
        for signature in self.signatures:
            try:
                signature.bind(*arguments, **keywords)
            except TypeError:
                continue
            return
        called = [repr(argument) for argument in arguments]
        called += ["%s=%r" % item for item in keywords.items()]
        offered = " or ".join(self.name + str(signature) for signature in self.signatures)
        raise TypeError("%s(%s): the stub has %s" % (self.name, ", ".join(called), offered))


@dataclass
class Class:
    name: str
    constants: dict[str, object] = field(default_factory=dict)
    methods: dict[str, Routine] = field(default_factory=dict)


@dataclass
class Module:
    name: str
    constants: dict[str, object] = field(default_factory=dict)
    functions: dict[str, Routine] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)


@functools.cache
def read(chip: str, name: str) -> Module:
    """The stub of module `name` on `chip`. FileNotFoundError: no such module there."""
    folder = BUILD / ("typings_" + chip)
    path = folder / (name + ".pyi")
    if not path.exists():
        path = folder / name / "__init__.pyi"
    module = Module(name)
    _body(ast.parse(path.read_text()).body, chip, module.constants, module.functions, module.classes)
    return module


def _body(statements, chip, constants, routines, classes):
    for statement in statements:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            _constant(statement, constants)
        elif isinstance(statement, ast.FunctionDef):
            _routine(statement, chip, routines, in_class=classes is None)
        elif isinstance(statement, ast.ClassDef) and classes is not None:
            # Some classes come in two pieces.
            found = classes.setdefault(statement.name, Class(statement.name))
            methods = {}
            _body(statement.body, chip, found.constants, methods, None)
            for name, method in methods.items():
                found.methods.setdefault(name, method)


def _constant(statement, constants):
    # What was found on the chip is Final and has its value.
    if ast.unparse(statement.annotation).startswith("Final"):
        constants[statement.target.id] = ast.literal_eval(statement.value)


def _routine(statement, chip, routines, in_class):
    static = False
    for decorator in statement.decorator_list:
        if isinstance(decorator, ast.Name) and decorator.id == "staticmethod":
            static = True
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "mp_available":
            ports = [ast.literal_eval(word.value) for word in decorator.keywords if word.arg == "port"]
            if ports and chip not in ports[0]:
                return
    routine = routines.setdefault(statement.name, Routine(statement.name))
    signature = signature_of(statement, in_class and not static)
    routine.signatures.append(signature)
    kinds = [parameter.kind for parameter in signature.parameters.values()]
    routine.loose = kinds == [inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD]


def signature_of(statement: ast.FunctionDef | ast.AsyncFunctionDef, bound: bool) -> inspect.Signature:
    """Of a function in source text; `bound`: without its first parameter."""
    given = statement.args
    parameters = []
    positional = [*given.posonlyargs, *given.args]
    without_default = len(positional) - len(given.defaults)
    for index, argument in enumerate(positional):
        only = index < len(given.posonlyargs)
        kind = inspect.Parameter.POSITIONAL_ONLY if only else inspect.Parameter.POSITIONAL_OR_KEYWORD
        default = inspect.Parameter.empty
        if index >= without_default:
            default = _default(given.defaults[index - without_default])
        parameters.append(inspect.Parameter(argument.arg, kind, default=default))
    if given.vararg:
        parameters.append(inspect.Parameter(given.vararg.arg, inspect.Parameter.VAR_POSITIONAL))
    for argument, value in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        default = inspect.Parameter.empty if value is None else _default(value)
        parameters.append(inspect.Parameter(argument.arg, inspect.Parameter.KEYWORD_ONLY, default=default))
    if given.kwarg:
        parameters.append(inspect.Parameter(given.kwarg.arg, inspect.Parameter.VAR_KEYWORD))
    return inspect.Signature(parameters[1:] if bound else parameters)


def _default(expression):
    try:
        return ast.literal_eval(expression)
    except ValueError:
        return ...
