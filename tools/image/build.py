# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make image BOARD=pico_lte`: build the image of a board into `build/image/BOARD`, and print what it costs.

    firmware.uf2   for the board's USB drive
    firmware.bin   what lies in the flash, from its first byte on
    firmware.elf   with symbols
    modules        of ours, by the names they are imported by
    sources        what of ours was compiled: the sources after toolchain/constants.py
    build.log      what CMake, the compiler and the linker said

Nothing is built when no source, and no part of the toolchain, is another one than the last time; else what
has changed. The same sources make the same image to the byte, wherever the folder lies.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from image import figures, frozen
from image.elf import Elf
from toolchain import arm, bytecode, constants, port_sources
from toolchain.layout import BUILD, ROOT, VENV, SetupError, fresh
from toolchain.output import line_by_line

IMAGES = BUILD / "image"
OUTPUTS = ("firmware.uf2", "firmware.bin", "firmware.elf")

_UF2_FAMILY = "0xe48bff56"  # RP2040
_FLASH_BEGIN = 0x10000000

# The environment of the build. What a user has in his own (CFLAGS, PICO_SDK_PATH, ...) is for other programs.
_INHERITED = ("PATH", "TMPDIR")
_SETTINGS = {
    "LC_ALL": "C",
    "PICO_TOOLCHAIN_PATH": str(arm.FOLDER / "usr"),
    "CXXFLAGS": "-DPICO_CXX_DISABLE_ALLOCATION_OVERRIDES=1",
    # The build date, at the REPL and in the image's metadata, is the day of MicroPython's release.
    "SOURCE_DATE_EPOCH": "1744675200",
    # One of MicroPython's generators writes a set in the order in which it happens to be.
    "PYTHONHASHSEED": "0",
    # MicroPython would ask git for its version, and be told that of the repository it lies in: ours.
    "GIT_CEILING_DIRECTORIES": str(BUILD),
}


def output_folder(board: str) -> Path:
    return IMAGES / board


def build(board: str, say) -> Path:
    """Bring `build/image/BOARD` up to date; return the folder. say: called with a line of progress.

    Raises SetupError when something does not compile, an import is missing, a class in flash would be
    changed, or the program does not fit.
    """
    folder = output_folder(board)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sources = frozen.files(board)
        lacking = frozen.missing(sources)
        if lacking:
            raise SetupError("the image would lack modules:\n  " + "\n  ".join(lacking))
        changed = frozen.changed_classes(sources)
        if changed:
            raise SetupError("classes lie in flash (docs/image.md):\n  " + "\n  ".join(changed))
        toolchain = _toolchain(board)
        made_by = {"constants": Path(constants.__file__), "frozen": Path(frozen.__file__)}
        made_by["manifest_files"] = frozen.SHARED_MANIFEST
        inputs = toolchain + _digests({**sources, **made_by, "manifest": frozen.manifest(board)})
        stamp = folder / "inputs"
        if stamp.exists() and stamp.read_text() == inputs and _complete(folder):
            return folder
        # Away before the first change: whatever becomes of this run, the next one builds.
        stamp.unlink(missing_ok=True)
        began = time.monotonic()
        say("building MicroPython with %d modules of ours" % len(sources))
        _write_sources(board, folder, sources)
        _compile(board, folder, toolchain)
        _publish(folder)
        (folder / "modules").write_text("".join("%s\n" % constants.dotted(name) for name in sorted(sources)))
        stamp.write_text(inputs)
        say("built in %d s" % (time.monotonic() - began))
    return folder


def _tree(board: str) -> Path:
    return output_folder(board) / "cmake"


def _toolchain(board: str) -> str:
    """What MicroPython is built with, and how, in words: another text, and the build begins from nothing."""
    cross, compiler, sources = bytecode.compiler(), arm.version(), port_sources.versions()
    if cross is None:
        raise SetupError("there is no mpy-cross for this machine: images are built on 64-bit PCs with Linux.")
    if compiler is None or sources is None:
        raise SetupError('the compiler is not set up: run "make image".')
    requirements = (ROOT / "requirements" / "image.txt").read_text()
    # The board's configuration too: MicroPython's list of names does not follow it when it changes.
    folder = frozen.board_folder(board)
    settings = _digests({path.name: path for path in (*folder.glob("mpconfig*"), folder / "pins.csv")})
    environment = ["%s=%s" % setting for setting in _SETTINGS.items()]
    parts = (str(cross), compiler, sources, requirements, *_configuration(board), *environment, settings)
    return "\n".join(parts)


def _digests(files: dict[str, Path]) -> str:
    rows = ["%s %s\n" % (hashlib.sha256(path.read_bytes()).hexdigest(), name) for name, path in files.items()]
    return "".join(sorted(rows))


def _write_sources(board: str, folder: Path, sources: dict[str, Path]) -> None:
    """What is compiled, and the manifest that names it."""
    texts = constants.folded({name: path.read_text() for name, path in sources.items()})
    place = fresh(folder / "sources")
    for name, text in texts.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    _manifest(board).write_text(frozen.build_manifest(board, place))


def _manifest(board: str) -> Path:
    return output_folder(board) / "manifest.py"


def _complete(folder: Path) -> bool:
    return all((folder / name).exists() for name in OUTPUTS)


def _compile(board: str, folder: Path, toolchain: str) -> None:
    tree = _tree(board)
    made_with = folder / "made-with"
    if not made_with.exists() or made_with.read_text() != toolchain:
        made_with.unlink(missing_ok=True)
        fresh(tree)
    log = folder / "build.log"
    log.unlink(missing_ok=True)
    if not made_with.exists():
        run(log, *_configuration(board))
        made_with.write_text(toolchain)
    # makemanifest.py goes by times: it does not see that a file is gone, that the manifest is another one, or
    # that it has itself been interrupted while it wrote. It is only some seconds for all of them.
    shutil.rmtree(tree / "frozen_mpy", ignore_errors=True)
    (tree / "frozen_content.c").unlink(missing_ok=True)
    run(log, str(VENV / "bin" / "ninja"), "-C", str(tree), "firmware")


def _configuration(board: str) -> list[str]:
    return configuration(board, frozen.board_folder(board), _manifest(board), _tree(board))


def configuration(name: str, folder: Path, manifest: Path, tree: Path) -> list[str]:
    """CMake's command. folder: of the board. tree: where it is built."""
    settings = {
        "MICROPY_BOARD": name,
        "MICROPY_BOARD_DIR": folder,
        "MICROPY_FROZEN_MANIFEST": manifest,
        "CMAKE_BUILD_TYPE": "MinSizeRel",
        "CMAKE_MAKE_PROGRAM": VENV / "bin" / "ninja",
        "Python3_EXECUTABLE": VENV / "bin" / "python",
        # The image's metadata is linked in by the Pico SDK; picotool would only sign and convert.
        "PICO_NO_PICOTOOL": 1,
        # Nothing is C++ but `operator new`, which nobody calls and CXXFLAGS leaves out: a C++ library, 439 MB
        # to download, is not needed. The C compiler links none, nor libm without being told.
        "CMAKE_CXX_COMPILER": arm.program("gcc"),
        "CMAKE_CXX_STANDARD_LIBRARIES": "-lm",
    }
    folders = ("-S", str(port_sources.MICROPYTHON / "ports" / "rp2"), "-B", str(tree))
    definitions = ["-D%s=%s" % setting for setting in settings.items()]
    return [str(VENV / "bin" / "cmake"), "-G", "Ninja", *folders, *definitions]


def run(log: Path, *command: str) -> None:
    kept = {name: value for name, value in os.environ.items() if name in _INHERITED}
    environment = {**kept, **_SETTINGS, "MICROPY_MPYCROSS": str(bytecode.compiler())}
    with open(log, "a") as output:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    if done.returncode:
        raise SetupError("the image was not built:\n%s\nAll of it: %s" % (_said(log), log))


def _said(log: Path) -> str:
    """The lines of the log that tell what is wrong: not the command of one linker call, 20 KB."""
    lines = log.read_text(errors="replace").splitlines()
    telling = [line for line in lines if "rror" in line and len(line) < 500]
    return "\n".join(telling[-12:] or [line[:200] for line in lines[-12:]])


def _publish(folder: Path) -> None:
    """The finished image takes the place of the one before, each file in one step."""
    tree = folder / "cmake"
    elf = Elf(tree / "firmware.elf")
    if elf.crooked():
        raise SetupError("machine code at odd addresses: " + ", ".join(elf.crooked()))
    program = (tree / "firmware.bin").stat().st_size
    room = figures.flash_room(elf)
    if program > room:
        raise SetupError("the program has %d bytes; the file system begins at %d." % (program, room))
    new = fresh(folder / "new")
    for name in ("firmware.bin", "firmware.elf"):
        shutil.copyfile(tree / name, new / name)
    uf2(folder / "build.log", new / "firmware.bin", new / "firmware.uf2")
    for name in OUTPUTS:
        (new / name).rename(folder / name)
    new.rmdir()


def uf2(log: Path, binary: Path, output: Path) -> None:
    converter = port_sources.MICROPYTHON / "tools" / "uf2conv.py"
    command = [sys.executable, str(converter), "-b", hex(_FLASH_BEGIN), "-f", _UF2_FAMILY, "-c"]
    run(log, *command, "-o", str(output), str(binary))


def main() -> int:
    line_by_line()
    parser = argparse.ArgumentParser(prog="make image", description="Build a board's image.")
    parser.add_argument("board", choices=frozen.boards())
    board = parser.parse_args().board
    build(board, lambda line: print("image:", line))
    return 0 if figures.show(board) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SetupError as error:
        sys.exit("image: %s" % error)
    except KeyboardInterrupt:
        sys.exit(130)
