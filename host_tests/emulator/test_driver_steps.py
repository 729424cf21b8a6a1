# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""How long a driver holds up the main loop: the longest time between two of its waits, on the RP2040's clock.
Meters and sensors that the emulator does not have are fakes on the board, which take the time that a transfer
takes on the wires; what the fakes compute is taken off. PN532 and WS2812: test_board_model_pn532.py and
test_board_model_pixels.py.
"""

import ast

import pytest

pytestmark = pytest.mark.timeout(300)

MOST_US = 5000

# `stolen`: microseconds that a fake has computed, not the driver.
COMMON = """
import asyncio, gc, time
from hal.rp2.speed import speed_up
speed_up()
stolen = 0
most = {}

class Timed:
    def __init__(self, name, work):
        self.name, self.work = name, work
    def __iter__(self):
        return self
    __await__ = __iter__
    def __next__(self):
        global stolen
        stolen = 0
        began = time.ticks_us()
        try:
            return self.work.send(None)
        finally:
            took = time.ticks_diff(time.ticks_us(), began) - stolen
            most[self.name] = max(most.get(self.name, 0), took)

async def timed(name, make, times=3):
    for _ in range(times):
        gc.collect()
        answer = await Timed(name, make())
    return answer
"""

MODBUS = (
    COMMON
    + """
from hal.board_keys import MODBUS_METERS
from hal.meter import modbus
from hal.meter.registers import RegisterMeter, table_of

class Wires:
    def __init__(self):
        self.waiting = b""
    def any(self):
        return len(self.waiting)
    def readinto(self, view):
        count = min(len(view), len(self.waiting))
        view[:count] = self.waiting[:count]
        self.waiting = self.waiting[count:]
        return count
    def init(self, *_, **__):
        pass
    def write(self, frame):
        global stolen
        began = time.ticks_us()
        count = frame[4] << 8 | frame[5]
        data = b"\\x43\\x66\\x00\\x00" * (count // 2) + bytes(2 * (count % 2))
        self.waiting = modbus.framed(bytes((frame[0], frame[1], 2 * count)) + data)
        stolen += time.ticks_diff(time.ticks_us(), began)

class Noise(Wires):
    def write(self, frame):
        self.waiting = self.noise

async def main():
    modbus._ANSWER_MS = 60
    for kind in MODBUS_METERS:
        meter = RegisterMeter(modbus.Bus(Wires()), 1, table_of(kind))
        await timed(kind, meter.read)
    wires = Noise()
    bus = modbus.Bus(wires)
    for noise in (b"\\x07\\x09\\x03\\x01\\xc8", b"\\x01\\x04\\xa0\\x00\\x01", b"\\x01\\x04\\x04"):
        wires.noise = (noise * 85)[:255]
        await timed("noise", lambda: bus.read(1, 4, 0, 80), 1)
        await timed("noise", lambda: bus.read(1, 4, 0, 2), 1)
asyncio.run(main())
print(most)
"""
)

CHIPS = (
    COMMON
    + """
from hal.meter.ade7953 import Ade7953, I2c
from hal.meter.atm90e32 import Atm90e32
from hal.meter.chip import ChipMeter
from hal.temperature.i2c_thermometer import I2cThermometer

def wires(us):
    # A time that passes on the wires, whatever the fake has computed meanwhile.
    time.sleep_us(us)

class AtmSpi:
    def __init__(self):
        self.registers, self.last = {}, 0
    def write_readinto(self, frame, into):
        global stolen
        began = time.ticks_us()
        register = (frame[0] & 0x7F) << 8 | frame[1]
        if frame[0] & 0x80:
            self.last = self.last if register == 0x78 else self.registers.get(register, 0x0010)
            into[2], into[3] = self.last >> 8, self.last & 0xFF
        else:
            self.last = self.registers[register] = frame[2] << 8 | frame[3]
        stolen += time.ticks_diff(time.ticks_us(), began)
        wires(64)

class ChipI2c:
    def __init__(self, hz, registers, size=2):
        self.hz, self.registers = hz, dict(registers)
    def wait(self, count):
        wires(count * 9 * 1000000 // self.hz)
    def readfrom_mem(self, address, register, count, addrsize=8):
        global stolen
        began = time.ticks_us()
        data = self.registers.get(register, 0x12).to_bytes(count, "big")
        stolen += time.ticks_diff(time.ticks_us(), began)
        self.wait(2 + addrsize // 8 + count)
        return data
    def writeto_mem(self, address, register, data, addrsize=8):
        self.registers[register] = int.from_bytes(data, "big")
        self.wait(1 + addrsize // 8 + len(data))

async def main():
    data = {"phases": 3, "hz": 50, "voltage_gain": 0x1234, "current_gain": 0x2345}
    meter = ChipMeter(Atm90e32(AtmSpi(), lambda level: None, data), 3200000, 3)
    assert await timed("atm90e32", meter.read) is not None
    data = {"counts_per_v": 9000, "counts_per_a": 9000, "counts_per_w": 100}
    for hz in (100000, 50000):
        meter = ChipMeter(Ade7953(I2c(ChipI2c(hz, {})), data), 3200000, 1)
        assert await timed("ade7953, %d kHz" % (hz // 1000), meter.read) is not None
        for kind, known in (("mcp9808", {6: 0x0054, 7: 0x0400, 1: 0}), ("tmp1075", {15: 0x7500, 1: 0})):
            sensor = I2cThermometer(ChipI2c(hz, known), kind, 0x18)
            assert await timed("%s, %d kHz" % (kind, hz // 1000), sensor.measure) is not None
asyncio.run(main())
print(most)
"""
)

READERS = (
    COMMON
    + """
from board import BOARD
from hal.rfid.from_data import reader_of
from hal.rfid.rdm6300 import Rdm6300

class Stream:
    def __init__(self, text):
        self.text = text
    def any(self):
        return 255
    def read(self, count):
        return (self.text * 255)[:count]

async def main():
    reader = reader_of(BOARD["reader"])
    uid, _ = await timed("mfrc522", reader.read, 1)
    assert uid == "04A1B2C3D4E5F6", uid
    for text in (b"\\x02\\x02", b"\\x020G00112233445566", b"no frame"):
        work = Rdm6300(Stream(text)).read()
        try:
            await asyncio.wait_for_ms(timed("rdm6300", lambda: work, 1), 400)
        except asyncio.TimeoutError:
            pass
asyncio.run(main())
print(most)
"""
)


@pytest.mark.parametrize(
    ("code", "tag"),
    [(MODBUS, None), (CHIPS, None), (READERS, "04a1b2c3d4e5f6")],
    ids=["modbus", "chips", "readers"],
)
def test_no_step_of_a_driver_is_longer_than_5_ms(start, capsys, code, tag):
    board = start()
    board.exec("")  # ends the firmware
    if tag:
        board.do("tag", id=tag, seconds=60)
    found = ast.literal_eval(board.exec(code, timeout_s=120).splitlines()[-1])
    with capsys.disabled():
        print("".join("\n%-18s %5d us" % row for row in sorted(found.items())), end="")
    assert found
    assert all(0 < us < MOST_US for us in found.values()), found
