# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the charger makes of the parts around it, in whole sessions: the second contactor, the reader, the
radio, the lamp, the service button, the watchdog. Statuses as the CSMS is told them."""

import asyncio
import contextlib
import json
import tempfile
from pathlib import Path
from unittest.mock import ANY

import pytest

from host_tests.integration.case import CARD, Case, Expected, authorize, start, status, stop, swapped
from host_tests.integration.fault_codes import told

AT_ONCE = 8

SOCKET = "generic_socket"
STATIONS = ("ecarplug_ac", SOCKET, "loop_evs32a", "xcharge_c6")


@contextlib.asynccontextmanager
async def three_phases():
    """A `Case` with a socket of three phases, a second contactor for L2 and L3, and the least wait of a
    change. (No fixture keeps its file: what uses none runs while others do.)
    """
    connector = {
        "cable": "socket",
        "phases": 3,
        "wake_up": "switch",
        "phase_switch": True,
        "phase_wait_s": 10,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "station.json"
        path.write_text(json.dumps({"name": "switch", "connectors": [connector]}))
        async with Case(path) as case:
            yield case


async def test_a_session_changes_its_phases_and_back():
    async with three_phases() as case:
        await case.do("car", amps=16, phases=3)
        await case.until(lambda state: state["phases"] == 3)
        await case.charging()
        full = await case.until(lambda state: state["power_w"] > 10900)
        assert full["current_ma"][0] == full["current_ma"][2] > 15900
        await asyncio.sleep(3)  # offers are 5 s apart
        # Eight amperes of one phase, as a charging profile with numberPhases 1 would have it.
        await case.do("limit", connector=1, amps=8, phases=1)
        await case.sees(status("SuspendedEVSE"))
        paused = await case.until(lambda state: not state["contactor"])
        assert paused["offered_a"] == 0 and paused["car"]["current_ma"] == 0
        # The pilot is off the line meanwhile: nobody has left.
        away = await case.until(lambda state: state["phases"] == 1)
        assert away["plugged"] and away["lock"] and away["transaction"]
        await case.sees(swapped(status("Charging")), within=16)
        one = await case.until(lambda state: state["power_w"] > 1700)
        assert one["current_ma"][1:] == [0, 0] and one["power_w"] < 1900 and one["limit"] == "local"
        await case.do("limit", connector=1)
        await case.sees(status("SuspendedEVSE"), status("Charging"), within=16)
        await case.until(lambda state: state["phases"] == 3 and state["power_w"] > 10900)
        await case.finish()


async def test_phases_change_at_once_before_the_first_charge():
    async with three_phases() as case:
        await case.do("limit", connector=1, amps=10, phases=1)
        await case.until(lambda state: state["phases"] == 1, within=12)
        await case.charging()
        await case.until(lambda state: 2000 < state["power_w"] < 2400)


async def test_a_signal_that_fades():
    async with Case() as case:
        await case.do("link", dbm=-112)
        await case.sees(told("Available", "WeakSignal", 0))
        await case.do("link", dbm=-105)  # on its way back, not there yet
        await case.quiet(1.5)
        await case.do("link", dbm=-101)
        await case.sees(status("Available", 0))


async def test_a_reader_that_has_died():
    async with Case() as case:
        await case.do("reader", silent=True)
        await case.sees(told("Available", "ReaderFailure"))
        # The driver is told to use the app; the warning stands beside what there is.
        await case.do("plug")
        await case.sees(told("Preparing", "ReaderFailure"))
        assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1) == "Accepted"
        await case.sees(authorize(CARD), swapped(start(CARD), told("Charging", "ReaderFailure")))
        await case.do("reader", silent=False)
        await case.sees(status("Charging"))


async def test_what_the_lamp_shows():
    async with Case(SOCKET, ConnectionTimeOut=1) as case:

        async def shows(indication):
            await case.until(lambda state: state["indication"] == indication)

        await shows("available")
        await case.do("plug")
        await shows("preparing")
        await case.sees(status("Preparing"), status("Finishing"))
        await shows("finishing")
        await case.swipe(CARD)
        await case.sees(swapped(status("Preparing"), authorize(CARD)))
        await case.sees(swapped(start(CARD), status("Charging")))
        await shows("charging")
        await case.do("fault", name="InvalidVehicleMode", connector=1)
        await case.sees(told("SuspendedEVSE", "InvalidVehicleMode"))
        await shows("fault")  # whatever OCPP calls it
        await case.do("clear", connector=1)
        await case.sees(status("SuspendedEVSE"), status("Charging"))
        await shows("charging")
        await case.do("fault", name="WeakSignal", connector=1)
        await case.sees(told("Charging", "WeakSignal"))
        await shows("charging")
        await case.do("clear", connector=1)
        await case.sees(status("Charging"))
        await case.do("car", ready=False)
        await case.sees(status("SuspendedEV"))
        await shows("suspended")
        await case.swipe(CARD)
        await case.sees(swapped(stop("Local", CARD), status("Finishing")))
        await case.do("fault", name="UnderVoltage", connector=1)
        await case.sees(told("Faulted", "UnderVoltage"))
        await shows("fault")
        await case.do("clear")
        await case.do("unplug")
        await case.sees(status("Finishing"), status("Available"))
        assert await case.ask("ChangeAvailability", connectorId=1, type="Inoperative") == "Accepted"
        await case.sees(status("Unavailable"))
        await shows("unavailable")


async def test_the_service_button_acknowledges_and_nothing_else():
    async with Case() as case:
        await case.charging()
        await case.do("fault", name="RcdTrip", connector=1)
        await case.sees(swapped(told("Faulted", "RcdTrip"), stop("Other")))
        await case.do("button", pressed=True)
        await case.quiet(5.5)  # its cause is still there, also 2 s after the press
        await case.do("clear", connector=1, acknowledge=False)
        await case.do("button", pressed=False)
        await case.quiet(0.5)
        await case.do("button", pressed=True)
        await case.quiet(2.5)
        await case.sees(status("Finishing"), within=1.5)
        await case.do("button", pressed=False)
        # Held while a car is charged it does nothing.
        await case.swipe(CARD)
        await case.sees(swapped(status("Preparing"), authorize(CARD)))
        await case.sees(swapped(start(CARD), status("Charging")))
        await case.do("button", pressed=True)
        await case.quiet(3.5)


@contextlib.asynccontextmanager
async def with_a_start_button():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "station.json"
        document = {"name": "home", "connectors": [{}], "options": {"start_tag": CARD}}
        path.write_text(json.dumps(document))
        async with Case(path) as case:
            yield case


async def press(case, start, seconds):
    await case.do("button", pressed=True, start=start)
    await asyncio.sleep(seconds)
    await case.do("button", pressed=False, start=start)
    await asyncio.sleep(0.3)


async def test_the_start_button_starts_and_stops():
    async with with_a_start_button() as case:
        await case.do("plug", connector=1)
        await case.sees(status("Preparing"))
        await press(case, True, 0.3)
        await case.sees(authorize(CARD))
        await case.sees(swapped(start(CARD), status("Charging")))
        await asyncio.sleep(1)
        await press(case, True, 0.3)
        await case.sees(swapped(stop("Local", CARD), status("Finishing")), within=10)
        heard = (await case.charger.state())["sounds"]
        assert heard == ["accepted", "accepted"]


@pytest.mark.timeout(90)
async def test_a_factory_reset_takes_what_the_csms_has_set_and_no_bill():
    async with Case() as case:
        await case.change("HeartbeatInterval", 777)
        await case.charging()
        data = Path(case.charger.data)
        await press(case, False, 11)
        # Not now: the charge goes on.
        assert (await case.charger.state())["sounds"][-1] == "refused"
        await case.swipe(CARD)
        await case.sees(swapped(stop("Local", CARD), status("Finishing")), within=10)
        boots = json.loads((data / "boots").read_text().partition("\n")[2])["boots"]
        assert "777" in (data / "settings").read_text()
        assert list((data / "cache").iterdir())
        await press(case, False, 11)
        booted = Expected("BootNotification", ANY)
        statuses = (status("Available", 0).late(60), status("Preparing").late(60))
        await case.sees(booted, swapped(*statuses), within=15)
        answer = await case.station.call("GetConfiguration", {"key": ["HeartbeatInterval"]})
        assert answer["configurationKey"][0]["value"] != "777"
        assert not list((data / "cache").iterdir()) and not (data / "factory_reset").exists()
        after = json.loads((data / "boots").read_text().partition("\n")[2])["boots"]
        assert after == boots + 1


async def test_a_latched_fault_outlives_a_watchdog_reset():
    async with Case() as case:
        await case.do("fault", name="RcdTrip", connector=1)
        await case.sees(told("Faulted", "RcdTrip"))
        await case.do("watchdog")
        await case.boots(within=10, c1=told("Faulted", "RcdTrip"))
        assert (await case.charger.state())["cause"] == "Watchdog"


@pytest.mark.parametrize(("end", "reason"), [("watchdog", "Reboot"), ("power_cut", "PowerLoss")])
async def test_why_the_session_was_cut_off(end, reason):
    """Section 7.35: Reboot is a restart of our own, "for instance watchdog kicked in"."""
    async with Case() as case:
        await case.charging()
        await case.do(end)
        if end == "power_cut":
            await case.charger.start()
        booted = Expected("BootNotification", ANY)
        statuses = (status("Available", 0).late(60), status("Preparing").late(60))
        await case.sees(booted, swapped(stop(reason), *statuses), within=10)
        cause = (await case.charger.state())["cause"]
        assert cause == ("Watchdog" if end == "watchdog" else "PowerUp")


@pytest.mark.parametrize("station", STATIONS)
async def test_each_station_charges_and_faults(station):
    async with Case(station) as case:
        await case.charging()
        drawn = await case.until(lambda state: state["car"]["current_ma"] > 15000 and state["power_w"])
        assert drawn["pilot_state"] == "C2" and drawn["contactor"]
        await case.do("fault", name="DiodeFault", connector=1)
        await case.until(lambda state: not state["contactor"], within=1)
        await case.sees(told("Faulted", "DiodeFault"))
