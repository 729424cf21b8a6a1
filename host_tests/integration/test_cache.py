# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The authorization cache (section 3.5.1), and tags of one parent."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from bench.charger import station_file
from bench.scripts import amend
from host_tests.integration.case import (
    CARD,
    OTHER,
    THIRD,
    Case,
    authorize,
    start,
    status,
    stop,
    swapped,
)

AT_ONCE = 8

CACHED = {"AuthorizationCacheEnabled": True, "LocalPreAuthorize": True}


async def test_007_1_cached_tag_at_the_reader():
    async with Case(**CACHED) as case:
        await case.cached()
        await case.swipe(CARD)
        await case.sees(status("Preparing"))
        await case.do("plug")
        await case.sees(swapped(start(CARD), status("Charging")))


async def test_007_2_cached_tag_of_a_remote_start():
    async with Case("xcharge_c6", AuthorizeRemoteTxRequests=True, **CACHED) as case:
        await case.cached()
        await case.do("plug")
        await case.sees(status("Preparing"))
        assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1) == "Accepted"
        await case.sees(swapped(start(CARD), status("Charging")))


async def test_a_cached_tag_is_asked_about_all_the_same_without_local_pre_authorize():
    async with Case(AuthorizationCacheEnabled=True, LocalPreAuthorize=False) as case:
        await case.cached()
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Preparing"))


@pytest.mark.parametrize("station", ["loop_evs32a", "ecarplug_ac"])
async def test_no_cache_while_it_is_switched_off(station):
    async with Case(station, AuthorizationCacheEnabled=False, LocalPreAuthorize=True) as case:
        await case.cached()
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Preparing"))
        await case.swipe(CARD)
        await case.sees(status("Available"))
        # Nor has anything been learned behind its back.
        await case.change("AuthorizationCacheEnabled", True)
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Preparing"))


async def test_the_cache_learns_from_authorize_alone():
    async with Case(**CACHED) as case:
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Preparing"))
        await case.swipe(CARD)
        await case.sees(status("Available"))
        await case.swipe(CARD.lower())
        await case.sees(status("Preparing"))


async def test_the_cache_outlives_a_restart():
    async with Case(**CACHED) as case:
        await case.cached()
        await case.charger.power_cut()
        await case.charger.start()
        await case.boots()
        await case.swipe(CARD)
        await case.sees(status("Preparing"))
        await case.do("plug")
        await case.sees(swapped(start(CARD), status("Charging")))


async def test_061_1_clear_cache_then_a_swipe():
    async with Case(ConnectionTimeOut=20, **CACHED) as case:
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Preparing"))
        await case.swipe(CARD)
        await case.sees(status("Available"))
        assert await case.ask("ClearCache") == "Accepted"
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Preparing"))


async def test_061_2_clear_cache_then_a_remote_start():
    async with Case(ConnectionTimeOut=20, **CACHED) as case:
        await case.cached()
        assert await case.ask("ClearCache") == "Accepted"
        await case.do("plug")
        await case.sees(status("Preparing"))
        assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1) == "Accepted"
        await case.sees(authorize(CARD), swapped(start(CARD), status("Charging")))


async def test_clear_cache_of_a_station_without_one(tmp_path):  # errata 3.23
    described = json.loads(station_file("generic_socket").read_text())
    described["options"]["cache"] = False
    (tmp_path / "station.json").write_text(json.dumps(described))
    async with Case(tmp_path / "station.json") as case:
        assert await case.ask("ClearCache") == "Rejected"
        answer = await case.station.call("GetConfiguration", {"key": ["AuthorizationCacheEnabled"]})
        assert answer == {"configurationKey": [], "unknownKey": ["AuthorizationCacheEnabled"]}


async def test_a_cached_tag_past_its_expiry_date_is_asked_about():
    async with Case(**CACHED) as case:
        case.books.tag(CARD, expiry=datetime.now(UTC) + timedelta(seconds=3))
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Preparing"))
        await case.swipe(CARD)
        await case.sees(status("Available"))
        await case.swipe(CARD)
        await case.sees(status("Preparing"))  # still valid: nobody is asked
        await case.swipe(CARD)
        await case.sees(status("Available"))
        await asyncio.sleep(3)
        await case.swipe(CARD)
        await case.sees(authorize(CARD))
        await case.quiet(0.4)
        assert await case.last_tag() == "refused"
        # Offline it is refused too, for what is known of it.
        await case.do("link", up=False)
        await case.swipe(CARD)
        await case.do("plug")
        await asyncio.sleep(0.7)
        assert case.closed_contactors() == []
        await case.do("unplug")


async def test_what_the_csms_says_at_the_end_of_a_session_counts_for_the_next():
    async with Case(**CACHED) as case:
        await case.charging()
        case.books.tag(CARD, status="Blocked")
        await case.swipe(CARD)  # one's own session ends whatever the CSMS thinks of the tag
        await case.sees(swapped(stop("Local", CARD), status("Finishing")))
        case.books.tag(CARD)
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Preparing"), swapped(start(CARD), status("Charging")))


async def test_a_cached_tag_that_the_csms_refuses_at_the_start():
    async with Case(StopTransactionOnInvalidId=True, MaxEnergyOnInvalidId=0, **CACHED) as case:
        await case.cached()
        case.books.tag(CARD, status="Blocked")
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(start(CARD), swapped(stop("DeAuthorized", transaction=2), status("Finishing")))
        await case.swipe(CARD)  # and it is not let in again from the cache
        await case.sees(authorize(CARD))
        assert case.closed_contactors() == [1]  # the first session's


# --- parents ------------------------------------------------------------------------------------------------


async def test_the_parent_may_come_with_the_answer_to_the_start():
    async with Case(AuthorizeRemoteTxRequests=False) as case:
        case.books.tag(CARD, parent="FLEET")
        case.books.tag(OTHER, parent="FLEET")
        await case.charging(asks=False)
        await case.swipe(OTHER)
        await case.sees(authorize(OTHER), swapped(stop("Local", OTHER), status("Finishing")))


async def test_a_parent_that_came_with_authorize_alone():
    async with Case() as case:
        info = {"status": "Accepted", "parentIdTag": "FLEET"}
        case.csms.script("Authorize", amend(idTagInfo=info), amend(idTagInfo=info))
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD), swapped(start(CARD), status("Charging")))
        await case.swipe(OTHER)
        await case.sees(authorize(OTHER), swapped(stop("Local", OTHER), status("Finishing")))


async def test_a_cached_tag_of_the_same_parent_asks_nobody():
    async with Case(**CACHED) as case:
        for tag in (CARD, OTHER):
            case.books.tag(tag, parent="FLEET")
        await case.cached(OTHER)
        await case.charging(CARD, transaction=2)
        await case.swipe(OTHER)
        await case.sees(swapped(stop("Local", OTHER, 2), status("Finishing")))


async def test_a_parent_that_is_the_tag_itself():
    """Some central systems give a group the name of its first card."""
    async with Case() as case:
        case.books.tag(CARD, parent=CARD)
        case.books.tag(OTHER, parent=CARD)
        await case.charging(OTHER)
        await case.swipe(THIRD)
        await case.sees(authorize(THIRD))
        await case.quiet(0.3)
        await case.swipe(CARD)
        await case.sees(authorize(CARD), swapped(stop("Local", CARD), status("Finishing")))
