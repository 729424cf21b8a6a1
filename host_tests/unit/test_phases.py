# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.phases: the sequence between one phase and three."""

from evse.phases import LEAST_WAIT_MS, MOST_WAIT_MS, PhaseChange
from host_tests.unit.evse_rig import B, C, Desk, FakeHardware, FakePhaseSwitch, FakePilotSwitch


def run(change, ms, main_open=True, three=None, charged=True):
    for _ in range(ms // 20):
        change.step(20, main_open, change.three if three is None else three, charged)


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


def test_a_feedback_is_not_judged_by_two_looks():
    change = PhaseChange(True)
    for _ in range(5):
        change.step(60000, False, False)
        assert not change.failed
    while not change.failed:
        change.step(60000, False, False)


def test_a_feedback_that_changes_by_itself():
    change = PhaseChange(True)
    run(change, 400, three=False)
    assert not change.failed
    run(change, 200, three=False)
    assert change.failed


def test_the_wish_taken_back_on_the_way():
    change = PhaseChange(False)
    change.want(True)
    run(change, 12000)
    change.want(False)
    run(change, 40)
    assert change.three is False and change.hold
    run(change, 59000)
    assert change.hold
    run(change, 2000)
    assert not change.hold and change.three is False


def test_the_wish_taken_back_before_anything_has_moved():
    change = PhaseChange(False)
    change.want(True)
    run(change, 2000, main_open=False)
    assert change.hold
    change.want(False)
    run(change, 40, main_open=False)
    assert not change.hold and not change.apart and change.three is False


def test_a_car_that_has_not_charged_need_not_wait():
    change = PhaseChange(False)
    change.want(True)
    apart = []
    for _ in range(50):
        run(change, 20, charged=False)
        apart.append(change.apart)
    assert change.three and not change.hold and not any(apart)
    # But its feedback is waited for.
    change = PhaseChange(False)
    change.want(True)
    run(change, 5000, three=False, charged=False)
    assert change.hold and change.failed
    # A car that leaves meanwhile ends the wait.
    change = PhaseChange(False)
    change.want(True)
    run(change, 5000)
    assert change.apart
    run(change, 200, charged=False)
    assert not change.apart and not change.hold


def test_a_wish_that_swings_moves_it_every_ten_seconds_at_most():
    for charged in (True, False):
        change = PhaseChange(False)
        moves = 0
        was = change.three
        for count in range(3000):
            change.want(count % 100 < 50)
            run(change, 20, charged=charged)
            moves += change.three != was
            was = change.three
        assert 1 <= moves <= 6, (charged, moves)


def test_a_month_without_a_change_is_no_large_number():
    change = PhaseChange(False)
    for _ in range(31 * 24 * 60):
        change.step(60000, True, False)
    assert change._for_ms < 1 << 29


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
    desk.supply.limits.put("ocpp", 320, 1)
    pilot.car_mv = B
    desk.supply.permit(True)
    desk.run(400)
    pilot.car_mv = C
    assert desk.run(3000, lambda: desk.supply.energised) < 3000
    desk.run(6000)
    assert desk.supply.phases == 1 and switch.drives == 1
    desk.supply.limits.put("ocpp", 320, 3)

    def obeys():
        # A car that stops when it is asked to.
        pilot.car_mv = C if 0 < pilot.duty_e4 < 10000 and not hardware.pilot_switch.apart else B
        if switch.drives == 2 and not switch.told:
            raise AssertionError("moved to one phase")
        assert not (hardware.contactor.coil and hardware.pilot_switch.apart)
        return switch.drives == 2 and switch.told

    assert desk.run(5000, obeys) < 5000
    assert not hardware.contactor.coil and desk.supply.plugged
    left = []
    passed = desk.run(80000, lambda: (obeys() and left.append(desk.supply.plugged)) or desk.supply.energised)
    assert 59000 < passed < 65000 and all(left) and desk.supply.faults == ()

    assert desk.supply.phases == 3


def test_three_phases_unless_a_limit_says_otherwise():
    hardware = FakeHardware()
    switch = hardware.phase_switch = FakePhaseSwitch()
    desk = Desk(hardware)
    desk.run(1000)
    assert desk.supply.phases == 3 and switch.three()
    for phases, three in ((1, False), (2, False), (3, True), (1, False), (None, True)):
        desk.supply.limits.put("ocpp", 160, phases)
        desk.run(12000)
        assert (desk.supply.phases == 3, switch.three()) == (three, three), phases
    desk.supply.limits.put("local", 100, 1)
    desk.run(12000)
    desk.supply.limits.drop("local")
    assert desk.supply.phases == 1
    desk.run(12000)
    assert desk.supply.phases == 3 and desk.supply.faults == ()


def test_a_restart_leaves_the_second_contactor_where_it_is():
    # Its coil loses its voltage with the reset, its contact falls some milliseconds later.
    hardware = FakeHardware()
    switch = hardware.phase_switch = FakePhaseSwitch()
    switch.told = True
    desk = Desk(hardware)
    assert switch.drives == 1 and switch.told is True
    desk.run(2000)
    assert desk.supply.faults == () and switch.drives == 1 and desk.supply.phases == 3


def test_one_that_is_stuck_is_a_fault_and_mends_itself():
    hardware = FakeHardware()
    switch = hardware.phase_switch = FakePhaseSwitch()
    switch.stuck = True
    desk = Desk(hardware)
    hardware.pilot.car_mv = B
    desk.supply.permit(True)
    desk.run(3000)
    assert desk.supply.faults == ("PhaseSwitchFailure",) and desk.supply.offered_da == 0
    switch.told = True  # somebody has knocked at it
    desk.run(3000)
    assert desk.supply.faults == () and desk.supply.offered_da == 320


def test_a_board_without_one():
    desk = Desk(FakeHardware())
    desk.supply.limits.put("ocpp", 160, 1)
    hardware = desk.hardware
    hardware.pilot.car_mv = B
    desk.supply.permit(True)
    desk.run(400)
    assert desk.supply.phases is None and desk.supply.offered_da == 160
