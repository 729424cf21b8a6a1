# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""How deep the stack of the emulated board gets. Interrupts, the guard's among them, run on top of whatever
they interrupt: the program's depth and theirs need room together, whether they have met or not.
"""

import re
from dataclasses import dataclass

from emulator.emulated import Emulated
from toolchain.layout import ROOT

_CONFIGURATION = ROOT / "boards" / "pico_lte" / "mpconfigboard.h"


@dataclass
class Depth:
    """Bytes, at most, since `watch`. program: outside of interrupts; interrupts: on top of it."""

    program: int
    interrupts: int

    @property
    def whole(self) -> int:
        return self.program + self.interrupts

    def fits(self) -> bool:
        return self.program <= room() - interrupts_room() and self.interrupts <= interrupts_room()


def _configured(name: str) -> int:
    match = re.search(
        r"^#define PILOTLIGHT_%s_BYTES \((\d+)(?: \* (\d+))?\)" % name, _CONFIGURATION.read_text(), re.M
    )
    assert match, _CONFIGURATION
    return int(match[1]) * int(match[2] or 1)


def room() -> int:
    """Bytes that the board's configuration gives it."""
    return _configured("STACK")


def interrupts_room() -> int:
    """Bytes of them that the program may not use."""
    return _configured("INTERRUPTS")


def watch(board: Emulated) -> None:
    """Look at every instruction from now on, over resets too."""
    board.do("stack")


def depth(board: Emulated) -> Depth:
    """What has been seen so far; the next call begins anew."""
    found = board.do("stack")
    return Depth(found["program"], found["interrupts"])
