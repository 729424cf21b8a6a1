# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.meter.detect, hal.meter.auto: which meter is there, on wires with every meter that is known, with
meters that are not, with several and with none."""

import asyncio

from hal.meter import auto, detect, modbus
from hal.ticks import ticks_diff, ticks_ms
from host_tests.unit import test_meter_tables as tables
from host_tests.unit.event_loop import run
from host_tests.unit.meter_line import Device, Wires, floats, integers
from station.kept_meters import KeptMeters

HOME = (9600, None, 1)


def sdm(code=None, phases=3, line=HOME, station=1):
    registers = dict(tables.SUMS)
    registers.update({0: 230.5, 6: 16.0, 12: 3680.0} if phases == 1 else tables.SDM630)
    words = floats(registers)
    if code is not None:
        words[0xFC02] = code
    return Device(words, station, line=line, filled=0x14)


def named(device, register, code):
    device.words[register] = code
    return device


def abb(text, phases):
    device = tables.abb(368000, phases)
    device.words.update(integers({0x8960: int.from_bytes(text, "big")}))
    return device


def dtsu666():
    registers = {0x2000: 3980.0, 0x2002: 3990.0, 0x2004: 3985.0}
    registers.update({0x2006: 2301.0, 0x2008: 2310.0, 0x200A: 2290.0})
    registers.update({0x2012: 72600.0, 0x2014: 36800.0, 0x101E: 4711.25, 0x1028: 3.5, 0x2044: 5001.0})
    return Device(floats(registers), functions=(3,))


def ddsu666(volts=230.1):
    registers = {0x2000: volts, 0x2004: 3.677, 0x200E: 49.98, 0x4000: 77.25}
    return Device(floats(registers), functions=(3,))


class Quick:
    """Nobody waits long for what does not come."""

    def __enter__(self):
        self.kept, modbus._ANSWER_MS = modbus._ANSWER_MS, 5
        self.polls, modbus._POLL_MS = modbus._POLL_MS, 1

    def __exit__(self, *_):
        modbus._ANSWER_MS = self.kept
        modbus._POLL_MS = self.polls


def look(*devices, lines=(HOME,), stations=(1,), limit_ms=60000):
    wires = Wires(*devices)
    wires.piece = 255
    with Quick():
        return run(detect.detect(modbus.Bus(wires), lines, stations, limit_ms)), wires


def test_every_model_is_known():
    pzem = tables.pzem()
    pzem.functions = (4,)
    for device, kind in (
        (sdm(0x0070), "sdm630"),
        (sdm(0x0079), "sdm630"),
        (sdm(0x0089), "sdm72v2"),
        (named(Device(floats({0x34: 7200.0, 0x48: 12.5, 0x4A: 0.0})), 0xFC02, 0x0084), "sdm72"),
        (sdm(0x0000), "sdm630"),  # an early one
        (sdm(None), "sdm630"),
        (sdm(None, 1), "sdm120"),
        (ddsu666(), "ddsu666"),
        (dtsu666(), "dtsu666"),
        (abb(b"B21 ", 1), "b21"),
        (abb(b"B23 ", 3), "b23"),
        (abb(b"B24 ", 3), "b24"),
        (named(tables.carlo_gavazzi_one(), 0x000B, 120), "em112"),
        (named(tables.carlo_gavazzi_three(), 0x000B, 341), "em340"),
        (pzem, "pzem004t"),
    ):
        found, _ = look(device)
        assert found.meters == [(kind, 1, HOME)] and found.odd == [], (kind, found.meters, found.odd)


def test_what_fits_no_model_is_told_and_not_used():
    dead_mains = sdm(0x0070)
    dead_mains.words.update(floats({0: 20.0, 2: 20.0, 4: 20.0}))
    wrong_hz = ddsu666()
    wrong_hz.words.update(floats({0x200E: 4998.0}))
    for device in (
        ddsu666(2301.0),  # a variant, of which nobody knows how it counts
        dead_mains,
        wrong_hz,
        abb(b"B25 ", 3),
        named(tables.carlo_gavazzi_three(), 0x000B, 71),  # an EM24: its register of energy is in dispute
        tables.carlo_gavazzi_three(),
        Device({0: 1, 1: 2}),
    ):
        found, _ = look(device)
        assert found.meters == [], found.meters
        assert len(found.odd) == 1 and found.odd[0].startswith("address 1, 9600 8N1: "), found.odd


def test_wires_full_of_noise_are_not_told_of_for_ever():
    wires = Wires()
    bus = modbus.Bus(wires)
    wires.write = lambda frame: setattr(wires, "waiting", b"\x55\xaa")
    with Quick():
        found = run(detect.detect(bus, (HOME,), range(1, 30)))
    assert found.meters == [] and len(found.odd) == 8


def test_nobody_is_there():
    found, wires = look(stations=(1, 2))
    assert found.meters == [] and found.odd == []
    assert len(wires.sent) == 4  # silence is not asked for names


def test_address_speed_and_parity():
    lines = detect.LINES
    for index, line in enumerate(lines):
        station = index % 3 + 1
        tried = lines[max(0, index - 1) : index + 1]
        found, wires = look(sdm(0x70, 3, line, station), lines=tried, stations=(1, 2, 3))
        assert found.meters == [("sdm630", station, line)]
        assert wires.line == HOME  # as it was
    assert look(sdm(0x70, 3, lines[-1]), lines=lines)[0].meters == [("sdm630", 1, lines[-1])]
    found, _ = look(sdm(0x70, 3, (9600, 0, 1)), lines=(HOME,))
    assert found.odd == ["address 1, 9600 8N1: something is heard, but no answer"]


def test_a_pzem_is_found_once_whatever_its_address_is():
    for station, wanted in ((1, 1), (2, 2), (77, modbus.GENERAL)):
        device = tables.pzem()
        device.station, device.general = station, True
        found, _ = look(device, stations=detect.STATIONS)
        assert found.meters == [("pzem004t", wanted, HOME)], found.meters


def test_several_meters_are_all_told():
    found, _ = look(sdm(0x70), sdm(None, 1, HOME, 2), stations=(1, 2))
    assert found.meters == [("sdm630", 1, HOME), ("sdm120", 2, HOME)]


def test_an_answer_that_was_lost_or_broken_is_asked_for_again():
    device = named(tables.carlo_gavazzi_three(), 0x000B, 341)
    for spoil in (lambda frame: b"", lambda frame: frame[:-1] + b"\x00", lambda frame: frame[:-2]):
        for which in range(1, 8):
            wires = Wires(device)
            wires.piece = 255
            count = [0]

            def once(frame, which=which, count=count, spoil=spoil):
                count[0] += 1
                return spoil(frame) if count[0] == which and len(frame) > 5 else frame

            wires.spoil = once
            with Quick():
                found = run(detect.detect(modbus.Bus(wires), (HOME,), (1,)))
            # The very first question is asked in two ways, not twice.
            assert found.meters == [("em340", 1, HOME)], (which, found.odd)


def test_it_ends_in_time():
    begun = ticks_ms()
    found, _ = look(lines=detect.LINES, stations=range(1, 248), limit_ms=300)
    assert ticks_diff(ticks_ms(), begun) < 1000
    assert found.meters == [] and found.odd == ["not all was asked: the time is over"]


def test_it_can_be_cancelled():
    wires = Wires(sdm(0x70, 3, (19200, 0, 1)))
    bus = modbus.Bus(wires)

    async def scenario():
        looking = asyncio.create_task(detect.detect(bus))
        for _ in range(60):
            await asyncio.sleep(0.005)
        looking.cancel()
        try:
            await looking
        except asyncio.CancelledError:
            pass
        assert wires.line == HOME
        return await bus.read(1, 4, 0, 2)

    with Quick():
        run(scenario())


# --- the meter that is looked for ---


class Looking:
    def __init__(self, *devices, phases=1, address=None, users=1):
        self.wires = Wires(*devices)
        self.wires.piece = 255
        self.bus = modbus.Bus(self.wires)
        self.bus.users = users
        self.meter = auto.AutoMeter(self.bus, phases, address)

    def read(self, times=1):
        """The last of so many readings, or the first that is none of silence."""
        with Quick():
            for _ in range(times):
                begun = ticks_ms()
                reading = run(self.meter.read())
                assert ticks_diff(ticks_ms(), begun) < 1000
                if reading is not None:
                    return reading
        return None


def test_it_is_silent_until_it_is_found():
    looking = Looking(sdm(0x70, 3, (19200, 0, 1), 2), phases=3)
    assert looking.read() is None
    reading = looking.read(20)
    assert reading is not None and reading.energy_wh == 1234567
    assert looking.meter.found == ["sdm630", 2, 19200, 0, 1]
    assert looking.wires.line == (19200, 0, 1)


def test_one_with_too_few_phases_is_not_used():
    looking = Looking(sdm(None, 1), phases=3)
    assert looking.read(8) is None and looking.meter.found is None
    assert looking.meter.odd == ["address 1, 9600 8N1: sdm120, of too few phases"]


def test_of_two_none_is_used():
    looking = Looking(sdm(0x70), sdm(0x70, 3, HOME, 2))
    assert looking.read(12) is None and looking.meter.found is None
    looking = Looking(sdm(0x70), sdm(0x70, 3, HOME, 2), address=2)
    assert looking.read(12) is not None and looking.meter.found[1] == 2


def test_beside_others_the_line_is_theirs():
    looking = Looking(sdm(0x70, 3, (19200, 0, 1), 2), address=2, users=2)
    assert looking.read(8) is None
    assert set(looking.wires.lines) <= {HOME}
    looking = Looking(sdm(0x70, 3, HOME, 2), address=2, users=2)
    assert looking.read(8) is not None


def test_where_it_was_is_asked_first_and_not_believed():
    looking = Looking(sdm(0x70, 3, (38400, None, 1), 3), phases=3)
    looking.meter.found = ["em340", 3, 38400, None, 1]
    assert looking.read(3).energy_wh == 1234567
    assert looking.meter.found[0] == "sdm630"
    # It has moved since.
    looking = Looking(sdm(0x70))
    looking.meter.found = ["sdm630", 3, 38400, None, 1]
    assert looking.read(60) is not None and looking.meter.found == ["sdm630", 1, 9600, None, 1]
    # What a file may hold.
    nowhere = (["sdm630", "x", None, {}, []], ["no", 1, 9600, None, 1], [[], 1, 2, 3, 4])
    for found in nowhere + ({}, [], 7, "sdm630"):
        looking = Looking(sdm(0x70))
        looking.meter.found = found
        assert looking.read(20) is not None, found


def test_another_meter_in_its_place_is_read_by_its_own_registers():
    looking = Looking(sdm(0x70))
    assert looking.read(9) is not None
    looking.wires.devices[0].dead = True
    assert looking.read(4) is None
    looking.wires.devices = (named(tables.carlo_gavazzi_three(), 0x000B, 341),)
    assert looking.read(9).energy_wh == 4711200
    assert looking.meter.found[0] == "em340"


def test_a_search_that_is_cancelled_again_and_again_comes_to_its_end():
    looking = Looking(sdm(0x70))

    async def hasty(patience_s):
        reading = asyncio.create_task(looking.meter.read())
        await asyncio.sleep(patience_s)
        reading.cancel()
        try:
            return await reading
        except asyncio.CancelledError:
            return None

    with Quick():
        for count in range(400):
            # More each time: on a machine that has more to do a question takes longer.
            if run(hasty(0.03 + count / 2000)) is not None:
                break
            looking.bus._lock = asyncio.Lock()  # of the loop of before
    assert looking.meter.found is not None


# --- where it is kept ---


class Shelf:
    def __init__(self, value=None):
        self.value = value
        self.saves = 0

    def load(self):
        return self.value

    def save(self, value):
        self.saves += 1
        self.value = dict(value)


class Plain:
    pass


def test_what_was_found_is_kept_once():
    looking = Looking(sdm(0x70))
    shelf = Shelf()
    kept = KeptMeters(shelf, [Plain(), looking.meter])
    kept.keep()
    assert shelf.saves == 0
    assert looking.read(9) is not None
    kept.keep()
    kept.keep()
    assert shelf.saves == 1 and shelf.value == {"2": ["sdm630", 1, 9600, None, 1]}
    again = Looking(sdm(0x70))
    KeptMeters(Shelf(shelf.value), [Plain(), again.meter])
    assert again.meter.found == ["sdm630", 1, 9600, None, 1]
    for nonsense in ([], "x", {"2": 7}):
        KeptMeters(Shelf(nonsense), [Plain(), again.meter])
