# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.lock and hal.parts.lock on a lock that is late, dead, jammed, or tells lies, and over a power cut."""

from evse import faults
from host_tests.unit.lock_device import Device, Socket

FAILED = faults.bit("ConnectorLockFailure")


def test_a_good_lock_locks_with_the_plug_and_lets_go_with_the_car():
    socket = Socket()
    socket.run(1000)
    assert not socket.device.home and not socket.rule.failed
    socket.plug().run(1500)
    assert socket.device.home and socket.rule.locked and not socket.rule.failed
    socket.unplug().run(1500)
    assert not socket.device.home and not socket.rule.failed


def test_a_slow_lock_gets_there_with_the_second_pulse():
    socket = Socket()
    socket.run(1000)
    socket.device.slow = 2
    socket.plug().run(1900)
    assert not socket.device.home
    socket.run(1000)
    assert socket.device.home
    socket.run(200)
    assert not socket.rule.failed


def test_one_that_does_not_lock_fails_and_locks_when_the_plug_is_pushed_home():
    socket = Socket()
    socket.run(1000)
    socket.device.plug_away = True
    socket.plug().run(20000)
    assert socket.rule.failed == FAILED and not socket.rule.locked
    socket.device.plug_away = False
    socket.run(32000)
    assert socket.rule.locked and not socket.rule.failed


def test_a_dead_motor_is_not_tried_to_death_and_comes_back():
    socket = Socket()
    socket.run(1000)
    socket.device.dead = True
    socket.plug().run(600000)
    device = socket.device
    assert socket.rule.failed == FAILED
    # Five tries, then two a minute; the motor runs 0.6 s of 30.
    assert device.longest_ms <= 620 and device.ran_ms <= (6 + 20) * 620, device.ran_ms
    device.dead = False
    socket.run(31000)
    assert socket.rule.locked and not socket.rule.failed


def test_a_bolt_that_jams_is_eased_and_goes_back():
    socket = Socket().plug()
    socket.run(3000)
    device = socket.device
    assert device.home
    device.jam()
    socket.unplug().run(2000)
    assert device.home and not device.back.level
    socket.run(200)
    assert socket.rule.failed == FAILED
    socket.run(2000)
    assert not device.home and device.at_ms == 0
    socket.run(200)
    assert not socket.rule.failed and not device.out.level and not device.back.level


def test_a_bolt_that_is_free_is_never_pushed_home():
    """Told once more to unlock, by somebody who did not look: the plug goes in without a bolt in its way."""
    socket = Socket().plug()
    socket.run(3000)
    socket.unplug().run(3000)
    device = socket.device
    assert device.at_ms == 0
    for _ in range(3):
        socket.motor.drive(False)
        for _ in range(100):
            socket.run(20)
            assert not device.out.level


def test_between_easing_and_unlocking_the_motor_has_its_rest():
    socket = Socket().plug()
    socket.run(3000)
    device = socket.device
    device.jam()
    socket.unplug()
    while not device.out.level:
        socket.run(20)
    while device.out.level:
        socket.run(20)
    rest_ms = 0
    while not device.back.level:
        socket.run(20)
        rest_ms += 20
    assert 300 <= rest_ms <= 340


def test_a_lock_that_is_wanted_again_while_it_is_eased_locks():
    socket = Socket().plug()
    socket.run(3000)
    device = socket.device
    device.jam()
    socket.unplug()
    for _ in range(200):
        if not device.out.level:
            socket.run(20)
    assert device.out.level
    socket.plug().run(3000)
    assert device.home and socket.rule.locked and not socket.rule.failed


def test_a_switch_that_is_stuck_at_locked_is_found_before_anybody_charges():
    device = Device()
    device.told = True
    socket = Socket(device)
    socket.run(3000)
    assert socket.rule.failed == FAILED
    socket.run(600000)
    assert socket.rule.failed == FAILED and device.at_ms == 0
    device.told = None
    socket.run(31000)
    assert not socket.rule.failed


def test_a_switch_that_sticks_at_locked_while_a_car_charges_is_found_when_it_leaves():
    socket = Socket().plug()
    socket.run(3000)
    socket.device.told = True
    socket.unplug().run(2500)
    assert socket.rule.failed == FAILED
    socket.run(1000)  # it is eased and moved back
    assert socket.device.at_ms == 0  # the plug is free all the same


def test_a_switch_that_is_stuck_at_open_never_charges():
    device = Device()
    device.told = False
    socket = Socket(device)
    socket.run(1000)
    socket.plug().run(2500)
    assert socket.rule.failed == FAILED and not socket.rule.locked


def test_after_a_power_cut_the_plug_is_free_unless_a_car_is_there():
    for car in (False, True):
        for cable in (True, False) if not car else (True,):
            socket = Socket().plug()
            socket.run(3000)
            assert socket.device.home
            after = Socket(socket.device)
            after.cable = cable
            after.run(200)
            assert after.device.home  # the pilot is not known yet
            after.plugged = car
            after.run(2500)
            assert after.device.home is car, (car, cable)
            assert not after.rule.failed


def test_a_power_cut_at_any_moment_of_a_pulse():
    for on_ms in range(20, 2000, 60):
        socket = Socket().plug()
        socket.run(on_ms)
        after = Socket(socket.device)
        after.run(4500)
        assert after.device.at_ms == 0 or not after.device.on(), on_ms
        assert not after.rule.failed
        after.plug().run(4500)
        assert after.device.home and not after.rule.failed, on_ms


def test_an_interrupt_that_stops_for_a_while_is_no_failure_for_ever():
    socket = Socket()
    socket.run(1000)
    socket.plug().run(3000, tick=False)  # nothing moves
    assert socket.rule.failed == FAILED
    socket.run(5000)
    assert socket.rule.locked and not socket.rule.failed
