# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The registers of a bill, and a meter that is silent or swapped."""

import asyncio

import pytest

from host_tests.integration.case import (
    ANY,
    CARD,
    OTHER,
    Case,
    authorize,
    start,
    status,
    stop,
    swapped,
)
from host_tests.integration.sampled import (
    ENERGY,
    STATIONS,
    ends,
    numbers,
    only,
    stop_of,
)

AT_ONCE = 8

SOCKET = "generic_socket"
TWO = "xcharge_c6"
ASIDE = ("MeterValues",)


@pytest.mark.parametrize("station", STATIONS)
async def test_the_bill_is_the_meters(station):
    async with Case(station) as case:
        await case.do("car", react_ms=1500)  # a car that takes its time to stop
        begun = await case.charging()
        await case.until(lambda state: state["register_wh"] > 1001)
        register_wh = (await case.connector())["register_wh"]
        stopped = await ends(case)
        state = await case.connector()
        assert not state["contactor"]
        # What flowed while the car stopped is billed, and nothing flows unbilled to the next one.
        assert stopped["meterStop"] == state["register_wh"] >= register_wh
        await case.until(lambda state: state.get("energy_wh") == stopped["meterStop"])
        assert await case.ask("RemoteStartTransaction", idTag=OTHER, connectorId=1) == "Accepted"
        await case.sees(
            authorize(OTHER),
            status("Preparing"),
            swapped(start(OTHER, wh=stopped["meterStop"]), status("Charging")),
        )
        assert begun.payload["meterStart"] == 1000


async def test_the_bill_of_a_car_that_is_torn_off():
    async with Case(TWO) as case:
        await case.charging()
        await case.until(lambda state: state["register_wh"] > 1010)
        await case.do("unplug")
        seen = await case.sees(swapped(stop("EVDisconnected"), status("Available")))
        assert stop_of(seen)["meterStop"] == (await case.connector())["register_wh"] > 1010


# --- a meter that fails -------------------------------------------------------------------------------------

METER_FAULT = {"error": "PowerMeterFailure", "info": "MeterFailure", "vendorErrorCode": "MeterFailure"}


async def test_the_meter_is_silent_at_the_start():
    async with Case() as case:
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.do("meter", fail=True)
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Faulted", **METER_FAULT))
        assert case.closed_contactors() == []
        await case.do("meter", fail=False)
        await case.sees(status("Preparing"))
        await case.quiet(0.5)  # nobody is charged by surprise
        await case.swipe(CARD)
        await case.sees(authorize(CARD), swapped(start(CARD, wh=1000), status("Charging")))


async def test_the_meter_is_silent_for_a_moment_at_the_start():
    async with Case() as case:
        await case.do("plug")
        await case.sees(status("Preparing"))
        await case.do("meter", fail=True)
        await case.swipe(CARD)
        await case.sees(authorize(CARD))
        await case.quiet(0.6)
        await case.do("meter", fail=False)
        await case.sees(swapped(start(CARD, wh=1000), status("Charging")))


async def test_the_meter_is_silent_while_it_charges():
    async with Case(SOCKET, aside=ASIDE, MeterValueSampleInterval=1) as case:
        await case.change("MeterValuesSampledData", f"{ENERGY},Current.Offered")
        await case.charging()
        before = numbers(only((await case.collect(2))[-1]))[ENERGY]
        await case.do("meter", fail=True)
        await asyncio.sleep(0.1)
        case.taken()
        # A missed answer is noise; a meter that stays silent cannot bill, and nothing flows unbilled.
        await case.sees(status("Faulted", **METER_FAULT), within=5)
        await case.until(lambda state: not state["contactor"], within=1)
        silent = [numbers(only(message)) for message in await case.collect(1)]
        assert [set(sample) for sample in silent] == [{"Current.Offered"}] * len(silent)
        await case.do("meter", fail=False)
        await case.sees(status("Charging"))
        case.taken()
        after = numbers(only((await case.collect(1))[0]))[ENERGY]
        assert after > before
        stopped = await ends(case)
        assert stopped["meterStop"] == (await case.connector())["register_wh"] >= after


async def test_the_meter_is_silent_at_the_stop():
    async with Case(aside=ASIDE, MeterValueSampleInterval=1, StopTxnSampledData=ENERGY) as case:
        await case.charging()
        last = numbers(only((await case.collect(3))[-1]))[ENERGY]
        await case.do("meter", fail=True)
        stopped = await ends(case, transactionData=ANY)
        assert 1000 < last <= stopped["meterStop"] <= (await case.connector())["register_wh"]
        registers = [numbers(value)[ENERGY] for value in stopped["transactionData"]]
        assert registers == sorted(registers)
        assert registers[0] == 1000
        await case.do("meter", fail=False)


async def test_the_meter_is_swapped_while_it_charges():
    async with Case(TWO, aside=ASIDE, MeterValueSampleInterval=1, StopTxnSampledData=ENERGY) as case:
        await case.charging()
        before = numbers(only((await case.collect(2))[-1]))[ENERGY]
        await case.do("meter", wh=7)
        registers = [numbers(only(message))[ENERGY] for message in await case.collect(2)]
        assert min(registers) >= before  # never backwards within a session
        stopped = await ends(case, transactionData=ANY)
        assert stopped["meterStop"] >= registers[-1]
        data = [numbers(value)[ENERGY] for value in stopped["transactionData"]]
        assert data == sorted(data)
        assert data[-1] == stopped["meterStop"]
        # The next session counts by the new meter.
        register_wh = (await case.connector())["register_wh"]
        assert 7 < register_wh < 1000
        await case.swipe(CARD)
        await case.sees(
            authorize(CARD), status("Preparing"), swapped(start(CARD, wh=register_wh), status("Charging"))
        )


async def test_the_meter_is_swapped_between_two_sessions():
    async with Case() as case:
        await case.charging()
        await ends(case)
        await case.do("meter", wh=0)
        await case.swipe(CARD)
        await case.sees(authorize(CARD), status("Preparing"), swapped(start(CARD, wh=0), status("Charging")))
        stopped = await ends(case, transaction=2)
        assert 0 <= stopped["meterStop"] < 100


async def test_a_silent_meter_says_nothing_by_the_clock():
    async with Case(aside=ASIDE, ClockAlignedDataInterval=1) as case:
        await case.do("meter", fail=True)
        await asyncio.sleep(0.2)
        case.taken()
        await case.sees(status("Faulted", **METER_FAULT), within=5)
        assert case.taken() == []
        await case.do("meter", fail=False)
        await case.sees(status("Available"))
        assert numbers(only((await case.collect(1))[0], None)) == {ENERGY: 1000}
