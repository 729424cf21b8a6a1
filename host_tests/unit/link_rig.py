# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The LTE link on a fake modem, in a time of its own."""

import asyncio

import log
from host_tests.unit.event_loop import run
from host_tests.unit.modem_rig import Clock, FakeModem, FakePpp
from net import at, lte
from net.lte import LteLink

MINUTE_MS = 60000
HOUR_MS = 3600000


class Rig:
    """The link on a fake modem, in a time of its own."""

    def __init__(self, running=False, settings=None, ticks=0, fine=False, parts=None):
        self.clock = Clock(ticks)
        self.modem = FakeModem(self.clock, running)
        self.settings = settings or {}
        self.parts = parts
        at.ticks_ms = lte.ticks_ms = self.clock.now
        at.pause = lte.pause = self.clock.pause
        # Hours are lived through here: looking at things less often saves most of it.
        at._LOOK_MS = 10 if fine else 50
        lte._LOOK_MS = 50 if fine else 250

    def live(self, scenario):
        """Run the link beside `scenario(rig)`, a coroutine function."""

        async def both():
            self.ppp = FakePpp(self.modem)
            self.link = LteLink(self.modem, self.settings, self.parts, self.ppp)
            life = asyncio.create_task(self.link.run())
            try:
                await scenario(self)
            finally:
                assert not life.done(), "the link has ended"
                life.cancel()

        level, log.level = log.level, log.ERROR + 1
        try:
            run(both())
        finally:
            log.level = level

    async def until(self, condition, limit_ms):
        """Emulated milliseconds until it holds."""
        began = self.clock.ms
        while not condition():
            assert self.clock.ms - began < limit_ms, "not within %d ms: %s, %s" % (
                limit_ms,
                self.link.phase,
                self.link.trouble,
            )
            await asyncio.sleep(0)
        return self.clock.ms - began

    async def pass_ms(self, ms):
        end = self.clock.ms + ms
        while self.clock.ms < end:
            await asyncio.sleep(0)

    def said(self, beginning):
        return [command for command in self.modem.said if command.startswith(beginning)]
