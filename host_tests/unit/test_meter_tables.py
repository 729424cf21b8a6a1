# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.meter: the makers' registers, on meters that have what their manuals say."""

from hal.board_keys import MODBUS_METERS
from hal.meter import modbus
from hal.meter.registers import LONG, SIGNED, UNSIGNED, WORD, RegisterMeter, number, table_of
from host_tests.unit.event_loop import run
from host_tests.unit.meter_line import Device, Wires, floats, integers


def read(kind, device):
    kept, modbus._ANSWER_MS = modbus._ANSWER_MS, 60
    try:
        return run(RegisterMeter(modbus.Bus(Wires(device)), device.station, table_of(kind)).read())
    finally:
        modbus._ANSWER_MS = kept


def joined(*words):
    found = {}
    for each in words:
        found.update(each)
    return found


def shown(reading):
    return (
        reading.voltage_mv,
        reading.current_ma,
        reading.power_w,
        reading.energy_wh,
        reading.export_wh,
        reading.frequency_mhz,
    )


def test_every_kind_asks_questions_of_different_lengths():
    for kind, (phases, _) in MODBUS_METERS.items():
        table = table_of(kind)
        assert table[2] == phases and len(table) == 13, kind
        counts = [count for _, count in table[3]]
        assert len(set(counts)) == len(counts) and max(counts) <= 50, kind


def test_numbers_and_their_word_orders():
    for data, kind, low, wanted in (
        (b"\x00\x01\x00\x02", UNSIGNED, 0, 0x10002),
        (b"\x00\x01\x00\x02", UNSIGNED, 1, 0x20001),
        (b"\xff\xff\xff\xfe", SIGNED, 0, -2),
        (b"\xff\xfe\xff\xff", SIGNED, 1, -2),
        (b"\x00\x00\x00\x00\x00\x01\xe2\x40", LONG, 0, 123456),
        (b"\xff\xfe", WORD, 0, 65534),
        (b"\x7f\xff\xff\xff", SIGNED, 0, None),
        (b"\xff\xff\x7f\xff", SIGNED, 1, None),
        (b"\x7f\xff\xff\xff", UNSIGNED, 0, 0x7FFFFFFF),
        (b"\xff\xff\xff\xff", UNSIGNED, 0, None),
        (b"\xff\xff\xff\xff", SIGNED, 0, -1),
        (b"\xff" * 8, LONG, 0, None),
        (b"\xff\xff", WORD, 0, None),
    ):
        assert number(data, kind, low) == wanted, (data, kind, low)
    # Of tenths of a watt both signs are cut towards 0.
    assert number(b"\xff\xff\xff\xf1", SIGNED, 0, 1, 10) == -1
    assert number(b"\x00\x00\x00\x0f", SIGNED, 0, 1, 10) == 1


SDM630 = {0: 230.5, 2: 231.0, 4: 229.0, 6: 16.0, 8: 15.5, 10: 2.0, 12: 3680.0, 14: 3580.0, 16: -450.0}
SUMS = {0x46: 50.02, 0x48: 1234.567, 0x4A: 0.5}


def test_the_sdm630_and_the_second_sdm72():
    for kind in ("sdm630", "sdm72v2"):
        found = read(kind, Device(floats(joined(SDM630, SUMS)), functions=(4,)))
        assert shown(found) == (
            (230500, 231000, 229000),
            (16000, 15500, -2000),  # what flows out, by the sign of the power
            6810,
            1234567,
            500,
            50020,
        )


def test_the_first_sdm72_knows_power_and_energy_only():
    found = read("sdm72", Device(floats({0x34: 7200.0, 0x48: 12.5, 0x4A: 0.0}), functions=(4,), filled=0))
    assert shown(found) == ((), (), 7200, 12500, 0, None)


def test_the_ddsu666_tells_kilowatts():
    registers = {0x2000: 230.1, 0x2002: 15.98, 0x2004: 3.677, 0x200A: 1.0, 0x200E: 49.98, 0x4000: 77.25}
    found = read("ddsu666", Device(floats(registers), functions=(3,)))
    assert shown(found) == ((230100,), (15980,), 3677, 77250, None, 49980)
    # A variant that tells tenths of a volt is another meter, whose energy nobody knows the scale of.
    registers[0x2000] = 2301.0
    assert read("ddsu666", Device(floats(registers), functions=(3,))) is None


def test_the_dtsu666():
    registers = {0x2006: 2301.0, 0x2008: 2310.0, 0x200A: 2290.0, 0x200C: 16000.0, 0x200E: 15500.0}
    registers.update({0x2010: 250.0, 0x2012: 72600.0, 0x2014: 36800.0, 0x2016: 35800.0, 0x2018: -500.0})
    registers.update({0x101E: 4711.25, 0x1028: 3.5, 0x2044: 5001.0})
    found = read("dtsu666", Device(floats(registers), functions=(3,)))
    assert shown(found) == (
        (230100, 231000, 229000),
        (16000, 15500, -250),
        7260,
        4711250,
        3500,
        50010,
    )


def abb(power, phases, first=0):
    words = joined(
        integers({0x5B00: 2301, 0x5B0C: 1600, 0x5B14: power & 0xFFFFFFFF}),
        {0x5B2C: 5001},
        integers({0x5000: 471125, 0x5004: 350}, words=4),
    )
    none = 0xFFFFFFFF
    more = {0x5B02: 2310, 0x5B04: 2290, 0x5B0E: 1550, 0x5B10: 25, 0x5B16: 368000, 0x5B18: 358000}
    more[0x5B1A] = -5000 & 0xFFFFFFFF
    if phases == 1:
        more = {register: 0x7FFFFFFF if register >= 0x5B16 else none for register in more}
    return Device(joined(words, integers(more)), functions=(3,), filled=30)


def test_the_abb_meters():
    found = read("b23", abb(721000, 3))
    assert shown(found) == ((230100, 231000, 229000), (16000, 15500, -250), 7210, 4711250, 3500, 50010)
    found = read("b21", abb(-368000, 1))
    assert shown(found) == ((230100,), (-16000,), -3680, 4711250, 3500, 50010)
    # One of three phases is connected.
    found = read("b24", abb(368000, 1))
    assert shown(found)[:3] == ((230100,), (16000,), 3680)


def test_an_abb_meter_without_a_register_of_energy_is_silent():
    device = abb(721000, 3)
    device.words.update(integers({0x5000: 0xFFFFFFFFFFFFFFFF}, words=4))
    assert read("b23", device) is None
    device.words.update(integers({0x5000: 0x123456789ABCDEF}, words=4))  # more than any meter has counted
    assert read("b23", device) is None


def carlo_gavazzi_one():
    words = integers({0: 2301, 2: 15980, 4: -36770 & 0xFFFFFFFF, 0x10: 47112, 0x20: 35}, True)
    return Device(joined(words, {0x0F: 500}), functions=(3, 4), most=50)


def test_the_carlo_gavazzi_meters_of_one_phase():
    for kind in ("em110", "em111", "em112"):
        found = read(kind, carlo_gavazzi_one())
        assert shown(found) == ((230100,), (-15980,), -3677, 4711200, 3500, 50000)


def carlo_gavazzi_three():
    values = {0: 2301, 2: 2310, 4: 2290, 0x0C: 16000, 0x0E: 15500, 0x10: 250, 0x12: 36800, 0x14: 35800}
    values.update({0x16: -500 & 0xFFFFFFFF, 0x28: 72100, 0x34: 47112, 0x4E: 35})
    return Device(joined(integers(values, True), {0x33: 499}), functions=(3, 4), filled=12, most=50)


def test_the_carlo_gavazzi_meters_of_three_phases():
    for kind in ("em330", "em340"):
        found = read(kind, carlo_gavazzi_three())
        assert shown(found) == ((230100, 231000, 229000), (16000, 15500, -250), 7210, 4711200, 3500, 49900)


def test_registers_that_an_old_meter_does_not_have_are_not_known():
    device = carlo_gavazzi_three()
    device.filled = 9
    del device.words[0x4E], device.words[0x4F]
    found = read("em340", device)
    assert found.export_wh is None and found.energy_wh == 4711200
    device = carlo_gavazzi_three()
    del device.words[0x34], device.words[0x35], device.words[0x33]
    device.filled = 8
    assert read("em340", device) is None  # that of energy is none of these


def test_a_register_beyond_its_end_is_no_energy():
    device = carlo_gavazzi_three()
    device.words.update(integers({0x34: 0x7FFFFFFF}, True))
    assert read("em340", device) is None
    device.words.update(integers({0x34: -1 & 0xFFFFFFFF}, True))
    assert read("em340", device) is None


def pzem():
    words = {0: 0x08D1, 1: 0x006C, 2: 0, 3: 0x00F4, 4: 0, 5: 0x0026, 6: 0, 7: 0x01F4, 8: 0x0064, 9: 0}
    return Device(words, functions=(4,), filled=0)


def test_the_pzem():
    found = read("pzem004t", pzem())
    assert shown(found) == ((225700,), (108,), 24, 38, None, 50000)


def test_a_meter_that_hangs_and_comes_back():
    device = pzem()
    wires = Wires(device)
    meter = RegisterMeter(modbus.Bus(wires), 1, table_of("pzem004t"))
    kept, modbus._ANSWER_MS = modbus._ANSWER_MS, 60
    try:
        assert run(meter.read()).energy_wh == 38
        device.dead = True
        assert run(meter.read()) is None
        wires.spoil = lambda answer: b"\x00\x01\x04"  # it starts, with noise
        assert run(meter.read()) is None
        device.dead = False
        wires.spoil = lambda answer: answer
        assert run(meter.read()).energy_wh == 38
    finally:
        modbus._ANSWER_MS = kept


def test_a_reading_whose_first_answer_was_lost_is_complete():
    device = carlo_gavazzi_three()
    wires = Wires(device)
    lost = [True]
    wires.spoil = lambda answer: b"" if lost and lost.pop() else answer
    meter = RegisterMeter(modbus.Bus(wires), 1, table_of("em340"))
    assert shown(run(meter.read()))[2:4] == (7210, 4711200)
    assert [count for _, _, count in device.asked] == [24, 24, 14, 2]
