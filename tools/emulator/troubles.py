# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What befalls the real image while a car charges, and what is to become of the session: `TROUBLES`, played
by `emulator.soak`.

LINK      the charger is off its CSMS and comes back; the car charges on
NOTHING   nobody notices; the car charges on
PAUSE     the car is without energy for a while, the transaction goes on
ENDS      the transaction ends, with one of `reasons`
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from emulator.rig import Rig

LINK, NOTHING, PAUSE, ENDS = "link", "nothing", "pause", "ends"


@dataclass(frozen=True)
class Trouble:
    """restarts: how often the controller does."""

    name: str
    outcome: str
    play: Callable[[Rig, Random], Awaitable[None]]
    reasons: tuple[str, ...] = ()
    restarts: int = 0


TROUBLES: list[Trouble] = []


def restarts(state: dict) -> int:
    """How often the firmware has begun anew so far."""
    return state["resets"] + state["power_cuts"]


def _trouble(outcome: str, *reasons: str, restarts: int = 0):
    def entered(play):
        name = play.__name__.removeprefix("_").replace("_", " ")
        TROUBLES.append(Trouble(name, outcome, play, reasons, restarts))
        return play

    return entered


def _modem(rig: Rig, name: str, value: object = True) -> None:
    rig.line.modem.faults.set(name, value)
    rig.line.wake()


def _well_again(rig: Rig, name: str) -> None:
    rig.line.modem.faults.clear(name)
    rig.line.wake()


# --- the link ---


@_trouble(LINK)
async def _call_dropped(rig: Rig, chance: Random) -> None:
    assert rig.line.modem.drop(rig.line.now, chance.random() < 0.5)
    rig.line.wake()


@_trouble(LINK)
async def _modem_hangs(rig: Rig, chance: Random) -> None:
    """Until its supply was off: the last resort."""
    _modem(rig, "hang")
    supply = (await rig.state())["modem"]["supply"]
    assert supply
    await rig.until(lambda state: not state["modem"]["supply"], 300)
    _well_again(rig, "hang")


@_trouble(LINK)
async def _link_half_dead(rig: Rig, chance: Random) -> None:
    calls = rig.line.modem.calls
    _modem(rig, "half_dead")
    await rig.until(lambda _: rig.line.modem.calls > calls, 300)
    _well_again(rig, "half_dead")


@_trouble(LINK)
async def _no_network_for_a_while(rig: Rig, chance: Random) -> None:
    _modem(rig, "refuse_registration")
    _modem(rig, "refuse_call")
    rig.line.modem.drop(rig.line.now)
    rig.line.wake()
    await rig.pause(1000 * chance.randrange(5, 40))
    _well_again(rig, "refuse_registration")
    _well_again(rig, "refuse_call")


@_trouble(LINK)
async def _no_names_for_a_while(rig: Rig, chance: Random) -> None:
    _modem(rig, "dns", chance.choice(["nxdomain", "servfail", "silent"]))
    rig.station.cut()
    await rig.pause(1000 * chance.randrange(5, 30))
    _well_again(rig, "dns")


@_trouble(LINK)
async def _connection_reset(rig: Rig, chance: Random) -> None:
    rig.station.cut()


@_trouble(LINK)
async def _connection_closed(rig: Rig, chance: Random) -> None:
    await rig.station.close(1001)


@_trouble(NOTHING)
async def _packets_lost(rig: Rig, chance: Random) -> None:
    _modem(rig, "loss", 0.15)
    _modem(rig, "jitter_ms", 300)
    await rig.pause(15000)
    _well_again(rig, "loss")
    _well_again(rig, "jitter_ms")


# --- the car and what is in its way ---


@_trouble(PAUSE)
async def _car_pauses(rig: Rig, chance: Random) -> None:
    await rig.do("s2", closed=False)
    await rig.expect("StatusNotification", connectorId=1, status="SuspendedEV")
    await rig.pause(chance.randrange(200, 4000))
    await rig.do("s2")
    await rig.expect("StatusNotification", connectorId=1, status="Charging")


@_trouble(PAUSE)
async def _car_pauses_beside_a_flash_erase(rig: Rig, chance: Random) -> None:
    """S2 opens in the middle of an erase that a change of the configuration brings with it."""
    after_us = chance.randrange(45000)
    await rig.do("at", on="erase", value=1, after_us=after_us, then={"do": "s2", "closed": False})
    for number in range(40):
        await rig.station.call("ChangeConfiguration", {"key": "ConnectionTimeOut", "value": str(60 + number)})
        if not (await rig.state())["car"]["s2"]:
            break
    await rig.expect("StatusNotification", connectorId=1, status="SuspendedEV")
    await rig.do("s2")
    await rig.expect("StatusNotification", connectorId=1, status="Charging")


@_trouble(NOTHING)
async def _pilot_drops_out(rig: Rig, chance: Random) -> None:
    """For less than what is believed, by the emulated clock: of two requests the second may come late."""
    ms = chance.choice([1, 3, 5])
    out = await rig.do("at", after_us=1000000, then={"do": "pilot", "high_mv": 9000, "low_mv": -12000})
    await rig.do("at", ns=out["ns"] + ms * 1000000, then={"do": "pilot"})
    await rig.pause(2000)


@_trouble(NOTHING)
async def _meter_silent(rig: Rig, chance: Random) -> None:
    """For less than three rounds."""
    await rig.do("meter", fail=True)
    await rig.pause(1200)
    await rig.do("meter", fail=False)
    await rig.pause(2000)


@_trouble(ENDS, "EmergencyStop")
async def _emergency_stop(rig: Rig, chance: Random) -> None:
    await rig.do("emergency", pressed=True)
    await rig.until(lambda state: not state["contactor"]["closed"])
    await rig.pause(500)
    await rig.do("emergency", pressed=False)


@_trouble(ENDS, "EVDisconnected")
async def _torn_out(rig: Rig, chance: Random) -> None:
    await rig.do("unplug")


# --- power and processor ---


@_trouble(ENDS, "PowerLoss", restarts=1)
async def _power_cut(rig: Rig, chance: Random) -> None:
    await rig.do("power_cut", back_ms=chance.randrange(100, 3000))


@_trouble(ENDS, "PowerLoss", restarts=1)
async def _power_cut_while_flash_is_written(rig: Rig, chance: Random) -> None:
    on = chance.choice(["erase", "program"])
    after_us = chance.randrange(45000 if on == "erase" else 400)
    before = restarts(await rig.state())
    await rig.do("at", on=on, value=1, after_us=after_us, then={"do": "power_cut", "back_ms": 500})
    for number in range(40):
        await rig.station.send_call(
            "ChangeConfiguration", {"key": "ConnectionTimeOut", "value": str(60 + number)}
        )
        await asyncio.sleep(0.3)
        if restarts(await rig.state()) > before:
            return
    raise AssertionError("nothing was written to flash")


@_trouble(ENDS, "Reboot", restarts=1)
async def _processor_hangs(rig: Rig, chance: Random) -> None:
    await rig.do("fault", name="cpu_hangs")


@_trouble(ENDS, "PowerLoss", "Reboot", restarts=1)
async def _run_button(rig: Rig, chance: Random) -> None:
    await rig.do("reset")


@_trouble(ENDS, "SoftReset", restarts=1)
async def _soft_reset(rig: Rig, chance: Random) -> None:
    await rig.station.call("Reset", {"type": "Soft"})
