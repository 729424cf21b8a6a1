# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The ESP32: never tried on silicon. What is known, what is not, and which hardware it needs beside it stands
in README.md.
"""
