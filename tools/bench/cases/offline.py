# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Core: the connection is lost."""

from bench.cases.catalogue import case
from bench.cases.exempt import needs
from bench.cases.expected import Expected, OneOf, authorize, start, stop
from bench.cases.failed import Failed
from bench.cases.metering import meter_values, must_be_apart, times
from bench.cases.play import Play
from bench.messages import Message, parse_utc

# What is told of a session that went on offline may be told shortened.
_ON_THE_WAY = ("Preparing", "Charging", "Finishing", "SuspendedEV", "Available")


async def _may_start_offline(play: Play) -> None:
    """The tag is known at the charge point, in one of the ways that it has."""
    await play.alone()
    await play.have("LocalAuthorizeOffline", True)
    if play.claims.cache and play.claims.changes("AuthorizationCacheEnabled"):
        await play.prefer("AllowOfflineTxForUnknownId", True)
        await play.cached()
    else:
        await play.have("AllowOfflineTxForUnknownId", True)


async def _starts_offline(play: Play) -> list[Message]:
    """The session begins without a CSMS; what is told of its beginning, once there is one."""
    await play.link(False)
    play.forget()
    await play.plug()
    await play.present(play.tag)
    await play.sleep(play.parameters.sample_s)
    play.tolerate(play.status("Preparing"))
    await play.link(True)
    seen = await play.expect(
        start(play.tag, play.connector), play.status("Charging"), within_s=play.parameters.restart_s
    )
    return [_must_be_past(play, play.began(seen), "StartTransaction")]


def _must_be_past(play: Play, message: Message, what: str) -> Message:
    """It tells of the time when it happened, not of that when it was told."""
    back = message.at.timestamp() - parse_utc(message.payload["timestamp"]).timestamp()
    if back < play.parameters.sample_s - 1:
        raise Failed(
            f"{what} of before the connection", f"{message}", f"it happened {back:.1f} s before it came"
        )
    return message


def _last_sample(play: Play) -> float:
    """When the last sample was taken that has come."""
    wanted = meter_values(play)
    return next(
        times(message)[-1]
        for message in reversed(play.station.log)
        if message.kind == "call" and wanted.objection(message) is None
    )


@case("Connection lost during a transaction", exemption=needs("MeterValueSampleInterval"))
async def tc_036(play: Play) -> None:
    interval_s = play.parameters.sample_s
    await play.configure("MeterValueSampleInterval", interval_s)
    await play.charging()
    play.watch("MeterValues")
    await play.expect(meter_values(play), within_s=interval_s + play.parameters.patience_s)
    await play.link(False)
    before = _last_sample(play)
    play.forget()
    await play.sleep(3.5 * interval_s)
    await play.link(True)
    stamps: list[float] = []
    while len(stamps) < 5:
        (message,) = await play.expect(meter_values(play), within_s=play.parameters.restart_s)
        stamps += times(message)
    # What had come when the connection broke, but had no answer, comes once more.
    if stamps[0] == before:
        del stamps[0]
    must_be_apart([before, *stamps], interval_s)
    play.tolerate(meter_values(play))


@case("Offline start, valid tag")
async def tc_037_1(play: Play) -> None:
    await _may_start_offline(play)
    await _starts_offline(play)


@case(
    "Offline start, invalid tag, the transaction goes on",
    exemption=needs("StopTransactionOnInvalidId"),
)
async def tc_037_2(play: Play) -> None:
    await _may_start_offline(play)
    await play.configure("StopTransactionOnInvalidId", False)
    await play.prefer("MaxEnergyOnInvalidId", 0)
    play.csms.books.tag(play.tag, "Invalid")
    await _starts_offline(play)
    await play.expect(play.status("SuspendedEVSE"))
    await play.nothing()


@case(
    "Offline start, invalid tag, the transaction is ended",
    exemption=needs("StopTransactionOnInvalidId"),
)
async def tc_037_3(play: Play) -> None:
    await _may_start_offline(play)
    await play.configure("StopTransactionOnInvalidId", True)
    await play.prefer("MaxEnergyOnInvalidId", 0)
    play.csms.books.tag(play.tag, "Invalid")
    await _starts_offline(play)
    await play.expect(stop(play.transaction, reason="DeAuthorized"), play.status("Finishing"))


@case("Offline stop")
async def tc_038(play: Play) -> None:
    await play.alone()
    await play.charging()
    await play.link(False)
    play.forget()
    await play.present(play.tag)
    await play.sleep(play.parameters.sample_s)
    await play.link(True)
    seen = await play.expect(*play.stopped_locally(), within_s=play.parameters.restart_s)
    _must_be_past(play, next(each for each in seen if each.action == "StopTransaction"), "StopTransaction")


@case("Offline transaction")
async def tc_039(play: Play) -> None:
    await _may_start_offline(play)
    await play.link(False)
    play.forget()
    await play.plug()
    await play.present(play.tag)
    await play.sleep(play.parameters.sample_s)
    await play.present(play.tag)
    await play.sleep(play.parameters.sample_s)
    await play.unplug()
    await play.sleep(play.parameters.sample_s)
    play.tolerate(play.status(*_ON_THE_WAY))
    await play.link(True)
    seen = await play.expect(start(play.tag, play.connector), within_s=play.parameters.restart_s)
    _must_be_past(play, play.began(seen), "StartTransaction")
    (over,) = await play.expect(stop(play.transaction, reason=OneOf("Local", None)))
    _must_be_past(play, over, "StopTransaction")
    play.tolerate(Expected("MeterValues"), authorize(play.tag))
