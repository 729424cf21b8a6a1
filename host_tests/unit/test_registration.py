# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""BootNotification and Heartbeat: when they are due, also after a week without network."""

from hal.ticks import ticks_add
from host_tests.unit.rig import Rig
from host_tests.unit.session_rig import World
from ocpp16.registration import Registration

DAY_MS = 86400000
REJECTED = {"status": "Rejected", "interval": 300, "currentTime": "2026-01-01T00:00:00Z"}
ACCEPTED = {"status": "Accepted", "interval": 300, "currentTime": "2026-01-01T00:00:00Z"}


def passed(registration, now, ms):
    """`now` later, the registration aged on the way: an hour stands for a second."""
    while ms > 0:
        step = min(ms, 3600000)
        now = ticks_add(now, step)
        registration.age(now)
        ms -= step
    return now


def test_the_interval_of_a_refusal_is_kept():
    registration = Registration(Rig().config, 0)
    assert registration.boot_wait_ms(0) == 0
    registration.answered(REJECTED, 0)
    assert registration.rejected and registration.boot_wait_ms(0) == 300000
    registration.age(299000)
    assert registration.boot_wait_ms(299000) == 1000
    registration.age(300000)
    assert registration.boot_wait_ms(300000) == 0
    registration.answered(ACCEPTED, 300000)
    assert registration.accepted and registration.boot_wait_ms(300000) == 0


def test_what_was_due_is_due_however_long_there_was_no_network():
    for days in (1, 5, 6, 7, 8, 10, 12, 13, 20, 30):
        for now in (0, (1 << 30) - 1000):
            registration = Registration(Rig().config, now)
            registration.answered(REJECTED, now)
            registration.arm_heartbeat(now)
            assert registration.heartbeat_wait_ms(now) == 300000
            later = passed(registration, now, days * DAY_MS)
            assert registration.boot_wait_ms(later) == 0, days
            assert registration.heartbeat_wait_ms(later) == 0, days
            registration = Registration(Rig().config, now)
            registration.unanswered(now)
            assert registration.boot_wait_ms(now) > 0
            assert registration.boot_wait_ms(passed(registration, now, days * DAY_MS)) == 0, days


def test_the_session_ages_it():
    session = World().session
    registration = session._registration
    registration.answered(REJECTED, 0)
    now = 0
    for _ in range(7 * 24):
        now = ticks_add(now, 3600000)
        session.age(now)
    assert registration.boot_wait_ms(now) == 0
