# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.phases: the sequence between one phase and three."""

from evse.phases import LEAST_WAIT_MS, MOST_WAIT_MS, PhaseChange
from host_tests.unit.evse_rig import B, C, Desk, FakeHardware, FakePhaseSwitch, FakePilotSwitch


def run(change, ms, main_open=True, three=None):
    for _ in range(ms // 20):
        change.step(20, main_open, change.three if three is None else three)


def test_the_sequence():
    change = PhaseChange(False)
    run(change, 1000)
    assert not change.hold
    change.want(True)
    run(change, 1000, main_open=False)
    assert change.hold and not change.apart and change.three is False
    run(change, 100)
    assert not change.apart
    run(change, 60)
    assert change.apart and change.three
    run(change, 59900)
    assert change.apart and change.hold
    run(change, 60)
    assert not change.apart and change.hold
    run(change, 160)
    assert not change.hold and change.three


def test_the_second_contactor_never_moves_with_the_main_one_closed():
    change = PhaseChange(False)
    change.want(True)
    for main_open in (True, False, True, True, False) * 50:
        change.step(20, main_open, change.three)
        if not main_open:
            assert not change.three
    run(change, 1000)
    assert change.three
    change.want(False)
    run(change, 5000, main_open=False)
    assert change.three


def test_a_contactor_that_does_not_follow_keeps_everything_off():
    change = PhaseChange(False)
    change.want(True)
    run(change, 200000, three=False)
    assert change.failed and change.hold and change.apart
    run(change, 1000)
    assert not change.failed and not change.hold


def test_a_feedback_that_changes_by_itself():
    change = PhaseChange(True)
    run(change, 400, three=False)
    assert not change.failed
    run(change, 200, three=False)
    assert change.failed


def test_the_wish_taken_back_on_the_way():
    change = PhaseChange(False)
    change.want(True)
    run(change, 10000)
    change.want(False)
    run(change, 40)
    assert change.three is False and change.hold
    run(change, 59000)
    assert change.hold
    run(change, 2000)
    assert not change.hold and change.three is False


def test_the_wait_has_its_bounds():
    for asked_ms, wait_ms in ((0, LEAST_WAIT_MS), (999999, MOST_WAIT_MS), (20000, 20000)):
        change = PhaseChange(False, asked_ms)
        change.want(True)
        run(change, wait_ms)
        assert change.hold, asked_ms
        run(change, 500)
        assert not change.hold, asked_ms


def test_a_session_that_changes_its_phases():
    hardware = FakeHardware()
    pilot = hardware.pilot
    hardware.pilot_switch = FakePilotSwitch(pilot)
    switch = hardware.phase_switch = FakePhaseSwitch()
    desk = Desk(hardware)
    pilot.car_mv = B
    desk.supply.permit(True)
    desk.run(400)
    pilot.car_mv = C
    assert desk.run(3000, lambda: desk.supply.energised) < 3000
    assert desk.supply.switch_phases(True)

    def obeys():
        # A car that stops when it is asked to.
        pilot.car_mv = C if 0 < pilot.duty_e4 < 10000 and not hardware.pilot_switch.apart else B
        if switch.drives and not switch.told:
            raise AssertionError("moved to one phase")
        assert not (switch.drives == 2 and hardware.contactor.coil and hardware.pilot_switch.apart)
        return switch.drives and switch.told

    assert desk.run(5000, obeys) < 5000
    assert not hardware.contactor.coil and desk.supply.plugged
    left = []
    passed = desk.run(80000, lambda: (obeys() and left.append(desk.supply.plugged)) or desk.supply.energised)
    assert 59000 < passed < 65000 and all(left) and desk.supply.faults == ()


def test_a_board_without_one():
    assert not Desk(FakeHardware()).supply.switch_phases(True)
