# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Not in the catalogue, needed in the field: sessions."""

from datetime import UTC, datetime, timedelta

from bench.cases.catalogue import case
from bench.cases.exempt import needs, needs_a_cache, needs_two_connectors, unless
from bench.cases.expected import Expected, authorize, start, stop
from bench.cases.failed import Failed
from bench.cases.play import Play
from bench.messages import parse_utc


@case("Remote start without a connector", exemption=needs_two_connectors)
async def field_session_1(play: Play) -> None:
    """The connector where a car waits is meant."""
    await play.plugged_in()
    await play.ask("RemoteStartTransaction", "Accepted", idTag=play.tag)
    await play.maybe(authorize(play.tag), within_s=1)
    await play.started()


@case("A tag when the session is over and the cable still in")
async def field_session_2(play: Play) -> None:
    """The transaction is not ended twice; a new one may begin, by the rules of any other."""
    await play.alone()
    await play.charging()
    await play.present(play.tag)
    await play.expect(*play.stopped_locally())
    ended = play.transaction
    play.tolerate(authorize(play.tag), play.status("Preparing", "Finishing"))
    await play.present(play.tag)
    again = await play.maybe(
        start(play.tag, play.connector), play.status("Charging"), within_s=play.parameters.idle_s
    )
    if again is None:
        await play.nothing(1)
        return
    missing = (
        play.status("Charging") if again.action == "StartTransaction" else start(play.tag, play.connector)
    )
    play.began([again, *await play.expect(missing)])
    if play.transaction == ended:
        raise Failed(
            "a transaction of its own", f"the same start as of {ended}", "each has its own timestamp"
        )


@case(
    "A cached tag that has expired",
    exemption=unless(needs_a_cache, needs("AuthorizationCacheEnabled", "LocalPreAuthorize")),
)
async def field_session_3(play: Play) -> None:
    await play.alone()
    await play.have("LocalPreAuthorize", True)
    lasts_s = 4.0
    play.csms.books.tag(play.tag, expiry=datetime.now(UTC) + timedelta(seconds=lasts_s))
    await play.cached()
    await play.sleep(lasts_s)
    play.csms.books.tag(play.tag)
    await play.plugged_in()
    await play.present(play.tag)
    await play.expect(authorize(play.tag))
    await play.started()


@case(
    "A transaction begins before the charge point knows the time",
    exemption=needs("LocalAuthorizeOffline"),
    stimuli=("power",),
)
async def field_session_4(play: Play) -> None:
    """Its clock may have stood still without power; what the messages say must be right all the same."""
    await play.alone()
    await play.have("LocalAuthorizeOffline", True)
    await play.have("AllowOfflineTxForUnknownId", True)
    await play.link(False)
    await play.power_cycle()
    await play.sleep(play.parameters.boot_s)
    play.forget()
    begins = datetime.now(UTC)
    await play.plug()
    await play.present(play.tag)
    await play.sleep(3)
    play.tolerate(Expected("StatusNotification"), Expected("BootNotification"), authorize(play.tag))
    await play.link(True)
    seen = await play.expect(start(play.tag, play.connector), within_s=play.parameters.power_up_s)
    began = play.began(seen)
    off_s = (parse_utc(began.payload["timestamp"]) - begins).total_seconds()
    if abs(off_s) > 2 + play.parameters.deviation_s:
        raise Failed(f"timestamp {begins:%H:%M:%S}", str(began), f"it is off by {off_s:.0f} s")


@case("Remote stop when the car is full", stimuli=("full",))
async def field_session_5(play: Play) -> None:
    """Nothing flows any more, so nothing has to be waited for."""
    await play.charging()
    await play.full()
    await play.expect(play.status("SuspendedEV"))
    await play.ask("RemoteStopTransaction", "Accepted", transactionId=play.transaction)
    await play.expect(stop(play.transaction, reason="Remote"), play.status("Finishing"))
