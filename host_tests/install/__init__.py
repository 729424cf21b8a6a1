# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The installer: on a model of a board, and with unmodified mpremote on littlefs under MicroPython."""
