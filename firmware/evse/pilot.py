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
