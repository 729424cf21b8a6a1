# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The first that MicroPython runs, at power-up and after every reset. The stock one stops for ever at a file
system that does not mount; ours says so, and a charger without files still opens its contactor."""

import boot_report
import vfs
from esp32 import Partition

_found = Partition.find(Partition.TYPE_DATA, label="vfs")
if _found:
    boot_report.trouble = boot_report.bring_up(_found[0], vfs.VfsLfs2, vfs.mount)
else:
    boot_report.trouble = "no partition is called vfs, nothing can be kept"
if boot_report.trouble:
    print(boot_report.trouble)

# These names would be those of the console.
del boot_report, vfs, Partition, _found
