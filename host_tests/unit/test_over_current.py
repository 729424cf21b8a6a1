# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.over_current and evse.mains: what the meter's readings tell."""

from evse.mains import Mains
from evse.over_current import OverCurrent
from hal.reading import Reading
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import Desk


def over(readings, offered_da=160):
    """Readings a second apart; the second in which it is found, or None."""
    watch = OverCurrent()
    for second, ma in enumerate(readings):
        watch.look(1000, ma, offered_da)
        if watch.present:
            return second
    return None


def test_seven_seconds_above_the_offer_and_its_margin():
    # 1.1 x (16 A + 0.5 A) = 18.15 A
    assert over([(18151,)] * 20) == 7
    assert over([(18150,)] * 20) is None
    assert over([(16000, 16000, 19000)] * 20) == 7


def test_a_breath_begins_anew():
    assert over([(20000,)] * 6 + [(16000,)] + [(20000,)] * 7) is None


def test_without_an_offer_the_pause_rules():
    assert over([(20000,)] * 20, offered_da=0) is None


def test_readings_far_apart_prove_nothing():
    watch = OverCurrent()
    for _ in range(10):
        watch.look(5000, (30000,), 160)
    assert not watch.present


def test_it_stays_until_the_car_is_gone():
    watch = OverCurrent()
    for _ in range(9):
        watch.look(1000, (30000,), 160)
    watch.look(1000, (0,), 0)
    assert watch.present
    watch.forget()
    assert not watch.present


def test_a_car_that_draws_too_much_is_cut_off_and_not_tried_again():
    desk = Desk()
    desk.charge()
    supply = desk.supply

    def read(ma):
        supply.metered(desk.now, Reading(0, 0, (ma,), (230000,)))

    read(32000)
    seconds = 0
    while not supply.faults and seconds < 20:
        seconds += 1
        desk.run(1000)
        read(40000)
    assert 7 <= seconds <= 10 and supply.faults == ("OverCurrent",) and desk.hardware.coil is False
    for _ in range(20):
        desk.run(1000)
        read(0)
    assert supply.faults == ("OverCurrent",) and not supply.energised
    desk.hardware.unplug()
    desk.run(500)
    assert supply.faults == ()
    desk.hardware.plug()
    assert desk.run(9000, lambda: supply.energised) < 9000


def seen(mains, volts, seconds):
    for _ in range(seconds):
        mains.look(1000, tuple([volt * 1000 for volt in volts]))
    return mains.under, mains.over


def test_under_voltage_and_back():
    mains = Mains(230)
    assert seen(mains, (230, 230, 230), 5) == (False, False)
    assert seen(mains, (230, 180, 230), 3) == (False, False)
    assert seen(mains, (230, 180, 230), 2) == (True, False)
    assert seen(mains, (230, 200, 230), 120) == (True, False)  # neither good nor bad
    assert seen(mains, (230, 225, 230), 60) == (True, False)
    assert seen(mains, (230, 225, 230), 2) == (False, False)


def test_over_voltage():
    mains = Mains(230)
    assert seen(mains, (270, 230, 230), 2) == (False, False)
    assert seen(mains, (270, 230, 230), 1) == (False, True)
    assert seen(mains, (255, 230, 230), 100) == (False, True)
    assert seen(mains, (245, 230, 230), 62) == (False, False)


def test_a_dip_is_nothing():
    mains = Mains(230)
    for _ in range(20):
        assert seen(mains, (100,), 2) == (False, False)
        seen(mains, (230,), 1)


def test_a_meter_without_voltage_says_nothing():
    mains = Mains(230)
    assert seen(mains, (), 100) == (False, False)


def test_a_brown_out_asks_the_car_to_stop():
    desk = Desk()
    desk.charge()
    supply = desk.supply
    for _ in range(6):
        desk.run(1000)
        supply.metered(desk.now, Reading(0, 0, (16000,), (170000,)))
    desk.run(1000)
    assert supply.faults == ("UnderVoltage",) and supply.state == "B1" and not supply.energised
    desk.now = ticks_add(desk.now, 1)
    supply.metered(desk.now, None)
    for _ in range(63):
        desk.run(1000)
        supply.metered(desk.now, Reading(0, 0, (0,), (230000,)))
    assert supply.faults == ()
