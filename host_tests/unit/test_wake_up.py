# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.wake_up: the steps, and what ends them."""

from evse.wake_up import APART, WAIT, X1, F, WakeUp
from host_tests.unit.expect import raises


def actions(wake, seconds, offering=True, sleeps=True, charging=False):
    """(action, seconds) one after the other."""
    found = []
    for _ in range(seconds * 4):
        wake.step(250, offering, sleeps, charging)
        if found and found[-1][0] == wake.action:
            found[-1][1] += 250
        else:
            found.append([wake.action, 250])
    return [(action, ms) for action, ms in found]


def test_state_f_once():
    seen = actions(WakeUp("F"), 1000)
    assert [action for action, _ in seen] == [WAIT, F, X1, WAIT]
    assert abs(seen[0][1] - 90000) <= 250 and seen[1][1] == 4000 and seen[2][1] == 750


def test_state_f_is_over_before_it_unlocks_the_plug():
    assert all(ms < 5000 for action, ms in actions(WakeUp("F"), 1000) if action == F)


def test_the_pilot_off_the_line_twice():
    seen = actions(WakeUp("switch"), 1000)
    assert [action for action, _ in seen] == [WAIT, APART, WAIT, APART, WAIT]
    assert [ms for _, ms in seen[1:4]] == [4000, 30000, 30000]


def test_none():
    assert actions(WakeUp("none"), 1000) == [(WAIT, 1000000)]
    raises(ValueError, WakeUp, "shout")


def test_a_car_that_wakes_up_ends_it():
    wake = WakeUp("switch")
    actions(wake, 92)
    assert wake.action == APART
    actions(wake, 1, sleeps=False)
    assert wake.action == WAIT
    wake = WakeUp("F")
    actions(wake, 60)
    actions(wake, 1, sleeps=False)
    assert [action for action, _ in actions(wake, 85)] == [WAIT]  # from the beginning


def test_a_full_car_is_left_alone():
    wake = WakeUp("F")
    actions(wake, 30)
    actions(wake, 600, sleeps=False, charging=True)
    assert actions(wake, 1000) == [(WAIT, 1000000)]
    # After a pause it is another offer.
    actions(wake, 1, offering=False)
    assert F in [action for action, _ in actions(wake, 100)]


def test_never_for_ever():
    wake = WakeUp("F")
    runs = 0
    for _ in range(20):
        actions(wake, 1, offering=False)
        runs += F in [action for action, _ in actions(wake, 120)]
    assert runs == 3
    wake.forget()
    actions(wake, 1, offering=False)
    assert F in [action for action, _ in actions(wake, 120)]


def test_a_car_that_has_charged_is_tried_anew():
    wake = WakeUp("F")
    for _ in range(5):
        actions(wake, 1, offering=False)
        actions(wake, 120)
    actions(wake, 10, sleeps=False, charging=True)
    runs = 0
    for _ in range(5):
        actions(wake, 1, offering=False)
        runs += F in [action for action, _ in actions(wake, 120)]
    assert runs == 3


def test_the_offer_that_ends_ends_it():
    wake = WakeUp("switch")
    actions(wake, 92)
    wake.step(20, False, True, False)
    assert wake.action == WAIT
