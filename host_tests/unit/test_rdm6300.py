# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.rfid.rdm6300: frames of tags among noise, and each presentation told once."""

from hal.rfid import rdm6300
from hal.rfid.rdm6300 import Rdm6300, tag_in
from host_tests.unit.reader_desk import Desk

GOOD = b"\x0262E3086CED08\x03"  # 62 ^ E3 ^ 08 ^ 6C ^ ED == 08
OTHER = b"\x021E00A1B2C3CE\x03"
LINE = 256  # bytes that its UART keeps


class Line:
    """A UART with the reader at its other end, which sends `frame` every 65 ms."""

    def __init__(self, desk):
        self.desk = desk
        self.frame = None
        self.waiting = b""
        self._next_at = desk.now

    def any(self):
        while self._next_at <= self.desk.now:
            self._next_at += 65
            if self.frame is not None:
                self.waiting = (self.waiting + self.frame)[:LINE]
        return len(self.waiting)

    def read(self, count):
        assert count > 0
        data, self.waiting = self.waiting[:count], self.waiting[count:]
        return data or None


def at_desk(frame=None):
    desk = Desk(rdm6300)
    desk.line = Line(desk)
    desk.line.frame = frame
    desk.reader = Rdm6300(desk.line)
    return desk


def send(desk, frame):
    return lambda: setattr(desk.line, "frame", frame)


def test_a_frame():
    assert tag_in(GOOD) == "62E3086CED" and tag_in(OTHER) == "1E00A1B2C3"
    assert tag_in(b"\x02000000000000\x03") == "0000000000"
    for bad in (
        b"",
        GOOD[:-1],
        GOOD + b"\x03",
        b"\x03" + GOOD[1:],
        GOOD[:-1] + b"\x02",
        GOOD.lower(),
        GOOD[:3] + b" " + GOOD[4:],
        GOOD[:3] + b"\xe3" + GOOD[4:],
        b"\x02GGGG00000000\x03",  # digits that are none, and would cancel each other
        b"\x02G0G000000000\x03",
    ):
        assert tag_in(bad) is None, bad
    for at in range(1, 13):
        for bit in range(8):
            bad = bytearray(GOOD)
            bad[at] ^= 1 << bit
            assert tag_in(bytes(bad)) is None, (at, bit)


def test_a_tag_is_told_once_while_it_stays_and_again_after_it_was_away():
    desk = at_desk(GOOD)
    desk.live(300000)
    assert desk.told == ["62E3086CED"]
    desk.live(3000, ((0, send(desk, None)), (600, send(desk, GOOD))))
    assert desk.told == ["62E3086CED"]
    desk.live(4000, ((0, send(desk, None)), (1500, send(desk, GOOD))))
    assert desk.told == ["62E3086CED"] * 2 and not desk.reader.silent()


def test_another_tag_is_told_at_once():
    desk = at_desk(GOOD)
    desk.live(3000, ((1000, send(desk, OTHER)), (1700, send(desk, GOOD))))
    assert desk.told == ["62E3086CED", "1E00A1B2C3"]


def test_frames_in_pieces_and_among_noise():
    desk = at_desk()
    stream = b"\x02\x02\x0262\xff\x03" + GOOD[:9] + GOOD + b"\x00\x03\x02"
    pieces = [(60 + 55 * n, stream[n : n + 1]) for n in range(len(stream))]

    def come(piece):
        def happen():
            desk.line.waiting += piece

        return happen

    desk.live(4000, [(at, come(piece)) for at, piece in pieces])
    assert desk.told == ["62E3086CED"] and not desk.reader.silent()


def test_damaged_frames_are_none():
    for frame in (GOOD[:-2], GOOD[1:], GOOD[:6] + b"\0" + GOOD[7:], GOOD.lower(), b"\x02" * 14):
        desk = at_desk(frame)
        desk.live(2000)
        assert desk.told == []
        send(desk, OTHER)()
        desk.live(2000)
        assert desk.told == ["1E00A1B2C3"]


def test_a_reader_that_sends_nonsense_is_out_of_order_until_it_is_well():
    desk = at_desk(b"\x00\xfe\x7c\x02\x00\xe0" * 4)
    desk.live(5000)
    assert desk.reader.silent() and desk.told == []
    send(desk, GOOD)()
    desk.live(1000)
    assert not desk.reader.silent() and desk.told == ["62E3086CED"]
    send(desk, b"\x00" * 30)()
    desk.live(5000)
    assert desk.reader.silent()
    send(desk, None)()
    desk.live(40000)
    assert not desk.reader.silent()


def test_a_spike_now_and_then_is_nothing():
    desk = at_desk()

    def spike():
        desk.line.waiting += b"\xff\x00\x02"

    desk.live(120000, [(at, spike) for at in range(0, 120000, 300)])
    assert not desk.reader.silent()


def test_no_more_is_kept_than_the_line_brings():
    desk = at_desk(GOOD * 30)
    desk.live(20000)
    assert desk.told == ["62E3086CED"] and len(desk.reader._got) <= 64


def test_a_silent_line_is_no_fault():
    desk = at_desk()
    desk.live(60000)
    assert not desk.reader.silent() and desk.told == []
