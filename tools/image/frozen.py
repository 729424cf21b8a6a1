# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a board's `manifest.py` freezes of this repository, whether anything that it imports is missing, and
whether anything in it would change a class that lies in flash.

The manifest is written for MicroPython's makemanifest.py, and is run here without MicroPython's sources.
makemanifest.py gets another one, which takes our modules as toolchain/constants.py has left them.
"""

import ast
import contextlib
import os
import types
from pathlib import Path
from typing import TypeGuard

from toolchain import constants
from toolchain.layout import ROOT

# What MicroPython brings along on the RP2040 as it is configured here: `help("modules")` on the board, less
# what is frozen of ours.
BUILT_IN = frozenset(
    (
        "_asyncio",
        "_onewire",
        "_rp2",
        "_thread",
        "array",
        "asyncio",
        "binascii",
        "builtins",
        "cmath",
        "collections",
        "cryptolib",
        "deflate",
        "errno",
        "framebuf",
        "gc",
        "hashlib",
        "heapq",
        "io",
        "json",
        "lwip",
        "machine",
        "math",
        "micropython",
        "network",
        "os",
        "platform",
        "random",
        "re",
        "rp2",
        "select",
        "socket",
        "struct",
        "sys",
        "time",
        "tls",
        "uctypes",
        "vfs",
    )
)

# The same of the ESP32, as far as we import it.
_BUILT_IN_ESP32 = (BUILT_IN - {"_rp2", "lwip", "rp2"}) | {"esp32"}

# What every board's manifest includes.
SHARED_MANIFEST = ROOT / "boards" / "manifest_files.py"

# Where imports of the firmware are looked up on the host.
_SEARCHED = (ROOT, ROOT / "firmware")


def boards() -> list[str]:
    """Those that have an image."""
    return sorted(path.parent.name for path in ROOT.glob("boards/*/mpconfigboard.cmake"))


def described() -> list[str]:
    """Those that have a manifest: an image could be made of MicroPython's own sources at least."""
    return sorted(path.parent.name for path in ROOT.glob("boards/*/manifest.py"))


def built_in(board: str) -> frozenset[str]:
    """What MicroPython brings along on the board's chip."""
    return BUILT_IN if port(board) == "rp2" else _BUILT_IN_ESP32


def port(board: str) -> str:
    """MicroPython's, of the board's chip: "rp2" or "esp32"."""
    return _run(board)[3]


def board_folder(board: str) -> Path:
    return ROOT / "boards" / board


def manifest(board: str) -> Path:
    return board_folder(board) / "manifest.py"


def files(board: str) -> dict[str, Path]:
    """What is frozen of ours: the name in the image ("evse/guard.py") and the file that it is made of."""
    return _run(board)[0]


def build_manifest(board: str, folder: Path) -> str:
    """A manifest for makemanifest.py that takes from `folder` what is ours, by its names in the image, and
    what is MicroPython's from where the board's own manifest has it."""
    found, theirs, level, _ = _run(board)
    ours = "freeze(%r, %r, opt=%r)" % (str(folder), tuple(sorted(found)), level)
    return "\n".join((*theirs, ours, ""))


def _run(board: str) -> tuple[dict[str, Path], list[str], int | None, str]:
    """The board's manifest and those that it includes: what they freeze of ours, their calls for what is
    MicroPython's, the level of optimization, the same for all, and the name of the board's port."""
    found: dict[str, Path] = {}
    theirs: list[str] = []
    levels: set[int | None] = set()
    ports: set[str] = set()
    folder = board_folder(board)

    def add(base: str, names, opt) -> None:
        levels.add(opt)
        for name in names:
            found[os.path.normpath(name)] = Path(os.path.normpath(folder / base / name))

    def package(name, files, base_path=".", opt=None):
        add(base_path, [os.path.join(name, file) for file in files], opt)

    def freeze(path, script, opt=None):
        add(path, [script] if isinstance(script, str) else script, opt)

    def of_micropython(function):
        def noted(*arguments, **options):
            listed = [repr(one) for one in arguments] + ["%s=%r" % option for option in options.items()]
            theirs.append("%s(%s)" % (function, ", ".join(listed)))

        return noted

    def include(path, **options):
        nonlocal folder
        if path.startswith("$("):
            of_micropython("include")(path, **options)
            return
        ports.add(options["chip"])
        before = folder
        path = Path(os.path.normpath(folder / path))
        folder = path.parent
        run(path, options)
        folder = before

    functions = {
        "include": include,
        "module": of_micropython("module"),
        "package": package,
        "freeze": freeze,
    }

    def run(path: Path, options) -> None:
        with contextlib.chdir(path.parent):  # like makemanifest.py
            code = compile(path.read_text(), str(path), "exec")
            exec(code, {**functions, "options": types.SimpleNamespace(**options)})

    run(manifest(board), {})
    (level,) = levels
    (port,) = ports
    return found, theirs, level, port


def missing(frozen: dict[str, Path], built_in: frozenset[str] = BUILT_IN) -> list[str]:
    """What cannot be imported on the board: "evse/guard.py: hal.ticks" for each. Imports in functions count
    too; those within `try: ... except ImportError` do not."""
    modules = {constants.dotted(name) for name in frozen}
    packages = {module.rpartition(".")[0] for module in modules} | modules
    lacking = []
    for name, path in frozen.items():
        for wanted, parts in _imports(ast.parse(path.read_text())):
            if wanted.partition(".")[0] in built_in:
                continue
            if wanted not in packages:
                lacking.append("%s: %s" % (name, wanted))
            for part in parts:
                module = "%s.%s" % (wanted, part)
                if module not in modules and _is_module(module):
                    lacking.append("%s: %s" % (name, module))
    return sorted(set(lacking))


def _imports(tree: ast.AST):
    """(module, names taken from it) of every import that must succeed."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, ()
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", tuple(alias.name for alias in node.names)
        elif isinstance(node, ast.Try) and any(_catches_import_error(one) for one in node.handlers):
            for part in (*node.handlers, *node.orelse, *node.finalbody):
                yield from _imports(part)
        else:
            yield from _imports(node)


def _catches_import_error(handler: ast.ExceptHandler) -> bool:
    return isinstance(handler.type, ast.Name) and handler.type.id == "ImportError"


def _is_module(dotted: str) -> bool:
    path = dotted.replace(".", "/")
    return any((base / path).is_dir() or (base / (path + ".py")).is_file() for base in _SEARCHED)


def changed_classes(frozen: dict[str, Path]) -> list[str]:
    """What would not do on the board what the source says, because classes lie in flash: "evse/guard.py:12:
    why" for each.

    A class stays in RAM if `Name.member = value` is anywhere in its own module (toolchain/mends/
    rom_objects.patch); whether it would otherwise, for what it holds, is not asked here. Not followed: a
    class that is an argument (of a decorator too), or a member of something under another name.
    """
    trees = {name: ast.parse(path.read_text()) for name, path in frozen.items()}
    in_ram = {name: _assigned(tree) for name, tree in trees.items()}
    in_flash = set().union(*(_classes(tree) - in_ram[name] for name, tree in trees.items()))
    found = []
    for name, tree in trees.items():
        lines = dict.fromkeys(_made_again(tree), "one class, however often it is made")
        lines.update(dict.fromkeys(_changing(tree, in_flash - in_ram[name]), "a class in flash is changed"))
        found += ["%s:%d: %s" % (name, line, why) for line, why in sorted(lines.items())]
    return found


def _classes(tree: ast.AST) -> set[str]:
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def _assigned(tree: ast.AST) -> set[str]:
    """Names of classes that bytecode, which is what is looked at, assigns a member of by their name."""
    overlooked: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.AugAssign):
            overlooked.add(node.target)
        elif isinstance(node, ast.FunctionDef) and any(map(_to_machine_code, node.decorator_list)):
            overlooked.update(ast.walk(node))
    stores = (node for node in ast.walk(tree) if _is_change(node, ast.Store) and node not in overlooked)
    names = {node.value.id for node in stores if isinstance(node.value, ast.Name)}
    return names & _classes(tree)


def _to_machine_code(decorator: ast.expr) -> bool:
    return ast.unparse(decorator).startswith("micropython.")


def _is_change(node: ast.AST, how) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and isinstance(node.ctx, how)


def _changing(tree: ast.AST, in_flash: set[str]) -> set[int]:
    """Lines that give a member of a class another value, or delete it."""
    names = {"cls"} | in_flash  # those of attributes are in_flash only
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names if alias.name in in_flash}
        for target, value in _bound(node):
            if isinstance(target, ast.Name) and _is_class(value, in_flash, in_flash):
                names.add(target.id)
    lines = set()
    for node in ast.walk(tree):
        if _is_change(node, ast.Store | ast.Del):
            owner = node.value
        elif isinstance(node, ast.Call) and node.args and ast.unparse(node.func) in ("setattr", "delattr"):
            owner = node.args[0]
        else:
            continue
        if _is_class(owner, names, in_flash):
            lines.add(node.lineno)
    return lines


def _is_class(node: ast.AST, names: set[str], attributes: set[str]) -> bool:
    if isinstance(node, ast.IfExp):
        return any(_is_class(one, names, attributes) for one in (node.body, node.orelse))
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) == "type"
    if isinstance(node, ast.Attribute):
        return node.attr in attributes or node.attr == "__class__"
    return isinstance(node, ast.Name) and node.id in names


def _bound(node: ast.AST):
    """(target, value) of what a statement gives names to."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                yield from zip(target.elts, node.value.elts, strict=False)
            yield target, node.value
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value:
        yield node.target, node.value
    elif isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Tuple | ast.List):
        for value in node.iter.elts:
            yield node.target, value


def _made_again(tree: ast.AST) -> set[int]:
    """Lines of classes in what may run more than once: there is one object for each."""
    repeated = ast.FunctionDef | ast.AsyncFunctionDef | ast.For | ast.While
    around = [node for node in ast.walk(tree) if isinstance(node, repeated)]
    return {node.lineno for one in around for node in ast.walk(one) if isinstance(node, ast.ClassDef)}
