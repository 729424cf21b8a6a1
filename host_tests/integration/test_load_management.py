# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Connectors that share what there is: a ChargePointMaxProfile, what the building leaves."""

import asyncio
import json
import tempfile

from host_tests.integration.case import CARD, OTHER, Case, authorize, start, status, swapped
from host_tests.integration.charge_points import write
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


async def test_the_building_comes_first():
    connector = {"cable": "fixed", "phases": 3, "rated_a": 32, "nominal_v": 230}
    options = {"site_a": 32, "site_fallback_a": 8, "grid_meter": True}
    described = {"connectors": [connector], "profiles": ["Core", "SmartCharging"], "options": options}
    with tempfile.TemporaryDirectory() as folder:
        async with Case(write(folder, "station.json", json.dumps(described))) as case:
            await case.do("grid", amps=[10, 5, 5])
            await case.until(lambda state: state["limit_da"] == 220, 12)  # five good readings
            await case.charging()
            state = await case.until(lambda state: state["offered_da"] == 220)
            assert (state["limit_by"], state["limit_why"]) == ("site", "grid meter: 22.0 A left")
            await case.until(lambda state: state["current_ma"] == [16000] * 3, 20)  # the car's own limit
            await asyncio.sleep(3)
            assert (await case.connector())["offered_da"] == 220  # it does not take itself for the building
            await case.do("grid", amps=[24, 5, 5])
            await case.until(lambda state: state["offered_da"] == 80, 6)
            assert (await case.connector())["limit_why"] == "grid meter: 8.0 A left"
            await case.do("grid", amps=[28, 5, 5])
            await case.sees(status("SuspendedEVSE"), within=10)
            await case.do("grid", fail=True)
            await case.until(lambda state: state["limit_why"] == "grid meter silent: 8.0 A", 10)
            await case.sees(status("Charging"), within=10)
