# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The modem in real time: servers on loopback behind it, its control channel, its pins, its command line."""

import asyncio
import json
import os
import random
import socket
import ssl
import struct
import sys
from pathlib import Path

import pytest

from bench.control import ControlChannel, ControlRefused
from emulator.modem import control
from emulator.modem.line import Line
from emulator.modem.modem import ModemSettings
from emulator.modem.pins import Pins
from host_tests.emulator_peer.real_board import BoardTls, RealBoard, certificate, echo, serving

ROOT = Path(__file__).resolve().parents[2]


def in_loop(test):
    def run(*arguments):
        asyncio.run(test(*arguments))

    run.__name__ = test.__name__
    return run


async def until(true, seconds=10):
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


@in_loop
async def test_echo_over_a_real_socket():
    data = random.Random(1).randbytes(200_000)
    async with serving(echo) as port, RealBoard() as board:
        tcp = await board.opened(port, window=16000)
        board.write(tcp, data)
        board.finish(tcp)
        await board.until(lambda: tcp.state == "closed")
        assert bytes(tcp.received) == data
        assert not board.line.modem.internet.connections


def test_a_big_exchange_over_tls(tmp_path):
    asyncio.run(big_exchange(*certificate(tmp_path, "csms.example")))


async def big_exchange(server, client):
    data = random.Random(2).randbytes(150_000)
    async with serving(echo, ssl=server) as port, RealBoard() as board:
        tls = BoardTls(board, await board.opened(port, window=16000), client, "csms.example")
        await tls.do(lambda tls: tls.do_handshake())
        received = b""
        for at in range(0, len(data), 30_000):
            piece = data[at : at + 30_000]
            await tls.do(lambda tls, piece=piece: tls.write(piece))
            while len(received) < at + len(piece):
                received += await tls.do(lambda tls: tls.read(65536))
        assert received == data


def test_tls_finds_a_wrong_name(tmp_path):
    asyncio.run(wrong_name(*certificate(tmp_path, "csms.example")))


async def wrong_name(server, client):
    async with serving(echo, ssl=server) as port, RealBoard() as board:
        tls = BoardTls(board, await board.opened(port), client, "other.example")
        with pytest.raises(ssl.SSLCertVerificationError):
            await tls.do(lambda tls: tls.do_handshake())


@in_loop
async def test_many_connections_at_once():
    async with serving(echo) as port, RealBoard() as board:
        connections = [board.connect(port) for _ in range(20)]
        for number, tcp in enumerate(connections):
            board.write(tcp, bytes((number,)) * 5000)
            board.finish(tcp)
        await board.until(lambda: all(tcp.state == "closed" for tcp in connections))
        for number, tcp in enumerate(connections):
            assert bytes(tcp.received) == bytes((number,)) * 5000


@in_loop
async def test_nobody_listens():
    async with serving(echo) as port:
        pass
    async with RealBoard() as board:
        tcp = board.connect(port)
        await board.until(lambda: tcp.state == "reset")
        assert board.line.modem.state(board.line.now)["refused"] == 1


@in_loop
async def test_each_half_closes_by_itself():
    heard = []

    async def answer_after_the_end(reader, writer):
        heard.append(await reader.read())
        writer.write(b"answer" * 1000)
        writer.close()

    async with serving(answer_after_the_end) as port, RealBoard() as board:
        tcp = await board.opened(port)
        board.write(tcp, b"question")
        board.finish(tcp)
        await board.until(lambda: tcp.state == "closed")
        assert heard == [b"question"] and bytes(tcp.received) == b"answer" * 1000


@in_loop
async def test_resets_are_carried_both_ways():
    ends = []

    async def reset_when_asked(reader, writer):
        try:
            if await reader.read(100) == b"reset me":
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
            else:
                ends.append(await reader.read(100))
        except ConnectionResetError as error:
            ends.append(error)

    async with serving(reset_when_asked) as port, RealBoard() as board:
        tcp = await board.opened(port)
        board.write(tcp, b"reset me")
        await board.until(lambda: tcp.state == "reset")
        tcp = await board.opened(port)
        board.write(tcp, b"hello")
        await asyncio.sleep(0.05)
        board.abort(tcp)
        await board.until(lambda: ends)
        assert isinstance(ends[0], ConnectionResetError)


@in_loop
async def test_a_server_that_does_not_read_stops_the_board():
    go_on = asyncio.Event()
    heard = bytearray()

    async def lazy(reader, writer):
        await go_on.wait()
        while data := await reader.read(65536):
            heard.extend(data)
        writer.close()

    data = random.Random(3).randbytes(1_000_000)
    async with serving(lazy, limit=1024) as port, RealBoard() as board:
        tcp = await board.opened(port)
        board.write(tcp, data)
        await asyncio.sleep(0.5)
        (connection,) = board.line.modem.internet.connections
        # The kernel takes some of it; what it does not is the board's to keep, not the modem's.
        assert len(connection._inbox) <= 16384
        go_on.set()
        board.finish(tcp)
        await board.until(lambda: tcp.state == "closed")
        assert bytes(heard) == data


@in_loop
async def test_the_control_channel():
    line = Line(ModemSettings())
    server = await control.serve(control.Control(line), 0)
    port = server.sockets[0].getsockname()[1]
    channel = ControlChannel()
    await channel.connect(port)
    assert (await channel.request("state"))["power"] == "unsupplied"
    await channel.request("supply", on=True)
    await channel.request("pwrkey", pressed=True)
    await asyncio.sleep(0.15)
    assert (await channel.request("state"))["power"] == "booting"
    await channel.request("turn_on")
    await channel.request("fault", name="loss", value=0.5)
    await channel.request("fault", name="no_sim")
    assert (await channel.request("state"))["faults"] == {"no_sim": True, "loss": 0.5}
    await channel.request("clear", name="loss")
    await channel.request("clear")
    await channel.request("name", name="CSMS.example")
    await channel.request("map", port=443, to=8443)
    await channel.request("say", text="+CMTI: 1")
    assert line.modem.dns.names == {"csms.example": "10.64.0.1"}
    assert line.modem.internet.routes.loopback_port(b"\x0a\x40\0\x01", 443) == 8443
    for do, fields, words in (
        ("drop", {}, "no data call"),
        ("jump", {}, "cannot do"),
        ("fault", {"name": "nothing"}, "no fault"),
        ("fault", {"name": "loss", "value": "much"}, "number"),
        ("fault", {}, "KeyError"),
    ):
        try:
            await channel.request(do, **fields)
        except ControlRefused as refused:
            assert words in str(refused)
        else:
            raise AssertionError(do)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for wrong in (b"nonsense\n", b"[1]\n"):
        writer.write(wrong)
        assert json.loads(await reader.readline()) == {"ok": False, "error": "not a JSON object"}
    writer.close()
    await channel.close()
    server.close()
    line.close()


@in_loop
async def test_the_emulators_pins_and_its_speed():
    asked = []
    events = asyncio.Queue()

    async def emulator(reader, writer):
        while line := await reader.readline():
            request = json.loads(line)
            asked.append(request)
            answer = {"ok": True}
            if request["do"] == "watch":
                answer |= {"values": {"modem_supply": 1, "modem_key": None}, "ns": 0}
            writer.write(json.dumps(answer).encode() + b"\n")
            if request["do"] == "watch":
                for value, ns in ((1, 10**9), (0, 15 * 10**8)):  # half a second, but at once
                    event = {"event": "modem_key", "value": value, "ns": ns}
                    writer.write(json.dumps(event).encode() + b"\n")
            if await events.get() == "gone":
                writer.close()
                return

    line = Line(ModemSettings())
    async with serving(emulator) as port:
        following = asyncio.create_task(Pins(line).follow(port))
        events.put_nowait("on")
        await until(lambda: line.modem.power.state == "booting")
        assert asked[0] == {"do": "watch", "signals": ["modem_supply", "modem_key"]}
        events.put_nowait("on")
        line.modem.turn_on(line.now)
        line.modem.receive(b"AT+IPR=460800\r", line.now)
        line.wake()
        await until(lambda: {"do": "modem", "baud": 460800} in asked)
        events.put_nowait("gone")
        events.put_nowait("on")
        await until(lambda: sum(request["do"] == "watch" for request in asked) == 2)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    line.close()


@in_loop
async def test_the_command_line_and_an_emulator_that_starts_anew():
    boards = asyncio.Queue()

    async def uart(reader, writer):
        boards.put_nowait((reader, writer))

    async with serving(uart) as port:
        command = (sys.executable, "-m", "emulator.modem", "--port", str(port), "--on", "--control", "0")
        more = ("--name", "csms.example", "--map", "443=8443", "--fault", "loss=0.02", "--model", "a7670")
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "tools")}
        process = await asyncio.create_subprocess_exec(
            *command, *more, env=environment, stdout=asyncio.subprocess.PIPE
        )
        try:
            said = (await process.stdout.readline()).decode()
            channel = ControlChannel()
            await channel.connect(int(said.removeprefix("control: ")))
            assert (await channel.request("state"))["faults"] == {"loss": 0.02}
            await channel.close()
            for _ in range(2):
                async with asyncio.timeout(10):
                    reader, writer = await boards.get()
                    writer.write(b"AT+CGMM\r")
                    assert b"A7670E" in await reader.readuntil(b"OK\r\n")
                    writer.close()
        finally:
            process.kill()
            await process.wait()


@in_loop
async def test_a_wrong_fault_on_the_command_line():
    command = (sys.executable, "-m", "emulator.modem", "--port", "1", "--fault", "nothing=1")
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tools")}
    process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    assert process.returncode == 2 and b"no fault 'nothing'" in said
