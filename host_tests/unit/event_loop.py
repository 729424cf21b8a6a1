# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Coroutines in unit tests, on CPython and MicroPython alike."""

import asyncio


def run(coroutine):
    """Run it in an event loop of its own: MicroPython's would carry tasks over from test to test."""
    if hasattr(asyncio, "wait_for_ms"):
        asyncio.new_event_loop()
    return asyncio.run(coroutine)


async def settle(turns=10):
    """Let every task that can go on do so."""
    for _ in range(turns):
        await asyncio.sleep(0)
