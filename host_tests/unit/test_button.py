# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.button: a press of 3 s, once."""

from evse.button import ServiceButton
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import START, STEP_MS


class Finger:
    def __init__(self, pressed=False):
        self.button = ServiceButton()
        self.now = START
        self.press(pressed, 100)

    def press(self, pressed, ms, step_ms=STEP_MS):
        """How often it was held in that time."""
        count = 0
        for _ in range(ms // step_ms):
            self.now = ticks_add(self.now, step_ms)
            count += self.button.held(self.now, pressed)
        return count


def test_three_seconds_once():
    finger = Finger()
    assert finger.press(True, 2900) == 0
    assert finger.press(True, 200) == 1
    assert finger.press(True, 100000) == 0
    finger.press(False, 20)
    assert finger.press(True, 3100) == 1


def test_a_bounce_begins_anew():
    finger = Finger()
    for _ in range(10):
        assert finger.press(True, 2900) == 0
        finger.press(False, 20)


def test_pressed_when_the_charger_starts():
    finger = Finger(pressed=True)
    assert finger.press(True, 60000) == 0
    finger.press(False, 20)
    assert finger.press(True, 3100) == 1


def test_a_stall_is_no_finger():
    finger = Finger()
    assert finger.press(True, 28000, step_ms=14000) == 0
    assert finger.press(True, 3000) == 1
