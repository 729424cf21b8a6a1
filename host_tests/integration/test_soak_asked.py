# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The audit of the lists that a soak has sent, and of what it has asked to be told: each rule is broken in
one way, and that is seen.
"""

from collections.abc import Callable
from typing import Any

from bench.soak_asked import Swipe
from bench.soak_lists import State
from bench.soak_record import Entry, Sending
from bench.soak_triggers import BOUND_S, audit_triggers
from host_tests.integration.soak_world import (
    ACCEPTED,
    Ask,
    Said,
    World,
    cases,
    each,
    judge,
    right,
    said_of,
    time,
)

FAILED, REJECTED, MISMATCH = ({"status": word} for word in ("Failed", "Rejected", "VersionMismatch"))


# --- the local list -----------------------------------------------------------------------------------------


def entry(tag: str, status: str | None) -> dict[str, Any]:
    return {"idTag": tag} if status is None else {"idTag": tag, "idTagInfo": {"status": status}}


def update(version: int, at_s: int, full: bool, answer=ACCEPTED, **tags: str | None) -> Ask:
    payload = {
        "listVersion": version,
        "updateType": "Full" if full else "Differential",
        "localAuthorizationList": [entry(tag, status) for tag, status in tags.items()],
    }
    return Ask("SendLocalList", payload, at_s, answer)


def told(version: int, at_s: int) -> Ask:
    return Ask("GetLocalListVersion", {}, at_s, {"listVersion": version})


def listed() -> World:
    """C is Blocked after all, the answer to version 5 was lost, and it was not carried out."""
    world = right()
    world.pre_authorize = True
    world.list_size = 3
    world.asks = [
        update(2, 1, True, A="Accepted", B="Accepted", L="Accepted", Z="Blocked"),  # 0
        told(2, 2),
        update(3, 100, False, N="Accepted", L=None),  # 2
        update(4, 120, False, FAILED, N="Accepted", n="Blocked"),
        update(1, 121, False, MISMATCH, N="Blocked"),  # 4
        update(5, 122, False, None, Z=None),
        told(3, 150),  # 6
        update(6, 160, False, B=None),
        told(6, 250),  # 8
    ]
    world.swipes = [Swipe("A", 110, "accepted", "offline, in local list")]
    world.said.append(Said("Authorize", {"idTag": "C"}, 5, {"idTagInfo": {"status": "Accepted"}}))
    return world


def another_version(world: World) -> None:
    world.asks[1].answer = {"listVersion": 1}


def the_refused_one(world: World) -> None:
    world.asks[6].answer = {"listVersion": 4}


def forgotten(world: World) -> None:
    world.asks[8].answer = {"listVersion": 3}


def the_lost_one_after_the_old(world: World) -> None:
    """It was not carried out, which the version has told, and then it is."""
    world.asks.insert(7, told(5, 155))


def accepted_twice(world: World) -> None:
    world.asks[3].answer = ACCEPTED


def accepted_an_old_one(world: World) -> None:
    world.asks[4].answer = ACCEPTED


def accepted_a_deletion_in_full(world: World) -> None:
    world.asks[0].payload["localAuthorizationList"].append(entry("Q", None))


def refused(world: World) -> None:
    world.asks[2].answer = FAILED


def refused_as_old(world: World) -> None:
    world.asks[2].answer = MISMATCH


def not_told_at_the_end(world: World) -> None:
    del world.asks[8]


def too_short(world: World) -> None:
    world.list_size = 2


def blocked_has_charged(world: World) -> None:
    world.asks[0].payload["localAuthorizationList"][0] = entry("a", "Blocked")
    for ask in world.asks:
        ask.at_s -= 60
    world.swipes.clear()


def asked_for(world: World) -> None:
    world.said.append(Said("Authorize", {"idTag": "B"}, 40, {"idTagInfo": {"status": "Accepted"}}))


def refused_offline(world: World) -> None:
    world.swipes.append(Swipe("n", 115, "refused", "offline and not known here"))


def accepted_offline(world: World) -> None:
    world.swipes.append(Swipe("z", 90, "accepted", "offline, unknown tags are allowed"))


@cases(
    (another_version, "the list has version 1, where it can be {2}"),
    (the_refused_one, "the list has version 4, where it can be"),
    (forgotten, "the list has version 3, where it can be {6}"),
    (the_lost_one_after_the_old, "the list has version 5, where it can be {3}"),
    (accepted_twice, "an update was accepted that cannot be carried out"),
    (accepted_an_old_one, "an update was accepted that cannot be carried out"),
    (accepted_a_deletion_in_full, "an update was accepted that cannot be carried out"),
    (refused, "an update was refused: Failed"),
    (refused_as_old, "an update was refused: VersionMismatch"),
    (not_told_at_the_end, "the version of the list was not told at the end"),
    (too_short, "the list has 2 entries, where it can have {3}"),
    (blocked_has_charged, "tag A has charged, and is Blocked in the list"),
    (asked_for, "tag B is asked for, and is Accepted in the list"),
    (refused_offline, "tag n was refused offline, and is Accepted in the list"),
    (accepted_offline, "tag z was accepted, and is Blocked in the list"),
)
def test_what_the_list_says(spoil: Callable[[World], None], complaint: str):
    judge(listed(), spoil, complaint)


def test_lists_are_counted():
    found = listed().judged()
    assert (found.lists, found.listed) == (3, 1)


def carried_out_after_all(world: World) -> None:
    """The version is the only answer to an update that was cut off."""
    world.asks[6].answer = {"listVersion": 5}
    world.list_size = 2


def blocked_here_accepted_there(world: World) -> None:
    """The CSMS was asked."""
    world.asks[0].payload["localAuthorizationList"].append(entry("C", "Blocked"))
    world.list_size = 4


def changed_meanwhile(world: World) -> None:
    """The tag may have been presented before the list was there."""
    world.said.append(Said("Authorize", {"idTag": "N"}, 101, {"idTagInfo": {"status": "Invalid"}}))


def refused_while_another_may_be_at_work(world: World) -> None:
    world.asks.insert(6, update(7, 130, False, FAILED, W="Accepted"))


def an_empty_list(world: World) -> None:
    world.asks[7] = update(6, 160, True)
    world.asks[8].answer = {"listVersion": 0}
    world.list_size = 0


@each(
    carried_out_after_all,
    blocked_here_accepted_there,
    changed_meanwhile,
    refused_while_another_may_be_at_work,
    an_empty_list,
)
def test_what_a_list_may_be(change: Callable[[World], None]):
    world = listed()
    change(world)
    assert said_of(world) == []


def test_a_list_after_an_update():
    before = State(3, {"A": "Accepted", "B": "Blocked"})
    after = before.after(update(4, 0, False, A=None, c="Invalid").payload)
    assert after == State(4, {"B": "Blocked", "C": "Invalid"})
    assert before.after(update(3, 0, False, A=None).payload) is None
    assert before.after(update(1, 0, True, D="Accepted").payload) == State(1, {"D": "Accepted"})
    assert before.after(update(9, 0, True).payload) == State()


# --- triggers -----------------------------------------------------------------------------------------------


def trigger(message: str, at_s: float, connector: int | None = None, answer=ACCEPTED) -> Ask:
    place = {} if connector is None else {"connectorId": connector}
    return Ask("TriggerMessage", {"requestedMessage": message, **place}, at_s, answer)


def reading(connector: int, at_s: float, context: str = "Trigger") -> Said:
    value = {"timestamp": time(int(at_s)), "sampledValue": [{"value": "1", "context": context}]}
    return Said("MeterValues", {"connectorId": connector, "meterValue": [value]}, at_s)


def status(connector: int, at_s: float) -> Said:
    return Said("StatusNotification", {"connectorId": connector, "status": "Available"}, at_s)


def triggered() -> World:
    world = right()
    world.asks = [
        trigger("StatusNotification", 100),  # 0
        trigger("MeterValues", 110, 2),
        trigger("Heartbeat", 120),  # 2
        trigger("MeterValues", 130, 3, REJECTED),
        trigger("BootNotification", 140),  # 4
        trigger("MeterValues", 150, None, None),
    ]
    world.said += [
        status(0, 101),  # 1
        status(1, 101.2),
        status(2, 101.4),  # 3
        reading(1, 111),
        reading(2, 112),  # 5
        Said("Heartbeat", {}, 121),
        Said("BootNotification", {}, 141, ACCEPTED),  # 7
        Said("Heartbeat", {}, 200),
        status(1, 99.9),  # 9
    ]
    return world


def no_heartbeat(world: World) -> None:
    del world.said[6]
    del world.said[7]


def one_status_is_missing(world: World) -> None:
    """The one of before is none."""
    del world.said[2]


def another_connector(world: World) -> None:
    world.said[5].payload["connectorId"] = 1


def not_of_now(world: World) -> None:
    world.said[5] = reading(2, 112, "Sample.Periodic")


def too_late(world: World) -> None:
    world.said[6].at_s = 121 + BOUND_S


@cases(
    (no_heartbeat, "asked for and not said: {'action': 'Heartbeat'}"),
    (one_status_is_missing, "asked for and not said: {'action': 'StatusNotification', 'connectorId': 1}"),
    (another_connector, "asked for and not said: {'action': 'MeterValues', 'connectorId': 2}"),
    (not_of_now, "asked for and not said: {'action': 'MeterValues', 'connectorId': 2}"),
    (too_late, "asked for and said too late: {'action': 'Heartbeat'}"),
)
def test_what_was_triggered(spoil: Callable[[World], None], complaint: str):
    judge(triggered(), spoil, complaint)


def test_triggers_are_counted():
    assert triggered().judged().triggers == 4


def link_lost(world: World) -> None:
    world.connection_ends[99] = 120 + BOUND_S - 1


def not_registered_any_more(world: World) -> None:
    world.said.append(Said("BootNotification", {}, 125, {"status": "Rejected"}))


def frozen(world: World) -> None:
    world.frozen.append((121, 301 - BOUND_S))


def behind_what_is_not_answered(world: World) -> None:
    """Each is waited for, MessageTimeout long, and nothing else is said."""
    for number in range(45):
        world.said.append(Said("StatusNotification", {}, 121 + 4 * number, None))


@each(link_lost, frozen, not_registered_any_more, behind_what_is_not_answered)
def test_what_excuses_silence(change: Callable[[World], None]):
    world = triggered()
    no_heartbeat(world)
    change(world)
    assert said_of(world) == []


def test_a_bill_that_waits_for_its_next_try_excuses_silence():
    world = triggered()
    no_heartbeat(world)
    account = world.account()
    sendings = [Sending(0, 121, "error", 121.1), Sending(0, 290, "result", 299)]
    account.record.entries["waits"] = Entry("waits", "MeterValues", {}, sendings)
    wrong: list[str] = []
    assert audit_triggers(account.asked, account.record, 3, lambda text, *_: wrong.append(text)) == 4
    assert wrong == []
