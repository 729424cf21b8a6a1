# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The image of a real board: MicroPython from its sources, the firmware frozen into it (docs/image.md)."""
