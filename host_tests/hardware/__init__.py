# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Hardware without hardware: the boards' data, hal.esp32 on a strict fake of its chip, the contract."""
