# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""ChangeAvailability: at once, scheduled, of the whole station, over restarts."""

import pytest

from host_tests.integration.case import (
    ANY,
    CARD,
    OTHER,
    Case,
    Expected,
    authorize,
    start,
    status,
    stop,
    swapped,
)
from host_tests.integration.fault_codes import told

AT_ONCE = 8

TWO = "xcharge_c6"


async def test_inoperative_and_operative_and_nothing_told_twice():  # A8, H1
    async with Case(TWO) as case:
        for _ in range(2):
            assert await case.ask("ChangeAvailability", connectorId=1, type="Operative") == "Accepted"
        await case.quiet(0.3)
        assert await case.ask("ChangeAvailability", connectorId=1, type="Inoperative") == "Accepted"
        await case.sees(status("Unavailable", 1))
        assert await case.ask("ChangeAvailability", connectorId=1, type="Inoperative") == "Accepted"
        await case.quiet(0.3)
        await case.do("plug", connector=1)
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Preparing", 2))  # the other one serves
        await case.swipe(CARD)
        await case.sees(status("Available", 2))
        assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1) == "Rejected"
        await case.do("unplug", connector=1)
        await case.quiet(0.4)
        assert await case.ask("ChangeAvailability", connectorId=1, type="Operative") == "Accepted"
        await case.sees(status("Available", 1))
        assert await case.ask("ChangeAvailability", connectorId=3, type="Inoperative") == "Rejected"


async def test_the_whole_station():
    async with Case(TWO) as case:
        assert await case.ask("ChangeAvailability", connectorId=0, type="Inoperative") == "Accepted"
        await case.sees(swapped(*(status("Unavailable", number) for number in (0, 1, 2))))
        assert await case.ask("ChangeAvailability", connectorId=0, type="Inoperative") == "Accepted"
        await case.swipe(CARD)
        await case.quiet(0.3)
        assert await case.ask("ChangeAvailability", connectorId=0, type="Operative") == "Accepted"
        await case.sees(swapped(*(status("Available", number) for number in (0, 1, 2))))


async def test_a_connector_that_was_out_before_the_station_is_back_with_it():
    async with Case(TWO) as case:
        assert await case.ask("ChangeAvailability", connectorId=2, type="Inoperative") == "Accepted"
        await case.sees(status("Unavailable", 2))
        assert await case.ask("ChangeAvailability", connectorId=0, type="Inoperative") == "Accepted"
        await case.sees(swapped(status("Unavailable", 0), status("Unavailable", 1)))
        assert await case.ask("ChangeAvailability", connectorId=0, type="Operative") == "Accepted"
        await case.sees(swapped(*(status("Available", number) for number in (0, 1, 2))))


async def test_scheduled_while_a_transaction_runs():  # C8
    async with Case() as case:
        await case.charging()
        for _ in range(2):
            assert await case.ask("ChangeAvailability", connectorId=1, type="Inoperative") == "Scheduled"
        await case.quiet(0.4)
        await case.swipe(CARD)
        await case.sees(swapped(stop("Local", CARD), status("Unavailable")))
        await case.do("unplug")
        await case.quiet(0.4)
        assert await case.ask("ChangeAvailability", connectorId=1, type="Operative") == "Accepted"
        await case.sees(status("Available"))


async def test_what_was_scheduled_can_be_taken_back():
    async with Case() as case:
        await case.charging()
        assert await case.ask("ChangeAvailability", connectorId=1, type="Inoperative") == "Scheduled"
        assert await case.ask("ChangeAvailability", connectorId=1, type="Operative") == "Accepted"
        await case.swipe(CARD)
        await case.sees(swapped(stop("Local", CARD), status("Finishing")))


async def test_the_whole_station_while_one_connector_charges():
    async with Case(TWO) as case:
        await case.charging(connector=1)
        assert await case.ask("ChangeAvailability", connectorId=0, type="Inoperative") == "Scheduled"
        await case.sees(status("Unavailable", 2))
        assert await case.ask("RemoteStartTransaction", idTag=OTHER) == "Rejected"
        await case.quiet(0.3)
        await case.swipe(CARD)
        await case.sees(swapped(stop("Local", CARD), status("Unavailable", 1), status("Unavailable", 0)))


async def test_suspended_and_then_unavailable():  # D8
    async with Case() as case:
        await case.charging()
        await case.do("car", ready=False)
        await case.sees(status("SuspendedEV"))
        assert await case.ask("ChangeAvailability", connectorId=1, type="Inoperative") == "Scheduled"
        await case.do("unplug")
        await case.sees(swapped(stop("EVDisconnected"), status("Unavailable")))


async def test_unavailable_while_preparing_and_finishing():  # H2, F8
    async with Case() as case:
        await case.do("plug")
        await case.sees(status("Preparing"))
        assert await case.ask("ChangeAvailability", connectorId=1, type="Inoperative") == "Accepted"
        await case.sees(status("Unavailable"))
        await case.swipe(CARD)
        await case.quiet(0.3)
        assert await case.ask("ChangeAvailability", connectorId=1, type="Operative") == "Accepted"
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD), swapped(start(CARD), status("Charging")))
        await case.finish()
        assert await case.ask("ChangeAvailability", connectorId=1, type="Inoperative") == "Accepted"
        await case.sees(status("Unavailable"))
        assert await case.ask("ChangeAvailability", connectorId=1, type="Operative") == "Accepted"
        await case.sees(status("Finishing"))


async def test_unavailable_takes_away_what_a_tag_was_granted():
    async with Case() as case:
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Preparing"))
        assert await case.ask("ChangeAvailability", connectorId=1, type="Inoperative") == "Accepted"
        await case.sees(status("Unavailable"))
        assert await case.ask("ChangeAvailability", connectorId=1, type="Operative") == "Accepted"
        await case.sees(status("Available"))
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.quiet(0.4)


async def test_a_fault_of_an_unavailable_connector():  # H9, I8
    async with Case() as case:
        assert await case.ask("ChangeAvailability", connectorId=1, type="Inoperative") == "Accepted"
        await case.sees(status("Unavailable"))
        await case.do("fault", name="GroundFailure", connector=1)
        await case.sees(told("Faulted", "GroundFailure"))
        assert await case.ask("ChangeAvailability", connectorId=1, type="Operative") == "Accepted"
        assert await case.ask("ChangeAvailability", connectorId=1, type="Inoperative") == "Accepted"
        await case.quiet(0.3)
        await case.do("clear", connector=1)
        await case.sees(status("Unavailable"))


@pytest.mark.parametrize("number", [0, 2])
async def test_availability_outlives_a_restart(number):
    async with Case(TWO) as case:
        out = [number] if number else [0, 1, 2]
        assert await case.ask("ChangeAvailability", connectorId=number, type="Inoperative") == "Accepted"
        await case.sees(swapped(*(status("Unavailable", one) for one in out)))
        await case.charger.power_cut()
        await case.charger.start()
        await case.boots(**{f"c{one}": status("Unavailable", one) for one in out})
        assert await case.ask("ChangeAvailability", connectorId=number, type="Operative") == "Accepted"
        await case.sees(swapped(*(status("Available", one) for one in out)))


async def test_what_is_scheduled_outlives_a_restart():
    async with Case() as case:
        await case.charging()
        assert await case.ask("ChangeAvailability", connectorId=1, type="Inoperative") == "Scheduled"
        await case.charger.power_cut()
        await case.charger.start()
        await case.sees(
            Expected("BootNotification", ANY),
            swapped(
                stop("PowerLoss").late(60), status("Available", 0).late(60), status("Unavailable").late(60)
            ),
        )
