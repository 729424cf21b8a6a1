# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Core: Reset."""

from bench.cases.catalogue import case
from bench.cases.expected import Expected, OneOf, boot, status, stop
from bench.cases.play import Play


def _burst(play: Play, *statuses: str) -> list[Expected]:
    """Each connector tells its status: the one under test one of these, the others Available."""
    under_test = OneOf(*statuses)
    numbers = (0, *play.claims.numbers)
    return [status(under_test if number == play.connector else "Available", number) for number in numbers]


async def _may_boot(play: Play, *burst: Expected) -> None:
    """After a soft reset both are the charge point's affair: whether it boots, and what it tells then."""
    play.tolerate(*burst)
    await play.maybe(boot(), within_s=play.parameters.restart_s)
    while await play.maybe(*burst, within_s=1):
        pass


async def _without_a_transaction(play: Play, kind: str) -> None:
    await play.ask("ChangeAvailability", "Accepted", connectorId=play.connector, type="Inoperative")
    await play.expect(status("Unavailable", play.connector))
    await play.ask("Reset", "Accepted", type=kind)
    if kind == "Hard":
        await play.expect(boot(), within_s=play.parameters.restart_s)
        await play.any_order(*_burst(play, "Unavailable"))
    else:
        await _may_boot(play, *_burst(play, "Unavailable"))
    await play.ask("ChangeAvailability", "Accepted", connectorId=play.connector, type="Operative")
    await play.expect(status("Available", play.connector))


async def _with_a_transaction(play: Play, kind: str) -> None:
    await play.charging()
    stopped = stop(play.transaction, reason=f"{kind}Reset")
    finishing = status("Finishing", play.connector)
    await play.ask("Reset", "Accepted", type=kind)
    if kind == "Soft":
        await play.expect(stopped, finishing)
        await _may_boot(play, *_burst(play, "Finishing", "Preparing"))
        return
    restart_s = play.parameters.restart_s
    owed = [stopped]
    last = await play.either(stopped, finishing, boot(), within_s=restart_s)
    if last.action == finishing.action:
        last = await play.either(stopped, boot(), within_s=restart_s)
    elif last.action == stopped.action:
        # Before the reboot, then Finishing is to be told as well.
        await play.expect(finishing)
    if last.action == stopped.action:
        owed = []
        await play.expect(boot(), within_s=restart_s)
    await play.any_order(*_burst(play, "Finishing", "Preparing"), *owed)


@case("Hard reset without a transaction")
async def tc_013(play: Play) -> None:
    await _without_a_transaction(play, "Hard")


@case("Soft reset without a transaction")
async def tc_014(play: Play) -> None:
    await _without_a_transaction(play, "Soft")


@case("Hard reset with a transaction")
async def tc_015(play: Play) -> None:
    await _with_a_transaction(play, "Hard")


@case("Soft reset with a transaction")
async def tc_016(play: Play) -> None:
    await _with_a_transaction(play, "Soft")
