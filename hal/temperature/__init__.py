# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Temperature sensors that speak: 1-wire, I2C."""
