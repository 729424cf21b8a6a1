# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One line of shell: how it ended, and the last that it said."""

import asyncio
import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

_TAIL_BYTES = 4096  # of the output are kept
_LINE_CHARACTERS = 200  # of its last line
_ASK_S = 0.02
_READ_BYTES = 65536
_KILLED_S = 5


@dataclass(frozen=True)
class Ended:
    """`code`: of the shell; negative: the signal that ended it; None: its time was over and it was killed."""

    code: int | None
    last_line: str


async def run(line: str, folder: Path, timeout_s: float) -> Ended:
    """/bin/sh runs `line` in `folder`, in a session and process group of its own; input is empty. Whoever is
    cancelled, and whose time is over, takes the whole group along; what goes on in the background after the
    shell's end is left alone. OSError, ValueError: it cannot be started.
    """
    output = _Output()
    # Not asyncio's own: who is cancelled while that starts a process loses the children it has by then.
    process = output.of(line, folder)
    code = None
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while (code := process.poll()) is None:
                    await asyncio.sleep(_ASK_S)
    finally:
        if process.returncode is None:
            _kill_group(process)
    return Ended(code, output.last_line())


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    # Nobody has asked for its exit code, so that its number is not yet somebody else's.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_KILLED_S)


class _Output:
    """The last of what a command prints, its children in the background included: it is read until they have
    all ended. Nobody waits for that. (Who prints into a pipe that nobody reads waits for ever, or dies.)
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end, self._other_end = os.pipe()
        os.set_blocking(self._end, False)
        self._tail = b""
        self._loop.add_reader(self._end, self._read)

    def of(self, line: str, folder: Path) -> subprocess.Popen[bytes]:
        """Start the command that prints here."""
        try:
            return subprocess.Popen(
                line,
                shell=True,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=self._other_end,
                stderr=self._other_end,
                start_new_session=True,
            )
        finally:
            os.close(self._other_end)

    def last_line(self) -> str:
        """Of what has been printed by now, without what a terminal would take for commands."""
        # A child in the background may print faster than we read.
        for _ in range(64):
            if not self._read():
                break
        lines = [line.strip() for line in self._tail.decode("utf-8", "replace").splitlines() if line.strip()]
        text = "".join(character for character in (lines or [""])[-1] if character.isprintable())
        return text[-_LINE_CHARACTERS:]

    def _read(self) -> bool:
        """Whether there was anything."""
        if self._end < 0:
            return False
        try:
            data = os.read(self._end, _READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._loop.remove_reader(self._end)
            os.close(self._end)
            self._end = -1
        self._tail = (self._tail + data)[-_TAIL_BYTES:]
        return bool(data)
