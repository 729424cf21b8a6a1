# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT

import asyncio

from hal.deadline import within
from host_tests.unit.event_loop import run, settle

try:
    from micropython import heap_lock, heap_unlock
except ImportError:
    heap_lock = None

PATIENCE_MS = 5000


async def outcome(work, timeout_ms=PATIENCE_MS):
    """What who waits with a deadline gets: the result, or the exception's type."""
    try:
        return await within(work, timeout_ms)
    except (asyncio.CancelledError, Exception) as error:
        return type(error)


async def after(turns, result=None, error=None, ended=None):
    """Work that takes so many turns of the event loop."""
    try:
        for _ in range(turns):
            await asyncio.sleep(0)
        if error is not None:
            raise error
        return result
    finally:
        if ended is not None:
            ended.append(result)


def test_the_result():
    async def main():
        for turns in (0, 1, 5):
            assert await outcome(after(turns, "done")) == "done"
            assert await outcome(after(turns)) is None
            assert await outcome(asyncio.create_task(after(turns, "task"))) == "task"

    run(main())


def test_what_the_work_raises():
    async def main():
        for error in (ValueError("x"), OSError(5), MemoryError()):
            for turns in (0, 3):
                assert await outcome(after(turns, error=error)) is type(error)

    run(main())


def test_the_deadline():
    async def main():
        ended = []
        assert await outcome(after(1 << 20, "never", ended=ended), 20) is asyncio.TimeoutError
        assert ended == ["never"]  # cancelled, and waited for
        event = asyncio.Event()
        assert await outcome(event.wait(), 0) is asyncio.TimeoutError
        event.set()
        assert await outcome(event.wait()) is True

    run(main())


def test_who_waits_is_cancelled():
    """At any moment: also when the work has just ended."""

    async def main():
        for turns in range(1, 9):
            ended = []
            waiting = asyncio.create_task(outcome(after(3, "done", ended=ended)))
            for _ in range(turns):
                await asyncio.sleep(0)
            waiting.cancel()
            await settle()
            assert ended == ["done"], turns
            if waiting.done():
                try:
                    got = await waiting
                except asyncio.CancelledError:  # before its first turn, or behind its end
                    got = asyncio.CancelledError
                assert got in (asyncio.CancelledError, "done"), (turns, got)
                assert got == asyncio.CancelledError or turns >= 4, turns
            else:
                raise AssertionError("it goes on", turns)

    run(main())


def test_who_is_cancelled_waits_for_what_it_has_to_on_its_way_out():
    """It is not cancelled there once more when the work that it waited for ends."""

    async def leaving(told):
        try:
            await within(asyncio.Event().wait(), PATIENCE_MS)
        finally:
            for _ in range(5):
                await asyncio.sleep(0.001)
            told.append("left")

    async def main():
        told = []
        waiting = asyncio.create_task(leaving(told))
        await settle()
        waiting.cancel()
        await asyncio.sleep(0.1)
        assert told == ["left"]

    run(main())


def test_without_memory_nobody_is_cancelled_that_nobody_cancels():
    """None from the moment on in which the work ends, and some again so many turns later."""
    if heap_lock is None:
        return
    locked = []

    async def work(event):
        await event.wait()
        heap_lock()
        locked[0] = True
        return locked

    async def unlock_after(turns):
        while not locked[0]:
            await asyncio.sleep_ms(0)
        while turns:
            turns -= 1
            await asyncio.sleep_ms(0)
        heap_unlock()
        locked[0] = False

    async def main():
        for turns in range(6):
            locked[:] = [False]
            event = asyncio.Event()
            waiting = asyncio.create_task(outcome(work(event)))
            await settle()
            unlocking = asyncio.create_task(unlock_after(turns))
            await settle()
            event.set()
            await unlocking
            got = await waiting
            assert got is locked or got is MemoryError, (turns, got)

    run(main())
