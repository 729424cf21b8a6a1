# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.rfid.iso14443: the frames by which a tag tells its UID."""

from hal.rfid import iso14443


def test_crc_a_is_that_of_the_standard():
    # ISO/IEC 14443-3 annex B: two examples.
    assert iso14443.crc_a(b"\x00\x00") == 0x1EA0
    assert iso14443.with_crc(b"\x12\x34") == b"\x12\x34\x26\xcf"


def test_a_halt_frame_has_its_known_crc():
    assert iso14443.with_crc(b"\x50\x00") == b"\x50\x00\x57\xcd"


def test_parts_are_checked():
    assert iso14443.part(b"\x04\xa1\xb2\xc3" + bytes((0x04 ^ 0xA1 ^ 0xB2 ^ 0xC3,))) == b"\x04\xa1\xb2\xc3"
    assert iso14443.part(b"\x04\xa1\xb2\xc3\x00") is None
    assert iso14443.part(b"\x04\xa1\xb2") is None
    assert iso14443.part(b"") is None


def test_a_selection_carries_check_byte_and_crc():
    frame = iso14443.select(1, b"\x01\x02\x03\x04")
    assert frame[:7] == b"\x95\x70\x01\x02\x03\x04\x04"
    assert iso14443.crc_a(frame[:7]) == frame[7] | frame[8] << 8


def test_sak_is_checked():
    assert iso14443.sak(iso14443.with_crc(b"\x08")) == 0x08
    assert iso14443.sak(b"\x08\x00\x00") is None
    assert iso14443.sak(b"\x08") is None
