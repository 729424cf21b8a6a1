# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Core: UnlockConnector."""

from bench.cases.catalogue import case
from bench.cases.exempt import needs_a_lock, needs_no_lock
from bench.cases.expected import status, stop
from bench.cases.play import Play


@case("Unlock, no charging session, detachable cable", exemption=needs_a_lock)
async def tc_017_1(play: Play) -> None:
    await play.ask("UnlockConnector", "Unlocked", connectorId=play.connector)


@case("Unlock, no charging session, fixed cable", exemption=needs_no_lock)
async def tc_017_2(play: Play) -> None:
    await play.ask("UnlockConnector", "NotSupported", connectorId=play.connector)


@case("Unlock with a charging session, detachable cable", exemption=needs_a_lock)
async def tc_018_1(play: Play) -> None:
    await play.charging()
    await play.ask("UnlockConnector", "Unlocked", connectorId=play.connector)
    await play.expect(stop(play.transaction, reason="UnlockCommand"), status("Finishing", play.connector))
    await play.unplug()
    await play.expect(status("Available", play.connector))


@case("Unlock with a charging session, fixed cable", exemption=needs_no_lock)
async def tc_018_2(play: Play) -> None:
    await play.charging()
    await play.ask("UnlockConnector", "NotSupported", connectorId=play.connector)
    await play.nothing(1)


@case(
    "Unlock failure",
    exemption=needs_a_lock,
    stimuli=("lock_failure",),
)
async def tc_030(play: Play) -> None:
    await play.charging()
    await play.lock_failure()
    # When it shows, and what becomes of the session, the catalogue leaves open.
    play.tolerate(play.status("Faulted", "Finishing", "SuspendedEVSE", "Preparing"), stop(play.transaction))
    await play.ask("UnlockConnector", "UnlockFailed", connectorId=play.connector)


@case("Unlock an unknown connector")
async def tc_031(play: Play) -> None:
    await play.ask("UnlockConnector", "NotSupported", connectorId=len(play.claims.connectors) + 1)
