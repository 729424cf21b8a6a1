# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Tests of the firmware process, over real sockets."""
