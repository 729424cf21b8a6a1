# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A session on the bench of the unit tests: connections come about, or do not, as the test says; pauses take
no time.
"""

import asyncio

import log
from hal.ticks import ticks_add
from host_tests.unit.event_loop import run, settle
from host_tests.unit.rig import Rig
from ocpp16 import session
from ocpp16.registration import ACCEPTED
from ocpp16.rpc import LinkLost
from ocpp16.session import Session


class Time:
    """asyncio for `ocpp16.session`, in which a pause takes no time. pauses: how long each would have been."""

    TimeoutError = asyncio.TimeoutError

    def __init__(self):
        self.pauses = []

    def create_task(self, coroutine):
        return asyncio.create_task(coroutine)

    async def sleep_ms(self, ms):
        self.pauses.append(ms)
        await asyncio.sleep(0)

    async def within(self, task, timeout_ms):
        self.pauses.append(timeout_ms)
        await asyncio.sleep(0)
        if task.done():
            return await task
        raise asyncio.TimeoutError


class Link:
    def __init__(self):
        self.told = []
        self.broken = None  # what `changed` raises

    def up(self):
        return True

    async def changed(self):
        if self.broken is not None:
            raise self.broken
        await asyncio.Event().wait()

    def heard(self):
        self.told.append("heard")

    def in_vain(self):
        self.told.append("in vain")


class Outbox:
    depth = 0
    last_sequence = 0

    def wait_ms(self, now):
        return None

    def head_sequence(self):
        return None


class Channel:
    """`ends`: what `receive` raises, None: it goes on until the connection is left; `time`: currentTime of
    the CSMS; `answers`: {action: what a call of it raises}, None for all others.

    silent: how long nothing has come, in ms.
    """

    def __init__(self, ends=None, time="2026-01-01T00:00:00Z", answers=None, certified=None):
        self.ends = ends
        self.time = time
        self.answers = answers or {}
        self.certified = certified
        self.silent = 0
        self.said = []
        self.closed = 0
        self.dropped = False
        self.aborted = None
        self.fell_silent = False
        self._over = asyncio.Event()

    async def receive(self):
        if self.ends is not None:
            raise self.ends
        await self._over.wait()

    def silent_ms(self):
        return self.silent

    async def call(self, action, payload, timeout_ms, message_id=None, taken=None):
        if self.aborted is not None:
            raise LinkLost("no link")
        self.said.append(action)
        await asyncio.sleep(0)
        raised = self.answers.get(action, self.answers.get(None))
        if raised is not None:
            raise raised
        conf = {"currentTime": self.time, "interval": 300, "status": ACCEPTED}
        if taken is not None:
            taken(conf)
        return conf

    def abort(self, why, unheard=False):
        if self.aborted is None:
            self.aborted = why
            self.fell_silent = unheard
            self._over.set()

    def drop(self):
        self.dropped = True

    async def close(self):
        self.closed += 1


class World:
    """A session whose connections come about, or not, as `outcomes` says; behind the last of them it waits
    for ever. tried: how often it connected.
    """

    def __init__(self, *outcomes, outbox=None):
        self.outcomes = list(outcomes)
        self.tried = 0
        self.link = Link()
        self.time = Time()
        self.rig = Rig()
        self._now = None
        self.session = Session(self.rig.station, outbox or Outbox(), {}, self.connect)

    async def connect(self):
        self.tried += 1
        if not self.outcomes:
            await asyncio.Event().wait()
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def hurry(self):
        """What the sender waits for is there at once: ticks are what it has waited."""
        self._now = 0

        async def wait(timeout_ms):
            self._now = ticks_add(self._now, timeout_ms)
            await asyncio.sleep(0)

        self.session._bell.wait = wait

    def live(self, turns=200):
        """Whether its task goes on."""

        async def life():
            task = asyncio.create_task(self.session.run(self.link))
            await settle(turns)
            lives = not task.done()
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                pass
            return lives

        real = session.asyncio, session.within
        session.asyncio, session.within = self.time, self.time.within
        real_ticks = session.ticks_ms
        if self._now is not None:
            session.ticks_ms = lambda: self._now
        level, log.level = log.level, log.ERROR + 1
        try:
            return run(life())
        finally:
            session.asyncio, session.within = real
            session.ticks_ms = real_ticks
            log.level = level
