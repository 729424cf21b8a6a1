# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Not in the catalogue, needed in the field: sessions."""

from datetime import UTC, datetime, timedelta

from bench.cases.catalogue import case
from bench.cases.exempt import needs_a_cache, needs_two_connectors
from bench.cases.expected import Expected, authorize, start, stop
from bench.cases.failed import Failed, NotApplicable
from bench.cases.play import Play
from bench.messages import parse_utc


@case("Remote start without a connector", exemption=needs_two_connectors)
async def field_session_1(play: Play) -> None:
    """It may be refused (OCPP 1.6, 5.11); otherwise the connector where a car waits is meant."""
    questions = await play.asked_remotely()
    await play.plugged_in()
    answered = await play.ask("RemoteStartTransaction", "Accepted", "Rejected", idTag=play.tag)
    if answered.payload["status"] == "Rejected":
        raise NotApplicable("the charge point wants to be told the connector")
    await play.expect(*questions)
    await play.started()


@case("A tag when the session is over and the cable still in")
async def field_session_2(play: Play) -> None:
    """The transaction is not ended twice; a new one may begin, by the rules of any other."""
    await play.alone()
    await play.charging()
    await play.present(play.tag)
    await play.expect(*play.stopped_locally())
    ended = play.transaction
    await play.sleep(1)  # two starts of the same second could not be told apart
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


@case("A cached tag that has expired", exemption=needs_a_cache)
async def field_session_3(play: Play) -> None:
    lasts_s = 4.0
    await play.alone()
    await play.have("LocalPreAuthorize", True)
    await play.have("AuthorizationCacheEnabled", True)
    await play.charging()
    play.csms.books.tag(play.tag, expiry=datetime.now(UTC) + timedelta(seconds=lasts_s))
    await play.present(play.tag)
    await play.expect(*play.stopped_locally())
    await play.unplug()
    await play.expect(play.status("Available"))
    await play.sleep(lasts_s)
    play.csms.books.tag(play.tag)
    await play.plugged_in()
    await play.present(play.tag)
    await play.expect(authorize(play.tag))
    await play.started()


@case("A transaction begins before the charge point knows the time", stimuli=("power",))
async def field_session_4(play: Play) -> None:
    """Its clock may have stood still without power; what the messages say must be right all the same."""
    await play.alone()
    await play.have("LocalAuthorizeOffline", True)
    await play.have("AllowOfflineTxForUnknownId", True)
    await play.link(False)
    await play.power_cycle()
    await play.sleep(play.parameters.boot_s)
    begins = datetime.now(UTC)
    await play.plug()
    await play.sleep(play.parameters.settle_s)
    await play.present(play.tag)
    await play.sleep(play.parameters.offline_s + 1)
    play.tolerate(Expected("StatusNotification"), Expected("BootNotification"), authorize(play.tag))
    await play.link(True)
    told = await play.maybe(start(play.tag, play.connector), within_s=play.parameters.power_up_s)
    if told is None:
        raise NotApplicable("after a power cut it starts nothing before a CSMS has accepted it")
    play.began([told])
    off_s = (parse_utc(told.payload["timestamp"]) - begins).total_seconds()
    if abs(off_s) > play.parameters.offline_s + play.parameters.deviation_s:
        raise Failed(f"timestamp {begins:%H:%M:%S}", str(told), f"it is off by {off_s:.0f} s")


@case("Remote stop when the car is full", stimuli=("full",))
async def field_session_5(play: Play) -> None:
    """Nothing flows any more, so nothing has to be waited for."""
    await play.charging()
    await play.full()
    await play.expect(play.status("SuspendedEV"))
    await play.ask("RemoteStopTransaction", "Accepted", transactionId=play.transaction)
    await play.expect(stop(play.transaction, reason="Remote"), play.status("Finishing"))


@case("A tag of another parent")
async def field_session_6(play: Play) -> None:
    """Who is asked about may be; the transaction is ended by its tag or one of the same parent only."""
    stranger = play.parameters.other_tag
    play.family("FLEET", play.tag)
    play.family("FAMILY", stranger)
    await play.alone()
    await play.charging()
    play.tolerate(authorize(stranger))
    await play.present(stranger)
    await play.nothing()
    await play.present(play.tag)
    await play.expect(*play.stopped_locally())


@case("Tags that the CSMS has blocked, or that have expired")
async def field_session_7(play: Play) -> None:
    tag = play.parameters.invalid_tag
    await play.alone()
    await play.plugged_in()
    for refusal in ("Blocked", "Expired"):
        play.csms.books.tag(tag, refusal)
        await play.present(tag)
        await play.expect(authorize(tag))
        await play.nothing()
