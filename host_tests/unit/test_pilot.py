# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.pilot: the windows of the states and both directions of the duty cycle."""

from evse.pilot import (
    FAULT_E4,
    PAUSE_E4,
    Calibration,
    classify,
    current_da,
    duty_e4,
    is_pwm,
    state_name,
)
from host_tests.unit.expect import raises

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


def test_states_have_names_with_and_without_pwm():
    for letter in "ABCD":
        assert state_name(letter, PAUSE_E4) == letter + "1"
        assert state_name(letter, 5333) == letter + "2"
    for duty in (FAULT_E4, 5333, PAUSE_E4):
        assert state_name("E", duty) == "E" and state_name("F", duty) == "F"
    assert state_name("B", FAULT_E4) == "B1"


def test_a_calibration_is_exact_at_its_points_and_between():
    # The front-end of the emulated board: (mV + 15000) * 0.11 over 3300 mV and 4095 counts.
    low_raw, high_raw = 410, 3686
    calibration = Calibration(low_raw, -12000, high_raw, 12000, 4095)
    assert calibration.mv(low_raw) == -12000 and calibration.mv(high_raw) == 12000
    for raw in range(4096):
        exact = -12000 + (raw - low_raw) * 24000 // (high_raw - low_raw)
        assert calibration.mv(raw) == exact


def test_sixteen_bits_stay_within_2_mv():
    calibration = Calibration(6554, -11900, 58982, 12100)
    for raw in range(0, 65536, 7):
        exact = -11900 + (raw - 6554) * 24000 / (58982 - 6554)
        assert abs(calibration.mv(raw) - exact) <= 2, raw


def test_a_real_board_that_is_off():
    # OpenEVSE #588: a front-end that reads 4 % high is set right by its two points.
    def reads(mv):
        return (mv * 104 // 100 + 15600) * 4095 // 31200

    calibration = Calibration(reads(-12000), -12000, reads(12000), 12000, 4095)
    for mv in range(-12000, 12001, 500):
        assert abs(calibration.mv(reads(mv)) - mv) <= 10


def test_points_that_tell_nothing_are_refused():
    for points in (
        (410, -12000, 410, 12000),
        (3686, -12000, 410, 12000),
        (2000, -12000, 2100, 12000),
        (410, 0, 3686, 6000),
        (410, 12000, 3686, -12000),
        (-1, -12000, 3686, 12000),
        (410, -12000, 5000, 12000),
    ):
        raises(ValueError, Calibration, *points, 4095)


def test_a_calibration_stays_with_small_integers():
    try:
        from micropython import heap_lock, heap_unlock
    except ImportError:
        heap_lock = heap_unlock = int
    small = Calibration(0, -15000, 4095, 15000, 4095)
    large = Calibration(0, -15000, 65535, 15000)
    total = 0
    heap_lock()
    try:
        for raw in range(4096):
            total = (total + small.mv(raw) + large.mv(raw * 16)) & 0xFFFF
    finally:
        heap_unlock()
    assert small.mv(4095) == 15000 and large.mv(65535) == 15000
