# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The control channel over real sockets: one answer for every line, whatever the line, and bounds that
hold."""

import asyncio
import json

from host_tests.unit.control_rig import run

BAD_LINES = (
    b"",
    b" ",
    b"x",
    b"{",
    b"}",
    b"[]",
    b"null",
    b"5",
    b'"plug"',
    b'{"do":"plug","connector":1',
    b'{"do" "plug" "connector":1}',
    b'{"do":"plug","connector":1,}',
    b"{'do':'plug'}",
    b'{"do":"plug","connector":01}',
    b'{"do":"plug"} {"do":"plug"}',
    b'{"do":"pl\xffug"}',
    b"\xff\xfe",
    b"\x00\x01\x02",
    b'{"do":"plug","connector":1e999}',
    b'{"do":"plug","connector":NaN}',
    b'{"do":"\\ud800"}',
    b"[" * 4000,
    b'{"a":' * 600,
)


def test_bad_lines_are_refused_and_the_channel_lives_on():
    async def test(rig, client):
        for line in BAD_LINES:
            await client.send(line + b"\n")
            answer = await client.line()
            assert answer["ok"] is False and answer["error"], line
            assert await client.ask(do="link", up=True, n=1) == {"ok": True, "n": 1}, line

    run(test)


def test_over_long_lines_get_one_answer():
    async def test(rig, client):
        whole = json.dumps({"do": "link", "up": True, "x": ""})
        longest = whole.replace('""', '"' + "a" * (4096 - len(whole)) + '"').encode()
        assert len(longest) == 4096
        await client.send(longest + b"\n")
        assert await client.line() == {"ok": True}
        for size in (4097, 5000, 100000):
            await client.send(b"a" * size + b"\n")
            answer = await client.line()
            assert answer["ok"] is False and "4096" in answer["error"]
            assert await client.ask(do="link", up=True, n=size) == {"ok": True, "n": size}

    run(test)


def test_lines_in_pieces_and_in_heaps():
    async def test(rig, client):
        for byte in b'{"do":"link","up":true,"n":"pieces"}\r\n':
            await client.send(bytes([byte]))
            await asyncio.sleep(0)
        assert await client.line() == {"ok": True, "n": "pieces"}
        await client.send(b"".join([b'{"do":"link","up":true,"n":%d}\n' % number for number in range(200)]))
        for number in range(200):
            assert await client.line() == {"ok": True, "n": number}

    run(test)


def test_clients_are_bounded_and_the_place_of_a_leaver_is_free():
    async def test(rig, client):
        clients = [client]
        while len(clients) < 8:
            clients.append(await rig.client())
        for one in clients:
            assert (await one.ask(do="link", up=True))["ok"]
        ninth = await rig.client()
        answer = await ninth.line()
        assert answer["ok"] is False and "8" in answer["error"]
        assert await ninth.line() is None  # closed
        await clients[3].close()
        await asyncio.sleep(0.05)
        again = await rig.client()
        assert (await again.ask(do="link", up=True))["ok"]
        assert (await client.ask(do="link", up=True))["ok"]

    run(test)


def test_events_go_to_those_who_watch():
    async def test(rig, client):
        other = await rig.client()
        assert (await client.ask(do="watch", n=1)) == {"ok": True, "n": 1}
        rig.firmware.events.tell({"event": "status", "connector": 1, "status": "Preparing"})
        rig.firmware.events.tell({"event": "pilot", "connector": 1, "pilot": "B"})
        assert await client.line() == {"event": "status", "connector": 1, "status": "Preparing"}
        assert await client.line() == {"event": "pilot", "connector": 1, "pilot": "B"}
        assert await other.ask(do="link", up=True, n=2) == {"ok": True, "n": 2}  # no event before its answer
        assert await client.ask(do="link", up=True, n=3) == {"ok": True, "n": 3}

    run(test)


def test_a_watcher_that_does_not_read_is_dropped_and_nobody_else():
    async def test(rig, client):
        slow = await rig.client()
        assert (await slow.ask(do="watch"))["ok"]
        for _ in range(20000):  # far more than the sockets between the two can hold
            rig.control.emit({"event": "message", "text": "x" * 4000})
            await asyncio.sleep(0)
            if len(rig.control._clients) == 1:
                break
        assert len(rig.control._clients) == 1
        rig.control.emit({"event": "status"})
        assert (await client.ask(do="link", up=True))["ok"]

    run(test)


def test_a_long_event_reaches_a_reader_whole():
    async def test(rig, client):
        assert (await client.ask(do="watch"))["ok"]
        text = "0123456789" * 3000
        for number in range(3):
            rig.control.emit({"event": "message", "number": number, "text": text})
            assert await client.line() == {"event": "message", "number": number, "text": text}

    run(test)


def test_a_client_that_vanishes_in_the_middle():
    async def test(rig, client):
        for data in (b'{"do":"wat', b'{"do":"watch"}\n', b'{"do":"state"}\n' * 20):
            other = await rig.client()
            await other.send(data)
            await other.close()
            for _ in range(5):
                rig.control.emit({"event": "status"})
                await asyncio.sleep(0.01)
        assert (await client.ask(do="link", up=True))["ok"]
        assert len(rig.control._clients) == 1

    run(test)
