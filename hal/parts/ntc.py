# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""NTC thermistors: resistance -> temperature. Pure; floats only while the table is made."""

from math import exp

_COLDEST_C = -40
_HOTTEST_C = 125
_STEP_C = 5
_KELVIN = 273.15


def table(r25_ohm: int, beta: int) -> tuple:
    """Ohm at -40, -35 ... 125 degrees Celsius, by the B equation R = R25 exp(B (1/T - 1/T25)).

    Floats have 24 bits on the boards: the table is exact to 0.01 %, which is 0.003 K.
    """
    found = []
    for celsius in range(_COLDEST_C, _HOTTEST_C + 1, _STEP_C):
        exponent = beta * (1 / (celsius + _KELVIN) - 1 / (25 + _KELVIN))
        found.append(int(r25_ohm * exp(exponent) + 0.5))
    return tuple(found)


def celsius_d(ohm: int, table: tuple) -> "int | None":
    """Deci-degrees Celsius; None outside the table: the sensor is shorted, or its wire is broken.

    A straight line between two entries is off by 0.2 K at most.
    """
    if not table[-1] <= ohm <= table[0]:
        return None
    above = 1
    while table[above] > ohm:
        above += 1
    colder, warmer = table[above - 1], table[above]
    within_d = (colder - ohm) * _STEP_C * 10 // (colder - warmer)
    return (_COLDEST_C + (above - 1) * _STEP_C) * 10 + within_d
