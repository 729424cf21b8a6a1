# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The report as data and text; host_tests/browser looks at it."""
