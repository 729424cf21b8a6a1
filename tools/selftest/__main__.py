# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make selftest PORT=/dev/ttyACM0`: test a charger over its console, and write the page to keep.

Without a port a simulated charger is tested (STATION=generic_socket). Exit code: 0 passed, 1 failed, 2 no
charger.
"""

import argparse
import contextlib
import sys
from datetime import datetime
from pathlib import Path

from selftest import page
from selftest.dialogue import Dialogue, Findings, NoCharger, opened
from selftest.simulated import running
from toolchain.layout import BUILD
from toolchain.output import line_by_line

_WARNING = """\
The contactor of each connector is closed for half a second: what hangs on the output has mains voltage then.
Nothing may be plugged in, and nobody may touch the output or the cable's plug."""


def _tested(port: str, contactor: bool, charger=None) -> Findings:
    def told(line: str) -> None:
        print(line)
        if charger is not None and line.startswith(">>>"):
            charger.do(do="tag", id="04A1B2C3")

    with contextlib.closing(opened(port)) as line:
        dialogue = Dialogue(line)
        dialogue.find()
        return dialogue.test(contactor, told)


def _simulated(station: str, contactor: bool) -> Findings:
    print(f"No PORT: a simulated {station} is tested.")
    with running(station) as charger:
        return _tested(charger.port, contactor, charger)


def _confirmed() -> bool:
    print(_WARNING)
    if not sys.stdin.isatty():
        print("Nobody is there to confirm it: contactors stay open. CONTACTOR=yes does without being asked.")
        return False
    return input("Type yes to have it tested, anything else to leave it out: ").strip() == "yes"


def main() -> int:
    line_by_line()
    parser = argparse.ArgumentParser(prog="make selftest", description=__doc__)
    parser.add_argument("--port", default="", help="of the charger; empty: a simulated one")
    parser.add_argument("--station", default="generic_socket", help="of the simulated one (%(default)s)")
    parser.add_argument("--contactor", choices=("ask", "yes", "no"), default="ask", help="may be closed")
    parser.add_argument("--out", type=Path, default=BUILD / "selftest", help="folder of the pages")
    options = parser.parse_args()
    contactor = _confirmed() if options.contactor == "ask" and options.port else options.contactor != "no"
    try:
        if options.port:
            findings = _tested(options.port, contactor)
        else:
            findings = _simulated(options.station, contactor)
    except NoCharger as error:
        print(f"selftest: {error}", file=sys.stderr)
        return 2
    print(f"\n{page.verdict(findings)}")
    for path in page.write(findings, options.out, datetime.now().astimezone()):
        print(path)
    return 0 if findings.passed else 1


if __name__ == "__main__":
    sys.exit(main())
