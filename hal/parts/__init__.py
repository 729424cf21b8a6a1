# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Parts that are the same on every controller: pins with a meaning, the lock's motor, and the arithmetic
behind analog inputs.

Nothing here imports `machine`: pins and converters are passed in by the package of the controller.
"""
