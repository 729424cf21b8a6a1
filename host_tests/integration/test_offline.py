# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Transactions without a CSMS: sections 3.7, 4.8, cases 036 to 039."""

import asyncio
from datetime import UTC, datetime

import pytest

from bench.csms import Csms
from bench.messages import parse_utc
from bench.scripts import silence
from host_tests.integration.ledger import registers
from host_tests.integration.offline import ANYBODY, C6, METERED, moment, near, said
from host_tests.integration.post import OTHER, STRANGER, TAG, Post, every, installed

AT_ONCE = 10


async def outcome(post: Post, tag: str) -> str:
    await post.tag(tag)
    for _ in range(100):
        last = (await post.charger.state())["last_tag"]
        if last and last[0] == tag:
            return last[1]
        await asyncio.sleep(0.02)
    raise AssertionError("the tag was not noticed")


# --- who may charge ---


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("unknown", [True, False])
async def test_who_may_start(listed, unknown):
    keys = {"LocalAuthorizeOffline": listed, "AllowOfflineTxForUnknownId": unknown, "ConnectionTimeOut": 0}
    async with installed(**keys) as post:
        post.csms.books.tag("B10C4ED0", status="Blocked")
        await post.booted()
        await post.tag(TAG)
        await post.station.expect("StatusNotification", connectorId=1, status="Preparing")
        await post.tag(TAG)  # gives up
        await post.station.expect("StatusNotification", connectorId=1, status="Available")
        assert await outcome(post, "B10C4ED0") == "refused"
        await post.offline()
        for tag, may in ((STRANGER, unknown), ("B10C4ED0", False), (TAG, listed or unknown)):
            assert await outcome(post, tag) == ("accepted" if may else "refused"), tag
            if may and tag != TAG:
                await post.tag(tag)  # gives up
                await post.shows("Available")
        await post.charger.do("plug", connector=1)
        if listed or unknown:
            await post.shows("Charging")
            post.station.mark()
            await post.online()
            await post.station.expect("StartTransaction", idTag=TAG)
        else:
            await post.online()
            await post.station.never("StartTransaction", within_s=1)


async def test_no_link_before_boot():
    async with installed(link=False) as post:
        assert await outcome(post, STRANGER) == "refused"
        await asyncio.sleep(1.5)
        assert post.station.connections == 0
        assert (await post.charger.state())["registration"] is None
        await post.charger.do("link", up=True)
        await post.booted(timeout=2)


# --- cases ---


async def test_037_1_start():
    async with installed(**METERED) as post:
        await post.booted()
        await post.tag(TAG)
        await post.station.expect("Authorize")
        await post.shows("Preparing")
        await post.offline()
        post.station.mark()
        await post.charger.do("plug", connector=1)
        begun = datetime.now(UTC)
        await post.shows("Charging")
        await asyncio.sleep(1)
        await post.online()
        start = await post.station.expect("StartTransaction", idTag=TAG, connectorId=1)
        assert near(start, begun) and moment(start) < start.at
        await post.station.expect("StatusNotification", connectorId=1, status="Charging")
        values = await post.station.expect("MeterValues")
        assert values.payload["transactionId"] == 1
        assert len(post.station.calls("StatusNotification")) == 1
        assert post.station.calls("Authorize") == []


async def test_038_stop():
    async with installed(**C6) as post:
        await post.booted()
        await post.charge()
        post.station.mark()
        await post.offline()
        await post.tag(TAG)
        await post.shows("Finishing")
        stopped = datetime.now(UTC)
        await asyncio.sleep(2)
        await post.online()
        stop = await post.station.expect("StopTransaction", transactionId=1, reason="Local", idTag=TAG)
        assert near(stop, stopped, 1)
        finishing = await post.station.expect("StatusNotification", connectorId=1, status="Finishing")
        assert near(finishing, stopped, 1)
        await post.station.never("StatusNotification", within_s=0.3)
        assert [message.action for message in post.station.calls()] == [
            "StopTransaction",
            "StatusNotification",
        ]


async def test_039_the_whole_session():
    async with installed(**C6, **ANYBODY, **METERED) as post:
        await post.booted()
        post.station.mark()
        await post.offline()
        await post.charge_offline(STRANGER)
        await asyncio.sleep(1.2)
        await post.tag(STRANGER)
        await post.shows("Finishing")
        await post.unplug()
        await post.online()
        stop = await post.station.expect("StopTransaction", transactionId=1, reason="Local")
        assert said(post) == ["StartTransaction", *["MeterValues"] * (len(said(post)) - 2), "StopTransaction"]
        assert len(said(post)) > 2
        start = post.station.calls("StartTransaction")[0]
        assert 1 < (moment(stop) - moment(start)).total_seconds() < 6
        # The CSMS has it that the connector is Available, and so it is.
        await post.station.never("StatusNotification", within_s=0.3)


async def test_036_meter_values():
    async with installed(**METERED) as post:
        await post.booted()
        await post.charge()
        await post.station.expect("MeterValues")
        await post.offline()
        await asyncio.sleep(3.5)
        await post.online()
        back = post.station.log.next_index
        while sum(message.index > back for message in post.station.calls("MeterValues")) < 6:
            await post.station.expect("MeterValues")
        times = [
            parse_utc(message.payload["meterValue"][0]["timestamp"])
            for message in post.station.calls("MeterValues")
        ]
        assert every(times, 1)


@pytest.mark.parametrize("stop", [True, False])
@pytest.mark.parametrize("allowance_wh", [0, 25])
async def test_037_2_and_3_refused_afterwards(stop, allowance_wh):
    """StopTransactionOnInvalidId, MaxEnergyOnInvalidId; the C6 with its direct current makes 11 Wh/s."""
    keys = {"StopTransactionOnInvalidId": stop, "MaxEnergyOnInvalidId": allowance_wh}
    async with installed(**C6, **ANYBODY, **keys) as post:
        await post.booted()
        post.station.mark()
        await post.offline()
        await post.charge_offline(STRANGER)
        await post.counts(10)
        before_wh = (await post.connector())["register_wh"]
        await post.online()
        start = await post.station.expect("StartTransaction", idTag=STRANGER)
        first = await post.station.expect("StatusNotification", connectorId=1)
        assert first.payload["status"] == "Charging"
        if stop:
            end = await post.station.expect("StopTransaction", timeout=8, reason="DeAuthorized")
            await post.station.expect("StatusNotification", connectorId=1, status="Finishing")
        else:
            suspended = {"connectorId": 1, "status": "SuspendedEVSE"}
            end = await post.station.expect("StatusNotification", timeout=8, **suspended)
            await post.shows("SuspendedEVSE")
            await post.station.never("StopTransaction", within_s=0.5)
        state = await post.connector()
        assert not state["contactor"]
        # The allowance counts from the last reading: a round of the meter, 11 Wh, before.
        least_wh = before_wh - 11 + allowance_wh
        assert least_wh <= state["register_wh"] <= before_wh + allowance_wh + 35
        if allowance_wh:
            assert (end.at - start.at).total_seconds() > 1
        if not stop:
            await post.tag(STRANGER)
            await post.station.expect("StopTransaction", reason="Local", transactionId=1)


async def test_refused_when_it_is_over():
    """The transaction cannot be stopped twice, and the tag is remembered."""
    async with installed(**ANYBODY) as post:
        await post.booted()
        await post.offline()
        await post.charge_offline(STRANGER)
        await post.tag(STRANGER)
        await post.shows("Finishing")
        await post.unplug()
        post.station.mark()
        await post.online()
        await post.station.expect("StopTransaction", reason="Local")
        await post.station.never("StatusNotification", within_s=0.3)
        await post.offline()
        assert await outcome(post, STRANGER) == "refused"


# --- what the CSMS knows already ---


async def test_statuses_after_a_reconnection():
    async with installed(**C6) as post:
        await post.booted()
        post.station.mark()
        await post.offline()
        await post.plug(1)
        await post.plug(2)
        await post.unplug(2)
        await post.online()
        preparing = await post.station.expect("StatusNotification")
        assert (preparing.payload["connectorId"], preparing.payload["status"]) == (1, "Preparing")
        assert moment(preparing) < preparing.at
        await post.station.never("StatusNotification", within_s=0.5)
        await post.offline()
        await post.online()
        await post.station.never("StatusNotification", within_s=0.5)
        assert {message.action for message in post.station.calls()} == {"StatusNotification"}


async def test_a_status_whose_confirmation_was_lost():
    """The CSMS has seen Preparing. Available must be told again, though it was the last one confirmed."""
    csms = Csms()
    async with installed(csms=csms) as post:
        await post.booted()
        csms.script("StatusNotification", silence())
        await post.plug()
        await post.station.expect("StatusNotification", connectorId=1, status="Preparing")
        await post.offline()
        await post.unplug()
        await post.online()
        available = await post.station.expect("StatusNotification", connectorId=1, status="Available")
        assert available.payload["connectorId"] == 1


async def test_two_connectors_at_once():
    async with installed(**C6, **ANYBODY, **METERED) as post:
        await post.booted()
        await post.offline()
        await post.charge_offline(TAG, 1)
        await post.charge_offline(OTHER, 2)
        await asyncio.sleep(1.5)
        await post.tag(OTHER)
        await post.shows("Finishing", 2)
        await post.tag(TAG)
        await post.shows("Finishing", 1)
        post.station.mark()
        await post.online()
        stops = [await post.station.expect("StopTransaction") for _ in range(2)]
        assert [stop.payload["transactionId"] for stop in stops] == [2, 1]
        books = post.csms.books.transactions
        assert [(books[number].connector, books[number].tag) for number in (1, 2)] == [(1, TAG), (2, OTHER)]
        for message in post.station.calls("MeterValues"):
            assert books[message.payload["transactionId"]].connector == message.payload["connectorId"]
            assert registers(message.payload)
        assert len(post.station.calls("StatusNotification")) == 2
