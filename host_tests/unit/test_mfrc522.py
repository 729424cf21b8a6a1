# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.rfid.mfrc522: each presentation of a tag is told once, whatever the chip does in between."""

from hal.rfid import mfrc522
from host_tests.unit import reader_desk
from host_tests.unit.mfrc522_chip import Chip, Tag

FOUR = Tag(b"\x04\xa1\xb2\xc3")
SEVEN = Tag(b"\x04\x11\x22\x33\x44\x55\x66")
TEN = Tag(b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09")


class Desk(reader_desk.Desk):
    def __init__(self):
        super().__init__(mfrc522)
        self.chip = Chip()
        self.reader = mfrc522.Mfrc522(self.chip, self.chip.select, self.chip.reset)

    def put(self, tag):
        self.chip.tag = tag


def test_uids_of_all_lengths_are_read():
    for tag, text in ((FOUR, "04A1B2C3"), (SEVEN, "04112233445566"), (TEN, "00010203040506070809")):
        desk = Desk()
        desk.put(tag)
        desk.live(2000)
        assert desk.told == [text]


def test_a_tag_that_stays_is_told_once_and_again_after_it_was_away():
    desk = Desk()
    desk.put(FOUR)
    desk.live(10000)
    assert desk.told == ["04A1B2C3"]
    desk.live(3000, ((0, lambda: desk.put(None)), (500, lambda: desk.put(FOUR))))
    assert desk.told == ["04A1B2C3"]  # away for half a second: the hand trembled
    desk.live(5000, ((0, lambda: desk.put(None)), (2500, lambda: desk.put(FOUR))))
    assert desk.told == ["04A1B2C3"] * 2


def test_another_tag_is_told_at_once():
    desk = Desk()
    desk.put(FOUR)
    desk.live(2000, ((1000, lambda: desk.put(SEVEN)),))
    assert desk.told == ["04A1B2C3", "04112233445566"]


def test_damaged_answers_tell_nothing():
    for spoil in (
        lambda answer: answer[:-1],
        lambda answer: bytes((answer[0] ^ 1,)) + answer[1:],
        lambda answer: answer + b"\x00" * 20,
        lambda answer: None,
    ):
        desk = Desk()
        desk.put(FOUR)
        desk.chip.spoil = lambda answer, spoil=spoil: spoil(answer) if len(answer) > 2 else answer
        desk.live(3000)
        assert desk.told == []
        desk.chip.spoil = lambda answer: answer
        desk.live(3000)
        assert desk.told == ["04A1B2C3"]


def test_a_tag_that_never_ends_its_uid_is_no_tag():
    desk = Desk()
    tag = Tag(b"\x04\xa1\xb2\xc3")
    tag.parts = [b"\x88\x01\x02\x03"] * 4
    desk.put(tag)
    desk.live(2000)
    assert desk.told == []


def test_a_chip_that_hangs_is_noticed_reset_and_comes_back():
    desk = Desk()
    desk.live(1000)
    assert not desk.reader.silent()
    desk.chip.curable = False
    desk.chip.version = 0
    desk.live(30000)
    assert desk.reader.silent() and desk.chip.resets >= 3
    desk.chip.curable = True
    desk.put(FOUR)
    desk.live(15000)
    assert not desk.reader.silent() and desk.told == ["04A1B2C3"]


def test_a_chip_that_forgets_its_set_up_is_set_up_again():
    desk = Desk()
    desk.live(2000)
    desk.chip.set_up = {}  # brown-out: it answers, and hears no tag
    desk.live(310000)
    desk.put(FOUR)
    desk.live(2000)
    assert desk.told == ["04A1B2C3"]


def test_the_antenna_is_off_between_two_polls():
    desk = Desk()
    desk.live(2000)
    assert not desk.chip.antenna


def test_of_two_tags_at_once_none_is_told():
    desk = Desk()
    desk.put(FOUR)
    desk.chip.second = Tag(b"\x04\xa1\xb2\xff")
    desk.live(3000)
    assert desk.told == []
    desk.chip.second = None
    desk.live(3000)
    assert desk.told == ["04A1B2C3"]
    # A second one beside it for three seconds: it was there all the time.
    desk.live(
        8000,
        (
            (1000, lambda: setattr(desk.chip, "second", SEVEN)),
            (4000, lambda: setattr(desk.chip, "second", None)),
        ),
    )
    assert desk.told == ["04A1B2C3"]


def test_a_tag_that_is_swapped_and_swapped_back_within_the_second():
    desk = Desk()
    desk.put(FOUR)
    desk.live(4000, ((1000, lambda: desk.put(SEVEN)), (1700, lambda: desk.put(FOUR))))
    assert desk.told == ["04A1B2C3", "04112233445566"]


def test_a_phone_with_another_uid_at_every_look_is_told_once():
    desk = Desk()
    phones = [Tag(bytes((8, 1, 2, number))) for number in range(50)]
    desk.live(8000, [(150 * number, lambda tag=tag: desk.put(tag)) for number, tag in enumerate(phones)])
    assert len(desk.told) == 1


def test_one_wrong_answer_of_the_chip_is_no_failure():
    desk = Desk()
    desk.live(2000)
    begun = desk.chip.resets
    desk.chip.version = 0  # its reset cures it
    desk.live(5500)
    assert not desk.reader.silent() and desk.chip.resets == begun + 1


def test_a_dip_of_the_supply_shows_within_seconds():
    desk = Desk()
    desk.live(2000)
    desk.chip.set_up = {}
    desk.live(6000)
    desk.put(FOUR)
    desk.live(1000)
    assert desk.told == ["04A1B2C3"] and not desk.reader.silent()


def test_how_soon_a_chip_that_hangs_is_noticed():
    desk = Desk()
    desk.live(2000)
    desk.chip.curable = False
    desk.chip.version = 0
    desk.live(6000)
    assert desk.reader.silent()
