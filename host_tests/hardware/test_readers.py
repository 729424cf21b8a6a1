# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A tag reader as each chip's board puts it together: bus, pins and reset of the board's data, with a model
of the reader behind the fake's bus."""

import asyncio
import builtins

import pytest

from boards.esp32_devkit.board import BOARD as ESP32
from boards.pico_lte.board import BOARD as PICO
from hal import board_data
from hal.rfid import mfrc522, pn532, rdm6300
from host_tests.fakes.chip import Chip
from host_tests.fakes.contract import part_problems
from host_tests.fakes.pilot_line import PilotLine
from host_tests.unit.mfrc522_chip import Chip as ReaderChip
from host_tests.unit.mfrc522_chip import Tag
from host_tests.unit.pn532_chip import Chip as Pn532Chip
from host_tests.unit.pn532_chip import I2c, Uart
from toolchain import chip_pins

# VSPI of the ESP32 on pins that its carrier leaves free, as far as this test goes.
ESP32_READER = {
    "kind": "mfrc522", "spi": 2, "sck": 14, "mosi": 5, "miso": 12, "cs": 15, "reset": {"pin": 2, "active": 0},
}  # fmt: skip
BOARDS = {
    "rp2": PICO,
    "esp32": {**ESP32, "reader": ESP32_READER, "indicator": {"kind": "lamp", "pin": 16, "active": 1}},
}


class Wired:
    """The model's pins and bus at the chip's pins."""

    def __init__(self, chip, data, monkeypatch):
        self.chip = chip
        self.reader_chip = ReaderChip()
        self.cs, self.reset = data["cs"], data["reset"]["pin"]
        self.seen_reset = 1
        chip.peers["spi", data["spi"]] = self.exchange

    def exchange(self, written):
        self.look()
        model = self.reader_chip
        model.select(self.chip.output(self.cs))
        assert self.chip.output(self.reset) == 1, "the reader is held in reset"
        if not written[0] & 0x80:
            model.write(written)
            return bytes(2)
        got = bytearray(2)
        model.write_readinto(written, got)
        return bytes(got)

    def look(self):
        resets = self.chip.pins[self.reset].writes.count(0)
        while self.reader_chip.resets < resets:
            self.reader_chip.reset(0)


def board_on(name, monkeypatch):
    chip = Chip(name)
    data = BOARDS[name]
    wired = Wired(chip, data["reader"], monkeypatch)
    return wired, built(name, chip, data, monkeypatch)


def built(name, chip, data, monkeypatch):
    """The reader of the board with these data."""
    monkeypatch.setattr(builtins, "ptr32", chip.registers.pointer, raising=False)
    monkeypatch.setattr(builtins, "ptr16", chip.registers.pointer, raising=False)
    if name == "esp32":
        chip.analog.update({36: PilotLine(chip, 27).mv, 39: lambda us: 3300, 35: lambda us: 1650})
        chip.external.update({34: 0, 13: 1, 33: 0, 22: 0, 0: 1})
    else:
        chip.external.update({11: 0, 14: 0, 15: 0, 22: 0})
    with chip.installed():
        return chip.load("hal.%s.board" % name).Board(data).tag_reader


def next_tag(reader, seconds, module=mfrc522, now=None, on_wait=None):
    """What it tells within so long of its own time, that of `module`; None: nothing."""
    now = now or [0]
    end = now[0] + seconds * 1000
    ended = object()

    class Clock:
        @staticmethod
        async def sleep(duration):
            if on_wait is not None:
                on_wait()
            now[0] += int(duration * 1000 + 0.5)
            if now[0] >= end:
                raise asyncio.CancelledError(ended)

    before = module.ticks_ms, module.asyncio
    module.ticks_ms, module.asyncio = (lambda: now[0]), Clock  # pyright: ignore[reportAttributeAccessIssue]
    coroutine = reader.read()
    try:
        coroutine.send(None)
    except StopIteration as told:
        return told.value
    except asyncio.CancelledError:
        return None
    finally:
        module.ticks_ms, module.asyncio = before
        coroutine.close()
    raise AssertionError("it waits for something else than time")


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_a_tag_is_read(name, monkeypatch):
    wired, reader = board_on(name, monkeypatch)
    assert part_problems("TagReader", reader) == []
    assert next_tag(reader, 3) is None and not reader.silent()
    wired.reader_chip.tag = Tag(b"\x04\xa1\xb2\xc3")
    assert next_tag(reader, 3) == ("04A1B2C3", None)
    assert wired.chip.output(wired.cs) == 1  # between two bytes it is nobody's turn


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_a_reader_that_hangs_is_taken_through_its_reset_pin(name, monkeypatch):
    wired, reader = board_on(name, monkeypatch)
    assert next_tag(reader, 3) is None
    begun = wired.reader_chip.resets
    wired.reader_chip.version = 0
    wired.reader_chip.curable = False
    assert next_tag(reader, 20) is None and reader.silent()
    assert wired.reader_chip.resets > begun
    wired.reader_chip.curable = True
    wired.reader_chip.tag = Tag(b"\x04\xa1\xb2\xc3")
    assert next_tag(reader, 20) == ("04A1B2C3", None) and not reader.silent()


@pytest.mark.parametrize("name", sorted(BOARDS))
@pytest.mark.parametrize(
    "spoil",
    [
        lambda answer: None,
        lambda answer: b"",
        lambda answer: answer[:-1],
        lambda answer: answer + b"\0",
        lambda answer: bytes(len(answer)),
        lambda answer: b"\xff" * len(answer),
        lambda answer: b"\x88" * 5,
        lambda answer: b"\xa5" * 64,
        lambda answer: bytes([answer[0] ^ 1]) + answer[1:],
    ],
)
def test_a_hostile_answer_is_no_tag(name, spoil, monkeypatch):
    wired, reader = board_on(name, monkeypatch)
    wired.reader_chip.tag = Tag(b"\x04\x11\x22\x33\x44\x55\x66")
    wired.reader_chip.spoil = spoil
    found = next_tag(reader, 6)
    assert found is None or found[0] == "04112233445566"  # the first answer is not looked at


# --- other readers ------------------------------------------------------------------------------------------

FREE_UART = {"rp2": {"uart": 1, "tx": 4, "rx": 5}, "esp32": {"uart": 1, "tx": 16, "rx": 38}}
WIRES = {"rp2": {"i2c": 1, "sda": 6, "scl": 7}, "esp32": {"i2c": 0, "sda": 16, "scl": 18}}
RESET = {"rp2": {"pin": 2, "active": 0}, "esp32": {"pin": 19, "active": 0}}


def with_reader(name, kind):
    """The board without a modem, with this reader in the place of its own."""
    reader = {"kind": kind}
    if kind != "rdm6300":
        reader["reset"] = RESET[name]
    if kind != "pn532_i2c":
        reader.update(FREE_UART[name])
    board = {"rp2": PICO, "esp32": ESP32}[name]
    station = {**board["station"], "reader": "single"}
    data = {**board, "reader": reader, "station": station, "links": ({"kind": "wifi"},)}
    if name == "esp32":  # its carrier has no socket then: the lock's pins are the reader's
        row = {**board["station"]["connectors"][0], "cable": "fixed", "lock": False}
        connector = {
            key: part for key, part in board["connectors"][0].items() if key not in ("lock", "proximity")
        }
        data["connectors"] = (connector,)
        data["station"] = {**station, "connectors": [row]}
    if kind == "pn532_i2c":
        data["i2c"] = WIRES[name]
    return data


@pytest.mark.parametrize("kind", ["pn532_i2c", "pn532_uart", "rdm6300"])
@pytest.mark.parametrize("name", sorted(BOARDS))
def test_boards_with_other_readers_are_right(name, kind):
    data = with_reader(name, kind)
    assert board_data.problems(data) == []
    pins = [(path, chip_pins.problem(data, path, number)) for number, path, _ in board_data.pins(data)]
    assert [(path, problem) for path, problem in pins if problem] == []


@pytest.mark.parametrize("kind", ["pn532_i2c", "pn532_uart"])
@pytest.mark.parametrize("name", sorted(BOARDS))
def test_a_pn532_is_read_and_taken_through_its_reset_pin(name, kind, monkeypatch):
    chip = Chip(name)
    now = [0]
    model = Pn532Chip(lambda: now[0])
    data = with_reader(name, kind)
    if kind == "pn532_i2c":
        bus = chip.peers["i2c", WIRES[name]["i2c"]] = I2c(model)
    else:
        face = Uart(model)

        def peer(written):
            if written:
                face.write(written)
            return face.read(face.any()) or b"" if face.any() else b""

        chip.peers["uart", 1] = peer
    reader = built(name, chip, data, monkeypatch)
    assert part_problems("TagReader", reader) == []
    # A hang ends with the reset pin alone.
    low = chip.pins[RESET[name]["pin"]].writes

    def waits():
        model.waited()
        while model.resets < low.count(0):
            model.reset(0)

    assert next_tag(reader, 3, pn532, now, waits) is None and not reader.silent() and low.count(0) == 1
    model.tags = [b"\x04\xa1\xb2\xc3"]
    assert next_tag(reader, 3, pn532, now, waits) == ("04A1B2C3", None)
    if kind == "pn532_i2c":
        assert bus.freq == 100000 and bus.timeout_us == 4900
        assert model.longest_us <= 4900
    model.hangs = True
    model.tags = []
    model.curable = False
    assert next_tag(reader, 20, pn532, now, waits) is None and reader.silent()
    tried = low.count(0)
    assert 3 < tried < 9
    model.hangs = False
    model.tags = [b"\x04\x11\x22\x33\x44\x55\x66"]
    assert next_tag(reader, 20, pn532, now, waits) == ("04112233445566", None) and not reader.silent()


@pytest.mark.parametrize("name", sorted(BOARDS))
def test_an_rdm6300_is_read(name, monkeypatch):
    chip = Chip(name)
    waiting = [b""]

    def peer(written):
        assert not written, "it hears nothing"
        data, waiting[0] = waiting[0], b""
        return data

    chip.peers["uart", 1] = peer
    reader = built(name, chip, with_reader(name, "rdm6300"), monkeypatch)
    assert part_problems("TagReader", reader) == []
    assert next_tag(reader, 3, rdm6300) is None and not reader.silent()
    waiting[0] = b"\x03\x0262E3086CED08\x03\x02"
    assert next_tag(reader, 3, rdm6300) == ("62E3086CED", None)
