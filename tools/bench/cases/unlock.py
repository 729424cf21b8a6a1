# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Core: UnlockConnector."""

from bench.cases.catalogue import case
from bench.cases.claims import Claims
from bench.cases.expected import status, stop
from bench.cases.play import Play


def _needs_a_socket(claims: Claims) -> str | None:
    return None if claims.connectors[0].get("cable") == "socket" else "the cable is fixed"


def _needs_a_fixed_cable(claims: Claims) -> str | None:
    return "the cable can be detached" if claims.connectors[0].get("cable") == "socket" else None


@case("Unlock, no charging session, detachable cable", exemption=_needs_a_socket)
async def tc_017_1(play: Play) -> None:
    await play.ask("UnlockConnector", "Unlocked", connectorId=play.connector)


@case("Unlock, no charging session, fixed cable", exemption=_needs_a_fixed_cable)
async def tc_017_2(play: Play) -> None:
    await play.ask("UnlockConnector", "NotSupported", connectorId=play.connector)


@case("Unlock with a charging session, detachable cable", exemption=_needs_a_socket)
async def tc_018_1(play: Play) -> None:
    await play.charging()
    await play.ask("UnlockConnector", "Unlocked", connectorId=play.connector)
    await play.expect(stop(play.transaction, reason="UnlockCommand"), status("Finishing", play.connector))
    await play.unplug()
    await play.expect(status("Available", play.connector))


@case("Unlock with a charging session, fixed cable", exemption=_needs_a_fixed_cable)
async def tc_018_2(play: Play) -> None:
    await play.charging()
    await play.ask("UnlockConnector", "NotSupported", connectorId=play.connector)
    await play.nothing(1)


@case("Unlock an unknown connector")
async def tc_031(play: Play) -> None:
    await play.ask("UnlockConnector", "NotSupported", connectorId=len(play.claims.connectors) + 1)
