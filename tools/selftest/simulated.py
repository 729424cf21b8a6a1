# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A simulated charger whose console is a serial port, for trying the self-test without a board."""

import contextlib
import json
import os
import pty
import socket
import subprocess
import tempfile
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.charger import LAUNCHER, reserve_port, station_file

_START_S = 30.0


class Charger:
    """port   path of the pseudo-terminal at which the console is"""

    def __init__(self, port: str, control_port: int):
        self.port = port
        self._control_port = control_port

    def do(self, **request: object) -> Any:
        """One request of the control channel (boards/sim/README.md)."""
        deadline = time.monotonic() + _START_S
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self._control_port), timeout=10) as channel:
                    channel.sendall(json.dumps(request).encode() + b"\n")
                    return json.loads(channel.makefile("rb").readline())
            except ConnectionRefusedError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.05)


@contextlib.contextmanager
def running(station: str, *options: str, data: Path | None = None) -> Iterator[Charger]:
    """A charger, started, and ended with the block."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    holder = reserve_port()
    number = holder.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="pilotlight-") as own:
        command = [str(LAUNCHER), "--station", str(station_file(station)), "--data", str(data or own)]
        command += ["--control", str(number), *options]
        environment = {**os.environ, "PILOTLIGHT_CONSOLE": "1"}
        # The charger has the master's end: who opens the other one by its name is the installer.
        process = subprocess.Popen(command, stdin=master, stdout=master, stderr=master, env=environment)
        try:
            yield Charger(os.ttyname(slave), number)
        finally:
            process.kill()
            process.wait()
            holder.close()
            os.close(master)
            os.close(slave)
