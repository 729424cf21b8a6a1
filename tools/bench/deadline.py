# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Waiting with a deadline."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def within(seconds: float, awaitable: Awaitable[T]) -> T:
    """What `awaitable` gives, or TimeoutError.

    Not `asyncio.wait_for`: until Python 3.12 that forgets that its task was cancelled when the awaited thing
    comes about in the same turn of the loop, and whoever cancelled the task waits for ever.
    """
    async with asyncio.timeout(seconds):
        return await awaitable
