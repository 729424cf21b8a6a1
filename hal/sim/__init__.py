# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The simulated board: cars, cables, locks, meters and a network that can be told what to do."""
