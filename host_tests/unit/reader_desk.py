# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A tag reader whose waits take no time: a clock of its own goes on instead, and things happen in between."""

import asyncio

from host_tests.unit.event_loop import run


class Desk:
    """`module`: the driver's, whose clock it is. `on_wait()`: called at each wait of the reader. told: the
    UIDs so far. stall_ms: how much longer than asked for the next wait takes."""

    def __init__(self, module, on_wait=None):
        self.module = module
        self.reader = None
        self.on_wait = on_wait
        self.now = (1 << 30) - 3000  # the ticks wrap within the first seconds
        self.told = []
        self.stall_ms = 0

    def live(self, ms, happenings=()):
        """Let `ms` pass; `happenings`: (after ms, function)."""
        run(self._live(ms, list(happenings)))

    async def _live(self, ms, happenings):
        began = self.now
        module = self.module
        ticks, asleep = module.ticks_ms, module.asyncio

        class Clock:
            @staticmethod
            async def sleep(seconds):
                assert seconds > 0
                if self.on_wait is not None:
                    self.on_wait()
                self.now += int(seconds * 1000 + 0.5) + self.stall_ms
                self.stall_ms = 0
                while happenings and self.now - began >= happenings[0][0]:
                    happenings.pop(0)[1]()
                if self.now - began >= ms:
                    raise asyncio.CancelledError

        module.ticks_ms = lambda: self.now & 0x3FFFFFFF
        module.asyncio = Clock
        try:
            while True:
                self.told.append((await self.reader.read())[0])
        except asyncio.CancelledError:
            pass
        finally:
            module.ticks_ms, module.asyncio = ticks, asleep
