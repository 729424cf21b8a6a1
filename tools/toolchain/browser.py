# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Fetch headless Chromium, for the tests of pages, from Debian packages into `build/chromium`, with the
libraries and the font it needs.

Once, 88 packages: 124 MB to download, 307 MB on the disk, 10 s.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from xml.sax.saxutils import escape

from toolchain import apt
from toolchain.layout import BUILD, SetupError, fresh, put_in_place

OVERRIDE = "PILOTLIGHT_CHROMIUM"
WHAT_TO_INSTALL = (
    'Chromium is needed for the tests of pages: install it so that "chromium" is on PATH,'
    " or name its executable in " + OVERRIDE + "."
)

# Loopback and nothing else: no component, list or certificate is asked for behind a test's back.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-breakpad",
)

_FOLDER = BUILD / "chromium"
_STAMP = BUILD / "chromium.stamp"
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")

# What it depends on in name only: drivers of graphics cards (LLVM), programs for a desktop. apt is told that
# they are installed; 39 MB are not fetched. A newer release that calls them otherwise only costs more.
_UNNEEDED = ("libgl1-mesa-dri", "libllvm19", "x11-common", "x11-utils", "xdg-utils", "xkb-data")
_INSTALLED = """Package: %s
Status: install ok installed
Architecture: %s
Multi-Arch: same
Version: 99:0
Maintainer: nobody
Description: is not needed

"""
# What is removed after unpacking: 72 MB.
_UNUSED = ("usr/lib/chromium/libVkLayer*", "usr/lib/*/libgallium*", "usr/lib/*/gconv", "usr/share/doc")

# Chromium starts itself again through /proc/self/exe, for its renderers: the loader has to be written into
# it, it cannot be named on the command line. The libraries, Debian's C library among them, by environment:
# some of them lie where only they themselves look, by an absolute path.
_WRAPPER = """#!/bin/sh
here=${0%%/*}
libraries="$here/%s"
export LD_LIBRARY_PATH="$libraries:$libraries/pulseaudio"
export FONTCONFIG_FILE="$here/fonts.conf"
exec "$here/%s" "$@"
"""
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>%(folder)s/root/usr/share/fonts</dir>
  <cachedir>%(folder)s/fonts.cache</cachedir>
</fontconfig>
"""


def fetch(say) -> None:
    """Make `find` find something, or raise SetupError. say: called with a line of progress."""
    if os.environ.get(OVERRIDE):
        find()
        return
    if _STAMP.exists() and _usable(_STAMP.read_text()):
        return
    _STAMP.unlink(missing_ok=True)
    if apt.available():
        say("fetching Chromium for the tests of pages through apt, 124 MB")
        try:
            _from_packages()
            _STAMP.write_text(_fetched())
            return
        except SetupError as error:
            reason = str(error)
    else:
        reason = "there is no apt on this machine"
    found = _on_path()
    if found is None:
        raise SetupError("%s (%s)" % (WHAT_TO_INSTALL, reason))
    # Remembered, so that the next start does not wait for an unreachable mirror again.
    _STAMP.write_text("PATH: %s\n" % reason)
    say("using %s from PATH: %s" % (found, reason))


def find() -> Path:
    """The executable, to be started with FLAGS. SetupError: there is none."""
    named = os.environ.get(OVERRIDE)
    if named:
        if not _works(Path(named)):
            raise SetupError("%s=%s is not a Chromium that runs." % (OVERRIDE, named))
        return Path(named)
    if not _STAMP.exists():
        raise SetupError('Chromium is not set up: run "make setup" first.')
    found = _on_path() if _STAMP.read_text().startswith("PATH") else _FOLDER / "chromium"
    if found is None:
        raise SetupError(WHAT_TO_INSTALL)
    return found


def _fetched() -> str:
    # The loader stands in the program by its absolute path: it is fetched again when the project has moved.
    return "Debian %s in %s\n" % (apt.SUITE, _FOLDER)


def _usable(stamp: str) -> bool:
    if stamp.startswith("PATH"):
        return _on_path() is not None
    return stamp == _fetched() and (_FOLDER / "chromium").exists()


def _on_path() -> Path | None:
    for name in _NAMES:
        found = shutil.which(name)
        if found and _works(Path(found)):
            return Path(found)
    return None


def _works(program: Path) -> bool:
    """It shows a page: so its libraries are there, and it can start itself again."""
    with tempfile.TemporaryDirectory(dir=BUILD / "tmp") as profile:
        page = ("--user-data-dir=" + profile, "--dump-dom", "data:text/html,<p>it shows")
        try:
            done = subprocess.run(
                [str(program), *FLAGS, *page],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=30,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
    return b"<p>it shows" in done.stdout


def _from_packages() -> None:
    work = fresh(BUILD / "apt")
    state = apt.debian(work)
    new = fresh(BUILD / "chromium.new")
    root = new / "root"
    root.mkdir()
    # For machines of other kinds, whose own C library may be older, patchelf comes with the loader it needs.
    state.extract("patchelf", root, dependencies=True)
    # What is not needed has to be known before anything depends on it.
    rows = [_INSTALLED % (name, state.architecture) for name in _UNNEEDED]
    (state.folder / "status").write_text("".join(rows))
    state.extract("chromium-headless-shell", root, dependencies=True)
    for pattern in _UNUSED:
        for path in root.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    program = root / "usr/lib/chromium/chromium-headless-shell"
    loader = next((path for path in root.rglob("ld-linux*.so.*") if not path.is_symlink()), None)
    libraries = next((path.parent for path in root.rglob("libc.so.6")), None)
    if not program.exists() or loader is None or libraries is None:
        raise SetupError("Debian's package of Chromium is not laid out as expected")
    final = _FOLDER / loader.relative_to(new)
    patchelf = (str(loader), "--library-path", str(libraries), str(root / "usr/bin/patchelf"))
    done = subprocess.run(
        [*patchelf, "--set-interpreter", str(final), str(program)], capture_output=True, text=True
    )
    if done.returncode:
        raise SetupError("Chromium's loader could not be set: %s" % done.stderr.strip())
    (new / "fonts.conf").write_text(_FONTS % {"folder": escape(str(_FOLDER))})
    wrapper = new / "chromium"
    wrapper.write_text(_WRAPPER % (libraries.relative_to(new), program.relative_to(new)))
    wrapper.chmod(0o755)
    put_in_place(new, _FOLDER)
    shutil.rmtree(work)
    if not _works(_FOLDER / "chromium"):
        shutil.rmtree(_FOLDER)
        raise SetupError("Debian's Chromium does not run on this machine")
