# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Proximity contact of a type 2 plug: coding resistor -> what the cable can carry (IEC 61851-1 annex B).
Pure."""

ERROR_DA = 0  # a plug is there, its resistor is outside every band: it must not be charged with


def rating_da(resistance_ohm: "int | None", before: "int | None" = None) -> "int | None":
    """Deci-ampere of the cable in our socket; `ERROR_DA` outside the bands; None: no plug.

    Nominal 1500, 680, 220, 100 ohm; the bands meet each other, below 75 (a short) and above 2200 (a loose
    contact) is an error. 100 ohm is 70 A with one phase, 63 A with three: the lower holds for both.

    `before`: the last answer. It stays while the resistance is within 5 % of its band: at an edge the offer
    would go up and down with the noise of the converter.
    """
    if resistance_ohm is None:
        return None
    rating = _band_da(resistance_ohm)
    if (
        before is not None
        and rating != before
        and (_band_da(resistance_ohm * 21 // 20) == before or _band_da(resistance_ohm * 19 // 20) == before)
    ):
        return before
    return rating


def _band_da(resistance_ohm):
    if resistance_ohm < 75 or resistance_ohm > 2200:
        return ERROR_DA
    if resistance_ohm >= 1000:
        return 130
    if resistance_ohm >= 330:
        return 200
    if resistance_ohm >= 150:
        return 320
    return 630
