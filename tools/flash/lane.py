# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Runs the scripts of `board/` under 32-bit MicroPython and gives what they measured."""

import json
import os
import subprocess
from typing import Any

from toolchain import interpreter
from toolchain.layout import ROOT

# A chip of 1 MB, its copies, and code that a board would run from flash.
_HEAP = "32M"
_LINES = 30


class MeasurementFailed(Exception):
    """The text is the last that MicroPython printed."""


def measure(script: str, *arguments: str) -> dict[str, Any]:
    """The JSON object that `board/<script>.py` prints in its last line."""
    command = [str(interpreter.find(32).path), "-X", "heapsize=" + _HEAP]
    command += [str(ROOT / "tools" / "flash" / "board" / (script + ".py")), *arguments]
    path = ":".join(str(ROOT / part) for part in ("", "firmware", "tools")) + ":.frozen"
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "MICROPYPATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise MeasurementFailed("\n".join(done.stdout.splitlines()[-_LINES:]))
    return json.loads(done.stdout.splitlines()[-1])
