# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a board's `manifest.py` freezes of this repository, and whether anything that it imports is missing.

MicroPython's makemanifest.py runs the manifest when the image is built; here it is run without MicroPython's
sources.
"""

import ast
import contextlib
import os
from pathlib import Path

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

# Where imports of the firmware are looked up on the host.
_SEARCHED = (ROOT, ROOT / "firmware")


def boards() -> list[str]:
    """Those that have an image."""
    return sorted(path.parent.name for path in ROOT.glob("boards/*/mpconfigboard.cmake"))


def board_folder(board: str) -> Path:
    return ROOT / "boards" / board


def manifest(board: str) -> Path:
    return board_folder(board) / "manifest.py"


def files(board: str) -> dict[str, Path]:
    """What is frozen of ours: the name in the image ("evse/guard.py") and the file that it is made of."""
    folder, path = board_folder(board), manifest(board)
    found: dict[str, Path] = {}

    def add(base: str, names) -> None:
        for name in names:
            found[os.path.normpath(name)] = Path(os.path.normpath(folder / base / name))

    def package(name, files, base_path=".", opt=None):
        add(base_path, [os.path.join(name, file) for file in files])

    def freeze(path, script, opt=None):
        add(path, [script] if isinstance(script, str) else script)

    def of_micropython(*_names, **_options):
        """include, module: none of them is ours."""

    functions = {"package": package, "freeze": freeze, "include": of_micropython, "module": of_micropython}
    with contextlib.chdir(folder):  # like makemanifest.py
        exec(compile(path.read_text(), str(path), "exec"), functions)
    return found


def missing(frozen: dict[str, Path]) -> list[str]:
    """What cannot be imported on the board: "evse/guard.py: hal.ticks" for each. Imports in functions count
    too; those within `try: ... except ImportError` do not."""
    modules = {dotted(name) for name in frozen}
    packages = {module.rpartition(".")[0] for module in modules} | modules
    lacking = []
    for name, path in frozen.items():
        for wanted, parts in _imports(ast.parse(path.read_text())):
            if wanted.partition(".")[0] in BUILT_IN:
                continue
            if wanted not in packages:
                lacking.append("%s: %s" % (name, wanted))
            for part in parts:
                module = "%s.%s" % (wanted, part)
                if module not in modules and _is_module(module):
                    lacking.append("%s: %s" % (name, module))
    return sorted(set(lacking))


def dotted(name: str) -> str:
    """By which a file of the image is imported."""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


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
