# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The first that MicroPython runs, at power-up and after every reset, a soft one (Ctrl-D, mpremote) too."""

import boot_report
import rp2
import vfs

from hal.rp2 import starting

# A watchdog that the firmware has started goes on over a soft reset, and would cut off whoever has just
# connected to the board with mpremote. Why the last reset came stays known. The firmware starts it again.
starting.end()

try:
    # Coils and motors off, before anything takes its time.
    from board import BOARD

    starting.let_go(BOARD)
    del BOARD
except Exception as error:
    print("pins:", error)  # `main` tells what is wrong with the board; the file system comes up all the same

boot_report.trouble = starting.mount(boot_report.bring_up, rp2.Flash(), vfs.VfsLfs2, vfs.mount)
if boot_report.trouble:
    print(boot_report.trouble)

# These names would be those of the console.
del boot_report, rp2, starting, vfs
