# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Which processes are there, so that a test sees that none is left behind."""

import contextlib
import time
from pathlib import Path


def processes(mark: str) -> list[int]:
    """Ids of the processes that have `mark` on their command line, zombies left out."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


def wait_until_gone(mark: str) -> None:
    deadline = time.monotonic() + 5
    while processes(mark):
        assert time.monotonic() < deadline, f"still running: {processes(mark)}"
        time.sleep(0.05)
