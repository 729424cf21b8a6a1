# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""UnlockConnector and the lock of the socket."""

import asyncio

import pytest

from host_tests.integration.case import (
    CARD,
    OTHER,
    Case,
    authorize,
    start,
    status,
    stop,
    swapped,
)

AT_ONCE = 8

SOCKET = "generic_socket"
LOCK_FAULT = {"error": "ConnectorLockFailure", "info": "ConnectorLockFailure"}


async def unlock(case: Case, connector: int = 1) -> str:
    return await case.ask("UnlockConnector", connectorId=connector)


async def test_017_1_nothing_is_going_on():
    async with Case(SOCKET) as case:
        assert await unlock(case) == "Unlocked"
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.until(lambda state: state["lock"])
        assert await unlock(case) == "Unlocked"
        assert not (await case.connector())["lock"]
        await case.do("unplug")
        await case.sees(status("Available"))


@pytest.mark.parametrize("station", ["loop_evs32a", "ecarplug_ac", "xcharge_c6"])
async def test_017_2_and_018_2_fixed_cable(station):
    async with Case(station) as case:
        assert await unlock(case) == "NotSupported"
        await case.charging()
        assert await unlock(case) == "NotSupported"
        await case.quiet(0.5)
        assert (await case.connector())["contactor"]


async def test_018_1_during_a_transaction():
    async with Case(SOCKET) as case:
        await case.charging()
        assert (await case.connector())["lock"]
        assert await unlock(case) == "Unlocked"
        state = await case.connector()
        assert not state["lock"]
        assert not state["contactor"]
        await case.sees(swapped(stop("UnlockCommand"), status("Finishing")))
        await case.do("unplug")
        await case.sees(status("Available"))


async def test_the_plug_is_never_freed_under_load():
    async with Case(SOCKET) as case:
        await case.do("car", react_ms=60000)  # a car that does not hear that it shall stop
        await case.charging()
        question = await case.station.send_call("UnlockConnector", {"connectorId": 1})
        await asyncio.sleep(2)
        state = await case.connector()
        assert state["contactor"]
        assert state["lock"]
        answer = await case.station.answer_to(question, timeout=10)
        assert answer.payload == {"status": "Unlocked"}
        await case.sees(swapped(stop("UnlockCommand"), status("Finishing")))
        states = [e for e in case.charger.events if e["event"] == "contactor"]
        assert [e["closed"] for e in states][-2:] == [True, False]


async def test_030_unlock_failure():
    async with Case(SOCKET) as case:
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.until(lambda state: state["lock"])
        await case.do("fault", name="ConnectorLockFailure", connector=1)
        await case.sees(status("Faulted", **LOCK_FAULT))
        assert await unlock(case) == "UnlockFailed"
        await case.quiet(0.5)
        await case.do("clear", connector=1)  # the technician has freed the bolt
        await case.sees(status("Preparing"))
        assert await unlock(case) == "Unlocked"


async def test_unlock_failure_during_a_transaction():
    async with Case(SOCKET) as case:
        await case.charging()
        await case.do("fault", name="ConnectorLockFailure", connector=1)
        await case.sees(status("Faulted", **LOCK_FAULT))
        assert await unlock(case) == "UnlockFailed"
        await case.sees(stop("UnlockCommand"))  # the driver's session is over all the same
        await case.do("clear", connector=1)
        await case.sees(status("Finishing"))


async def test_031_unknown_connector():
    async with Case(SOCKET) as case:
        for number in (2, 99):
            assert await unlock(case, number) == "NotSupported"


async def test_024_the_plug_cannot_be_locked():
    async with Case(SOCKET) as case:
        assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1) == "Accepted"
        await case.sees(authorize(CARD), status("Preparing"))
        await case.do("fault", name="ConnectorLockFailure", connector=1)
        await case.do("plug")
        await case.sees(status("Faulted", **LOCK_FAULT))
        await case.quiet(1.0)
        assert case.closed_contactors() == []
        await case.do("clear", connector=1)
        await case.sees(status("Preparing"))
        await case.quiet(1.0)  # no transaction, not even now


async def test_024_the_plug_is_half_in_and_only_the_bolt_shows_it():
    async with Case(SOCKET) as case:
        await case.do("fault", name="ConnectorLockFailure", connector=1, silent=True)
        assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1) == "Accepted"
        await case.sees(authorize(CARD), status("Preparing"))
        await case.do("plug")
        await case.sees(status("Faulted", **LOCK_FAULT))
        await case.quiet(0.5)
        assert case.closed_contactors() == []
        await case.do("unplug")
        await case.do("clear", connector=1)
        await case.sees(status("Available"))


async def test_the_plug_is_locked_while_it_charges_and_free_afterwards():
    async with Case(SOCKET) as case:
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD), swapped(start(CARD), status("Charging")))
        assert (await case.connector())["lock"]
        await case.swipe(CARD)
        await case.sees(swapped(stop("Local", CARD), status("Finishing")))
        await case.until(lambda state: not state["lock"])
        # A new session with the same plug locks it again.
        await case.swipe(OTHER)
        await case.sees(authorize(OTHER), status("Preparing"), swapped(start(OTHER), status("Charging")))
        assert (await case.connector())["lock"]


async def test_unlocked_while_preparing_and_then_charged_after_all():
    async with Case(SOCKET) as case:
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.until(lambda state: state["lock"])
        assert await unlock(case) == "Unlocked"
        await case.quiet(0.7)
        assert not (await case.connector())["lock"]
        await case.swipe(CARD)
        await case.sees(authorize(CARD), swapped(start(CARD), status("Charging")))
        assert (await case.connector())["lock"]


async def test_an_unlock_takes_back_what_was_granted():
    async with Case(SOCKET) as case:
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Preparing"))
        assert await unlock(case) == "Unlocked"
        await case.sees(status("Available"))


async def test_two_unlocks_at_once():
    async with Case(SOCKET) as case:
        await case.do("car", react_ms=1500)
        await case.charging()
        first = await case.station.send_call("UnlockConnector", {"connectorId": 1})
        second = await case.station.send_call("UnlockConnector", {"connectorId": 1})
        for question in (first, second):
            answer = await case.station.answer_to(question)
            assert answer.kind == "result", answer
        await case.sees(swapped(stop("UnlockCommand"), status("Finishing")))
