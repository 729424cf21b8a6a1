# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Coroutines of `hal` on a fake chip: their sleeps move the chip's clock."""

import asyncio


class Over(BaseException):
    """The test has seen enough. Nobody is to catch it, as nobody is to catch a cancellation."""


def live_with(sleep, coroutine):
    """Run it with this in the place of `asyncio.sleep`, which it gets as its argument."""
    real = asyncio.sleep
    asyncio.sleep = sleep
    try:
        asyncio.run(coroutine(real))
    finally:
        asyncio.sleep = real


class Life:
    """A link that runs on a chip. ups: (second, up) of each change that it told."""

    def __init__(self, chip, link):
        self.chip = chip
        self.link = link
        self.ups = []

    def live(self, seconds, *events):
        """Until that second of the chip. `events`: (second, function)."""
        waiting = sorted(events, key=lambda event: event[0], reverse=True)
        chip, link = self.chip, self.link

        async def both(real):
            async def sleep(delay):
                chip.advance(int(delay * 1000000))
                while waiting and waiting[-1][0] * 1000000 <= chip.now_us:
                    waiting.pop()[1]()
                await real(0)
                if chip.now_us >= seconds * 1000000:
                    raise Over

            async def watch():
                while True:
                    await link.changed()
                    self.ups.append((chip.now_us // 1000000, link.up()))

            asyncio.sleep = sleep
            watcher = asyncio.create_task(watch())
            await real(0)
            try:
                await link.run()
            except Over:
                watcher.cancel()

        link._event = asyncio.Event()
        live_with(asyncio.sleep, both)
