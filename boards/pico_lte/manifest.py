# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What is frozen into the image of this board: boards/manifest_files.py, and what the board is."""

# The functions are makemanifest's.
# ruff: noqa: F821
# pyright: reportUndefinedVariable=false

# No radio and no Ethernet: MicroPython's `network` has none here.
NO_NETWORKS = ("rp2/wifi.py", "rp2/ethernet.py", "parts/wifi.py", "parts/joining.py", "parts/ethernet.py")
include("../manifest_files.py", chip="rp2", without=NO_NETWORKS)
freeze(".", "board.py", opt=2)
