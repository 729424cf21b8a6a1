# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Power-cut-safe persistence."""
