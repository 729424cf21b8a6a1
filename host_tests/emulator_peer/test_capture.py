# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a capture of the modem's UART is taken apart into."""

import pytest

from emulator import capture
from emulator.capture import INBOUND, OUTBOUND
from emulator.modem import ip, segment
from emulator.modem.hdlc import framed
from emulator.modem.segment import ACK, PSH, SYN, Segment

BOARD, SERVER = bytes((10, 64, 0, 2)), bytes((10, 64, 0, 1))
MS = 1000000


class Wire:
    """Rows of the emulator's log; a byte takes 10 us."""

    def __init__(self):
        self.rows = []
        self.number = 0

    def text(self, ms, name, data):
        self.rows += [[ms * MS + 10000 * at, name, value] for at, value in enumerate(data)]

    def packet(self, ms, name, received):
        ends = (BOARD, SERVER) if name == OUTBOUND else (SERVER, BOARD)
        self.number += 1
        self.text(ms, name, framed(0x21, ip.composed(segment.composed(received, *ends), self.number)))

    def out(self, ms, sequence, data=b"", flags=ACK | PSH, port=50000):
        self.packet(ms, OUTBOUND, Segment(port, 443, sequence, 1, flags, 4000, data))

    def into(self, ms, sequence, data=b"", flags=ACK | PSH, port=50000):
        self.packet(ms, INBOUND, Segment(443, port, sequence, 1, flags, 4000, data))

    def opened(self, ms=0, port=50000):
        self.out(ms, 100, flags=SYN, port=port)
        self.into(ms + 1, 500, flags=SYN | ACK, port=port)
        return self

    def only(self):
        (talk,) = capture.conversations(self.rows)
        return talk


def data_of(flow):
    return b"".join(data for _, data in flow.pieces)


def record(kind, length):
    return bytes((kind, 3, 3)) + length.to_bytes(2, "big") + bytes(length)


def test_a_connection_and_when_its_bytes_were_complete():
    wire = Wire()
    wire.text(0, OUTBOUND, b"AT+CGDATA\r")
    wire.text(1, INBOUND, b"CONNECT 115200\r\n")
    wire.opened(10)
    wire.out(20, 101, b"abc")
    wire.into(30, 501, b"defg")
    talk = wire.only()
    assert talk.opened_ns >= 10 * MS
    assert (data_of(talk.outbound), data_of(talk.inbound)) == (b"abc", b"defg")
    ((ns, _),) = talk.inbound.pieces
    assert ns == wire.rows[-1][0]


def test_what_is_sent_again_counts_once_and_when_it_first_came():
    wire = Wire().opened()
    wire.into(10, 501, b"one")
    wire.into(20, 501, b"onetwo")
    wire.into(30, 501, b"one")
    pieces = wire.only().inbound.pieces
    assert [data for _, data in pieces] == [b"one", b"two"]
    assert 20 * MS < pieces[1][0] < 30 * MS


def test_what_comes_too_early_waits_for_what_is_before_it():
    wire = Wire().opened()
    wire.into(10, 504, b"two")
    wire.into(20, 501, b"one")
    pieces = wire.only().inbound.pieces
    assert [data for _, data in pieces] == [b"one", b"two"]
    assert all(ns > 20 * MS for ns, _ in pieces)


def test_a_damaged_packet_is_none():
    wire = Wire().opened()
    wire.into(10, 501, b"one")
    wire.rows[-4][2] ^= 1
    assert wire.only().inbound.pieces == []


def test_sequence_numbers_wrap():
    wire = Wire()
    wire.out(0, 0xFFFFFFFE, flags=SYN)
    wire.out(10, 0xFFFFFFFF, b"ab")
    wire.out(20, 1, b"cd")
    assert data_of(wire.only().outbound) == b"abcd"


def test_connections_one_after_the_other():
    wire = Wire().opened(0).opened(50, port=50001)
    wire.out(60, 101, b"second", port=50001)
    first, second = capture.conversations(wire.rows)
    assert data_of(first.outbound) == b""
    assert data_of(second.outbound) == b"second"


def test_messages_within_tls_by_their_lengths():
    wire = Wire().opened()
    hello = record(22, 50)
    upgrade = record(23, 24 + 100)
    first, second = capture.frame_bytes(10, True), capture.frame_bytes(200, True)
    assert (first, second) == (16, 208)
    sent = hello + upgrade + record(23, 24 + first) + record(23, 24 + 150) + record(23, 24 + second - 150)
    wire.out(10, 101, hello)
    wire.out(20, 101 + len(hello), upgrade)
    rest = sent[len(hello) + len(upgrade) :]
    at = 101 + len(hello) + len(upgrade)
    wire.out(30, at, rest[:100])
    wire.out(40, at + 100, rest[100:])
    steps = capture.plain(wire.only().outbound, tls=True)
    one, two = capture.complete_at(steps, [first, second])
    assert 30 * MS < one < 40 * MS < two


def test_lengths_that_do_not_fit_are_told():
    wire = Wire().opened()
    wire.out(10, 101, b"GET / HTTP/1.1\r\n\r\n")
    steps = capture.plain(wire.only().outbound, tls=False)
    with pytest.raises(capture.Unreadable):
        capture.complete_at(steps, [50])
    with pytest.raises(capture.Unreadable):
        capture.complete_at([], [1])


def test_a_handshake_lasts_until_the_server_has_finished():
    wire = Wire().opened()
    wire.out(100, 101, record(22, 50))
    wire.into(200, 501, record(22, 90))
    wire.out(300, 101 + 55, record(22, 40) + record(20, 1) + record(22, 40))
    wire.into(400, 501 + 95, record(20, 1) + record(22, 40))
    wire.out(500, 101 + 55 + 45 + 6 + 45, record(23, 60))
    wire.into(600, 501 + 95 + 6 + 45, record(23, 60) + record(22, 4))  # renegotiation: no part of it
    assert 299 < capture.handshake_ms(wire.only()) < 302
    with pytest.raises(capture.Unreadable):
        capture.handshake_ms(Wire().opened().only())
