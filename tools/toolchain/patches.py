# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Apply a unified diff, to the letter: a machine need not have patch(1), and nothing is to be guessed."""

import re
from pathlib import Path

from toolchain.layout import SetupError

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")


def apply(patch: Path, root: Path) -> None:
    """Change the files that `patch` names (a/PATH, b/PATH; none is made or removed) under `root`. What stands
    before the first of them is a comment. SetupError: a line is not where the patch has it; then nothing is
    written of that file.
    """
    for part in re.split(r"^--- a/", patch.read_text(), flags=re.MULTILINE)[1:]:
        name, _, rest = part.partition("\n")
        path = root / name.strip()
        old = path.read_text().splitlines(keepends=True)
        path.write_text("".join(_changed(old, rest.splitlines(keepends=True)[1:], patch)))


def _changed(old: list[str], hunks: list[str], patch: Path) -> list[str]:
    new: list[str] = []
    at = 0  # how far `old` has been taken over
    for line in hunks:
        header = _HUNK.match(line)
        if header:
            begin = int(header[1]) - 1
            new += old[at:begin]
            at = begin
        elif line[0] == "+":
            new.append(line[1:])
        elif at < len(old) and old[at] == line[1:] and line[0] in " -":
            if line[0] == " ":
                new.append(line[1:])
            at += 1
        else:
            raise SetupError("%s does not fit at line %d of its file" % (patch.name, at + 1))
    return new + old[at:]
