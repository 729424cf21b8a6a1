# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Faults and warnings: what is told of them, and what becomes of a session. Letters as in test_status."""

import pytest

from evse import faults
from host_tests.integration.case import (
    CARD,
    OTHER,
    Case,
    authorize,
    start,
    status,
    stop,
    swapped,
)
from host_tests.integration.fault_codes import FAULTS, WARNINGS, told

AT_ONCE = 8

SOCKET = "generic_socket"
TWO = "xcharge_c6"


def test_every_fault_of_the_catalogue_is_played_here():
    assert {*FAULTS, *WARNINGS, "DiodeFault", "ProximityFault"} == set(faults.names())


async def test_the_faults_of_the_catalogue():  # A9, I1
    async with Case(SOCKET) as case:
        for fault in FAULTS:
            await case.do("fault", name=fault, connector=1)
            await case.sees(told("Faulted", fault))
            shown = ("fault", faults.driver_text(fault))
            await case.until(lambda state, shown=shown: (state["indication"], state["driver_reads"]) == shown)
            assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1) == "Rejected"
            await case.do("clear", name=fault, connector=1)
            await case.sees(status("Available"))


async def test_the_warnings_of_the_catalogue():
    async with Case() as case:
        for fault, code in WARNINGS.items():
            if code == "EVCommunicationError":
                continue
            await case.do("fault", name=fault, connector=1)
            await case.sees(told("Available", fault))
            await case.do("clear", name=fault, connector=1)
            await case.sees(status("Available"))


async def test_ev_communication_error_only_with_a_vehicle():  # section 4.9
    async with Case() as case:
        await case.do("fault", name="InvalidVehicleMode", connector=1)
        await case.quiet(0.3)
        await case.do("fault", name="WeakSignal", connector=1)
        await case.sees(told("Available", "WeakSignal"))
        await case.do("plug")
        await case.sees(told("Preparing", "InvalidVehicleMode"))
        await case.do("clear", connector=1)
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD), swapped(start(CARD), status("Charging")))
        await case.do("fault", name="InvalidVehicleMode", connector=1)
        await case.sees(told("SuspendedEVSE", "InvalidVehicleMode"))
        await case.do("clear", connector=1)
        await case.sees(status("SuspendedEVSE"), status("Charging"))
        await case.finish()


async def test_the_faults_of_the_whole_station():
    async with Case(TWO) as case:
        for fault in ("EmergencyStop", "EnclosureOpen", "PowerLoss", "InternalError"):
            await case.do("fault", name=fault)
            await case.sees(swapped(*(told("Faulted", fault, number) for number in (0, 1, 2))))
            assert await case.ask("RemoteStartTransaction", idTag=CARD) == "Rejected"
            await case.do("clear", name=fault)
            await case.sees(swapped(*(status("Available", number) for number in (0, 1, 2))))
        await case.do("fault", name="ReaderFailure")  # no connector has that reader
        await case.sees(told("Available", "ReaderFailure", 0))
        await case.do("clear", name="ReaderFailure")
        await case.sees(status("Available", 0))


async def test_a_connectors_fault_is_not_the_stations():
    async with Case(TWO) as case:
        await case.do("fault", name="GroundFailure", connector=2)
        await case.sees(told("Faulted", "GroundFailure", 2))
        await case.charging(connector=1)


async def test_of_several_faults_the_worst_is_told():
    async with Case() as case:
        await case.do("fault", name="OverTemperature", connector=1)
        await case.sees(told("Faulted", "OverTemperature"))
        await case.do("fault", name="GroundFailure", connector=1)
        await case.sees(told("Faulted", "GroundFailure"))
        await case.do("fault", name="WeakSignal", connector=1)
        await case.quiet(0.3)
        await case.do("clear", name="GroundFailure", connector=1)
        await case.sees(told("Faulted", "OverTemperature"))
        await case.do("clear", name="OverTemperature", connector=1)
        await case.sees(told("Available", "WeakSignal"))


async def test_a_fault_comes_and_goes_before_and_after_a_session():  # B9, I2, F9, I6
    async with Case() as case:
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.do("fault", name="UnderVoltage", connector=1)
        await case.sees(told("Faulted", "UnderVoltage"))
        await case.do("clear", connector=1)
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD), swapped(start(CARD), status("Charging")))
        await case.finish()
        await case.do("fault", name="UnderVoltage", connector=1)
        await case.sees(told("Faulted", "UnderVoltage"))
        await case.do("clear", connector=1)
        await case.sees(status("Finishing"))


async def test_the_car_leaves_while_the_connector_is_faulted():
    async with Case() as case:
        await case.charging()
        await case.finish()
        await case.do("fault", name="UnderVoltage", connector=1)
        await case.sees(told("Faulted", "UnderVoltage"))
        await case.do("unplug")
        await case.quiet(0.4)
        await case.do("clear", connector=1)
        await case.sees(status("Available"))


async def test_a_fault_that_a_session_outlives():  # C9, I3
    async with Case() as case:
        await case.charging()
        await case.do("fault", name="OverTemperature", connector=1)
        await case.sees(told("Faulted", "OverTemperature"))
        await case.until(lambda state: not state["contactor"], within=1)
        await case.quiet(0.7)
        await case.do("clear", connector=1)
        await case.sees(status("Charging"))  # nothing between Faulted and the state of before
        await case.until(lambda state: state["contactor"])
        await case.quiet(0.3)
        await case.do("fault", name="OverTemperature", connector=1)
        await case.sees(told("Faulted", "OverTemperature"))
        await case.swipe(CARD)  # its driver need not wait until that is mended
        await case.sees(stop("Local", CARD))
        await case.do("clear", connector=1)
        await case.sees(status("Finishing"))


@pytest.mark.parametrize(("fault", "reason"), [("GroundFailure", "Other"), ("RcdTrip", "Other")])
async def test_a_fault_that_ends_the_session(fault, reason):
    async with Case() as case:
        await case.charging()
        await case.do("fault", name=fault, connector=1)
        await case.sees(swapped(told("Faulted", fault), stop(reason)))
        await case.swipe(CARD)
        await case.quiet(0.4)
        await case.do("clear", connector=1)
        await case.sees(status("Finishing"))
        await case.quiet(0.4)


async def test_emergency_stop_ends_all_sessions():
    async with Case(TWO) as case:
        await case.charging(CARD, 1)
        await case.charging(OTHER, 2, transaction=2)
        await case.do("fault", name="EmergencyStop")
        for number in case.numbers:
            await case.until(lambda state: not state["contactor"], within=0.5, number=number)
        await case.sees(
            swapped(
                *(told("Faulted", "EmergencyStop", number) for number in (0, 1, 2)),
                *(stop("EmergencyStop", transaction=number) for number in case.numbers),
            )
        )
        await case.do("clear", name="EmergencyStop")
        await case.sees(swapped(status("Available", 0), status("Finishing", 1), status("Finishing", 2)))


async def test_a_car_without_a_diode():
    async with Case() as case:
        await case.do("fault", name="DiodeFault", connector=1)
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD), start(CARD), told("Faulted", "DiodeFault"))
        await case.quiet(0.5)
        await case.do("unplug")
        # The fault was the car's and leaves with it.
        await case.sees(swapped(stop("EVDisconnected", wh=1000), status("Available")))
        assert case.closed_contactors() == []


async def test_a_plug_with_a_broken_contact():
    async with Case(SOCKET) as case:
        await case.do("fault", name="ProximityFault", connector=1)
        await case.do("plug")
        await case.sees(swapped(status("Preparing"), told("Faulted", "ProximityFault")))
        await case.swipe(CARD)
        await case.quiet(0.5)
        await case.do("clear", connector=1)
        await case.sees(status("Preparing"))


async def test_a_warning_beside_a_session():
    async with Case() as case:
        await case.do("fault", name="WeakSignal", connector=1)
        await case.sees(told("Available", "WeakSignal"))
        await case.do("plug")
        await case.sees(told("Preparing", "WeakSignal"))
        await case.swipe(CARD)
        await case.sees(authorize(CARD), swapped(start(CARD), told("Charging", "WeakSignal")))
        await case.do("clear", connector=1)
        await case.sees(status("Charging"))
