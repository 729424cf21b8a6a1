# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The audit of the charging profiles of a soak: each rule is broken in one way, and that is seen."""

import itertools
import random
from collections.abc import Callable
from typing import Any

from bench.soak_asked import Supply
from bench.soak_calls import calls
from bench.soak_charging import CHANGE_S, LOCAL_DA, read
from bench.soak_profiles import (
    ASK,
    CLEAR,
    DEFAULT,
    MAXIMUM,
    MOST_A,
    NUMBERS,
    SET,
    TX,
    Charging,
    charging,
    profile,
)
from host_tests.integration.soak_world import (
    ACCEPTED,
    Ask,
    Message,
    World,
    cases,
    each,
    enter,
    judge,
    said_of,
    start,
    stop,
    time,
)

REJECTED, UNKNOWN = {"status": "Rejected"}, {"status": "Unknown"}
LOCAL_A = 32


def put(at_s: float, connector: int, number: int, purpose: str, level: int, limit: float, **more: Any) -> Ask:
    """`more`: of the profile; `answer`, `unit`."""
    answer = more.pop("answer", ACCEPTED)
    given = profile(number, (purpose, connector, level), limit, more.pop("unit", "A"), **more)
    return Ask(SET, {"connectorId": connector, "csChargingProfiles": given}, at_s, answer)


def clear(at_s: float, answer: dict[str, str] | None = ACCEPTED, **criteria: Any) -> Ask:
    return Ask(CLEAR, criteria, at_s, answer)


def composite(at_s: int, connector: int, *periods: tuple[int, float], unit: str | None = None) -> Ask:
    rows = [{"startPeriod": begin, "limit": limit, "numberPhases": 3} for begin, limit in periods]
    schedule = {"duration": 60, "chargingRateUnit": unit or "A", "chargingSchedulePeriod": rows}
    payload: dict[str, Any] = {"connectorId": connector, "duration": 60}
    if unit is not None:
        payload["chargingRateUnit"] = unit
    answer = {"connectorId": connector, "scheduleStart": time(at_s), "chargingSchedule": schedule}
    return Ask(ASK, payload, at_s, {**ACCEPTED, **answer})


def offered(connector: int, number: int, wh: int, second: int, amps: float) -> Message:
    values = [{"value": str(wh)}, {"value": str(amps), "measurand": "Current.Offered", "unit": "A"}]
    value = {"timestamp": time(second), "sampledValue": values}
    return Message("MeterValues", {"connectorId": connector, "transactionId": number, "meterValue": [value]})


def charged() -> World:
    """A charges from 0 to 200, B from 1 on. The answer to what is set at 100 was lost."""
    world = World(registers_wh={1: 1100, 2: 500_000_040})
    world.shown = {(1, "A", 1000), (2, "B", 500_000_000)}
    world.messages = [
        start(1, "A", 1000, 0),
        start(2, "B", 500_000_000, 1),
        offered(1, 1, 1010, 9, LOCAL_A),  # 2
        offered(1, 1, 1020, 18, 12),
        offered(1, 1, 1030, 24, 12),  # 4
        offered(1, 1, 1040, 40, 9),
        offered(2, 2, 500_000_010, 50, 8),  # 6
        offered(1, 1, 1050, 90, 7),
        offered(2, 2, 500_000_020, 110, LOCAL_A),  # 8
        offered(1, 1, 1060, 140, LOCAL_A),
        stop(1, 1100, 200),  # 10
        stop(2, 500_000_040, 250),
    ]
    for message in world.messages:
        enter(world.books, message)
    world.asks = [
        composite(5, 1, (0, LOCAL_A)),  # 0
        put(10, 0, 1, MAXIMUM, 0, 12),
        composite(12, 1, (0, 12)),  # 2
        put(20, 1, 4, DEFAULT, 0, 9),
        composite(22, 1, (0, 6210), unit="W"),  # 4
        put(30, 2, 5, DEFAULT, 0, 8, validTo=time(60)),
        composite(40, 2, (0, 8), (20, 12)),  # 6
        put(70, 1, 8, TX, 0, 7, transactionId=1),
        composite(75, 1, (0, 7)),  # 8
        composite(80, 0, (0, 12)),
        clear(90, id=1),  # 10
        composite(92, 0, (0, 39)),
        put(100, 0, 1, MAXIMUM, 1, 11, answer=None),  # 12
        composite(110, 2, (0, 11)),
        put(115, 1, 9, DEFAULT, 0, 5175, unit="W"),  # 14
        clear(120, chargingProfilePurpose=TX),
        composite(121, 1, (0, 7.5)),  # 16
        clear(122),
        composite(125, 2, (0, LOCAL_A)),  # 18
        clear(130, UNKNOWN, id=4),
        put(150, 1, 8, TX, 0, 6, transactionId=1),  # 20
        put(160, 1, 4, DEFAULT, 0, 10),
        composite(170, 1, (0, 6)),  # 22
        composite(230, 1, (0, 10)),
    ]
    world.messages[9].payload["meterValue"][0]["timestamp"] = time(140)
    return world


def rows(world: World, ask: int) -> list[dict[str, Any]]:
    assert world.asks[ask].answer is not None
    return world.asks[ask].answer["chargingSchedule"]["chargingSchedulePeriod"]


def test_what_is_right_passes_and_is_counted():
    found = charged().judged()
    assert found.wrong == []
    assert (found.profiles, found.composites, found.certain, found.limited) == (7, 12, 11, 5)


# --- composite schedules ---


def not_obeyed(world: World) -> None:
    rows(world, 2)[0]["limit"] = LOCAL_A


def in_the_wrong_unit(world: World) -> None:
    rows(world, 4)[0]["limit"] = 9


def a_watt_too_much(world: World) -> None:
    rows(world, 4)[0]["limit"] = 6210.1


def a_second_too_late(world: World) -> None:
    rows(world, 6)[1]["startPeriod"] = 21


def a_second_too_early(world: World) -> None:
    rows(world, 6)[1]["startPeriod"] = 19


def never_over(world: World) -> None:
    del rows(world, 6)[1]


def the_default_goes_before(world: World) -> None:
    rows(world, 8)[0]["limit"] = 9


def sum_above_the_maximum(world: World) -> None:
    rows(world, 9)[0]["limit"] = 19


def sum_without_one(world: World) -> None:
    rows(world, 11)[0]["limit"] = 7


def neither_old_nor_new(world: World) -> None:
    """The one whose answer was lost."""
    rows(world, 13)[0]["limit"] = 12


def lost(world: World) -> None:
    rows(world, 16)[0]["limit"] = LOCAL_A


def the_one_that_was_replaced(world: World) -> None:
    rows(world, 16)[0]["limit"] = 9


def cleared_and_still_there(world: World) -> None:
    rows(world, 18)[0]["limit"] = 11


def outlives_its_transaction(world: World) -> None:
    rows(world, 23)[0]["limit"] = 6


def of_another_transaction(world: World) -> None:
    """It was set for the one that ran before."""
    world.asks[20].payload["csChargingProfiles"]["transactionId"] = 2
    world.asks[20].payload["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] = 8


def two_equal_periods(world: World) -> None:
    rows(world, 2).append({"startPeriod": 30, "limit": 12, "numberPhases": 3})


def behind_the_end(world: World) -> None:
    rows(world, 6).append({"startPeriod": 60, "limit": 13, "numberPhases": 3})


def not_from_the_beginning(world: World) -> None:
    rows(world, 6).insert(0, {"startPeriod": 0, "limit": 8.1, "numberPhases": 3})


def without_phases(world: World) -> None:
    del rows(world, 2)[0]["numberPhases"]


def with_a_start(world: World) -> None:
    assert world.asks[2].answer
    world.asks[2].answer["chargingSchedule"]["startSchedule"] = time(12)


def of_another_time(world: World) -> None:
    assert world.asks[2].answer
    world.asks[2].answer["scheduleStart"] = time(3)


def in_another_unit(world: World) -> None:
    world.asks[2].payload["chargingRateUnit"] = "W"


def of_another_connector(world: World) -> None:
    assert world.asks[2].answer
    world.asks[2].answer["connectorId"] = 2


def not_told(world: World) -> None:
    world.asks[2].answer = REJECTED


@cases(
    (not_obeyed, "32 A in second 0, not one of"),
    (in_the_wrong_unit, "9 W in second 0, not one of"),
    (a_watt_too_much, "6210.1 W in second 0"),
    (a_second_too_late, "8 A in second 20"),
    (a_second_too_early, "12 A in second 19"),
    (never_over, "8 A in second 20"),
    (the_default_goes_before, "9 A in second 0"),
    (sum_above_the_maximum, "19 A in second 0"),
    (sum_without_one, "7 A in second 0"),
    (neither_old_nor_new, "12 A in second 0"),
    (lost, "32 A in second 0"),
    (the_one_that_was_replaced, "9 A in second 0"),
    (cleared_and_still_there, "11 A in second 0"),
    (outlives_its_transaction, "6 A in second 0, not one of [(10.0, 10.0)]"),
    (of_another_transaction, "6 A in second 0"),
    (two_equal_periods, "composite schedule: two equal periods"),
    (behind_the_end, "a period behind the end"),
    (not_from_the_beginning, "periods begin at [0, 0, 20]"),
    (without_phases, "numberPhases is not 3"),
    (with_a_start, "another duration, or a startSchedule"),
    (of_another_time, "it begins at"),
    (in_another_unit, "not in W"),
    (of_another_connector, "of another connector"),
    (not_told, "no composite schedule: Rejected"),
)
def test_what_composite_schedules_say(spoil: Callable[[World], None], complaint: str):
    judge(charged(), spoil, complaint)


# --- answers ---


def refused(world: World) -> None:
    world.asks[3].answer = REJECTED


def refused_for_a_transaction(world: World) -> None:
    world.asks[20].answer = REJECTED


def nothing_to_clear(world: World) -> None:
    world.asks[10].answer = UNKNOWN


def something_to_clear(world: World) -> None:
    world.asks[19].answer = ACCEPTED


@cases(
    (refused, "a profile was refused: Rejected"),
    (refused_for_a_transaction, "a profile was refused: Rejected"),
    (nothing_to_clear, "nothing was found to be cleared"),
    (something_to_clear, "something was found to be cleared"),
)
def test_what_is_answered(spoil: Callable[[World], None], complaint: str):
    judge(charged(), spoil, complaint)


# --- what is offered ---


def offer(world: World, message: int, amps: float) -> None:
    world.messages[message].payload["meterValue"][0]["sampledValue"][1]["value"] = str(amps)


def offered_too_much(world: World) -> None:
    offer(world, 5, 9.1)


def offered_as_before(world: World) -> None:
    """For longer than a change takes."""
    world.messages[4].payload["meterValue"][0]["timestamp"] = time(20 + CHANGE_S + 2)


def offered_more_than_the_maximum(world: World) -> None:
    offer(world, 3, 12.5)


def offered_by_the_default(world: World) -> None:
    offer(world, 7, 9)


def offered_after_its_end(world: World) -> None:
    """The default still counts, with the maximum gone."""
    world.messages[6].payload["meterValue"][0]["timestamp"] = time(72)
    offer(world, 6, 13)


@cases(
    (offered_too_much, "9.1 A are offered at"),
    (offered_as_before, "12.0 A are offered at"),
    (offered_more_than_the_maximum, "12.5 A are offered at"),
    (offered_by_the_default, "9.0 A are offered at"),
    (offered_after_its_end, "13.0 A are offered at"),
)
def test_what_is_offered(spoil: Callable[[World], None], complaint: str):
    judge(charged(), spoil, complaint)


# --- what may be ---


def carried_out_or_not(world: World) -> None:
    """The one whose answer was lost: its old place is empty, its new one may be."""
    rows(world, 13)[0]["limit"] = LOCAL_A


def time_unknown(world: World) -> None:
    world.lives = [11]
    world.asks[2].answer = REJECTED


def refused_for_a_transaction_that_it_may_not_know(world: World) -> None:
    world.messages = [world.messages[number] for number in (0, 1, 10, 11)]
    world.asks[7] = put(70, 1, 8, TX, 0, 7, transactionId=1, answer=REJECTED)
    world.asks[8] = composite(75, 1, (0, 9))
    world.asks[15].answer = UNKNOWN


def refused_when_it_was_over(world: World) -> None:
    world.asks[5] = put(30, 2, 5, DEFAULT, 0, 8, validTo=time(31), answer=REJECTED)
    rows(world, 6)[:] = [{"startPeriod": 0, "limit": 12, "numberPhases": 3}]
    offer(world, 6, 12)


def of_a_transaction_that_has_just_ended(world: World) -> None:
    world.asks[23] = composite(202, 1, (0, 6))


def cleared_by_the_end_of_its_transaction(world: World) -> None:
    world.asks.append(clear(231, UNKNOWN, chargingProfilePurpose=TX))


def less_is_offered(world: World) -> None:
    offer(world, 5, 0)


@each(
    carried_out_or_not,
    time_unknown,
    refused_for_a_transaction_that_it_may_not_know,
    refused_when_it_was_over,
    of_a_transaction_that_has_just_ended,
    cleared_by_the_end_of_its_transaction,
    less_is_offered,
)
def test_what_may_be(change: Callable[[World], None]):
    world = charged()
    change(world)
    assert said_of(world) == []


# --- the plan ---


def planned(seed: int, count: int = 2000) -> list[Charging]:
    rng = random.Random(seed)
    return [charging(rng, 1, 690) for _ in range(count)]


def test_what_is_planned_comes_from_the_random_numbers():
    assert planned(3) == planned(3) != planned(4)
    both = [list(itertools.islice(calls(7, 1, False), 300)) for _ in range(2)]
    assert both[0] == both[1]
    assert sum(isinstance(one, Charging) for one in both[0]) > 80


def test_profiles_are_plain_and_have_room():
    supply = Supply()
    puts = [one for one in planned(5) if one.action == SET]
    profiles = [read(one.payload) for one in puts]
    assert len({one.place for one in profiles}) == NUMBERS < 10
    assert {one.number for one in profiles} == set(range(1, NUMBERS + 1))
    per_ampere = supply.phases * supply.volts
    amperes = [one.limit / (10 if one.unit == "A" else 10 * per_ampere) for one in profiles]
    assert max(amperes) == MOST_A and 10 * MOST_A < LOCAL_DA
    # Who comes next may charge: only a TxProfile pauses.
    assert {one.place[0] for one, limit in zip(profiles, amperes, strict=True) if limit < 6} == {TX}
    assert {one.unit for one in profiles} == {"A", "W"}
    assert all(
        (one.of is None) == (profile.place[0] != TX) for one, profile in zip(puts, profiles, strict=True)
    )
    assert any(one.ends_s for one in puts) and any(one.begins_s for one in puts)


def test_every_way_to_clear_and_to_ask_is_planned():
    asked = planned(6)
    assert {tuple(sorted(one.payload)) for one in asked if one.action == CLEAR} == {
        (),
        ("id",),
        ("connectorId",),
        ("chargingProfilePurpose",),
        ("chargingProfilePurpose", "connectorId", "stackLevel"),
    }
    asks = [one.payload for one in asked if one.action == ASK]
    assert {one["connectorId"] for one in asks} == {0, 1, 2}
    assert {one.get("chargingRateUnit") for one in asks} == {None, "A", "W"}
