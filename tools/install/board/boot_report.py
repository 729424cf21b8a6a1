# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Of a board with official MicroPython, whose own _boot.py does not say how the file system came up: this
module is read from it, so it is mounted. What that _boot.py does to one that does not mount:
docs/flash.md."""

trouble = None
