# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the Local Authorization List costs: flash, RAM, reads of a lookup (`board/local_list.py`).

PYTHONPATH=tools build/venv/bin/python -m flash.local_list [--entries 1000] [--geometry rp2]
"""

import argparse
import sys
from typing import Any

from flash.lane import MeasurementFailed, measure
from flash.wear import GEOMETRIES

LOOKUPS = ("listed", "unknown", "listed, changes beside the list", "unknown, changes beside the list")


def lines(counts: dict[str, Any]) -> list[str]:
    operations, erases, programmed = counts["full"]
    few_operations, few_erases, few_programmed = counts["differential"]
    adding, merging = counts["heap"]
    rest = f"{few_operations:.0f} operations, {few_programmed:,.0f} bytes programmed"
    heap = f"{adding:,} bytes at most while it comes, {merging:,} while it is merged"
    text = [
        f"{counts['geometry']}, 4096/{counts['prog_bytes']}, {counts['entries']:,} entries",
        f"  Full: {erases} erases, {operations:,} operations, {programmed:,} bytes programmed",
        f"  Differential of one entry: {few_erases:.2f} erases, {rest}",
        f"  heap of a Full: {heap}, {counts['heap_left']:,} afterwards",
        f"  start: {counts['start'][0]:,} reads, {counts['start'][1]:,} bytes",
    ]
    for name, (reads, size) in zip(LOOKUPS, counts["lookups"], strict=True):
        text.append(f"  lookup, {name}: {reads:.0f} reads of the chip, {size:,.0f} bytes")
    return text


def main() -> int:
    parser = argparse.ArgumentParser(prog="flash.local_list", description="Costs of the local list.")
    parser.add_argument("--entries", type=int, default=1000)
    parser.add_argument("--geometry", action="append", choices=GEOMETRIES, help="one or more of them")
    options = parser.parse_args()
    for geometry in options.geometry or GEOMETRIES:
        try:
            print("\n".join(lines(measure("local_list", geometry, str(options.entries)))))
        except MeasurementFailed as error:
            print(f"The measurement failed:\n{error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
