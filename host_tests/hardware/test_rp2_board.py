# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.rp2 on the data of boards/pico_lte, on a strict fake of its chip. What DMA, PIO and the compiled code
do is the emulator's to show; here it is what the chip is told, and in which order."""

import builtins

import pytest

from boards.pico_lte.board import BOARD
from hal import board_data, board_keys
from hal.meter.registers import table_of
from hal.parts import wired
from host_tests.fakes.chip import Chip
from host_tests.fakes.clocks import Overclocked, Reset, WatchdogBite
from host_tests.fakes.contract import KINDS, part_problems
from toolchain import board_check

COIL, FEEDBACK, LOCK, UNLOCK, BOLT, TRIP, TEST, STOP, LAMP = 10, 11, 12, 13, 14, 15, 21, 22, 25
WATCHDOG, POWER_ON = 3, 1
ASKED_FOR = 0x4005800C
INSTRUCTION = 0x502000D8  # SM0_INSTR of PIO0
# What the coil's state machine is told (RP2040 datasheet 3.4, encoding of instructions).
SET_X, SET_LOW, JMP_CLOSE, JMP_DEAD = 0xE020 | 25, 0xE000, 2, 1


class Rig:
    def __init__(self, monkeypatch, data=BOARD, cause=POWER_ON, asked=False):
        self.chip = chip = Chip("rp2", cause)
        chip.external.update({FEEDBACK: 0, BOLT: 0, TRIP: 0, STOP: 0})
        if asked:
            chip.registers.values[ASKED_FOR] = 0x1CEB00DA
        monkeypatch.setattr(builtins, "ptr32", chip.registers.pointer, raising=False)
        monkeypatch.setattr(builtins, "ptr16", chip.registers.pointer, raising=False)
        with chip.installed():
            self.starting = chip.load("hal.rp2.starting")
            self.board = chip.load("hal.rp2.board").Board(data)
        self.connector = self.board.connectors[0]

    def told(self):
        """What the coil's state machine was told since the last call."""
        writes = self.chip.registers.writes
        found = [word for address, word in writes if address == INSTRUCTION]
        writes.clear()
        return found

    def pulse(self):
        """The channel that paces the guard."""
        return self.chip.dma[4]


@pytest.fixture
def rig(monkeypatch):
    return Rig(monkeypatch)


def test_every_part_is_as_the_contract_says(rig):
    board, connector = rig.board, rig.connector
    parts = {
        "Board": board,
        "Storage": board.storage,
        "Indicator": board.indicator,
        "RealTimeClock": board.clock,
        "Watchdog": board.watchdog,
        "TagReader": board.tag_reader,
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
    assert set(KINDS) - set(parts) == {"PhaseSwitch", "Link", "Button", "Buzzer"}


def test_the_grid_meter_is_on_the_bus_of_the_first_connectors(rig, monkeypatch):
    grid = rig.board.grid_meter
    assert part_problems("Meter", grid) == []
    assert (grid._bus, grid._station, grid._table) == (rig.connector.meter._bus, 2, table_of("sdm630"))
    assert grid._bus.users == 2 and grid._bus.line == (9600, None, 1)
    bare = {key: BOARD[key] for key in BOARD if key != "grid_meter"}
    assert Rig(monkeypatch, bare).board.grid_meter is None


def test_every_meter_on_modbus_and_one_that_is_to_be_found(monkeypatch):
    first = BOARD["connectors"][0]
    for kind in board_keys.MODBUS_METERS:
        board = {**BOARD, "connectors": ({**first, "meter": {"kind": kind, "address": 7}},)}
        board["modbus"] = {**BOARD["modbus"], "baud": 19200, "parity": "even", "stop": 1}
        meter = Rig(monkeypatch, board).connector.meter
        assert part_problems("Meter", meter) == []
        assert (meter._station, meter._table, meter._bus.line) == (7, table_of(kind), (19200, 0, 1))
    board = {**BOARD, "connectors": ({**first, "meter": {"kind": "auto", "phases": 1, "address": 7}},)}
    meter = Rig(monkeypatch, board).connector.meter
    assert part_problems("Meter", meter) == []
    assert meter.found is None and meter._bus.users == 2


def test_nothing_moves_at_the_start(rig):
    for pin in (LOCK, UNLOCK, TEST, 9):
        assert set(rig.chip.pins[pin].writes) == {0}, pin
    assert SET_X not in rig.told()
    assert rig.board.watchdog.feed() is None and rig.chip.watchdog_us is None  # not before the guard runs


def test_the_coil_is_told_again_at_every_pass(rig):
    contactor = rig.connector.contactor
    rig.told()
    contactor.drive(True)
    contactor.drive(True)
    assert rig.told() == [SET_X, JMP_CLOSE, SET_X]
    contactor.drive(False)
    contactor.drive(False)
    # Off is said each time, too: whatever the machine does, its pin is low.
    assert rig.told() == [SET_LOW, JMP_DEAD, SET_LOW]
    # Told on again it begins anew. What has let go in between stays low until then: SET_X alone starts
    # nothing.
    contactor.drive(True)
    assert rig.told() == [SET_X, JMP_CLOSE]


def test_a_broken_wire_of_the_mirror_contact_is_a_contactor_that_does_not_open(rig):
    contactor = rig.connector.contactor
    assert contactor.has_feedback is True and contactor.closed() is False
    rig.chip.external[FEEDBACK] = 1
    assert contactor.closed() is True
    del rig.chip.external[FEEDBACK]
    assert contactor.closed() is True


def test_the_interrupt_paces_itself(rig):
    doubts = [False, True, False]
    calls = []

    def fn():
        calls.append(1)
        return doubts.pop(0)

    assert rig.board.every_ms(9, fn) is True
    pulse = rig.pulse()
    assert pulse._busy and pulse._count == 9 and pulse._fields["treq_sel"] == 24 + 4  # wraps of the pilot
    found = []
    for _ in range(3):
        pulse._finish()
        found.append((pulse._busy, pulse._count))
    assert found == [(True, 9), (True, 1), (True, 9)] and len(calls) == 3


def test_a_guard_that_raises_is_not_called_again_and_lets_the_coil_go(rig):
    def fn():
        raise RuntimeError

    rig.board.every_ms(9, fn)
    with pytest.raises(RuntimeError):
        rig.pulse()._finish()
    assert not rig.pulse()._busy


def test_the_interrupt_ends_the_current_of_the_monitors_test(rig, monkeypatch):
    now = 0
    monkeypatch.setattr(wired, "ticks_ms", lambda: now)
    rig.board.every_ms(9, lambda: False)
    rig.connector.rcd.test(True)
    ended = []
    for now in range(0, 2000, 9):
        rig.pulse()._finish()
        if not rig.chip.output(TEST):
            ended.append(now)
    assert 1000 <= ended[0] <= 1100 and len(ended) == (2000 - ended[0] + 8) // 9
    rig.connector.rcd.test(True)
    rig.board.rest()
    assert rig.chip.output(TEST) == 0


def test_the_watchdog_takes_over_from_the_one_of_the_start(rig):
    rig.starting.begin()
    rig.chip.advance(50000000)  # the start may last
    rig.board.every_ms(9, lambda: None)
    rig.chip.advance(4900000)
    rig.board.watchdog.feed()
    rig.chip.advance(4900000)
    with pytest.raises(WatchdogBite):
        rig.chip.advance(200000)


def test_rest_stops_everything_also_when_it_is_interrupted(rig):
    rig.board.every_ms(9, lambda: rig.connector.contactor.drive(True))
    rig.pulse()._finish()
    rig.connector.lock.drive(True)
    rig.connector.lock.tick()
    assert rig.chip.output(LOCK) == 1
    rig.told()

    class Lock:
        def __init__(self, lock):
            self._lock = lock

        def rest(self):
            rig.connector.lock = self._lock
            raise KeyboardInterrupt

    rig.connector.lock = Lock(rig.connector.lock)
    with pytest.raises(KeyboardInterrupt):
        rig.board.rest()
    rig.board.rest()
    assert rig.told()[-1:] == [SET_LOW] and rig.chip.output(LOCK) == 0
    # No interrupt and no sampling: neither may write into memory that is somebody else's by then.
    assert not any(channel._busy for channel in rig.chip.dma.values()) and not rig.chip.claimed
    assert rig.pulse()._handler is None and rig.chip.watchdog_us is None
    rig.chip.advance(60000000)
    assert rig.connector.pilot.read() == (0, 0)  # can still be asked


def test_channels_that_a_soft_reset_left_running_begin_anew(monkeypatch):
    first = Rig(monkeypatch)
    left = first.chip
    results = left.dma[0]
    results._left -= 16 * 20  # 20 cycles ago
    left.claimed.clear()  # their finalisers ran; nobody has stopped them
    assert results._busy
    with left.installed():
        board = left.load("hal.rp2.board").Board(BOARD)
    # The count begins at the whole stint: what `advance` takes for the newest sample is the newest.
    sampler = board.connectors[0].sampler
    assert left.dma[0] is not results and left.dma[0]._left == 1 << 30
    assert sampler.sample() == 0


def test_a_failed_board_does_not_leave_the_ring_to_the_collector(monkeypatch):
    rig = Rig(monkeypatch)
    wrong = {**BOARD, "reader": {**BOARD["reader"], "cs": 77}}
    with rig.chip.installed():
        module = rig.chip.load("hal.rp2.board")
        samplers = rig.chip.load("hal.rp2.sampler")
        rig.chip.claimed.clear()
        with pytest.raises(ValueError):
            module.Board(wrong)
        assert len(samplers._running) == 1


@pytest.mark.parametrize(
    ("cause", "asked", "word"),
    [(POWER_ON, False, "PowerUp"), (WATCHDOG, False, "Watchdog"), (WATCHDOG, True, "Reset")],
)
def test_why_it_started(monkeypatch, cause, asked, word):
    rig = Rig(monkeypatch, cause=cause, asked=asked)
    assert rig.board.cause() == word
    assert rig.chip.registers[ASKED_FOR] == 0  # the next reset by the watchdog is one
    with pytest.raises(Reset):
        rig.board.reset()
    assert rig.chip.registers[ASKED_FOR] == 0x1CEB00DA


def test_what_stops_the_station(rig, monkeypatch):
    now = 0
    monkeypatch.setattr(wired, "ticks_ms", lambda: now)
    board = rig.board
    assert board.stopped() is False and board.fault_signals() == ()
    del rig.chip.external[STOP]  # pressed, or its wire is broken
    assert board.stopped() is True and board.fault_signals() == ()  # a spike, so far
    assert board.fault_signals() == ()
    rig.chip.external[STOP] = 0
    now = 20
    assert board.fault_signals() == ()
    del rig.chip.external[STOP]
    assert board.fault_signals() == ()
    now = 40
    assert board.fault_signals() == ("EmergencyStop",)
    now -= 1 << 29  # a week later
    assert board.fault_signals() == ("EmergencyStop",)
    assert board.fault_signals() is board.fault_signals()
    del rig.chip.external[TRIP]
    assert rig.connector.rcd.tripped() is True


def test_the_modem_has_its_buffers_and_flow_control(monkeypatch):
    rig = Rig(monkeypatch)
    rig.board.modem.supply(True)
    rig.board.modem.key(True)
    assert rig.chip.output(20) == 1 and rig.chip.output(3) == 1
    modem = rig.board.modem
    # RTS | CTS; the buffers last for a TLS handshake, and no read waits (PPP would, once a frame).
    wanted = {"flow": 3, "rxbuf": 4096, "txbuf": 4096, "timeout": 0, "timeout_char": 0}
    assert modem.uart._settings == wanted and modem.uart._baudrate == 115200
    assert (modem.baud, modem.flow, modem.key_ms) == (115200, True, None)


def test_the_link_is_told_what_its_modem_is(monkeypatch):
    link = {name: value for name, value in BOARD["links"][0].items() if name not in ("rts", "cts")}
    data = {**BOARD, "links": ({**link, "baud": 9600, "key_ms": 1000},)}
    assert board_data.problems(data) == []
    rig = Rig(monkeypatch, data)
    modem = rig.board.modem
    assert (modem.baud, modem.flow, modem.key_ms) == (9600, False, 1000)
    assert modem.uart._baudrate == 9600 and modem.uart._settings["flow"] == 0
    assert not {6, 7} & set(rig.chip.pins)


# A board whose coil is where UART1 begins: everything that has these pins on the Pico is elsewhere.
MOVED = {
    **BOARD,
    "connectors": (
        {
            **BOARD["connectors"][0],
            "contactor": {"coil": {"pin": 4, "active": 1}},
            "lock": {
                **BOARD["connectors"][0]["lock"],
                "lock": {"pin": 0, "active": 1},
                "unlock": {"pin": 1, "active": 1},
            },
        },
    ),
    "modbus": {**BOARD["modbus"], "tx": 12, "rx": 29},
    "indicator": {"kind": "lamp", "pin": 5, "active": 1},
    "reader": {**BOARD["reader"], "reset": {"pin": 6, "active": 0}},
    "links": ({**BOARD["links"][0], "tx": 24, "rx": 25, "cts": 10, "rts": 23},),
}  # fmt: skip


def test_a_bus_takes_no_pin_that_is_not_its_own(monkeypatch):
    assert board_check.problems(MOVED) == []
    for data in (BOARD, MOVED):
        rig = Rig(monkeypatch, data)
        assert set(rig.chip.pins) == {number for number, _, _ in board_data.pins(data)}
    functions = {number: state.function for number, state in rig.chip.pins.items() if state.function}
    assert functions == {
        4: "StateMachine(0)", 12: "UART0 tx", 29: "UART0 rx",
        24: "UART1 tx", 25: "UART1 rx", 10: "UART1 cts", 23: "UART1 rts",
        16: "SPI0 miso", 18: "SPI0 sck", 19: "SPI0 mosi",
    }  # fmt: skip
    # Closed from reset on, it would be: a UART's line is high while nothing is said.
    assert rig.chip.output(4) == 0 and rig.chip.output(0) == 0


def test_button_and_power_fail_where_a_board_has_them(monkeypatch, rig):
    assert rig.board.button is None and rig.board.power_fails is None
    data = {
        **BOARD,
        "button": {"pin": 23, "active": 0, "pull": "up"},
        "power_fail": {"pin": 24, "active": 0, "pull": "up"},
    }
    rig = Rig(monkeypatch, data)
    assert rig.board.button.pressed() is False and rig.board.power_fails() is False
    rig.chip.external.update({23: 0, 24: 0})
    assert rig.board.button.pressed() is True and rig.board.power_fails() is True


# --- from reset to the guard ---


def starting_on(monkeypatch, chip):
    monkeypatch.setattr(builtins, "ptr32", chip.registers.pointer, raising=False)
    with chip.installed():
        return chip.load("hal.rp2.starting")


def test_what_a_soft_reset_left_driven_falls(monkeypatch):
    chip = Chip("rp2")
    starting = starting_on(monkeypatch, chip)
    rp2 = chip.modules()["rp2"]
    channel = rp2.DMA()
    channel.config(read=0, write=0, count=5, ctrl=channel.pack_ctrl(), trigger=True)
    chip.pins.clear()
    starting.let_go(BOARD)
    for pin in (COIL, LOCK, UNLOCK, TEST):
        assert chip.output(pin) == 0, pin
    assert not channel._busy
    # An active-low coil is off when its pin is high; a board without lock and RCD has less to let go.
    chip.pins.clear()
    low = {"contactor": {"coil": {"pin": 5, "active": 0}}}
    starting.let_go({"connectors": (low,)})
    assert chip.output(5) == 1 and list(chip.pins) == [5]


def test_a_hang_at_the_start_ends_in_a_reset(monkeypatch):
    chip = Chip("rp2")
    starting = starting_on(monkeypatch, chip)
    starting.begin()
    with pytest.raises(WatchdogBite):
        chip.stall(9000000)  # one call of C: no callback comes


def test_a_slow_start_is_not_cut_off_an_endless_one_is(monkeypatch):
    chip = Chip("rp2")
    starting = starting_on(monkeypatch, chip)
    starting.begin()
    chip.advance(60000000)
    with pytest.raises(WatchdogBite):
        chip.advance(9000000)


def test_nobody_bites_at_the_repl(monkeypatch):
    chip = Chip("rp2")
    starting = starting_on(monkeypatch, chip)
    starting.begin()
    chip.advance(3000000)
    starting.end()
    chip.advance(600000000)
    assert chip.watchdog_us is None and not [one for one in chip.timers.values() if one.due is not None]


def test_a_file_system_that_hung_the_controller_is_not_mounted_again(monkeypatch):
    chip = Chip("rp2")
    starting = starting_on(monkeypatch, chip)

    def hangs():
        chip.stall(9000000)

    with pytest.raises(WatchdogBite):
        starting.mount(hangs)
    after = Chip("rp2", WATCHDOG)
    after.registers.values.update(chip.registers.values)  # the scratch registers outlive the watchdog
    starting = starting_on(monkeypatch, after)
    mounted = []
    assert "hung" in starting.mount(lambda: mounted.append(1)) and not mounted
    # Only once: whoever presses the button, or switches off and on, tries again.
    assert starting.mount(lambda: mounted.append(1)) is None and mounted
    assert after.watchdog_us is None


def test_a_reset_elsewhere_does_not_keep_the_file_system_away(monkeypatch):
    chip = Chip("rp2", WATCHDOG)
    starting = starting_on(monkeypatch, chip)
    assert starting.mount(lambda: "damaged") == "damaged"
    assert starting.mount(lambda: None) is None


def test_the_core_has_its_voltage_before_it_is_faster(rig, monkeypatch):
    assert rig.chip.hz == 200000000 and rig.chip.core_mv() == 1150
    chip = Chip("rp2")
    with chip.installed(), pytest.raises(Overclocked):
        chip.load("machine").freq(200000000)
    # Never lower than it was, on the way.
    vreg = [word >> 4 & 15 for address, word in rig.chip.registers.writes if address == 0x40064000]
    assert vreg and min(vreg) >= 0b1100
    before = len(rig.chip.registers.writes)
    with rig.chip.installed():
        rig.chip.load("hal.rp2.speed").speed_up()
    assert len(rig.chip.registers.writes) == before
