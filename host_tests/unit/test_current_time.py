# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""currentTime of a CSMS that is wrong: the certificates with which it was verified are the measure."""

import log
from host_tests.unit.session_rig import Channel, World
from ocpp16.registration import ACCEPTED, Expired, believe

FROM_S = 1767225600  # 2026-01-01
UNTIL_S = 1775001600  # 2026-04-01
WITHIN = "2026-02-01T00:00:00Z"
BEFORE = "2025-12-31T23:59:59Z"
AFTER = "2050-01-01T00:00:00Z"


def told(time, known):
    """The world, its channels, and what the clock was set to, when a CSMS has said `time`."""
    certified = None if known is None else (FROM_S, UNTIL_S, known)
    first, second = Channel(time=time, certified=certified), Channel(time=WITHIN)
    world = World(first, second)
    times = []
    world.rig.clock.set_utc_ms = times.append
    assert world.live()
    return world, first, second, times


def test_a_time_within_is_believed():
    for known in (None, False, True):
        world, first, _, times = told(WITHIN, known)
        assert times == [world.rig.clock.parse(WITHIN)] and first.aborted is None
    for time, known in ((AFTER, None), (BEFORE, None)):
        world, first, _, times = told(time, known)
        assert times == [world.rig.clock.parse(time)] and first.aborted is None


def test_a_time_outside_is_not_and_the_charger_goes_on():
    for time, known in ((AFTER, True), (BEFORE, True), (BEFORE, False)):
        world, first, _, times = told(time, known)
        assert times == [] and first.aborted is None
        assert world.session.registration == ACCEPTED
        assert first.said[-1] == "StatusNotification"


def test_who_says_that_its_own_certificate_has_expired_is_left():
    world, first, second, times = told(AFTER, False)
    assert "2050" in first.aborted and first.said == ["BootNotification"]
    assert times == [world.rig.clock.parse(WITHIN)]  # the next one's
    assert world.link.told.count("in vain") == 0
    assert second.said[0] == "BootNotification"  # the first had no say in that


def test_nor_does_a_heartbeat_say_so_with_impunity():
    class Later(Channel):
        async def call(self, action, *arguments):
            self.time = AFTER if action == "Heartbeat" else WITHIN
            return await super().call(action, *arguments)

    for known in (True, False):
        first = Later(certified=(FROM_S, UNTIL_S, known))
        world = World(first)
        times = []
        world.rig.clock.set_utc_ms = times.append
        world.session._registration.arm_heartbeat = lambda now: None
        log_level, log.level = log.level, log.ERROR + 1
        try:
            world.live(60)
        finally:
            log.level = log_level
        assert times == [world.rig.clock.parse(WITHIN)]
        assert (first.aborted is None) == known and "Heartbeat" in first.said


def test_a_connection_may_outlive_its_certificate():
    """The clock that the CSMS has set says the same: then it is the certificate's renewal that is missing."""
    rig = World(Channel()).rig
    clock = rig.clock
    clock.set_utc_ms(UNTIL_S * 1000 - 1000)
    for known in (True, False):
        for after_ms in (0, 600000, 3500000):
            now = clock.parse("2026-04-01T00:00:00Z") + after_ms
            believe({"currentTime": clock.text(now)}, clock, (FROM_S, UNTIL_S - 1, known), rig.now)
            assert abs(clock.utc_ms - now) <= 1000
        before_ms = clock.utc_ms
        try:
            believe({"currentTime": AFTER}, clock, (FROM_S, UNTIL_S, known), rig.now)
            assert known
        except Expired:
            assert not known
        assert abs(clock.utc_ms - before_ms) < 1000
