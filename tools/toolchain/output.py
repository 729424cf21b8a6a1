# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""How the tools print."""

import io
import sys


def line_by_line() -> None:
    """From now on each line of standard output is there when it is printed, also in a pipe or a file.

    Python keeps 8 KB back otherwise: nothing would be seen of twelve minutes of `make power-cut | tee`, and
    standard error, which is not kept back, would come before what led to it.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
