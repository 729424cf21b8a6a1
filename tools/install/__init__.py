# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make flash`, `make package`, `make configure`: the firmware and its settings onto official MicroPython."""
