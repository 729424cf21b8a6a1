# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Proximity contact of a type 2 plug: coding resistor -> what the cable can carry (IEC 61851-1 annex B).
Pure."""

ERROR_DA = 0  # a plug is there, its resistor is outside every band: it must not be charged with


def rating_da(resistance_ohm: "int | None") -> "int | None":
    """Deci-ampere of the cable in our socket; `ERROR_DA` outside the bands; None: no plug.

    Nominal 1500, 680, 220, 100 ohm; the bands meet each other, below 75 (a short) and above 2200 (a loose
    contact) is an error. 100 ohm is 70 A with one phase, 63 A with three: the lower holds for both.
    """
    if resistance_ohm is None:
        return None
    if resistance_ohm < 75 or resistance_ohm > 2200:
        return ERROR_DA
    if resistance_ohm >= 1000:
        return 130
    if resistance_ohm >= 330:
        return 200
    if resistance_ohm >= 150:
        return 320
    return 630
