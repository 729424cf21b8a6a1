# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
from ocpp16 import utf8

GOOD = (
    b"",
    b"plain",
    "\u00e9\u07ff\u0800\ud7ff\ue000\uffff".encode(),
    "\U00010000\U0010ffff".encode(),
    b"\x00\x7f",
)

BAD = (
    b"\x80",
    b"a\xbf",
    b"\xc3",
    b"\xc3a",
    b"\xc0\x80",  # overlong
    b"\xc1\xbf",
    b"\xe0\x80\x80",
    b"\xe0\x9f\xbf",
    b"\xf0\x80\x80\x80",
    b"\xf0\x8f\xbf\xbf",
    b"\xed\xa0\x80",  # surrogates
    b"\xed\xbf\xbf",
    b"\xf4\x90\x80\x80",  # above U+10FFFF
    b"\xf5\x80\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xff",
    b"\xe2\x82",
    b"\xf0\x9f\x94",
)


def test_known_cases():
    for data in GOOD:
        assert utf8.is_valid(data), data
        assert utf8.is_valid(memoryview(data)), data
    for data in BAD:
        assert not utf8.is_valid(data), data
        assert not utf8.is_valid(b"ok" + data), data
        assert not utf8.is_valid(data + b"ok"), data


def test_text_longer_than_a_piece_is_cut_between_characters():
    for before in range(505, 515):
        for char in ("\u00e9", "\u20ac", "\U0001f50c"):
            good = b"x" * before + char.encode() + b"y" * 600
            assert utf8.is_valid(good)
            for bad in BAD:
                assert not utf8.is_valid(b"x" * before + bad), (before, bad)
    assert utf8.is_valid("\u20ac".encode() * 1000)
    assert not utf8.is_valid(b"a" + b"\x80" * 2000)


def in_pieces(data, size):
    """Whether it is taken when it comes so many bytes at a time."""
    cut = b""
    for at in range(0, len(data), size):
        cut = utf8.continues(memoryview(data)[at : at + size], cut)
        if cut is None:
            return False
        assert len(cut) < 4
    return cut == b""


def test_a_text_in_pieces():
    for size in (1, 2, 3, 4, 5, 600):
        for data in GOOD:
            assert in_pieces(data, size), (data, size)
            assert in_pieces(b"x" * 510 + data * 300, size), (data, size)
        for data in BAD:
            for text in (data, b"ok" + data, data + b"ok", b"x" * 510 + data + b"y" * 600):
                assert not in_pieces(text, size), (text, size)
