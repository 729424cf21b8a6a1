# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Frames in any cut, order and damage."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from host_tests.unit.test_frames import frame, read, unmasked, written
from ocpp16.frames import BINARY, PART, PING, PONG, TEXT, FrameReader, ProtocolError

controls = st.lists(st.tuples(st.sampled_from([PING, PONG]), st.binary(max_size=125)), max_size=3)


@st.composite
def messages(draw):
    """(bytes on the wire, what is to be read of them): messages in fragments, control frames between."""
    data = b""
    expected = []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from([TEXT, BINARY]))
        text = draw(st.text(max_size=40)) * draw(st.sampled_from([1, 1, 10, 60]))
        body = text.encode() if kind == TEXT else draw(st.binary(max_size=700))
        cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=4)))
        for n, (first, last) in enumerate(zip([0, *cuts], [*cuts, len(body)], strict=True)):
            final = n == len(cuts)
            data += frame(kind if n == 0 else 0, body[first:last], fin=final)
            if not final:
                for control in draw(controls):
                    data += frame(*control)
                    expected.append((*control, len(control[1])))
        expected.append((kind, body, len(body)))
    return data, expected


def whole_or_cut(message, capacity, streams):
    """What is to be read of it."""
    kind, body, total = message
    if total <= capacity:
        return message
    return (PART, body, total) if kind == TEXT and streams(body[:512]) else (kind, body[:512], total)


def never(head):
    return False


def at_times(head):
    return len(head) == 512 and head[511] % 2 == 0


@given(
    messages(),
    st.lists(st.integers(1, 900), min_size=1, max_size=20),
    st.sampled_from([600, 1000, 8192]),
    st.sampled_from([never, at_times]),
)
def test_what_is_sent_is_read_however_it_is_cut(sent, chunks, capacity, streams):
    data, expected = sent
    expected = [whole_or_cut(message, capacity, streams) for message in expected]
    reader = FrameReader(capacity)
    reader.streams = streams
    got = []
    parts = b""
    at = turn = 0
    while at < len(data):
        space = reader.space()
        size = min(chunks[turn % len(chunks)], len(space), len(data) - at)
        space[:size] = data[at : at + size]
        reader.advance(size)
        at += size
        turn += 1
        while (kind := reader.next()) is not None:
            payload = bytes(reader.payload)
            if kind == PART:
                parts += payload
                if not reader.final:
                    continue
                payload, parts = parts, b""
            got.append((kind, payload, len(payload) if kind in (PING, PONG) else reader.total))
    assert got == expected


@given(st.binary(max_size=300), st.integers(1, 50))
def test_noise_gives_messages_or_a_protocol_error(data, chunk):
    with contextlib.suppress(ProtocolError):
        for kind, payload, total in read(data, chunk, capacity=100, limit=1000):
            assert kind in (1, 2, 8, 9, 10)
            assert len(payload) <= min(100, total)


@given(messages(), st.data())
def test_damage_gives_messages_or_a_protocol_error(sent, data):
    damaged = bytearray(sent[0])
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(ProtocolError):
        for kind, payload, total in read(bytes(damaged), capacity=600, limit=100_000):
            assert kind in (1, 2, 8, 9, 10)
            assert len(payload) <= min(600, total)


@given(st.binary(max_size=5000), st.integers(270, 3000))
def test_written_frames_can_be_read(payload, piece):
    assert unmasked(written(BINARY, payload, piece)) == (BINARY, payload)
