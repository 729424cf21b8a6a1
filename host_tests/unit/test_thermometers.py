# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.temperature, hal.parts.linear: a sensor says what it has measured, or nothing, and lets nobody wait."""

import asyncio

from evse.temperature import Derating
from hal.parts.linear import LinearSensor
from hal.temperature import ds18b20, i2c_thermometer, polled
from host_tests.unit.event_loop import run, settle
from host_tests.unit.thermometer_chips import ROM, I2cChip, OneWire, crc8

START = (1 << 30) - 5000  # the ticks wrap within the first seconds


class Wire:
    """A DS18B20 whose waits take no time."""

    def __init__(self, rom=ROM):
        self.model = OneWire(rom)
        self.sensor = ds18b20.Ds18b20(self.model, None)
        self.lines = []

    async def sleep(self, seconds):
        self.model.yielded(seconds)

    def warning(self, _, text, *args):
        self.lines.append(text % args)

    def measure(self):
        before = ds18b20.asyncio, ds18b20.log
        ds18b20.asyncio = ds18b20.log = self
        try:
            return run(self.sensor.measure())
        finally:
            ds18b20.asyncio, ds18b20.log = before


def test_the_checksum_is_that_of_the_application_note():
    assert crc8(b"\x02\x1c\xb8\x01\x00\x00\x00") == 0xA2


def test_a_ds18b20_and_the_table_of_its_datasheet():
    wire = Wire()
    for degrees_16, deci in (
        (0x07D0, 1250),
        (0x0191, 250),
        (0x00A2, 101),
        (8, 5),
        (0, 0),
        (-8, -5),
        (-0x191, -251),
    ):
        wire.model.degrees_16 = degrees_16
        assert wire.measure() == deci, degrees_16
    wire.model.degrees_16 = -55 * 16
    assert wire.measure() == -550
    assert wire.lines == ["answers"] or wire.lines == []


def test_no_step_takes_more_than_five_milliseconds():
    wire = Wire()
    wire.measure()
    wire.measure()
    assert 900 < wire.model.most_us < 2000


def test_what_a_ds18b20_shows_after_its_start_is_no_temperature():
    wire = Wire()
    assert wire.measure() == 250
    wire.model.spoil = lambda data: data
    before = wire.model._function

    def loses_its_supply(byte):
        if byte == 0xBE:
            wire.model.power_up()
        before(byte)

    wire.model._function = loses_its_supply
    assert wire.measure() is None and wire.lines[-1] == "DS18B20: it has started anew"
    wire.model._function = before
    assert wire.measure() == 250


def test_a_contact_of_85_degrees_is_one():
    wire = Wire()
    wire.model.degrees_16 = 85 * 16
    assert wire.measure() == 850


def test_damage_on_the_wire_is_no_temperature():
    for spoil in (
        lambda data: data[:-1],
        lambda data: bytes((data[0] ^ 1,)) + data[1:],
        lambda data: data[:-1] + bytes((data[-1] ^ 0x80,)),
        lambda data: b"",
        lambda data: bytes(len(data)),
        lambda data: b"\xff" * 9,
    ):
        for fresh in (True, False):
            wire = Wire()
            if not fresh:
                assert wire.measure() == 250
            wire.model.spoil = spoil
            assert wire.measure() is None
            wire.model.spoil = lambda data: data
            assert wire.measure() == 250
    # Its address alone: two sensors that answer at once are none.
    wire = Wire()
    wire.model.spoil = lambda data: data[:3] + bytes((data[3] & 0x0F,)) + data[4:] if len(data) == 8 else data
    assert wire.measure() is None and "more than one" in wire.lines[-1] and wire.model.starts == 0


def test_a_conversion_has_its_time():
    wire = Wire()
    wire.model.conversion_ms = 740
    for _ in range(2):
        assert wire.measure() == 250


def test_other_sensors_and_supplies():
    wire = Wire(b"\x10" + ROM[1:])  # a DS18S20 counts half degrees
    assert wire.measure() is None and "family 10" in wire.lines[-1]
    wire = Wire()
    wire.model.parasitic = True
    assert wire.measure() is None and "parasitic" in wire.lines[-1]
    assert wire.model.starts == 0


def test_a_sensor_that_goes_and_comes_back():
    for fault in ("absent", "short"):
        wire = Wire()
        setattr(wire.model, fault, True)
        assert [wire.measure() for _ in range(3)] == [None] * 3 and len(wire.lines) == 1
        setattr(wire.model, fault, False)
        assert wire.measure() == 250
        setattr(wire.model, fault, True)
        assert wire.measure() is None
        setattr(wire.model, fault, False)
        assert wire.measure() == 250


def test_a_slow_conversion_is_waited_for_and_one_that_hangs_is_not():
    wire = Wire()
    wire.model.slow_looks = 5
    assert wire.measure() == 250
    wire.model.slow_looks = 1000
    assert wire.measure() is None
    wire.model.slow_looks = 0
    assert wire.measure() == 250


# --- I2C ---


class Bus:
    def __init__(self, kind, address=0x18):
        self.model = I2cChip(kind, address)
        self.sensor = i2c_thermometer.I2cThermometer(self.model, kind, address)

    async def sleep(self, seconds):
        if seconds > 0.25:
            self.model.convert()

    def measure(self):
        before = i2c_thermometer.asyncio
        i2c_thermometer.asyncio = self
        try:
            return run(self.sensor.measure())
        except OSError:
            return None
        finally:
            i2c_thermometer.asyncio = before


def test_sensors_on_i2c():
    for kind in ("mcp9808", "tmp1075"):
        bus = Bus(kind)
        assert bus.measure() == 250
        for degrees_16, deci in (
            (100 * 16, 1000),
            (0, 0),
            (-16, -10),
            (-1, -1),
            (-40 * 16, -400),
            (1361, 850),
        ):
            bus.model.degrees_16 = degrees_16
            bus.model.convert()
            assert bus.measure() == deci, (kind, degrees_16)
        bus.model.degrees_16 = 127 * 16
        bus.model.convert()
        assert bus.measure() is None


def test_a_sensor_on_i2c_that_starts_anew_shows_no_zero():
    for kind in ("mcp9808", "tmp1075"):
        bus = Bus(kind)
        assert bus.measure() == 250
        bus.model.power_up()
        assert bus.measure() is None
        assert bus.measure() == 250


def test_a_sensor_on_i2c_that_was_left_switched_off_shows_nothing():
    """It answers, and says the same for ever."""
    for kind in ("mcp9808", "tmp1075"):
        bus = Bus(kind)
        bus.model.registers[1] |= 0x0100
        assert bus.measure() is None
        bus.model.power_up()
        assert bus.measure() == 250


def test_a_sensor_on_i2c_that_is_gone_another_or_damaged():
    for kind in ("mcp9808", "tmp1075"):
        bus = Bus(kind)
        bus.model.absent = True
        assert bus.measure() is None
        bus.model.absent = False
        assert bus.measure() == 250
        for value in (b"\x00\x00", b"\xff\xff", b"\x55\x55"):
            bus.model.spoil = lambda register, data, value=value: value
            assert bus.measure() is None, (kind, value)
            bus.model.spoil = lambda register, data: data
            assert bus.measure() in (None, 250) and bus.measure() == 250
    other = Bus("mcp9808")
    other.model = other.sensor._i2c = I2cChip("tmp1075", 0x18)
    other.model.registers[6] = other.model.registers[7] = 0xFFFF
    assert other.measure() is None and other.model.registers[2] == 0x4B00  # nothing was written


# --- beside the loop ---


class Sensor:
    """Measures at once, or when it is let go."""

    def __init__(self):
        self.value = 250
        self.begun = 0
        self.hangs = None

    async def measure(self):
        self.begun += 1
        if self.hangs is not None:
            await self.hangs.wait()
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


class Clock:
    def __init__(self):
        self.now = START

    async def look(self, thermometer, after_ms=200):
        self.now += after_ms
        value = thermometer.celsius_d()
        await settle()
        return value

    async def looks(self, thermometer, count):
        found = []
        for _ in range(count):
            found.append(await self.look(thermometer))  # noqa: PERF401 (no await in MicroPython's)
        return found


def clocked(test):
    """`test(clock, sensor, thermometer)`: a coroutine."""
    clock, sensor = Clock(), Sensor()
    before = polled.ticks_ms
    polled.ticks_ms = lambda: clock.now & 0x3FFFFFFF
    try:
        run(test(clock, sensor, polled.Polled(sensor)))
    finally:
        polled.ticks_ms = before


def test_the_last_value_is_given_at_once():
    async def live(clock, sensor, thermometer):
        assert await clock.look(thermometer) is None
        assert await clock.look(thermometer) == 250
        sensor.value = 300
        found = await clock.looks(thermometer, 30)
        assert found[0] == 250 and found[-1] == 300
        assert sensor.begun == 4  # each 2 s

    clocked(live)


def test_a_value_that_is_too_old_is_none_and_a_new_one_counts_again():
    for trouble in (None, OSError(5), ValueError("x"), MemoryError()):

        async def live(clock, sensor, thermometer, trouble=trouble):
            await clock.look(thermometer)
            sensor.value = trouble
            found = await clock.looks(thermometer, 60)
            assert found[:45] == [250] * 45 and found[-1] is None and found.index(None) == 49
            sensor.value = 260
            found = await clock.looks(thermometer, 15)
            assert found[-1] == 260

        clocked(live)


def test_a_sensor_that_hangs_is_broken_and_one_measurement_waits():
    async def live(clock, sensor, thermometer):
        await clock.look(thermometer)
        sensor.hangs = asyncio.Event()
        found = await clock.looks(thermometer, 100)
        assert found[-1] is None and sensor.begun == 2
        sensor.hangs.set()
        await settle()
        assert await clock.look(thermometer) == 250

    clocked(live)


def test_a_contact_that_cannot_be_seen_is_offered_less():
    async def live(clock, sensor, thermometer):
        derating = Derating(320)
        for _ in range(50):
            derating.look(await clock.look(thermometer, 100))
        assert derating.limit_da is None
        sensor.value = None
        for _ in range(150):
            derating.look(await clock.look(thermometer, 100))
        assert derating.limit_da == 160
        sensor.value = 400
        for _ in range(60):
            derating.look(await clock.look(thermometer, 100))
        assert derating.limit_da is None

    clocked(live)


def test_a_sensor_whose_voltage_is_its_temperature():
    seen = [0]
    sensor = LinearSensor(lambda: seen[0], 4095, 3300)
    for mv, deci in ((500, 0), (750, 250), (1350, 850), (100, -400), (1750, 1250)):
        seen[0] = (mv * 4095 + 3299) // 3300
        assert abs(sensor.celsius_d() - deci) <= 1
    for counts in (0, 60, 2400, 4095):
        seen[0] = counts
        assert sensor.celsius_d() is None
