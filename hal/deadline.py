# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Waiting with a deadline, also without memory.

MicroPython's `asyncio.wait_for` makes an exception when the work is done, to wake who waits with. Where there
is no memory for it, and is some again a moment later, who waits gets a CancelledError that nobody asked for:
its task ends silently, and a charger that is online has nobody who sends. Here what wakes is made before.
"""

import asyncio

_RESULT = 0
_FAILURE = 1
_WAKING = 2


async def _carry_out(work, waiter, outcome):
    try:
        outcome[_RESULT] = await work
    except BaseException as error:  # also a CancelledError: it is handed to who waits
        outcome[_FAILURE] = error
    waking = outcome[_WAKING]
    if waking is not None and waiter.data is None and waiter.cancel():
        # Who cancels it from outside after this puts another one in its place.
        waiter.data = waking


async def _within(work, timeout_ms):
    waking = asyncio.CancelledError()
    outcome = [None, None, waking]
    running = asyncio.create_task(_carry_out(work, asyncio.current_task(), outcome))
    try:
        await asyncio.sleep_ms(timeout_ms)
    except asyncio.CancelledError as error:
        if error is not waking:
            outcome[_WAKING] = None  # it may wait for something else on its way out
            running.cancel()
            raise
        if outcome[_FAILURE] is not None:
            raise outcome[_FAILURE]
        return outcome[_RESULT]
    running.cancel()
    await running
    raise asyncio.TimeoutError


async def within(work, timeout_ms: int):
    """The result of `work`, a coroutine or a task, as `asyncio.wait_for` gives it: asyncio.TimeoutError and
    `work` is cancelled after so many milliseconds. MemoryError: without memory for it."""
    if hasattr(asyncio, "wait_for_ms"):
        return await _within(work, timeout_ms)
    return await asyncio.wait_for(work, timeout_ms / 1000)
