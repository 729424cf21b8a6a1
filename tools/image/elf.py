# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the linker has made: where things lie in flash and RAM, and how large they are."""

import re
import subprocess
from pathlib import Path

from toolchain import arm
from toolchain.layout import SetupError

# The names that mpy-tool.py gives to what it makes of a module: kind, and module with _ for / and ".".
_FROZEN = re.compile(
    r"(?:fun_data|proto_fun|children|frozen_module|const_obj|const_obj_table_data|const_qstr_table_data|"
    r"members|member|default|dict)_(.+)"
)


class Elf:
    """An object file or a program; read with the compiler's own nm, size and objdump."""

    def __init__(self, path: Path):
        self._path = path
        self._symbols: dict[str, tuple[int, int]] = {}
        self._code: set[str] = set()
        for line in _said("nm", "--print-size", str(path)).splitlines():
            match = re.fullmatch(r"(\w{8}) (?:(\w{8}) )?(\w) (\S+)", line)
            if match:
                self._symbols[match[4]] = int(match[1], 16), int(match[2] or "0", 16)
                if match[3] in "tT":
                    self._code.add(match[4])

    def address(self, symbol: str) -> int:
        return self._symbols[symbol][0]

    def size(self, symbol: str) -> int:
        return self._symbols[symbol][1]

    def names(self) -> dict[int, str]:
        """What begins at an address: functions, and objects with a size."""
        return {
            address: name for name, (address, size) in self._symbols.items() if size or name in self._code
        }

    def words(self, symbol: str, count: int) -> list[int]:
        """The first 32-bit words of an initialized object."""
        begin = self.address(symbol)
        limits = ("--start-address=%d" % begin, "--stop-address=%d" % (begin + 4 * count))
        rows = re.findall(
            r"^ \w{8} ((?:\w{8} ){1,4})", _said("objdump", "-s", *limits, str(self._path)), re.M
        )
        words = " ".join(rows).split()
        if len(words) != count:
            raise SetupError("%s: %s is not initialized" % (self._path, symbol))
        return [int.from_bytes(bytes.fromhex(word), "little") for word in words]

    def total_bytes(self) -> int:
        """Of all that is loaded."""
        return int(_said("size", str(self._path)).splitlines()[1].split()[3])

    def crooked(self) -> list[str]:
        """Frozen functions of machine code (viper, native) that do not begin at a multiple of four: the
        processor would stop with a hard fault at their first constant."""
        machine_code = [name for name in self._code if name.startswith("fun_data_")]
        return sorted(name for name in machine_code if self.address(name) % 4)

    def frozen_bytes(self) -> dict[str, int]:
        """What each frozen module takes, by its name with _ for / and ".", without the names and constants
        that all of them share."""
        found: dict[str, int] = {}
        for name, (_, size) in self._symbols.items():
            match = _FROZEN.fullmatch(name)
            if match:
                found[match[1]] = found.get(match[1], 0) + size
        return found


def _said(program: str, *arguments: str) -> str:
    done = subprocess.run([str(arm.program(program)), *arguments], capture_output=True, text=True)
    if done.returncode:
        raise SetupError(done.stderr.strip())
    return done.stdout
