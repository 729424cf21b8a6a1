# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.supply: whole sessions with a simulated car, and what the station sees of them."""

from evse.supply import Supply
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import (
    SOCKET,
    START,
    A,
    B,
    C,
    Desk,
    FakeHardware,
    FakeRcd,
    FakeThermometer,
    Ratings,
)


def test_the_empty_connector():
    supply = Desk().supply
    assert (supply.pilot, supply.plugged, supply.cable, supply.asking, supply.energised) == (
        "A",
        False,
        False,
        False,
        False,
    )
    assert (supply.offered_da, supply.limit_name, supply.limit_da, supply.faults) == (0, "board", 320, ())
    assert supply.has_lock is False and supply.locked is None and supply.permitted is False


def test_a_session_with_a_fixed_cable():
    desk = Desk()
    supply = desk.supply
    car = desk.hardware.car
    desk.hardware.plug()
    desk.run(400)
    assert supply.pilot == "B" and supply.plugged and supply.cable and not supply.asking
    desk.run(3000)
    assert supply.offered_da == 0 and supply.pilot == "B"  # no offer, no C
    supply.permit(True)
    desk.run(20)
    assert supply.offered_da == 320
    passed = desk.run(5000, lambda: supply.pilot == "C")
    assert 900 <= passed <= 1200 and supply.asking
    assert desk.run(3000, lambda: supply.energised) <= 100
    desk.run(3000)
    assert car.current_ma == 31998  # 53.33 %: the duty is rounded down
    supply.permit(False)
    assert desk.run(3000, lambda: not supply.energised) <= 400
    assert car.current_ma == 0 and supply.pilot == "B" and supply.plugged and supply.offered_da == 0
    desk.hardware.unplug()
    desk.run(400)
    assert supply.pilot == "A" and not supply.plugged and not supply.cable


def test_a_session_with_a_socket_and_a_lock():
    desk = Desk(**SOCKET)
    supply = desk.supply
    assert supply.has_lock and supply.locked is False
    supply.permit(True)
    desk.hardware.plug()
    unlocked_offers = []
    desk.run(1000, lambda: unlocked_offers.append(supply.offered_da) if not supply.locked else None)
    assert supply.locked and supply.cable and supply.plugged
    assert not any(unlocked_offers)  # nothing is offered to a plug that can be pulled
    assert supply.offered_da == 320 and (supply.limit_name, supply.limit_da) == ("board", 320)
    assert desk.run(5000, lambda: supply.energised) < 5000
    desk.hardware.unplug()
    desk.run(200)
    assert not supply.plugged and not supply.energised and supply.cable
    desk.run(2000)
    assert not supply.cable and supply.locked is False


def test_the_cable_is_a_limit_with_a_name():
    desk = Desk(rated_da=630, rated_a=63, **SOCKET)
    desk.hardware.cable_ohm = 680
    desk.hardware.plug()
    desk.supply.permit(True)
    desk.run(1000)
    assert (desk.supply.limit_name, desk.supply.limit_da) == ("cable", 200)
    assert desk.supply.offered_da == 200
    desk.hardware.unplug()
    desk.run(3000)
    assert (desk.supply.limit_name, desk.supply.limit_da) == ("board", 630)


def test_the_station_limit_reaches_the_pilot_and_the_car():
    desk = Desk()
    desk.charge()
    desk.run(5000)
    desk.supply.limits.put("ocpp", 160)
    desk.run(1000)
    assert (desk.supply.limit_name, desk.supply.offered_da, desk.hardware.car.current_ma) == (
        "ocpp",
        160,
        15996,
    )
    desk.supply.limits.put("ocpp", 0)
    desk.run(1000)
    assert desk.supply.offered_da == 0 and not desk.supply.energised and desk.supply.plugged
    desk.supply.limits.drop("ocpp")
    desk.run(8000)  # the contactor rests for 5 s
    assert desk.supply.offered_da == 320 and desk.supply.energised


def test_a_car_that_ignores_the_pause_is_cut_off_after_six_seconds():
    desk = Desk()
    desk.charge()
    desk.hardware.car.react_ms = 60000
    desk.supply.permit(False)
    passed = desk.run(10000, lambda: not desk.supply.energised)
    assert 5900 <= passed <= 6100
    assert desk.supply.pilot == "C"


def test_unplugging_under_load_opens_within_100_ms():
    desk = Desk()
    desk.charge()
    desk.hardware.unplug()
    # 60 ms until the guard is sure, 30 ms travel of the simulated contactor, one step to see its feedback.
    assert desk.run(1000, lambda: not desk.hardware.coil) <= 60
    assert desk.run(1000, lambda: not desk.supply.energised) <= 40


def test_a_full_car_stops_and_the_offer_stays():
    desk = Desk()
    desk.hardware.car.set_battery(100)
    desk.hardware.car.set_soc(92)
    desk.charge()
    assert desk.run(10000, lambda: not desk.supply.energised) < 10000
    assert desk.supply.pilot == "B" and desk.supply.offered_da == 320 and desk.hardware.car.soc_pct() == 100
    desk.hardware.car.set_soc(50)
    assert desk.run(7000, lambda: desk.supply.energised) < 7000


def test_power_restored_with_a_car_in_c():
    desk = Desk()
    desk.hardware.car.ready = True
    desk.hardware.plug()
    desk.hardware.force_pilot(C, None)
    desk.run(2000)
    assert (
        desk.supply.pilot == "C"
        and desk.supply.plugged
        and not desk.supply.energised
        and desk.supply.faults == ()
    )
    desk.hardware.force_pilot(None, None)
    desk.supply.permit(True)
    assert desk.run(5000, lambda: desk.supply.energised) < 5000


def test_a_car_that_changed_while_nobody_looked_is_seen():
    hardware = FakeHardware()
    desk = Desk(hardware)
    hardware.pilot.car_mv = B
    desk.run(400)
    assert desk.supply.plugged
    # A name lookup keeps the main loop away for 14 s; the guard goes on.
    guard = desk.supply.guard
    for car_mv in (A, B):
        hardware.pilot.car_mv = car_mv
        for _ in range(100):
            desk.now = ticks_add(desk.now, 20)
            guard.tick(desk.now)
    seen = []
    desk.run(100, lambda: seen.append(desk.supply.plugged))
    assert seen == [False, True, True, True, True]


def test_what_the_guard_opened_is_not_closed_by_a_wish_of_before():
    hardware = FakeHardware()
    desk = Desk(hardware)
    hardware.pilot.car_mv = B
    desk.supply.permit(True)
    desk.run(400)
    hardware.pilot.car_mv = C
    desk.run(1000)
    assert hardware.contactor.coil
    # The car leaves and is back in C for a second while the main loop is away.
    guard = desk.supply.guard
    moves = hardware.contactor.moves
    for car_mv, steps in ((B, 10), (C, 50)):
        hardware.pilot.car_mv = car_mv
        for _ in range(steps):
            desk.now = ticks_add(desk.now, 20)
            guard.tick(desk.now)
    assert not hardware.contactor.coil and hardware.contactor.moves == moves + 1
    assert 1000 < desk.run(7000, lambda: hardware.contactor.coil) <= 2600  # after its rest, with all checks


def test_states_have_their_numbers():
    desk = Desk()
    assert desk.supply.state == "A1"
    desk.hardware.plug()
    desk.run(400)
    assert desk.supply.state == "B1"
    desk.supply.permit(True)
    desk.run(100)
    assert desk.supply.state == "B2"
    desk.run(2000)
    assert desk.supply.state == "C2"
    desk.hardware.car.react_ms = 5000
    desk.supply.permit(False)
    desk.run(100)
    assert desk.supply.state == "C1"


def test_emergency_open_is_final():
    desk = Desk()
    desk.charge()
    desk.supply.emergency_open()
    assert desk.hardware.coil is False and desk.hardware.duty_e4 == 10000 and desk.supply.offered_da == 0
    desk.run(3000)
    assert not desk.supply.energised


def test_step_tells_of_every_visible_change_and_of_nothing_else():
    desk = Desk(**SOCKET)
    supply = desk.supply

    def visible():
        return (
            supply.pilot, supply.plugged, supply.cable, supply.asking, supply.energised, supply.offered_da,
            supply.limit_name, supply.limit_da, supply.faults, supply.locked,
        )  # fmt: skip

    def watch(ms):
        for _ in range(ms // 20):
            before = visible()
            desk.now = ticks_add(desk.now, 20)
            supply.guard.tick(desk.now)
            assert supply.step(desk.now) is (visible() != before)

    watch(500)
    desk.hardware.plug()
    watch(1000)
    supply.permit(True)
    watch(4000)
    supply.limits.put("ocpp", 100)
    watch(6000)
    desk.hardware.break_part("GroundFailure")
    watch(500)
    desk.hardware.unplug()
    watch(3000)


def test_a_step_allocates_nothing_while_nothing_happens():
    try:
        from micropython import heap_lock, heap_unlock
    except ImportError:  # CPython: the steps alone
        heap_lock = heap_unlock = int
    hardware = FakeHardware(socket=True)
    hardware.rcd = FakeRcd()
    hardware.temperature = FakeThermometer()
    supply = Supply(hardware, Ratings(), lambda: hardware.signals)
    guard = supply.guard
    now = START
    for car_mv, ohm in ((A, None), (B, 220), (C, 220)):
        hardware.pilot.car_mv = car_mv
        hardware.proximity.ohm = ohm
        supply.permit(ohm is not None)
        for _ in range(100):
            now = ticks_add(now, 20)
            guard.tick(now)
            supply.step(now)
        times = [ticks_add(now, 20 * count) for count in range(100)]
        heap_lock()
        try:
            for count in range(100):
                guard.tick(times[count])
                supply.step(times[count])
        finally:
            heap_unlock()
        now = times[-1]
    assert supply.energised and hardware.contactor.coil and hardware.rcd.tests == 2
