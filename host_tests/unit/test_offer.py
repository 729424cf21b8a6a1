# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.offer: when the offered current may change, and cars that cannot bear it."""

from evse.offer import Offer
from evse.pilot import PAUSE_E4, duty_e4

BMW = "CCCBBBBBBBBBBBBBBBBBBBBBBBBBBBBB" + "C" * 60


def run(offer, limit_da, ms, letter="C", driven=True):
    for _ in range(ms // 20):
        offer.step(20, limit_da, letter, driven)
    return offer.duty_e4


def charging(limit_da=160):
    offer = Offer()
    assert run(offer, limit_da, 20, "B", False) == duty_e4(limit_da)
    run(offer, limit_da, 6000)
    return offer


def test_offers_are_five_seconds_apart():
    offer = charging()
    assert run(offer, 100, 20) == duty_e4(100)
    assert run(offer, 200, 4960) == duty_e4(100)
    assert run(offer, 200, 60) == duty_e4(200)


def test_a_pause_comes_at_any_time_and_ends_5_seconds_after_the_last_offer_began():
    offer = charging()
    assert run(offer, 100, 20) == duty_e4(100)
    assert run(offer, 0, 20) == PAUSE_E4
    assert run(offer, 80, 4940) == PAUSE_E4  # a pause of a moment is no way around the 5 s
    assert run(offer, 80, 60) == duty_e4(80)
    run(offer, 80, 6000)
    assert run(offer, 59, 20) == PAUSE_E4
    assert run(offer, 200, 20) == duty_e4(200)


def test_a_limit_that_swings_around_6_ampere_makes_one_offer_in_5_seconds():
    offer = Offer()
    offers = []
    for count in range(3000):
        before = offer.duty_e4
        offer.step(20, (59, 60, 61)[count % 3], "C", True)
        if offer.duty_e4 not in (before, PAUSE_E4):
            offers.append(count * 20)
    assert 11 <= len(offers) <= 12
    assert all(offers[index + 1] - offers[index] >= 5000 for index in range(len(offers) - 1))


def glitch(offer, limit_da):
    """A change of the offer, and B for half a second after it."""
    run(offer, limit_da, 20)
    for letter in BMW:
        offer.step(20, limit_da, letter, letter == "C")


def test_a_car_that_glitches_is_asked_to_stop_before_the_next_change():
    offer = charging()
    glitch(offer, 100)
    assert offer.glitches
    run(offer, 100, 6000)
    assert run(offer, 80, 20) == PAUSE_E4
    assert run(offer, 80, 2000) == PAUSE_E4  # until it has opened S2
    assert run(offer, 80, 20, "B", False) == duty_e4(80)
    # More is offered once a minute at most, less at any time.
    run(offer, 80, 6000)
    assert run(offer, 320, 50000) == duty_e4(80)
    assert run(offer, 320, 8000) == PAUSE_E4
    assert run(offer, 320, 20, "B", False) == duty_e4(320)


def test_what_is_not_shown_does_not_go_on_with_an_old_limit():
    offer = charging()
    offer.step(20, 100, "B", False, False)
    assert offer.duty_e4 == duty_e4(100)
    offer.step(20, 60, "B", False, False)
    assert offer.duty_e4 == PAUSE_E4
    assert run(offer, 60, 5000, "B", False) == duty_e4(60)


def test_the_next_car_need_not_wait():
    offer = charging()
    run(offer, 100, 20)
    run(offer, 0, 20, "A", False)
    offer.forget()
    assert run(offer, 80, 20, "B", False) == duty_e4(80)


def test_the_next_car_is_taken_at_its_word():
    offer = charging()
    glitch(offer, 100)
    offer.forget()
    run(offer, 100, 6000)
    assert run(offer, 80, 20) == duty_e4(80)


def test_a_car_that_leaves_after_a_change_has_no_glitch():
    for letters in ("B" * 200, "BBBBBA" + "C" * 100, "B" * 150 + "C" * 50):
        offer = charging()
        run(offer, 100, 20)
        for letter in letters:
            offer.step(20, 100, letter, False)
        assert not offer.glitches, letters[:6]
    # Nor one that pauses later on.
    offer = charging()
    run(offer, 100, 1000)
    for letter in BMW:
        offer.step(20, 100, letter, letter == "C")
    assert not offer.glitches


def test_a_glitch_that_nobody_has_seen_is_none():
    for stalls in ((1400, 20), (20, 5000)):
        offer = charging()
        run(offer, 100, 20)
        offer.step(stalls[0], 100, "B", False)
        offer.step(stalls[1], 100, "C", False)
        assert not offer.glitches, stalls
    offer = charging()
    run(offer, 100, 20)
    offer.step(200, 100, "B", False)
    offer.step(600, 100, "C", False)
    assert offer.glitches
