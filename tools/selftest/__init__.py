# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make selftest`: the installer's test of a charger over its console, and the page to keep."""
