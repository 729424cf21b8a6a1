# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.supply: faults over whole sessions: what opens the contactor, what latches, and what ends it."""

from evse import faults
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import A, B, C, Desk, FakeHardware, FakeRcd, FakeThermometer


def test_a_broken_diode_never_gets_power():
    desk = Desk()
    desk.hardware.break_part("DiodeFault")
    desk.hardware.plug()
    desk.supply.permit(True)
    seen = []
    desk.run(5000, lambda: seen.append(desk.hardware.coil))
    assert not any(seen) and desk.supply.faults == ("DiodeFault",) and desk.supply.offered_da == 0
    desk.hardware.mend_part("DiodeFault")
    desk.hardware.unplug()
    desk.run(500)
    assert desk.supply.faults == ()
    desk.hardware.plug()
    assert desk.run(5000, lambda: desk.supply.energised) < 5000


def test_a_diode_that_breaks_under_load_opens_within_100_ms():
    desk = Desk()
    desk.charge()
    desk.hardware.break_part("DiodeFault")
    assert desk.run(1000, lambda: not desk.hardware.coil) <= 100
    assert desk.supply.faults == ("DiodeFault",)


def test_a_short_on_the_pilot():
    desk = Desk()
    desk.charge()
    desk.hardware.break_part("PilotFault")
    assert desk.run(1000, lambda: not desk.hardware.coil) <= 60
    desk.run(200)
    assert desk.supply.pilot == "E" and desk.supply.faults == ("PilotFault",) and desk.supply.plugged
    desk.hardware.mend_part("PilotFault")
    # 30 s, unless the plug is pulled and pushed in again.
    assert 30000 <= desk.run(40000, lambda: desk.supply.energised) < 35000
    desk.hardware.break_part("PilotFault")
    desk.run(1000)
    desk.hardware.mend_part("PilotFault")
    desk.hardware.unplug()
    desk.run(500)
    desk.hardware.plug()
    assert desk.run(9000, lambda: desk.supply.energised) < 9000


def test_protective_devices_open_in_the_same_step():
    for name in ("GroundFailure", "WaterIngress", "EmergencyStop", "RcdTrip"):
        desk = Desk()
        desk.charge()
        desk.hardware.break_part(name)
        desk.run(20)
        assert desk.hardware.coil is False
        desk.run(20)
        assert desk.supply.faults == (name,)
        desk.hardware.mend_part(name)
        desk.supply.acknowledge()
        desk.run(40)
        assert desk.supply.faults == ()
        assert desk.run(7000, lambda supply=desk.supply: supply.energised) < 7000


def test_warnings_do_not_stop_anything():
    desk = Desk()
    desk.charge()
    desk.hardware.break_part("WeakSignal")
    desk.run(100)
    assert desk.supply.energised and desk.supply.faults == ("WeakSignal",)


def test_station_wide_faults_reach_every_connector():
    desk = Desk()
    desk.charge()
    desk.signals = ("EmergencyStop",)
    desk.run(20)
    assert desk.hardware.coil is False and desk.supply.faults == ("EmergencyStop",)
    desk.signals = ("ReaderFailure",)  # not this connector's business
    desk.run(20)
    assert desk.supply.faults == ()


def test_reported_faults():
    desk = Desk()
    desk.charge()
    desk.supply.report("GroundFailure", True)
    desk.supply.report("MeterFailure", True)
    desk.run(20)
    assert desk.supply.faults == ("GroundFailure", "MeterFailure") and desk.hardware.coil is False
    desk.supply.report("GroundFailure", False)
    desk.supply.report("MeterFailure", False)
    desk.run(20)
    assert desk.supply.faults == ()


def test_over_temperature_has_hysteresis():
    hardware = FakeHardware()
    hardware.temperature = FakeThermometer()
    desk = Desk(hardware)
    for value, found in (
        (849, ()),
        (851, ("OverTemperature",)),
        (760, ("OverTemperature",)),
        (749, ()),
        (800, ()),
    ):
        hardware.temperature.value = value
        desk.run(400)
        assert desk.supply.faults == found, value


def test_heat_opens_and_cold_resumes():
    desk = Desk()
    desk.charge()
    desk.hardware.break_part("OverTemperature")
    # The car is asked first: it takes its current back before S2 opens.
    loads = []
    assert (
        desk.run(1000, lambda: loads.append(desk.hardware.car.current_ma) or not desk.supply.energised) < 800
    )
    assert loads[-1] == 0 and desk.supply.faults == ("OverTemperature",) and desk.supply.state == "B1"
    desk.hardware.mend_part("OverTemperature")
    assert desk.run(7000, lambda: desk.supply.energised) < 7000


# --- latched ---


def test_a_weld_is_latched_until_acknowledged():
    desk = Desk()
    desk.charge()
    desk.hardware.break_part("ContactorWelded")
    desk.run(1000)
    assert desk.supply.faults == ()  # closed as it should be: nobody can know
    desk.supply.permit(False)
    desk.run(1000, lambda: desk.supply.faults)
    assert desk.supply.faults == ("ContactorWelded",) and desk.supply.energised
    desk.hardware.mend_part("ContactorWelded")
    desk.run(1000)
    assert desk.supply.faults == ("ContactorWelded",) and not desk.supply.energised
    desk.supply.permit(True)
    desk.run(5000)
    assert not desk.supply.energised
    desk.supply.acknowledge()
    assert desk.run(5000, lambda: desk.supply.energised) < 5000 and desk.supply.faults == ()


def test_a_weld_shows_on_an_idle_connector_within_200_ms():
    desk = Desk()
    desk.run(1000)
    desk.hardware.break_part("ContactorWelded")
    assert desk.run(1000, lambda: desk.supply.faults) <= 220
    desk.hardware.mend_part("ContactorWelded")
    desk.supply.acknowledge()
    assert desk.run(1000, lambda: not desk.supply.faults) < 1000


def test_acknowledging_a_fault_that_is_still_there_is_in_vain():
    desk = Desk()
    desk.hardware.break_part("ContactorWelded")
    desk.run(500)
    desk.supply.acknowledge()
    desk.run(3000)
    desk.hardware.mend_part("ContactorWelded")
    desk.run(3000)
    assert desk.supply.faults == ("ContactorWelded",)


def test_a_trip_stays_latched_over_its_cause():
    desk = Desk()
    desk.hardware.break_part("RcdTrip")
    desk.run(40)
    desk.hardware.mend_part("RcdTrip")
    desk.run(5000)
    assert desk.supply.faults == ("RcdTrip",)


def _charging_with_a_monitor():
    hardware = FakeHardware()
    hardware.rcd = FakeRcd()
    desk = Desk(hardware)
    desk.run(1000)
    hardware.pilot.car_mv = B
    desk.supply.permit(True)
    desk.run(1000)
    hardware.pilot.car_mv = C
    desk.run(4000)
    assert hardware.contactor.coil
    return desk


def _trip(desk):
    desk.hardware.rcd.trip = True
    desk.run(60)
    desk.hardware.rcd.trip = False


def test_what_trips_after_the_acknowledgement_is_latched():
    for after_ms in (0, 20, 500, 1980):
        desk = _charging_with_a_monitor()
        desk.supply.acknowledge()
        desk.run(after_ms)
        _trip(desk)
        assert not desk.hardware.contactor.coil and desk.supply.faults == ("RcdTrip",), after_ms
        desk.run(20000, lambda desk=desk: desk.hardware.contactor.coil)
        assert not desk.hardware.contactor.coil and desk.supply.faults == ("RcdTrip",), after_ms


def test_what_trips_again_after_the_acknowledgement_is_latched():
    for after_ms in (20, 500, 1900):
        desk = _charging_with_a_monitor()
        _trip(desk)
        desk.run(1000)
        desk.supply.acknowledge()
        desk.run(after_ms)
        assert desk.supply.faults == ()
        _trip(desk)
        desk.run(5000)
        assert desk.supply.faults == ("RcdTrip",) and not desk.hardware.contactor.coil, after_ms


def test_another_fault_than_the_acknowledged_ones_is_latched():
    desk = _charging_with_a_monitor()
    _trip(desk)
    desk.supply.acknowledge()
    desk.run(500)
    desk.hardware.signals = ("CutCable",)
    desk.run(60)
    desk.hardware.signals = ()
    desk.run(5000)
    assert desk.supply.faults == ("CutCable",)


def test_a_sticky_fault_of_a_device_stays_until_the_car_is_unplugged():
    for name in faults.listed(faults.STICKY_MASK):
        hardware = FakeHardware()
        desk = Desk(hardware)
        hardware.signals = (name,)
        desk.run(40)
        assert desk.supply.faults == (name,)
        hardware.signals = ()  # there is no car whose fault it could be
        desk.run(40)
        assert desk.supply.faults == ()
        hardware.pilot.car_mv = B
        desk.supply.permit(True)
        desk.run(400)
        hardware.pilot.car_mv = C
        assert desk.run(3000, lambda hardware=hardware: hardware.contactor.coil) < 3000
        hardware.signals = (name,)
        desk.run(20)
        hardware.signals = ()
        assert not hardware.contactor.coil
        desk.run(60000, lambda hardware=hardware: hardware.contactor.coil)
        assert not hardware.contactor.coil and desk.supply.faults == (name,)
        desk.supply.acknowledge()  # that is for what latches
        desk.run(1000)
        assert desk.supply.faults == (name,)
        hardware.pilot.car_mv = A
        desk.run(400)
        assert desk.supply.faults == ()


def test_an_emergency_stop_between_two_steps_is_not_missed():
    desk = _charging_with_a_monitor()
    desk.supply.guard.tick(desk.now, True)
    desk.supply.guard.tick(desk.now, True)
    desk.supply.guard.tick(desk.now, False)
    desk.supply.step(ticks_add(desk.now, 20))
    assert desk.supply.faults == ("EmergencyStop",) and not desk.hardware.contactor.coil
