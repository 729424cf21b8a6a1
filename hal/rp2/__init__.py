# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The RP2040: pilot sampled by the hardware, contactor on a dead man's switch, parts put together from a
board's data.
"""
