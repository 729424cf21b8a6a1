# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The parts that speak: the energy meter on UART0 and the RFID reader on SPI0, byte by byte, with scripts of
the test's own on the board."""

import pytest

METER = """
import struct, time
from machine import UART, Pin
uart = UART(0, BAUD, tx=Pin(0), rx=Pin(1), timeout=100)
def crc(data):
    c = 0xFFFF
    for b in data:
        c ^= b
        for _ in range(8):
            c = c >> 1 ^ 0xA001 if c & 1 else c >> 1
    return struct.pack("<H", c)
def ask(*frame):
    while uart.any():
        uart.read()
    frame = bytes(frame)
    uart.write(frame + crc(frame))
    time.sleep_ms(80)
    got = uart.read() or b""
    if got and crc(got[:-2]) != got[-2:]:
        return "bad checksum"
    return got[:-2]
def value(register, code=4):
    return struct.unpack(">f", ask(1, code, register >> 8, register & 255, 0, 2)[3:])[0]
"""


def meter(board, script: str, baud: int = 9600) -> str:
    return board.exec(METER.replace("BAUD", str(baud)) + script).strip()


def test_registers_of_the_meter(start):
    board = start()
    board.do("meter", wh=1234.7, volts=231.5)
    out = meter(
        board, "print([round(value(r), 3) for r in (0, 6, 12, 0x1E, 0x46, 0x48, 0x156)], value(0x14, 3))"
    )
    assert eval(out.replace("] ", "], ")) == ([231.5, 0, 0, 1, 50, 1.234, 1.234], 1)


def test_the_meter_refuses_as_the_standard_says(start):
    out = meter(start(), "print(ask(1, 6, 0, 0, 0, 0), ask(1, 4, 0, 1, 0, 2), ask(2, 4, 0, 0, 0, 2))")
    assert out == r"b'\x01\x86\x01' b'\x01\x84\x02' b''"


def test_a_damaged_question_has_no_answer(start):
    script = "uart.write(bytes((1, 4, 0, 0, 0, 2, 7, 7))); time.sleep_ms(80); print(uart.any())"
    assert meter(start(), script) == "0"


@pytest.mark.parametrize(("fault", "seen"), [("meter_silent", "b''"), ("meter_noise", "bad checksum")])
def test_broken_meters(start, fault, seen):
    board = start()
    board.do("fault", name=fault)
    assert meter(board, "print(ask(1, 4, 0, 0, 0, 2))") == seen


def test_a_wrong_rate_is_not_answered(start):
    assert meter(start(), "print(ask(1, 4, 0, 0, 0, 2))", baud=19200) == "b''"


READER = """
import time
from machine import SPI, Pin
reset, cs = Pin(2, Pin.OUT, value=1), Pin(17, Pin.OUT, value=1)
spi = SPI(0, 4_000_000, sck=Pin(18), mosi=Pin(19), miso=Pin(16))
def write(register, *values):
    cs(0); spi.write(bytes((register << 1,) + values)); cs(1)
def read(register, count=1):
    got = bytearray(count + 1)
    cs(0); spi.write_readinto(bytes([register << 1 | 0x80] * count + [0]), got); cs(1)
    return got[1] if count == 1 else bytes(got[1:])
def crc(data):
    write(1, 0); write(5, 4); write(0x0A, 0x80); write(9, *data); write(1, 3)
    while not read(5) & 4:
        pass
    return bytes((read(0x22), read(0x21)))
def begin():
    write(1, 0x0F)
    while read(1) & 0x10:
        pass
    timer = ((0x2A, 0x80), (0x2B, 0xA9), (0x2C, 0x03), (0x2D, 0xE8))
    for register, v in timer + ((0x15, 0x40), (0x11, 0x3D), (0x14, 0x83)):
        write(register, v)
def say(data, bits=0):
    write(1, 0); write(4, 0x7F); write(0x0A, 0x80); write(9, *data)
    write(0x0D, bits); write(1, 0x0C); write(0x0D, 0x80 | bits)
    while True:
        irq = read(4)
        if irq & 0x20:
            return read(9, read(0x0A))
        if irq & 1:
            return None
def uid():
    if say(b"\\x52", 7) is None:
        return None
    uid = b""
    for level in (0x93, 0x95, 0x97):
        part = say(bytes((level, 0x20)))
        choose = bytes((level, 0x70)) + part
        sak = say(choose + crc(choose))
        assert crc(sak[:1]) == sak[1:]
        uid += part[1:4] if sak[0] & 4 else part[:4]
        if not sak[0] & 4:
            halt = b"\\x50\\0"
            say(halt + crc(halt))
            return uid.hex()
time.sleep_ms(2)
begin()
"""


@pytest.mark.parametrize("uid", ["04a1b2c3", "04a1b2c3d4e5f6", "04112233445566778899"])
def test_cards_of_every_size(start, uid):
    board = start()
    board.do("tag", id=uid, seconds=60)
    assert board.exec(READER + "print(read(0x37), uid(), uid())").split() == ["146", uid, uid]


def test_a_halted_card_answers_wupa_only(start):
    board = start()
    board.do("tag", id="04a1b2c3", seconds=60)
    assert (
        board.exec(READER + "uid(); print(say(b'\\x26', 7), say(b'\\x52', 7))").strip() == r"None b'\x04\x00'"
    )


def test_no_card_is_a_timeout_of_25_ms(start):
    out = start().exec(
        READER + "a = time.ticks_us(); print(say(b'\\x26', 7), time.ticks_diff(time.ticks_us(), a))"
    )
    answer, us = out.split()
    assert answer == "None"
    assert 25_000 < int(us) < 26_500


def test_a_card_goes_after_its_time(start):
    board = start()
    board.do("at", on="gp2", after_us=100_000, then={"do": "tag", "id": "04a1b2c3", "seconds": 0.2})
    script = (
        READER
        + """
seen = 0
for _ in range(30):
    seen += uid() is not None
    time.sleep_ms(10)
print(seen > 3, uid())
"""
    )
    assert board.exec(script).split() == ["True", "None"]


@pytest.mark.parametrize(
    ("fault", "version", "uid"), [("rfid_dead", "0", "None"), ("rfid_deaf", "146", "None")]
)
def test_broken_readers(start, fault, version, uid):
    board = start()
    board.do("tag", id="04a1b2c3", seconds=60)
    board.do("fault", name=fault)
    script = READER.replace("begin()\n", "") if fault == "rfid_dead" else READER
    assert board.exec(script + "print(read(0x37), None if read(0x37) == 0 else uid())").split() == [
        version,
        uid,
    ]


def test_the_reset_pin_and_its_registers(start):
    out = start().exec(
        READER
        + "print(read(0x2D)); reset(0); print(read(0x37))\n"
        + "reset(1); time.sleep_ms(2); print(read(0x2D), read(0x37))"
    )
    assert out.split() == ["232", "0", "0", "146"]
