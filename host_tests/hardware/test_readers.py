# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A tag reader as each chip's board puts it together: SPI, chip select and reset of the board's data, with a
model of the MFRC522 behind the fake's bus."""

import asyncio
import builtins

import pytest

from boards.esp32_devkit.board import BOARD as ESP32
from boards.pico_lte.board import BOARD as PICO
from hal.rfid import mfrc522
from host_tests.fakes.chip import Chip
from host_tests.fakes.contract import part_problems
from host_tests.fakes.pilot_line import PilotLine
from host_tests.unit.mfrc522_chip import Chip as ReaderChip
from host_tests.unit.mfrc522_chip import Tag

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
    monkeypatch.setattr(builtins, "ptr32", chip.registers.pointer, raising=False)
    monkeypatch.setattr(builtins, "ptr16", chip.registers.pointer, raising=False)
    wired = Wired(chip, data["reader"], monkeypatch)
    if name == "esp32":
        chip.analog.update({36: PilotLine(chip, 27).mv, 39: lambda us: 3300, 35: lambda us: 1650})
        chip.external.update({34: 0, 13: 1, 33: 0, 22: 0, 0: 1})
    else:
        chip.external.update({11: 0, 14: 0, 15: 0, 22: 0})
    with chip.installed():
        board = chip.load("hal.%s.board" % name).Board(data)
    return wired, board.tag_reader


def next_tag(reader, seconds):
    """What it tells within so long of its own time; None: nothing."""
    now = [0]
    ended = object()

    class Clock:
        @staticmethod
        async def sleep(duration):
            now[0] += int(duration * 1000 + 0.5)
            if now[0] >= seconds * 1000:
                raise asyncio.CancelledError(ended)

    before = mfrc522.ticks_ms, mfrc522.asyncio
    mfrc522.ticks_ms, mfrc522.asyncio = (lambda: now[0]), Clock  # pyright: ignore[reportAttributeAccessIssue]
    coroutine = reader.read()
    try:
        coroutine.send(None)
    except StopIteration as told:
        return told.value
    except asyncio.CancelledError:
        return None
    finally:
        mfrc522.ticks_ms, mfrc522.asyncio = before
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
