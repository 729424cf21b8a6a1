# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.rfid.presence: what is a presentation, and what becomes of a reader that does not answer."""

from hal.rfid.presence import UNREAD, Presence
from hal.ticks import ticks_add
from hal.uid import is_random, text

A, B, C = "04A1B2C3", "04112233445566", "05060708"
START = (1 << 29) - 2000  # the ticks wrap soon after


def told(looks, presence=None, at=START):
    """`looks`: (milliseconds after the one before, what is found) ..."""
    presence = presence or Presence()
    found = []
    for after_ms, uid in looks:
        at = ticks_add(at, after_ms)
        if presence.presented(uid, at):
            found.append(uid)
    return found


def test_uids_as_text():
    assert text(b"\x00\x0a\xff\x01") == "000AFF01"
    assert len(text(bytes(10))) == 20


def test_random_uids():
    assert is_random("08010203") and is_random("08FFFFFF")
    for uid in ("18010203", "80010203", "08010203040506", "0801020304", "04A1B208", "08", ""):
        assert not is_random(uid), uid


def test_a_tag_is_told_once_while_it_stays():
    assert told([(150, A)] * 10000) == [A]
    assert told([]) == [] and told([(150, None)] * 10) == []


def test_a_second_of_absence():
    assert told([(0, A), (150, None), (900, None), (50, A)]) == [A]
    assert told([(0, A), (150, None), (990, None), (10, A)]) == [A]
    assert told([(0, A), (150, None), (1000, None), (10, A)]) == [A, A]


def test_each_absence_counts_by_itself():
    flicker = [(150, None), (600, A)]
    assert told([(0, A)] + flicker * 20) == [A]
    assert told([(0, A), (150, None), (500, UNREAD), (700, None), (100, A)]) == [A]
    # A field that cannot be read counts from when the tag was last read, not from when it came.
    assert told([(0, A)] + [(150, A)] * 400 + [(150, UNREAD)] * 20 + [(150, None), (150, A)]) == [A]


def test_time_in_which_nobody_looked_is_no_absence():
    assert told([(0, A), (5000, A), (5000, None), (100, A)]) == [A]


def test_swapped_and_swapped_back():
    assert told([(0, A), (150, B)]) == [A, B]
    assert told([(0, A), (150, B), (150, A), (150, B), (150, A)]) == [A, B]
    assert told([(0, A), (150, B), (900, B), (150, B), (150, A)]) == [A, B, A]


def test_of_many_tags_some_are_forgotten_and_none_missed():
    many = ["0400000%d" % number for number in range(9)]
    presence = Presence()
    assert told([(10, uid) for uid in many], presence) == many
    assert len(presence._there) <= 4


def test_a_field_that_cannot_be_read_is_no_absence():
    assert told([(0, A)] + [(150, UNREAD)] * 100 + [(150, A)]) == [A]
    # But not for ever: in noise somebody who comes back is to be heard.
    assert told([(0, A)] + [(150, UNREAD)] * 250 + [(150, A)]) == [A, A]
    assert told([(150, UNREAD)] * 20) == []
    assert told([(150, UNREAD)] * 20 + [(150, B)]) == [B]


def test_a_phone_is_one_tag_whatever_it_says():
    looks = [(150, "08%06X" % number) for number in range(100)]
    assert told(looks) == ["08000000"]
    assert told(looks + [(150, None), (1200, None), (150, "08ABCDEF")]) == ["08000000", "08ABCDEF"]
    assert told([(0, "08010203"), (150, A), (150, "08020304")]) == ["08010203", A]


def test_a_tag_that_lies_there_for_a_week_is_still_the_same():
    presence = Presence()
    at = START
    assert presence.presented(A, at)
    for _ in range(200):
        at = ticks_add(at, 3600000)
        assert not presence.presented(A, at)
    assert not presence.presented(None, at) and not presence.presented(None, ticks_add(at, 1000))
    assert presence.presented(A, ticks_add(at, 1100))


def test_when_a_reader_is_set_up():
    presence = Presence()
    assert presence.must_begin(START)
    assert not presence.must_begin(ticks_add(START, 299999))
    presence.presented(A, ticks_add(START, 299999))
    assert not presence.must_begin(ticks_add(START, 300001))  # a tag is there
    at = ticks_add(START, 300002)
    presence.presented(None, at)
    presence.presented(None, ticks_add(at, 1000))
    assert presence.must_begin(ticks_add(at, 1001))
    assert not presence.must_begin(ticks_add(at, 1002))
    # After a week under a tag the ticks have come round.
    assert presence.must_begin(ticks_add(ticks_add(at, 1 << 28), 1 << 28))


def test_silence_and_what_ends_it():
    presence = Presence()
    presence.must_begin(START)
    assert presence.answered(True, START) and not presence.silent
    assert not presence.answered(False, START) and not presence.silent
    assert presence.must_begin(START)
    assert presence.answered(True, START)
    for _ in range(3):
        assert not presence.answered(False, START)
        assert presence.must_begin(START)
    assert presence.silent
    assert presence.answered(True, START) and not presence.silent
    assert not presence.answered(False, START) and not presence.silent


def test_a_tag_on_a_reader_that_was_silent():
    for silent_ms, again in ((20000, []), (65000, [A])):
        presence = Presence()
        presence.presented(A, START)
        at = START
        for _ in range(silent_ms // 5000 + 2):
            presence.answered(False, at)
            at = ticks_add(at, 5000)
        assert presence.silent and presence.answered(True, at)
        assert told([(0, A), (150, A)], presence, at) == again
