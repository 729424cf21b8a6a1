# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A temperature sensor on a bus, measured beside the loop: who asks gets the last value, as long as it is not
too old.
"""

import asyncio

import log
from hal.ticks import ticks_diff, ticks_ms

_EVERY_MS = 2000
# A contact warms by some 10 K in a minute (docs/temperature.md): older than this a value says nothing.
_OLD_MS = 10000


class Polled:
    """A `hal.contract.Temperature`. `sensor`: has `async measure()`: deci-degrees, or None: no answer, or
    none that can be believed; it may raise OSError. It has deadlines, and never takes more than 5 ms at a
    time."""

    def __init__(self, sensor):
        self._sensor = sensor
        self._value = None
        self._at = 0  # of the value
        self._asked_at = None  # of the last measurement that has begun
        self._task = None  # kept: MicroPython's loop holds it while it waits, nobody does in between

    def celsius_d(self):
        """Has to be called several times per second, by a task."""
        now = ticks_ms()
        if self._task is None and (self._asked_at is None or ticks_diff(now, self._asked_at) >= _EVERY_MS):
            self._asked_at = now
            self._task = asyncio.create_task(self._measure())
        if self._value is not None and ticks_diff(now, self._at) >= _OLD_MS:
            self._value = None
            log.warning("temperature", "the sensor is silent")
        return self._value

    async def _measure(self):
        value = None
        try:
            value = await self._sensor.measure()
        except OSError:
            pass
        except Exception as error:  # without memory, for one; the next measurement comes
            log.failure("temperature", "no value", error)
        finally:
            self._task = None
        if value is not None:
            if self._value is None:
                log.info("temperature", "the sensor answers: %d deci-degrees", value)
            self._value = value
            self._at = ticks_ms()
