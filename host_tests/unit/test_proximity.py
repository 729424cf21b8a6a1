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


def test_a_band_is_left_5_percent_beyond_its_edge():
    for lower, upper, edge_ohm in ((630, 320, 150), (320, 200, 330), (200, 130, 1000)):
        assert rating_da(edge_ohm * 97 // 100, upper) == upper
        assert rating_da(edge_ohm * 94 // 100, upper) == lower
        assert rating_da(edge_ohm * 103 // 100, lower) == lower
        assert rating_da(edge_ohm * 106 // 100, lower) == upper
    # An error as well: a contact that is loose does not come and go.
    assert rating_da(2150, ERROR_DA) == ERROR_DA and rating_da(2000, ERROR_DA) == 130
    assert rating_da(2250, 130) == 130 and rating_da(2400, 130) == ERROR_DA
    assert rating_da(77, ERROR_DA) == ERROR_DA and rating_da(85, ERROR_DA) == 630


def test_another_cable_is_seen_at_once():
    for before in (None, 0, 130, 200, 320, 630):
        for nominal_ohm, rating in ((1500, 130), (680, 200), (220, 320), (100, 630)):
            assert rating_da(nominal_ohm, before) == rating
        assert rating_da(None, before) is None
