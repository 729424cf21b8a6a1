# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""StatusNotification, faults and ChangeAvailability.

Letters and numbers are those of the standard's table of transitions (section 4.9): A Available, B Preparing,
C Charging, D SuspendedEV, E SuspendedEVSE, F Finishing, H Unavailable, I Faulted; so C4 is from C to D.
"""

import asyncio

import pytest

from bench.scripts import hang_up
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

AT_ONCE = 6

SOCKET = "generic_socket"
TWO = "xcharge_c6"

# What errorCode a fault has (section 7.6): the standard's name, where it has one for it.
FAULTS = {
    "EmergencyStop": "OtherError",
    "RcdTrip": "GroundFailure",
    "GroundFailure": "GroundFailure",
    "ContactorWelded": "PowerSwitchFailure",
    "ContactorStuckOpen": "PowerSwitchFailure",
    "WaterIngress": "OtherError",
    "CutCable": "OtherError",
    "EnclosureOpen": "OtherError",
    "PilotFault": "OtherError",
    "ConnectorLockFailure": "ConnectorLockFailure",
    "OverCurrent": "OverCurrentFailure",
    "OverVoltage": "OverVoltage",
    "UnderVoltage": "UnderVoltage",
    "PowerLoss": "OtherError",
    "OverTemperature": "HighTemperature",
    "CableOverTemp": "HighTemperature",
    "MeterFailure": "PowerMeterFailure",
    "InternalError": "InternalError",
    "OtherError": "OtherError",
}
WARNINGS = {
    "InvalidVehicleMode": "EVCommunicationError",
    "VentilationRequired": "EVCommunicationError",
    "ReaderFailure": "ReaderFailure",
    "ResetFailure": "ResetFailure",
    "WeakSignal": "WeakSignal",
    "LocalListConflict": "LocalListConflict",
}


def told(state: str, fault: str, connector: int = 1) -> Expected:
    """`state` with this fault: its errorCode, and our own name for it where the errorCode does not say it."""
    code = {**FAULTS, **WARNINGS, "DiodeFault": "OtherError", "ProximityFault": "OtherError"}[fault]
    more = {"info": fault} if code == fault else {"info": fault, "vendorErrorCode": fault}
    return status(state, connector, code, **more)


async def finish(case: Case) -> None:
    """Charging to Finishing by the CSMS."""
    assert await case.ask("RemoteStopTransaction", transactionId=1) == "Accepted"
    await case.sees(swapped(stop("Remote"), status("Finishing")))


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
        await case.sees(status("Charging"))
        await case.do("car", battery_wh=1000, soc=100)
        await case.sees(status("SuspendedEV"))
        assert (await case.connector())["car"]["soc"] == 100
        await case.do("car", soc=50)  # the heating takes some back
        await case.sees(status("Charging"))
        await case.do("car", ready=False)
        await case.sees(status("SuspendedEV"))
        await finish(case)


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


# --- faults -------------------------------------------------------------------------------------------------


async def test_the_faults_of_the_catalogue():  # A9, I1
    async with Case(SOCKET) as case:
        for fault in FAULTS:
            await case.do("fault", name=fault, connector=1)
            await case.sees(told("Faulted", fault))
            assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1) == "Rejected"
            await case.do("clear", name=fault, connector=1)
            await case.sees(status("Available"))


async def test_the_warnings_of_the_catalogue():
    async with Case() as case:
        for fault in WARNINGS:
            await case.do("fault", name=fault, connector=1)
            await case.sees(told("Available", fault))
            await case.do("clear", name=fault, connector=1)
            await case.sees(status("Available"))


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
        await finish(case)
        await case.do("fault", name="UnderVoltage", connector=1)
        await case.sees(told("Faulted", "UnderVoltage"))
        await case.do("clear", connector=1)
        await case.sees(status("Finishing"))


async def test_the_car_leaves_while_the_connector_is_faulted():
    async with Case() as case:
        await case.charging()
        await finish(case)
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


# --- ChangeAvailability -------------------------------------------------------------------------------------


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
        await finish(case)
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
