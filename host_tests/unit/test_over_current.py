# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.over_current and evse.mains: what the meter's readings tell."""

from evse.mains import Mains
from evse.over_current import OverCurrent
from evse.supply import Supply
from hal.reading import Reading
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import Desk, Ratings


def over(readings, offered_da=160):
    """Readings a second apart; the second in which it is found, or None."""
    watch = OverCurrent()
    for second, ma in enumerate(readings):
        watch.look(1000, ma, offered_da, offered_da)
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


def test_short_pauses_do_not_begin_anew():
    """A limit that swings below 6 A for a moment, and a car that draws on."""
    for pauses_s in (2, 4, 7):
        watch = OverCurrent()
        found = None
        for second in range(60):
            pausing = second % pauses_s == pauses_s - 1
            watch.look(1000, (32000,), 0 if pausing else 60, 60)
            if watch.present:
                found = second
                break
        assert found is not None and 7 <= found <= 15, (pauses_s, found)


def test_a_car_that_stops_in_a_pause_begins_anew():
    assert over([(20000,)] * 6 + [(300,)] + [(20000,)] * 7) is None
    watch = OverCurrent()
    for _ in range(6):
        watch.look(1000, (20000,), 160, 160)
    watch.look(1000, (20000,), 0, 0)
    watch.look(1000, (0,), 0, 0)
    for _ in range(7):
        watch.look(1000, (20000,), 160, 160)
    assert not watch.present


def test_readings_far_apart_prove_nothing():
    watch = OverCurrent()
    for _ in range(10):
        watch.look(5000, (30000,), 160, 160)
    assert not watch.present


def test_it_stays_until_the_car_is_gone():
    watch = OverCurrent()
    for _ in range(9):
        watch.look(1000, (30000,), 160, 160)
    watch.look(1000, (0,), 0, 0)
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
    read(0)
    desk.run(20)
    assert supply.faults == ()  # the next reading knows nothing of that car
    desk.hardware.plug()
    assert desk.run(9000, lambda: supply.energised) < 9000


def cut_off_after(answers, gap_ms, amps=32, da=60):
    """A car that draws more than `da`, a meter that answers as in `answers`, over and over; ms until it is
    found, None: never."""
    desk = Desk()
    desk.supply.limits.put("ocpp", da)
    desk.charge()
    read(desk, 0)
    passed = 0
    while passed < 60000:
        for answer in answers:
            passed += desk.run(gap_ms)
            desk.supply.metered(desk.now, Reading(0, 0, (amps * 1000,), (230000,)) if answer == "1" else None)
            desk.run(20)
            passed += 20
            if desk.supply.faults:
                return passed
    return None


def test_a_meter_that_is_silent_now_and_then():
    assert 7000 <= (cut_off_after("1", 1000) or 0) <= 9300
    assert 7000 <= (cut_off_after("10", 1000) or 0) <= 10300
    assert 7000 <= (cut_off_after("100", 900) or 0) <= 12000
    # Readings too far apart still prove nothing.
    assert cut_off_after("1000", 1000) is None


def test_silence_does_not_stretch_the_rules_of_the_mains():
    desk = Desk()
    for second in range(5):
        desk.run(1000)
        low = Reading(0, 0, (0,), (170000,))
        desk.supply.metered(desk.now, None if second % 2 else low)
    desk.run(20)
    assert desk.supply.faults == ("UnderVoltage",)


def six_seconds_of_16_a_at_6_a():
    desk = Desk()
    desk.supply.limits.put("ocpp", 60)
    desk.charge()
    read(desk, 0)
    for _ in range(7):
        read(desk, 16000)
    assert desk.supply.faults == ()
    return desk


def read(desk, ma):
    desk.run(1000)
    desk.supply.metered(desk.now, Reading(0, 0, (ma,), (230000,)))


def test_what_counts_is_the_lowest_offer_since_the_last_reading():
    watch = OverCurrent()
    for _ in range(7):
        watch.look(1000, (16000,), 60, 60)
    watch.look(1000, (16000,), 60, 160)  # it has risen just now
    assert not watch.present
    watch.look(1000, (16000,), 60, 60)
    assert watch.present


def test_who_keeps_within_the_offer_of_now_is_not_cut_off():
    desk = six_seconds_of_16_a_at_6_a()
    desk.run(500)
    desk.supply.limits.put("ocpp", 160)
    desk.run(20)
    desk.supply.metered(desk.now, None)  # silence is no reading
    for _ in range(10):
        read(desk, 16000)
    desk.run(20)
    assert desk.supply.offered_da == 160 and desk.supply.faults == ()


def test_an_offer_that_has_risen_does_not_make_the_time_before_it_void():
    desk = six_seconds_of_16_a_at_6_a()
    desk.supply.limits.put("ocpp", 80)
    desk.run(500)
    assert desk.supply.offered_da == 80
    read(desk, 16000)
    desk.run(20)
    assert desk.supply.faults == ("OverCurrent",)


def test_a_pause_between_two_readings_is_a_pause():
    desk = six_seconds_of_16_a_at_6_a()
    desk.supply.limits.put("ocpp", 0)
    desk.run(40)
    assert desk.supply.offered_da == 0
    desk.supply.limits.put("ocpp", 60)
    read(desk, 16000)
    desk.run(20)
    assert desk.supply.offered_da == 60 and desk.supply.faults == ()


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


def test_voltages_far_apart_prove_nothing():
    mains = Mains(230)
    for _ in range(20):
        mains.look(5000, (100000,))
    assert not mains.under
    for _ in range(20):
        mains.look(5000, (300000,))
    assert not mains.over


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


def test_phases_that_are_not_connected_have_no_voltage():
    for phases, faults in ((1, ()), (3, ("UnderVoltage",))):
        desk = Desk()
        ratings = Ratings()
        ratings.phases = phases
        supply = desk.supply = Supply(desk.hardware, ratings)
        for _ in range(6):
            desk.run(1000)
            supply.metered(desk.now, Reading(0, 0, (0, 0, 0), (230000, 0, 0)))
        desk.run(20)
        assert supply.faults == faults, phases
