# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.temperature: derating in steps, the stop, and the way back."""

from evse.temperature import Derating
from host_tests.unit.evse_rig import Desk, FakeHardware, FakeThermometer


def seen(derating, celsius_d):
    """Three looks in a row."""
    for _ in range(3):
        derating.look(celsius_d)


def test_steps_up_and_down():
    derating = Derating(320)
    for celsius_d, limit_da, stopped in (
        (250, None, False),
        (700, None, False),
        (701, 240, False),
        (660, 240, False),
        (649, None, False),
        (760, 160, False),
        (810, 80, False),
        (851, None, True),
        (800, None, True),
        (751, None, True),
        (749, 160, False),
        (640, None, False),
        (900, None, True),
    ):
        seen(derating, celsius_d)
        assert (derating.limit_da, derating.stopped) == (limit_da, stopped), celsius_d


def test_it_does_not_swing_at_an_edge():
    derating = Derating(320)
    for celsius_d in (705, 695, 705, 660, 702, 651):
        seen(derating, celsius_d)
        assert derating.limit_da == 240, celsius_d


def test_no_less_than_can_be_offered():
    derating = Derating(100)
    seen(derating, 810)
    assert derating.limit_da == 60


def test_a_broken_sensor_halves():
    for broken in (None, 3000, -2000):
        derating = Derating(320)
        for _ in range(10):
            derating.look(broken)
        assert derating.limit_da is None
        for _ in range(5):
            derating.look(broken)
        assert derating.limit_da == 160 and not derating.stopped
        seen(derating, 250)
        assert derating.limit_da is None


def test_one_or_two_looks_prove_nothing():
    derating = Derating(320)
    for _ in range(20):
        for celsius_d in (900, 900, 250):
            derating.look(celsius_d)
            assert derating.limit_da is None and not derating.stopped
    seen(derating, 900)
    for _ in range(20):
        for celsius_d in (250, 250, 900):
            derating.look(celsius_d)
            assert derating.stopped


def test_a_loose_contact_is_a_broken_sensor_or_none():
    # Silent nine times of ten, then two looks of nonsense: nothing is believed, nothing is stopped.
    derating = Derating(320)
    for _ in range(10):
        for celsius_d in (None,) * 9 + (900, 250):
            derating.look(celsius_d)
        assert derating.limit_da is None and not derating.stopped


def test_a_sensor_that_breaks_when_it_is_hot_cools_nothing():
    derating = Derating(320)
    seen(derating, 860)
    for _ in range(30):
        derating.look(None)
    assert derating.stopped


def test_it_is_a_limit_with_a_name():
    hardware = FakeHardware()
    hardware.temperature = FakeThermometer()
    desk = Desk(hardware)
    hardware.temperature.value = 720
    desk.run(400)
    assert (desk.supply.limit_name, desk.supply.limit_da, desk.supply.faults) == ("temperature", 240, ())
    hardware.temperature.value = 600
    desk.run(400)
    assert desk.supply.limit_name == "board"
