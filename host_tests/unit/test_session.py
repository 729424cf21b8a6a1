# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The session's own life: connections that do not come about, or end in ways that nobody thought of. Were its
task to end, the charger would be stopped with it, in the middle of somebody's charging.
"""

import asyncio
import errno

from host_tests.unit.expect import raises
from host_tests.unit.session_rig import Channel, World
from net.dns import Unknown
from net.url import OwnFault
from ocpp16.registration import ACCEPTED


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
    world = World(*[OwnFault("no CA certificate: ca.der or ca.pem is missing")] * 20)
    assert world.live(400)
    assert world.tried == 21 and world.link.told == []


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
