# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Core: a session begins and ends at the charge point."""

from bench.cases.catalogue import case
from bench.cases.exempt import needs, needs_a_socket
from bench.cases.expected import Expected, OneOf, authorize, status, stop
from bench.cases.play import Play


@case("Regular charging session, plug-in first")
async def tc_003(play: Play) -> None:
    await play.plug()
    await play.expect(status("Preparing", play.connector))
    await play.present(play.tag)
    await play.expect(authorize(play.tag))
    await play.started()


@case("Regular charging session, identification first")
async def tc_004_1(play: Play) -> None:
    await play.alone()
    await play.authorized()
    await play.plug()
    await play.started()


@case("Identification first, ConnectionTimeOut", exemption=needs("ConnectionTimeOut"))
async def tc_004_2(play: Play) -> None:
    timeout_s = play.parameters.connection_timeout_s
    await play.alone()
    await play.configure("ConnectionTimeOut", timeout_s)
    await play.present(play.tag)
    seen = await play.any_order(authorize(play.tag), status("Preparing", play.connector))
    await play.times_out(seen[-1], timeout_s)


@case("Stop with the tag that started; another one asks nobody and ends nothing")
async def tc_068(play: Play) -> None:
    await play.alone()
    await play.charging()
    await play.present(play.parameters.other_tag)
    await play.nothing(2)
    await play.present(play.tag)
    await play.expect(
        stop(play.transaction, idTag=play.tag, reason=OneOf("Local", None)),
        status("Finishing", play.connector),
    )


@case("Stop with a tag of the same parent")
async def tc_069(play: Play) -> None:
    relative = play.parameters.other_tag
    play.family("FLEET", play.tag, relative)
    await play.alone()
    await play.charging()
    await play.present(relative)
    await play.expect(authorize(relative))
    await play.expect(
        stop(play.transaction, idTag=relative, reason=OneOf("Local", None)),
        status("Finishing", play.connector),
    )


# What the standard wants to read in such a notification (4.9).
_LEFT = "EV side disconnected"


@case(
    "The cable leaves the car: the transaction ends, the socket unlocks",
    exemption=needs_a_socket,
    stimuli=("leave",),
)
async def tc_005_1(play: Play) -> None:
    await play.have("StopTransactionOnEVSideDisconnect", True)
    await play.have("UnlockConnectorOnEVSideDisconnect", True)
    await play.charging()
    await play.leave()
    # The cable is still in the socket, so the connector is not Available.
    await play.expect(stop(play.transaction, reason="EVDisconnected"), play.status("Finishing"))


@case("The cable leaves the car: the transaction ends, the socket stays locked", stimuli=("leave",))
async def tc_005_2(play: Play) -> None:
    await play.have("StopTransactionOnEVSideDisconnect", True)
    await play.have("UnlockConnectorOnEVSideDisconnect", False)
    await play.charging()
    await play.leave()
    await play.expect(stop(play.transaction, reason="EVDisconnected"), play.status("Finishing", "Available"))
    # A fixed cable that has left the car is free; on the way there it may be told to be Finishing.
    play.tolerate(play.status("Available"))
    await play.ask("UnlockConnector", "Unlocked", "NotSupported", connectorId=play.connector)


@case(
    "The cable leaves the car: the transaction goes on",
    exemption=needs("StopTransactionOnEVSideDisconnect"),
    stimuli=("leave",),
)
async def tc_005_3(play: Play) -> None:
    await play.have("StopTransactionOnEVSideDisconnect", False)
    await play.have("UnlockConnectorOnEVSideDisconnect", False)
    await play.charging()
    await play.leave()
    suspended = Expected(
        "StatusNotification", {**play.status("SuspendedEV", "SuspendedEVSE").fields, "info": _LEFT}
    )
    await play.expect(suspended)
    await play.maybe(suspended, within_s=1)
    await play.ask("RemoteStopTransaction", "Accepted", transactionId=play.transaction)
    over = "Finishing" if play.claims.has_socket else OneOf("Finishing", "Available")
    await play.expect(stop(play.transaction, reason="Remote"), status(over, play.connector))
    if not play.claims.has_socket:
        play.tolerate(play.status("Available"))
