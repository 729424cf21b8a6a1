# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Pages in headless Chromium, as a person sees them."""
