# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.button: what a press of so many seconds means. evse.start_button: a short press, once."""

from evse.button import ACKNOWLEDGE, GIVEN_UP, READY, RESET, WARN, ServiceButton
from evse.start_button import StartButton
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import START, STEP_MS


class Finger:
    def __init__(self, pressed=False):
        self.button = ServiceButton()
        self.now = START
        self.press(pressed, 100)

    def press(self, pressed, ms, step_ms=STEP_MS):
        """What came of it, in order."""
        found = []
        for _ in range(ms // step_ms):
            self.now = ticks_add(self.now, step_ms)
            done = self.button.look(self.now, pressed)
            if done is not None:
                found.append(done)
        return found


def test_three_seconds_once():
    finger = Finger()
    assert finger.press(True, 2900) == []
    assert finger.press(True, 200) == [ACKNOWLEDGE]
    assert finger.press(True, 1800) == []
    assert finger.press(False, 20) == []
    assert finger.press(True, 3100) == [ACKNOWLEDGE]


def test_ten_seconds_and_let_go():
    finger = Finger()
    assert finger.press(True, 9900) == [ACKNOWLEDGE] + [WARN] * 5
    assert finger.press(True, 200) == [READY]
    assert finger.press(True, 9000) == []
    assert finger.press(False, 40) == [] and finger.press(False, 2000) == [RESET]
    assert finger.press(False, 60000) == []


def test_who_lets_go_too_soon_or_never_resets_nothing():
    finger = Finger()
    finger.press(True, 8000)
    assert finger.press(False, 100) == [GIVEN_UP]
    assert finger.press(True, 60000) == [ACKNOWLEDGE] + [WARN] * 5 + [READY, GIVEN_UP]
    assert finger.press(False, 60000) == []
    finger.press(True, 4900)
    assert finger.press(False, 100) == []


def test_a_contact_that_bounces_was_not_let_go():
    finger = Finger()
    finger.press(True, 6000)
    for _ in range(5):
        assert finger.press(False, 40) == []
        finger.press(True, 1000)
    assert finger.press(False, 100) == [RESET]


def test_a_bounce_begins_anew():
    finger = Finger()
    for _ in range(10):
        assert finger.press(True, 2900) == []
        finger.press(False, 20)


def test_pressed_when_the_charger_starts():
    for _ in range(3):
        finger = Finger(pressed=True)
        assert finger.press(True, 15000) == []
        assert finger.press(False, 1000) == []
        assert finger.press(True, 3100) == [ACKNOWLEDGE]


def test_a_stall_is_no_finger():
    finger = Finger()
    assert finger.press(True, 28000, step_ms=14000) == []
    assert finger.press(True, 3000) == [ACKNOWLEDGE]
    # Nor does one look after a long stall make it 10 s.
    finger = Finger()
    finger.press(True, 7000)
    assert finger.press(True, 60000, step_ms=60000) == []
    assert finger.press(False, 100) == [GIVEN_UP]


def test_one_look_behind_a_stall_is_nobody_who_lets_go():
    """The contact, or the wire, was open in the moment of that look; before it nobody has looked."""
    finger = Finger()
    finger.press(True, 12000)
    assert finger.press(False, 1400, step_ms=1400) == []
    assert finger.press(True, 20000)[-1] == GIVEN_UP
    finger = Finger()
    finger.press(True, 12000)
    assert finger.press(False, 1400, step_ms=1400) == [] and finger.press(False, 40) == [RESET]


# --- the driver's ---


class Driver:
    def __init__(self, down=False):
        self.button = StartButton()
        self.now = START
        assert self.look(down, 100) == 0

    def look(self, down, ms, step_ms=STEP_MS):
        count = 0
        for _ in range(ms // step_ms):
            self.now = ticks_add(self.now, step_ms)
            count += self.button.pressed(self.now, down)
        return count


def test_a_short_press_counts_when_it_is_let_go():
    driver = Driver()
    for _ in range(3):
        assert driver.look(True, 300) == 0
        assert driver.look(False, 2000) == 1


def test_both_edges_bounce():
    driver = Driver()
    presses = 0
    for edge in (True, False):
        for bounce in (20, 40, 20, 20):
            presses += driver.look(edge, bounce) + driver.look(not edge, 20)
        presses += driver.look(edge, 400)
    assert presses == 1


def test_noise_and_whoever_leans_against_it_are_no_press():
    driver = Driver()
    for ms in (20, 40, 2100, 60000):
        assert driver.look(True, ms) + driver.look(False, 3000) == 0, ms
    assert driver.look(True, 60) + driver.look(False, 100) == 1


def test_a_nervous_finger_presses_once():
    driver = Driver()
    presses = 0
    for _ in range(3):
        presses += driver.look(True, 100) + driver.look(False, 100)
    assert presses == 1
    assert driver.look(False, 1000) == 0
    assert driver.look(True, 100) + driver.look(False, 100) == 1


def test_a_start_button_that_is_down_when_the_charger_starts():
    driver = Driver(down=True)
    assert driver.look(True, 1000) + driver.look(False, 1000) == 0
    assert driver.look(True, 100) + driver.look(False, 100) == 1


def test_a_press_around_a_stall():
    driver = Driver()
    driver.look(True, 20)
    assert driver.look(True, 1400, step_ms=1400) == 0
    assert driver.look(False, 100) == 1


def test_noise_behind_a_stall_is_no_press():
    """One look sees the line down; before it nobody has looked."""
    driver = Driver()
    for _ in range(3):
        assert driver.look(True, 1400, step_ms=1400) + driver.look(False, 3000) == 0
    # Nor is a press over because one look has seen a spike.
    driver.look(True, 300)
    assert driver.look(False, 1400, step_ms=1400) + driver.look(True, 2000) + driver.look(False, 3000) == 0
