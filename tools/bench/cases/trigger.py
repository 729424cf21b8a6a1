# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Remote Trigger: TriggerMessage."""

from typing import Any

from bench.cases.catalogue import case
from bench.cases.expected import Expected, heartbeat
from bench.cases.play import Play

TRIGGER = "RemoteTrigger"


async def trigger(play: Play, message: str, *statuses: str, **fields: Any) -> str:
    """TriggerMessage, answered by one of these statuses (none: Accepted). Returns it."""
    answered = await play.ask(
        "TriggerMessage", *(statuses or ("Accepted",)), requestedMessage=message, **fields
    )
    return answered.payload.get("status", "")


async def _idle(play: Play, message: str, *refusals: str) -> None:
    """What is told of a transfer when there is none."""
    if await trigger(play, message, "Accepted", *refusals) == "Accepted":
        await play.expect(Expected(message, {"status": "Idle"}))


@case("Trigger messages", TRIGGER)
async def tc_054(play: Play) -> None:
    here = {"connectorId": play.connector}
    play.watch("MeterValues")
    await trigger(play, "MeterValues", **here)
    await play.expect(Expected("MeterValues", here))
    play.watch("Heartbeat")
    await trigger(play, "Heartbeat")
    await play.expect(heartbeat())
    play.bear("Heartbeat")
    await trigger(play, "StatusNotification", **here)
    await play.expect(play.status("Available"))
    # Both belong to another profile; one that has it must know of diagnostics, says the catalogue.
    has_it = "FirmwareManagement" in play.claims.profiles
    await _idle(play, "DiagnosticsStatusNotification", *(() if has_it else ("NotImplemented",)))
    await _idle(play, "FirmwareStatusNotification", "NotImplemented")


@case("Trigger of a connector that is not there", TRIGGER)
async def tc_055(play: Play) -> None:
    play.watch("MeterValues")
    unknown = len(play.claims.connectors) + 1
    await trigger(play, "MeterValues", "Rejected", "CALLERROR", connectorId=unknown)
    await play.nothing(1)
