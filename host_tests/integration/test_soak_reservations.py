# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The audit of what was reserved during a soak: each rule is broken in one way, and that is seen."""

from collections.abc import Callable
from typing import Any

from bench.messages import parse_utc
from bench.soak_reservations import DATED_S
from host_tests.integration.soak_world import (
    ACCEPTED,
    Ask,
    Said,
    World,
    cases,
    each,
    enter,
    judge,
    right,
    said_of,
    start,
    stop,
    time,
)

REJECTED, OCCUPIED = {"status": "Rejected"}, {"status": "Occupied"}


def reserve(number: int, connector: int, tag: str, at_s: int, until_s: int, answer=ACCEPTED, **more) -> Ask:
    payload = {"reservationId": number, "connectorId": connector, "idTag": tag, "expiryDate": time(until_s)}
    return Ask("ReserveNow", {**payload, **more}, at_s, answer)


def cancel(number: int, at_s: int, answer: dict[str, Any] | None = ACCEPTED) -> Ask:
    return Ask("CancelReservation", {"reservationId": number}, at_s, answer)


def reserved() -> World:
    """A has reserved connector 1, D's family any, E and F have not come, and neither has G."""
    world = World(registers_wh={1: 1130, 2: 500_000_040}, parents={"D": "FAMILY"})
    world.messages = [
        start(1, "A", 1000, 40, 7),  # 0
        start(2, "D", 500_000_000, 45, 8),
        stop(2, 500_000_040, 70),  # 2
        stop(1, 1100, 80),
        start(1, "B", 1100, 130),  # 4
        stop(3, 1130, 150),
    ]
    world.asks = [
        reserve(7, 1, "A", 20, 120),  # 0
        reserve(8, 0, "X", 30, 120, parentIdTag="FAMILY"),
        reserve(9, 1, "E", 90, 120),  # 2: it expires
        reserve(10, 2, "F", 90, 290),
        cancel(10, 200),  # 4
        reserve(11, 2, "G", 205, 290, OCCUPIED),
        cancel(7, 210, REJECTED),  # 6: it was used
        reserve(12, 1, "H", 215, 290, None),
        cancel(12, 220, REJECTED),  # 8: it has never come to the charger
    ]
    for message in world.messages:
        enter(world.books, message)
    return world


def begun(world: World, number: int) -> dict[str, Any]:
    return world.messages[number].payload


def used_by_nobody_s_leave(world: World) -> None:
    world.asks[0].answer = REJECTED


def used_unasked(world: World) -> None:
    begun(world, 4)["reservationId"] = 77


def used_elsewhere(world: World) -> None:
    world.asks[0].payload["connectorId"] = 2


def used_by_a_stranger(world: World) -> None:
    world.asks[0].payload["idTag"] = "Z"


def used_by_another_family(world: World) -> None:
    world.parents["D"] = "OTHERS"


def used_before(world: World) -> None:
    world.asks[0].at_s = 60


def used_when_over(world: World) -> None:
    world.asks[0].payload["expiryDate"] = time(37)


def used_when_cancelled(world: World) -> None:
    world.asks.insert(1, cancel(7, 35))


def used_twice(world: World) -> None:
    begun(world, 4)["idTag"] = "A"
    begun(world, 4)["reservationId"] = 7
    world.books.transactions[3].tag = "A"
    world.asks[0].payload["expiryDate"] = time(290)


def not_named(world: World) -> None:
    del begun(world, 0)["reservationId"]


def any_not_named(world: World) -> None:
    world.asks[1].payload["idTag"] = "D"
    del begun(world, 1)["reservationId"]


def a_stranger_on_it(world: World) -> None:
    world.asks[2].payload["expiryDate"] = time(290)


def a_stranger_at_once(world: World) -> None:
    """Begun just when it was accepted, and going on: it cannot have been there before."""
    world.asks[2].payload["expiryDate"] = time(290)
    world.asks[2].at_s = 129


def a_stranger_on_the_last_one(world: World) -> None:
    """D comes when A charges, and it was X for whom one was to be kept."""
    del world.asks[1].payload["parentIdTag"]
    del begun(world, 1)["reservationId"]


def accepted_where_one_runs(world: World) -> None:
    world.asks[3].at_s = 60


def cancelled_what_is_used(world: World) -> None:
    world.asks[6].answer = ACCEPTED


def cancelled_what_is_over(world: World) -> None:
    world.asks.append(cancel(9, 230))


def cancelled_twice(world: World) -> None:
    world.asks.append(cancel(10, 230))


def cancelled_what_never_was(world: World) -> None:
    world.asks.append(cancel(11, 230))


def lost(world: World) -> None:
    """Over a power cut, say."""
    world.asks[4].answer = REJECTED


@cases(
    (used_by_nobody_s_leave, "reservation 7 was used never accepted"),
    (used_unasked, "reservation 77 was used never accepted"),
    (used_elsewhere, "reservation 7 was used on another connector"),
    (used_by_a_stranger, "reservation 7 was used by a stranger"),
    (used_by_another_family, "reservation 8 was used by a stranger"),
    (used_before, "reservation 7 was used before it was there"),
    (used_when_over, "reservation 7 was used when it was over"),
    (used_when_cancelled, "reservation 7 was used when it was cancelled"),
    (used_twice, "reservation 7 used by 2"),
    (not_named, "reservation 7 is not named"),
    (any_not_named, "reservation 8 is not named"),
    (a_stranger_on_it, "connector 1 was reserved, and tag B has begun there: reservation 9"),
    (a_stranger_at_once, "connector 1 was reserved, and tag B has begun there: reservation 9"),
    (a_stranger_on_the_last_one, "a connector was to be kept, and tag D has begun on the last one"),
    (accepted_where_one_runs, "reservation 10 was accepted where a transaction runs"),
    (cancelled_what_is_used, "reservation 7 was cancelled, and cannot have been there"),
    (cancelled_what_is_over, "reservation 9 was cancelled, and cannot have been there"),
    (cancelled_twice, "reservation 10 was cancelled, and cannot have been there"),
    (cancelled_what_never_was, "reservation 11 was cancelled, and cannot have been there"),
    (lost, "reservation 10 is lost"),
)
def test_what_was_reserved(spoil: Callable[[World], None], complaint: str):
    judge(reserved(), spoil, complaint)


def test_reservations_are_counted():
    found = reserved().judged()
    assert (found.reservations, found.reservations_used) == (4, 2)


def unanswered(world: World) -> None:
    """It may have been accepted: E's is used, and would have kept nobody away."""
    world.asks[2].answer = None
    world.asks[2].payload["expiryDate"] = time(290)


def cancelled_perhaps(world: World) -> None:
    world.asks[2].payload["expiryDate"] = time(290)
    world.asks.insert(3, cancel(9, 110, None))


def replaced_perhaps(world: World) -> None:
    world.asks[2].payload["expiryDate"] = time(290)
    world.asks.insert(3, reserve(9, 1, "B", 110, 120, None))


def used_though_unanswered(world: World) -> None:
    world.asks[0].answer = None


def expired_before_the_time_was_known(world: World) -> None:
    """The charger has started at 35, and nobody has told it the time up to 40."""
    world.asks[0].payload["expiryDate"] = time(37)
    world.lives = [35]
    world.said.append(Said("Heartbeat", {}, 60))


def dated_in_the_dark(world: World) -> None:
    """In that life nobody has told it the time: the start may have been later."""
    world.asks[2].payload["expiryDate"] = time(290)
    world.asks[2].at_s = 130 - DATED_S + 5
    world.lives = [100, 160]
    world.messages[5] = stop(3, 1130, 131)


@each(
    unanswered,
    cancelled_perhaps,
    replaced_perhaps,
    used_though_unanswered,
    expired_before_the_time_was_known,
    dated_in_the_dark,
)
def test_what_leaves_a_reservation_open(change: Callable[[World], None]):
    world = reserved()
    change(world)
    assert said_of(world) == []


def test_the_clocks_agree():
    asked = right().asked()
    assert asked.moment_s(time(61)) == 61
    assert parse_utc(time(61)).timestamp() == asked.epoch_s + 61
