# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`python -m emulator`: an emulated board by hand, until Ctrl-C."""

import argparse
import os
import sys
from pathlib import Path

from emulator import emulated
from toolchain import emulator as installed
from toolchain.layout import SetupError


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m emulator",
        description="Run a firmware image on the emulated board pico_lte. The first line it prints has the "
        "TCP ports on 127.0.0.1: usb (mpremote connect socket://127.0.0.1:PORT), uart1 (the modem's bytes), "
        "control (JSON lines, docs/emulator.md). Exit code 137: the power was cut; 4: the firmware crashed.",
    )
    parser.add_argument("--image", type=Path, default=emulated.IMAGE, help="UF2 or binary (%(default)s)")
    parser.add_argument("--flash", type=Path, help="file that keeps the flash; it is made when absent")
    parser.add_argument("--usb", type=int, default=0, metavar="PORT", help="0: any that is free")
    parser.add_argument("--control", type=int, default=0, metavar="PORT", help="0: any that is free")
    parser.add_argument("--uart1", type=int, default=0, metavar="PORT", help="0: any that is free")
    parser.add_argument(
        "--pace",
        default="1",
        help="emulated seconds per second (1); 0: as fast as possible; hold: as the control channel says",
    )
    parser.add_argument("--erase-ms", type=float, default=45, help="time of a sector's erase (%(default)s)")
    parser.add_argument(
        "--program-ms", type=float, default=0.4, help="time of a page's program (%(default)s)"
    )
    parser.add_argument("--seed", type=int, help="of all noise; printed, so that it can be given again")
    parser.add_argument("--verbose", action="store_true", help="what rp2040js has to say about odd accesses")
    options = parser.parse_args()
    arguments = []
    for name, value in vars(options).items():
        if value is True:
            arguments.append("--" + name)
        elif value not in (None, False):
            arguments += ["--" + name.replace("_", "-"), str(value)]
    try:
        node = str(installed.node())
    except SetupError as error:
        print("emulator:", error, file=sys.stderr)
        return 1
    os.execv(node, [node, str(emulated.MAIN), *arguments])
    return 0


if __name__ == "__main__":
    sys.exit(main())
