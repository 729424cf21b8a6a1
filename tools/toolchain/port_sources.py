# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Fetch the sources of MicroPython for the RP2040, and of what it is linked with, from Debian packages into
`build/micropython-source`.

Once: 16 MB to download, 154 MB on the disk, 10 s. A release of MicroPython carries lwIP, Mbed TLS, TinyUSB
and the Pico SDK as git submodules; Debian's archive of it has empty folders there, and packages of each.
"""

import hashlib
import re
import shutil
import tarfile
from pathlib import Path

from toolchain import apt, patches
from toolchain.layout import BUILD, SetupError, fresh, put_in_place

FOLDER = BUILD / "micropython-source"
MICROPYTHON = FOLDER / "micropython"

_STAMP = "versions"

# What is mended in MicroPython; each says why.
_PATCHES = sorted((Path(__file__).parent / "mends").glob("*.patch"))

# Source packages, and packages that hold sources: where in them.
_ORIGINAL = ("micropython", "lwip", "mbedtls")
_PACKAGED = {"pico-sdk": "usr/src/pico-sdk", "tinyusb": "usr/src/tinyusb"}


def fetch(say) -> None:
    """Bring the sources into `build/micropython-source`, or raise SetupError. say: called with a line of
    progress."""
    if versions():
        return
    if not apt.available():
        raise SetupError("the image's sources are Debian packages, and there is no apt on this machine.")
    say("fetching the sources of MicroPython through apt, 16 MB")
    work = fresh(BUILD / "apt")
    state = apt.debian(work, sources=True)
    new = fresh(FOLDER.with_suffix(".new"))
    found = [_original(state, name, new) for name in _ORIGINAL]
    found += [_packaged(state, name, new) for name in _PACKAGED]
    _link(new)
    for patch in _PATCHES:
        patches.apply(patch, new / "micropython")
    (new / _STAMP).write_text("".join("%s %s\n" % row for row in found) + _mended())
    put_in_place(new, FOLDER)
    shutil.rmtree(work)


def versions() -> str | None:
    """What is there, "name version" in a line for each, and with which of our patches; None: nothing is
    fetched, or it has others."""
    try:
        text = (FOLDER / _STAMP).read_text()
    except OSError:
        return None
    return text if text.endswith(_mended()) else None


def _mended() -> str:
    digest = hashlib.sha256(b"".join(patch.read_bytes() for patch in _PATCHES))
    return "patches %s\n" % digest.hexdigest()[:12]


def _original(state: apt.PrivateApt, name: str, new: Path) -> tuple[str, str]:
    archive = state.original(name, fresh(new / "archive"))
    version = re.fullmatch(r"[^_]+_(.+)\.orig\.tar\.\w+", archive.name)
    unpacked = fresh(new / "unpacked")
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked)  # its checksum was signed by Debian: apt has seen to that
    tops = list(unpacked.iterdir())
    if version is None or len(tops) != 1:
        raise SetupError("Debian's source package of %s is not laid out as expected" % name)
    tops[0].rename(new / name)
    shutil.rmtree(unpacked)
    shutil.rmtree(archive.parent)
    return name, version.group(1)


def _packaged(state: apt.PrivateApt, name: str, new: Path) -> tuple[str, str]:
    root = fresh(new / "unpacked")
    (deb,) = state.extract(name + "-source", root)
    if not (root / _PACKAGED[name]).is_dir():
        raise SetupError("Debian's package %s-source is not laid out as expected" % name)
    (root / _PACKAGED[name]).rename(new / name)
    shutil.rmtree(root)
    return name, deb.split("_")[1]


def _link(new: Path) -> None:
    """Where MicroPython looks for the others, relative: the folder is going to be renamed."""
    libraries = new / "micropython" / "lib"
    for name in (*_ORIGINAL[1:], *_PACKAGED):
        (libraries / name).rmdir()
        (libraries / name).symlink_to(Path("../..") / name)
    # CMake looks for it. Nothing of micropython-lib is frozen, so it need not be there.
    (libraries / "micropython-lib").mkdir(exist_ok=True)
    (libraries / "micropython-lib" / "README.md").touch()
