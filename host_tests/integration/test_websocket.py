# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The firmware's WebSocket client, once it is open: peers that do not behave, and one that does."""

import asyncio
import os
import struct
import zlib

import pytest
import websockets

from bench.deadline import within
from host_tests.integration.peer import BINARY, CLOSE, PING, PONG, TEXT, client, closed_with, server, talk
from host_tests.unit.test_frames import frame
from ocpp16.frames import PART


async def test_messages_of_all_sizes_both_ways():
    sizes = [0, 1, 125, 126, 127, 1000, 8191, 8192]

    async def echo(ws):
        for size in sizes:
            await ws.send("z" * size)
            await ws.send(os.urandom(size))
        for size in [*sizes[1:], 30_000]:
            await ws.send("!send %d" % size)
            assert await ws.recv() == "x" * size
        await ws.send("!close")
        await ws.wait_closed()
        assert (ws.close_code, ws.close_reason) == (1000, "bye")

    async with (
        websockets.serve(echo, "127.0.0.1", 0, subprotocols=["ocpp1.6"], compression=None) as listener,
        client(listener.sockets[0].getsockname()[1]) as it,
    ):
        await it.end()
    got = [(said["kind"], said["size"]) for said in it.events if said["event"] == "message"]
    assert got == [(kind, size) for size in sizes for kind in (TEXT, BINARY)]
    assert closed_with(it.events) == (1000, "bye")


async def test_fragments_and_pings_between():
    async def play(peer):
        for byte in (
            frame(TEXT, b"one ", fin=False) + frame(PING, b"1") + frame(0, "\u20ac".encode()[:1], fin=False)
            + frame(PING, b"2") + frame(0, "\u20ac".encode()[1:])
        ):  # fmt: skip
            peer.send(bytes((byte,)))
            await peer.writer.drain()
        assert await peer.receive() == (PONG, b"1")
        assert await peer.receive() == (PONG, b"2")
        peer.send(frame(CLOSE, b"\x03\xe9going"))
        assert await peer.closes() == (1001, "")
        await peer.gone()

    events = await talk(play)
    [message] = [said for said in events if said["event"] == "message"]
    assert bytes.fromhex(message["head"]).decode() == "one \u20ac"
    assert closed_with(events) == (1001, "going")


async def test_a_message_that_is_too_long_is_cut_and_the_link_lives():
    async def play(peer):
        peer.send(frame(TEXT, b'[2,"id",' + b"x" * 900_000))
        peer.send(frame(TEXT, b"y" * 8000, fin=False), frame(PING, b"k"), frame(0, b"y" * 8000))
        peer.send(frame(TEXT, b"after"))
        assert await peer.receive() == (PONG, b"k")
        peer.order("!close")
        assert await peer.closes() == (1000, "bye")
        peer.send(frame(CLOSE, b"\x03\xe8"))
        await peer.gone()

    events = await talk(play)
    got = [(said["size"], said["oversize"]) for said in events if said["event"] == "message"]
    assert got == [(512, 900_008), (512, 16000), (5, 0)]
    assert closed_with(events)[0] == 1000


async def test_a_long_message_comes_as_a_stream_and_pings_are_answered_meanwhile():
    body = b"[2," + os.urandom(50_000).hex().encode()
    parts = [body[at : at + 9000] for at in range(0, len(body), 9000)]

    async def play(peer):
        peer.send(frame(TEXT, body))
        for n, part in enumerate(parts):
            peer.send(frame(TEXT if n == 0 else 0, part, fin=n == len(parts) - 1))
            if n < len(parts) - 1:
                peer.send(frame(PING, b"%d" % n))
                assert await peer.receive() == (PONG, b"%d" % n)
        peer.send(frame(TEXT, b"x" * 9000), frame(TEXT, b"after"))
        peer.order("!close")
        assert await peer.closes() == (1000, "bye")
        peer.send(frame(CLOSE, b"\x03\xe8"))
        await peer.gone()

    events = await talk(play, stream="[2,")
    first, second, cut, after = [said for said in events if said["event"] == "message"]
    for said in (first, second):
        assert (said["kind"], said["size"], said["total"]) == (PART, len(body), len(body))
        assert said["crc"] == zlib.crc32(body)
        assert said["pieces"] > len(body) // 8324
    assert (cut["kind"], cut["size"], cut["oversize"]) == (TEXT, 512, 9000)
    assert (after["kind"], after["size"]) == (TEXT, 5)


async def test_a_stream_that_breaks_off_and_one_that_is_no_utf8():
    async def play(peer):
        peer.send(frame(TEXT, b"[2," + b"x" * 50_000)[:30_000])
        await peer.writer.drain()
        peer.writer.write_eof()
        await peer.gone()

    events = await talk(play, stream="[2,")
    assert [said["event"] for said in events] == ["open", "closed", "end"]
    assert closed_with(events) == (1006, "peer hung up")

    async def play_noise(peer):
        peer.send(frame(TEXT, b"[2," + b"x" * 50_000 + b"\xff" + b"x" * 50_000))
        assert (await peer.closes())[0] == 1007

    assert closed_with(await talk(play_noise, stream="[2,"))[0] == 1007


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame(TEXT, b"x", rsv=4), 1002),
        (frame(TEXT, b"x", mask=True), 1002),
        (frame(3, b"x"), 1002),
        (frame(11, b"x"), 1002),
        (frame(0, b"x"), 1002),
        (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(PING, b"x", fin=False), 1002),
        (frame(TEXT, b"x", form=16), 1002),
        (frame(CLOSE, b"\x03"), 1002),
        (frame(CLOSE, b"\x03\xed"), 1002),
        (frame(CLOSE, b"\x03\xe8\xff"), 1007),
        (frame(TEXT, b"\xff\xfe"), 1007),
        (frame(TEXT, b"\xed\xa0\x80"), 1007),
        (frame(TEXT, b"x" * 10)[:1] + b"\x7f" + struct.pack(">Q", 1 << 21), 1009),
        (b"HTTP/1.1 200 OK\r\n\r\n", 1002),
    ],
)
async def test_broken_frames_are_closed_with_their_code(data, code):
    async def play(peer):
        peer.send(data)
        # More is on its way: the close frame must arrive nevertheless.
        peer.send(b"z" * 3000)
        assert (await peer.closes())[0] == code

    events = await talk(play)
    assert closed_with(events)[0] == code


async def test_a_flood_of_pings():
    async def play(peer):
        for i in range(20_000):
            peer.send(frame(PING, b"%d" % i))
            if i % 1000 == 0:
                await peer.writer.drain()
        peer.order("!send 10")
        pongs = 0
        while True:
            kind, payload = await peer.receive()
            if kind != PONG:
                break
            pongs += 1
            last = payload
        assert last == b"19999"
        assert payload == b"x" * 10
        assert pongs <= 20_000
        peer.send(frame(CLOSE, b"\x03\xe8"))
        await peer.gone()

    assert closed_with(await talk(play))[0] == 1000


async def test_a_flood_of_pings_nobody_reads_the_pongs_of():
    async def play(peer):
        flood = frame(PING, b"p" * 125) * 1000
        for _ in range(60):  # 7.6 MB: far more than any socket takes
            peer.send(flood)
            await peer.writer.drain()
        peer.order("!send 10")
        while True:
            kind, payload = await peer.receive()
            if kind == TEXT:
                break
        assert payload == b"x" * 10
        peer.send(frame(CLOSE, b"\x03\xe8"))
        await peer.gone()

    events = await talk(play)
    assert closed_with(events)[0] == 1000
    # The rest of the station had its turns. (Milliseconds on an idle machine.)
    assert events[-1]["stall_ms"] < 400


async def test_the_peer_breaks_off():
    async def play(peer):
        peer.writer.transport.abort()

    assert closed_with(await talk(play))[0] == 1006


async def test_the_peer_hangs_up_without_a_close_frame():
    async def play(peer):
        peer.writer.write_eof()
        await peer.gone()

    assert closed_with(await talk(play)) == (1006, "peer hung up")


async def test_a_close_nobody_answers():
    async def play(peer):
        peer.order("!close")
        assert await peer.closes() == (1000, "bye")
        await peer.gone()

    events = await talk(play)
    assert closed_with(events)[0] == 1000
    assert events[-1]["ms"] < 5000


async def test_abort():
    async def play(peer):
        peer.order("!abort")
        await peer.gone()

    assert closed_with(await talk(play)) == (1006, "told to")


async def test_pings_go_out_and_a_silent_peer_is_left():
    async def play(peer):
        for _ in range(3):
            assert await peer.receive() == (PING, b"")
            peer.send(frame(PONG))
        assert await peer.receive() == (PING, b"")
        peer.send(frame(PING, b"sign of life"))  # any bytes are
        assert await peer.receive() == (PONG, b"sign of life")
        assert await peer.receive() == (PING, b"")
        await peer.gone()

    events = await talk(play, interval_ms=200, pong_timeout_ms=300)
    assert closed_with(events) == (1006, "no pong within 300 ms")
    assert events[-1]["ms"] > 5 * 200 + 300


async def test_a_ping_for_which_there_is_no_memory_ends_the_connection():
    """Nobody else would find out that the peer is gone."""

    async def play(peer):
        peer.order("!starve 0")
        await peer.gone()

    events = await talk(play, interval_ms=200, pong_timeout_ms=300)
    assert closed_with(events) == (1006, "no ping can be sent")
    assert "starved" in [said["event"] for said in events]


async def test_a_writer_without_memory_ends_the_connection():
    """What the network did not take at once is sent by a task, which nobody would miss."""

    full = asyncio.Event()

    async def play(peer):
        await peer.accept()
        peer.writer.transport.pause_reading()
        peer.order("!starve 20000")
        await full.wait()
        peer.writer.transport.resume_reading()
        await peer.gone()

    async with server(play, 8192) as port, client(port) as it:
        assert (await it.until("flood"))["queued"] > 15000
        full.set()
        await it.end()
    assert closed_with(it.events) == (1006, "cannot send")
    assert "starved" in [said["event"] for said in it.events]


async def test_the_ping_interval_changes_at_run_time():
    async def play(peer):
        with pytest.raises(TimeoutError):
            await within(0.5, peer.receive())
        peer.order("!ping 100")
        began = asyncio.get_running_loop().time()
        for _ in range(3):
            assert await peer.receive() == (PING, b"")
            peer.send(frame(PONG))
        assert 0.25 < asyncio.get_running_loop().time() - began < 1.5
        peer.order("!ping 0")
        with pytest.raises(TimeoutError):
            await within(0.5, peer.receive())
        peer.order("!close")
        assert (await peer.closes())[0] == 1000
        peer.send(frame(CLOSE))
        await peer.gone()

    assert closed_with(await talk(play))[0] in (1000, 1005)


async def test_pings_stay_in_step():
    moments = []

    async def play(peer):
        for _ in range(6):
            assert await peer.receive() == (PING, b"")
            moments.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0.1)  # a slow pong does not delay the next ping
            peer.send(frame(PONG))
        peer.send(frame(CLOSE, b"\x03\xe8"))
        await peer.gone()

    await talk(play, interval_ms=300, pong_timeout_ms=200)
    assert 1.4 < moments[-1] - moments[0] < 2.0


async def test_a_client_busy_elsewhere_does_not_miss_the_pong():
    async def play(peer):
        peer.order("!deaf 900")  # longer than interval and deadline, less than two of them
        assert await peer.receive() == (PING, b"")
        peer.send(frame(PONG))
        await asyncio.sleep(1)
        peer.order("!ping 0")
        peer.order("!close")
        while (await peer.receive())[0] != CLOSE:
            pass
        peer.send(frame(CLOSE, b"\x03\xe8"))
        await peer.gone()

    assert closed_with(await talk(play, interval_ms=300, pong_timeout_ms=700))[0] == 1000


async def test_a_pong_that_came_while_the_event_loop_stood_still():
    async def play(peer):
        peer.order("!block 800")
        assert await peer.receive() == (PING, b"")
        await asyncio.sleep(0.3)
        peer.send(frame(PONG))
        assert await peer.receive() == (PING, b"")
        peer.send(frame(PONG), frame(CLOSE, b"\x03\xe8"))
        await peer.gone()

    events = await talk(play, interval_ms=600, pong_timeout_ms=400)
    assert closed_with(events)[0] == 1000
    assert events[-1]["stall_ms"] > 800


async def test_a_peer_that_asks_but_does_not_read_is_not_asked_on():
    count = 8000  # as many KB, more than the system's buffers and our queue hold

    async def play(peer):
        peer.writer.transport.pause_reading()
        peer.send(frame(TEXT, b"!send 1000") * count)
        await asyncio.sleep(1)
        peer.writer.transport.resume_reading()
        for _ in range(count):
            assert await peer.receive() == (TEXT, b"x" * 1000)
        peer.send(frame(CLOSE, b"\x03\xe8"))
        await peer.gone()

    assert closed_with(await talk(play, buffer=8192))[0] == 1000


async def test_the_send_queue_is_bounded_and_a_peer_that_does_not_read_is_left():
    async def play(peer):
        peer.writer.transport.pause_reading()
        # More than once: what is on its way when the buffers are full still makes room.
        for _ in range(10):
            peer.order("!flood 20000")
            await asyncio.sleep(0.2)
        await asyncio.sleep(0.5)
        peer.writer.transport.resume_reading()
        await peer.gone()

    events = await talk(play, buffer=8192, write_timeout_ms=1000)
    for flood in [said for said in events if said["event"] == "flood"]:
        assert flood["sent"] < 20000
        assert 15000 < flood["queued"] <= 16384
    code, reason = closed_with(events)
    assert code == 1006
    assert "cannot send" in reason


async def test_a_slow_reader_gets_everything_in_order():
    async def play(peer):
        peer.order("!flood 20000")
        await asyncio.sleep(0.5)
        peer.order("!send 77")  # not read before the queue is short again
        count = 0
        while True:
            kind, payload = await peer.receive()
            assert kind == TEXT
            if payload == b"x" * 77:
                break
            assert payload == b"y" * 1000
            count += 1
        peer.send(frame(CLOSE, b"\x03\xe8%d" % count))
        await peer.gone()

    events = await talk(play, buffer=8192)
    [flood] = [said for said in events if said["event"] == "flood"]
    assert closed_with(events) == (1000, str(flood["sent"]))


async def test_a_cancelled_receive_loses_nothing():
    async def play(peer):
        peer.order("!cancel")
        whole = frame(TEXT, b"one", fin=False) + frame(0, b"two")
        peer.send(whole[:6])
        await asyncio.sleep(0.3)
        peer.send(whole[6:], frame(CLOSE, b"\x03\xe8"))
        await peer.gone()

    events = await talk(play)
    assert [said["event"] for said in events] == ["open", "cancelled", "message", "closed", "end"]
    assert bytes.fromhex(events[2]["head"]) == b"onetwo"


async def test_a_hundred_connections_leave_nothing_behind():
    async def play(peer):
        await peer.accept()
        peer.order("!send 3000")
        await peer.receive()
        peer.writer.transport.abort()

    async def memory(times):
        async with server(play) as port, client(port, times=times) as it:
            return (await it.end())["memory"]

    assert abs(await memory(100) - await memory(5)) < 1500
