# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.phases: the sequence between one phase and three."""

from evse.phases import LEAST_WAIT_MS, MOST_WAIT_MS, PhaseChange
from evse.supply import Supply
from host_tests.unit.evse_rig import B, C, Desk, FakeHardware, FakePhaseSwitch, FakePilotSwitch, Ratings


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
    run(change, 59000, three=False)
    assert change.failed and change.hold and change.apart
    # Nothing is offered, but a car that leaves is seen.
    run(change, 140000, three=False)
    assert change.failed and change.hold and not change.apart
    run(change, 1000)
    assert not change.failed and not change.hold
    # Back where it came from it moves by the rules.
    change = PhaseChange(False)
    change.want(True)
    run(change, 100000, three=False)
    change.want(False)
    run(change, 40)
    assert change.three is False and change.apart
    run(change, 59000)
    assert change.apart and change.hold


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


def flipped_at(after_ms, charged, wait_ms=LEAST_WAIT_MS):
    """The wish comes, and is another after so long: never may anything be offered on phases that are not
    wished for, for the limit is that of the wish."""
    change = PhaseChange(False, wait_ms)
    change.want(True)
    for count in range(2 * wait_ms // 20 + 200):
        if count == after_ms // 20:
            change.want(False)
        wanted = count < after_ms // 20
        change.step(20, True, change.three, charged)
        assert change.hold or change.three == wanted, (after_ms, charged, count)
    assert not change.hold and not change.apart and change.three is False
    return change


def test_a_wish_taken_back_at_any_step_lets_nothing_be_offered_on_the_other_phases():
    for after_ms in range(20, 1200, 20):
        flipped_at(after_ms, False)
    for after_ms in (20, 100, 140, 160, 300) + tuple(range(10060, 10320, 20)):
        flipped_at(after_ms, True)


def test_no_life_of_wishes_meets_the_other_phases():
    rng = 1
    change = PhaseChange(True, LEAST_WAIT_MS)
    wanted = True
    free = 0
    for _ in range(15000):
        rng = (rng * 75 + 74) % 65537
        if rng % 97 == 0:
            wanted = not wanted
            change.want(wanted)
        change.step(20 if rng % 11 else 700, rng % 5 != 0, change.three, rng % 4999 > 2000)
        assert change.hold or change.three == wanted
        free += not change.hold
    assert free > 400, free


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


def test_a_car_that_is_there_after_a_restart_is_given_the_wait():
    # Nobody knows whether it has charged, nor with how many phases; the reset has left it with one.
    for car_mv in (B, C):
        there_at_the_start(car_mv)


def there_at_the_start(car_mv):
    hardware = FakeHardware()
    pilot_switch = hardware.pilot_switch = FakePilotSwitch(hardware.pilot)
    switch = hardware.phase_switch = FakePhaseSwitch()
    hardware.pilot.car_mv = car_mv
    desk = Desk(hardware)
    desk.supply.permit(True)
    assert 700 <= desk.run(2000, lambda: switch.told) < 1200
    assert pilot_switch.apart and desk.supply.plugged
    assert 59000 < desk.run(80000, lambda: desk.supply.offered_da) < 64000
    assert desk.supply.phases == 3 and desk.supply.plugged and desk.supply.faults == ()


def test_a_car_that_may_go_on_as_it_is_after_a_restart_need_not_wait():
    hardware = FakeHardware()
    switch = hardware.phase_switch = FakePhaseSwitch()
    hardware.pilot.car_mv = B
    desk = Desk(hardware)
    desk.supply.limits.put("ocpp", 160, 1)  # kept on flash, and known before the first step
    desk.supply.permit(True)
    assert desk.run(2000, lambda: desk.supply.offered_da) < 2000
    assert desk.supply.offered_da == 160 and switch.drives == 1 and not switch.told


def test_the_power_fails_in_the_middle_of_a_change():
    # 3 -> 1, cut at any moment of it: both coils drop, and what is offered then is for the phases that are.
    for cut_ms in (20, 100, 140, 160, 5000, 60000, 60160, 60200, 60300):
        desk = cut_off(cut_ms)
        switch = desk.hardware.phase_switch
        # The profile has ended meanwhile: three phases again.
        desk.supply.permit(True)
        passed = 0
        while not desk.supply.offered_da and passed < 90000:
            passed += desk.run(20)
            offers_no_more(desk.supply, switch, 960)
        assert 59000 < passed < 64000 and switch.told, cut_ms


def cut_off(after_ms):
    """Power is back, so long after the wish for one phase came to a car that charged with three."""
    hardware = FakeHardware()
    pilot = hardware.pilot
    pilot_switch = hardware.pilot_switch = FakePilotSwitch(pilot)
    switch = hardware.phase_switch = FakePhaseSwitch()
    switch.told = True
    desk = Desk(hardware)
    desk.supply.permit(True)
    desk.run(1000)
    pilot.car_mv = B
    desk.run(1000)
    pilot.car_mv = C
    assert desk.run(3000, lambda: desk.supply.energised) < 3000
    desk.supply.limits.put("ocpp", 300, 1)
    pilot.car_mv = B
    desk.run(after_ms)
    switch.told = pilot_switch.apart = False
    pilot.levels = None
    desk.supply = Supply(hardware, Ratings())
    assert hardware.contactor.coil is False
    return desk


def offers_no_more(supply, switch, most_da):
    """In total, with the phases that are connected, as the feedback has them."""
    assert supply.offered_da * (3 if switch.told else 1) <= most_da, (supply.offered_da, switch.told)
    return True


def test_one_total_in_both_directions_at_every_step():
    # 6.9 kW: 30 A of one phase, or 10 A of three. The wish changes at all moments of a change.
    for first, second in ((1, 3), (3, 1)):
        for begun in (False, True):
            for flip_ms in (20, 60, 140, 160, 600, 640, 660, 680, 700, 740, 760, 780):
                total_in(first, second, begun, flip_ms)


def total_in(first, second, begun, flip_ms):
    hardware = FakeHardware()
    pilot = hardware.pilot
    switch = hardware.phase_switch = FakePhaseSwitch()
    switch.told = first == 3
    desk = Desk(hardware)
    supply = desk.supply

    def wish(phases):
        supply.limits.put("ocpp", 300 if phases == 1 else 100, 1 if phases == 1 else None)

    def fine():
        offers_no_more(supply, switch, 300)

    wish(first)
    desk.run(900, fine)
    pilot.car_mv = B
    supply.permit(True)
    if begun:
        desk.run(3000, fine)
        assert supply.offered_da
    wish(second)
    desk.run(flip_ms, fine)
    wish(first)
    desk.run(15000, fine)
    assert supply.offered_da == (300 if first == 1 else 100) and switch.told == (first == 3)
    # While the pilot is paused for another reason.
    for pause in ("permit", "limit"):
        if pause == "permit":
            supply.permit(False)
        else:
            supply.limits.put("local", 0)
        desk.run(6000, fine)
        assert supply.offered_da == 0
        wish(second)
        supply.permit(True)
        supply.limits.drop("local")
        desk.run(flip_ms, fine)
        wish(first)
        desk.run(15000, fine)
    assert supply.offered_da == (300 if first == 1 else 100)


def test_a_pause_moves_nothing():
    hardware = FakeHardware()
    switch = hardware.phase_switch = FakePhaseSwitch()
    desk = Desk(hardware)
    desk.supply.limits.put("ocpp", 160, 1)
    desk.run(900)
    hardware.pilot.car_mv = B
    desk.supply.permit(True)
    desk.run(3000)
    drives = switch.drives
    assert desk.supply.offered_da == 160 and desk.supply.phases == 1
    desk.supply.limits.put("ocpp", 0, 3)  # numberPhases of nothing
    desk.run(30000)
    assert desk.supply.offered_da == 0 and switch.drives == drives
    desk.supply.limits.put("ocpp", 160, 1)
    desk.run(40)
    assert desk.supply.offered_da == 160
    # The other way round: 0 W is less than three phases need.
    desk.supply.limits.put("ocpp", 320, None)
    desk.run(30000)
    assert desk.supply.phases == 3 and desk.supply.offered_da == 320
    drives = switch.drives
    desk.supply.limits.put("ocpp", 0, 1)
    desk.run(30000)
    desk.supply.limits.put("ocpp", 320, None)
    desk.run(40)
    assert desk.supply.offered_da == 320 and switch.drives == drives


def test_where_one_phase_is_connected_the_second_contactor_stays_off():
    class OnePhase(Ratings):
        phases = 1

    hardware = FakeHardware()
    switch = hardware.phase_switch = FakePhaseSwitch()
    desk = Desk(hardware)
    desk.supply = Supply(hardware, OnePhase())
    desk.supply.limits.put("ocpp", 160)
    hardware.pilot.car_mv = B
    desk.supply.permit(True)
    desk.run(3000)
    assert (desk.supply.phases, desk.supply.offered_da, switch.told) == (1, 160, False)


def test_a_feedback_that_is_wrong_in_a_charge_opens_and_tells():
    hardware = FakeHardware()
    switch = hardware.phase_switch = FakePhaseSwitch()
    desk = Desk(hardware)
    desk.supply.limits.put("ocpp", 300, 1)
    desk.run(1000)
    hardware.pilot.car_mv = B
    desk.supply.permit(True)
    desk.run(1000)
    hardware.pilot.car_mv = C
    assert desk.run(3000, lambda: desk.supply.energised) < 3000
    switch.told = True  # L2 and L3 have closed by themselves: three times the power
    assert desk.run(2000, lambda: not hardware.contactor.coil) <= 600
    assert desk.supply.faults == ("PhaseSwitchFailure",) and desk.supply.offered_da == 0
    desk.run(100000)
    assert not hardware.contactor.coil and desk.supply.offered_da == 0
    switch.told = False
    desk.run(20000)
    assert desk.supply.faults == () and desk.supply.energised and desk.supply.offered_da == 300


def test_one_that_is_stuck_is_a_fault_and_mends_itself():
    hardware = FakeHardware()
    switch = hardware.phase_switch = FakePhaseSwitch()
    switch.stuck = True
    desk = Desk(hardware)
    desk.run(900)
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
