# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.pilot: the windows of the states and both directions of the duty cycle."""

from evse.pilot import FAULT_E4, PAUSE_E4, classify, current_da, duty_e4, is_pwm

NOMINAL_MV = (("A", 12000), ("B", 9000), ("C", 6000), ("D", 3000), ("E", 0), ("F", -12000))

# SAE J1772 table A1 as the sources of facts/iec61851.md quote it: least and most of each state.
TOLERATED_MV = (
    ("A", 11400, 12600),
    ("B", 8360, 9560),
    ("C", 5480, 6490),
    ("D", 2620, 3250),
    ("F", -12600, -11400),
)


def test_every_level_within_its_tolerance_is_its_state_whatever_was_before():
    for letter, least, most in TOLERATED_MV:
        for high_mv in range(least, most + 1, 10):
            for before in "ABCDEF":
                assert classify(high_mv, before) == letter, (high_mv, before)


def test_a_short_is_e():
    for high_mv in (-1000, -300, 0, 300, 1000):
        for before in "ABCDEF":
            assert classify(high_mv, before) == "E"


def test_hysteresis_of_300_mv_on_each_side_of_every_midpoint():
    for upper, lower, middle_mv in (("A", "B", 10500), ("B", "C", 7500), ("C", "D", 4500), ("D", "E", 1500)):
        assert classify(middle_mv - 299, upper) == upper
        assert classify(middle_mv - 300, upper) == lower
        assert classify(middle_mv + 300, lower) == lower
        assert classify(middle_mv + 301, lower) == upper


def test_a_level_that_stays_keeps_its_letter():
    for high_mv in range(-13000, 13000, 50):
        for before in "ABCDEF":
            letter = classify(high_mv, before)
            assert classify(high_mv, letter) == letter


def test_states_come_in_the_order_of_the_voltage():
    for before in "ABCDEF":
        letters = [classify(high_mv, before) for high_mv in range(13000, -13001, -50)]
        assert letters == sorted(letters)


def test_duty_of_the_standard():
    # IEC 61851-1 table A.7 read by the sources of facts/iec61851.md section 2.2
    for ampere, percent in (
        (6, 10),
        (9, 15),
        (12, 20),
        (15, 25),
        (18, 30),
        (30, 50),
        (48, 80),
        (51, 85),
        (60, 88),
        (80, 96),
    ):
        assert duty_e4(ampere * 10) == percent * 100, ampere


def test_below_six_ampere_is_the_pause():
    for limit_da in (0, 1, 30, 59):
        assert duty_e4(limit_da) == PAUSE_E4
    assert duty_e4(60) == 1000


def test_more_than_80_ampere_cannot_be_said():
    assert duty_e4(801) == duty_e4(100000) == duty_e4(800) == 9600


def test_every_deci_ampere_survives_the_way_to_the_car_and_back():
    for limit_da in range(60, 801):
        duty = duty_e4(limit_da)
        assert 1000 <= duty <= 9600
        wanted = 510 if 510 < limit_da < 525 else limit_da  # the gap between the two lines of the standard
        if limit_da == 525:
            wanted = 510  # 85 % belongs to the first line
        assert current_da(duty) == wanted, limit_da


def test_the_offer_never_exceeds_the_limit():
    for limit_da in range(60, 801):
        duty = duty_e4(limit_da)
        # The car's reading, without rounding, in 1/10000 A.
        read = duty * 60 if duty <= 8500 else (duty - 6400) * 250
        assert read <= limit_da * 1000, limit_da


def test_the_offer_grows_with_the_limit():
    duties = [duty_e4(limit_da) for limit_da in range(60, 801)]
    assert duties == sorted(duties)


def test_duties_that_offer_nothing():
    for duty in (0, 1, 299, 300, 500, 700, 799, 9701, 9999, 10000):
        assert current_da(duty) == 0, duty
    for duty in (800, 900, 999, 1000):
        assert current_da(duty) == 60, duty
    for duty in (9600, 9650, 9700):
        assert current_da(duty) == 800, duty


def test_only_between_the_ends_is_pwm():
    assert not is_pwm(FAULT_E4) and not is_pwm(PAUSE_E4)
    assert is_pwm(1) and is_pwm(1000) and is_pwm(9999)
