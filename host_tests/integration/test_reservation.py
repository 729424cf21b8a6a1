# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Reservations as a CSMS and drivers see them: the catalogue's cases, over restarts, and wrong requests."""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.charger import station_file
from bench.messages import parse_utc, utc_text
from bench.station import CallRefused
from host_tests.integration.case import (
    ANY,
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
from host_tests.integration.charge_points import write
from host_tests.integration.fault_codes import told

AT_ONCE = 8

TWO = "xcharge_c6"


def used(tag: str, reservation: int = 7, connector: int = 1) -> Expected:
    """StartTransaction that names the reservation."""
    expected = start(tag, connector)
    return Expected(expected.action, {**expected.fields, "reservationId": reservation})


def request(connector: int = 1, tag: str = CARD, seconds: float = 60, **more: Any) -> dict[str, Any]:
    until = utc_text(datetime.now(UTC) + timedelta(seconds=seconds))
    return {"connectorId": connector, "idTag": tag, "expiryDate": until, "reservationId": 7, **more}


async def reserve(case: Case, connector: int = 1, tag: str = CARD, seconds: float = 60, **more: Any) -> str:
    return await case.ask("ReserveNow", **request(connector, tag, seconds, **more))


async def reserved(case: Case, connector: int = 1, **more: Any) -> None:
    """The catalogue's state."""
    assert await reserve(case, connector, **more) == "Accepted"
    await case.sees(status("Reserved", connector or 1))


@contextlib.asynccontextmanager
async def described(*, connectors: int, profiles: list[str] | None = None) -> AsyncIterator[Path]:
    """A station like loop_evs32a with so many connectors; it may lack profiles."""
    document = json.loads(station_file("loop_evs32a").read_text())
    document["connectors"] *= connectors
    if profiles is not None:
        document["profiles"] = profiles
        document["configuration"].pop("ReserveConnectorZeroSupported")
    with tempfile.TemporaryDirectory() as folder:
        yield write(folder, "station.json", json.dumps(document))


# --- the driver comes ---------------------------------------------------------------------------------------


async def test_046_1_at_the_reader():
    async with Case() as case:
        await reserved(case)
        await case.swipe(OTHER)
        await case.quiet(0.4)
        assert await case.last_tag() == "refused"
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Preparing"))
        await case.do("plug")
        await case.sees(swapped(used(CARD), status("Charging")))
        assert (await case.charger.state())["reservations"] == []
        await case.finish()
        await case.do("unplug")
        await case.sees(status("Available"))
        await case.do("plug")  # and the next one does not name it
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD), swapped(start(CARD), status("Charging")))


@pytest.mark.parametrize("asks", [True, False])
async def test_046_2_from_the_csms(asks: bool):
    async with Case(AuthorizeRemoteTxRequests=asks) as case:
        await reserved(case)
        await case.do("plug")
        await case.quiet(0.4)
        answer = await case.ask("RemoteStartTransaction", idTag=OTHER, connectorId=1)
        assert answer == "Rejected"
        answer = await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1)
        assert answer == "Accepted"
        await case.sees(status("Preparing"), *([authorize(CARD)] if asks else []))
        await case.sees(swapped(used(CARD), status("Charging")))


@pytest.mark.parametrize("remote", [False, True])
async def test_053_the_same_parent(remote: bool):
    async with Case() as case:
        case.books.tag(CARD, parent="FLEET")
        case.books.tag(OTHER, parent="FLEET")
        await reserved(case, parentIdTag="FLEET")
        await case.swipe(THIRD)
        await case.sees(authorize(THIRD))
        await case.quiet(0.3)
        if remote:
            await case.do("plug")
            assert await case.ask("RemoteStartTransaction", idTag=OTHER, connectorId=1) == "Accepted"
            await case.sees(status("Preparing"), authorize(OTHER))
        else:
            await case.swipe(OTHER)
            await case.sees(authorize(OTHER), status("Preparing"))
            await case.do("plug")
        await case.sees(swapped(used(OTHER), status("Charging")))


async def test_who_does_not_plug_in_may_come_again():
    async with Case(ConnectionTimeOut=1) as case:
        await reserved(case)
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Preparing"))
        await case.sees(status("Reserved"))
        await case.do("plug")
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Preparing"))
        await case.sees(swapped(used(CARD), status("Charging")))


async def test_others_use_the_other_connector():
    async with Case(TWO) as case:
        await reserved(case)
        await case.swipe(OTHER)
        await case.sees(authorize(OTHER), status("Preparing", 2))
        await case.do("plug", connector=2)
        await case.sees(swapped(start(OTHER, 2), status("Charging", 2)))


# --- answers ------------------------------------------------------------------------------------------------


async def test_048_faulted_occupied_unavailable():
    async with Case(TWO) as case:
        await case.do("fault", name="GroundFailure", connector=1)
        await case.sees(told("Faulted", "GroundFailure"))
        assert await reserve(case) == "Faulted"
        await case.do("plug", connector=2)
        await case.sees(status("Preparing", 2))
        assert await reserve(case, 2) == "Occupied"
        assert await reserve(case, 3) == "Rejected"
        assert await reserve(case, 0) == "Rejected"  # this station does not offer it
        await case.do("clear", connector=1)
        await case.sees(status("Available"))
        assert await case.ask("ChangeAvailability", connectorId=1, type="Inoperative") == "Accepted"
        await case.sees(status("Unavailable"))
        assert await reserve(case) == "Unavailable"


async def test_050_any_connector_of_a_station_that_cannot():
    async with Case() as case:
        await case.do("fault", name="EmergencyStop")
        await case.sees(
            swapped(told("Faulted", "EmergencyStop", connector=0), told("Faulted", "EmergencyStop"))
        )
        assert await reserve(case, 0) == "Faulted"
        await case.do("clear")
        await case.sees(swapped(status("Available", 0), status("Available")))
        await case.do("plug")
        await case.sees(status("Preparing"))
        assert await reserve(case, 0) == "Occupied"
        await case.do("unplug")
        await case.sees(status("Available"))
        assert await case.ask("ChangeAvailability", connectorId=0, type="Inoperative") == "Accepted"
        await case.sees(swapped(status("Unavailable", 0), status("Unavailable")))
        assert await reserve(case, 0) == "Unavailable"


async def test_a_station_without_the_profile():  # cases 048_4, 050_4
    async with described(connectors=1, profiles=["Core"]) as path, Case(path) as case:
        assert await reserve(case) == "Rejected"
        assert await reserve(case, 0) == "Rejected"
        with pytest.raises(CallRefused, match="NotSupported"):
            await case.station.call("CancelReservation", {"reservationId": 7})


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"connectorId": -1}, "PropertyConstraintViolation"),
        ({"expiryDate": "tomorrow"}, "PropertyConstraintViolation"),
        ({"expiryDate": "2026-13-45T10:00:00Z"}, "PropertyConstraintViolation"),
        ({"idTag": ""}, "PropertyConstraintViolation"),
        ({"idTag": "x" * 21}, "PropertyConstraintViolation"),
        ({"parentIdTag": "x" * 21}, "PropertyConstraintViolation"),
        ({"reservationId": "7"}, "TypeConstraintViolation"),
        ({"reservationId": 1 << 40}, "PropertyConstraintViolation"),
        ({"until": 1}, "FormationViolation"),
    ],
)
async def test_wrong_requests(wrong: dict[str, Any], code: str):
    async with Case() as case:
        with pytest.raises(CallRefused) as refused:
            await case.station.call("ReserveNow", {**request(), **wrong}, check=False)
        assert refused.value.code == code
        with pytest.raises(CallRefused, match="OccurenceConstraintViolation"):
            await case.station.call("CancelReservation", {}, check=False)


async def test_dates_out_of_range():
    async with Case() as case:
        assert await reserve(case, expiryDate="1970-01-01T00:00:00Z") == "Rejected"
        assert await reserve(case, expiryDate="2020-01-01T00:00:00+02:00") == "Rejected"
        assert await reserve(case, expiryDate="9999-12-31T23:59:59Z") == "Accepted"
        await case.sees(status("Reserved"))


# --- how they end -------------------------------------------------------------------------------------------


async def test_047_expired():
    async with Case() as case:
        await reserved(case, seconds=1.5)
        [shown] = (await case.charger.state())["reservations"]
        assert (shown["reservationId"], shown["connector"], shown["idTag"]) == (7, 1, CARD)
        left_s = (parse_utc(shown["until"]) - datetime.now(UTC)).total_seconds()
        assert 0 < left_s <= 1.5
        await case.sees(status("Available"), within=3)
        await case.charging(OTHER)


async def test_051_052_cancelled():
    async with Case() as case:
        await reserved(case)
        assert await case.ask("CancelReservation", reservationId=8) == "Rejected"
        await case.quiet(0.3)
        assert await case.ask("CancelReservation", reservationId=7) == "Accepted"
        await case.sees(status("Available"))
        assert await case.ask("CancelReservation", reservationId=7) == "Rejected"
        await case.charging(OTHER)


async def test_the_same_number_moves():
    async with Case(TWO) as case:
        await reserved(case, 1)
        assert await reserve(case, 2, OTHER) == "Accepted"
        await case.sees(swapped(status("Available", 1), status("Reserved", 2)))
        assert await reserve(case, 2, CARD, reservationId=8) == "Occupied"


async def test_a_fault_and_out_of_service_end_it():
    async with Case() as case:
        await reserved(case)
        await case.do("fault", name="GroundFailure", connector=1)
        await case.sees(told("Faulted", "GroundFailure"))
        await case.do("clear", connector=1)
        await case.sees(status("Available"))
        assert await case.ask("CancelReservation", reservationId=7) == "Rejected"
        await reserved(case)
        assert await case.ask("ChangeAvailability", connectorId=1, type="Inoperative") == "Accepted"
        await case.sees(status("Unavailable"))
        assert await case.ask("ChangeAvailability", connectorId=1, type="Operative") == "Accepted"
        await case.sees(status("Available"))


# --- any connector ------------------------------------------------------------------------------------------


async def test_049_any_connector_of_one():
    async with Case() as case:
        await reserved(case, 0)
        await case.swipe(OTHER)
        await case.quiet(0.3)
        await case.do("plug")
        answer = await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1)
        assert answer == "Accepted"
        await case.sees(status("Preparing"), authorize(CARD), swapped(used(CARD), status("Charging")))


async def test_one_of_two_is_kept():
    async with described(connectors=2) as path, Case(path) as case:
        assert await reserve(case, 0) == "Accepted"
        await case.quiet(0.3)
        await case.swipe(OTHER)
        await case.sees(authorize(OTHER), swapped(status("Preparing", 1), status("Reserved", 2)))
        await case.do("plug", connector=1)
        await case.sees(swapped(start(OTHER, 1), status("Charging", 1)))
        await case.swipe(THIRD)
        await case.do("plug", connector=2)
        await case.quiet(0.3)
        assert await case.ask("RemoteStartTransaction", idTag=THIRD) == "Rejected"
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Preparing", 2))
        await case.sees(swapped(used(CARD, connector=2), status("Charging", 2)))


# --- restarts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clean", [False, True])
async def test_it_outlives_a_restart(clean: bool):
    async with Case() as case:
        await reserved(case)
        if clean:
            assert await case.ask("Reset", type="Hard") == "Accepted"
        else:
            await case.charger.power_cut()
            await case.charger.start()
        await case.boots(within=10, c1=status("Reserved"))
        await case.do("car", connector=1, delay_s=0.1)
        await case.do("plug")
        await case.swipe(OTHER)
        await case.quiet(0.3)
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Preparing"))
        await case.sees(swapped(used(CARD), status("Charging")))
        await case.charger.power_cut()
        await case.charger.start()
        # A reservation that was used stays used.
        ended = (stop("PowerLoss"), status("Available", 0), status("Preparing"))
        booted = Expected("BootNotification", ANY)
        await case.sees(booted, swapped(*(expected.late(60) for expected in ended)))
        assert (await case.charger.state())["reservations"] == []


def _last_status(station):
    told = [call.payload for call in station.calls("StatusNotification")]
    return [payload["status"] for payload in told if payload["connectorId"] == 1][-1]


async def test_it_expires_while_the_power_is_off():
    async with Case() as case:
        await reserved(case, seconds=1)
        await case.charger.power_cut()
        await asyncio.sleep(1.2)
        await case.charger.start()
        # Until the CSMS has told the time nobody knows; it may be told Reserved before, and never at last.
        await case.until(lambda state: state["status"] == "Available")
        assert (await case.charger.state())["reservations"] == []
        async with asyncio.timeout(5):
            while _last_status(case.station) != "Available":
                await asyncio.sleep(0.05)
        case._unread.clear()
