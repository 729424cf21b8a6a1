# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Meters and thermometers of a board's data, on strict fakes of both chips; and the program that counts
pulses on an RP2040, instruction by instruction."""

import builtins
import random
import sys

import pytest

from boards.esp32_devkit.board import BOARD as ESP32
from boards.pico_lte.board import BOARD as PICO
from hal import board_data
from hal.meter import pulse_counters
from hal.ticks import ticks_add, ticks_ms
from host_tests.fakes import stubs
from host_tests.fakes.chip import Chip
from host_tests.fakes.contract import part_problems
from host_tests.fakes.pilot_line import PilotLine
from host_tests.unit.board_variants import ADE, ATM
from host_tests.unit.event_loop import run
from host_tests.unit.metering_chips import Ade, Atm
from host_tests.unit.thermometer_chips import I2cChip, OneWire
from toolchain import board_check

I2C = {"rp2": {"i2c": 1, "sda": 2, "scl": 3}, "esp32": {"i2c": 0, "sda": 16, "scl": 4}}
SPI = {
    "rp2": {"spi": 0, "sck": 18, "mosi": 19, "miso": 16, "cs": 17},
    "esp32": {"spi": 2, "sck": 18, "mosi": 23, "miso": 19, "cs": 5 + 8},
}
PULSE = {"rp2": 16, "esp32": 35}


def board_of(name, i2c=None, **parts):
    """A board with a fixed cable, no reader, and these parts at its connector."""
    board: dict = dict(PICO if name == "rp2" else ESP32)
    connector: dict = dict(board["connectors"][0])
    station: dict = dict(board["station"], reader="none")
    station["connectors"] = [dict(station["connectors"][0], cable="fixed", lock=False, wake_up="F")]
    for key in ("lock", "proximity", "rcd", "temperature", "pilot_switch"):
        connector.pop(key, None)
    if name == "esp32":
        connector["contactor"] = dict(connector["contactor"], alive={"pin": 32, "active": 1})
    connector.update(parts)
    board.update({"connectors": (connector,), "station": station, "links": ({"kind": "wifi"},)})
    for key in ("reader", "grid_meter", "modbus", "button", "indicator"):
        board.pop(key, None)
    if i2c is not None:
        board["i2c"] = i2c
    return board


class Rig:
    def __init__(self, name, monkeypatch, data, peers=(), pcnt=True, onewire=None):
        assert board_data.problems(data) == []
        assert board_check.problems(data) == []
        self.chip = chip = Chip(name)
        chip.peers.update(peers)
        monkeypatch.setattr(builtins, "ptr32", chip.registers.pointer, raising=False)
        monkeypatch.setattr(builtins, "ptr16", chip.registers.pointer, raising=False)
        if name == "esp32":
            chip.analog.update({36: PilotLine(chip, 27).mv})
            chip.external.update({34: 1, 22: 0, 35: 1})
        else:
            chip.external.update({11: 1, 22: 0, 16: 1})
        if onewire is not None:
            monkeypatch.setitem(sys.modules, "_onewire", onewire)
        with chip.installed():
            if not pcnt:
                monkeypatch.delitem(stubs.read(name, "esp32").classes, "PCNT")
                del sys.modules["esp32"].PCNT
            self.board = chip.load("hal.%s.board" % name).Board(data)
        self.connector = self.board.connectors[0]
        self.meter = self.connector.meter


NAMES = ("rp2", "esp32")


# --- meters ---


def pulse_meter(name, active=0):
    return {"kind": "s0", "pulse": {"pin": PULSE[name], "active": active}, "imp_per_kwh": 1000}


def test_pulses_on_an_rp2040(monkeypatch):
    rig = Rig("rp2", monkeypatch, board_of("rp2", meter=pulse_meter("rp2")))
    assert part_problems("Meter", rig.meter) == []
    machine = rig.meter._counter._machine
    assert machine._active and machine._pins["jmp_pin"]._state.number == PULSE["rp2"]
    assert run(rig.meter.read()).energy_wh == 0
    machine._x = -7 & 0xFFFFFFFF
    machine._handler(machine)
    assert rig.meter._counter.at is not None
    assert run(rig.meter.read()).energy_wh == 7
    machine._x = -70000 & 0xFFFFFFFF  # over its 16 bits: nobody has read for an hour
    later = ticks_add(ticks_ms(), 3600000)
    monkeypatch.setattr(sys.modules[type(rig.meter).__module__], "ticks_ms", lambda: later)
    assert run(rig.meter.read()).energy_wh == 70000 - 65536
    assert machine.rx_fifo() == 0


def test_pulses_on_an_esp32(monkeypatch):
    for active, edge in ((0, "falling"), (1, "rising")):
        rig = Rig("esp32", monkeypatch, board_of("esp32", meter=pulse_meter("esp32", active)))
        assert part_problems("Meter", rig.meter) == []
        pcnt = rig.meter._counter._value.__self__
        assert pcnt._settings[edge] == pcnt.INCREMENT and pcnt._runs
        pcnt._pulses += 1
        assert run(rig.meter.read()).energy_wh == 1


def test_pulses_on_an_esp32_whose_micropython_has_no_counter(monkeypatch):
    rig = Rig("esp32", monkeypatch, board_of("esp32", meter=pulse_meter("esp32")), pcnt=False)
    chip, counter = rig.chip, rig.meter._counter
    handler = chip.pins[PULSE["esp32"]].handler
    clock = [1000]
    monkeypatch.setattr(pulse_counters, "ticks_ms", lambda: clock[0])
    counter._since = 0
    for _ in range(5):
        for level in (0, 1):
            chip.external[PULSE["esp32"]] = level
            handler(None)
            clock[0] += 30
    assert run(rig.meter.read()).energy_wh == 5


def assembled(function):
    """The instructions of an `asm_pio` function: (name, arguments), and where its labels lie."""
    program, labels = [], {}

    def emit(name):
        return lambda *arguments: program.append((name, arguments))

    names = {name: emit(name) for name in ("jmp", "set", "irq")}
    names.update(
        label=lambda name: labels.__setitem__(name, len(program)),
        rel=lambda number: "rel%d" % number,
        wrap_target=lambda: labels.__setitem__("<wrap>", len(program)),
        wrap=lambda: None,
        pin="pin",
        x_dec="x_dec",
        y_dec="y_dec",
        x="x",
        y="y",
    )
    function.__globals__.update(names)
    function()
    return program, labels


class Machine:
    """One state machine, at 4 kHz."""

    def __init__(self, program, labels):
        self.program, self.labels = program, labels
        self.at = labels["<wrap>"]
        self.registers = {"x": 0, "y": 0}
        self.interrupts = 0

    def run(self, level, ms):
        for _ in range(int(ms * 4)):
            name, arguments = self.program[self.at]
            self.at += 1
            if name == "set":
                self.registers[arguments[0]] = arguments[1]
            elif name == "irq":
                assert arguments == ("rel0",)
                self.interrupts += 1
            else:
                self._jump(level, *arguments)
            if self.at == len(self.program):
                self.at = self.labels["<wrap>"]

    def _jump(self, level, first, target=None):
        taken = True
        if first == "pin":
            taken = level == 1
        elif first in ("x_dec", "y_dec"):
            taken = self.registers[first[0]] != 0
            self.registers[first[0]] = self.registers[first[0]] - 1 & 0xFFFFFFFF
        else:
            target = first
        if taken:
            self.at = self.labels[target]

    @property
    def count(self):
        return -self.registers["x"] & 0xFFFFFFFF


@pytest.fixture
def counting(monkeypatch):
    chip = Chip("rp2")
    with chip.installed():
        function, _ = chip.load("hal.rp2.pulses")._pulses
        program, labels = assembled(function)
    assert len(program) <= 32 - 4  # beside the coil's, should they share a PIO
    return lambda: Machine(program, labels)


@pytest.mark.parametrize("active", [0, 1])
def test_the_program_counts_pulses_and_no_noise(counting, active):
    machine = counting()
    machine.run(1 - active, 1000)
    first = machine.count  # an idle level of 1 is a first half, once
    assert first == 1 - active
    for count in range(1, 200):
        machine.run(active, 30)
        machine.run(1 - active, 30)
        assert machine.count - first == count
    for ms in (0.25, 1, 2, 4, 4.75):
        for _ in range(20):
            machine.run(active, ms)
            machine.run(1 - active, 50)
    assert machine.count - first == 199
    for _ in range(50):
        for ms in (1, 2, 0.5):  # bounces at both ends
            machine.run(active, ms)
            machine.run(1 - active, ms)
        machine.run(active, 30)
        for ms in (0.5, 2, 1):
            machine.run(1 - active, ms)
            machine.run(active, ms)
        machine.run(1 - active, 30)
    assert machine.count - first == 249
    assert machine.interrupts == machine.count


def test_the_program_raises_no_storm(counting):
    machine = counting()
    chance = random.Random(1)
    for _ in range(40000):  # ten seconds of noise
        machine.run(chance.getrandbits(1), 0.25)
    assert machine.interrupts < 40
    for half_ms in (0.25, 0.5, 1, 2, 3, 5, 5.5, 6, 8):  # and of tones, whatever they do to its looks
        machine = counting()
        for _ in range(int(5000 / half_ms)):
            machine.run(1, half_ms)
            machine.run(0, half_ms)
        assert machine.interrupts <= 10 * 91, half_ms


@pytest.mark.parametrize("name", NAMES)
def test_metering_chips_on_their_buses(name, monkeypatch):
    ade = Ade()
    unit = SPI[name]["spi"]

    def peer(model, cs):
        def exchange(written):
            rig = rigs[-1] if rigs else None
            if rig is not None:
                model.selected = rig.chip.output(cs) == 0
            data = bytearray(written)
            model.write_readinto(bytes(written), data)
            return bytes(data)

        return exchange

    for model, meter in ((ade, dict(ADE, **SPI[name])), (Atm(), dict(ATM, **SPI[name]))):
        rigs: list = []
        peers = {("spi", unit): peer(model, SPI[name]["cs"])}
        rigs.append(Rig(name, monkeypatch, board_of(name, meter=meter), peers))
        found = rigs[0].meter
        assert part_problems("Meter", found) == []
        assert run(found.read()) is None
        reading = run(found.read())
        assert reading.voltage_mv[0] == 230000 and reading.current_ma[0] == 16000
        assert rigs[0].chip.output(SPI[name]["cs"]) == 1


# --- thermometers ---


@pytest.mark.parametrize("name", NAMES)
def test_a_thermometer_on_i2c(name, monkeypatch):
    for kind, address in (("mcp9808", 0x19), ("tmp1075", 0x49)):
        model = I2cChip(kind, address)
        data = board_of(name, I2C[name], temperature={"kind": kind, "address": address})
        data["connectors"][0]["meter"] = pulse_meter(name)
        rig = Rig(name, monkeypatch, data)
        assert part_problems("Temperature", rig.connector.temperature) == []
        sensor = rig.connector.temperature._sensor
        # The fake's memories have one byte for an address; the chip's registers have two bytes each.
        assert type(sensor._i2c).__name__ == "I2C"
        sensor._i2c = model
        model.convert()
        assert run(sensor.measure()) == 250


def test_i2c_wires_that_a_reset_has_left_low_are_clocked_free(monkeypatch):
    data = board_of("rp2", I2C["rp2"], meter=pulse_meter("rp2"))
    chip_pins = {}
    rig = Rig("rp2", monkeypatch, data)
    assert rig.chip.pins[3].writes == [1]
    chip = Chip("rp2")
    chip.external[2] = 0  # held
    with chip.installed():
        made = chip.load("hal.parts.buses").i2c(I2C["rp2"])
    assert chip.pins[3].writes == [1] + [0, 1] * 9 and made._id == 1
    assert chip_pins == {}


@pytest.mark.parametrize("name", NAMES)
def test_a_thermometer_on_one_wire(name, monkeypatch):
    wire = OneWire()
    data = board_of(name, temperature={"kind": "ds18b20", "data": 20 if name == "rp2" else 4})
    data["connectors"][0]["meter"] = pulse_meter(name)
    rig = Rig(name, monkeypatch, data, onewire=wire)
    found = rig.connector.temperature
    assert part_problems("Temperature", found) == []
    assert found._sensor._wire is wire


@pytest.mark.parametrize("name", NAMES)
def test_a_thermometer_of_volts(name, monkeypatch):
    adc = 28 if name == "rp2" else 33
    data = board_of(name, temperature={"kind": "mcp9700a", "adc": adc})
    data["connectors"][0]["meter"] = pulse_meter(name)
    chip_analog = {33: lambda us: 750}
    rig = Rig(name, monkeypatch, data)
    rig.chip.analog.update(chip_analog)
    sensor = rig.connector.temperature
    assert part_problems("Temperature", sensor) == []
    if name == "esp32":
        assert abs(sensor.celsius_d() - 250) <= 1
