# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The RP2040 board pico_lte, emulated: the real firmware image on rp2040js, with a car, a contactor, a meter
and the rest of a charger modelled around it. `emulated.Emulated` is the way in; docs/emulator.md has the
control channel.
"""
