# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Core: a session begins or ends by the CSMS."""

from bench.cases.catalogue import case
from bench.cases.exempt import needs
from bench.cases.expected import status, stop
from bench.cases.play import Play


@case("Remote start, cable plugged in first")
async def tc_010(play: Play) -> None:
    await play.charging()


@case("Remote start, remote start first")
async def tc_011_1(play: Play) -> None:
    await play.remotely_authorized()
    await play.plug()
    await play.started()


@case("Remote start, ConnectionTimeOut", exemption=needs("ConnectionTimeOut"))
async def tc_011_2(play: Play) -> None:
    timeout_s = play.parameters.connection_timeout_s
    await play.configure("ConnectionTimeOut", timeout_s)
    seen = await play.remotely_authorized()
    await play.times_out(seen[-1], timeout_s)


@case("Remote stop")
async def tc_012(play: Play) -> None:
    await play.charging()
    await play.ask("RemoteStopTransaction", "Accepted", transactionId=play.transaction)
    await play.expect(stop(play.transaction, reason="Remote"), status("Finishing", play.connector))


@case("Remote start rejected")
async def tc_026(play: Play) -> None:
    await play.have("LocalPreAuthorize", False)
    await play.charging()
    await play.ask("RemoteStartTransaction", "Rejected", connectorId=play.connector, idTag=play.tag)
    await play.nothing(1)


@case("Remote start of connector 0")
async def tc_027(play: Play) -> None:
    await play.ask("RemoteStartTransaction", "Rejected", "CALLERROR", connectorId=0, idTag=play.tag)
    await play.nothing(1)


@case("Remote stop rejected")
async def tc_028(play: Play) -> None:
    await play.charging()
    await play.ask("RemoteStopTransaction", "Rejected", transactionId=play.transaction + 1)
    await play.nothing(1)
