# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Our firmware under the cases: one simulated station, or all of boards/sim."""

import asyncio
import dataclasses
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from bench.cases import claims
from bench.cases.catalogue import Case
from bench.cases.parameters import Parameters
from bench.cases.run import Outcome, Run, play
from bench.charger import STATIONS, ChargerCrashed, SimulatedCharger, station_file
from bench.csms import Csms
from bench.drivers.pilotlight import Pilotlight

Tell = Callable[[Outcome], None]

# Of the profiles that a description names the firmware has these by now; it leaves out the others.
IMPLEMENTED = ("Core", "LocalAuthListManagement", "Reservation", "RemoteTrigger", "SmartCharging")
# A station with the security extension is played with as such: security profile 1.
_PASSWORD = b"Xk3-vR8p-Wn5t-Hd2q"
_SECURITY = "Security"


def station_names() -> list[str]:
    return sorted(path.stem for path in STATIONS.glob("*.json"))


def our_claims(station: str) -> claims.Claims:
    """What this station description says, without what the firmware does not have yet."""
    described = claims.read(station_file(station))
    profiles = tuple(name for name in described.profiles if name in IMPLEMENTED)
    return dataclasses.replace(described, profiles=profiles)


async def with_our_firmware(
    station: str, cases: list[Case], parameters: Parameters, tell: Tell, runs: list[Run]
) -> None:
    """`runs` gets one, which is filled in as it goes: what was played is there however this ends."""
    described = our_claims(station)
    run = Run(described, "pilotlight", datetime.now(UTC))
    runs.append(run)
    secured = _SECURITY in described.described.get("profiles", ())
    if secured:
        parameters = dataclasses.replace(parameters, password=_PASSWORD)
    settings = {"AuthorizationKey": _PASSWORD.hex()} if secured else {}
    try:
        async with Csms(strict=False) as csms:
            charger = SimulatedCharger(csms.url, station=station, set=settings)
            if secured:
                csms.passwords = {charger.id: _PASSWORD}
            async with charger:
                connected = await csms.connected(charger.id)
                driver = Pilotlight(charger)
                await play(cases, csms, connected, driver, described, parameters, tell, run)
    except ChargerCrashed:
        if not run.outcomes:
            raise
        # The case in which it crashed has failed, and said so.


async def with_every_station(
    cases: list[Case], parameters: Parameters, tell: Callable[[str, Outcome], None], runs: list[Run]
) -> None:
    """All at once: most of their time goes by with waiting."""
    names = station_names()
    playing = [
        with_our_firmware(name, cases, parameters, lambda outcome, name=name: tell(name, outcome), runs)
        for name in names
    ]
    found = await asyncio.gather(*playing, return_exceptions=True)
    errors = []
    for name, result in zip(names, found, strict=True):
        if isinstance(result, BaseException):
            print(f"{name}: {result}", file=sys.stderr)
            errors.append(result)
    if errors:
        raise errors[0]
