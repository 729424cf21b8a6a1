# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Is `boards/NAME/board.py` a board that can be built? From the project's folder, all boards or some:

    PYTHONPATH=tools:firmware build/venv/bin/python -m toolchain.board_check [NAME ...]

Each problem is a line that names the key; exit code 1 when there is one.
"""

import importlib
import sys

from hal import board_data
from station.description import Description, DescriptionError
from toolchain import chip_pins
from toolchain.layout import ROOT


def names() -> list[str]:
    return sorted(path.parent.name for path in (ROOT / "boards").glob("*/board.py"))


def load(name: str) -> dict:
    return importlib.import_module("boards.%s.board" % name).BOARD


def problems(board: dict) -> list[str]:
    """Everything that is wrong with the board's data: first what its form says, then what its chip says."""
    found = board_data.problems(board)
    if found:
        return found
    for number, path, _ in board_data.pins(board):
        problem = chip_pins.problem(board, path, number)
        if problem:
            found.append("%s: %s" % (path, problem))
    found += chip_pins.conflicts(board)
    try:
        Description(board["station"])
    except DescriptionError as error:
        found.append("station.%s" % error)
    return found


def main(arguments: list[str]) -> int:
    wrong = 0
    for name in arguments or names():
        found = problems(load(name))
        wrong += len(found)
        for line in found:
            print("%s: %s" % (name, line))
        if not found:
            print("%s: %d pins, all right" % (name, len(board_data.pins(load(name)))))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
