# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Reservation: ReserveNow, CancelReservation, and who may charge where somebody has reserved.

What a charge point without it answers is in unsupported.py.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from bench.cases.catalogue import case
from bench.cases.exempt import needs
from bench.cases.expected import OneOf, authorize, status
from bench.cases.failed import Failed
from bench.cases.parameters import OTHER_RESERVATION, RESERVATION
from bench.cases.play import Play
from bench.messages import utc_text

RESERVE = "Reservation"
ZERO = "ReserveConnectorZeroSupported"
_HOUR_S = 3600
_PARENT = "FLEET"


async def ask_for(
    play: Play,
    *statuses: str,
    connector: int | None = None,
    tag: str | None = None,
    number: int = RESERVATION,
    seconds: float = _HOUR_S,
    **fields: Any,
) -> datetime:
    """ReserveNow, answered by one of these statuses. `connector`, `tag` None: those under test. Returns when
    the reservation ends.
    """
    ends = datetime.now(UTC) + timedelta(seconds=seconds)
    payload = {
        "connectorId": play.connector if connector is None else connector,
        "expiryDate": utc_text(ends),
        "idTag": tag or play.tag,
        "reservationId": number,
        **fields,
    }
    await play.ask("ReserveNow", *statuses, **payload)
    return ends


async def reserved(play: Play, **fields: Any) -> datetime:
    """Reserved: the reservation is accepted, and the connector under test says so. As `ask_for`."""
    ends = await ask_for(play, "Accepted", **fields)
    await play.expect(play.status("Reserved"))
    return ends


async def plugged_in(play: Play) -> None:
    """A cable alone is nobody: the connector stays Reserved (OCPP 1.6, 4.9)."""
    await play.plug()
    await play.nothing(play.parameters.settle_s)


async def taken_up_remotely(play: Play, tag: str | None = None, number: int = RESERVATION) -> None:
    """The cable is in; this tag is meant by the reservation."""
    questions = await play.asked_remotely(tag)
    await play.start_remotely(tag)
    await play.any_order(*questions, play.status("Preparing"))
    await play.started(tag, reservationId=number)


async def taken_up(play: Play, tag: str | None = None, number: int = RESERVATION) -> None:
    """This tag is meant by the reservation. Whether the CSMS is asked about it is left open."""
    tag = tag or play.tag
    play.tolerate(authorize(tag))
    await play.present(tag)
    await play.expect(play.status("Preparing"))
    await play.plug()
    await play.started(tag, reservationId=number)


async def _charges(play: Play, tag: str) -> None:
    """A session of no reservation."""
    await play.charging(tag, reservationId=OneOf(None))


@case("Local start at a reserved connector", RESERVE)
async def tc_046_1(play: Play) -> None:
    await play.alone()
    await reserved(play)
    # It can mean nobody, so nobody is asked about it (the catalogue says so since 2025).
    await play.present(play.parameters.other_tag)
    await play.nothing()
    await taken_up(play)


@case("Remote start at a reserved connector", RESERVE)
async def tc_046_2(play: Play) -> None:
    await reserved(play)
    await plugged_in(play)
    await taken_up_remotely(play)


@case("A reservation expires", RESERVE)
async def tc_047(play: Play) -> None:
    seconds = play.parameters.reserved_s
    ends = await reserved(play, seconds=seconds)
    (free,) = await play.expect(play.status("Available"), within_s=seconds + play.parameters.patience_s)
    off_s = (free.at - ends).total_seconds()
    if abs(off_s) > play.parameters.deviation_s:
        raise Failed(f"Available at {ends:%H:%M:%S}", str(free), f"the expiryDate is {off_s:+.1f} s off")
    await _charges(play, play.parameters.other_tag)


@case("Reservation of a faulted connector", RESERVE, stimuli=("fault",))
async def tc_048_1(play: Play) -> None:
    # A fault of the whole charge point is one of each connector.
    others = [number for number in (0, *play.claims.numbers) if number != play.connector]
    play.tolerate(*(status("Faulted", number) for number in others))
    await play.fault()
    await play.expect(play.status("Faulted"))
    await ask_for(play, "Faulted")
    await play.nothing(1)


@case("Reservation of an occupied connector", RESERVE)
async def tc_048_2(play: Play) -> None:
    await play.plugged_in()
    await ask_for(play, "Occupied")
    await play.nothing(1)


@case("Reservation of an unavailable connector", RESERVE)
async def tc_048_3(play: Play) -> None:
    await play.ask("ChangeAvailability", "Accepted", connectorId=play.connector, type="Inoperative")
    await play.expect(play.status("Unavailable"))
    await ask_for(play, "Unavailable")
    await play.nothing(1)


@case("Reservation of the charge point", RESERVE)
async def tc_049(play: Play) -> None:
    """Connector 0 has no state Reserved; the one connector that is left for it has."""
    await play.have(ZERO, True)
    await play.alone()
    await reserved(play, connector=0)
    await plugged_in(play)
    await taken_up_remotely(play)


@case("Reservation of the charge point, all of it faulted", RESERVE, stimuli=("fault",))
async def tc_050_1(play: Play) -> None:
    await play.have(ZERO, True)
    faulted = [status("Faulted", number) for number in play.claims.numbers]
    play.tolerate(status("Faulted", 0))
    for number in play.claims.numbers:
        await play.fault(connector=number)
    await play.any_order(*faulted)
    play.tolerate(*faulted)  # once more: the fault of another connector may be one of all
    await ask_for(play, "Faulted", connector=0)
    await play.nothing(1)


@case("Reservation of the charge point, all of it occupied", RESERVE)
async def tc_050_2(play: Play) -> None:
    await play.have(ZERO, True)
    for number in play.claims.numbers:
        await play.plug(number)
        await play.expect(status("Preparing", number))
    await ask_for(play, "Occupied", connector=0)
    await play.nothing(1)


@case("Reservation of the charge point, all of it unavailable", RESERVE)
async def tc_050_3(play: Play) -> None:
    await play.have(ZERO, True)
    await play.ask("ChangeAvailability", "Accepted", connectorId=0, type="Inoperative")
    await play.any_order(*(status("Unavailable", number) for number in (0, *play.claims.numbers)))
    await ask_for(play, "Unavailable", connector=0)
    await play.nothing(1)


@case("Cancel a reservation", RESERVE)
async def tc_051(play: Play) -> None:
    await reserved(play)
    await play.ask("CancelReservation", "Accepted", reservationId=RESERVATION)
    await play.expect(play.status("Available"))
    await _charges(play, play.parameters.other_tag)


@case("Cancel a reservation that is not there", RESERVE)
async def tc_052(play: Play) -> None:
    await reserved(play)
    await play.ask("CancelReservation", "Rejected", reservationId=OTHER_RESERVATION)
    await play.nothing(1)


def _of_a_family(play: Play) -> str:
    """Another tag of the same parent."""
    relative = play.parameters.other_tag
    play.family(_PARENT, play.tag, relative)
    return relative


@case("Reservation for a parent, local start", RESERVE, aliases=("TC_053",))
async def tc_053_1(play: Play) -> None:
    relative = _of_a_family(play)
    await play.alone()
    await reserved(play, parentIdTag=_PARENT)
    await play.present(relative)
    await play.any_order(authorize(relative), play.status("Preparing"))
    await play.plug()
    await play.started(relative, reservationId=RESERVATION)


@case(
    "Reservation for a parent, remote start",
    RESERVE,
    aliases=("TC_053",),
    exemption=needs("AuthorizeRemoteTxRequests"),
)
async def tc_053_2(play: Play) -> None:
    # Only the answer to Authorize says who its parent is.
    await play.have("AuthorizeRemoteTxRequests", True)
    relative = _of_a_family(play)
    await reserved(play, parentIdTag=_PARENT)
    await plugged_in(play)
    await taken_up_remotely(play, relative)
