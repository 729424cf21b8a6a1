# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Not in the catalogue, needed in the field: booting with a CSMS that is not ready.

OCPP 1.6, 4.2: before the acceptance nothing goes out but BootNotification.
"""

from bench.cases.catalogue import case
from bench.cases.expected import boot, start, status
from bench.cases.play import Play
from bench.scripts import Answer, call_error, silence
from bench.scripts import boot as boot_conf


async def _boots_in_spite_of(play: Play, answer: Answer) -> None:
    await play.prefer("MessageTimeout", 5)
    play.answer("BootNotification", answer)
    await play.power_cycle()
    await play.unanswered(boot(), within_s=play.parameters.power_up_s)
    await play.expect(boot(), within_s=play.parameters.own_retry_s)
    await play.any_order(*(status("Available", number) for number in (0, *play.claims.numbers)))


@case("BootNotification is answered by a CALLERROR", stimuli=("power",))
async def field_boot_1(play: Play) -> None:
    await _boots_in_spite_of(play, call_error("InternalError"))


@case("BootNotification is not answered", stimuli=("power",))
async def field_boot_2(play: Play) -> None:
    await _boots_in_spite_of(play, silence())


@case("Remote start and stop while Pending", stimuli=("power",))
async def field_boot_3(play: Play) -> None:
    retry_s = 2 * play.parameters.retry_s
    play.answer("BootNotification", boot_conf("Pending", retry_s))
    await play.power_cycle()
    await play.expect(boot(), within_s=play.parameters.power_up_s)
    fields = {"connectorId": play.connector, "idTag": play.tag}
    await play.ask("RemoteStartTransaction", "Rejected", **fields)
    await play.ask("RemoteStopTransaction", "Rejected", transactionId=1)
    await play.expect(boot(), within_s=retry_s + play.parameters.patience_s)
    await play.any_order(*(status("Available", number) for number in (0, *play.claims.numbers)))


@case("Nothing is told while Pending, whatever the driver does", stimuli=("power",))
async def field_boot_4(play: Play) -> None:
    retry_s = 2 * play.parameters.retry_s
    play.answer("BootNotification", boot_conf("Pending", retry_s))
    await play.power_cycle()
    await play.expect(boot(), within_s=play.parameters.power_up_s)
    await play.plug()
    await play.present(play.tag)
    await play.expect(boot(), within_s=retry_s + play.parameters.patience_s)
    # By now it tells of the car; whether the tag still counts is its affair.
    play.tolerate(start(play.tag, play.connector), play.status("Charging"))
    others = [status("Available", number) for number in (0, *play.claims.numbers) if number != play.connector]
    await play.any_order(*others, play.status("Preparing", "Charging"))
