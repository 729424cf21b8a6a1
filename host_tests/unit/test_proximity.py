# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.proximity: what the coding resistor of a cable allows."""

from evse.proximity import ERROR_DA, rating_da


def test_nominal_resistors():
    assert [rating_da(ohm) for ohm in (1500, 680, 220, 100)] == [130, 200, 320, 630]


def test_the_edges_of_the_bands():
    edges = ((2200, 130), (1000, 130), (999, 200), (330, 200), (329, 320), (150, 320), (149, 630), (75, 630))
    for ohm, wanted_da in edges:
        assert rating_da(ohm) == wanted_da, ohm


def test_outside_the_bands_is_an_error_and_no_rating():
    for ohm in (0, 20, 74, 2201, 5000, 1000000):
        assert rating_da(ohm) == ERROR_DA == 0, ohm


def test_no_plug_is_no_rating():
    assert rating_da(None) is None


def test_more_resistance_never_allows_more():
    ratings = [rating_da(ohm) for ohm in range(75, 2201)]
    assert ratings == sorted(ratings, reverse=True)
