# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Not in the catalogue, needed in the field: booting with a CSMS that is not ready.

OCPP 1.6, 4.2: before the acceptance nothing goes out but BootNotification.
"""

from bench.cases.arrivals import BORNE
from bench.cases.catalogue import case
from bench.cases.expected import authorize, boot, start, status
from bench.cases.play import Play
from bench.scripts import Answer, call_error, silence
from bench.scripts import boot as boot_conf


async def _boots_in_spite_of(play: Play, answer: Answer) -> None:
    await play.prefer("MessageTimeout", 5)
    play.answer("BootNotification", answer)
    await play.restart()
    await play.unanswered(boot(), within_s=play.parameters.power_up_s)
    await play.expect(boot(), within_s=play.parameters.own_retry_s)
    await play.any_order(*(status("Available", number) for number in (0, *play.claims.numbers)))


@case("BootNotification is answered by a CALLERROR")
async def field_boot_1(play: Play) -> None:
    await _boots_in_spite_of(play, call_error("InternalError"))


@case("BootNotification is not answered")
async def field_boot_2(play: Play) -> None:
    await _boots_in_spite_of(play, silence())


async def pending(play: Play, intervals: int = 2) -> float:
    """It boots and is to wait; seconds until it asks again."""
    retry_s = intervals * play.parameters.retry_s
    play.answer("BootNotification", boot_conf("Pending", retry_s))
    play.watch(*BORNE)
    await play.restart()
    await play.expect(boot(), within_s=play.parameters.power_up_s)
    return retry_s


async def _accepted(play: Play, retry_s: float) -> None:
    await play.expect(boot(), within_s=retry_s + play.parameters.patience_s)
    play.bear(*BORNE)


@case("Remote start and stop while Pending")
async def field_boot_3(play: Play) -> None:
    retry_s = await pending(play)
    fields = {"connectorId": play.connector, "idTag": play.tag}
    await play.ask("RemoteStartTransaction", "Rejected", **fields)
    await play.ask("RemoteStopTransaction", "Rejected", transactionId=1)
    await _accepted(play, retry_s)
    await play.any_order(*(status("Available", number) for number in (0, *play.claims.numbers)))


@case("Nothing is told while Pending, whatever the driver does")
async def field_boot_4(play: Play) -> None:
    retry_s = await pending(play)
    await play.plug()
    await play.present(play.tag)
    await _accepted(play, retry_s)
    # By now it tells of the car; whether the tag still counts is its affair.
    play.tolerate(authorize(play.tag), start(play.tag, play.connector), play.status("Charging"))
    others = [status("Available", number) for number in (0, *play.claims.numbers) if number != play.connector]
    await play.any_order(*others, play.status("Preparing", "Charging"))
