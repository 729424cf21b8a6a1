# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Charging a car by IEC 61851-1. Knows nothing of OCPP."""
