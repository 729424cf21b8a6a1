# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Every car of docs/cars.md: it is charged, or what comes of it is what the page says."""

from host_tests.unit import quirk_cars as cars
from host_tests.unit.quirk_cars import Street


def test_an_ordinary_car():
    street = Street(cars.Car()).begin()
    assert street.live(5000, street.charging) < 3000
    street.live(600000)
    street.supply.permit(False)
    street.live(5000)
    assert (street.closings, street.under_load) == (1, 0) and street.supply.state == "B1"


def test_bmw_plug_in_hybrid():
    street = Street(cars.BmwPlugInHybrid()).begin()
    assert street.live(5000, street.charging) < 5000
    street.live(60000)
    street.supply.limits.put("ocpp", 100)
    street.live(30000)
    # The first change costs an opening under load: the standard gives 100 ms.
    assert street.under_load == 1 and street.charging()
    for limit_da in (120, 80, 160, 70):
        street.supply.limits.put("ocpp", limit_da)
        street.live(120000)
        assert street.charging() and street.supply.offered_da == limit_da
    assert street.under_load == 1 and street.closings == 6


def test_bmw_ix3_knocks_before_it_charges():
    street = Street(cars.BmwIx3()).begin()
    street.live(3500)
    assert street.closings == 0
    assert street.live(5000, street.charging) < 5000
    street.live(60000)
    assert (street.closings, street.under_load) == (1, 0)


def test_phases_change_slowly_enough():
    for car in (cars.BmwIx3(), cars.Polestar()):
        street = Street(car, three=True)
        street.supply.limits.put("ocpp", 320, 1)
        street.begin()
        assert street.live(9000, street.charging) < 9000
        street.live(5000)
        street.supply.limits.put("ocpp", 320, 3)
        street.live(5000)
        assert not street.charging()
        assert street.live(90000, street.charging) < 75000
        assert street.hardware.phase_switch.three() and street.under_load == 0 and not car.damaged


def test_a_volkswagen_that_needs_a_minute_is_left_alone():
    street = Street(cars.SlowVolkswagen()).begin()
    assert 58000 < street.live(90000, street.charging) < 63000


def test_a_car_that_sleeps():
    street = Street(cars.SleepyCar()).begin()
    # 90 s, 4 s without pilot, 30 s, 30 s without pilot.
    assert 150000 < street.live(200000, street.charging) < 160000
    assert street.supply.plugged


def test_a_car_that_sleeps_where_nothing_can_wake_it():
    for wake_up in ("none", "F"):
        street = Street(cars.SleepyCar(), wake_up).begin()
        street.live(600000)
        assert not street.charging() and street.supply.plugged and street.supply.offered_da == 320


def test_think_city_is_cut_off_and_woken_with_f():
    street = Street(cars.ThinkCity(), "F").begin()
    assert street.live(5000, street.charging) < 5000
    street.live(20000)
    street.supply.permit(False)
    assert 5900 <= street.live(10000, lambda: not street.hardware.contactor.coil) <= 6100
    street.live(10000)
    assert street.under_load == 1
    street.supply.permit(True)
    assert 90000 < street.live(120000, street.charging) < 100000


def test_id3_spikes_while_it_is_plugged_in():
    street = Street(cars.Id3())
    street.supply.permit(True)
    street.begin()
    street.live(60000)
    assert street.charging() and street.closings == 1


def test_an_ioniq_5_is_not_woken_until_it_refuses():
    for wake_up in ("F", "switch"):
        street = Street(cars.Ioniq5(), wake_up)
        street.car.ready = False  # it waits for cheap current
        street.begin()
        street.live(900000)
        assert not street.charging() and street.car.disturbed >= 1
        street.car.ready = True
        assert street.live(9000, street.charging) < 9000


def test_an_ioniq_5_whose_phases_change_is_not_woken_as_well():
    street = Street(cars.Ioniq5(), three=True).begin()
    assert street.live(9000, street.charging) < 9000
    for phases in (1, 3, 1, 3):
        street.live(6000)
        street.supply.limits.put("ocpp", 320, phases)
        street.live(2000)
        assert not street.charging()
        assert street.live(90000, street.charging) < 75000, phases
    assert street.under_load == 0 and street.supply.phases == 3


def test_kona_is_cut_off_after_six_seconds():
    street = Street(cars.Kona()).begin()
    street.live(20000)
    street.supply.permit(False)
    assert 5900 <= street.live(10000, lambda: not street.hardware.contactor.coil) <= 6100
    street.live(5000)
    assert street.under_load == 1
    street.supply.permit(True)
    assert street.live(10000, street.charging) < 10000


def test_a_tesla_in_the_cold_is_given_time():
    street = Street(cars.TeslaInTheCold()).begin()
    street.live(600000)
    assert street.charging() and street.closings <= 8
    # A contactor that followed it would have closed sixty times.


def test_a_zoe_in_the_heat_begins_with_6_ampere():
    street = Street(cars.ZoeInTheHeat()).begin()
    street.live(120000)
    assert street.charging() and street.car.amps > 6 and street.closings <= 4
    street.live(600000)
    assert street.charging() and street.car.cooled == 2


def test_a_smart_that_needs_a_minute():
    street = Street(cars.SmartEd()).begin()
    street.live(900000)
    assert street.charging() and street.closings <= 9


def test_cars_that_pause():
    street = Street(cars.Pauser()).begin()
    street.live(1200000)
    # 90 s of charge and 20 s of pause; each is worth a closing.
    assert 10 <= street.closings <= 12
    assert street.under_load == 0 and street.charged_ams > 1200000 * 16 * 7 // 10


def test_a_car_without_s2():
    street = Street(cars.Simplified()).begin()
    assert 1500 < street.live(9000, street.charging) < 4500
    street.supply.permit(False)
    assert 5900 <= street.live(10000, lambda: not street.hardware.contactor.coil) <= 6100
