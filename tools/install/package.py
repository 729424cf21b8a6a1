# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make package BOARD=...`: the firmware as a package for `mpremote mip install`, into `build/package/BOARD`.

mip writes the files in the order of `package.json`, and looks at none of them afterwards. The last one is
`/pilotlight/current`: what is started before is the old firmware. It removes nothing either: `make flash`
takes away what is old. `sha256` is ours, for who wants to check what he was given; mip leaves it alone.
"""

import argparse
import json
import sys
from pathlib import Path

from install import firmware_set
from install.firmware_set import CURRENT, FOLDER, START, FirmwareSet
from toolchain.layout import BUILD, ROOT, SetupError, fresh
from toolchain.output import line_by_line

PACKAGES = BUILD / "package"


def version() -> str:
    line = next(
        line for line in (ROOT / "pyproject.toml").read_text().splitlines() if line.startswith("version")
    )
    return line.split('"')[1]


def contents(wanted: FirmwareSet) -> dict[str, bytes]:
    """Path on the board, relative to its root, and content, in the order in which they are to be written."""
    folder = wanted.folder[1:]
    found = {"%s/%s" % (folder, name): content for name, content in sorted(wanted.files.items())}
    found[START[1:]] = wanted.start
    found[CURRENT[1:]] = wanted.current
    return found


def write(wanted: FirmwareSet, folder: Path) -> Path:
    """The package; its `package.json`."""
    fresh(folder)
    files = contents(wanted)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    package = {
        "urls": [[name, name] for name in files],
        "deps": [],
        "version": "%s+%s" % (version(), wanted.name),
        "sha256": {name: firmware_set.sha256(content) for name, content in files.items()},
    }
    path = folder / "package.json"
    path.write_text(json.dumps(package, indent=1) + "\n")
    return path


def main() -> int:
    line_by_line()
    parser = argparse.ArgumentParser(prog="make package", description="Make a package for mip.")
    parser.add_argument("board")
    wanted = firmware_set.build(parser.parse_args().board)
    path = write(wanted, PACKAGES / wanted.board).relative_to(ROOT)
    print("package: %d files, %d bytes, firmware %s" % (len(wanted.files), wanted.total_bytes, wanted.name))
    # mip's own target is /lib: the paths in a package are relative to it.
    print("package: build/venv/bin/mpremote connect PORT mip install --target= %s" % path)
    print("package: in %s, and /main.py; then: mpremote connect PORT reset" % FOLDER)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SetupError as error:
        sys.exit("package: %s" % error)
