# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The files of a board's firmware for official MicroPython: .mpy files, compiled as those of an image.

On the board they lie in `/pilotlight/NAME`, NAME being made of their contents: two versions can be there side
by side. `/pilotlight/current` says which one counts, `/main.py` starts it.
"""

import ast
import hashlib
from dataclasses import dataclass
from pathlib import Path

from image import frozen
from toolchain import board_check, bytecode, constants
from toolchain.layout import BUILD, ROOT, SetupError, fresh

FOLDER = "/pilotlight"
CURRENT = FOLDER + "/current"
START = "/main.py"
MARK = b"# Pilotlight"

BOARD_SIDE = Path(__file__).parent / "board"

_FAMILIES = ("rp2", "esp32")
# What mpy-cross compiles native and viper functions for, by the beginning of the chip's name, the longest
# first; and the number that stands for it in a .mpy file.
_MACHINE_CODE = (("rp2040", "armv6m"), ("esp32c", "rv32imc"), ("esp32h", "rv32imc"), ("esp32", "xtensawin"))
ARCHITECTURES = {"armv6m": 4, "xtensawin": 10, "rv32imc": 11}
_MPY_VERSION = 6


@dataclass(frozen=True)
class FirmwareSet:
    """board    its name
    chip        that of board.py
    files       what lies in its folder: relative path -> content
    start       the content of /main.py
    modules     of MicroPython, which it imports
    """

    board: str
    chip: str
    files: dict[str, bytes]
    start: bytes
    modules: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        state = hashlib.sha256()
        for path in sorted(self.files):
            state.update(("%s %s\n" % (path, sha256(self.files[path]))).encode())
        return state.hexdigest()[:12]

    @property
    def folder(self) -> str:
        return "%s/%s" % (FOLDER, self.name)

    @property
    def current(self) -> bytes:
        """The content of `/pilotlight/current`."""
        return ("%s %s\n" % (self.name, self.board)).encode()

    @property
    def total_bytes(self) -> int:
        return sum(map(len, self.files.values()))

    def formats(self) -> set[tuple[int, int, int]]:
        """(version, sub-version, number of the architecture) of the files with machine code; where there is
        none the last two are 0."""
        found = set()
        for content in (content for path, content in self.files.items() if path.endswith(".mpy")):
            if content[:1] != b"M":
                raise SetupError("this is no .mpy file")
            architecture = content[2] >> 2 & 0x0F
            found.add((content[1], content[2] & 3 if architecture else 0, architecture))
        return found


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def family(chip: str) -> str:
    """The folder of the chip in `hal`."""
    found = next((name for name in _FAMILIES if chip.startswith(name)), None)
    if found is None:
        raise SetupError("nothing of the firmware is for the chip %s." % chip)
    return found


def boards() -> list[str]:
    return board_check.names()


def sources(board: str, chip: str) -> dict[str, Path]:
    """What is compiled: the name it has on the board, and the file. Of `modules` nothing: that is for images,
    where we have a _boot.py of our own."""
    of_chip = family(chip)
    others = [name for name in (*_FAMILIES, "sim") if name != of_chip]
    found = {}
    for path in sorted((ROOT / "firmware").rglob("*.py")):
        found[str(path.relative_to(ROOT / "firmware"))] = path
    for path in sorted((ROOT / "hal").rglob("*.py")):
        name = str(path.relative_to(ROOT))
        if path.parts[len(ROOT.parts) + 1] not in others and name != "hal/contract.py":
            found[name] = path
    found["board.py"] = ROOT / "boards" / board / "board.py"
    found["boot_report.py"] = BOARD_SIDE / "boot_report.py"
    return found


def build(board: str) -> FirmwareSet:
    """Compile it all, into `build/install/BOARD`. SetupError: there is no such board, or no compiler."""
    if board not in boards():
        raise SetupError("there is no board %s; there are: %s." % (board, ", ".join(boards())))
    chip = board_check.load(board)["chip"]
    cross = bytecode.compiler()
    if cross is None:
        raise SetupError("there is no mpy-cross for this machine.")
    machine_code = next(code for name, code in _MACHINE_CODE if chip.startswith(name))
    paths = sources(board, chip)
    texts = constants.folded({name: path.read_text() for name, path in paths.items()})
    folder = fresh(BUILD / "install" / board)
    files = {}
    for name, text in sorted(texts.items()):
        source = folder / name
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(text)
        output = source.with_suffix(".mpy")
        bytecode.translate(cross, name, source, output, "-march=" + machine_code)
        files[name.removesuffix(".py") + ".mpy"] = output.read_bytes()
    return FirmwareSet(board, chip, files, (BOARD_SIDE / "main.py").read_bytes(), _wanted(texts))


def _wanted(texts: dict[str, str]) -> tuple[str, ...]:
    """Modules of MicroPython that cannot be done without."""
    ours = {name.partition("/")[0].removesuffix(".py") for name in texts}
    found = set()
    for text in texts.values():
        found |= {module.partition(".")[0] for module, _ in frozen._imports(ast.parse(text))}
    return tuple(sorted(found - ours))
