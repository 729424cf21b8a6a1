# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Core: a session begins and ends at the charge point."""

from bench.cases.catalogue import case, needs
from bench.cases.expected import OneOf, authorize, status, stop
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
