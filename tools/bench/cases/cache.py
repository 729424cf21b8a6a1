# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Core: the authorization cache."""

from bench.cases.catalogue import case
from bench.cases.exempt import needs, needs_a_cache, unless
from bench.cases.expected import authorize
from bench.cases.play import Play


async def _cached(play: Play) -> None:
    await play.alone()
    await play.have("LocalPreAuthorize", True)
    await play.cached()


async def _cleared(play: Play) -> None:
    await play.ask("ClearCache", "Accepted")


@case("Regular charging session, cached tag", aliases=("TC_007",), exemption=needs_a_cache)
async def tc_007_1(play: Play) -> None:
    await _cached(play)
    await play.present(play.tag)
    await play.expect(play.status("Preparing"))
    await play.plug()
    await play.started()


@case("Remote start, cached tag", aliases=("TC_007",), exemption=needs_a_cache)
async def tc_007_2(play: Play) -> None:
    await _cached(play)
    await play.have("AuthorizeRemoteTxRequests", True)
    await play.plugged_in()
    await play.start_remotely()
    await play.started()


@case(
    "Clear cache, then a tag",
    aliases=("TC_061",),
    exemption=unless(needs_a_cache, needs("ConnectionTimeOut")),
)
async def tc_061_1(play: Play) -> None:
    timeout_s = play.parameters.connection_timeout_s
    await play.alone()
    await play.have("AuthorizationCacheEnabled", True)
    await play.have("LocalPreAuthorize", True)
    await play.configure("ConnectionTimeOut", timeout_s)
    for _ in range(2):
        await play.authorized()
        await play.expect(play.status("Available"), within_s=timeout_s + play.parameters.patience_s)
        await _cleared(play)
    await play.authorized()


@case("Clear cache, then a remote start", aliases=("TC_061",), exemption=needs_a_cache)
async def tc_061_2(play: Play) -> None:
    await _cached(play)
    await play.have("AuthorizeRemoteTxRequests", True)
    await _cleared(play)
    await play.plugged_in()
    await play.start_remotely()
    await play.expect(authorize(play.tag))
    await play.started()
