# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""How a board is wired, as a table and as a drawing, both made from its data: `make wiring`."""
