# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Constants in the places of their names, in all modules of an image at once, or of the simulated
board.

A constant of a module costs 8 bytes of the heap, in each module that imports it as well, and a look-up in a
hash table wherever it is used. MicroPython has `const()` for that, for names with an underscore and within
one module; the sources would not run on CPython any more. This does it before they are compiled, with public
names and across modules too, and leaves every line where it was: tracebacks tell the lines of the sources.

What counts as a constant: a name in capitals, bound once, at the top of a module, to an integer, a string or
a short tuple of those, made of literals and of other constants. Its name stays if anything might still ask
for it: an attribute of that name of who knows what, or the name in a string. What is given a value by a
string (`setattr`) is none; and nothing is folded where any name may get another value, in a module with `from
x import *`, `exec` or `globals`. Not seen: a computed name of a computed module, `setattr(sys.modules[x], y,
z)`.
"""

import ast
import operator
from collections import deque
from collections.abc import Callable, Iterator, Sequence

_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}

# A longer tuple is frozen once, and not wherever it is used. (MicroPython makes a constant of a tuple of
# literals, but not of a tuple with a name in it.)
_LONGEST_TUPLE = 8

Value = int | str | tuple
Names = set[tuple[str | None, str]]  # of modules: (module, name)
Place = tuple[int, int, int, int]  # line and column of the first byte, and of that behind the last

# What a module may do when it is imported, so that an import of nothing but its constants can be left out:
_DEFINITIONS = ast.Assign | ast.AnnAssign | ast.Import | ast.ImportFrom | ast.If | ast.Pass
_DEFINITIONS |= ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_HARMLESS_CALLS = ("bytearray", "bytes", "dict", "frozenset", "hasattr", "int", "len", "list", "object")
_HARMLESS_CALLS += ("property", "range", "set", "str", "tuple")
_HARMLESS_DECORATORS = ("classmethod", "property", "staticmethod", "micropython.native", "micropython.viper")

# Instead of a statement that is left out: a suite may not be empty.
_NOTHING = "pass"


def dotted(name: str) -> str:
    """By which a file of the image is imported."""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def folded(sources: dict[str, str]) -> dict[str, str]:
    """The text of each module, by its name in the image ("evse/guard.py"), with the same number of lines."""
    modules = {dotted(name): _Module(name, text) for name, text in sources.items()}
    for changed in [one for module in modules.values() for one in module.changed(modules)]:
        changed.know_nothing()
    fixed = set().union(*(module.fixed for module in modules.values()))
    for module in modules.values():
        for name in fixed:
            module.once.pop(name, None)
            module.constants[name] = None
    for module in modules.values():
        module.put(modules)
    asked = set().union(*(module.asked for module in modules.values()))
    kept, known = set(), None
    while kept != known:  # what is kept for an import that is kept
        known = kept
        kept = set().union(*(module.kept_imports(modules, known, asked) for module in modules.values()))
    for module in modules.values():
        module.drop_imports(modules, kept, asked)
        module.drop_constants(kept, asked)
    return {name: modules[dotted(name)].text() for name in sources}


class _Module:
    """
    once       name: the expression that it is bound to, of names bound once and at the top of the module
    imported   name: (module, name there), of names that are nothing but that
    aliases    name: module that it is
    constants  name: value, or None for a name that is none, as far as it is known
    fixed      names that stay names: attributes of whatever that are given a value, or deleted, also by a
               string; and what is compared by identity
    asked      names that something still asks for after `put`: in this module, or by attribute anywhere
    """

    def __init__(self, name: str, text: str):
        self.name = dotted(name)
        self._package = self.name if name.endswith("/__init__.py") else self.name.rpartition(".")[0]
        self._lines = text.splitlines(keepends=True)
        self._tree = ast.parse(text)
        self._edits: list[tuple[Place, str]] = []
        self.once: dict[str, ast.expr] = {}
        self.imported: dict[str, tuple[str, str]] = {}
        self.aliases: dict[str, str] = {}
        self.constants: dict[str, Value | None] = {}
        self.asked: set[str] = set()
        self.fixed: set[str] = set()
        self._used: set[str] = set()
        self._open = False  # any name may be given another value
        self._set_by_variable: set[str] = set()  # in that way as well: names of what may be modules
        self._bind()

    def _bind(self) -> None:
        nodes = list(ast.walk(self._tree))
        self._imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
        bound: dict[str, list[object]] = {}
        for name, what in _bindings(nodes, self._origin):
            bound.setdefault(name, []).append(what)
        for statement in self._tree.body:
            target = _target(statement)
            if target and target.isupper() and len(bound[target]) == 1:
                self.once[target] = statement.value  # pyright: ignore[reportAttributeAccessIssue]
        for node in nodes:
            if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
                self.fixed.add(node.attr)
            elif isinstance(node, ast.Compare) and any(isinstance(op, ast.Is | ast.IsNot) for op in node.ops):
                sides = (node.left, *node.comparators)
                self.fixed |= {side.id for side in sides if isinstance(side, ast.Name)}
                self.fixed |= {side.attr for side in sides if isinstance(side, ast.Attribute)}
            else:
                self._note_odd_ways(node)
        for name, found in bound.items():
            if len(set(found)) == 1 and isinstance(found[0], tuple):
                module, there = found[0]
                if there is None:
                    self.aliases[name] = module
                else:
                    self.imported[name] = module, there

    def _note_odd_ways(self, node: ast.AST) -> None:
        """In which a name may be given a value, or lose it."""
        if isinstance(node, ast.ImportFrom):
            self._open = self._open or any(alias.name == "*" for alias in node.names)
        elif isinstance(node, ast.Name):
            self._open = self._open or node.id in ("exec", "eval", "globals")
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute):
            if node.value.attr == "__dict__" and isinstance(node.slice, ast.Constant):
                self.fixed.add(str(node.slice.value))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id not in ("setattr", "delattr") or len(node.args) < 2:
                return
            whose, name = node.args[:2]
            if isinstance(name, ast.Constant):
                self.fixed.add(str(name.value))
            elif isinstance(whose, ast.Name):
                self._set_by_variable.add(whose.id)

    def changed(self, modules: dict[str, "_Module"]) -> list["_Module"]:
        """Those of which this one may give any name another value."""
        found = [self._module_of(name, modules) for name in self._set_by_variable]
        return [module for module in (*found, self if self._open else None) if module]

    def know_nothing(self) -> None:
        self.once.clear()
        self.imported.clear()
        self.aliases.clear()

    def _origin(self, node: ast.ImportFrom) -> str | None:
        """The module that it imports from; None if there are more dots than packages."""
        if not node.level:
            return node.module
        parts = self._package.split(".") if self._package else []
        if node.level > len(parts):
            return None
        parts = parts[: len(parts) - node.level + 1]
        return ".".join([*parts, node.module] if node.module else parts)

    def _module_of(self, name: str, modules: dict[str, "_Module"]) -> "_Module | None":
        """The module that `name` stands for here."""
        if name in self.imported:
            return modules.get("%s.%s" % self.imported[name])
        return modules.get(self.aliases.get(name, ""))

    def put(self, modules: dict[str, "_Module"]) -> None:
        """Note what is to be replaced; what is left over is asked for."""
        done: set[ast.AST] = set()
        for node in _from_outside(self._tree):
            if isinstance(node, ast.JoinedStr):  # where things lie in it, Python tells since 3.12
                inside = set(ast.walk(node)) - {node}
                self._used |= {one.id for one in inside if isinstance(one, ast.Name)}
                self.asked |= {one.attr for one in inside if isinstance(one, ast.Attribute)}
                done |= inside
            elif node in done or not isinstance(node, ast.Name | ast.Attribute | ast.Constant):
                continue
            elif isinstance(node, ast.Constant):
                if isinstance(node.value, str):
                    self.asked.add(node.value)
            elif isinstance(node.ctx, ast.Load):
                value = self.constant(node, modules)
                if value is not None:
                    self._replace(
                        node, "(%r)" % value if isinstance(value, int) and value < 0 else repr(value)
                    )
                    done |= set(ast.walk(node))
                elif isinstance(node, ast.Name):
                    self._used.add(node.id)
                else:
                    self.asked.add(node.attr)

    def constant(self, node: ast.Name | ast.Attribute, modules: dict[str, "_Module"]) -> Value | None:
        """What a name, or an attribute of a module, stands for, if that is a constant."""
        if isinstance(node, ast.Name):
            return _value(modules, self, node.id)
        owner = self._module_of(node.value.id, modules) if isinstance(node.value, ast.Name) else None
        return _value(modules, owner, node.attr) if owner else None

    def kept_imports(self, modules: dict[str, "_Module"], kept: Names, asked: set[str]) -> Names:
        """Those that are not left out. kept: those known of all modules."""
        return {
            (self._origin(node), alias.name)
            for node in self._imports
            for alias in self._kept(node, modules, kept, asked)
        }

    def drop_imports(self, modules: dict[str, "_Module"], kept: Names, asked: set[str]) -> None:
        """Note which are to be left out."""
        for node in self._imports:
            stay = self._kept(node, modules, kept, asked)
            if not stay:
                self._replace(node, _NOTHING)
            elif len(stay) < len(node.names):
                where = "." * node.level + (node.module or "")
                what = ", ".join(ast.unparse(alias) for alias in stay)
                self._replace(node, "from %s import %s" % (where, what))

    def drop_constants(self, kept: Names, asked: set[str]) -> None:
        """Note which are to be left out: nothing asks for them, by any import or attribute."""
        for statement in self._tree.body:
            name = _target(statement)
            if name is None or self.constants.get(name) is None or name in asked | self._used:
                continue
            if (self.name, name) not in kept and (self.name, "*") not in kept:
                self._replace(statement, _NOTHING)

    def _only_defines(self, body: list[ast.stmt], modules: dict[str, "_Module"], seen: set[str]) -> bool:
        """Running it does nothing that would be missed, nor does what it imports. seen: modules not to be
        looked at again."""
        for node in _run_at_import(body):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for name in self._modules_run(node):
                    module = modules.get(name)
                    if module and name not in seen:
                        seen.add(name)
                        if not module._only_defines(module._tree.body, modules, seen):
                            return False
            elif not _harmless(node):
                return False
        return True

    def _modules_run(self, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        """Names of modules that an import runs, packages before what is in them, and others that are none."""
        wanted = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            wanted = ["%s.%s" % (self._origin(node), name) for name in wanted]
        for name in wanted:
            parts = name.split(".")
            yield from (".".join(parts[: end + 1]) for end in range(len(parts)))

    def _kept(
        self, node: ast.ImportFrom, modules: dict[str, "_Module"], kept: Names, asked: set[str]
    ) -> list[ast.alias]:
        """What stays of an import: all of it if it would be nothing, but does something."""
        stay = [alias for alias in node.names if not self._needless(alias, kept, asked)]
        return stay if stay or self._only_defines([node], modules, set()) else node.names

    def _needless(self, alias: ast.alias, kept: Names, asked: set[str]) -> bool:
        name = alias.asname or alias.name
        if name not in self.imported or self.constants.get(name) is None:
            return False
        if name in asked or name in self._used:
            return False
        return (self.name, name) not in kept and (self.name, "*") not in kept

    def text(self) -> str:
        """With what was noted: bytes, as the columns of the syntax tree are."""
        whole = [place for place, text in self._edits if text == _NOTHING]
        edits = [
            (place, text) for place, text in self._edits if text == _NOTHING or not _within(place, whole)
        ]
        lines = [line.encode() for line in self._lines]
        for (first, begin, last, end), text in sorted(edits, reverse=True):
            tail = lines[last][end:]
            lines[first] = lines[first][:begin] + text.encode() + (b"\n" if first < last else tail)
            for line in range(first + 1, last + 1):
                lines[line] = b"\n"
            if first < last:
                lines[last] = tail
        return b"".join(lines).decode()

    def _replace(self, node: ast.expr | ast.stmt, text: str) -> None:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        self._edits.append(
            ((node.lineno - 1, node.col_offset, node.end_lineno - 1, node.end_col_offset), text)
        )


def _value(modules: dict[str, _Module], module: _Module, name: str) -> Value | None:
    """Of what `name` stands for in `module`, if it is a constant."""
    if name in module.constants:
        return module.constants[name]
    module.constants[name] = None  # in case it leads back to itself
    value = None
    if name in module.once:
        value = _computed(modules, module, module.once[name])
    elif name in module.imported:
        there, wanted = module.imported[name]
        if there in modules:
            value = _value(modules, modules[there], wanted)
    module.constants[name] = value
    return value


def _computed(modules: dict[str, _Module], module: _Module, node: ast.expr) -> Value | None:
    if isinstance(node, ast.Constant):
        value = node.value
    elif isinstance(node, ast.Name | ast.Attribute):
        value = module.constant(node, modules)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _computed(modules, module, node.operand)
        value = -value if isinstance(value, int) else None
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _computed(modules, module, node.left), _computed(modules, module, node.right)
        if not isinstance(left, int) or not isinstance(right, int):
            return None
        value = _OPERATORS[type(node.op)](left, right)
    elif isinstance(node, ast.Tuple) and 0 < len(node.elts) <= _LONGEST_TUPLE:
        items = [_item(modules, module, element) for element in node.elts]
        return tuple(item[0] for item in items if item) if all(items) else None
    else:
        return None
    return value if type(value) is int or isinstance(value, str | tuple) else None


def _item(modules: dict[str, _Module], module: _Module, node: ast.expr) -> tuple | None:
    """(value,) of an element of a tuple: one of the singletons as well."""
    if isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool)):
        return (node.value,)
    value = _computed(modules, module, node)
    return None if value is None or isinstance(value, tuple) else (value,)


def _target(statement: ast.stmt) -> str | None:
    """The one name that a statement gives a value to."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign) and statement.value:
        target = statement.target
    else:
        return None
    return target.id if isinstance(target, ast.Name) else None


def _bindings(
    nodes: list[ast.AST], origin: Callable[[ast.ImportFrom], str | None]
) -> Iterator[tuple[str, object]]:
    """Every binding of every name among all nodes of a module, whatever its scope: (name, how). A name that
    is bound once in all of them means the same everywhere. how: (module, name there or None) for an import,
    else something that is equal to nothing else. origin: the module that an import is from."""
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id, object()
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, object()
        elif isinstance(node, ast.arg):
            yield node.arg, object()
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name, object()
        elif isinstance(node, ast.Global | ast.Nonlocal):
            for name in node.names:
                yield name, object()
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    yield alias.asname, (alias.name, None)
                elif "." not in alias.name:
                    yield alias.name, (alias.name, None)
                else:
                    yield alias.name.partition(".")[0], object()
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield alias.asname or alias.name, (origin(node), alias.name)


def _from_outside(tree: ast.AST) -> list[ast.AST]:
    """All nodes, those from the outside first, but for annotations, which MicroPython leaves out."""
    return list(_nodes([tree], lambda node: ("annotation", "returns")))


def _run_at_import(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """What is run when a module with this body is imported: of functions, decorators and default values."""
    functions = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    left_out = "annotation", "returns"
    return _nodes(body, lambda node: (*left_out, "body") if isinstance(node, functions) else left_out)


def _nodes(begin: Sequence[ast.AST], without: Callable[[ast.AST], tuple[str, ...]]) -> Iterator[ast.AST]:
    rest = deque(begin)
    while rest:
        node = rest.popleft()
        yield node
        left_out = without(node)
        for field, value in ast.iter_fields(node):
            if field not in left_out:
                items = value if isinstance(value, list) else [value]
                rest += [item for item in items if isinstance(item, ast.AST)]


def _harmless(node: ast.AST) -> bool:
    """Of one that is run when its module is imported. Those below it are looked at by themselves."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id in _HARMLESS_CALLS
    if isinstance(node, ast.Attribute | ast.Subscript | ast.Starred | ast.List):
        return isinstance(node.ctx, ast.Load)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return all(ast.unparse(decorator) in _HARMLESS_DECORATORS for decorator in node.decorator_list)
    return isinstance(node, _DEFINITIONS) or not isinstance(node, ast.stmt)


def _within(place: Place, others: list[Place]) -> bool:
    return any(other[:2] <= place[:2] and place[2:] <= other[2:] for other in others)
