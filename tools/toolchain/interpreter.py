# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Which MicroPython runs the firmware on the host: the fetched ones, else one on PATH, else the one the user
names."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from toolchain.layout import BUILD, SetupError

OLDEST = (1, 24)
OVERRIDE = "PILOTLIGHT_MICROPYTHON"
WHAT_TO_INSTALL = (
    'MicroPython 1.24 or newer is needed: install it so that "micropython" is on PATH'
    " (macOS: brew install micropython), or name its executable in " + OVERRIDE + "."
)

# Prints nothing that a MicroPython older than OLDEST lacks. _mpy: bits 0-7 the version, 8-9 the sub-version
# of .mpy.
_QUESTION = """
import sys
i = sys.implementation
try:
    import ffi, uctypes, vfs
    image = int(hasattr(vfs, "VfsRom"))
except ImportError:
    image = 0
print(i[0], i[1][0], i[1][1], 64 if sys.maxsize > 1 << 32 else 32, getattr(i, "_mpy", 0) & 0x3FF, image)
"""
_MPY_6_3 = 6 | 3 << 8

# Written when set-up has done what it can: its text says where MicroPython comes from.
STAMP = BUILD / "micropython.stamp"


class Interpreter:
    """path: the executable. version: (major, minor). bits: 32 or 64. loads_mpy: our .mpy files work with it.
    runs_image: it can run them in place from a mapped ROMFS image (MicroPython 1.25, with ffi)."""

    def __init__(self, path: Path, version: tuple, bits: int, loads_mpy: bool, runs_image: bool):
        self.path = path
        self.version = version
        self.bits = bits
        self.loads_mpy = loads_mpy
        self.runs_image = runs_image

    def __str__(self):
        return "MicroPython %d.%d, %d-bit (%s)" % (*self.version, self.bits, self.path)


def fetched_folder(bits: int) -> Path:
    """Where set-up puts a MicroPython, complete or not at all."""
    return BUILD / ("micropython%d" % bits)


def probe(path: Path) -> Interpreter | None:
    """Ask the executable what it is; None when it does not run or is not MicroPython."""
    try:
        answer = subprocess.run(
            [str(path), "-c", _QUESTION], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10
        )
        name, major, minor, bits, mpy, image = answer.stdout.split()
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return None
    if name != "micropython":
        return None
    loads_mpy = int(mpy) == _MPY_6_3
    return Interpreter(path, (int(major), int(minor)), int(bits), loads_mpy, loads_mpy and image == "1")


def remember(folder: Path, interpreter: Interpreter) -> None:
    """Write what `fetched` reads, so that a start of the charger need not ask again."""
    facts = {
        "version": interpreter.version,
        "bits": interpreter.bits,
        "loads_mpy": interpreter.loads_mpy,
        "runs_image": interpreter.runs_image,
    }
    (folder / "interpreter.json").write_text(json.dumps(facts))


def fetched(bits: int) -> Interpreter | None:
    folder = fetched_folder(bits)
    try:
        facts = json.loads((folder / "interpreter.json").read_text())
        return Interpreter(
            folder / "micropython",
            tuple(facts["version"]),
            facts["bits"],
            facts["loads_mpy"],
            facts["runs_image"],
        )
    except (OSError, KeyError):  # absent, or left by a set-up that asked less
        return None


def on_path() -> Interpreter | None:
    found = shutil.which("micropython")
    interpreter = probe(Path(found)) if found else None
    return interpreter if interpreter and interpreter.version >= OLDEST else None


def find(bits: int | None = None) -> Interpreter:
    """The interpreter to use. bits: 32 or 64 insists; None prefers 32, the size of the boards' objects.

    Raises SetupError with one sentence when there is none.
    """
    named = os.environ.get(OVERRIDE)
    if named:
        interpreter = probe(Path(named))
        if interpreter is None or interpreter.version < OLDEST:
            raise SetupError("%s=%s is not a MicroPython 1.24 or newer." % (OVERRIDE, named))
        candidates = [interpreter]
    elif not STAMP.exists():
        raise SetupError('MicroPython is not set up: run "make setup" first.')
    else:
        candidates = [found for found in (fetched(32), fetched(64)) if found]
        if not candidates:
            candidates = [found for found in (on_path(),) if found]
    for interpreter in candidates:
        if bits in (None, interpreter.bits):
            return interpreter
    if candidates:
        raise SetupError("there is no %d-bit MicroPython here, only %s." % (bits, candidates[0]))
    raise SetupError(WHAT_TO_INSTALL)
