# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
from host_tests.unit.expect import raises
from ocpp16 import frames
from ocpp16.frames import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    FrameReader,
    FrameWriter,
    ProtocolError,
    close_content,
    close_payload,
)


def frame(kind, payload=b"", fin=True, rsv=0, mask=False, form=None):
    """A server's frame. `form`: force the length into 7, 16 or 64 bits."""
    n = len(payload)
    if form is None:
        form = 7 if n < 126 else 16 if n < 65536 else 64
    head = bytes(((0x80 if fin else 0) | rsv << 4 | kind,))
    top = 0x80 if mask else 0
    if form == 7:
        head += bytes((top | n,))
    elif form == 16:
        head += bytes((top | 126, n >> 8, n & 255))
    else:
        head += bytes((top | 127,)) + n.to_bytes(8, "big")
    return head + (b"\0\0\0\0" if mask else b"") + payload


def read(data, chunk=None, capacity=8192, limit=1 << 20):
    """Everything in `data` as [(kind, payload, total)], fed in pieces of `chunk` bytes."""
    reader = FrameReader(capacity, limit)
    out = []
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
            out.append((kind, payload, reader.total if kind <= BINARY else len(payload)))
    return out


def code_of(data, **options):
    return raises(ProtocolError, read, data, **options).code


def test_whole_messages_in_any_chunks():
    body = bytes(range(200))
    data = frame(TEXT, b"hello") + frame(BINARY, body) + frame(TEXT) + frame(PING, b"p" * 125)
    expected = [(TEXT, b"hello", 5), (BINARY, body, 200), (TEXT, b"", 0), (PING, b"p" * 125, 125)]
    for chunk in (None, 1, 2, 3, 7, 64, 131):
        assert read(data, chunk) == expected, chunk


def test_fragments_with_control_frames_between():
    data = (
        frame(TEXT, b"one ", fin=False)
        + frame(PING, b"x")
        + frame(0, b"", fin=False)
        + frame(0, b"two ", fin=False)
        + frame(PONG)
        + frame(PING, b"y" * 125)
        + frame(0, b"three")
        + frame(TEXT, b"next")
    )
    expected = [
        (PING, b"x", 1),
        (PONG, b"", 0),
        (PING, b"y" * 125, 125),
        (TEXT, b"one two three", 13),
        (TEXT, b"next", 4),
    ]
    for chunk in (None, 1, 2, 5, 11):
        assert read(data, chunk) == expected, chunk


def test_a_character_may_be_cut_by_fragments():
    euro = "\u20ac".encode()
    assert read(frame(TEXT, euro[:1], fin=False) + frame(0, euro[1:])) == [(TEXT, euro, 3)]


def test_a_message_of_exactly_the_capacity_is_whole():
    body = b"a" * 1000
    for data in (
        frame(TEXT, body),
        frame(TEXT, body[:999], fin=False) + frame(PING, b"z" * 125) + frame(0, b"a"),
        frame(PING) + frame(TEXT, body[:500], fin=False) + frame(0, body[500:]),
    ):
        for chunk in (None, 1, 100):
            assert [m for m in read(data, chunk, capacity=1000) if m[0] == TEXT] == [(TEXT, body, 1000)]


def test_a_longer_message_keeps_its_head_and_the_link_goes_on():
    body = bytes(97 + i % 26 for i in range(5000))
    for data in (
        frame(TEXT, body),
        frame(TEXT, body[:600], fin=False) + frame(0, body[600:]),
        frame(TEXT, body[:300], fin=False)
        + frame(PING, b"q")
        + frame(0, body[300:4999], fin=False)
        + frame(0, body[4999:]),
        frame(TEXT, body[:1000], fin=False) + frame(0, body[1000:]),
    ):
        for chunk in (None, 1, 37):
            got = read(data + frame(TEXT, b"after"), chunk, capacity=1000)
            assert [m for m in got if m[0] == TEXT] == [(TEXT, body[:512], 5000), (TEXT, b"after", 5)]


def test_a_message_above_the_limit_is_refused_before_it_comes():
    assert code_of(frame(TEXT, b"a" * 3000)[:20], limit=2999) == 1009
    assert code_of(frame(TEXT, b"a" * 2000, fin=False) + frame(0, b"a" * 1000), limit=2999) == 1009
    assert read(frame(TEXT, b"a" * 3000), limit=3000) == [(TEXT, b"a" * 3000, 3000)]
    assert code_of(b"\x81\x7f\x7f" + b"\xff" * 7) == 1009


def test_a_flood_of_small_messages_and_many_turns_of_the_buffer():
    data = b"".join(frame(TEXT, b"%d" % i) + frame(PING, b"k") for i in range(500))
    got = read(data, 77, capacity=300)
    assert [m[1] for m in got if m[0] == TEXT] == [b"%d" % i for i in range(500)]


def test_control_frames_pass_by_a_message_that_fills_the_buffer():
    pings = [(PING, bytes((i,)) * 125, 125) for i in range(100)]
    data = frame(TEXT, b"a" * 999, fin=False) + b"".join(frame(*ping[:2]) for ping in pings) + frame(0, b"b")
    expected = list(pings)
    expected.append((TEXT, b"a" * 999 + b"b", 1000))
    for chunk in (None, 1, 50, 100, 131):
        assert read(data, chunk, capacity=1000) == expected, chunk


def test_protocol_errors():
    assert code_of(frame(TEXT, b"x", rsv=4)) == 1002
    assert code_of(frame(PING, b"x", rsv=1)) == 1002
    assert code_of(frame(TEXT, b"x", mask=True)) == 1002
    for kind in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        assert code_of(frame(kind, b"x")) == 1002, kind
    assert code_of(frame(0, b"x")) == 1002
    assert code_of(frame(TEXT, b"x", fin=False) + frame(TEXT, b"y")) == 1002
    assert code_of(frame(TEXT, b"x") + frame(0, b"y")) == 1002
    for kind in (CLOSE, PING, PONG):
        assert code_of(frame(kind, b"x" * 126)) == 1002
        assert code_of(frame(kind, b"x", fin=False)) == 1002
        assert code_of(frame(kind, b"x", form=16)) == 1002


def test_lengths_must_have_their_shortest_form():
    assert code_of(frame(TEXT, b"x" * 125, form=16)) == 1002
    assert code_of(frame(TEXT, b"x" * 125, form=64)) == 1002
    assert code_of(frame(TEXT, b"x" * 1000, form=64)) == 1002
    assert code_of(b"\x81\x7f\x80" + b"\0" * 7) == 1002
    assert read(frame(TEXT, b"x" * 126))[0][2] == 126
    assert read(frame(TEXT, b"x" * 65535), capacity=100)[0][2] == 65535
    assert read(frame(TEXT, b"x" * 65536), capacity=100)[0][2] == 65536


def test_text_must_be_utf8_and_binary_need_not():
    assert code_of(frame(TEXT, b"\xff")) == 1007
    assert code_of(frame(TEXT, b"\xed\xa0\x80")) == 1007
    assert code_of(frame(TEXT, b"ok\xc3", fin=False) + frame(0, b"no")) == 1007
    assert read(frame(BINARY, b"\xff"))[0][1] == b"\xff"


def test_close_frames():
    reader = FrameReader()
    data = frame(CLOSE, b"\x03\xe8bye")
    reader.space()[: len(data)] = data
    reader.advance(len(data))
    assert reader.next() == CLOSE
    assert (reader.close_code, reader.close_reason) == (1000, "bye")
    assert close_content(b"") == (1005, "")
    for good in (1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999):
        assert close_content(bytes((good >> 8, good & 255))) == (good, "")
    for bad in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535):
        assert raises(ProtocolError, close_content, bytes((bad >> 8, bad & 255))).code == 1002
    assert code_of(frame(CLOSE, b"\x03")) == 1002
    assert code_of(frame(CLOSE, b"\x03\xe8\xff")) == 1007


def test_close_payload_cuts_a_long_reason_between_characters():
    assert close_payload(1000, "bye") == b"\x03\xe8bye"
    assert close_payload(1005, "x") == b""
    assert len(close_payload(1002, "x" * 200)) == 125
    assert close_content(close_payload(1002, "\u20ac" * 60)) == (1002, "\u20ac" * 41)


def written(kind, payload, piece):
    writer = FrameWriter(piece)
    writer.begin(kind, payload)
    out = b""
    while True:
        part = writer.fill()
        if part is None:
            return out
        assert 0 < len(part) <= piece
        out += bytes(part)


def unmasked(data):
    """(kind, payload) of one masked frame."""
    assert data[0] & 0xF0 == 0x80
    assert data[1] & 0x80
    n = data[1] & 127
    at = 2
    if n == 126:
        n = int.from_bytes(data[2:4], "big")
        assert n >= 126
        at = 4
    elif n == 127:
        n = int.from_bytes(data[2:10], "big")
        assert n >= 65536
        at = 10
    mask = data[at : at + 4]
    body = data[at + 4 :]
    assert len(body) == n
    return data[0] & 15, bytes(byte ^ mask[i % 4] for i, byte in enumerate(body))


def test_written_frames_are_masked_and_whole():
    for n in (0, 1, 3, 4, 5, 125, 126, 255, 256, 257, 511, 512, 1000, 1396, 1400, 3000):
        payload = bytes(i * 7 & 255 for i in range(n))
        for piece in (300, 1408):
            assert unmasked(written(BINARY, payload, piece)) == (BINARY, payload), (n, piece)


def test_the_64_bit_length_is_written():
    writer = FrameWriter()
    writer.begin(BINARY, bytes(70000))
    first = bytes(writer.fill())
    assert first[:10] == b"\x82\xff\0\0\0\0\0\x01\x11\x70"
    total = len(first)
    while True:
        part = writer.fill()
        if part is None:
            break
        total += len(part)
    assert total == 14 + 70000


def test_masks_differ():
    masks = set()
    for _ in range(20):
        masks.add(written(TEXT, b"x", 1408)[2:6])
    assert len(masks) > 15


class NoRandom:
    def urandom(self, count):
        raise MemoryError


class FullView:
    """A memoryview in a heap that has no room for another one, so often."""

    def __init__(self, view, times):
        self._view = view
        self._times = times

    def __len__(self):
        return len(self._view)

    def __getitem__(self, index):
        if self._times:
            self._times -= 1
            raise MemoryError
        return self._view[index]

    def __setitem__(self, index, value):
        self._view[index] = value


def test_a_frame_that_could_not_be_begun_leaves_nothing():
    writer = FrameWriter()
    writer.begin(TEXT, b"x" * 700)
    assert len(writer.fill()) == 708
    real, frames.os = frames.os, NoRandom()
    try:
        raises(MemoryError, writer.begin, TEXT, b"y" * 300)
    finally:
        frames.os = real
    assert writer.fill() is None
    writer.begin(TEXT, b"next")
    assert unmasked(bytes(writer.fill())) == (TEXT, b"next")
    assert writer.fill() is None


def test_a_piece_that_could_not_be_made_is_made_again():
    payload = bytes(i & 255 for i in range(700))
    for size in (5, 700):
        writer = FrameWriter(300)
        writer.begin(BINARY, payload[:size])
        data = b""
        while True:
            view = writer._view
            writer._view = FullView(view, 1)
            try:
                assert writer.fill() is None
                break
            except MemoryError:
                pass
            finally:
                writer._view = view
            data += bytes(writer.fill())
        assert unmasked(data) == (BINARY, payload[:size])


def test_reader_reset_forgets_everything():
    reader = FrameReader(1000)
    data = frame(TEXT, b"half", fin=False) + b"\x80"
    reader.space()[: len(data)] = data
    reader.advance(len(data))
    assert reader.next() is None
    reader.reset()
    data = frame(TEXT, b"new")
    reader.space()[: len(data)] = data
    reader.advance(len(data))
    assert reader.next() == TEXT
    assert bytes(reader.payload) == b"new"


def test_take_head_leaves_the_frames_behind_it():
    reader = FrameReader(1000)
    for part in (b"HTTP/1.1 101 x\r\n", b"A: b\r\n\r", b"\n" + frame(TEXT, b"first")):
        assert reader.take_head(b"\r\n\r\n", 500) is None
        reader.space()[: len(part)] = part
        reader.advance(len(part))
    assert reader.take_head(b"\r\n\r\n", 500) == b"HTTP/1.1 101 x\r\nA: b\r\n\r\n"
    assert reader.next() == TEXT
    assert bytes(reader.payload) == b"first"
    for head in (b"x" * 501, b"x" * 497 + b"\r\n\r\n"):
        reader.reset()
        reader.space()[: len(head)] = head
        reader.advance(len(head))
        raises(ProtocolError, reader.take_head, b"\r\n\r\n", 500)
        assert reader.take_head(b"\r\n\r\n", 501) == (head if head[-1] == 10 else None)
