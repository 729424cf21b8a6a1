# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The loop that skips waiting: what passes in it, and what is waited for all the same."""

import asyncio
import socket
import time
from datetime import UTC, datetime

import pytest

from host_tests.integration.skipping_clock import SkippingLoop

HOUR_S = 3600.0


@pytest.fixture
def loop():
    made = SkippingLoop()
    yield made
    made.close()


def clocks() -> tuple[float, float, float]:
    return time.monotonic(), time.time(), datetime.now(UTC).timestamp()


def passed(since: tuple[float, float, float]) -> list[float]:
    return [now - then for now, then in zip(clocks(), since, strict=True)]


def test_all_clocks_go_together(loop):
    async def sleep():
        began = clocks()
        await asyncio.sleep(HOUR_S)
        return passed(began)

    before = clocks()
    assert loop.run_until_complete(sleep()) == pytest.approx([HOUR_S] * 3, abs=0.01)
    # Outside of it nothing of that has happened, and it goes on where it was.
    assert max(passed(before)) < HOUR_S

    async def now():
        return passed(before)

    assert min(loop.run_until_complete(now())) > HOUR_S - 1


def test_what_is_computed_takes_no_time(loop):
    async def compute():
        began = clocks()
        for number in range(200000):
            hash(number)
        return passed(began)

    assert loop.run_until_complete(compute()) == [0, 0, 0]


def test_everybody_wakes_in_order(loop):
    told = []

    async def wake(after_s):
        await asyncio.sleep(after_s)
        told.append(after_s)

    async def all_of_them():
        await asyncio.gather(*(wake(after_s) for after_s in (7200, 0.001, 60, 59.9, 0)))

    loop.run_until_complete(all_of_them())
    assert told == [0, 0.001, 59.9, 60, 7200]


def test_what_is_under_way_arrives_before_a_time_out(loop):
    """Some thousand times: skipping before the kernel has delivered would be seen as a silent peer."""

    async def echo(reader, writer):
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    async def talk():
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        for number in range(3000):
            writer.write(b"%d\n" % number)
            async with asyncio.timeout(1):
                assert await reader.readline() == b"%d\n" % number
        writer.close()
        server.close()

    loop.run_until_complete(talk())


def test_a_peer_that_is_silent_is_a_time_out(loop):
    async def listen():
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(HOUR_S):
                await reader.read(1)
        writer.close()
        theirs.close()
        return time.monotonic() - began

    assert loop.run_until_complete(listen()) == pytest.approx(HOUR_S, abs=0.01)
