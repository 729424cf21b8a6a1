# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.rfid.pn532 on both of its lines: each presentation is told once, whatever the chip does in between."""

from hal.rfid import pn532
from hal.rfid.pn532_frame import ACK, frame
from hal.rfid.pn532_line import I2cLine, UartLine
from host_tests.unit.pn532_chip import Chip, I2c, Uart, framed
from host_tests.unit.reader_desk import Desk

FOUR = b"\x04\xa1\xb2\xc3"
SEVEN = b"\x04\x11\x22\x33\x44\x55\x66"
TEN = b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09"
LINES = ("i2c", "uart")


def desk_of(line, with_reset=True):
    desk = Desk(pn532)
    desk.chip = chip = Chip(lambda: desk.now)
    desk.on_wait = chip.waited
    desk.uart = Uart(chip)
    made = I2cLine(I2c(chip)) if line == "i2c" else UartLine(desk.uart)
    desk.reader = pn532.Pn532(made, chip.reset if with_reset else None, 2)
    return desk


def put(desk, *tags):
    return lambda: setattr(desk.chip, "tags", list(tags))


def test_uids_of_all_lengths_are_read():
    for line in LINES:
        for tag, text in ((FOUR, "04A1B2C3"), (SEVEN, "04112233445566"), (TEN, "00010203040506070809")):
            desk = desk_of(line)
            put(desk, tag)()
            desk.live(2000)
            assert desk.told == [text] and not desk.reader.silent()


def test_the_chip_is_told_to_give_up_and_to_ask_for_nothing_more():
    for line in LINES:
        desk = desk_of(line)
        desk.live(1000)
        chip = desk.chip
        assert chip.normal_mode and chip.retries == 2 and not chip.automatic_rats
        assert chip.commands[0] == b"\x02" and b"\x4a\x02\x00" in chip.commands
        assert chip.aborts == 1  # at the beginning


def test_the_field_is_off_between_two_looks():
    desk = desk_of("i2c")
    desk.live(3000)
    looks = [command for command in desk.chip.commands if command[0] == 0x4A]
    offs = [command for command in desk.chip.commands if command == b"\x32\x01\x00"]
    assert len(looks) > 8 and 0 <= len(looks) - len(offs) <= 1


def test_a_tag_that_stays_for_minutes_is_told_once_and_again_after_it_was_away():
    for line in LINES:
        desk = desk_of(line)
        put(desk, FOUR)()
        desk.live(4 * 60000)
        assert desk.told == ["04A1B2C3"]
        desk.live(3000, ((0, put(desk)), (500, put(desk, FOUR))))
        assert desk.told == ["04A1B2C3"]
        desk.live(5000, ((0, put(desk)), (2500, put(desk, FOUR))))
        assert desk.told == ["04A1B2C3"] * 2


def test_a_tag_in_the_place_of_another_is_told_at_once():
    desk = desk_of("uart")
    put(desk, FOUR)()
    desk.live(3000, ((1000, put(desk, SEVEN)), (1600, put(desk, FOUR))))
    assert desk.told == ["04A1B2C3", "04112233445566"]  # the first one was never away for a second


def test_of_two_tags_at_once_none_is_told():
    for line in LINES:
        desk = desk_of(line)
        put(desk, FOUR, TEN)()
        desk.live(3000)
        assert desk.told == []
        put(desk, TEN)()
        desk.live(3000, ((1500, put(desk, TEN, FOUR)), (2900, put(desk, TEN))))
        assert desk.told == ["00010203040506070809"]


def test_a_phone_with_another_uid_at_every_look_is_told_once():
    made = []

    def phone():
        made.append(bytes((8, 1, 2, len(made) & 0xFF)))
        return made[-1]

    desk = desk_of("i2c")
    put(desk, phone)()
    desk.live(10000)
    assert len(made) > 20 and desk.told == ["08010200"]


def test_a_transfer_takes_less_than_five_milliseconds():
    for spoil in (lambda frame: frame, lambda frame: frame[:-3], lambda frame: frame + frame):
        desk = desk_of("i2c")
        put(desk, TEN, TEN)()
        # What is set up is to be right.
        desk.chip.spoil = lambda frame, spoil=spoil: spoil(frame) if len(frame) > 20 else frame
        desk.live(5000)
        assert 3500 < desk.chip.longest_us <= 3800  # and the chip may stretch the clock by one


def test_a_bus_that_hangs_is_waited_for_five_milliseconds_at_a_time():
    desk = desk_of("i2c", with_reset=False)
    desk.live(1000)
    desk.chip.hangs = True
    desk.live(60000)
    assert desk.reader.silent() and desk.chip.longest_us == 5000


def test_a_chip_that_hangs_is_noticed_reset_and_comes_back():
    for line in LINES:
        desk = desk_of(line)
        desk.live(1000)
        assert not desk.reader.silent()
        desk.chip.curable = False
        desk.chip.hangs = True
        begun = desk.chip.resets
        desk.live(30000)
        assert desk.reader.silent() and 3 <= desk.chip.resets - begun <= 8
        desk.chip.curable = True
        put(desk, FOUR)()
        desk.live(15000)
        assert not desk.reader.silent() and desk.told == ["04A1B2C3"]


def test_a_reader_without_a_reset_pin_comes_back_by_itself():
    for line in LINES:
        desk = desk_of(line, with_reset=False)
        desk.chip.absent = True
        desk.live(10000)
        assert desk.reader.silent()
        desk.chip.absent = False
        put(desk, FOUR)()
        desk.live(15000)
        assert not desk.reader.silent() and desk.told == ["04A1B2C3"]


def test_one_hiccup_is_no_failure():
    for line in LINES:
        desk = desk_of(line)
        desk.live(1000)
        desk.chip.hangs = True  # its reset cures it
        desk.live(3000)
        assert not desk.reader.silent() and desk.chip.resets == 2


def test_a_chip_that_forgets_its_set_up_is_set_up_again():
    for line in LINES:
        desk = desk_of(line)
        desk.live(2000)
        desk.chip.brown_out()
        desk.live(3000)
        put(desk, FOUR)()
        desk.live(2000)
        assert desk.told == ["04A1B2C3"] and desk.chip.retries == 2


def test_it_is_set_up_anew_now_and_then_but_not_under_a_tag():
    desk = desk_of("i2c")
    put(desk, FOUR)()
    desk.live(400000)
    assert desk.chip.resets == 1
    put(desk)()
    desk.live(5000)
    assert desk.chip.resets == 2


def test_damaged_answers_tell_nothing_and_are_asked_for_once_more():
    def bad_sum(frame):
        return frame[:-2] + bytes((frame[-2] ^ 1,)) + frame[-1:]

    for line in LINES:
        for spoil in (
            bad_sum,
            lambda frame: frame[:-4],
            lambda frame: frame[:3] + b"\xff\x01" + frame[5:],
            lambda frame: b"",
            lambda frame: None,
            lambda frame: bytes(len(frame)),
            lambda frame: b"\xff" * 40,
            lambda frame: b"\x00\x00\xff\x01\xff\x7f\x81\x00",  # it has not understood
            lambda frame: b"\x00\x00\xff\x04\xfc\xd5\x07\x01\x02\x21\x00",  # the answer to ReadRegister
            lambda frame: b"\x00\xff" * 30,
        ):
            desk = desk_of(line)
            desk.live(1000)
            put(desk, FOUR)()
            desk.chip.spoil = spoil
            desk.live(4000)
            assert desk.told == [] and desk.reader.silent()
            desk.chip.spoil = lambda frame: frame
            desk.live(12000)
            assert desk.told == ["04A1B2C3"] and not desk.reader.silent()
        desk = desk_of(line)
        desk.live(1000)
        put(desk, FOUR)()
        bad = [1]

        def once(frame, bad=bad):
            return bad_sum(frame) if bad and not bad.clear() else frame

        desk.chip.spoil = once
        desk.live(1000)
        assert desk.told == ["04A1B2C3"] and desk.chip.nacks == 1


def test_late_answers():
    for line in LINES:
        desk = desk_of(line)
        put(desk, FOUR)()
        desk.chip.ack_ms, desk.chip.late_ms = 15, 200
        desk.live(6000)
        assert desk.told == ["04A1B2C3"] and not desk.reader.silent()
        desk = desk_of(line)
        put(desk, FOUR)()
        desk.chip.late_ms = 400  # that is no answer
        desk.live(6000)
        assert desk.told == [] and desk.reader.silent()


def test_a_main_loop_that_was_elsewhere_finds_what_has_come():
    for line in LINES:
        desk = desk_of(line)
        put(desk, FOUR)()
        desk.live(1000)
        begun = desk.chip.resets

        def stall(desk=desk):
            desk.stall_ms = 1200

        desk.live(60000, [(at, stall) for at in range(100, 55000, 1733)])
        assert desk.told == ["04A1B2C3"] and desk.chip.resets == begun


def test_noise_on_the_line_is_passed_over():
    desk = desk_of("uart")
    put(desk, FOUR)()
    noises = (b"\xff\x00\x55", b"\x00\x00\xff\x07\xf9", b"\x00\xff\x00\xff", b"\xd5\x4b" * 200, b"\x00" * 300)

    def noise(data):
        return lambda: setattr(desk.uart, "noise", data)

    desk.live(40000, [(500 + 37 * n, noise(noises[n % 5])) for n in range(1000)])
    assert desk.told == ["04A1B2C3"]
    desk.live(10000)
    assert not desk.reader.silent() and desk.told == ["04A1B2C3"]


def test_another_chip_at_the_address_is_no_reader():
    desk = desk_of("i2c")
    desk.chip.ic = 0x07
    desk.live(3000)
    assert desk.reader.silent()


def test_what_came_before_a_question_is_no_answer_to_it():
    desk = desk_of("uart")
    line = UartLine(desk.uart)
    desk.chip.awake = True
    stale = framed(b"\xd5\x4b\x01\x01\x00\x04\x20\x04" + FOUR)
    desk.uart.noise = stale[:9]
    assert line.receive(41) is None
    desk.uart.noise = stale[9:] + stale
    line.send(frame(b"\x02"))
    assert line.receive(41) is None
    desk.now += 1
    assert line.receive(41) == ACK


def test_how_soon_it_is_noticed():
    for line in LINES:
        desk = desk_of(line)
        desk.live(2000)
        desk.chip.curable = False
        desk.chip.hangs = True
        desk.live(2000)
        assert desk.reader.silent()
