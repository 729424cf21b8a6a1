# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Fetch the compiler for the boards' processors, arm-none-eabi-gcc with newlib, from Debian packages into
`build/arm`.

From one Debian release on every machine, not from the machine's own: the same sources make the same image
everywhere, to the byte. Once, 14 packages: 116 MB to download, 150 MB on the disk, 15 s.
"""

import os
import shutil
import subprocess
from pathlib import Path

from toolchain import apt
from toolchain.layout import BUILD, SetupError, fresh, put_in_place

FOLDER = BUILD / "arm"

_PREFIX = "usr/bin/arm-none-eabi-"
_STAMP = "fetched"

# What of its libraries is kept, those of the RP2040's processor; all of them are 900 MB.
_VARIANT = "thumb/v6-m/nofp"
_UNUSED = ("etc", "usr/share", "usr/bin/*-lto-dump", "usr/lib/gcc/*/*/lto1", "usr/lib/gcc/*/*/plugin")

# Each program is started through Debian's own loader, like MicroPython (unix_port.py). gcc finds its parts,
# which are wrapped in the same way, from the name it is called by.
_WRAPPER = """#!/bin/sh
root="${0%%/*}/%s"
exec "$root/%s" --library-path "$root/%s" --argv0 "$0" "$0.elf" "$@"
"""


def fetch(say) -> None:
    """Bring the compiler into `build/arm`, or raise SetupError. say: called with a line of progress."""
    if version():
        return
    if not apt.available():
        raise SetupError(
            "the compiler for the image is a Debian package, and there is no apt on this machine."
        )
    say("fetching the compiler for the image through apt, 116 MB")
    work = fresh(BUILD / "apt")
    state = apt.debian(work)
    new = fresh(BUILD / "arm.new")
    names = state.extract("gcc-arm-none-eabi", new, dependencies=True)
    names += state.extract("libnewlib-arm-none-eabi", new, dependencies=True)
    _slim(new)
    # What update-alternatives does when the package is installed.
    (new / "usr/lib/arm-none-eabi/lib").symlink_to("newlib")
    (new / "usr/lib/arm-none-eabi/include").symlink_to("../../include/newlib")
    _wrap_programs(new)
    _try(new)
    own = [name for name in names if "arm-none-eabi" in name]
    (new / _STAMP).write_text("".join("%s\n" % name for name in sorted(set(own))))
    put_in_place(new, FOLDER)
    shutil.rmtree(work)


def version() -> str | None:
    """Which packages are there, a line for each; None: they are not fetched."""
    try:
        return (FOLDER / _STAMP).read_text()
    except OSError:
        return None


def program(name: str) -> Path:
    """One of the compiler's programs: "gcc", "nm", "size", ..."""
    return FOLDER / (_PREFIX + name)


def _slim(root: Path) -> None:
    for pattern in _UNUSED:
        for path in root.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    aside = root / "kept"
    for parent in (*root.glob("usr/lib/gcc/arm-none-eabi/*"), root / "usr/lib/arm-none-eabi/newlib"):
        kept = parent / _VARIANT
        if not kept.is_dir():
            raise SetupError("Debian's compiler is not laid out as expected: no %s" % kept.relative_to(root))
        kept.rename(aside)
        for family in ("arm", "thumb"):
            shutil.rmtree(parent / family)
        kept.parent.mkdir(parents=True)
        aside.rename(kept)


def _wrap_programs(root: Path) -> None:
    loader = next((path for path in root.rglob("ld-linux*.so.*") if not path.is_symlink()), None)
    libraries = next((path.parent for path in root.rglob("libc.so.6")), None)
    if loader is None or libraries is None:
        raise SetupError("Debian's C library is not laid out as expected")
    for pattern in (_PREFIX + "*", "usr/lib/arm-none-eabi/bin/*", "usr/lib/gcc/arm-none-eabi/*/*"):
        for path in sorted(root.glob(pattern)):
            if path.is_symlink() or not _is_program(path):
                continue
            path.rename(path.with_name(path.name + ".elf"))
            up = os.path.relpath(root, path.parent)
            path.write_text(_WRAPPER % (up, loader.relative_to(root), libraries.relative_to(root)))
            path.chmod(0o755)


def _is_program(path: Path) -> bool:
    if not path.is_file() or not os.access(path, os.X_OK) or ".so" in path.name:
        return False
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def _try(root: Path) -> None:
    """Compile and link something: all its parts are found, and run on this machine."""
    command = [str(root / (_PREFIX + "gcc")), "-mcpu=cortex-m0plus", "-mthumb", "--specs=nosys.specs"]
    done = subprocess.run(
        [*command, "-x", "c", "-", "-o", str(root / "tried")],
        input="#include <stdlib.h>\nint main(void) { return abs(-1); }\n",
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SetupError("Debian's compiler does not work on this machine: %s" % done.stderr.strip())
    (root / "tried").unlink()
