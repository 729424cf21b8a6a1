# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The parts of `flash` that run under MicroPython, with its littlefs."""
