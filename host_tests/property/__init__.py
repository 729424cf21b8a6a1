# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Properties of the firmware's heart, on CPython with hypothesis."""
