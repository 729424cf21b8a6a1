# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Fetch MicroPython's unix port, 32-bit and 64-bit, from Debian packages into `build/`, with the libraries it
needs."""

import os
import shutil
from pathlib import Path

from toolchain import apt, interpreter
from toolchain.layout import BUILD, SetupError, fresh, put_in_place

# The 32-bit architecture whose programs a machine of that kind can run (not every one can: it is tried).
_SMALLER = {"amd64": "i386", "arm64": "armhf"}

_FETCHED = "Debian %s\n" % apt.SUITE

# It is started through its own loader: it needs a newer C library than many machines have, and i386 has none
# at all.
_WRAPPER = """#!/bin/sh
here=${0%%/*}
exec "$here/root/%s" --library-path "$here/root/%s" "$here/root/usr/bin/micropython" "$@"
"""


class DoesNotRun(SetupError):
    """The kernel or processor refuses programs of that architecture: fetching again would not help."""


def fetch(say) -> None:
    """Make `interpreter.find` find something, or raise SetupError. say: called with a line of progress."""
    if os.environ.get(interpreter.OVERRIDE):
        interpreter.find()
        return
    if interpreter.STAMP.exists() and _usable(interpreter.STAMP.read_text()):
        return
    interpreter.STAMP.unlink(missing_ok=True)
    if apt.available():
        say("fetching MicroPython, 32-bit and 64-bit, through apt")
        try:
            _from_packages(say)
            interpreter.STAMP.write_text(_FETCHED)
            return
        except SetupError as error:
            reason = str(error)
    else:
        reason = "there is no apt on this machine"
    found = interpreter.on_path()
    if found is None:
        raise SetupError("%s (%s)" % (interpreter.WHAT_TO_INSTALL, reason))
    # Remembered, so that the next start does not wait for an unreachable mirror again.
    interpreter.STAMP.write_text("PATH: %s\n" % reason)
    say("using %s from PATH: %s" % (found, reason))


def _usable(stamp: str) -> bool:
    if stamp.startswith("PATH"):
        return interpreter.on_path() is not None
    return stamp == _FETCHED and any(interpreter.fetched(bits) for bits in (32, 64))


def _from_packages(say) -> None:
    work = fresh(BUILD / "apt")
    try:
        native = apt.debian(work)
    except SetupError as error:
        say("%s; trying this machine's own packages" % error)
        _install(apt.machines_own(work))
    else:
        _install(native)
        smaller = _SMALLER.get(apt.native_architecture())
        if smaller:
            try:
                _install(apt.debian_for(native, smaller))
            except DoesNotRun as error:
                say("no 32-bit MicroPython: %s" % error)
    shutil.rmtree(work)


def _install(state: apt.PrivateApt) -> None:
    new = fresh(BUILD / "micropython.new")
    root = new / "root"
    root.mkdir()
    state.extract("micropython", root, dependencies=True)
    wrapper = new / "micropython"
    wrapper.write_text(_WRAPPER % (_loader(root), _library_folder(root)))
    wrapper.chmod(0o755)
    found = interpreter.probe(wrapper)
    if found is None:
        raise DoesNotRun("programs for %s do not run on this machine" % state.architecture)
    if found.version < interpreter.OLDEST:
        raise SetupError("the machine's own package is only MicroPython %d.%d" % found.version)
    interpreter.remember(new, found)
    put_in_place(new, interpreter.fetched_folder(found.bits))


def _loader(root: Path) -> Path:
    return _only(path for path in root.rglob("ld-linux*.so.*") if not path.is_symlink()).relative_to(root)


def _library_folder(root: Path) -> Path:
    return _only(root.rglob("libc.so.6")).parent.relative_to(root)


def _only(paths) -> Path:
    for path in paths:
        return path
    raise SetupError("the C library's package is not laid out as expected")
