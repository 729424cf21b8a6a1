# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Links and transports below the wire."""
