# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`board/repl.py` as a process: a board with littlefs that mpremote reaches at `port`."""

import os
import socket
import subprocess
from pathlib import Path

from toolchain import interpreter
from toolchain.layout import ROOT, VENV

SCRIPT = Path(__file__).parent / "board" / "repl.py"
HEAP = "16M"
_POWER_CUT = 137


class LittlefsBoard:
    """image: the file that keeps the flash. cut_at, torn: the power goes at that flash operation."""

    def __init__(self, image: Path, cut_at: int = -1, torn: int = 0):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            number = probe.getsockname()[1]
        self.port = "socket://127.0.0.1:%d" % number
        micropython = interpreter.find(32).path
        self._process = subprocess.Popen(
            [micropython, "-X", "heapsize=" + HEAP, SCRIPT, str(number), image, str(cut_at), str(torn)],
            env={**os.environ, "MICROPYPATH": "%s:%s/tools:%s/firmware:.frozen" % (ROOT, ROOT, ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.at_start = self._until("listening")

    def __enter__(self) -> "LittlefsBoard":
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()

    def _until(self, last: str) -> list[str]:
        lines = []
        assert self._process.stdout
        for line in self._process.stdout:
            if line.strip() == last:
                return lines
            lines.append(line.rstrip("\n"))
        raise AssertionError("the board has ended: %s" % "\n".join(lines))

    def booted(self) -> list[str]:
        """What it has said since the last reset, when that is over."""
        return self._until("booted")

    def dead(self) -> bool:
        """Has the power gone? Only once it was seen to."""
        return self._process.wait(20) == _POWER_CUT

    def mpremote(self, *arguments: str) -> str:
        """The command, unmodified."""
        done = subprocess.run(
            [VENV / "bin" / "mpremote", "connect", self.port, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
