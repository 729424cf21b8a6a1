# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""TCP over PPP and the modem's UART on the real image: no byte is lost or comes twice, nothing leaks, nobody
waits for a modem that holds the line."""

import asyncio
import os

import pytest

from host_tests.emulator.link_board import link

pytestmark = pytest.mark.timeout(1800)

# In emulated time; docs/lte.md has the figures of longer ones.
SECONDS = int(os.environ.get("PILOTLIGHT_LINK_SECONDS", "15"))
CONNECTIONS = int(os.environ.get("PILOTLIGHT_LINK_CONNECTIONS", "40"))


def test_as_much_as_goes_both_ways_beside_erases_and_collections(image):
    async def live():
        async with link(image, 1, 1 << 30, erase_ms=300) as it:
            begin = await it.until(lambda told: told["got"] > 0)
            await it.pause(SECONDS * 1000)
            told = await it.told()
            uart = (await it.do("state"))["uarts"][1]
            modem = it.line.modem.state(it.line.now)
            print(told, uart, modem)
            assert told["got"] > 20000 * SECONDS and told["sent"] > 20000 * SECONDS
            assert told["wrong"] == it.wrong == told["failures"] == 0
            assert told["erases"] > SECONDS
            assert uart["overruns"] == 0 and modem["frames"]["bad"] == 0
            assert told["free"] > begin["free"] - 2000
            assert told["late_ms"] < 250  # an erase and a collection are in it

    asyncio.run(live())


def test_connections_leave_nothing_behind(image):
    async def live():
        async with link(image, CONNECTIONS, 2000) as it:
            early = await it.until(lambda told: told["connections"] >= 5)
            told = await it.until(lambda told: told["connections"] >= CONNECTIONS)
            print(early, told)
            assert told["failures"] == told["wrong"] == it.wrong == 0
            assert told["free"] > early["free"] - 500

    asyncio.run(live())


def test_a_modem_that_holds_cts_stops_nobody(image):
    async def live():
        async with link(image, 1, 1 << 30) as it:
            before = await it.until(lambda told: told["got"] > 20000)
            await it.do("modem", cts=False)
            await it.pause(5000)
            await it.do("modem", cts=True)
            told = await it.until(lambda told: told["sent"] > before["sent"] + 100000)
            print(told)
            assert told["late_ms"] < 250
            assert told["wrong"] == it.wrong == told["failures"] == 0

    asyncio.run(live())


def test_a_link_that_flaps_comes_back_each_time(image):
    async def live():
        async with link(image, 1000, 1 << 30) as it:
            await it.until(lambda told: told["got"] > 0)
            it.line.modem.faults.set("flap_s", 8)
            it.line.wake()
            begin = it.line.modem.calls
            loop = asyncio.get_running_loop()
            end = loop.time() + 600
            while it.line.modem.calls < begin + 1:
                assert loop.time() < end, await it.told()
                await asyncio.sleep(0.5)
            it.line.modem.faults.clear("flap_s")
            got = (await it.told())["got"]
            told = await it.until(lambda told: told["got"] > got + 20000)
            print(told)
            assert told["wrong"] == it.wrong == 0

    asyncio.run(live())
