# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the event log costs the flash, and what a power cut at each of its flash operations leaves of it
(`board/events.py`).

PYTHONPATH=tools build/venv/bin/python -m flash.event_log [--geometry rp2]
"""

import argparse
import sys

from flash.lane import MeasurementFailed, measure
from flash.wear import GEOMETRIES

_BUDGET = 144 + 32 + 2  # lines of the first day of a boot (`firmware/event_log.py`)


def main() -> int:
    parser = argparse.ArgumentParser(prog="flash.event_log", description="Costs of the event log.")
    parser.add_argument("--geometry", action="append", choices=GEOMETRIES, help="one or more of them")
    options = parser.parse_args()
    wrong = 0
    for geometry in options.geometry or GEOMETRIES:
        try:
            counts = measure("events", geometry)
        except MeasurementFailed as error:
            print(f"The measurement failed:\n{error}", file=sys.stderr)
            return 1
        print(
            f"{geometry}: a line {counts['erases']:.2f} erases, {counts['bytes']:,.0f} bytes programmed; "
            f"a day at most {counts['erases'] * _BUDGET:.0f}; 1,000 quick restarts {counts['restarts']}; "
            f"power cuts {counts['cuts']}, {counts['wrong']} with a fault"
        )
        wrong += counts["wrong"]
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
