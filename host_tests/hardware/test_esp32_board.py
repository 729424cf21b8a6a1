# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.esp32 on the data of boards/esp32_devkit: parts, timer, calibration."""

import asyncio

import pytest

from boards.esp32_devkit.board import BOARD
from hal import board_data, ticks
from hal.meter.registers import table_of
from hal.parts import lock, wired
from host_tests.fakes.chip import Chip
from host_tests.fakes.clocks import Reset, WatchdogBite
from host_tests.fakes.contract import KINDS, part_problems
from host_tests.fakes.pilot_line import PilotLine

COIL, ALIVE, FEEDBACK = 26, 23, 34
LOCK, UNLOCK, BOLT = 18, 19, 13
TRIP, TEST, STOP, LAMP, BUTTON = 33, 21, 22, 17, 0
PILOT_ADC, PROXIMITY_ADC, NTC_ADC = 36, 39, 35


class Rig:
    """A devkit on its carrier: contactor open, nothing plugged, 25 degrees, nobody presses anything."""

    def __init__(self, monkeypatch, data=BOARD, cause=1):
        self.chip = chip = Chip("esp32", cause)
        self.link = object()
        self.line = PilotLine(chip, 27)
        chip.analog.update(
            {PILOT_ADC: self.line.mv, PROXIMITY_ADC: lambda us: 3300, NTC_ADC: lambda us: 1650}
        )
        chip.external.update({FEEDBACK: 0, BOLT: 1, TRIP: 0, STOP: 0, BUTTON: 1})
        now = lambda: ((chip.now_us // 1000 + ticks._HALF) & ticks._MASK) - ticks._HALF  # noqa: E731
        monkeypatch.setattr(lock, "ticks_ms", now)
        monkeypatch.setattr(wired, "ticks_ms", now)
        with chip.installed():
            module = chip.load("hal.esp32.board")
            module.ticks_ms = chip.load("hal.esp32.contactor").ticks_ms = now
            self.board = module.Board(data, self.link)
        self.connector = self.board.connectors[0]


@pytest.fixture
def rig(monkeypatch):
    return Rig(monkeypatch)


def test_every_part_is_as_the_contract_says(rig):
    board, connector = rig.board, rig.connector
    parts = {
        "Board": board,
        "Storage": board.storage,
        "Indicator": board.indicator,
        "Button": board.button,
        "RealTimeClock": board.clock,
        "Watchdog": board.watchdog,
        "ConnectorHardware": connector,
        "Pilot": connector.pilot,
        "PilotSwitch": connector.pilot_switch,
        "Contactor": connector.contactor,
        "Lock": connector.lock,
        "Proximity": connector.proximity,
        "Rcd": connector.rcd,
        "Temperature": connector.temperature,
        "Meter": connector.meter,
    }
    assert {kind: part_problems(kind, part) for kind, part in parts.items()} == {kind: [] for kind in parts}
    assert set(KINDS) - set(parts) == {"PhaseSwitch", "TagReader", "Link", "Buzzer"}
    assert board.link is rig.link and board.tag_reader is None and connector.phase_switch is None


def test_the_grid_meter_is_on_the_bus_of_the_first_connectors(rig):
    grid = rig.board.grid_meter
    assert part_problems("Meter", grid) == []
    assert (grid._bus, grid._station, grid._table) == (rig.connector.meter._bus, 2, table_of("sdm630"))
    assert grid._bus.users == 2 and grid._bus.line == (9600, None, 1)


def test_nothing_moves_at_the_start(rig):
    for pin in (COIL, ALIVE, LOCK, UNLOCK, TEST, 4):
        assert set(rig.chip.pins[pin].writes) == {0}, pin
    assert rig.chip.pins[27].pwm.duty_u16() == 65535  # +12 V
    assert set(rig.chip.pins) <= {number for number, _, _ in board_data.pins(BOARD)}
    # UART2 would begin where the lamp is.
    assert rig.chip.pins[LAMP].function is None and rig.chip.pins[25].function == "UART2 tx"


def test_the_contactor_needs_to_be_told_again_and_again(rig):
    contactor = rig.connector.contactor
    assert contactor.has_feedback is True and contactor.closed() is False
    levels = []
    for _ in range(6):
        contactor.drive(True)
        levels.append(rig.chip.output(ALIVE))
    # What a monostable or a charge pump lives of: an edge at every pass.
    assert levels == [1, 0, 1, 0, 1, 0] and rig.chip.output(COIL) == 1
    rig.chip.external[FEEDBACK] = 1
    assert contactor.closed() is True
    contactor.drive(False)
    assert rig.chip.output(COIL) == 0 and rig.chip.output(ALIVE) == 0
    assert contactor.closed() is True  # welded


def test_a_stuck_interpreter_leaves_no_edges_on_the_alive_pin(rig):
    rig.board.every_ms(20, lambda: rig.connector.contactor.drive(True))
    rig.chip.advance(1000000)
    edges = len(rig.chip.pins[ALIVE].writes)
    assert 45 <= edges <= 55 and rig.chip.output(COIL) == 1
    rig.chip.stall(1200000)
    assert rig.chip.output(COIL) == 0 and rig.chip.pins[ALIVE].writes[edges:] == [0]


def test_what_has_let_go_stays_open_until_it_is_told_so(rig):
    contactor = rig.connector.contactor
    contactor.drive(True)
    rig.chip.advance(90000)
    contactor.drive(True)
    assert rig.chip.output(COIL) == 1  # just in time
    rig.chip.advance(92000)
    for _ in range(20):
        contactor.drive(True)
        assert rig.chip.output(COIL) == 0 and rig.chip.output(ALIVE) == 0
        rig.chip.advance(20000)
    contactor.drive(False)
    contactor.drive(True)
    assert rig.chip.output(COIL) == 1


def test_in_doubt_the_guard_looks_once_more(rig):
    """Before the contactor has parted, and with it the leak."""
    calls = []

    def tick():
        calls.append(rig.chip.now_us)
        return len(calls) % 2 == 1  # in doubt each first time

    rig.board.every_ms(20, tick)
    rig.chip.advance(100000)
    assert len(calls) == 10 and all(calls[index + 1] - calls[index] < 10000 for index in range(0, 10, 2))


def test_the_second_look_takes_nothing_of_the_next_ones_time(rig):
    """Two bursts take longer than half a period: the next one comes all the same."""
    calls = []

    def tick():
        calls.append(rig.chip.now_us)
        rig.chip.now_us += 7000
        return len(calls) % 2 == 1

    rig.board.every_ms(20, tick)
    rig.chip.advance(200000)
    assert len(calls) >= 18, calls


def test_after_a_stall_the_guard_runs_once(rig):
    calls = []
    assert rig.board.every_ms(20, lambda: calls.append(rig.chip.now_us)) is True
    rig.chip.advance(100000)
    assert len(calls) == 5
    rig.chip.stall(1200000)
    assert len(calls) == 6  # of 60 callbacks eight were kept, one of them is enough
    rig.chip.advance(100000)
    assert len(calls) in (10, 11)


def test_a_callback_that_still_waits_closes_nothing_at_the_repl(rig):
    """Ctrl-C behind a stall: the guard still has it closed, nobody has told it."""
    rig.board.every_ms(20, lambda: rig.connector.contactor.drive(True))
    rig.chip.advance(100000)
    assert rig.chip.output(COIL) == 1
    rig.chip.stall(60000, then=rig.board.rest)
    assert rig.chip.output(COIL) == 0 and rig.chip.output(ALIVE) == 0


def test_the_watchdog_begins_with_the_timer(rig):
    rig.chip.advance(20000000)
    rig.board.watchdog.feed()  # not yet
    rig.board.every_ms(20, rig.board.watchdog.feed)
    rig.chip.advance(20000000)
    with pytest.raises(WatchdogBite):
        rig.chip.stall(8100000)


def test_a_guard_that_raises_still_ends_the_locks_pulse(rig):
    def guard():
        raise RuntimeError

    rig.board.every_ms(20, guard)
    rig.connector.lock.drive(True)
    on_ms = 0
    for _ in range(60):
        with pytest.raises(RuntimeError):
            rig.chip.advance(20000)
        on_ms += 20 * rig.chip.output(LOCK)
    assert 580 <= on_ms <= 640 and rig.chip.output(LOCK) == 0


def test_the_timer_ends_the_current_of_the_monitors_test(rig):
    rig.board.every_ms(20, lambda: None)
    rig.connector.rcd.test(True)
    rig.chip.advance(1000000)
    assert rig.chip.output(TEST) == 1
    rig.chip.advance(200000)
    assert rig.chip.output(TEST) == 0
    rig.connector.rcd.test(True)
    rig.board.rest()
    assert rig.chip.output(TEST) == 0


def test_lock(rig):
    rig.board.every_ms(20, lambda: None)
    assert rig.connector.lock.locked() is False
    rig.connector.lock.drive(True)
    rig.chip.advance(100000)
    assert rig.chip.output(LOCK) == 1 and rig.chip.output(UNLOCK) == 0
    rig.chip.advance(700000)
    assert rig.chip.output(LOCK) == 0
    rig.chip.external[BOLT] = 0
    assert rig.connector.lock.locked() is True


def test_proximity(rig):
    assert rig.connector.proximity.resistance_ohm() is None
    for ohm in (20, 100, 220, 680, 1500, 2700):
        # The converter reads 0 below 100 mV: less than 32 ohm, which is a short either way.
        rig.chip.analog[PROXIMITY_ADC] = lambda us, ohm=ohm: 3300 * ohm / (ohm + 1000)
        found = rig.connector.proximity.resistance_ohm()
        assert found == 0 if ohm < 32 else abs(found - ohm) <= 1 + ohm // 100, (ohm, found)


def test_one_jump_of_the_converter_is_not_a_plug(rig):
    levels = [3300, 3300, 330, 3300, 3300]
    rig.chip.analog[PROXIMITY_ADC] = lambda us: levels.pop()
    assert rig.connector.proximity.resistance_ohm() is None


def test_a_converter_that_fails_stops_nothing(rig):
    """MicroPython tells of it from 1.29 on; nobody in the main loop would catch it."""

    def fails(us):
        raise OSError(263)

    def once(us):
        return levels.pop()(us)

    for adc, part, healthy, broken in (
        (PROXIMITY_ADC, rig.connector.proximity.resistance_ohm, None, 0),
        (NTC_ADC, rig.connector.temperature.celsius_d, rig.connector.temperature.celsius_d(), None),
    ):
        good = rig.chip.analog[adc]
        levels = [good, good, fails, good, fails]
        rig.chip.analog[adc] = once
        assert part() == healthy
        rig.chip.analog[adc] = fails
        assert part() == broken
        rig.chip.analog[adc] = good
        assert part() == healthy


def test_temperature(rig):
    assert abs(rig.connector.temperature.celsius_d() - 250) <= 2
    for mv, low, high in ((281, 880, 920), (2640, -60, -20)):
        rig.chip.analog[NTC_ADC] = lambda us, mv=mv: mv
        assert low <= rig.connector.temperature.celsius_d() <= high
    for broken_mv in (3300, 3050, 50, 0):  # wire open, converter at its end; shorted
        rig.chip.analog[NTC_ADC] = lambda us, mv=broken_mv: mv
        assert rig.connector.temperature.celsius_d() is None


def test_rcd_and_what_stops_the_station(rig):
    board, rcd = rig.board, rig.connector.rcd
    assert rcd.tripped() is False and board.stopped() is False and board.fault_signals() == ()
    rcd.test(True)
    assert rig.chip.output(TEST) == 1
    del rig.chip.external[TRIP]  # the wire is broken: the pull-up trips
    assert rcd.tripped() is True
    del rig.chip.external[STOP]
    assert board.stopped() is True and board.fault_signals() == ()  # a spike, so far
    rig.chip.advance(20000)
    assert board.fault_signals() == ("EmergencyStop",)
    assert board.fault_signals() is board.fault_signals()


def test_button_lamp_and_pilot_switch(rig):
    rig.chip.external[BUTTON] = 0
    assert rig.board.button.pressed() is True
    rig.board.every_ms(20, lambda: None)
    rig.board.indicator.show(1, "available")
    rig.chip.advance(100000)
    assert rig.chip.output(LAMP) == 1
    rig.connector.pilot_switch.disconnect(True)
    assert rig.chip.output(4) == 1


def test_power_fails_only_where_there_is_an_input(monkeypatch, rig):
    assert rig.board.power_fails is None
    warned = Rig(monkeypatch, {**BOARD, "power_fail": {"pin": 5, "active": 0, "pull": "up"}})
    assert warned.board.power_fails() is False
    warned.chip.external[5] = 0
    assert warned.board.power_fails() is True


@pytest.mark.parametrize(
    ("cause", "word"), [(1, "PowerUp"), (2, "Reset"), (3, "Watchdog"), (4, "Reset"), (5, "Reset")]
)
def test_why_it_started(monkeypatch, cause, word):
    rig = Rig(monkeypatch, cause=cause)
    assert rig.board.cause() == word
    with pytest.raises(Reset):
        rig.board.reset()


def test_a_stock_image_says_so(rig):
    assert "stock image" in rig.board.storage.trouble()


# --- calibration ---


def calibrated(rig, monkeypatch, state="A"):
    rig.line.state = state

    async def sleep_ms(ms):
        rig.chip.advance(ms * 1000)

    monkeypatch.setattr(asyncio, "sleep_ms", sleep_ms, raising=False)
    with rig.chip.installed():
        module = rig.chip.load("hal.esp32.calibration")
        return module, asyncio.run(module.measure(rig.connector.pilot, 21960, 2690))


def test_a_unit_calibrates_itself(rig, monkeypatch):
    rig.line.offset_mv += 40
    rig.line.scale *= 1.02
    module, (plus, minus) = calibrated(rig, monkeypatch)
    assert rig.chip.pins[27].pwm.duty_u16() == 65535  # steady +12 V again
    assert (plus, minus) == (22550, 2890)
    kept = module.load(21960, 2690)
    assert abs(kept.pilot_mv(plus)) == 12000 and kept.pilot_mv(minus) == -12000


@pytest.mark.parametrize("state", "BCDE")
def test_no_calibration_with_a_car(rig, monkeypatch, state):
    with pytest.raises(Exception, match="tenths of a millivolt"):
        calibrated(rig, monkeypatch, state)
    assert rig.chip.nvs.get("pilotlight", {}) == {} and rig.chip.pins[27].pwm.duty_u16() == 65535


def test_a_calibration_that_cannot_be_true_is_not_used(rig):
    rig.chip.nvs["pilotlight"] = {"cp_plus": 21960, "cp_minus": 9000}
    with rig.chip.installed():
        assert rig.chip.load("hal.esp32.calibration").load(21960, 2690).pilot_mv(2690) == -12000
    rig.chip.nvs["pilotlight"] = {"cp_plus": 21960}
    with rig.chip.installed():
        assert rig.chip.load("hal.esp32.calibration").load(21960, 2690).pilot_mv(2690) == -12000
