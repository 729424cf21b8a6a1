# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
