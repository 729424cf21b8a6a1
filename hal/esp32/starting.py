# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""From reset to the first pass of the guard, as `hal.rp2.starting`. On an ESP32 nothing runs meanwhile: its
task watchdog cannot be stopped from MicroPython once it is started, and would restart whoever works at the
REPL. It begins with the timer that feeds it (`hal.esp32.board`)."""


def begin() -> None:
    pass


def end() -> None:
    pass
