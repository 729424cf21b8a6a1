# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Hardware abstraction: what every board offers (`contract`) and the boards that offer it."""
