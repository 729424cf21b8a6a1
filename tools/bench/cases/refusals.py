# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Core: the CSMS refuses a tag."""

from bench.cases.catalogue import case
from bench.cases.expected import authorize
from bench.cases.play import Play

_STATUS_DURATION_S = 2  # a status that lasts shorter is not told


@case("Start of a session, invalid tag", aliases=("TC_023", "TC_023_1"))
async def tc_023_4(play: Play) -> None:
    tag = play.parameters.invalid_tag
    await play.alone()
    await play.prefer("MinimumStatusDuration", _STATUS_DURATION_S)
    await play.have("LocalPreAuthorize", True)
    await play.present(tag)
    await play.expect(authorize(tag))
    await play.plug()
    await play.expect(play.status("Preparing"), within_s=_STATUS_DURATION_S + play.parameters.patience_s)
    await play.nothing()


@case("Remote start, invalid tag", aliases=("TC_023",))
async def tc_023_5(play: Play) -> None:
    tag = play.parameters.invalid_tag
    await play.have("AuthorizeRemoteTxRequests", True)
    await play.plugged_in()
    await play.ask("RemoteStartTransaction", "Accepted", connectorId=play.connector, idTag=tag)
    await play.expect(authorize(tag))
    await play.nothing()
