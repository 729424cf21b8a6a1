# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The first that MicroPython runs, at power-up and after every reset, a soft one (Ctrl-D, mpremote) too."""

import boot_report
import machine
import rp2
import vfs

# A watchdog that the firmware has started goes on over a soft reset, and would cut off whoever has just
# connected to the board with mpremote. ENABLE of WATCHDOG_CTRL, through the register's clearing alias (RP2040
# datasheet, 4.7.6 and 2.1.2); why the last reset came stays in WATCHDOG_REASON. The firmware starts it again.
machine.mem32[0x4005B000] = 1 << 30

boot_report.trouble = boot_report.bring_up(rp2.Flash(), vfs.VfsLfs2, vfs.mount)
if boot_report.trouble:
    print(boot_report.trouble)

# These names would be those of the console.
del boot_report, machine, rp2, vfs
