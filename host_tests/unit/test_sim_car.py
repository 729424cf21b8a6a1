# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.sim: the simulated car, its cable, the meter, and what outlives a restart."""

from evse.pilot import current_da, duty_e4
from hal.sim import connector as sim_connector
from hal.sim.board import SimBoard
from hal.sim.car import Car, offer_ma
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import START, Desk
from host_tests.unit.scratch import Scratch, write


def read(meter):
    """The meter's answer, without an event loop: it does not wait for anything."""
    coroutine = meter.read()
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("the simulated meter waits")


def live(car, ms, duty, contact=True):
    for _ in range(ms // 20):
        car.step(20, duty, contact)


def plugged_car(limit_ma=16000):
    car = Car(limit_ma, 1)
    car.plug()
    live(car, 200, 10000)
    return car


def test_the_car_reads_the_offer_as_the_firmware_means_it():
    for limit_da in range(60, 801):
        duty = duty_e4(limit_da)
        assert offer_ma(duty) <= limit_da * 100
        assert abs(offer_ma(duty) - current_da(duty) * 100) <= 50, limit_da
    for duty in (0, 500, 799, 9701, 10000):
        assert offer_ma(duty) == 0


def test_contact_takes_a_moment():
    car = Car(16000, 1)
    assert not car.connected()
    car.plug()
    car.step(20, 10000, False)
    assert not car.connected()
    live(car, 200, 10000)
    assert car.connected() and not car.s2


def test_s2_closes_after_the_delay_and_only_with_an_offer():
    car = plugged_car()
    live(car, 5000, 10000)
    assert not car.s2
    live(car, 480, 5000)
    assert not car.s2
    live(car, 40, 5000)
    assert car.s2
    car = plugged_car()
    car.delay_ms = 2000
    live(car, 1900, 5000)
    assert not car.s2
    live(car, 200, 5000)
    assert car.s2


def test_a_car_that_is_not_ready_stays_in_b():
    car = plugged_car()
    car.ready = False
    live(car, 5000, 5000)
    assert not car.s2
    car.ready = True
    live(car, 600, 5000)
    assert car.s2


def test_it_draws_the_lower_of_offer_and_its_own_limit_with_a_ramp():
    car = plugged_car(limit_ma=10000)
    live(car, 520, 5000)
    assert 0 < car.current_ma <= 800
    live(car, 200, 5000)
    assert 2000 < car.current_ma < 10000
    live(car, 1000, 5000)
    assert car.current_ma == 10000
    live(car, 200, 1000)
    assert car.current_ma == 6000


def test_no_current_without_voltage():
    car = plugged_car()
    live(car, 3000, 5000, contact=False)
    assert car.s2 and car.current_ma == 0
    live(car, 3000, 5000)
    assert car.current_ma == 16000
    live(car, 20, 5000, contact=False)
    assert car.current_ma == 0


def test_a_pause_ends_the_current_before_s2_opens():
    car = plugged_car()
    live(car, 3000, 5000)
    currents = []
    while car.s2:
        currents.append(car.current_ma)
        car.step(20, 10000, True)
        assert len(currents) < 20
    assert 7 <= len(currents) <= 9  # 150 ms
    assert currents[-1] == 0


def test_a_full_battery_opens_s2():
    car = plugged_car()
    car.set_battery(1000)
    car.set_soc(100)
    live(car, 3000, 5000)
    assert not car.s2 and car.soc_pct() == 100
    car.set_soc(99)
    live(car, 3000, 5000)
    assert car.s2 and car.current_ma == 8000  # the last per cents go in slowly
    car.stored_wh += 10
    live(car, 300, 5000)
    assert not car.s2


def test_unplugging_forgets_everything_but_the_battery():
    car = plugged_car()
    live(car, 3000, 5000)
    car.unplug()
    assert not car.connected() and not car.s2 and car.current_ma == 0
    assert car.stored_wh == 24000


def test_the_meter_counts_what_flows():
    desk = Desk(phases=3)
    desk.charge()
    car = desk.hardware.car
    meter = desk.hardware.meter
    assert car.current_ma == 16000
    before = meter.wh
    desk.run(60000)
    # 3 x 228.4 V x 16 A for a minute
    assert abs(meter.wh - before - 3 * 2284 * 16 // 600) <= 1
    reading = read(meter)
    assert reading.power_w == 3 * (2284 * 16 // 10)
    assert reading.current_ma == (16000, 16000, 16000)
    assert reading.voltage_mv == (228400, 228400, 228400)
    assert reading.energy_wh == meter.wh and reading.frequency_mhz == 50000
    assert reading.export_wh is None and reading.soc_pct is None
    assert 250 < reading.temperature_dc < 450
    assert car.stored_wh == 24000 + meter.wh


def test_a_single_phase_car_at_three_phases():
    desk = Desk(phases=3)
    desk.hardware.car.phases = 1
    desk.charge()
    reading = read(desk.hardware.meter)
    assert reading.current_ma == (16000, 0, 0) and len(reading.voltage_mv) == 3
    assert reading.power_w == 2284 * 16 // 10


def test_nothing_flows_nothing_counts():
    desk = Desk()
    desk.hardware.plug()
    desk.run(20000)
    reading = read(desk.hardware.meter)
    assert (reading.energy_wh, reading.power_w, reading.current_ma) == (0, 0, (0,))


def test_the_registers_of_a_direct_current_station():
    sim_connector.ticks_ms = lambda: START
    row = {"current": "DC", "rated_a": 80, "nominal_v": 500}
    measurands = (
        "Energy.Active.Export.Register",
        "Energy.Reactive.Import.Register",
        "Energy.Reactive.Export.Register",
        "SoC",
    )
    hardware = sim_connector.SimConnector(1, row, measurands, None)
    reading = read(hardware.meter)
    assert (reading.export_wh, reading.reactive_import_varh, reading.reactive_export_varh) == (0, 0, 0)
    assert reading.voltage_mv == (0,) and reading.soc_pct is None
    hardware.car.plug()
    hardware.contact = hardware.coil = True
    live(hardware.car, 8000, 9600)
    reading = read(hardware.meter)
    assert reading.soc_pct == 40 and reading.current_ma == (80000,)
    assert reading.voltage_mv == (492000,) and reading.power_w == 492 * 80


def test_a_silent_meter():
    desk = Desk()
    desk.hardware.meter.failing = True
    assert read(desk.hardware.meter) is None
    desk.hardware.meter.failing = False
    assert read(desk.hardware.meter).energy_wh == 0


def test_the_pilot_line():
    desk = Desk()
    hardware = desk.hardware
    assert hardware.read() == (12000, 12000)
    hardware.set_duty(5000)
    assert hardware.read() == (12000, -12000)
    hardware.set_duty(0)
    assert hardware.read() == (-12000, -12000)
    hardware.set_duty(10000)
    hardware.plug()
    desk.run(200)
    assert hardware.read() == (9000, 9000)
    hardware.duty_e4 = 5000
    assert hardware.read() == (9000, -12000)
    hardware.car.s2 = True
    assert hardware.read() == (6000, -12000)
    hardware.car.ventilation = True
    assert hardware.read() == (3000, -12000)
    hardware.break_part("DiodeFault")
    assert hardware.read() == (3000, -3000)
    hardware.car.ventilation = hardware.car.s2 = False
    assert hardware.read() == (9000, -9000)  # 1 kohm against 2.74: -8.8 V
    hardware.break_part("PilotFault")
    assert hardware.read() == (0, 0)
    hardware.force_pilot(7000, -5000)
    assert hardware.read() == (7000, -5000)
    hardware.force_pilot(7000, None)
    assert hardware.read() == (7000, -12000)
    hardware.force_pilot(None, None)
    assert hardware.read() == (0, 0)


def test_a_sample_of_the_pilot_is_of_now():
    hardware = Desk().hardware
    hardware.set_duty(5000)
    assert hardware.sample_ms == 0 and hardware.sample() == 1
    assert (hardware.high_mv[0], hardware.low_mv[0]) == (12000, -12000)


def test_a_held_plug_stays_until_the_lock_lets_go():
    desk = Desk(cable="socket", lock=True)
    hardware = desk.hardware
    hardware.plug()
    desk.run(1000)
    assert hardware.bolt and hardware.resistance_ohm() == 220
    hardware.break_part("ConnectorLockFailure")
    hardware.unplug()
    desk.run(5000)
    assert hardware.cable and hardware.bolt
    hardware.mend_part("ConnectorLockFailure")
    desk.run(2000)
    assert not hardware.cable and hardware.resistance_ohm() is None


def test_plugging_again_before_the_cable_is_pulled():
    desk = Desk(cable="socket", lock=True)
    desk.hardware.plug()
    desk.run(1000)
    desk.hardware.unplug()
    desk.run(100)
    desk.hardware.plug()
    desk.run(3000)
    assert desk.hardware.cable and desk.supply.plugged and desk.supply.locked


def test_a_63_ampere_cable():
    assert Desk(cable="socket", rated_a=63).hardware.cable_ohm == 100


def test_parts_and_signals():
    hardware = Desk().hardware
    assert hardware.broken_parts() == [] and hardware.fault_signals() == ()
    hardware.break_part("GroundFailure")
    hardware.break_part("GroundFailure")
    hardware.break_part("MeterFailure")
    assert hardware.fault_signals() == ("GroundFailure", "MeterFailure") and hardware.meter.failing
    hardware.break_part("DiodeFault")
    assert hardware.fault_signals() == ("GroundFailure", "MeterFailure")
    assert sorted(hardware.broken_parts()) == ["DiodeFault", "GroundFailure", "MeterFailure"]
    for name in hardware.broken_parts():
        hardware.mend_part(name)
    hardware.mend_part("NeverBroken")
    assert hardware.broken_parts() == [] and hardware.fault_signals() == () and not hardware.meter.failing


def test_a_stall_of_the_firmware_loses_no_energy():
    desk = Desk()
    desk.charge()
    before = desk.hardware.meter.wh
    desk.now = ticks_add(desk.now, 3600000)  # an hour without a single look
    desk.hardware.advance()
    # 240 V less the sag, 32 A, one hour
    power_w = desk.hardware.meter.power_w()
    assert abs(desk.hardware.meter.wh - before - power_w) <= 1


def restarted(desk, folder, **row):
    """The same charger after its firmware was restarted, three seconds later."""
    again = Desk(data_dir=folder, **row)
    again.now = ticks_add(desk.now, 3000)
    again.hardware._last = again.now
    return again


def test_the_car_and_the_register_outlive_the_firmware():
    row = {"cable": "socket", "lock": True, "phases": 3}
    with Scratch() as folder:
        desk = Desk(data_dir=folder, **row)
        desk.charge()
        desk.run(10000)
        told = read(desk.hardware.meter).energy_wh
        # No warning at all, as with kill -9: nothing is saved at the end.
        again = restarted(desk, folder, **row)
        check_the_restarted(again, told)


def check_the_restarted(again, told):
    assert told > 10
    assert read(again.hardware.meter).energy_wh >= told
    assert again.hardware.contact is False and again.hardware.bolt is True
    again.run(500)
    assert again.supply.plugged and again.supply.locked and not again.supply.energised
    again.supply.permit(True)
    assert again.run(5000, lambda: again.supply.energised) < 5000


def test_a_meter_swap_and_a_cars_manners_are_kept():
    with Scratch() as folder:
        desk = Desk(data_dir=folder)
        desk.hardware.meter.wh = 123456
        desk.hardware.car.delay_ms = 2500
        desk.hardware.car.ready = False
        desk.hardware.save(True)
        again = restarted(desk, folder)
    assert read(again.hardware.meter).energy_wh == 123456
    assert again.hardware.car.delay_ms == 2500 and not again.hardware.car.ready
    assert not again.hardware.car.plugged


def test_a_damaged_file_starts_an_empty_world():
    for text in (b"", b"{", b"[1,2]", b"[" + b"null," * 13 + b"1]", b'{"a":1}', b"null"):
        with Scratch() as folder:
            write(folder + "/sim_connector_1.json", text)
            desk = Desk(data_dir=folder)
            assert desk.hardware.meter.wh == 0 and not desk.hardware.car.plugged, text
            desk.charge()


def test_boards_from_station_files():
    board = SimBoard({"connectors": [{}, {"cable": "socket", "lock": True}], "reader": "none"}, None)
    assert [connector.number for connector in board.connectors] == [1, 2]
    assert board.tag_reader is None and board.clock.utc_ms() is None
    assert board.connectors[0].lock is None and board.connectors[0].proximity is None
    assert board.connectors[1].lock is not None and board.connectors[1].proximity is not None
    board.raise_signal("EmergencyStop")
    board.raise_signal("EmergencyStop")
    assert board.fault_signals() == ("EmergencyStop",)
    board.clear_signal("EmergencyStop")
    assert board.fault_signals() == ()
    board.clock.set_utc_ms(1000000)
    assert 1000000 <= board.clock.utc_ms() < 1010000


def test_a_battery_clock_knows_the_time():
    board = SimBoard({}, None, battery_clock=True)
    assert board.clock.utc_ms() > 1600000000000


def test_the_reader_remembers_a_few_tags_only():
    reader = SimBoard({}, None).tag_reader
    for count in range(8):
        assert reader.present("TAG%d" % count)
    assert not reader.present("TAG8")
    coroutine = reader.read()
    try:
        coroutine.send(None)
    except StopIteration as end:
        assert end.value == ("TAG0", None)
    assert reader.present("TAG8", 2)
