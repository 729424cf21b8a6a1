# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.meter.modbus: one question at a time on wires where anything may be heard."""

import asyncio

from hal.meter import modbus
from hal.ticks import ticks_add, ticks_diff, ticks_ms
from host_tests.unit.event_loop import run
from host_tests.unit.meter_line import Device, Wires, integers

WORDS = integers({0: 0x12345678, 2: 0x9ABCDEF0, 4: 7})
ANSWER = b"\x12\x34\x56\x78"


def ask(wires, first=0, count=2, spare_ms=None, bus=None):
    """At once impatient: the tests of silence need not last."""
    bus = bus or modbus.Bus(wires)
    until = None if spare_ms is None else ticks_add(ticks_ms(), spare_ms)
    kept, modbus._ANSWER_MS = modbus._ANSWER_MS, 60
    try:
        return run(bus.read(1, 4, first, count, until))
    finally:
        modbus._ANSWER_MS = kept


def bitwise(data):
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def test_the_crc_has_the_known_values():
    assert modbus.crc16(b"\x01\x04\x00\x00\x00\x02") == 0xCB71
    assert modbus.request(1, 4, 0, 2) == b"\x01\x04\x00\x00\x00\x02\x71\xcb"
    assert modbus.framed(b"\x01\x04\x04\x43\x66\x33\x34")[-2:] == b"\x1b\x38"
    assert modbus.framed(b"\xf8\x06\x00\x02\x00\x01")[-2:] == b"\xfd\xa3"
    data = bytes([(17 * index + 3) & 0xFF for index in range(256)])
    for end in range(0, 256, 5):
        assert modbus.crc16(data[:end]) == bitwise(data[:end])


def test_a_good_answer():
    assert ask(Wires(Device(WORDS))) == ANSWER


def _most_at_once(heard, count):
    """The most places that are looked at, and bytes that are checked, before another task has its turn."""
    wires = Wires(Device(WORDS))
    wires.spoil = lambda frame: heard
    wires.piece = 256
    most = [0, 0]
    now = [0, 0]
    kept = modbus.fits, modbus.crc16

    def fits(view, head, length):
        now[0] += 1
        return kept[0](view, head, length)

    def crc16(data):
        now[1] += len(data)
        return kept[1](data)

    async def others():
        while True:
            for index in (0, 1):
                most[index] = max(most[index], now[index])
                now[index] = 0
            await asyncio.sleep(0)

    async def both():
        other = asyncio.create_task(others())
        try:
            return await modbus.Bus(wires).read(1, 4, 0, count)
        finally:
            other.cancel()

    kept_ms, modbus._ANSWER_MS = modbus._ANSWER_MS, 60
    modbus.fits, modbus.crc16 = fits, crc16
    try:
        assert run(both()) is None
    finally:
        modbus.fits, modbus.crc16 = kept
        modbus._ANSWER_MS = kept_ms
    return most


def test_others_have_their_turn_while_a_full_buffer_is_looked_through():
    places, _ = _most_at_once(b"\x07\x09\x03\x01\xc8" * 51, 2)
    assert 16 < places <= 40
    _, checked = _most_at_once(b"\x01\x04\xa0\x00\x01" * 51, 80)
    assert 160 < checked < 2 * 160  # one whole answer that is none
    places, checked = _most_at_once(b"\x01\x04\x04" * 85, 2)
    assert places <= 40 and checked <= 40


def test_what_is_no_answer_is_none():
    answer = Device(WORDS).answer(modbus.request(1, 4, 0, 2))
    flipped = answer[:4] + bytes((answer[4] ^ 1,)) + answer[5:]
    foreign = modbus.framed(b"\x02\x04\x04" + ANSWER)
    other = modbus.framed(b"\x01\x03\x04" + ANSWER)
    longer = modbus.framed(b"\x01\x04\x06" + ANSWER + b"\x00\x00")
    for heard in (answer[:-1], flipped, foreign, other, longer, b"", b"\x00" * 40, b"\x01\x04\x04" * 80):
        wires = Wires(Device(WORDS))
        wires.spoil = lambda frame, heard=heard: heard
        bus = modbus.Bus(wires)
        assert ask(wires, bus=bus) is None, heard
        assert (bus.heard > 0) == (heard != b"") and not bus.refused


def test_the_answer_is_found_behind_what_is_none():
    """Noise, another's frame, the late answer to another question, and a beginning that looks like ours."""
    late = modbus.framed(b"\x01\x04\x06" + bytes(6))
    foreign = modbus.framed(b"\x02\x04\x04" + ANSWER)
    for before in (b"\x00", b"\xff\x01", b"\x01\x04\x04", late, foreign, late + foreign + b"\x01"):
        for piece in (4, 7, 255):
            wires = Wires(Device(WORDS))
            wires.piece = piece
            wires.spoil = lambda frame, before=before: before + frame
            assert ask(wires) == ANSWER, before


def test_a_transceiver_that_hears_itself():
    wires = Wires(Device(WORDS))
    wires.echo = True
    for piece in (4, 7, 255):
        wires.piece = piece
        assert ask(wires) == ANSWER
    wires.devices[0].dead = True
    assert ask(wires) is None  # what we have said is no answer


def test_an_exception_ends_the_question_and_busy_does_not():
    device = Device(WORDS)
    wires = Wires(device)
    bus = modbus.Bus(wires)
    assert ask(wires, 100, 2, 1000, bus) is None
    assert bus.refused == 2 and len(wires.sent) == 1
    answers = [device.refuses(4, 6), None]
    wires.spoil = lambda frame: answers.pop(0) or frame
    assert ask(wires, 0, 2, 1000, bus) == ANSWER
    assert not bus.refused


def test_a_lost_question_is_asked_again_within_its_time():
    wires = Wires(Device(WORDS))
    lost = [b"", b"\x01\x04"]
    wires.spoil = lambda frame: lost.pop(0) if lost else frame
    assert ask(wires, spare_ms=600) == ANSWER
    assert len(wires.sent) == 3
    wires.devices[0].dead = True
    begun = ticks_ms()
    assert ask(wires, spare_ms=300) is None
    assert ticks_diff(ticks_ms(), begun) < 500


def test_a_late_answer_is_not_taken_for_that_to_another_question():
    wires = Wires(Device(WORDS))
    bus = modbus.Bus(wires)
    late = []
    wires.spoil = lambda frame: late.append(frame) or b""
    assert ask(wires, 0, 2, bus=bus) is None
    wires.spoil = lambda frame: late.pop() + frame  # after the question for one register more
    assert ask(wires, 2, 3, bus=bus) == b"\x9a\xbc\xde\xf0\x00\x00"
    wires.spoil = lambda frame: frame
    wires.waiting = modbus.framed(b"\x01\x04\x04" + bytes(4))  # while nobody listens
    assert ask(wires, bus=bus) == ANSWER


class Babble(Wires):
    def any(self):
        return 3

    def readinto(self, view):
        view[:3] = b"\x55\x01\x04"
        return 3


def test_wires_that_are_never_still_keep_nobody():
    begun = ticks_ms()
    wires = Babble(Device(WORDS))
    bus = modbus.Bus(wires)
    assert ask(wires, bus=bus) is None
    assert ticks_diff(ticks_ms(), begun) < 400 and wires.sent == [] and bus.heard
    # And none waits for ever behind it.
    assert bus._lock.locked() is False


class Driver:
    def __init__(self, wires):
        self.wires = wires
        self.told = []

    def put(self, on):
        self.told.append((on, len(self.wires.sent)))


def test_the_direction_pin_is_on_while_the_question_leaves():
    wires = Wires(Device(WORDS))
    driver = Driver(wires)
    turns = [False, False, True]
    wires.txdone = lambda: turns.pop(0)
    assert ask(wires, bus=modbus.Bus(wires, 9600, driver)) == ANSWER
    assert driver.told == [(True, 0), (False, 1)] and turns == []


def test_a_controller_that_never_says_that_it_has_sent():
    wires = Wires(Device(WORDS))
    wires.never_done = True
    driver = Driver(wires)
    bus = modbus.Bus(wires, 9600, driver)
    begun = ticks_ms()
    assert ask(wires, bus=bus) is None
    assert ticks_diff(ticks_ms(), begun) < 400
    assert driver.told[-1][0] is False
    wires.never_done = False
    assert ask(wires, bus=bus) == ANSWER


def test_who_gives_up_waiting_leaves_the_wires_to_others():
    device = Device(WORDS)
    device.dead = True
    wires = Wires(device)
    driver = Driver(wires)
    bus = modbus.Bus(wires, 9600, driver)
    wires.never_done = True

    async def scenario():
        asking = asyncio.create_task(bus.read(1, 4, 0, 2, None, (2400, 0, 1)))
        await asyncio.sleep(0.05)
        asking.cancel()
        try:
            await asking
        except asyncio.CancelledError:
            pass
        assert driver.told[-1][0] is False
        assert wires.line == (9600, None, 1)
        wires.never_done = False
        device.dead = False
        return await bus.read(1, 4, 0, 2)

    assert run(scenario()) == ANSWER


def test_two_questions_at_once_follow_each_other():
    first, second = Device(WORDS), Device(integers({0: 5}), 2)
    bus = modbus.Bus(Wires(first, second))

    async def both():
        return await asyncio.gather(bus.read(1, 4, 0, 2), bus.read(2, 4, 0, 2))

    assert run(both()) == [ANSWER, b"\x00\x00\x00\x05"]


def test_another_line_for_one_question_and_for_good():
    wires = Wires(Device(WORDS, line=(2400, 0, 1)))
    bus = modbus.Bus(wires)
    assert ask(wires, bus=bus) is None
    assert run(bus.read(1, 4, 0, 2, None, (2400, 0, 1))) == ANSWER
    assert wires.line == (9600, None, 1)
    bus.use((2400, 0, 1))
    assert ask(wires, bus=bus) == ANSWER and wires.line == (2400, 0, 1)


def test_registers_are_written():
    device = Device(dict(WORDS))
    wires = Wires(device)
    bus = modbus.Bus(wires)
    assert run(bus.write(1, 2, b"\x00\x05", modbus.WRITE_ONE)) is True
    assert wires.sent[-1] == modbus.framed(b"\x01\x06\x00\x02\x00\x05") and device.words[2] == 5
    assert run(bus.write(1, 4, b"\x40\x00\x00\x00")) is True
    assert wires.sent[-1] == modbus.framed(b"\x01\x10\x00\x04\x00\x02\x04\x40\x00\x00\x00")
    assert device.words[4] == 0x4000
    # Another register than that was meant, a refusal, none.
    for spoil in (
        lambda frame: modbus.framed(b"\x01\x10\x00\x05\x00\x02"),
        lambda frame: device.refuses(16, 3),
        lambda frame: b"",
    ):
        wires.spoil = spoil
        assert run(bus.write(1, 4, b"\x40\x00\x00\x00")) is False


def test_an_echo_is_no_answer_to_a_write_once_it_is_known():
    device = Device(dict(WORDS))
    wires = Wires(device)
    wires.echo = True
    bus = modbus.Bus(wires)
    assert ask(wires, bus=bus) == ANSWER
    assert run(bus.write(1, 2, b"\x00\x05", modbus.WRITE_ONE)) is True
    device.dead = True
    assert run(bus.write(1, 2, b"\x00\x06", modbus.WRITE_ONE)) is False


def test_a_pzem_answers_at_the_general_address_with_its_own():
    device = Device(WORDS, 5)
    device.general = True
    assert run(modbus.Bus(Wires(device)).read(modbus.GENERAL, 4, 0, 2)) == ANSWER
