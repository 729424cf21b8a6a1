# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Not in the catalogue, needed in the field: reservations that are disturbed."""

from bench.cases.catalogue import case
from bench.cases.exempt import needs_two_connectors
from bench.cases.expected import OneOf, authorize, start, status
from bench.cases.parameters import OTHER_RESERVATION, RESERVATION
from bench.cases.play import Play
from bench.cases.reservation import (
    RESERVE,
    ZERO,
    ask_for,
    plugged_in,
    reserved,
    taken_up,
    taken_up_remotely,
)


async def _tries_remotely(play: Play, tag: str, connector: int) -> None:
    """It may be refused, or accepted and come to nothing: the answer says only that it will be tried."""
    play.tolerate(authorize(tag))
    fields = {"connectorId": connector, "idTag": tag}
    await play.ask("RemoteStartTransaction", "Accepted", "Rejected", **fields)
    await play.nothing()


@case("A reservation survives a power failure, or a reset", RESERVE)
async def field_reserve_1(play: Play) -> None:
    others = [status("Available", number) for number in (0, *play.claims.numbers) if number != play.connector]
    await reserved(play)
    await play.restart()
    await play.booted()
    await play.any_order(*others, play.status("Reserved"))
    await plugged_in(play)
    await taken_up_remotely(play)


@case("Remote start with another tag at a reserved connector", RESERVE)
async def field_reserve_2(play: Play) -> None:
    await reserved(play)
    await plugged_in(play)
    await _tries_remotely(play, play.parameters.other_tag, play.connector)
    await taken_up_remotely(play)


@case("A reservation is replaced by one of the same id", RESERVE)
async def field_reserve_3(play: Play) -> None:
    """OCPP 1.6, 5.13: by another tag, at the same connector."""
    await play.alone()
    await reserved(play)
    play.tolerate(play.status("Reserved"))
    await ask_for(play, "Accepted", tag=play.parameters.other_tag)
    await play.present(play.tag)
    await play.nothing()
    await taken_up(play, play.parameters.other_tag)


def _other(play: Play) -> int:
    return next(number for number in play.claims.numbers if number != play.connector)


@case(
    "A reservation is replaced by one of another connector",
    RESERVE,
    exemption=needs_two_connectors,
)
async def field_reserve_4(play: Play) -> None:
    """OCPP 1.6, 5.13: of the same id, and the first connector is free again."""
    await reserved(play)
    other = _other(play)
    await ask_for(play, "Accepted", connector=other)
    await play.any_order(play.status("Available"), status("Reserved", other))
    await play.charging(play.parameters.other_tag, reservationId=OneOf(None))


@case("Reservation of a connector that is reserved", RESERVE)
async def field_reserve_5(play: Play) -> None:
    """Occupied, whoever asks: the first reservation stays."""
    await reserved(play)
    fields = {"tag": play.parameters.other_tag, "number": OTHER_RESERVATION}
    await ask_for(play, "Occupied", **fields)
    await play.nothing(1)
    await plugged_in(play)
    await taken_up_remotely(play)


@case("The last free connector is kept for a reservation", RESERVE, exemption=needs_two_connectors)
async def field_reserve_6(play: Play) -> None:
    """OCPP 1.6, 5.13: of connector 0. Others may charge as long as one connector is left for it."""
    await play.have(ZERO, True)
    last, stranger = _other(play), play.parameters.other_tag
    for number in play.claims.numbers:
        if number not in (play.connector, last):
            await play.ask("ChangeAvailability", "Accepted", connectorId=number, type="Inoperative")
            await play.expect(status("Unavailable", number))
    await ask_for(play, "Accepted", connector=0)
    # When the last one says that it is kept is left open, and so whether a cable changes that.
    play.tolerate(status(OneOf("Reserved", "Preparing"), last))
    await play.charging(stranger, reservationId=OneOf(None))
    await play.plug(last)
    await play.sleep(play.parameters.settle_s)
    await _tries_remotely(play, stranger, last)
    questions = await play.asked_remotely()
    await play.ask("RemoteStartTransaction", "Accepted", connectorId=last, idTag=play.tag)
    await play.expect(*questions)
    begun = start(play.tag, last, reservationId=RESERVATION)
    play.began(await play.expect(begun, status("Charging", last)))
