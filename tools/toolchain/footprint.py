# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make footprint`: what the firmware's code costs, in flash by compiler option and in heap by where it runs.

The heap is that of a charger which has booted and finds no CSMS, on the 32-bit MicroPython.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from toolchain import bytecode, image, interpreter, loaded
from toolchain.layout import MPY, ROOT, SetupError
from toolchain.output import line_by_line

STATION = ROOT / "boards" / "sim" / "loop_evs32a.json"
# Room for the compiler and for code in the heap; what is used does not depend on it.
HEAP = "2M"


def flash_bytes(cross: Path, option: str) -> int:
    """All .mpy files together, compiled with `option` in the place of the usual one."""
    total = 0
    others = [other for other in bytecode.OPTIONS if not other.startswith("-O")]
    with tempfile.TemporaryDirectory() as folder:
        for path in MPY.rglob("*.mpy"):
            source = (bytecode.FOLDED / path.relative_to(MPY)).with_suffix(".py")
            output = Path(folder) / "module.mpy"
            subprocess.run([cross, option, *others, "-o", output, source], check=True)
            total += output.stat().st_size
    return total


def heap_bytes(entry: list[str], search_path: str) -> int:
    """Heap in use once the charger has booted. entry: how MicroPython is told to start it."""
    with socket.socket() as probe, tempfile.TemporaryDirectory() as data:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        command = [str(interpreter.find(32).path), "-X", "heapsize=" + HEAP, *entry]
        command += ["--csms", "ws://127.0.0.1:9/", "--id", "X", "--data", data, "--station", str(STATION)]
        process = subprocess.Popen(
            [*command, "--control", str(port)],
            env={**os.environ, "MICROPYPATH": search_path},
            cwd=data,
            stdout=subprocess.DEVNULL,
        )
        try:
            with _connected(port, process) as channel, channel.makefile("rw") as lines:
                time.sleep(2)
                lines.write('{"do":"state"}\n')
                lines.flush()
                answer = lines.readline()
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    used = re.search(r'"used": *(\d+)', answer)
    if used is None:
        raise SetupError("the charger's state says nothing of its heap: " + json.dumps(answer))
    return int(used.group(1))


def _connected(port: int, process: subprocess.Popen) -> socket.socket:
    for _ in range(200):
        if process.poll() is not None:
            break
        try:
            return socket.create_connection(("127.0.0.1", port), 5)
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise SetupError("the charger did not start")


def main() -> int:
    line_by_line()
    cross = bytecode.compiler()
    if cross is None:
        raise SetupError("there is no mpy-cross on this machine.")
    bytecode.compile_tree(cross)
    print("flash: all .mpy files")
    for option, meaning in (("-O2", "as used: no asserts"), ("-O3", "no line numbers in tracebacks either")):
        print("  %s  %7d bytes  %s" % (option, flash_bytes(cross, option), meaning))
    print("heap after boot, 32-bit")
    ways = {
        "in place, from the ROMFS image": (image.entry(image.IMAGE, 0), ".frozen"),
        "loaded from .mpy files": (["-m", "boards.sim.main"], "%s:%s/firmware:.frozen" % (MPY, MPY)),
        "compiled from .py files": (["-m", "boards.sim.main"], "%s:%s/firmware:.frozen" % (ROOT, ROOT)),
    }
    for name, (entry, search_path) in ways.items():
        print("  %-31s %7d bytes" % (name, heap_bytes(entry, search_path)))
    in_flash = loaded.heap_bytes(cross, interpreter.find(32))
    print("  of the first, what a board's image has in flash  %7d bytes" % in_flash)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SetupError as error:
        sys.exit("footprint: %s" % error)
