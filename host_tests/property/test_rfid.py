# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.rfid: lines that bring anything, and tags that come and go in any order."""

from hypothesis import given
from hypothesis import strategies as st

from hal.rfid import pn532_frame, rdm6300
from hal.rfid.pn532_frame import ACK, DAMAGED, NACK
from hal.rfid.presence import UNREAD, Presence
from hal.ticks import ticks_add
from host_tests.unit.pn532_chip import framed

NASTY = st.lists(st.sampled_from([0x00, 0xFF, 0x02, 0x03, 0x30, 0x41, 0xD5, 0x4B]), max_size=80).map(bytes)
NOISE = NASTY | st.binary(max_size=80)


@given(NOISE)
def test_whatever_a_pn532_sends_it_is_read_to_its_end(data):
    looks = 0
    while True:
        found, used = pn532_frame.take(data)
        assert 0 <= used <= len(data)
        if found is None:
            assert len(data) - used < 75  # what it waits with
            return
        assert used > 0
        pn532_frame.answer(found, 0x4A)
        data = data[used:]
        looks += 1
        assert looks < 100


@given(NASTY, st.binary(min_size=1, max_size=60))
def test_behind_any_noise_a_frame_is_found(noise, body):
    # A head in the noise may claim bytes that the frame then fills: with the next two it is over.
    data = noise + framed(b"\xd5" + body) * 4
    found = []
    while True:
        one, used = pn532_frame.take(data)
        if one is None:
            break
        found.append(one)
        data = data[used:]
    assert b"\xd5" + body in found


@given(st.binary(max_size=60))
def test_a_list_of_targets_is_a_uid_or_none(data):
    found = pn532_frame.tag_in(data)
    assert found in (None, UNREAD) or len(found) in (8, 14, 20)


@given(NOISE, st.binary(min_size=5, max_size=5))
def test_an_em4100_tag_among_noise(noise, uid):
    assert rdm6300.tag_in(noise) is None or len(noise) == 14
    check = uid[0] ^ uid[1] ^ uid[2] ^ uid[3] ^ uid[4]
    frame = b"\x02" + (uid + bytes((check,))).hex().upper().encode() + b"\x03"

    class Line:
        waiting = noise + frame

        def any(self):
            return len(self.waiting)

        def read(self, count):
            data, self.waiting = self.waiting[:count], self.waiting[count:]
            return data

    reader = rdm6300.Rdm6300(Line())
    found = [reader._next() for _ in range(40)]
    assert uid.hex().upper() in found


FOUND = st.sampled_from(["04A1B2C3", "04112233445566", "08010203", "08FFEEDD", UNREAD, None, None])


@given(st.lists(st.tuples(st.integers(1, 700), FOUND), max_size=60), st.integers(0, (1 << 30) - 1))
def test_presentations_of_one_tag_are_a_second_apart(looks, start):
    presence = Presence()
    now, elapsed = start - (1 << 29), 0
    last_read, told = {}, set()
    for after_ms, uid in looks:
        now, elapsed = ticks_add(now, after_ms), elapsed + after_ms
        new = presence.presented(uid, now)
        if not uid:
            assert not new
            continue
        key = "random" if uid.startswith("08") else uid
        if new and key in last_read:
            assert elapsed - last_read[key] > 1000
        assert new or key in told  # nobody is passed over
        told.add(key)
        last_read[key] = elapsed


def test_the_constants_are_no_frames():
    for one in (ACK, NACK, DAMAGED):
        assert pn532_frame.answer(one, 0x4A) is None
