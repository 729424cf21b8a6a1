# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""MicroPython for a plain Pico as it is downloaded, with nothing of ours in it: for the tests of the
installer. From the same sources as our images, into `build/image/stock`; it needs what `make image` sets up.

    PYTHONPATH=tools build/venv/bin/python -m image.stock

It has what MicroPython's own manifest freezes, but for the packages of micropython-lib, which Debian leaves
out. The faults that tools/toolchain/mends takes out of the port are mended in it too.
"""

import shutil
import sys
from pathlib import Path

from image import build
from toolchain import port_sources
from toolchain.layout import SetupError, fresh

FOLDER = build.IMAGES / "stock"
IMAGE = FOLDER / "firmware.uf2"

_NAME = "RPI_PICO"
_MANIFEST = """
freeze("$(PORT_DIR)/modules")
include("$(MPY_DIR)/extmod/asyncio")
"""


def make(say) -> Path:
    """The image; built when it is not there, or of other sources. SetupError."""
    sources, stamp = port_sources.versions(), FOLDER / "made-with"
    if sources is None:
        raise SetupError('the compiler is not set up: run "make image".')
    made_with = sources + _MANIFEST
    if IMAGE.exists() and stamp.exists() and stamp.read_text() == made_with:
        return IMAGE
    say("building MicroPython for a plain Pico")
    FOLDER.mkdir(parents=True, exist_ok=True)
    manifest = FOLDER / "manifest.py"
    manifest.write_text(_MANIFEST)
    tree, log = fresh(FOLDER / "cmake"), FOLDER / "build.log"
    log.unlink(missing_ok=True)
    folder = port_sources.MICROPYTHON / "ports" / "rp2" / "boards" / _NAME
    build.run(log, *build.configuration(_NAME, folder, manifest, tree))
    build.run(log, str(build.VENV / "bin" / "ninja"), "-C", str(tree), "firmware")
    build.uf2(log, tree / "firmware.bin", FOLDER / "new.uf2")
    (FOLDER / "new.uf2").rename(IMAGE)
    stamp.write_text(made_with)
    shutil.rmtree(tree)
    return IMAGE


if __name__ == "__main__":
    try:
        make(lambda line: print("image:", line))
    except SetupError as error:
        sys.exit("image: %s" % error)
