# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What of the simulated board's heap a board has in its flash.

From a ROMFS image MicroPython runs bytecode in place, but makes a table of each function, a list of each
module's constants and the index of all names, in the heap. A board's image has all that in flash, frozen. So
the simulated board gets it on top of the heap of a board (`tools/charger --heap`), and its `state` leaves it
out.

It is measured: each module is loaded with a first statement that fails, so that nothing of it runs.
"""

import json
import os
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from toolchain import bytecode, image
from toolchain.interpreter import Interpreter
from toolchain.layout import BUILD, ROOT, SetupError

# Stands where the firmware's own main is.
_MAIN = """
import gc

from hal.sim import heap


def taken(name):
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    try:
        __import__(name)
    except NameError:
        pass
    found = gc.mem_alloc() - before
    gc.enable()
    return found


def start():
    taken("nothing")
    nothing = taken("nothing")  # an empty module, which a board has in its heap as well
    found = [taken("part%d" % number) - nothing for number in range(COUNT)]
    gc.collect()
    before = gc.mem_alloc()
    if max(found) < heap.POOL_BYTES and heap.fill_names():  # as the simulated board does
        found.append(gc.mem_alloc() - before)
    print(sum(found))
"""
_FAILING = "this_is_no_name\n"
# Of one module after the other much stays, for it is never collected while one is loaded.
_HEAP = "4M"


def heap_bytes(cross: Path, micropython: Interpreter) -> int:
    """Bytes for all modules of the image that there is now; measured once for each image. SetupError."""
    made = image.IMAGE.stat()
    identity = [made.st_mtime_ns, made.st_size]
    known = BUILD / ("loaded%d.json" % micropython.bits)
    try:
        *measured, found = json.loads(known.read_text())
        if measured == identity:
            return found
    except (OSError, ValueError):
        pass
    found = _measure(cross, micropython)
    with tempfile.NamedTemporaryFile("w", dir=BUILD, delete=False) as file:
        json.dump([*identity, found], file)
    Path(file.name).rename(known)
    return found


def _measure(cross: Path, micropython: Interpreter) -> int:
    texts = [path.read_text() for path in sorted(bytecode.FOLDED.rglob("*.py"))]
    sources = {"part%d" % number: _FAILING + text for number, text in enumerate(texts)}
    sources["nothing"] = _FAILING
    sources["hal/sim/heap"] = (ROOT / "hal/sim/heap.py").read_text()
    sources["boards/sim/main"] = _MAIN.replace("COUNT", str(len(texts)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "parts"

        def compiled(path: str) -> None:
            source = folder / (path + ".py")
            source.parent.mkdir(parents=True, exist_ok=True)
            source.write_text(sources[path])
            bytecode.translate(cross, path, source, source.with_suffix(".mpy"))

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(compiled, sources):
                pass
        parts = Path(name) / "parts.romfs"
        parts.write_bytes(image.of(folder))
        command = [str(micropython.path), "-X", "heapsize=" + _HEAP, *image.entry(parts, 0)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    try:
        return int(done.stdout)
    except ValueError:
        raise SetupError("what code takes of the heap cannot be measured: " + done.stderr.strip()) from None
