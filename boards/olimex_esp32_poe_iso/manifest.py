# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What is frozen into the image of this board: boards/manifest_files.py, and what the board is."""

# The functions are makemanifest's.
# ruff: noqa: F821
# pyright: reportUndefinedVariable=false

include("../manifest_files.py", chip="esp32")
freeze(".", "board.py", opt=2)
