# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Connectors that share what there is: a ChargePointMaxProfile."""

import asyncio

from host_tests.integration.case import CARD, OTHER, Case, authorize, start, status, swapped
from host_tests.integration.charging import MAX, composite, install, profile

AT_ONCE = 8
TWO = "xcharge_c6"


async def test_two_share_a_maximum_and_never_have_more():
    async with Case(TWO) as case:
        assert await install(case, 0, profile(1, MAX, (0, 60))) == "Accepted"
        await case.charging()
        await case.until(lambda state: state["offered_da"] == 600)
        await case.do("plug", connector=2)
        await case.sees(status("Preparing", 2))
        seen = len(case.charger.events)
        assert await case.ask("RemoteStartTransaction", idTag=OTHER, connectorId=2) == "Accepted"
        await case.sees(authorize(OTHER), start(OTHER, 2))
        offers = {1: 600, 2: 0}
        await case.until(lambda state: state["offered_da"] == 300, 15, 2)
        state = await case.connector(2)
        assert (state["limit_by"], state["limit_why"]) == ("share", "ChargePointMaxProfile 1, level 0")
        for event in list(case.charger.events)[seen:]:
            if event["event"] == "offer":
                offers[event["connector"]] = event["offered_da"]
                assert sum(offers.values()) <= 600, offers
        assert offers == {1: 300, 2: 300}
        assert await composite(case, 0) == [(0, 60)]
        assert await composite(case, 1) == [(0, 60)]
        case._unread.clear()


async def test_who_has_to_wait_is_suspended_until_there_is_room():
    async with Case(TWO) as case:
        assert await install(case, 0, profile(1, MAX, (0, 10))) == "Accepted"
        await case.charging()
        await case.until(lambda state: state["offered_da"] == 100)
        await case.do("plug", connector=2)
        await case.sees(status("Preparing", 2))
        assert await case.ask("RemoteStartTransaction", idTag=OTHER, connectorId=2) == "Accepted"
        await case.sees(authorize(OTHER), swapped(start(OTHER, 2), status("SuspendedEVSE", 2)))
        await asyncio.sleep(2)
        assert (await case.connector(2))["offered_da"] == 0
        await case.swipe(CARD)
        await case.until(lambda state: state["offered_da"] == 100, 15, 2)
        await asyncio.sleep(1)
        case._unread.clear()
