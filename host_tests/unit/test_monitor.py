# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.parts.monitor and evse.rcd on a monitor with several outputs: tested before a charge and after, late,
deaf at one output, stuck, hanging and coming back; and never under a closed contactor."""

from evse import faults
from evse.rcd import SelfTest
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import A, B, C, Desk, FakeHardware
from host_tests.unit.monitor_device import X804

LATCHED = faults.bit("RcdSelfTest")


def bench():
    device = X804()
    hardware = FakeHardware()
    hardware.rcd = device.part()
    desk = Desk(hardware)
    device.desk = desk
    return desk, device


def run(desk, ms):
    """All faults of that time."""
    seen = set()
    desk.run(ms, lambda: seen.update(desk.supply.faults))
    return seen


def test_a_good_one_is_tested_with_a_short_pulse_and_its_answer_is_no_trip():
    desk, device = bench()
    assert run(desk, 2200) == set() and device.pulses == [260] and desk.supply._self_test.busy
    assert run(desk, 400) == set() and desk.supply._self_test.ready
    assert run(desk, 60000) == set() and len(device.pulses) == 1


def test_an_output_that_goes_between_the_others_ends_no_test():
    desk, device = bench()
    for gap_ms in ((900, 1400), (1550, 1850), (1200, 2079)):
        device.gap_ms = gap_ms
        desk.supply._self_test.due()
        assert run(desk, 4000) == set(), gap_ms
        assert desk.supply._self_test.ready is (gap_ms[0] != 1200)
        if gap_ms[0] == 1200:  # AC has never come
            assert run(desk, 6000) == {"RcdSelfTest"}


def test_each_output_has_to_answer():
    for name in ("dc", "ac"):
        desk, device = bench()
        device.at_ms[name] = None
        assert run(desk, 9000) == {"RcdSelfTest"}, name
        assert desk.supply.latched == LATCHED and len(device.pulses) == 2
        desk.supply.permit(True)
        desk.hardware.pilot.car_mv = B
        desk.run(500)
        desk.hardware.pilot.car_mv = C
        desk.run(8000)
        assert not desk.hardware.contactor.coil and desk.supply.offered_da == 0
        # Mended, and acknowledged.
        device.at_ms[name] = 1000
        desk.supply.acknowledge()
        desk.run(6000)
        assert desk.supply.faults == () and desk.supply._self_test.ready


def test_its_error_output_need_not_answer():
    # An X904: low in the test.
    desk, device = bench()
    device.at_ms["error"] = None
    assert run(desk, 4000) == set() and desk.supply._self_test.ready


def test_late_within_its_limits_and_beyond():
    for at_ms, found in ((990, set()), (1650, set()), (2400, {"RcdSelfTest"})):
        desk, device = bench()
        device.at_ms["ac"] = at_ms
        device.gone_ms = at_ms + 450
        assert run(desk, 12000) == found, at_ms


def test_one_that_does_not_come_to_rest_has_failed():
    desk, device = bench()
    device.gone_ms = 1000000
    assert run(desk, 3400) == set()
    assert run(desk, 1000) == {"RcdSelfTest"} and desk.supply._self_test.busy
    device.gone_ms = 2080
    desk.run(200)
    desk.supply.acknowledge()
    desk.run(6000)
    assert desk.supply.faults == ()


def test_one_that_hangs_fails_its_next_test_and_comes_back():
    desk, device = bench()
    desk.run(4000)
    device.hang()
    desk.hardware.pilot.car_mv = B
    assert run(desk, 10000) == {"RcdSelfTest"}
    device.hangs = False
    desk.hardware.pilot.car_mv = A
    desk.supply.acknowledge()
    desk.run(6000)
    assert desk.supply.faults == () and desk.supply._self_test.ready


def test_whatever_is_on_is_a_trip():
    for name in ("dc", "ac", "error"):
        desk, device = bench()
        desk.run(4000)
        desk.supply.permit(True)
        desk.hardware.pilot.car_mv = B
        desk.run(4000)
        desk.hardware.pilot.car_mv = C
        assert desk.run(3000, lambda desk=desk: desk.hardware.contactor.coil) < 700
        desk.run(2000)
        device.leaks = (name,)
        desk.run(20)
        assert not desk.hardware.contactor.coil, name
        desk.run(100)
        assert "RcdTrip" in desk.supply.faults, name


def test_before_and_after_a_charge_and_never_under_load():
    desk, device = bench()
    hardware = desk.hardware
    under_load = []
    put = device.put

    def careful(on):
        if on and hardware.contactor.coil:
            under_load.append(desk.now)
        put(on)

    device.put = careful
    desk.run(4000)
    for _ in range(3):
        before = len(device.pulses)
        desk.supply.permit(True)
        hardware.pilot.car_mv = B
        desk.run(200)
        assert desk.supply.offered_da == 0
        desk.run(3000)
        assert len(device.pulses) == before + 1 and desk.supply.offered_da
        hardware.pilot.car_mv = C
        assert desk.run(3000, lambda: hardware.contactor.coil) < 700
        desk.run(5000)
        assert len(device.pulses) == before + 1
        hardware.pilot.car_mv = B
        desk.run(5000)
        assert len(device.pulses) == before + 2 and not hardware.contactor.coil
        hardware.pilot.car_mv = A
        desk.supply.permit(False)
        desk.run(1000)
    assert under_load == [] and desk.supply.faults == ()


def test_a_main_loop_that_is_away_leaves_no_pulse():
    desk, device = bench()
    desk.run(200)
    for _ in range(200):  # the interrupt goes on
        desk.now = ticks_add(desk.now, 20)
        desk.supply.guard.tick(desk.now)
    assert device.pulses == [260]
    # It has answered meanwhile, and come to rest: all of it was seen.
    desk.run(400)
    assert desk.supply.faults == () and desk.supply._self_test.ready


def test_once_a_day():
    test = SelfTest(sequence=True)
    for tripped, answered, ms in ((False, False, 100), (True, False, 900), (True, True, 1000)):
        for _ in range(ms // 20):
            test.step(20, True, tripped, answered)
    for _ in range(30):
        test.step(20, True, False, True)
    assert test.ready and not test.failed
    for _ in range(24 * 60):
        test.step(60000, True, False, True)
    assert not test.ready and test.testing
