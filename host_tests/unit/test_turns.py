# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
import asyncio

from host_tests.unit.event_loop import run
from ocpp16.turns import QueueFull, Turns


async def _user(turns, name, log, hold=3):
    await turns.take()
    try:
        log.append(name)
        for _ in range(hold):
            await asyncio.sleep(0)
        log.append(-name)
    finally:
        turns.give()


def test_one_at_a_time_in_order():
    async def main():
        turns = Turns(10)
        log = []
        tasks = [asyncio.create_task(_user(turns, n, log)) for n in range(1, 6)]
        for task in tasks:
            await task
        assert log == [1, -1, 2, -2, 3, -3, 4, -4, 5, -5]

    run(main())


def test_the_queue_has_a_limit():
    async def main():
        turns = Turns(2)
        await turns.take()
        log = []
        tasks = [asyncio.create_task(_user(turns, n, log)) for n in (1, 2)]
        await asyncio.sleep(0)
        try:
            await turns.take()
            raise AssertionError("a third one was let in")
        except QueueFull:
            pass
        turns.give()
        for task in tasks:
            await task
        assert log == [1, -1, 2, -2]
        await turns.take()  # free again

    run(main())


def test_a_cancelled_one_leaves_the_queue_or_hands_on_its_turn():
    async def main():
        for steps in range(8):
            turns = Turns(10)
            await turns.take()
            log = []
            tasks = [asyncio.create_task(_user(turns, n, log)) for n in (1, 2, 3)]
            await asyncio.sleep(0)
            turns.give()
            # The first may have been given its turn, begun, or ended when the cancellation comes.
            for _ in range(steps):
                await asyncio.sleep(0)
            tasks[0].cancel()
            for task in tasks:
                try:
                    await task
                except asyncio.CancelledError:
                    assert task is tasks[0]
            assert log[-4:] == [2, -2, 3, -3], (steps, log)
            await turns.take()

    run(main())
