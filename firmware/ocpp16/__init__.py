# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The wire: OCPP 1.6J over WebSocket."""
