# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The ESP32's clock: it goes on through resets, though not through a power cut.

Whether it was ever set since the power came is remembered in the RTC's memory, which lives as long as the
clock does. After a reset it has run on the chip's own RC oscillator for the moment of the reset only.
"""

import time

from machine import RTC

from hal import calendar

_SET = b"clock is set"
# MicroPython counts from 2000 on this chip, from 1970 elsewhere.
_EPOCH_S = 946684800 if time.gmtime(0)[0] == 2000 else 0


class Clock:
    """A `hal.contract.RealTimeClock`. What is set here is also what `time.time()` and TLS go by."""

    def __init__(self):
        self._rtc = RTC()
        self._known = self._rtc.memory() == _SET

    def utc_ms(self):
        return time.time_ns() // 1000000 + _EPOCH_S * 1000 if self._known else None

    def set_utc_ms(self, utc_ms):
        seconds, ms = divmod(utc_ms, 1000)
        self._rtc.datetime(calendar.date(seconds) + (ms * 1000,))
        self._rtc.memory(_SET)
        self._known = True
