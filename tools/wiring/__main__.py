# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make wiring`: write the drawing of each board, the table in its README and docs/parts.md.

    PYTHONPATH=tools:firmware build/venv/bin/python -m wiring [--check]

With --check nothing is written; exit code 1 when something is not what the data give.
"""

import sys
from pathlib import Path

from toolchain import board_check
from toolchain.layout import ROOT
from wiring import catalogue, drawing, table


def made() -> dict[Path, str]:
    """What each file has to be."""
    found = {}
    for name in board_check.names():
        board = board_check.load(name)
        folder = ROOT / "boards" / name
        found[folder / "wiring.svg"] = drawing.svg(board)
        readme = folder / "README.md"
        found[readme] = table.put(readme.read_text("utf-8"), board)
    page = ROOT / "docs" / "parts.md"
    found[page] = catalogue.put(page.read_text("utf-8"))
    return found


def stale() -> list[Path]:
    return [path for path, text in made().items() if not path.exists() or path.read_text("utf-8") != text]


def main(arguments: list[str]) -> int:
    wrong = stale()
    if "--check" in arguments:
        for path in wrong:
            print("%s is stale: make wiring" % path.relative_to(ROOT), file=sys.stderr)
        return 1 if wrong else 0
    texts = made()
    for path in wrong:
        path.write_text(texts[path], "utf-8")
        print("wrote", path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
