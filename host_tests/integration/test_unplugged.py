# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The cable is pulled at the car (cases 005): StopTransactionOnEVSideDisconnect and
UnlockConnectorOnEVSideDisconnect."""

import pytest

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

SOCKET = "generic_socket"


async def test_005_1_unplugged_at_the_car_stops_and_unlocks():
    async with Case(
        SOCKET, StopTransactionOnEVSideDisconnect=True, UnlockConnectorOnEVSideDisconnect=True
    ) as case:
        await case.charging()
        assert (await case.connector())["lock"]
        # The driver leaves the cable in the socket for a while: pilot A, but a plug is there.
        await case.do("pilot", high_mv=12000)
        await case.sees(swapped(stop("EVDisconnected"), status("Finishing")))
        state = await case.until(lambda state: not state["lock"])
        assert state["cable"]
        assert not state["contactor"]
        await case.quiet(0.3)
        await case.do("unplug")
        await case.do("pilot")
        await case.sees(status("Available"))


async def test_005_2_unplugged_at_the_car_stops_and_keeps_the_cable_for_its_owner():
    async with Case(
        SOCKET, StopTransactionOnEVSideDisconnect=True, UnlockConnectorOnEVSideDisconnect=False
    ) as case:
        await case.charging()
        await case.do("unplug")
        await case.sees(swapped(stop("EVDisconnected"), status("Finishing")))
        await case.quiet(1.0)
        state = await case.connector()
        assert state["lock"]
        assert state["cable"]
        assert await case.ask("UnlockConnector", connectorId=1) == "Unlocked"
        await case.sees(status("Available"))


async def test_005_2_the_owner_frees_the_cable_and_nobody_else_does():
    async with Case(
        SOCKET, StopTransactionOnEVSideDisconnect=True, UnlockConnectorOnEVSideDisconnect=False
    ) as case:
        await case.charging()
        await case.do("unplug")
        await case.sees(swapped(stop("EVDisconnected"), status("Finishing")))
        await case.swipe(OTHER)  # a valid tag: it could charge here, but it is not its cable
        await case.quiet(0.5)
        assert (await case.connector())["lock"]
        assert await case.ask("RemoteStartTransaction", idTag=OTHER, connectorId=1) == "Rejected"
        await case.swipe(CARD)
        await case.sees(status("Available"))
        assert await case.last_tag() == "accepted"


async def test_005_2_a_tag_of_the_same_parent_frees_the_cable():  # errata 3.5
    async with Case(
        SOCKET, StopTransactionOnEVSideDisconnect=True, UnlockConnectorOnEVSideDisconnect=False
    ) as case:
        case.books.tag(CARD, parent="FLEET")
        case.books.tag(OTHER, parent="FLEET")
        await case.charging()
        await case.do("unplug")
        await case.sees(swapped(stop("EVDisconnected"), status("Finishing")))
        await case.swipe(THIRD)
        await case.sees(authorize(THIRD))
        await case.quiet(0.4)
        assert (await case.connector())["lock"]
        await case.swipe(OTHER)
        await case.sees(authorize(OTHER), status("Available"))


async def test_005_2_the_owner_plugs_in_again_and_charges_on():
    async with Case(
        SOCKET, StopTransactionOnEVSideDisconnect=True, UnlockConnectorOnEVSideDisconnect=False
    ) as case:
        await case.charging()
        await case.do("unplug")
        await case.sees(swapped(stop("EVDisconnected"), status("Finishing")))
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.swipe(OTHER)  # still not its cable
        await case.quiet(0.4)
        await case.swipe(CARD)
        await case.sees(authorize(CARD), swapped(start(CARD), status("Charging")))
        assert (await case.connector())["lock"]


@pytest.mark.parametrize(
    ("station", "unlocks", "ends"),
    [(SOCKET, False, "Finishing"), (SOCKET, True, "Finishing"), ("loop_evs32a", False, "Available")],
)
async def test_005_3_unplugged_at_the_car_and_the_session_goes_on(station, unlocks, ends):
    keys = {"UnlockConnectorOnEVSideDisconnect": unlocks} if station == SOCKET else {}
    async with Case(station, StopTransactionOnEVSideDisconnect=False, **keys) as case:
        await case.charging()
        await case.do("unplug")
        await case.sees(status("SuspendedEV", info="EV side disconnected"))
        await case.quiet(0.9)
        state = await case.connector()
        assert not state["contactor"]
        # Section 9.1: as long as the transaction goes on the cable stays locked, whatever the other key says.
        assert (state["lock"], state["cable"]) == ((True, True) if station == SOCKET else (None, None))
        await case.do("plug")
        await case.sees(status("Charging"))
        await case.do("unplug")
        await case.sees(status("SuspendedEV", info="EV side disconnected"))
        assert await case.ask("RemoteStopTransaction", transactionId=1) == "Accepted"
        await case.sees(swapped(stop("Remote"), status(ends)))
        if ends == "Finishing":  # and the driver's cable is free
            await case.sees(status("Available"))


@pytest.mark.parametrize("station", ["loop_evs32a", "ecarplug_ac", "xcharge_c6"])
async def test_unplugged_at_the_car_with_a_fixed_cable(station):
    async with Case(station) as case:
        await case.charging()
        await case.do("unplug")
        await case.sees(swapped(stop("EVDisconnected"), status("Available")))


async def test_owner_ends_a_session_whose_car_is_unplugged():
    async with Case(StopTransactionOnEVSideDisconnect=False) as case:
        await case.charging()
        await case.do("unplug")
        await case.sees(status("SuspendedEV", info="EV side disconnected"))
        await case.swipe(OTHER)
        await case.quiet(0.3)
        await case.swipe(CARD)
        await case.sees(swapped(stop("Local", CARD), status("Available")))
