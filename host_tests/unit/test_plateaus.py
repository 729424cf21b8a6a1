# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.esp32.plateaus: the plateaus of the pilot from 64 readings, and bursts that are not believed."""

from hal.esp32.plateaus import COUNT, Plateaus
from hal.parts.calibration import Calibration

try:
    from micropython import heap_lock, heap_unlock
except ImportError:  # CPython has no lock: there the loop runs without the proof

    def heap_lock():
        pass

    def heap_unlock():
        pass


# Millivolts at the pilot as readings: ten times a millivolt at +12 V, so that no rounding is in the way.
PLUS, MINUS = 24000, 0


def burst(highs, high_mv, low_mv, others=()):
    """`highs` readings of the high plateau, `others`, the rest low, in an order that has none."""
    levels = [high_mv] * highs + list(others)
    levels += [low_mv] * (COUNT - len(levels))
    readings = [level + 12000 for level in levels]
    return [readings[index * 37 % COUNT] for index in range(COUNT)]


def found(readings, duty_e4):
    plateaus = Plateaus(Calibration(PLUS, MINUS))
    return (plateaus.high_mv, plateaus.low_mv) if plateaus.find(readings, duty_e4) else None


def test_every_duty_and_state():
    for duty_e4 in range(1000, 9601, 100):
        highs = (COUNT * duty_e4 + 5000) // 10000
        for high_mv in (12000, 9000, 6000, 3000):
            assert found(burst(highs, high_mv, -12000), duty_e4) == (high_mv, -12000), duty_e4


def test_readings_on_the_edges_do_not_count():
    for duty_e4 in (1000, 1600, 5333, 8500, 9600):
        highs = COUNT * duty_e4 // 10000
        for edges in ((-3000,), (2000, -8000)):
            assert found(burst(highs - 1, 6000, -12000, edges), duty_e4) == (6000, -12000), duty_e4


def test_a_spike_of_noise_is_not_the_plateau():
    high_mv, low_mv = found(burst(33, 6000, -12000, (9500,)), 5333)
    assert (high_mv, low_mv) == (6000, -12000)


def test_a_car_without_diode():
    assert found(burst(17, 9000, -9000), 2666) == (9000, -9000)
    assert found(burst(17, 3000, -3000), 2666) == (3000, -3000)


def test_a_short_to_earth_is_believed():
    assert found(burst(17, 300, -300), 2666) == (300, -300)
    assert found(burst(0, 0, 0), 2666) == (0, 0)


def test_no_edges_are_not_believed():
    # The converter is stuck, or the oscillator stands still: at whatever level.
    for level_mv in (12000, 9000, 6000, 3000, -12000, 1600, -1600):
        for duty_e4 in (1000, 2666, 9600):
            assert found(burst(0, 0, level_mv), duty_e4) is None, level_mv


def test_another_duty_than_told_is_not_believed():
    for told_e4, real in ((1000, 17), (2666, 6), (2666, 34), (5333, 17), (9600, 34)):
        assert found(burst(real, 9000, -12000), told_e4) is None, told_e4
    # Some readings may stray.
    for real in range(13, 22):
        assert found(burst(real, 9000, -12000), 2666) == (9000, -12000) or real > 17


def test_steady():
    for high_mv in (12000, 9000, 6000, 3000, 0):
        assert found(burst(0, 0, high_mv), 10000) == (high_mv, high_mv)
    assert found(burst(0, 0, -12000), 0) == (-12000, -12000)
    assert found(burst(0, 0, 0), 0) == (0, 0)  # shorted while state F is told


def test_steady_with_edges_or_at_the_wrong_end_is_not_believed():
    assert found(burst(20, 9000, -12000), 10000) is None
    assert found(burst(44, 9000, -12000), 0) is None
    assert found(burst(0, 0, -12000), 10000) is None
    assert found(burst(0, 0, 9000), 0) is None
    # A few readings that a disturbance has hit prove nothing.
    assert found(burst(0, 0, 9000, (-12000, 12000, 0)), 10000) == (9000, 9000)


def test_extreme_duties_have_no_plateau_of_zero_readings():
    for duty_e4 in (1, 50, 9950, 9999):
        assert found(burst(1 if duty_e4 < 5000 else COUNT - 1, 9000, -12000), duty_e4) is not None


def test_finding_allocates_nothing():
    plateaus = Plateaus(Calibration(PLUS, MINUS))
    bursts = [burst(count, 6000, -12000) for count in (0, 6, 17, 34, 62, 64)]
    heap_lock()
    try:
        for readings in bursts:
            for duty_e4 in (0, 1000, 2666, 5333, 9600, 10000):
                plateaus.find(readings, duty_e4)
    finally:
        heap_unlock()
