# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.meter: Modbus RTU, and the Eastron meters on it."""

import asyncio
import struct

from hal.meter import modbus
from hal.meter.registers import RegisterMeter, scaled, table_of
from hal.ticks import ticks_add, ticks_diff, ticks_ms
from host_tests.unit.event_loop import run


def answer(station, function, data):
    body = bytes((station, function, len(data))) + data
    crc = modbus.crc16(body)
    return body + bytes((crc & 0xFF, crc >> 8))


class Line:
    """A UART with a meter at its other end. `registers`: address -> float; `spoil(frame)`: what becomes of an
    answer."""

    def __init__(self, registers=None):
        self.registers = registers or {}
        self.spoil = lambda frame: frame
        self.station = 1
        self.waiting = b""
        self.asked = []

    def any(self):
        return len(self.waiting)

    def read(self, count):
        data, self.waiting = self.waiting[:count], self.waiting[count:]
        return data

    def init(self, *_, **__):
        pass

    def readinto(self, view):
        data = self.read(min(len(view), 7))  # comes in pieces
        view[: len(data)] = data
        return len(data)

    def write(self, frame):
        self.asked.append(bytes(frame))
        assert modbus.crc16(frame[:-2]) == frame[-2] | frame[-1] << 8
        station, function, high, low, count_high, count_low = frame[:6]
        if station != self.station:
            return
        first = high << 8 | low
        data = b""
        for register in range(first, first + (count_high << 8 | count_low), 2):
            data += struct.pack(">f", self.registers.get(register, 0.0))
        self.waiting += self.spoil(answer(station, function, data))


SINGLE = {0: 230.2, 6: 15.98, 12: 3678.0, 0x46: 50.02, 0x48: 1234.567, 0x4A: 0.5, 0x4C: 12.0, 0x4E: 0.25}


def sdm(bus, station=1, phases=1):
    return RegisterMeter(bus, station, table_of("sdm120" if phases == 1 else "sdm630"))


def reading(line, phases=1):
    """Of a line whose meter is good or not; nobody waits for long."""
    kept, modbus._ANSWER_MS = modbus._ANSWER_MS, 60
    try:
        return run(sdm(modbus.Bus(line), 1, phases).read())
    finally:
        modbus._ANSWER_MS = kept


def test_a_float_is_taken_apart_in_integers():
    for value, factor, expected in (
        (0.0, 1000, 0),
        (1.0, 1000, 1000),
        (-1.5, 1000, -1500),
        (230.2, 1000, 230200),  # 230.19999 in 24 bits
        (0.005, 1000, 5),
        (0.0059, 1000, 5),
        (99999.99, 1000, 99999996),
        (0.0004, 1000, 0),
        (1e-30, 1000, 0),
    ):
        assert scaled(struct.pack(">f", value), factor) == expected, value
    assert scaled(struct.pack(">f", 9999999.0), 1000) == 9999999500  # the widest display, in steps of a kWh
    for bits in (b"\x7f\x80\x00\x00", b"\xff\xc0\x00\x00", b"\x7f\x7f\xff\xff", b"\x4e\x80\x00\x00"):
        assert scaled(bits, 1000) is None


def test_a_reading_of_one_phase():
    found = reading(Line(SINGLE))
    assert found.energy_wh == 1234567 and found.power_w == 3678
    assert found.current_ma == (15980,) and found.voltage_mv == (230200,)
    assert found.export_wh == 500 and found.reactive_import_varh == 12000 and found.frequency_mhz == 50020


def test_a_reading_of_three_phases_sums_the_power():
    registers = {
        0: 230.0,
        2: 231.0,
        4: 229.0,
        6: 16.0,
        8: 15.5,
        10: 0.0,
        12: 3680.0,
        14: 3580.0,
        16: 0.0,
        0x48: 7.0,
    }
    found = reading(Line(registers), 3)
    assert found.voltage_mv == (230000, 231000, 229000) and found.current_ma == (16000, 15500, 0)
    assert found.power_w == 7260 and found.energy_wh == 7000


def test_another_meter_on_the_same_line():
    line = Line(SINGLE)
    bus = modbus.Bus(line)
    meter, grid = sdm(bus), sdm(bus, 2, 3)

    async def both():
        # At the same time: one question after the other.
        return await asyncio.gather(meter.read(), grid.read())

    found, silent = run(both())
    assert found.current_ma == (15980,) and silent is None  # there is no station 2
    line.station = 2
    line.registers = {0: 230.0, 2: 231.0, 4: 229.0, 6: 40.0, 8: -3.5, 10: 0.1, 0x48: 7.0}
    line.asked.clear()
    assert run(grid.read()).current_ma == (40000, -3500, 100)
    assert [frame[0] for frame in line.asked] == [2, 2]


def test_what_is_no_answer_is_none():
    def cut(frame):
        return frame[:-3]

    def flip(frame):
        return frame[:5] + bytes((frame[5] ^ 1,)) + frame[6:]

    def foreign(frame):
        return answer(2, 4, frame[3:-2])

    def refused(frame):
        body = b"\x01\x84\x02"
        crc = modbus.crc16(body)
        return body + bytes((crc & 0xFF, crc >> 8))

    for spoil in (cut, flip, foreign, refused, lambda frame: b"", lambda frame: b"\x00" * 40):
        line = Line(SINGLE)
        line.spoil = spoil
        assert reading(line) is None
    absent = Line(SINGLE)
    absent.station = 7
    assert reading(absent) is None


class SlowLine(Line):
    """Its bytes come one after the other, 60 ms after the question has gone."""

    def __init__(self, registers, baud):
        super().__init__(registers)
        self.baud = baud
        self.begun = 0
        self.taken = 0

    def write(self, frame):
        super().write(frame)
        self.begun = ticks_add(ticks_ms(), 60 + len(frame) * 11000 // self.baud)
        self.taken = 0

    def any(self):
        here = max(0, ticks_diff(ticks_ms(), self.begun)) * self.baud // 11000 - self.taken
        return max(0, min(len(self.waiting), here))

    def read(self, count):
        count = min(count, self.any())
        self.taken += count
        return super().read(count)


def test_the_slowest_line_has_the_time_that_its_bytes_take():
    line = SlowLine(SINGLE, 1200)
    assert run(sdm(modbus.Bus(line, 1200)).read()).voltage_mv == (230200,)
    line = SlowLine(SINGLE, 1200)
    line.station = 7
    begun = ticks_ms()
    assert run(sdm(modbus.Bus(line, 1200)).read()) is None  # nobody is waited for for ever
    assert ticks_diff(ticks_ms(), begun) < 3000


def test_a_late_answer_is_not_taken_for_the_next_one():
    line = Line(SINGLE)
    bus = modbus.Bus(line)
    meter = sdm(bus)
    late = []
    line.spoil = lambda frame: late.append(frame) or b""
    assert run(meter.read()) is None
    line.spoil = lambda frame: frame
    line.waiting = late[0]  # it comes while nobody listens
    line.registers = dict(SINGLE)
    line.registers[0] = 240.0
    assert run(meter.read()).voltage_mv == (240000,)


def test_a_meter_that_tells_no_number_is_silent():
    line = Line(SINGLE)
    line.registers = dict(SINGLE)
    line.registers[0x48] = float("inf")
    assert reading(line) is None
    line.registers[0x48] = -1.0
    assert reading(line) is None
