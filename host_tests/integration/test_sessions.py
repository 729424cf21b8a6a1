# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Sessions from start to end, as the conformance catalogue plays them and as drivers do."""

from unittest.mock import ANY

import pytest

from bench.scripts import late, reply
from host_tests.integration.case import (
    CARD,
    OTHER,
    THIRD,
    Case,
    Expected,
    authorize,
    start,
    status,
    stop,
    swapped,
)

AT_ONCE = 8

SOCKET = "generic_socket"
TWO = "xcharge_c6"
ALL = ["loop_evs32a", "ecarplug_ac", "generic_socket", "xcharge_c6"]

# --- begin --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("station", ALL)
async def test_003_plug_first(station):
    async with Case(station) as case:
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.quiet(0.3)
        assert case.closed_contactors() == []
        await case.swipe(CARD)
        await case.sees(authorize(CARD), swapped(start(CARD, wh=1000), status("Charging")))
        assert case.closed_contactors() == [1]
        await case.swipe(CARD)
        _, finishing = await case.sees(swapped(stop("Local", CARD), status("Finishing")))
        assert not (await case.connector())["contactor"], finishing
        await case.do("unplug")
        await case.sees(status("Available"))


@pytest.mark.parametrize("station", ALL)
async def test_004_1_identification_first(station):
    async with Case(station) as case:
        await case.swipe(CARD)
        await case.sees(swapped(authorize(CARD), status("Preparing")))
        await case.quiet(0.3)
        await case.do("plug")
        await case.sees(swapped(start(CARD, wh=1000), status("Charging")))


async def test_004_2_identification_first_and_nobody_comes():
    async with Case(ConnectionTimeOut=1) as case:
        await case.swipe(CARD)
        _, preparing = await case.sees(authorize(CARD), status("Preparing"))
        (available,) = await case.sees(status("Available"))
        assert 0.9 <= available.monotonic_s - preparing.monotonic_s <= 1.4
        # The authorization is gone with it: a car that comes later waits for a tag of its own.
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.quiet(0.5)


async def test_preparing_that_times_out_with_the_cable_in_is_finishing():  # errata 3.20
    async with Case(ConnectionTimeOut=1) as case:
        await case.do("plug")
        await case.sees(status("Preparing"), status("Finishing"))
        await case.swipe(CARD)
        await case.sees(
            authorize(CARD), status("Preparing"), swapped(start(CARD, wh=1000), status("Charging"))
        )


@pytest.mark.parametrize("station", ALL)
async def test_010_and_012_remote_start_and_stop_with_the_cable_in(station):
    async with Case(station) as case:
        begun = await case.charging()
        assert begun.payload["meterStart"] == 1000
        assert await case.ask("RemoteStopTransaction", transactionId=1) == "Accepted"
        await case.sees(swapped(stop("Remote"), status("Finishing")))
        await case.do("unplug")
        await case.sees(status("Available"))


@pytest.mark.parametrize("asks", [True, False])
async def test_011_1_remote_start_first(asks):
    async with Case(AuthorizeRemoteTxRequests=asks) as case:
        assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1) == "Accepted"
        await case.sees(*([authorize(CARD)] if asks else []), status("Preparing"))
        await case.quiet(0.3)
        await case.do("plug")
        await case.sees(swapped(start(CARD, wh=1000), status("Charging")))


async def test_011_2_remote_start_and_nobody_comes():
    async with Case(ConnectionTimeOut=1) as case:
        assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1) == "Accepted"
        await case.sees(authorize(CARD), status("Preparing"), status("Available"))
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.quiet(0.5)


# --- who may begin and end ----------------------------------------------------------------------------------


async def test_026_remote_start_where_somebody_charges():
    async with Case() as case:
        await case.charging()
        assert await case.ask("RemoteStartTransaction", idTag=OTHER, connectorId=1) == "Rejected"
        assert await case.ask("RemoteStartTransaction", idTag=OTHER) == "Rejected"
        assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1) == "Rejected"


async def test_027_and_028_remote_start_and_stop_of_what_is_not_there():
    async with Case(TWO) as case:
        assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=0) == "Rejected"
        assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=3) == "Rejected"
        assert await case.ask("RemoteStopTransaction", transactionId=1) == "Rejected"
        await case.charging(connector=2)
        assert await case.ask("RemoteStopTransaction", transactionId=2) == "Rejected"
        assert await case.ask("RemoteStopTransaction", transactionId=-1) == "Rejected"
        await case.quiet(0.3)
        assert (await case.connector(2))["contactor"]


async def test_068_another_tag_asks_nobody_and_ends_nothing():
    async with Case(TWO) as case:
        await case.charging(CARD, 1)
        await case.charging(THIRD, 2, transaction=2)
        await case.swipe(OTHER)
        await case.quiet(0.7)
        await case.swipe(CARD)
        await case.sees(swapped(stop("Local", CARD), status("Finishing")))
        assert (await case.connector(2))["contactor"]


async def test_068_the_same_tag_in_other_letters():  # idTags are case-insensitive (errata 3.58)
    async with Case() as case:
        await case.charging(CARD.lower())
        await case.swipe(CARD)
        await case.sees(swapped(stop("Local", CARD), status("Finishing")))


async def test_069_a_tag_of_the_same_parent_ends_it():
    async with Case(TWO) as case:
        case.books.tag(CARD, parent="FLEET")
        case.books.tag(OTHER, parent="fleet")
        await case.charging(CARD, 1)
        await case.charging(THIRD, 2, transaction=2)
        await case.swipe(OTHER)
        await case.sees(authorize(OTHER), swapped(stop("Local", OTHER), status("Finishing")))
        assert (await case.connector(2))["contactor"]


async def test_a_tag_of_another_parent_ends_nothing():
    async with Case() as case:
        case.books.tag(CARD, parent="FLEET")
        case.books.tag(OTHER, parent="CLUB")
        await case.charging()
        await case.swipe(OTHER)
        await case.sees(authorize(OTHER))
        await case.quiet(0.5)
        assert await case.last_tag() == "refused"


async def test_a_refused_tag_of_the_same_parent_ends_nothing():
    async with Case() as case:
        case.books.tag(CARD, parent="FLEET")
        case.books.tag(OTHER, parent="FLEET", status="Blocked")
        await case.charging()
        await case.swipe(OTHER)
        await case.sees(authorize(OTHER))
        await case.quiet(0.5)


@pytest.mark.parametrize("number", [0, -5, 2147483647])
async def test_012_whatever_number_the_csms_gives(number):  # errata 3.54
    async with Case() as case:
        info = {"status": "Accepted"}
        case.csms.script("StartTransaction", reply({"transactionId": number, "idTagInfo": info}))
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD), swapped(start(CARD), status("Charging")))
        assert await case.ask("RemoteStopTransaction", transactionId=1) == "Rejected"
        assert await case.ask("RemoteStopTransaction", transactionId=number) == "Accepted"
        await case.sees(swapped(stop("Remote", transaction=number), status("Finishing")))


async def test_plugged_in_over_a_restart():
    async with Case(ConnectionTimeOut=2) as case:
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.charger.power_cut()
        await case.charger.start()
        await case.boots(c1=status("Preparing"))
        await case.sees(status("Finishing"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Preparing"), swapped(start(CARD), status("Charging")))


async def test_swipe_in_finishing_begins_anew():  # F2 of the standard's table
    async with Case() as case:
        await case.charging()
        await case.until(lambda state: state["register_wh"] > 1000)
        await case.swipe(CARD)
        ended = await case.sees(swapped(stop("Local", CARD), status("Finishing")))
        stop_wh = next(m for m in ended if m.action == "StopTransaction").payload["meterStop"]
        await case.swipe(CARD)
        await case.sees(
            authorize(CARD), status("Preparing"), swapped(start(CARD, wh=stop_wh), status("Charging"))
        )
        assert await case.ask("RemoteStopTransaction", transactionId=1) == "Rejected"
        assert await case.ask("RemoteStopTransaction", transactionId=2) == "Accepted"
        await case.sees(swapped(stop("Remote", transaction=2), status("Finishing")))


async def test_remote_start_in_finishing_begins_anew():
    async with Case() as case:
        await case.charging()
        assert await case.ask("RemoteStopTransaction", transactionId=1) == "Accepted"
        await case.sees(swapped(stop("Remote"), status("Finishing")))
        assert await case.ask("RemoteStartTransaction", idTag=OTHER, connectorId=1) == "Accepted"
        await case.sees(authorize(OTHER), status("Preparing"), swapped(start(OTHER), status("Charging")))


async def test_a_second_swipe_while_waiting_for_the_cable_gives_up():
    async with Case() as case:
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Preparing"))
        await case.swipe(CARD)
        await case.sees(status("Available"))
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.quiet(0.4)


async def test_a_second_driver_while_the_first_has_not_plugged_in():
    async with Case() as case:
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Preparing"))
        await case.swipe(OTHER)
        await case.quiet(0.4)
        await case.do("plug")
        await case.sees(swapped(start(CARD), status("Charging")))


# --- several connectors, one reader -------------------------------------------------------------------------


async def test_remote_start_without_connector_takes_the_one_with_the_cable():
    async with Case(TWO) as case:
        await case.do("plug", connector=2)
        await case.sees(status("Preparing", 2))
        assert await case.ask("RemoteStartTransaction", idTag=CARD) == "Accepted"
        await case.sees(authorize(CARD), swapped(start(CARD, 2, wh=2000), status("Charging", 2)))


async def test_remote_start_without_connector_waits_for_the_cable_wherever_it_comes():
    async with Case(TWO) as case:
        assert await case.ask("RemoteStartTransaction", idTag=CARD) == "Accepted"
        await case.sees(authorize(CARD), status("Preparing", 1))
        await case.do("plug", connector=2)
        await case.sees(
            swapped(status("Available", 1), status("Preparing", 2)),
            swapped(start(CARD, 2, wh=2000), status("Charging", 2)),
        )


async def test_two_remote_starts_without_connector_take_one_each():
    async with Case(TWO) as case:
        for number in case.numbers:
            await case.do("plug", connector=number)
            await case.sees(status("Preparing", number))
        case.csms.script("Authorize", late(0.5))
        assert await case.ask("RemoteStartTransaction", idTag=CARD) == "Accepted"
        (first,) = await case.sees(authorize(CARD))
        assert await case.ask("RemoteStartTransaction", idTag=OTHER) == "Accepted"
        (second,) = await case.sees(authorize(OTHER))
        assert second.monotonic_s - first.monotonic_s >= 0.4  # one CALL at a time
        # The first one takes the car that was plugged in last.
        begun = (start(CARD, 2), start(OTHER, 1), status("Charging", 1), status("Charging", 2))
        await case.sees(swapped(*begun))


async def test_two_drivers_with_one_reader():
    async with Case(TWO) as case:
        await case.do("plug", connector=1)
        await case.sees(status("Preparing", 1))
        await case.swipe(CARD)
        await case.sees(authorize(CARD), swapped(start(CARD, 1), status("Charging", 1)))
        await case.do("plug", connector=2)
        await case.sees(status("Preparing", 2))
        await case.swipe(OTHER)
        await case.sees(authorize(OTHER), swapped(start(OTHER, 2), status("Charging", 2)))
        await case.swipe(CARD)
        await case.sees(swapped(stop("Local", CARD, 1), status("Finishing", 1)))
        assert (await case.connector(2))["contactor"]
        await case.swipe(OTHER)
        await case.sees(swapped(stop("Local", OTHER, 2), status("Finishing", 2)))


async def test_the_driver_who_plugged_in_last_is_the_one_at_the_reader():
    async with Case(TWO) as case:
        await case.do("plug", connector=1)  # somebody whose card did not work, and who went for another
        await case.sees(status("Preparing", 1))
        await case.do("plug", connector=2)
        await case.sees(status("Preparing", 2))
        await case.swipe(CARD)
        await case.sees(authorize(CARD), swapped(start(CARD, 2), status("Charging", 2)))


async def test_a_new_driver_does_not_pay_for_the_car_that_has_finished():
    async with Case(TWO) as case:
        await case.charging(CARD, 1)
        await case.swipe(CARD)
        await case.sees(swapped(stop("Local", CARD), status("Finishing")))
        await case.swipe(OTHER)
        await case.sees(authorize(OTHER), status("Preparing", 2))
        await case.do("plug", connector=2)
        await case.sees(swapped(start(OTHER, 2), status("Charging", 2)))
        await case.swipe(CARD)  # the first driver wants more
        await case.sees(
            authorize(CARD), status("Preparing", 1), swapped(start(CARD, 1), status("Charging", 1))
        )


async def test_ending_ones_own_session_does_not_wait_for_anothers_authorization():
    async with Case(TWO) as case:
        await case.charging(CARD, 1)
        await case.do("plug", connector=2)
        await case.sees(status("Preparing", 2))
        case.csms.script("Authorize", late(1.5))
        await case.swipe(OTHER)
        await case.sees(authorize(OTHER))
        await case.swipe(CARD)
        await case.until(lambda state: not state["contactor"], within=1)
        await case.sees(swapped(stop("Local", CARD, 1), status("Finishing", 1)))
        await case.sees(swapped(start(OTHER, 2), status("Charging", 2)))


# --- what goes wrong ----------------------------------------------------------------------------------------


async def test_041_nobody_begins_at_a_faulted_connector():
    async with Case() as case:
        await case.do("fault", name="GroundFailure", connector=1)
        await case.sees(status("Faulted", error="GroundFailure", info=ANY))
        await case.do("plug")
        await case.swipe(CARD)
        await case.quiet(0.5)
        assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1) == "Rejected"
        assert await case.ask("RemoteStartTransaction", idTag=CARD) == "Rejected"
        await case.quiet(0.5)
        assert case.closed_contactors() == []
        await case.do("clear", connector=1)
        await case.sees(status("Preparing"))
        await case.quiet(0.5)  # nobody is charged by surprise


async def test_041_the_other_connector_of_the_station_serves():
    async with Case(TWO) as case:
        await case.do("fault", name="GroundFailure", connector=1)
        await case.sees(status("Faulted", 1, error="GroundFailure", info=ANY))
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Preparing", 2))
        await case.do("plug", connector=2)
        await case.sees(swapped(start(CARD, 2), status("Charging", 2)))


async def test_062_data_transfer_from_the_csms():
    async with Case() as case:
        assert await case.ask("DataTransfer", vendorId="org.example", messageId="x", data="y") in (
            "Rejected",
            "UnknownMessageId",
            "UnknownVendorId",
        )


async def test_064_data_transfer_to_the_csms():
    async with Case() as case:
        answer = await case.do("data_transfer", vendorId="org.example", messageId="Hello", data="world")
        assert answer["status"] == "UnknownVendorId"
        fields = {"vendorId": "org.example", "messageId": "Hello", "data": "world"}
        await case.sees(Expected("DataTransfer", fields))
        case.books.data_transfer_vendors.add("org.pilotlight")
        assert (await case.do("data_transfer", vendorId="org.pilotlight"))["status"] == "Accepted"
        await case.sees(Expected("DataTransfer", {"vendorId": "org.pilotlight"}))
