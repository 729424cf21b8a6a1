# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""StatusNotification: the car's states, MinimumStatusDuration, and after a reconnection.

Letters and numbers are those of the standard's table of transitions (section 4.9): A Available, B Preparing,
C Charging, D SuspendedEV, E SuspendedEVSE, F Finishing, H Unavailable, I Faulted; so C4 is from C to D.
"""

import asyncio

import pytest

from bench.scripts import hang_up
from host_tests.integration.case import (
    CARD,
    Case,
    authorize,
    start,
    status,
    stop,
    swapped,
)
from host_tests.integration.fault_codes import told

AT_ONCE = 8

SOCKET = "generic_socket"
TWO = "xcharge_c6"


# --- MinimumStatusDuration ----------------------------------------------------------------------------------


async def test_a_status_that_did_not_last_is_never_told():
    async with Case(MinimumStatusDuration=2) as case:
        await case.do("plug")
        await asyncio.sleep(0.8)
        await case.do("unplug")
        await case.do("fault", name="GroundFailure", connector=1)  # faults are not special (section 4.9)
        await asyncio.sleep(0.8)
        await case.do("clear", connector=1)
        await case.quiet(2.3)


async def test_a_status_is_told_when_it_has_lasted_with_the_time_when_it_began():
    async with Case(MinimumStatusDuration=2) as case:
        await case.do("plug")
        plugged_s = asyncio.get_running_loop().time()
        (preparing,) = await case.sees(status("Preparing").late(3))
        assert 1.9 <= preparing.monotonic_s - plugged_s <= 3
        assert "is not of the last 1.5 s" in str(status("Preparing").late(1.5).objection(preparing))


async def test_a_session_faster_than_the_minimum_duration():
    async with Case(MinimumStatusDuration=1) as case:
        await case.do("plug")
        await case.until(lambda state: state["plugged"])
        await case.swipe(CARD)
        await case.sees(authorize(CARD), start(CARD), status("Charging").late(2.5))
        await case.swipe(CARD)
        await case.sees(stop("Local", CARD))
        await case.do("unplug")
        await case.sees(status("Available").late(2.5))


async def test_a_shorter_minimum_duration_counts_at_once():
    async with Case(MinimumStatusDuration=600) as case:
        await case.do("plug")
        await case.quiet(0.6)
        await case.change("MinimumStatusDuration", 0)
        await case.sees(status("Preparing"))


# --- the car's states ---------------------------------------------------------------------------------------


async def test_a_car_that_is_not_ready_and_then_is():  # B4, D3
    async with Case() as case:
        await case.do("car", ready=False)
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD), start(CARD))
        await case.quiet(3)  # most cars need some seconds: they are no suspended cars yet
        await case.sees(status("SuspendedEV"))
        await case.do("car", ready=True)
        await case.sees(status("Charging"))


@pytest.mark.parametrize("station", ["loop_evs32a", "ecarplug_ac", "generic_socket", "xcharge_c6"])
async def test_a_car_that_pauses_and_is_full(station):  # C4, D3, D6
    async with Case(station) as case:
        await case.charging()
        await case.do("car", ready=False)
        await case.sees(status("SuspendedEV"))
        await case.quiet(0.3)
        assert not (await case.connector())["contactor"]
        await case.do("car", ready=True)
        await case.sees(status("Charging"), within=8)  # the contactor rests for 5 s
        await case.do("car", battery_wh=1000, soc=100)
        await case.sees(status("SuspendedEV"))
        assert (await case.connector())["car"]["soc"] == 100
        await case.do("car", soc=50)  # the heating takes some back
        await case.sees(status("Charging"), within=8)
        await case.do("car", ready=False)
        await case.sees(status("SuspendedEV"))
        await case.finish()


async def test_a_car_that_fills_its_battery():
    async with Case(TWO) as case:
        await case.do("car", battery_wh=200, soc=98)
        await case.charging()
        await case.sees(status("SuspendedEV"), within=8)
        state = await case.connector()
        assert state["car"]["soc"] == 100
        assert 1003 <= state["register_wh"] <= 1006


async def test_suspended_by_the_car_then_unplugged_faulted_stopped():  # D1, D9, I4
    async with Case() as case:
        await case.charging()
        await case.do("car", ready=False)
        await case.sees(status("SuspendedEV"))
        await case.do("fault", name="OverTemperature", connector=1)
        await case.sees(told("Faulted", "OverTemperature"))
        await case.do("clear", connector=1)
        await case.sees(status("SuspendedEV"))
        await case.quiet(0.3)
        await case.do("unplug")
        await case.sees(swapped(stop("EVDisconnected"), status("Available")))


async def test_suspended_by_us_faulted_and_unplugged():  # B5, E9, I5, E1
    async with Case(AuthorizeRemoteTxRequests=False, StopTransactionOnInvalidId=False) as case:
        case.books.tag(CARD, status="Invalid")
        await case.do("plug")
        await case.sees(status("Preparing"))
        assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1) == "Accepted"
        await case.sees(start(CARD), status("SuspendedEVSE"))
        await case.do("fault", name="OverTemperature", connector=1)
        await case.sees(told("Faulted", "OverTemperature"))
        await case.do("clear", connector=1)
        await case.sees(status("SuspendedEVSE"))
        await case.do("unplug")
        await case.sees(swapped(stop("EVDisconnected", wh=1000), status("Available")))


async def test_a_car_that_needs_ventilation():
    """The car asks for what this station has not: the station does not offer, and says why (E)."""
    async with Case() as case:
        await case.do("car", ventilation=True)
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD), start(CARD), told("SuspendedEVSE", "VentilationRequired"))
        await case.quiet(0.5)
        await case.swipe(CARD)
        await case.sees(swapped(stop("Local", CARD, wh=1000), told("Finishing", "VentilationRequired")))
        await case.do("unplug")
        await case.sees(status("Available"))
        assert case.closed_contactors() == []


# --- the connection -----------------------------------------------------------------------------------------


async def test_after_a_reconnection_what_has_changed_is_told():
    async with Case(TWO) as case:
        await case.do("link", up=False)
        await case.station.wait_disconnected()
        await case.do("plug", connector=2)
        await case.until(lambda state: state["status"] == "Preparing", number=2)
        await asyncio.sleep(0.5)
        await case.do("link", up=True)
        (preparing,) = await case.sees(status("Preparing", 2).late(5))
        assert status("Preparing", 2).late(0.5).objection(preparing)  # the time is that of the change
        await case.quiet(0.3)
        await case.do("link", up=False)
        await case.station.wait_disconnected()
        await case.do("link", up=True)
        await case.station.wait_connection(3)
        await case.quiet(0.5)


async def test_what_was_told_and_not_confirmed_is_told_again():
    async with Case() as case:
        case.csms.script("StatusNotification", hang_up())
        await case.do("plug")
        await case.sees(status("Preparing"), status("Preparing").late(6), within=6)
        await case.do("unplug")
        await case.sees(status("Available"))
