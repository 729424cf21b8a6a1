# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The two plateaus of the pilot out of a burst of readings, and whether the burst can be believed. Pure.

A burst is spread so that its readings fall on equally spaced phases of the pilot's period (hal.esp32.pilot).
So the share of readings on the high plateau is the duty, and a plateau is found by rank, not by level: of 64
readings at 10 % the six highest are the high plateau. Its value is the mean of what is left of these without
the highest, which are off by the converter's noise (the highest of 64 by 2.5 sigma), and without those next
to the other plateau, which may lie on an edge.
"""

COUNT = 64  # readings in a burst; at 96 % (80 A) two of them are low

_NO_SWING_MV = 3000  # a car without diode still leaves 6 V
_NEAR_ZERO_MV = 1500
# Readings that may be on the wrong plateau: edges, and readings that an interrupt has delayed.
_STRAYED = 4


class Plateaus:
    """high_mv, low_mv   what the last `find` found, at the pilot"""

    __slots__ = ("_pilot_mv", "high_mv", "low_mv")

    def __init__(self, calibration):
        self._pilot_mv = calibration.pilot_mv  # bound once: doing it in the interrupt allocates
        self.high_mv = 0
        self.low_mv = 0

    def find(self, readings: list, duty_e4: int) -> bool:
        """`readings`: COUNT of them, in the calibration's unit; they are put in order. False: they do not fit
        this duty, whatever hangs on the pilot. Allocates nothing.
        """
        readings.sort()
        if duty_e4 <= 0 or duty_e4 >= 10000:
            return self._steady(readings, duty_e4)
        highs = (COUNT * duty_e4 + 5000) // 10000
        highs = min(max(highs, 1), COUNT - 1)
        pilot_mv = self._pilot_mv
        top = _top(readings, highs)
        bottom = _bottom(readings, COUNT - highs)
        self.high_mv = pilot_mv(top)
        self.low_mv = pilot_mv(bottom)
        if self.high_mv - self.low_mv < _NO_SWING_MV:
            # Nothing swings. A short of the pilot to earth has both plateaus near 0 V (state E); at any other
            # level the converter or the oscillator stands still.
            return self.high_mv <= _NEAR_ZERO_MV and self.low_mv >= -_NEAR_ZERO_MV
        edge = (top + bottom) // 2
        above = 0
        for reading in readings:
            if reading > edge:
                above += 1
        return highs - _STRAYED <= above <= highs + _STRAYED

    def _steady(self, readings, duty_e4):
        pilot_mv = self._pilot_mv
        self.high_mv = self.low_mv = level = pilot_mv(readings[COUNT // 2])
        if pilot_mv(readings[COUNT - 1 - _STRAYED]) - pilot_mv(readings[_STRAYED]) > _NEAR_ZERO_MV:
            return False  # edges, though nothing was to swing
        # A car can neither pull +12 V below 0 V nor lift -12 V above it.
        return level >= -_NEAR_ZERO_MV if duty_e4 else level <= _NEAR_ZERO_MV


def _top(readings, count):
    """Mean of the sound part of the `count` highest readings."""
    total = 0
    first, end = COUNT - count + _inner(count), COUNT - count // 6
    for index in range(first, end):
        total += readings[index]
    return total // (end - first)


def _bottom(readings, count):
    """Mean of the sound part of the `count` lowest readings."""
    total = 0
    first, end = count // 6, count - _inner(count)
    for index in range(first, end):
        total += readings[index]
    return total // (end - first)


def _inner(count):
    """How many readings of a plateau, those nearest to the other one, may lie on an edge or beyond it; one
    stays."""
    return min(max(2, count // 4), count - 1)
