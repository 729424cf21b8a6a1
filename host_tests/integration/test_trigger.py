# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""TriggerMessage (section 5.17, cases 054 and 055), and what it may bring about while Pending (section 4.2).

`Case.sees` fails what is said before the answer, and what nobody has asked for.
"""

import asyncio

import pytest

from bench.csms import Csms
from bench.scripts import boot, silence
from host_tests.integration.case import (
    ANY,
    CARD,
    Case,
    Expected,
    meter_values,
    start,
    status,
    stop,
    swapped,
)
from host_tests.integration.post import TAG, installed
from host_tests.integration.sampled import ENERGY, STATIONS, check_form, moment, numbers, only

AT_ONCE = 8

TWO = "xcharge_c6"
BOOT = Expected("BootNotification", ANY)
HEARTBEAT = Expected("Heartbeat")


async def trigger(case: Case, message: str, connector: int | None = None) -> str:
    number = {} if connector is None else {"connectorId": connector}
    return await case.ask("TriggerMessage", requestedMessage=message, **number)


def again(name: str, connector: int) -> Expected:
    """A status that was told before."""
    return status(name, connector).late(60)


async def test_054_each_message():
    async with Case(TWO) as case:
        for connector in (None, 1, 99):
            assert await trigger(case, "Heartbeat", connector) == "Accepted"
            await case.sees(HEARTBEAT)
        assert await trigger(case, "StatusNotification", 2) == "Accepted"
        await case.sees(again("Available", 2))
        assert await trigger(case, "StatusNotification", 0) == "Accepted"
        await case.sees(again("Available", 0))
        assert await trigger(case, "StatusNotification") == "Accepted"
        await case.sees(*[again("Available", number) for number in (0, 1, 2)])
        assert await trigger(case, "MeterValues", 2) == "Accepted"
        (message,) = await case.sees(meter_values(None, 2))
        assert numbers(only(message, None, 2)) == {ENERGY: 2000}
        assert await trigger(case, "MeterValues") == "Accepted"
        await case.sees(swapped(meter_values(None, 1), meter_values(None, 2)))
        for connector in (None, 2):
            assert await trigger(case, "BootNotification", connector) == "Accepted"
            await case.sees(BOOT)
        # Without the FirmwareManagement profile.
        assert await trigger(case, "DiagnosticsStatusNotification") == "NotImplemented"
        assert await trigger(case, "FirmwareStatusNotification") == "NotImplemented"


async def test_055_rejected():
    async with Case(TWO) as case:
        assert await trigger(case, "MeterValues", 3) == "Rejected"
        assert await trigger(case, "MeterValues", 0) == "Rejected"
        assert await trigger(case, "StatusNotification", 3) == "Rejected"
        await case.quiet(0.5)


@pytest.mark.parametrize("station", STATIONS)
async def test_meter_values_of_a_transaction(station):
    names, phases, _ = STATIONS[station]
    async with Case(station) as case:
        await case.change("MeterValuesSampledData", names)
        await case.change("StopTxnSampledData", "")
        begun = await case.charging()
        await case.until(lambda state: state["register_wh"] > begun.payload["meterStart"], within=15)
        earlier = None
        for connector in (1, None):
            assert await trigger(case, "MeterValues", connector) == "Accepted"
            wanted = [meter_values()] if connector or len(case.numbers) == 1 else [
                swapped(meter_values(), meter_values(None, 2))
            ]  # fmt: skip
            message = next(m for m in await case.sees(*wanted) if m.payload["connectorId"] == 1)
            value = only(message)
            check_form(value, "Trigger", names, phases)
            register = numbers(value)[ENERGY]
            assert begun.payload["meterStart"] < register <= (await case.connector())["register_wh"]
            assert earlier is None or moment(value) >= earlier
            earlier = moment(value)
        await case.swipe(CARD)
        seen = await case.sees(swapped(stop("Local", CARD), status("Finishing")), within=10)
        [ended] = [message for message in seen if message.action == "StopTransaction"]
        assert ended.payload["meterStop"] >= register


async def test_a_fault_and_a_status_that_is_held_back():
    async with Case("generic_socket") as case:
        await case.change("MinimumStatusDuration", 30)
        await case.do("fault", name="GroundFailure", connector=1)
        await case.until(lambda state: state["status"] == "Faulted")
        assert await trigger(case, "StatusNotification", 1) == "Accepted"
        [told] = await case.sees(Expected("StatusNotification", ANY))
        assert told.payload["status"] == "Faulted" and told.payload["errorCode"] == "GroundFailure"
        assert told.payload["info"]


async def test_pending():
    csms = Csms()
    csms.script("BootNotification", boot("Pending", 60), boot("Pending", 60))
    csms.books.heartbeat_interval_s = 1
    keys = {"AllowOfflineTxForUnknownId": True, "HeartbeatInterval": 1, "MeterValueSampleInterval": 1}
    async with installed(csms=csms, **keys) as post:
        await post.station.expect("BootNotification", timeout=10)
        await asyncio.sleep(0.3)

        async def asked(message: str, *expected: str) -> list[dict]:
            before = len(post.station.calls())
            answer = await post.station.call("TriggerMessage", {"requestedMessage": message})
            assert answer == {"status": "Accepted"}
            for action in expected:
                await post.station.expect(action)
            await asyncio.sleep(0.2)
            new = post.station.calls()[before:]
            assert [message.action for message in new] == list(expected)
            return [message.payload for message in new]

        post.station.mark()
        await asked("Heartbeat", "Heartbeat")
        told = await asked("StatusNotification", "StatusNotification", "StatusNotification")
        assert [(entry["connectorId"], entry["status"]) for entry in told] == [
            (0, "Available"),
            (1, "Available"),
        ]
        [sample] = await asked("MeterValues", "MeterValues")
        assert "transactionId" not in sample
        await post.charge_offline()
        told = await asked("StatusNotification", "StatusNotification", "StatusNotification")
        assert told[1]["status"] == "Charging"
        [sample] = await asked("MeterValues", "MeterValues")
        assert sample["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"
        await asked("BootNotification", "BootNotification")
        await asyncio.sleep(1.5)  # no Heartbeat, no sample, no StartTransaction
        begun = post.station.calls()[-1]
        assert begun.action == "BootNotification" and post.csms.books.transactions == {}
        # Nobody waits for the interval when the CSMS asks.
        answer = await post.station.call("TriggerMessage", {"requestedMessage": "BootNotification"})
        assert answer == {"status": "Accepted"}
        begun = await post.station.expect("StartTransaction", idTag=TAG)
        last = post.station.calls("BootNotification")[-1]
        assert last.index < begun.index
        await post.station.expect("StatusNotification", connectorId=1, status="Charging")
        await post.station.expect("Heartbeat")


async def test_a_boot_notification_that_is_answered_pending():
    async with Case() as case:
        case.csms.script("BootNotification", boot("Pending", 3))
        assert await trigger(case, "BootNotification") == "Accepted"
        await case.sees(BOOT)
        await case.do("plug")
        assert await case.ask("RemoteStartTransaction", idTag=CARD, connectorId=1) == "Rejected"
        await case.quiet(1.5)
        assert await trigger(case, "StatusNotification", 1) == "Accepted"
        await case.sees(status("Preparing"))
        await case.boots(within=6, c1=status("Preparing"))


async def test_a_flood_and_a_lost_connection():
    async with Case("generic_socket") as case:
        assert await trigger(case, "Heartbeat") == "Accepted"
        await case.sees(HEARTBEAT)
        before = (await case.do("state"))["heap"]["used"]
        case.csms.script("Heartbeat", silence())
        assert await trigger(case, "Heartbeat") == "Accepted"  # never answered
        await case.sees(HEARTBEAT)
        everything = ("Heartbeat", "StatusNotification", "MeterValues", "BootNotification")
        for _ in range(25):
            for message in everything:
                assert await trigger(case, message) == "Accepted"
        case.station.cut()
        await case.station.wait_connection(2)
        # What the CSMS knows is not told again, what it had asked for neither.
        await case.quiet(1)
        assert (await case.do("state"))["heap"]["used"] < before + 2048
        begun = start(CARD)
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.swipe(CARD)
        await case.sees(Expected("Authorize", {"idTag": CARD}), swapped(begun, status("Charging")))
        assert await trigger(case, "MeterValues", 1) == "Accepted"
        await case.sees(meter_values())


async def test_a_silent_meter():
    async with Case("generic_socket") as case:
        await case.do("meter", fail=True)
        [told] = await case.sees(Expected("StatusNotification", ANY), within=15)
        assert told.payload["errorCode"] == "PowerMeterFailure"
        assert await trigger(case, "StatusNotification", 1) == "Accepted"
        [again] = await case.sees(Expected("StatusNotification", ANY))
        assert again.payload == told.payload
        assert await trigger(case, "MeterValues", 1) == "Rejected"
        assert await trigger(case, "MeterValues") == "Rejected"
