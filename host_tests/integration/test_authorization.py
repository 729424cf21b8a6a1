# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Who may charge: the CSMS, the cache, tags of one parent, and what holds when the CSMS does not answer."""

import asyncio

import pytest

from bench.scripts import amend, call_error, late, reply, silence
from host_tests.integration.case import (
    CARD,
    OTHER,
    STRANGER,
    Case,
    authorize,
    start,
    status,
    stop,
    swapped,
)

AT_ONCE = 8

# --- refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", ["Invalid", "Blocked", "Expired", "ConcurrentTx"])
async def test_023_1_refused_with_the_cable_in(verdict):
    async with Case(MinimumStatusDuration=1, LocalPreAuthorize=True) as case:
        case.books.tag(CARD, status=verdict)
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD))
        await case.quiet(0.8)
        assert await case.last_tag() == "refused"
        assert case.closed_contactors() == []
        case.books.tag(CARD)  # what is cached as not valid is asked about again
        await case.swipe(CARD)
        await case.sees(authorize(CARD), swapped(start(CARD), status("Charging").late(2.5)))


async def test_023_2_refused_before_the_cable():
    async with Case(MinimumStatusDuration=1, LocalPreAuthorize=True) as case:
        await case.swipe(STRANGER)
        await case.sees(authorize(STRANGER))
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.quiet(0.8)
        assert case.closed_contactors() == []


@pytest.mark.parametrize("plugged", [True, False])
async def test_023_5_remote_start_with_an_invalid_tag(plugged):
    async with Case(AuthorizeRemoteTxRequests=True, LocalPreAuthorize=True) as case:
        if plugged:
            await case.do("plug")
            await case.sees(status("Preparing"))
        assert await case.ask("RemoteStartTransaction", idTag=STRANGER, connectorId=1) == "Accepted"
        await case.sees(authorize(STRANGER))
        await case.quiet(0.8)
        assert case.closed_contactors() == []
        assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1) == "Accepted"
        await case.sees(authorize(CARD))
        if plugged:
            await case.sees(swapped(start(CARD), status("Charging")))
        else:
            await case.sees(status("Preparing"))


@pytest.mark.parametrize("stops", [True, False])
@pytest.mark.parametrize("verdict", ["Blocked", "ConcurrentTx"])
async def test_refused_in_the_answer_to_the_start(stops, verdict):  # cases 037_2, 037_3, while online
    async with Case(
        AuthorizeRemoteTxRequests=False, StopTransactionOnInvalidId=stops, MaxEnergyOnInvalidId=0
    ) as case:
        case.books.tag(CARD, status=verdict)
        await case.do("plug")
        await case.sees(status("Preparing"))
        assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1) == "Accepted"
        if stops:
            await case.sees(start(CARD), swapped(stop("DeAuthorized", wh=1000), status("Finishing")))
            await case.quiet(0.5)
        else:
            await case.sees(start(CARD), status("SuspendedEVSE"))
            await case.quiet(1.0)
            assert await case.ask("RemoteStopTransaction", transactionId=1) == "Accepted"
            await case.sees(swapped(stop("Remote", wh=1000), status("Finishing")))
        assert case.closed_contactors() == []


@pytest.mark.parametrize("stops", [True, False])
async def test_refused_after_it_has_begun_to_charge(stops):
    async with Case(
        "generic_socket",
        AuthorizeRemoteTxRequests=False,
        StopTransactionOnInvalidId=stops,
        MaxEnergyOnInvalidId=0,
    ) as case:
        case.csms.script("StartTransaction", amend(1.5, idTagInfo={"status": "Invalid"}))
        await case.do("plug")
        await case.sees(status("Preparing"))
        assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1) == "Accepted"
        # StatusNotification waits for the answer to StartTransaction: one CALL at a time.
        await case.sees(start(CARD), status("Charging").late(2.5))
        if not stops:
            await case.sees(status("SuspendedEVSE"))
            await case.quiet(0.5)
            await case.swipe(CARD)
            await case.sees(swapped(stop("Local", CARD), status("Finishing")))
            return
        await case.sees(swapped(stop("DeAuthorized"), status("Finishing")))
        assert (await case.connector())["lock"]  # the cable waits for who started it (errata 3.5)
        await case.swipe(OTHER)
        await case.quiet(0.3)
        await case.swipe(CARD)
        await case.until(lambda state: not state["lock"])
        await case.do("unplug")
        await case.sees(status("Available"))


async def test_a_refused_tag_may_take_some_energy():
    async with Case(
        "xcharge_c6",
        AuthorizeRemoteTxRequests=False,
        StopTransactionOnInvalidId=True,
        MaxEnergyOnInvalidId=30,
    ) as case:
        case.books.tag(CARD, status="Invalid")
        await case.do("plug")
        await case.sees(status("Preparing"))
        assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1) == "Accepted"
        await case.sees(swapped(start(CARD), status("Charging")))
        ended = await case.sees(swapped(stop("DeAuthorized"), status("Finishing")), within=10)
        stop_wh = next(m for m in ended if m.action == "StopTransaction").payload["meterStop"]
        # 40 kW for one round of the meter, and the car's way down: 11 Wh a second.
        assert 1030 <= stop_wh <= 1060


# --- remote starts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pre", [True, False])
@pytest.mark.parametrize("asks", [True, False])
async def test_authorize_remote_tx_requests(asks, pre):
    async with Case(
        AuthorizationCacheEnabled=True, AuthorizeRemoteTxRequests=asks, LocalPreAuthorize=pre
    ) as case:
        await case.charging(asks=asks)  # not cached yet
        assert await case.ask("RemoteStopTransaction", transactionId=1) == "Accepted"
        await case.sees(swapped(stop("Remote"), status("Finishing")))
        await case.do("unplug")
        await case.sees(status("Available"))
        await case.charging(transaction=2, asks=asks and not pre)  # cached by now


async def test_a_remote_start_of_a_stranger_without_authorization():
    async with Case(AuthorizeRemoteTxRequests=False) as case:
        case.csms.script(
            "StartTransaction", reply({"transactionId": 77, "idTagInfo": {"status": "Accepted"}})
        )
        await case.do("plug")
        await case.sees(status("Preparing"))
        assert await case.ask("RemoteStartTransaction", idTag="APP-0001", connectorId=1) == "Accepted"
        await case.sees(swapped(start("APP-0001"), status("Charging")))
        assert await case.ask("RemoteStopTransaction", transactionId=77) == "Accepted"
        await case.sees(swapped(stop("Remote", transaction=77), status("Finishing")))


# --- while the CSMS thinks ----------------------------------------------------------------------------------


async def test_a_second_swipe_while_the_first_is_checked():
    async with Case() as case:
        case.csms.script("Authorize", late(0.8))
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD))
        for tag in (OTHER, CARD, STRANGER):
            await case.swipe(tag)
            await asyncio.sleep(0.05)
            assert await case.last_tag() == "ignored"
        await case.sees(swapped(start(CARD), status("Charging")))
        await case.quiet(0.5)


async def test_plugged_in_while_the_tag_is_checked():
    async with Case() as case:
        case.csms.script("Authorize", late(0.8))
        await case.swipe(CARD)
        await case.sees(authorize(CARD))
        await case.do("plug")
        # The answer is awaited before the next CALL goes out.
        await case.sees(status("Preparing"), swapped(start(CARD), status("Charging")))


async def test_unplugged_while_the_tag_is_checked():
    async with Case(ConnectionTimeOut=1) as case:
        case.csms.script("Authorize", late(0.8))
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD))
        await case.do("unplug")
        # The answer was for a car that has left: whoever plugs in next presents a tag of his own.
        await case.sees(status("Available"))
        await case.quiet(0.5)
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.quiet(0.5)
        assert case.closed_contactors() == []
        await case.swipe(OTHER)
        await case.sees(authorize(OTHER), swapped(start(OTHER), status("Charging")))


async def test_a_remote_start_while_another_tag_is_checked():
    async with Case() as case:
        case.csms.script("Authorize", late(0.8))
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD))
        assert await case.ask("RemoteStartTransaction", idTag=OTHER, connectorId=1) == "Accepted"
        await case.sees(swapped(authorize(OTHER), start(CARD), status("Charging")))
        await case.quiet(0.5)
        assert [entry.tag for entry in case.books.running("CP1")] == [CARD]
        assert await case.ask("RemoteStartTransaction", idTag=OTHER, connectorId=1) == "Rejected"


async def test_a_remote_start_of_the_driver_whose_tag_is_checked():
    async with Case(AuthorizeRemoteTxRequests=False) as case:
        case.csms.script("Authorize", late(0.8))
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD))
        assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1) == "Accepted"
        await case.sees(swapped(start(CARD), status("Charging")))
        await case.quiet(0.7)  # the swipe meant to begin, and so it has
        await case.swipe(CARD)
        await case.sees(swapped(stop("Local", CARD), status("Finishing")))


async def test_unavailable_while_the_tag_is_checked():
    async with Case() as case:
        case.csms.script("Authorize", late(0.8))
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD))
        assert await case.ask("ChangeAvailability", connectorId=1, type="Inoperative") == "Accepted"
        await case.sees(status("Unavailable"))
        await case.quiet(0.5)
        assert case.closed_contactors() == []


# --- no answer: the rules for offline -----------------------------------------------------------------------

NO_ANSWER = {
    "never": silence(),
    "late": late(1.6),
    "error": call_error("InternalError", "the database is down"),
    "nonsense": reply({"idTagInfo": {"status": "Perhaps"}}),
}


@pytest.mark.parametrize("how", NO_ANSWER)
@pytest.mark.parametrize("allowed", [True, False])
async def test_an_unknown_tag_without_an_answer(how, allowed):
    async with Case(MessageTimeout=1, AllowOfflineTxForUnknownId=allowed) as case:
        case.csms.script("Authorize", NO_ANSWER[how])
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD))
        if allowed:
            await case.sees(swapped(start(CARD), status("Charging")))
            await case.quiet(0.8)
        else:
            await case.quiet(2.0)  # an answer that comes after its time changes nothing any more
            assert case.closed_contactors() == []
            await case.swipe(CARD)
            await case.sees(authorize(CARD), swapped(start(CARD), status("Charging")))


@pytest.mark.parametrize("allowed", [True, False])
async def test_a_remote_start_without_an_answer_to_authorize(allowed):
    async with Case(MessageTimeout=1, AllowOfflineTxForUnknownId=allowed) as case:
        case.csms.script("Authorize", silence())
        assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1) == "Accepted"
        await case.sees(authorize(CARD))
        if allowed:
            await case.sees(status("Preparing"))
        else:
            await case.quiet(1.5)
            assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1) == "Accepted"
            await case.sees(authorize(CARD), status("Preparing"))


async def test_a_tag_longer_than_the_standard_allows():
    async with Case(AllowOfflineTxForUnknownId=True) as case:
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.swipe("0123456789ABCDEF01234")
        await case.quiet(0.4)
        assert await case.last_tag() == "refused"
        await case.swipe("0123456789ABCDEF0123")
        await case.sees(authorize("0123456789ABCDEF0123"))


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_cached_tag_without_an_answer(trusted):
    async with Case(
        MessageTimeout=1,
        AuthorizationCacheEnabled=True,
        LocalPreAuthorize=False,
        LocalAuthorizeOffline=trusted,
        AllowOfflineTxForUnknownId=False,
    ) as case:
        await case.cached()
        case.csms.script("Authorize", silence())
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD))
        if trusted:
            await case.sees(swapped(start(CARD), status("Charging")))
        else:
            await case.quiet(1.6)


async def test_a_tag_that_is_known_to_be_blocked_without_an_answer():
    async with Case(
        MessageTimeout=1, AuthorizationCacheEnabled=True, AllowOfflineTxForUnknownId=True
    ) as case:
        case.books.tag(CARD, status="Blocked")
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD))
        await case.quiet(0.2)
        case.csms.script("Authorize", silence())
        await case.swipe(CARD)
        await case.sees(authorize(CARD))
        await case.quiet(1.6)
        # And so it is with the link down.
        await case.do("link", up=False)
        await case.swipe(CARD)
        await asyncio.sleep(0.8)
        assert case.closed_contactors() == []
        await case.swipe(OTHER)  # of whom nothing is known
        await case.until(lambda state: state["contactor"])


async def test_the_link_goes_down_while_the_tag_is_checked():
    async with Case(AllowOfflineTxForUnknownId=True) as case:
        case.csms.script("Authorize", silence())
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD))
        await case.do("link", up=False)
        await case.until(lambda state: state["contactor"])  # no time-out is waited for
        await case.do("link", up=True)
        await case.sees(swapped(start(CARD).late(5), status("Charging").late(5)))
