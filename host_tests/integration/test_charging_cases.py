# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the cases of smart charging make of a composite schedule: what they find wrong, and what they bear."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bench.cases.charging import Composite, compare, read
from bench.cases.failed import Failed
from bench.drivers.pilotlight import offered_a
from bench.messages import Message, utc_text
from host_tests.integration.fake_composite import OWN_W, Installed, Place, compose

NOW = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # the night in which Europe's clocks change
NOW_S = int(NOW.timestamp())


def conf(*periods: tuple[int, float], **fields: Any) -> Message:
    schedule: dict[str, Any] = {"duration": 300, "chargingRateUnit": "A"}
    schedule["chargingSchedulePeriod"] = [{"startPeriod": start, "limit": limit} for start, limit in periods]
    schedule |= {name: fields.pop(name) for name in list(fields) if name in schedule}
    told = {"connectorId": 1, "scheduleStart": utc_text(NOW), "chargingSchedule": schedule, **fields}
    message = Message("in", "result", "", payload=told)
    message.at = NOW + timedelta(seconds=0.4)
    return message


def test_an_answer_is_read():
    found = read(conf((0, 8), (50, 10.5)), 300, 1, "A", 1.5)
    assert (found.start, found.unit, found.steps) == (NOW_S, "A", [(0, 8), (50, 10.5)])
    assert [found.limit_at(second) for second in (0, 49.9, 50, 299)] == [8, 8, 10.5, 10.5]


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (conf((0, 8), connectorId=2), "connectorId is 2, not 1"),
        (conf((0, 8), scheduleStart=utc_text(NOW - timedelta(seconds=2))), "scheduleStart is -2.4 s off"),
        (conf((0, 8), scheduleStart=utc_text(NOW + timedelta(seconds=2))), "scheduleStart is +1.6 s off"),
        (conf((0, 8), chargingRateUnit="W"), "chargingRateUnit is W, not A"),
        (conf((0, 8), duration=299), "duration is 299, not 300"),
        (conf(), "there is no period"),
        (conf((1, 8)), "the periods begin at 1"),
        (conf((0, 8), (50, 9), (50, 10)), "the periods begin at 0, 50, 50"),
        (conf((0, 8), (300, 10)), "a period begins at 300"),
    ],
)
def test_an_answer_that_is_none(message: Message, why: str):
    with pytest.raises(Failed) as failed:
        read(message, 300, 1, "A", 1.5)
    assert why in failed.value.why


def test_what_an_answer_leaves_out():
    for name in ("connectorId", "scheduleStart", "chargingSchedule"):
        message = conf((0, 8))
        del message.payload[name]
        with pytest.raises(Failed):
            read(message, 300, 1, "A", 1.5)


WANTED = [(-1e9, 32.0), (-20.0, 8.0), (50.0, 10.0), (400.0, 6.0)]


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([(0, 8), (50, 10)], None),
        ([(0, 8), (20, 8), (50, 10)], None),  # neighbours that are equal
        ([(0, 8), (49, 10)], None),
        ([(0, 8), (51, 10)], None),
        ([(0, 8.1), (50, 9.9)], None),
        ([(0, 8), (48, 10)], "at 49 s it is 10 A, not 8"),
        ([(0, 8), (53, 10)], "at 52 s it is 8 A, not 10"),
        ([(0, 8.2), (50, 10)], "at 25 s it is 8.2 A, not 8"),
        ([(0, 8)], "at 175 s it is 8 A, not 10"),
        ([(0, 8), (50, 10), (250, 6)], "at 275 s it is 6 A, not 10"),
        ([(0, 32), (2, 8), (50, 10)], "at 1 s it is 32 A, not 8"),
    ],
)
def test_schedules_are_compared(steps: list[tuple[float, float]], why: str | None):
    told = Composite(NOW_S, "A", steps, conf((0, 8)))
    if why is None:
        compare(told, WANTED, 300)
        return
    with pytest.raises(Failed) as failed:
        compare(told, WANTED, 300)
    assert failed.value.why == why


def test_a_schedule_of_a_moment_is_compared():
    compare(Composite(NOW_S, "A", [(0, 8)], conf((0, 8))), WANTED, 1)
    with pytest.raises(Failed):
        compare(Composite(NOW_S, "A", [(0, 9)], conf((0, 9))), WANTED, 1)


def test_watts_are_as_exact_as_their_volts():
    wanted = [(-1e9, 6900.0)]
    compare(Composite(NOW_S, "W", [(0, 6850)], conf((0, 6850))), wanted, 300)
    with pytest.raises(Failed):
        compare(Composite(NOW_S, "W", [(0, 6800)], conf((0, 6800))), wanted, 300)


def test_what_a_duty_cycle_offers():
    duties = (0, 5, 7.9, 8, 10, 26.7, 53.3, 85, 96, 97, 100)
    assert [round(offered_a(duty), 1) for duty in duties] == [0, 0, 0, 6, 6, 16, 32, 51, 80, 0, 0]


# --- the fake's own schedule ---


def profile(
    purpose: str, level: int, *periods: tuple[int, float], connector: int = 1, **fields: Any
) -> Installed:
    schedule: dict[str, Any] = {"chargingRateUnit": "A"}
    schedule["chargingSchedulePeriod"] = [{"startPeriod": start, "limit": limit} for start, limit in periods]
    for name in ("startSchedule", "duration"):
        if name in fields:
            schedule[name] = fields.pop(name)
    named = {"chargingProfileId": 1, "stackLevel": level, "chargingProfilePurpose": purpose}
    kind = {"chargingProfileKind": "Absolute", "chargingSchedule": schedule}
    return Installed(connector, {**named, **kind, **fields})


def honest(_: str) -> bool:
    return False


def amperes(profiles: list[Installed], seconds: int, connector: int = 1) -> list[tuple[int, float]]:
    told = compose(profiles, [Place(connector, None, NOW_S)], NOW_S, seconds, honest)
    return [(offset, watts / 690) for offset, watts in told]


def at(seconds: int) -> str:
    return utc_text(NOW + timedelta(seconds=seconds))


def test_the_fake_has_its_own_limit():
    assert amperes([], 300) == [(0, 32)]
    assert compose([], [Place(1, None, NOW_S), Place(2, None, NOW_S)], NOW_S, 0, honest) == [(0, 2 * OWN_W)]


def test_the_fake_stacks():
    low = profile("TxDefaultProfile", 0, (0, 6), (100, 8), (200, 10), startSchedule=at(0), duration=400)
    high = profile("TxDefaultProfile", 1, (0, 7), (100, 9), startSchedule=at(0), duration=150)
    assert amperes([low, high], 350) == [(0, 7), (100, 9), (150, 8), (200, 10)]
    most = profile("ChargePointMaxProfile", 0, (0, 8.5), connector=0, startSchedule=at(50))
    assert amperes([low, high, most], 500) == [(0, 7), (100, 8.5), (150, 8), (200, 8.5)]


def test_the_fake_recurs():
    start = at(-3 * 86400 - 3600)  # an hour ago it began anew
    daily = {"chargingProfileKind": "Recurring", "recurrencyKind": "Daily"}
    one = profile("TxDefaultProfile", 0, (0, 6), (7200, 8), (90000, 10), startSchedule=start, **daily)
    assert amperes([one], 86400) == [(0, 6), (3600, 8), (82800, 6)]
    weekly = {"chargingProfileKind": "Recurring", "recurrencyKind": "Weekly"}
    one = profile(
        "TxDefaultProfile", 0, (0, 6), (6 * 86400, 8), startSchedule=start, duration=7 * 86400, **weekly
    )
    assert amperes([one], 5 * 86400) == [(0, 6), (3 * 86400 - 3600, 8), (4 * 86400 - 3600, 6)]
    one.schedule["duration"] = 4 * 86400
    assert amperes([one], 5 * 86400) == [(0, 6), (86400 - 3600, 32), (4 * 86400 - 3600, 6)]
