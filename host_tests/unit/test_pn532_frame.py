# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.rfid.pn532_frame: frames as the user manual has them, and what a line makes of them."""

from hal.rfid.pn532_frame import ACK, DAMAGED, NACK, answer, frame, tag_in, take
from hal.rfid.presence import UNREAD

VERSION = b"\x00\x00\xff\x06\xfa\xd5\x03\x32\x01\x06\x07\xe8\x00"


def test_commands_are_framed():
    for body, framed in (
        (b"\x02", b"\x00\x00\xff\x02\xfe\xd4\x02\x2a\x00"),
        (b"\x12\x14", b"\x00\x00\xff\x03\xfd\xd4\x12\x14\x06\x00"),
        (b"\x32\x05\x00\x01\x02", b"\x00\x00\xff\x06\xfa\xd4\x32\x05\x00\x01\x02\xf2\x00"),
    ):
        assert frame(body) == framed
        assert take(framed)[0] == b"\xd4" + body


def test_an_answer_is_found_whole_and_in_pieces():
    payload = b"\xd5\x03\x32\x01\x06\x07"
    assert take(VERSION) == (payload, len(VERSION) - 1)
    for cut in range(len(VERSION) - 1):
        found, used = take(VERSION[:cut])
        assert found is None
        assert take(VERSION[used:])[0] == payload  # what is passed over was nothing of it
    assert take(b"\xaa\x55\xff" + VERSION)[0] == payload
    assert answer(payload, 2) == b"\x32\x01\x06\x07"


def test_acknowledgements_and_what_follows():
    assert take(ACK)[0] == ACK and take(NACK)[0] == NACK
    found, used = take(ACK + VERSION)
    assert found == ACK and take((ACK + VERSION)[used:])[0] == b"\xd5\x03\x32\x01\x06\x07"


def test_damage():
    for at in range(3, len(VERSION) - 1):
        for bit in range(8):
            bad = bytearray(VERSION)
            bad[at] ^= 1 << bit
            found, used = take(bytes(bad))
            assert found == DAMAGED or answer(found, 2) is None, (at, bit)
            if found == DAMAGED:
                assert 0 < used <= 3
    # An extended frame, one of no bytes, one that is longer than anything that is asked for.
    for head in (b"\xff\xff", b"\x00\x00", b"\x41\xbf"):
        assert take(b"\x00\x00\xff" + head + bytes(80))[0] == DAMAGED


def test_a_frame_behind_a_damaged_one_is_found():
    data = VERSION[:-4] + VERSION
    for _ in range(9):
        found, used = take(data)
        if found:
            break
        data = data[used:]
    assert answer(found, 2) == b"\x32\x01\x06\x07"


def test_another_answer_is_none():
    for found in (None, b"", b"\xd5", b"\x7f", b"\xd4\x02", b"\xd5\x05\x32", ACK, NACK):
        assert answer(found, 2) is None
    assert answer(b"\xd5\x15", 0x14) == b""


def test_tags():
    assert tag_in(b"\x00") is None and tag_in(b"") is None
    assert tag_in(b"\x01\x01\x00\x04\x08\x04\x04\xa1\xb2\xc3") == "04A1B2C3"
    # With an answer to select behind it, which nobody asked for.
    assert tag_in(b"\x01\x01\x03\x44\x20\x07\x04\x11\x22\x33\x44\x55\x66\x02\x75") == "04112233445566"
    assert tag_in(b"\x01\x01\x00\x84\x20\x0a" + bytes(range(10))) == "00010203040506070809"
    for odd in (
        b"\x01",
        b"\x01\x01\x00\x04\x08",
        b"\x01\x01\x00\x04\x08\x04\x04\xa1\xb2",  # less than it says
        b"\x01\x01\x00\x04\x08\x00",
        b"\x01\x01\x00\x04\x08\x05\x04\xa1\xb2\xc3\xd4",
        b"\x01\x01\x00\x04\x08\xff\x04\xa1\xb2\xc3",
        b"\x02\x01\x00\x04\x08\x04\x04\xa1\xb2\xc3\x02\x00\x04\x08\x04\x01\x02\x03\x04",
        b"\xff\x01\x00\x04\x08\x04\x04\xa1\xb2\xc3",
    ):
        assert tag_in(odd) == UNREAD
