# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Indicators, buzzers and the start button as a board's data describe them, on strict fakes of both chips;
and what the RP2040's program for WS2812 LEDs puts on its wire, cycle by cycle."""

import types

import pytest

from boards.esp32_devkit.board import BOARD as ESP32
from boards.pico_lte.board import BOARD as PICO
from hal.parts import buzzer, wired
from hal.parts.monitor import Monitor
from host_tests.fakes.contract import part_problems
from host_tests.hardware import test_esp32_board, test_rp2_board
from host_tests.unit.board_variants import changed
from toolchain import board_check

CYCLE_NS = 50


def pulse(rig):
    """The channel that paces the guard."""
    return rig.board._pulse[0]


def program(function):
    """[(name, arguments, delay)] of a PIO program, in order."""
    found = []

    class Delay:
        def __getitem__(self, cycles):
            found[-1][2] = cycles

    def word(name):
        def call(*arguments):
            found.append([name, arguments, 0])
            return Delay()

        return call

    names = {name: word(name) for name in ("pull", "set", "out")}
    names.update(pins="pins", ifempty="ifempty")
    types.FunctionType(function.__code__, names)()
    return [tuple(one) for one in found]


def levels(steps, data, threshold, waits):
    """The level of the pin in each cycle, from idle to idle, as RP2040 datasheet 3.4 has the instructions.
    `waits`: cycles that the FIFO is empty before each byte."""
    wire, level = [], 0
    left = list(zip(waits, data, strict=True))
    shifted, register = 32, 0
    while True:
        for name, arguments, delay in steps:
            if name == "pull":
                assert arguments == ("ifempty",)
                if shifted >= threshold:
                    if not left:
                        return [*wire, level]
                    wait, byte = left.pop(0)
                    wire += [level] * wait
                    # On all four lanes; the register is shifted out from its left end.
                    register, shifted = byte * 0x01010101, 0
            elif name == "set":
                level = arguments[1]
            elif name == "out":
                assert arguments == ("pins", 1)
                level = register >> 31
                register = register << 1 & 0xFFFFFFFF
                shifted += 1
            wire += [level] * (1 + delay)


def decoded(wire):
    """The bits on the wire: AssertionError for times that are not in all of the data sheets of WS2812,
    WS2812B and WS2812B-V5."""
    bits = []
    text = "".join(map(str, wire)).strip("0")
    for part in text.replace("01", "0,1").split(","):
        high_ns = part.count("1") * CYCLE_NS
        low_ns = part.count("0") * CYCLE_NS
        assert part == "1" * part.count("1") + "0" * part.count("0")
        bit = 1 if high_ns > 525 else 0
        assert 650 <= high_ns <= 850 if bit else 250 <= high_ns <= 380, high_ns
        # The low time may be longer, as long as it is no end of the frame.
        assert (580 if bit else 700) <= low_ns < 5000 or part is text or text.endswith(part), low_ns
        bits.append(bit)
    return bits


@pytest.fixture
def pico(monkeypatch):
    data = {**PICO, "indicator": {"kind": "ws2812", "pin": 25, "count": 2, "brightness": 255}}
    assert board_check.problems(data) == []
    return test_rp2_board.Rig(monkeypatch, data)


def test_the_program_speaks_ws2812(pico):
    with pico.chip.installed():
        pixels = pico.chip.load("hal.rp2.pixels")
        function, settings = pixels._bits
    steps = program(function)
    assert pixels._HZ * CYCLE_NS == 10**9 and settings["pull_thresh"] == 8
    data = [0x00, 0xFF, 0xA5, 0x01, 0x80, 0x3C]
    for waits in ([4, 0, 0, 0, 0, 0], [4, 1, 3, 7, 0, 2]):  # the DMA may be late by a few cycles
        bits = decoded(levels(steps, data, settings["pull_thresh"], waits))
        assert bits == [byte >> 7 - bit & 1 for byte in data for bit in range(8)]
    # Idle is low: a wire that waits must not end in a 1.
    assert levels(steps, [0xFF], 8, [0])[-1] == 0


def test_pixels_leave_pio_and_dma_of_the_guard_alone(pico):
    board, chip = pico.board, pico.chip
    assert part_problems("Indicator", board.indicator) == []
    assert chip.pins[25].function == "StateMachine(3)" and chip.pins[10].function == "StateMachine(0)"
    board.every_ms(9, lambda: False)
    board.indicator.show(1, "available")
    for _ in range(20):
        pulse(pico)._finish()
    channel = chip.dma[4]
    assert channel._count == 6 and channel._write_to == 0x50200010 + 4 * 3
    assert channel._fields == {"size": 0, "inc_write": False, "treq_sel": 3}
    assert bytes(channel._read) == bytes([255, 0, 100] * 2)


def test_a_frame_that_is_under_way_is_left_alone(pico):
    with pico.chip.installed():
        pixels = pico.chip.load("hal.rp2.pixels").Pixels(26)
        pixels.send(bytearray(3))
        channel = pixels._dma
        assert channel._busy
        pixels.send(bytearray(6))
        assert channel._count == 3
        channel._finish()
        pixels.send(bytearray(6))
        assert channel._count == 6


def test_the_interrupt_does_not_send(pico, monkeypatch):
    """It asks the interpreter, which may be away."""
    board, chip = pico.board, pico.chip
    board.every_ms(9, lambda: False)
    board.indicator.show(1, "fault")
    sent = []
    monkeypatch.setattr(board.indicator, "_send", lambda pixels: sent.append(bytes(pixels)))
    chip._stuck = True
    for _ in range(200):
        pulse(pico)._finish()
    assert sent == [] and len(chip._queue) == 1
    chip._stuck = False
    for callback, argument in chip._queue:
        callback(argument)
    assert len(sent) == 1


def test_pixels_of_an_esp32(monkeypatch):
    data = {**ESP32, "indicator": {"kind": "ws2812", "pin": 17, "count": 14, "brightness": 255}}
    assert board_check.problems(data) == []
    rig = test_esp32_board.Rig(monkeypatch, data)
    rig.board.every_ms(20, lambda: None)
    rig.board.indicator.show(1, "available")
    rig.chip.advance(1000000)
    number, timing, sent = rig.chip.bitstreams[-1]
    assert (number, sent) == (17, bytes([255, 0, 100] * 14)) and len(rig.chip.bitstreams) <= 2
    high_0, low_0, high_1, low_1 = timing
    assert 200 <= high_0 <= 500 and 550 <= high_1 <= 850 and high_0 + low_0 == high_1 + low_1 == 1250
    # It blocks for less than 5 ms.
    assert len(sent) * 8 * 1250 < 5000000


def test_leds_of_their_own(monkeypatch):
    kind = {"kind": "leds", "red": {"pin": 23, "active": 1}, "green": {"pin": 24, "active": 0}}
    data = {**PICO, "indicator": kind}
    assert board_check.problems(data) == []
    rig = test_rp2_board.Rig(monkeypatch, data)
    assert rig.chip.output(23) == 0 and rig.chip.output(24) == 1  # dark from the first instant on
    rig.board.every_ms(9, lambda: False)
    rig.board.indicator.show(1, "available")
    for _ in range(20):
        pulse(rig)._finish()
    assert rig.chip.output(23) == 0 and rig.chip.output(24) == 0


@pytest.mark.parametrize(
    ("kind", "pin"), [({"kind": "active", "active": 1}, 23), ({"kind": "passive", "hz": 2700}, 23)]
)
def test_the_buzzer_is_ticked_and_silent_at_rest(monkeypatch, kind, pin):
    data = {**PICO, "buzzer": {**kind, "pin": pin}}
    assert board_check.problems(data) == []
    now = 0
    monkeypatch.setattr(buzzer, "ticks_ms", lambda: now)
    rig = test_rp2_board.Rig(monkeypatch, data)
    board = rig.board
    assert part_problems("Buzzer", board.buzzer) == []

    def sounds():
        pwm = rig.chip.pins[pin].pwm
        return rig.chip.output(pin) == 1 if pwm is None else pwm._duty > 0

    assert not sounds()
    board.every_ms(9, lambda: False)
    board.buzzer.sound("refused")
    on_ms = 0
    for now in range(0, 3000, 9):  # noqa: B007
        pulse(rig)._finish()
        on_ms += 9 * sounds()
    assert 600 <= on_ms <= 640 and not sounds()
    board.buzzer.sound("reset")
    for _ in range(10):
        pulse(rig)._finish()
    assert sounds()
    board.rest()
    assert not sounds()


def test_the_buzzer_of_an_esp32(monkeypatch):
    data = {**ESP32, "buzzer": {"kind": "passive", "pin": 16, "hz": 4000}}
    assert board_check.problems(data) == []
    rig = test_esp32_board.Rig(monkeypatch, data)
    monkeypatch.setattr(buzzer, "ticks_ms", lambda: rig.chip.now_us // 1000)
    rig.board.every_ms(20, lambda: None)
    rig.board.buzzer.sound("refused")
    rig.chip.advance(100000)
    assert rig.chip.pins[16].pwm._duty == 32768 and rig.chip.pins[16].pwm._freq == 4000
    rig.chip.advance(600000)
    assert rig.chip.pins[16].pwm._duty == 0


def test_a_buzzer_on_the_pilots_slice_is_refused():
    # Slice 4 is that of GPIO8, the pilot, and of 24; slice 3 that of 23, and times the converter here.
    for pin, slice_number in ((24, 4), (23, 3)):
        data = changed(PICO, ["connectors", 0, "pilot", "trigger_slice"], 3)
        data = {**data, "buzzer": {"kind": "passive", "pin": pin, "hz": 2700}}
        found = [line for line in board_check.problems(data) if line.startswith("buzzer")]
        assert found == ["buzzer.pin: PWM slice %d is that of connectors[0].pilot" % slice_number]
        active = {**data, "buzzer": {"kind": "active", "pin": pin, "active": 1}}
        assert not [line for line in board_check.problems(active) if line.startswith("buzzer.pin: PWM")]


def test_the_start_button_is_another_one(monkeypatch):
    data = {
        **PICO,
        "button": {"pin": 23, "active": 0, "pull": "up"},
        "start_button": {"pin": 24, "active": 0, "pull": "up"},
    }
    assert board_check.problems(data) == []
    rig = test_rp2_board.Rig(monkeypatch, data)
    rig.chip.external[24] = 0
    assert rig.board.start_button.pressed() is True and rig.board.button.pressed() is False


def test_a_monitor_with_two_outputs(monkeypatch):
    row = {
        "trip": {"pin": 15, "active": 1, "pull": "up"},
        "trip_ac": {"pin": 23, "active": 1, "pull": "up"},
        "error": {"pin": 24, "active": 1, "pull": "up"},
        "test": {"pin": 21, "active": 0},
    }
    data = changed(PICO, ["connectors", 0, "rcd"], row)
    assert board_check.problems(data) == []
    now = 0
    monkeypatch.setattr(wired, "ticks_ms", lambda: now)
    rig = test_rp2_board.Rig(monkeypatch, data)
    rig.chip.external.update({23: 0, 24: 0})
    rcd = rig.connector.rcd
    assert isinstance(rcd, Monitor) and rcd.sequence is True and part_problems("Rcd", rcd) == []
    assert rig.chip.output(21) == 1 and rcd.tripped() is False  # its test is low
    rig.board.every_ms(9, lambda: False)
    rcd.test(True)
    low_ms = 0
    for now in range(0, 2000, 9):  # noqa: B007
        pulse(rig)._finish()
        low_ms += 9 * (rig.chip.output(21) == 0)
    assert 240 <= low_ms <= 300
    for pin in (15, 23, 24):
        del rig.chip.external[pin]  # its wire is broken
        assert rcd.tripped() is True
        rig.chip.external[pin] = 0
    assert rcd.answered() is True


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("test", "connectors[0].rcd.test is missing: a monitor with trip_ac has one"),
        ("trip_ac", "connectors[0].rcd.trip_ac is missing: a monitor with error has one"),
    ],
)
def test_half_a_monitor_is_refused(missing, sentence):
    row = {name: {"pin": pin, "active": 1} for name, pin in (("test", 21), ("trip_ac", 23), ("error", 24))}
    row["trip"] = {"pin": 15, "active": 1, "pull": "up"}
    del row[missing]
    assert board_check.problems(changed(PICO, ["connectors", 0, "rcd"], row)) == [sentence]
