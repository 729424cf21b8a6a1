# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The RP2040's own clock: it has no battery, so each start begins without the time."""

import time

import machine

from hal import calendar


class Clock:
    """A `hal.contract.RealTimeClock`. What is set here is also what `time.time()` and TLS go by."""

    def __init__(self):
        self._known = False

    def utc_ms(self):
        return time.time() * 1000 if self._known else None

    def set_utc_ms(self, utc_ms):
        machine.RTC().datetime(calendar.date(utc_ms // 1000) + (0,))
        self._known = True
