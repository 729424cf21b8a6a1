# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Core: the charge point boots."""

import itertools

from bench.cases.arrivals import BORNE
from bench.cases.catalogue import case
from bench.cases.exempt import needs
from bench.cases.expected import Expected, boot, heartbeat, status
from bench.cases.failed import Failed
from bench.cases.play import Play
from bench.messages import Message
from bench.scripts import boot as boot_conf


def _all_available(play: Play) -> list[Expected]:
    return [status("Available", number) for number in (0, *play.claims.numbers)]


async def _powered_up(play: Play, status_at_first: str) -> Message:
    """The BootNotification after a power cycle. It is answered like that, the next one by Accepted."""
    play.answer(
        "BootNotification",
        boot_conf(status_at_first, play.parameters.retry_s),
        boot_conf("Accepted", play.parameters.heartbeat_s),
    )
    # Nothing of this while the CSMS has not accepted it (OCPP 1.6, 4.2).
    play.watch(*BORNE)
    await play.restart()
    (first,) = await play.expect(boot(), within_s=play.parameters.power_up_s)
    return first


async def _boots_again(play: Play, first: Message) -> None:
    """After the interval of the first answer; then all that follows an acceptance."""
    wait_s = play.parameters.retry_s + play.parameters.patience_s
    (second,) = await play.expect(boot(), within_s=wait_s)
    play.bear(*BORNE)
    play.after(first, second, play.parameters.retry_s, "BootNotification")
    # Nothing is said of their order.
    told = await play.any_order(*_all_available(play))
    play.watch("Heartbeat")
    beats = []
    for _ in range(3):
        beats += await play.expect(
            heartbeat(), within_s=play.parameters.heartbeat_s + play.parameters.patience_s
        )
    # The first may be counted from the acceptance or from what was told after it.
    play.no_later(told[-1], beats[0], play.parameters.heartbeat_s, "the first Heartbeat")
    for earlier, later in itertools.pairwise(beats):
        play.after(earlier, later, play.parameters.heartbeat_s, "Heartbeat")


@case("Cold boot of the charge point")
async def tc_001(play: Play) -> None:
    first = await _powered_up(play, "Rejected")
    await _boots_again(play, first)


@case("Cold boot of the charge point, pending", exemption=needs("MeterValueSampleInterval"))
async def tc_002(play: Play) -> None:
    first = await _powered_up(play, "Pending")
    rows = (await play.call("GetConfiguration")).payload.get("configurationKey", [])
    if not rows:
        raise Failed("all configuration keys", "none", "GetConfiguration is to work while Pending")
    await play.configure("MeterValueSampleInterval", 30)
    await _boots_again(play, first)
