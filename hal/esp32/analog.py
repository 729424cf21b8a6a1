# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Slow analog inputs of the ESP32: millivolts of ADC1, calibrated by the factory's eFuses.

A reading that fails (MicroPython tells from 1.29 on) counts as 0 mV, a short: one or two of five do nothing,
a converter that is dead is a plug with a wrong resistor and a broken thermometer, and the charger goes on.
"""

from machine import ADC, Pin


class Millivolts:
    """`read` for the parts of `hal.parts.analog`: the median of five readings, since Wi-Fi makes single ones
    jump (micropython issue 7514)."""

    __slots__ = ("_read", "_readings")

    def __init__(self, pin: int):
        self._read = ADC(Pin(pin), atten=ADC.ATTN_11DB).read_uv
        self._readings = [0] * 5

    def read(self) -> int:
        readings = self._readings
        for index in range(5):
            try:
                readings[index] = self._read()
            except OSError:
                readings[index] = 0
        readings.sort()
        return readings[2] // 1000
