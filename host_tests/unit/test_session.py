# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The session's own life: connections that do not come about, or end in ways that nobody thought of. Were its
task to end, the charger would be stopped with it, in the middle of somebody's charging.
"""

import asyncio
import errno

import log
from host_tests.unit.event_loop import run, settle
from host_tests.unit.expect import raises
from host_tests.unit.rig import Rig
from net.dns import Unknown
from ocpp16 import session
from ocpp16.session import ACCEPTED, Session


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

    async def wait_for(self, task, seconds):
        self.pauses.append(int(seconds * 1000))
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
    """`ends`: what `receive` raises, None: it goes on; `time`: currentTime of the CSMS."""

    fell_silent = False

    def __init__(self, ends=None, time="2026-01-01T00:00:00Z"):
        self.ends = ends
        self.time = time
        self.said = []
        self.closed = 0
        self.aborted = None

    async def receive(self):
        if self.ends is not None:
            raise self.ends
        await asyncio.Event().wait()

    async def call(self, action, payload, timeout_ms, message_id=None, taken=None):
        self.said.append(action)
        conf = {"currentTime": self.time, "interval": 300, "status": ACCEPTED}
        if taken is not None:
            taken(conf)
        return conf

    def abort(self, why, unheard=False):
        self.aborted = why

    async def close(self):
        self.closed += 1


class World:
    """A session whose connections come about, or not, as `outcomes` says; behind the last of them it waits
    for ever. tried: how often it connected.
    """

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.tried = 0
        self.link = Link()
        self.time = Time()
        self.rig = Rig()
        self.session = Session(self.rig.station, Outbox(), {}, self.connect)

    async def connect(self):
        self.tried += 1
        if not self.outcomes:
            await asyncio.Event().wait()
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

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

        real, session.asyncio = session.asyncio, self.time
        level, log.level = log.level, log.ERROR + 1
        try:
            return run(life())
        finally:
            session.asyncio = real
            log.level = level


def test_no_memory_for_a_connection_is_one_that_does_not_come_about():
    # The reader's 8 KB, the handshake's request; and whatever else nobody has thought of.
    world = World(MemoryError("memory allocation failed, allocating 8192 bytes"), KeyError("x"), ValueError())
    assert world.live()
    assert world.tried == 4
    # It says nothing about the link, and is not tried again at once.
    assert world.link.told == []
    assert len(world.time.pauses) == 3 and min(world.time.pauses) >= 500
    assert world.time.pauses[2] >= 2000


def test_a_connection_that_ends_in_an_exception_is_closed_and_another_one_made():
    first = Channel(MemoryError())
    world = World(first, first)
    assert world.live()
    assert world.tried == 3 and first.closed == 2
    assert not world.session.connected


def test_a_cancelled_session_ends():
    assert not World(asyncio.CancelledError()).live()


def test_a_link_that_raises_does_not_stop_the_charger():
    world = World(MemoryError(), MemoryError())
    world.link.broken = ValueError("driver")
    assert world.live()
    assert world.tried == 3 and len(world.time.pauses) >= 2

    def raising():
        raise OSError("driver")

    world = World(OSError(errno.ECONNREFUSED, ""), OSError(errno.ETIMEDOUT, ""))
    world.link.heard = world.link.in_vain = raising
    assert world.live() and world.tried == 3


def test_what_is_told_to_the_link():
    world = World(OSError(errno.ECONNREFUSED, ""), OSError(errno.ETIMEDOUT, ""), OSError("TLS: no memory"))
    assert world.live()
    assert world.link.told == ["heard", "in vain", "in vain"]


def test_an_unknown_name_says_nothing_about_the_link_for_a_while():
    # A carrier may answer so whatever it is asked: then the call has to be made anew some time.
    unknown = [Unknown("csms.example is unknown to the DNS server")] * 20
    world = World(*unknown)
    assert world.live(400)
    assert world.tried == 21
    assert world.link.told == ["in vain", "in vain"]
    world = World(*(unknown[:7] + [OSError(errno.ECONNREFUSED, "")] + unknown[:7]))
    assert world.live(400)
    assert world.link.told == ["heard"]


def test_a_clock_that_raises_does_not_keep_the_charger_from_its_csms():
    for failure in (OverflowError(), OSError(5), ValueError(), MemoryError()):
        channel = Channel(time="2040-01-01T00:00:00Z")
        world = World(channel)

        def set_utc_ms(utc_ms, failure=failure):
            raise failure

        world.rig.clock.set_utc_ms = set_utc_ms
        assert world.live()
        assert world.session.registration == ACCEPTED and channel.aborted is None, failure
        assert channel.said[:2] == ["BootNotification", "StatusNotification"]


def test_a_time_that_is_none_is_survived():
    channel = Channel(time="yesterday")
    world = World(channel)
    assert world.live()
    assert world.session.online or world.session.registration == ACCEPTED
    assert channel.aborted is None
    raises(ValueError, world.rig.clock.parse, "yesterday")


def test_a_heap_that_never_serves_again_ends_in_a_restart_when_nobody_charges():
    raises(MemoryError, World(*[MemoryError("no piece of 8 KB")] * 10).live)
    assert World(*[MemoryError("no piece of 8 KB")] * 9).live()
    busy = World(*[MemoryError("no piece of 8 KB")] * 20)
    busy.rig.station.connectors[0].transaction = object()
    assert busy.live(400) and busy.tried == 21
