# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Core: the power fails."""

from bench.cases.catalogue import case
from bench.cases.exempt import needs_backup_power, needs_no_backup_power
from bench.cases.expected import Expected, status, stop
from bench.cases.failed import Failed
from bench.cases.play import Play


def _told_after_boot(play: Play) -> list[Expected]:
    """Connectors other than the one under test."""
    return [status("Available", number) for number in (0, *play.claims.numbers) if number != play.connector]


@case(
    "Power failure during a transaction, backup power",
    exemption=needs_backup_power,
    stimuli=("power",),
)
async def tc_032_1(play: Play) -> None:
    await play.charging()
    await play.power(False)
    await play.expect(stop(play.transaction, reason="PowerLoss"), play.status("Finishing"))
    await play.power(True)
    await play.booted()
    await play.any_order(*_told_after_boot(play), play.status("Finishing", "Preparing"))


@case(
    "Power failure during a transaction, no backup power",
    exemption=needs_no_backup_power,
    stimuli=("power",),
)
async def tc_032_2(play: Play) -> None:
    await play.charging()
    await play.sleep(1)  # it has to write down what the CSMS answered
    await play.power_cycle()
    await play.booted(play.status("Available", "Unavailable"))
    stopped = stop(play.transaction, reason="PowerLoss")
    under_test = play.status("Preparing", "Finishing", "Charging", "SuspendedEV", "SuspendedEVSE")
    outstanding = _told_after_boot(play)
    told, ended = "", False
    # In whatever order; the transaction is either ended or goes on.
    while (
        message := await play.maybe(stopped, under_test, *outstanding, within_s=play.parameters.patience_s)
    ) is not None:
        if message.action == "StopTransaction":
            ended = True
        elif message.payload["connectorId"] == play.connector:
            told = message.payload["status"]
        else:
            outstanding = [each for each in outstanding if each.objection(message)]
    if outstanding or not told:
        raise Failed(str((outstanding or [under_test])[0]), "nothing more", "each connector tells its status")
    if not ended:
        await play.present(play.tag)
        await play.expect(*play.stopped_locally())
    elif told not in ("Preparing", "Finishing"):
        raise Failed(str(play.status("Preparing", "Finishing")), told, "the transaction has ended")


@case("Unavailable survives a power failure", stimuli=("power",))
async def tc_034(play: Play) -> None:
    unavailable = [status("Unavailable", number) for number in (0, *play.claims.numbers)]
    await play.ask("ChangeAvailability", "Accepted", connectorId=0, type="Inoperative")
    await play.any_order(*unavailable)
    await play.power_cycle()
    await play.booted()
    await play.any_order(*unavailable)
