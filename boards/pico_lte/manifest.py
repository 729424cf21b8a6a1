# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What is frozen into the image of this board, under the names by which it is imported. MicroPython's
makemanifest.py runs this, and so does tools/image/frozen.py.

Folders are listed, not modules: what is added to `firmware/` or `hal/` is in the next image.
"""

# The functions are makemanifest's.
# ruff: noqa: F821
# pyright: reportUndefinedVariable=false

import os

# No asserts; line numbers stay, for tracebacks from the field (docs/image.md has what they cost).
OPTIMIZATION = 2

# Of other boards; and what nobody imports: documentation, and what type checkers read.
OTHERS = ("sim", "esp32", "contract.py")


def files(folder, others=()):
    """The .py files under `folder`, relative to it, in an order that is the same on every machine."""
    found = []
    for path, _, names in os.walk(folder):
        inner = os.path.relpath(path, folder)
        found += [os.path.normpath(os.path.join(inner, name)) for name in names if name.endswith(".py")]
    return sorted(name for name in found if not name.startswith(others))


# asm_pio; the folder's own _boot.py formats whatever it cannot mount: ours is in modules/.
module("rp2.py", base_path="$(PORT_DIR)/modules")
include("$(MPY_DIR)/extmod/asyncio")

freeze("modules", files("modules"), opt=OPTIMIZATION)
freeze(".", ("board.py",), opt=OPTIMIZATION)
package("hal", files("../../hal", OTHERS), base_path="../..", opt=OPTIMIZATION)
freeze("../../firmware", files("../../firmware"), opt=OPTIMIZATION)
