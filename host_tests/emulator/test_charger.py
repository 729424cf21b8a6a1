# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The real RP2040 image from plug to bill: over LTE, PPP and TCP, over TLS, through a power cut and through a
controller that hangs."""

import asyncio
import ssl

import pytest

from bench.certificates import Authority
from emulator.rig import HOST, TAG, Rig, charger

pytestmark = pytest.mark.timeout(900)

# The register that enables the PWM slices: without them the pilot stands still, and with it the interrupt
# that is paced by it.
PWM_ENABLE = 0x400500A0
DEAD_MAN_MS = 100


def whole_wh(state: dict) -> int:
    return int(state["meter"]["wh"])


async def falls(rig: Rig, reset: str, what: str, **fields) -> None:
    """This happens to the charger: the coil falls within the dead man's time, and the controller restarts."""
    await rig.do("log", keep=["gp10"])
    resets = (await rig.state())["resets"]
    begin = (await rig.state())["ns"]
    await rig.do(what, **fields)
    state = await rig.until(lambda state: state["resets"] > resets)
    assert state["reset_reason"] == reset
    fell = next(ns for ns, _, value in (await rig.do("log"))["log"] if not value)
    assert (fell - begin) / 1e6 < DEAD_MAN_MS


async def stop_by_tag(rig: Rig) -> dict:
    """Stop the transaction that runs with its tag; the state of the board after that."""
    await rig.pause(3000)  # a card that is back within a second has not been presented again
    await rig.do("tag", id=TAG)
    stopped = await rig.expect("StopTransaction", reason="Local")
    state = await rig.until(lambda state: not state["contactor"]["closed"])
    assert stopped.payload["meterStop"] == whole_wh(state)
    return state


def test_sessions_with_a_power_cut_a_controller_that_hangs_and_a_pilot_that_stands_still(image):
    async def live():
        async with charger(image) as rig:
            await rig.start()
            first = await rig.charge()
            assert first.payload["meterStart"] == 0
            await rig.until(lambda state: state["meter"]["wh"] > 5)

            # The power goes: nobody tells the firmware, the coil falls with the pins.
            await rig.do("power_cut", back_ms=800)
            await rig.until(lambda state: not state["contactor"]["closed"])
            cut = whole_wh(await rig.state())
            await rig.again(2)
            stopped = await rig.expect("StopTransaction", reason="PowerLoss")
            # Samples are kept every few seconds; nothing is billed that did not flow.
            assert 0 < stopped.payload["meterStop"] <= cut
            assert cut - stopped.payload["meterStop"] <= 1
            await rig.do("unplug")
            await rig.expect("StatusNotification", connectorId=1, status="Available")

            second = await rig.charge()
            assert second.payload["meterStart"] == cut
            # The controller hangs, interrupts off: the contactor falls by the dead man's switch, and the
            # watchdog restarts it.
            await falls(rig, "watchdog", "fault", name="cpu_hangs")
            await rig.again(3)
            await rig.expect("StopTransaction", reason="Reboot")
            await rig.do("unplug")
            await rig.expect("StatusNotification", connectorId=1, status="Available")

            # The pilot's oscillator stops, and with it the guard's interrupt: the main loop restarts at once.
            await rig.charge()
            rig.crashes = ["the guard's interrupt has stopped"]
            await falls(rig, "reset", "poke", address=PWM_ENABLE, value=0)
            await rig.again(4)
            await rig.expect("StopTransaction", reason="Reboot")
            await rig.do("unplug")
            await rig.expect("StatusNotification", connectorId=1, status="Available")

            await rig.charge()
            await stop_by_tag(rig)
            await rig.do("unplug")
            await rig.expect("StatusNotification", connectorId=1, status="Available")
            state = await rig.state()
            assert not state["lock"]["locked"]
            billed = sum(one.energy_wh or 0 for one in rig.csms.books.transactions.values())
            assert len(rig.csms.books.transactions) == 4
            assert whole_wh(state) - 3 <= billed <= whole_wh(state)

    asyncio.run(live())


def test_over_tls_with_a_certificate_that_is_verified(image):
    async def live():
        authority = Authority("ec")
        context = authority.server(HOST).context(highest=ssl.TLSVersion.TLSv1_2)
        async with charger(image, context, authority.der) as rig:
            await rig.start()
            await rig.charge()
            state = await stop_by_tag(rig)
            assert state["contactor"]["opened_under_load_ma"] == 0  # the car was asked first

    asyncio.run(live())


def test_a_csms_whose_certificate_is_not_for_its_name_is_not_talked_to(image):
    async def live():
        authority = Authority("ec")
        context = authority.server("other.test").context(highest=ssl.TLSVersion.TLSv1_2)
        async with charger(image, context, authority.der) as rig:
            await rig.install()
            await rig.do("reset")
            for _ in range(300):
                said = await rig.console()
                if "certificate" in said.lower():
                    break
                await asyncio.sleep(0.2)
            else:
                raise AssertionError(said)
            assert not rig.csms.stations

    asyncio.run(live())


def test_mpremote_takes_the_board_over_with_the_contactor_open(image):
    async def live():
        async with charger(image) as rig:
            await rig.start()
            await rig.charge()
            said = await asyncio.to_thread(rig.board.mpremote, "fs", "ls")
            assert "installation.json" in said
            state = await rig.state()
            assert not state["contactor"]["closed"] and state["reset_reason"] == "power-up"
            # Nobody feeds the watchdog now: it must not bite.
            await asyncio.to_thread(rig.board.mpremote, "exec", "import time; time.sleep(12)")
            assert (await rig.state())["reset_reason"] == "power-up"
            await asyncio.to_thread(rig.board.mpremote, "reset")
            await rig.again(2)

    asyncio.run(live())
