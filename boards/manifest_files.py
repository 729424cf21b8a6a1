# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What is frozen into every image, under the names by which it is imported. A board's manifest.py includes
this with the name of its MicroPython port, `chip`: "rp2" or "esp32", and with the drivers that it can do
without, `without`: what the MicroPython of this board cannot import. MicroPython's makemanifest.py runs both,
and so does tools/image/frozen.py.

Folders are listed, not modules: what is added to `firmware/` or `hal/` is in the next image.
"""

# The functions, and `options`, are makemanifest's.
# ruff: noqa: F821
# pyright: reportUndefinedVariable=false

import os

# No asserts; line numbers stay, for tracebacks from the field (docs/image.md has what they cost).
OPTIMIZATION = 2

PORTS = ("rp2", "esp32")
# Of other boards; and what nobody imports: documentation, and what type checkers read.
OTHERS = ("sim", "contract.py") + tuple(port for port in PORTS if port != options.chip)
WITHOUT = tuple(getattr(options, "without", None) or ())


def files(folder, others=()):
    """The .py files under `folder`, relative to it, in an order that is the same on every machine."""
    found = []
    for path, _, names in os.walk(folder):
        inner = os.path.relpath(path, folder)
        found += [os.path.normpath(os.path.join(inner, name)) for name in names if name.endswith(".py")]
    return sorted(name for name in found if not name.startswith(others))


# The port's own _boot.py is left out, with what else it freezes: that of an RP2040 formats whatever it cannot
# mount, that of an ESP32 stops there for ever.
if options.chip == "rp2":
    module("rp2.py", base_path="$(PORT_DIR)/modules")  # asm_pio
    freeze("pico_lte/modules", "_boot.py", opt=OPTIMIZATION)
else:
    freeze("esp32_devkit/modules", "_boot.py", opt=OPTIMIZATION)
include("$(MPY_DIR)/extmod/asyncio")

freeze("pico_lte/modules", "boot_report.py", opt=OPTIMIZATION)
package("hal", files("../hal", OTHERS + WITHOUT), base_path="..", opt=OPTIMIZATION)
freeze("../firmware", files("../firmware"), opt=OPTIMIZATION)
