# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.timer: how long something has been so, told once for all."""

from evse.timer import Timer
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import START


def test_a_timer_tells_once_for_all():
    timer = Timer()
    assert not timer.over(START, 0)
    timer.start(START)
    timer.start(ticks_add(START, 50))  # runs already
    assert not timer.over(ticks_add(START, 99), 100)
    assert timer.over(ticks_add(START, 100), 100)
    assert timer.over(ticks_add(START, -1000), 100)
    timer.reset()
    assert not timer.over(ticks_add(START, 200), 100)
    timer.start(ticks_add(START, 200))
    assert not timer.over(ticks_add(START, 250), 100)
