# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
from host_tests.unit.expect import raises
from host_tests.unit.test_frames import unmasked
from ocpp16.frames import BINARY, CLOSE, PING, PONG, TEXT
from ocpp16.send_queue import Full, SendQueue


def drain(queue):
    """Every frame that leaves the queue, each short enough for one piece."""
    frames = []
    while True:
        piece = queue.next_piece()
        if piece is None:
            return frames
        frames.append(unmasked(bytes(piece)))


def test_messages_leave_in_order():
    queue = SendQueue(1000)
    queue.put("one")
    queue.put(b"two")
    queue.put("\u20ac")
    assert queue.size == 9
    assert drain(queue) == [(TEXT, b"one"), (BINARY, b"two"), (TEXT, "\u20ac".encode())]
    assert queue.size == 0
    assert queue.next_piece() is None


def test_control_frames_go_first_but_never_inside_a_message():
    queue = SendQueue(10000)
    queue.put("a" * 3000)
    queue.put("b")
    first = bytes(queue.next_piece())
    queue.pong(b"1")
    queue.ping = True
    rest = first
    while len(rest) < 3008:
        rest += bytes(queue.next_piece())
    assert unmasked(rest) == (TEXT, b"a" * 3000)
    assert drain(queue) == [(PONG, b"1"), (PING, b""), (TEXT, b"b")]


def test_a_flood_of_pings_costs_one_pong():
    queue = SendQueue(1000)
    for i in range(1000):
        queue.pong(b"%d" % i)
    assert drain(queue) == [(PONG, b"999")]


def test_the_limit():
    queue = SendQueue(100)
    queue.put("x" * 500)  # alone, any length
    raises(Full, queue.put, "y")
    drain(queue)
    queue.put("x" * 60)
    queue.put("y" * 40)
    raises(Full, queue.put, "z")
    assert queue.size == 100
    assert isinstance(raises(OSError, queue.put, "z"), Full)
    assert len(drain(queue)) == 2


def test_close_comes_last_or_instead():
    queue = SendQueue(1000)
    queue.put("one")
    queue.close(1000, "bye")
    queue.pong(b"p")
    assert drain(queue) == [(PONG, b"p"), (TEXT, b"one"), (CLOSE, b"\x03\xe8bye")]
    queue.put("one")
    queue.close(1002, "why", now=True)
    assert queue.size == 0
    assert drain(queue) == [(CLOSE, b"\x03\xeawhy")]
