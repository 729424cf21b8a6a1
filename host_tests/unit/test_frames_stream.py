# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Messages longer than the buffer that are taken as streams."""

from host_tests.unit.expect import raises
from host_tests.unit.test_frames import frame
from ocpp16.frames import BINARY, PART, PING, PONG, TEXT, FrameReader, ProtocolError


def streams(head):
    return bytes(head[:1]) == b"S"


def read(data, chunk=None, capacity=1000, limit=1 << 20, streams=streams):
    """[(kind, payload, total)]; a stream is one (PART, all of it, its total), where its last piece came."""
    reader = FrameReader(capacity, limit)
    reader.streams = streams
    out = []
    parts = b""
    at = 0
    while at < len(data):
        space = reader.space()
        assert len(space) > 0
        piece = data[at : at + min(chunk or len(space), len(space))]
        space[: len(piece)] = piece
        reader.advance(len(piece))
        at += len(piece)
        while True:
            kind = reader.next()
            if kind is None:
                break
            payload = bytes(reader.payload)
            if kind == PART:
                assert parts or len(payload) >= min(512, capacity)  # all of the head comes at once
                parts += payload
                if reader.final:
                    out.append((PART, parts, reader.total))
                    parts = b""
            else:
                out.append((kind, payload, reader.total if kind <= BINARY else len(payload)))
    return out


BODY = b"S" + bytes([97 + i % 26 for i in range(4999)])


def test_a_long_message_comes_in_pieces():
    for data in (
        frame(TEXT, BODY),
        frame(TEXT, BODY[:600], fin=False) + frame(0, BODY[600:]),
        frame(TEXT, BODY[:1000], fin=False) + frame(0, BODY[1000:]),
        frame(TEXT, BODY[:999], fin=False) + frame(0, BODY[999:], fin=False) + frame(0, b""),
        frame(TEXT, BODY[:1], fin=False) + frame(0, b"", fin=False) + frame(0, BODY[1:]),
        b"".join([frame(0 if i else TEXT, BODY[i : i + 10], fin=i == 4990) for i in range(0, 5000, 10)]),
    ):
        for chunk in (None, 1, 37, 600):
            got = read(frame(TEXT, b"one") + data + frame(TEXT, b"after") + frame(PING), chunk)
            assert got == [(TEXT, b"one", 3), (PART, BODY, 5000), (TEXT, b"after", 5), (PING, b"", 0)], chunk


def test_control_frames_between_the_pieces():
    data = (
        frame(TEXT, BODY[:300], fin=False)
        + frame(PING, b"1")
        + frame(0, BODY[300:1200], fin=False)
        + frame(PING, b"2" * 125)
        + frame(PONG)
        + frame(0, BODY[1200:4999], fin=False)
        + frame(PING, b"3")
        + frame(0, BODY[4999:])
    )
    for chunk in (None, 1, 37, 600):
        assert read(data, chunk) == [
            (PING, b"1", 1),
            (PING, b"2" * 125, 125),
            (PONG, b"", 0),
            (PING, b"3", 1),
            (PART, BODY, 5000),
        ]


def test_what_has_come_is_given_away_at_once():
    reader = FrameReader(1000)
    reader.streams = streams
    data = frame(TEXT, BODY)[:1300]
    got = b""
    while data:
        space = reader.space()
        count = min(len(space), len(data))
        space[:count] = data[:count]
        reader.advance(count)
        data = data[count:]
        while reader.next() is not None:
            assert not reader.final
            got += bytes(reader.payload)
    assert got == BODY[:1296]


def test_others_are_cut_as_ever():
    other = b"x" + BODY[1:]
    for data, kind in ((frame(TEXT, other), TEXT), (frame(BINARY, BODY), BINARY)):
        assert read(data + frame(TEXT, BODY)) == [(kind, data[4:516], 5000), (PART, BODY, 5000)]
    assert read(frame(TEXT, BODY), streams=None) == [(TEXT, BODY[:512], 5000)]
    # What fits into the buffer comes whole.
    assert read(frame(TEXT, BODY[:1000]), 100) == [(TEXT, BODY[:1000], 1000)]


def test_who_decides_sees_the_head():
    seen = []

    def look(head):
        seen.append(bytes(head))
        return len(seen) == 1

    data = frame(TEXT, BODY[:700], fin=False) + frame(0, BODY[700:])
    assert [kind for kind, _, _ in read(data + frame(TEXT, BODY), 50, streams=look)] == [PART, TEXT]
    assert seen == [BODY[:512], BODY[:512]]


def test_the_limit_counts_for_streams_too():
    assert raises(ProtocolError, read, frame(TEXT, BODY), limit=4999).code == 1009
    data = frame(TEXT, BODY[:3000], fin=False) + frame(0, BODY[3000:])
    assert raises(ProtocolError, read, data, limit=4999).code == 1009
    assert read(data, limit=5000) == [(PART, BODY, 5000)]


def test_a_stream_must_be_utf8():
    for char in ("\u00e9", "\u20ac", "\U0001f50c"):
        text = b"S" + char.encode() * 1500
        for chunk in (None, 1, 2, 600):
            assert read(frame(TEXT, text), chunk) == [(PART, text, len(text))]
            cut = frame(TEXT, text[:1501], fin=False) + frame(0, text[1501:])
            assert read(cut, chunk) == [(PART, text, len(text))]
            for bad in (text[:-1], text[:2000] + b"x" + text[2001:], text + b"\xff", text + b"\xed\xa0\x80"):
                assert raises(ProtocolError, read, frame(TEXT, bad), chunk).code == 1007, (char, chunk)


def test_a_message_of_its_own_within_a_stream_is_an_error():
    data = frame(TEXT, BODY, fin=False) + frame(TEXT, b"x")
    assert raises(ProtocolError, read, data).code == 1002


def test_reset_forgets_the_stream():
    reader = FrameReader(1000)
    reader.streams = streams
    data = frame(TEXT, BODY)[:1100]
    reader.space()[: len(data)] = data
    reader.advance(len(data))
    assert reader.next() == PART
    reader.reset()
    data = frame(TEXT, b"new")
    reader.space()[: len(data)] = data
    reader.advance(len(data))
    assert reader.next() == TEXT
    assert (bytes(reader.payload), reader.total) == (b"new", 3)
