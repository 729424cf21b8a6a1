# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The pilot's calibration of one unit: measured by itself at its commissioning, kept in the NVS partition,
which outlives the file system."""

import asyncio

from esp32 import NVS

from hal.parts.calibration import Calibration, believable

_NAMESPACE = "pilotlight"
_PLUS, _MINUS = "cp_plus", "cp_minus"
_SETTLE_MS = 200


class CalibrationError(Exception):
    """The text says what was measured."""


def load(nominal_plus: int, nominal_minus: int) -> Calibration:
    """Tenths of a millivolt at the pin. The nominal values where nothing is kept, or nothing that can be
    true."""
    nvs = NVS(_NAMESPACE)
    try:
        plus, minus = nvs.get_i32(_PLUS), nvs.get_i32(_MINUS)
    except OSError:
        return Calibration(nominal_plus, nominal_minus)
    if not believable(plus, minus, nominal_plus, nominal_minus):
        return Calibration(nominal_plus, nominal_minus)
    return Calibration(plus, minus)


async def measure(pilot, nominal_plus: int, nominal_minus: int) -> tuple:
    """With nothing plugged in: put +12 V and -12 V on the pilot, look, and keep both. (plus, minus);
    CalibrationError: a car hangs on it, or the board is not what its data say.
    """
    plus = await _level(pilot, 10000)
    minus = await _level(pilot, 0)
    pilot.set_duty(10000)
    if not believable(plus, minus, nominal_plus, nominal_minus):
        raise CalibrationError(
            "%d and %d instead of %d and %d tenths of a millivolt"
            % (plus, minus, nominal_plus, nominal_minus)
        )
    nvs = NVS(_NAMESPACE)
    nvs.set_i32(_PLUS, plus)
    nvs.set_i32(_MINUS, minus)
    nvs.commit()
    return plus, minus


async def _level(pilot, duty_e4):
    pilot.set_duty(duty_e4)
    await asyncio.sleep_ms(_SETTLE_MS)
    pilot.sample()
    return pilot.level()
