# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The virtual environment `build/venv` and the MicroPython stubs in `build/typings*`, from
`requirements/*.txt`."""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from toolchain import apt
from toolchain.layout import BUILD, ROOT, VENV, SetupError, fresh, put_in_place

PYTHON = VENV / "bin" / "python"


def install(names: tuple[str, ...], say) -> None:
    """Bring `build/venv` up to `requirements/NAME.txt` of each name. say: called with a line of progress."""
    _create(say)
    for name in names:
        requirements = ROOT / "requirements" / (name + ".txt")
        stamp = VENV / ("." + name)
        if not _matches(stamp, requirements):
            say("installing the packages of requirements/%s.txt" % name)
            _pip("-r", str(requirements))
            stamp.write_text(_digest(requirements))


def install_typings(names: tuple[str, ...], say) -> None:
    """Bring `build/NAME` up to `requirements/NAME.txt` of each name, which are apart from the virtual
    environment, since they shadow CPython's own modules."""
    for name in names:
        requirements = ROOT / "requirements" / (name + ".txt")
        typings = BUILD / name
        if not _matches(typings / ".typings", requirements):
            say("installing the MicroPython stubs of requirements/%s.txt" % name)
            new = fresh(BUILD / (name + ".new"))
            _pip("--target", str(new), "-r", str(requirements))
            (new / ".typings").write_text(_digest(requirements))
            put_in_place(new, typings)


def _create(say) -> None:
    # An environment knows its folder and its Python by absolute path: when either changed, it is made anew.
    identity = "%s\n%s\n%s\n" % (VENV, sys.base_prefix, sys.version)
    stamp = VENV / ".created"
    if stamp.exists() and stamp.read_text() == identity:
        return
    say("creating build/venv")
    shutil.rmtree(VENV, ignore_errors=True)
    with_pip = importlib.util.find_spec("ensurepip") is not None
    venv.create(VENV, with_pip=with_pip, symlinks=True)
    if not with_pip:
        _install_pip(say)
    stamp.write_text(identity)


def _install_pip(say) -> None:
    """Debian and Ubuntu keep ensurepip in a package of its own, python3-venv: use the wheel that it would
    use."""
    if not apt.available():
        raise SetupError("this Python has no ensurepip module: install your system's package of it.")
    say("fetching pip through apt, as this Python has no ensurepip")
    root = fresh(BUILD / "pip")
    apt.machines_own(BUILD / "apt").extract("python3-pip-whl", root)
    wheel = next(root.glob("usr/share/python-wheels/pip-*.whl"), None)
    if wheel is None:
        raise SetupError("the package python3-pip-whl holds no pip: install python3-venv.")
    _pip("--no-index", str(wheel), PYTHONPATH=str(wheel))
    shutil.rmtree(root)


def _pip(*arguments: str, **environment: str) -> None:
    # Twice quiet: errors only. The cache is kept in the project, since nothing outside it is to change.
    ours = {"PIP_CACHE_DIR": str(BUILD / "cache" / "pip"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    command = [str(PYTHON), "-m", "pip", "install", "-qq", "--no-deps", *arguments]
    done = subprocess.run(command, env={**os.environ, **ours, **environment}, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise SetupError("pip could not install %s; its message is above." % arguments[-1])


def _matches(stamp: Path, requirements: Path) -> bool:
    return stamp.exists() and stamp.read_text() == _digest(requirements)


def _digest(requirements: Path) -> str:
    return hashlib.sha256(requirements.read_bytes()).hexdigest()
