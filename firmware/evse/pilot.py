# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Control pilot: voltage -> state letter, current <-> duty cycle. Pure, integers only, allocates nothing.

Units: millivolts at the pilot itself (a board calibrates its ADC before), deci-ampere (`_da`), duty in
1/10000 (`_e4`): 10000 is steady +12 V (states x1), 0 is steady -12 V (state F), everything between is 1 kHz
PWM.
"""

PAUSE_E4 = 10000
FAULT_E4 = 0

MIN_DA = 60  # no current is expressible between 0 and 6 A
MAX_DA = 800

# The car's diode cuts the negative half: the low plateau stays near -12 V (-11.4 at the weakest source) while
# PWM runs.
DIODE_MV = -10000


def classify(high_mv: int, previous: str) -> str:
    """Letter 'A'..'F' of the high plateau; `previous` is the letter of the sample before ('A' at the start).

    The edges are the midpoints between the nominal 12 / 9 / 6 / 3 / 0 V of IEC 61851-1 table A.2, moved by
    300 mV away from the previous state: the hysteresis that test A.4.11 looks for, and no flicker at an edge.
    """
    if high_mv > (10200 if previous == "A" else 10800):
        return "A"
    if high_mv > (7200 if previous == "A" or previous == "B" else 7800):
        return "B"
    if high_mv > (4800 if previous == "D" or previous == "E" or previous == "F" else 4200):
        return "C"
    if high_mv > (1800 if previous == "E" or previous == "F" else 1200):
        return "D"
    if high_mv > (-10800 if previous != "F" else -10200):
        return "E"
    return "F"


def state_name(letter: str, duty_e4: int) -> str:
    """The state as the standard writes it: "B1" is steady, "B2" has PWM; E and F have no number."""
    if letter == "E" or letter == "F":
        return letter
    at = "ABCD".find(letter) * 2
    return _NAMES[at + 1] if is_pwm(duty_e4) else _NAMES[at]


_NAMES = ("A1", "A2", "B1", "B2", "C1", "C2", "D1", "D2")


def is_pwm(duty_e4: int) -> bool:
    return FAULT_E4 < duty_e4 < PAUSE_E4


def duty_e4(limit_da: int) -> int:
    """The duty that offers `limit_da`; below 6 A the pause. Never offers more than asked: it rounds down.

    6..51 A: D = I / 0.6; 51..80 A: D = I / 2.5 + 64 (in per cent). From 51 to 52.5 A the second line would
    fall under 85 %, where the car reads the first one: the gap is closed at 51 A.
    """
    if limit_da < MIN_DA:
        return PAUSE_E4
    if limit_da <= 510:
        return limit_da * 100 // 6
    if limit_da < 525:
        return 8500
    limit_da = min(limit_da, MAX_DA)
    return limit_da * 4 + 6400


def current_da(duty_e4: int) -> int:
    """What a car may draw at this duty (the car's reading of annex A), to the nearest deci-ampere; 0:
    nothing.

    3..7 % asks for digital communication, 7..8 % and 97..100 % are errors: no current in all of them.
    """
    if duty_e4 < 800 or duty_e4 > 9700:
        return 0
    if duty_e4 < 1000:
        return MIN_DA
    if duty_e4 <= 8500:
        return (duty_e4 * 6 + 50) // 100
    if duty_e4 <= 9600:
        return (duty_e4 - 6400 + 2) // 4
    return MAX_DA


class Calibration:
    """What a converter reads -> millivolts at the pilot, by two points of production: +12 V (state A) and
    -12 V (state F). Without it real units were 15 % off (OpenEVSE #588).

    `mv` is for the interrupt: small integers only, exact to 1 mV for the 12 bits of a converter, to 2 mV for
    16.
    """

    __slots__ = ("_raw", "_mv", "_span_raw", "_span_mv", "_shift")

    _SMALL = 1 << 30
    _LEAST_MV = 12000  # between the points: less would multiply their error

    def __init__(self, low_raw: int, low_mv: int, high_raw: int, high_mv: int, most_raw: int = 65535):
        """`most_raw`: what the converter can read at most. ValueError: these points tell nothing."""
        span_raw = high_raw - low_raw
        span_mv = high_mv - low_mv
        if not (0 <= low_raw < high_raw <= most_raw) or span_raw * 8 < most_raw:
            raise ValueError("calibration: raw %d and %d are no two points" % (low_raw, high_raw))
        if not self._LEAST_MV <= span_mv <= 30000:
            raise ValueError("calibration: %d and %d mV are no two points" % (low_mv, high_mv))
        shift = 0
        while (most_raw >> shift) * span_mv >= self._SMALL:
            shift += 1
        self._raw = low_raw
        self._mv = low_mv
        self._span_raw = span_raw >> shift
        self._span_mv = span_mv
        self._shift = shift

    def mv(self, raw: int) -> int:
        return self._mv + ((raw - self._raw) >> self._shift) * self._span_mv // self._span_raw
