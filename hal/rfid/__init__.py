# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Drivers of tag readers."""
