# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The firmware as a board carries it: a read-only image from which MicroPython runs the bytecode in place.

On a board the code is frozen or lies in a ROMFS partition; loaded from files instead it takes twice the heap
(figures: docs/development.md). So the simulated board has a ROMFS too, `build/firmware.romfs`, mapped into
the process by `boards/sim/flash.py`.
"""

import importlib
import sys
from pathlib import Path

from toolchain.layout import BUILD, MPY, ROOT, VENV

IMAGE = BUILD / "firmware.romfs"
_STARTER = ROOT / "boards" / "sim" / "flash.py"


def write() -> Path:
    """Make the image from `build/mpy`; who runs from the older one keeps it. Call with the lock of
    `bytecode` held.
    """
    new = IMAGE.with_suffix(".new")
    new.write_bytes(of(MPY))
    new.rename(IMAGE)
    return IMAGE


def entry(path: Path, in_flash: int) -> list[str]:
    """How MicroPython is told to start from the image `path`; `in_flash`: see `toolchain.loaded`."""
    return [str(_STARTER), str(path), str(in_flash)]


def of(folder: Path) -> bytes:
    """The image of all .mpy files in `folder`."""
    writer = _romfs().VfsRomWriter()
    _add(writer, folder)
    return bytes(writer.finalise())


def _add(writer, folder: Path) -> None:
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            writer.opendir(entry.name)
            _add(writer, entry)
            writer.closedir()
        elif entry.suffix == ".mpy":
            writer.mkfile(entry.name, entry.read_bytes())


def _romfs():
    """mpremote's writer of ROMFS images, from the virtual environment: the launcher runs on any Python."""
    packages = str(next(VENV.glob("lib/python3.*/site-packages")))
    sys.path.append(packages)
    try:
        return importlib.import_module("mpremote.romfs")
    finally:
        sys.path.remove(packages)
