# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Core: the connection is lost."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from bench.cases.catalogue import case
from bench.cases.exempt import needs
from bench.cases.expected import OneOf, start, stop
from bench.cases.failed import Failed
from bench.cases.metering import meter_values, must_be_apart, times
from bench.cases.play import Play
from bench.cases.steps import CUT, GIVEN_BACK
from bench.messages import Message, parse_utc

# What is told of a session that went on offline may be told shortened.
_ON_THE_WAY = ("Preparing", "Charging", "Finishing", "SuspendedEV", "Available")


async def _may_start_offline(play: Play) -> None:
    """The tag is known at the charge point, in one of the ways that it has."""
    await play.alone()
    await play.have("LocalAuthorizeOffline", True)
    if play.claims.cache and await play.can_be("AuthorizationCacheEnabled", True):
        await play.prefer("AllowOfflineTxForUnknownId", True)
        await play.cached()
    else:
        await play.have("AllowOfflineTxForUnknownId", True)


async def _offline(play: Play, *deeds: Callable[[], Awaitable[None]]) -> None:
    """The driver does this without a network, at leisure; then there is one again."""
    await play.link(False)
    for deed in deeds:
        await deed()
        await play.sleep(play.parameters.offline_s)


async def _starts_offline(play: Play) -> None:
    """The session begins without a CSMS; what is told of its beginning, once there is one."""
    await _offline(play, play.plug, lambda: play.present(play.tag))
    play.tolerate(play.status("Preparing"))
    await play.link(True)
    seen = await play.expect(
        start(play.tag, play.connector), play.status("Charging"), within_s=play.parameters.restart_s
    )
    _must_be_of_then(play, play.began(seen))


async def _starts_offline_in_vain(play: Play, stops: bool) -> None:
    """Meanwhile the CSMS has come to think otherwise of the tag. `stops`: StopTransactionOnInvalidId."""
    await _may_start_offline(play)
    await play.configure("StopTransactionOnInvalidId", stops)
    await play.prefer("MaxEnergyOnInvalidId", 0)
    play.csms.books.tag(play.tag, "Invalid")
    await _starts_offline(play)


def _must_be_of_then(play: Play, message: Message) -> None:
    """It happened while there was no network, and says so."""
    moment = parse_utc(message.payload["timestamp"])
    gone = next(deed.at for deed in reversed(play.deeds) if deed.text == CUT)
    back = next(deed.at for deed in reversed(play.deeds) if deed.text == GIVEN_BACK)
    if not gone - timedelta(seconds=play.parameters.deviation_s) <= moment < back:
        raise Failed(
            f"timestamp between {gone:%H:%M:%S} and {back:%H:%M:%S}", str(message), "that is when it happened"
        )


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
    play.tolerate(meter_values(play))
    await play.link(False)
    before = _last_sample(play)
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


@case("Offline start, valid tag")
async def tc_037_1(play: Play) -> None:
    await _may_start_offline(play)
    await _starts_offline(play)


@case(
    "Offline start, invalid tag, the transaction goes on",
    exemption=needs("StopTransactionOnInvalidId"),
)
async def tc_037_2(play: Play) -> None:
    await _starts_offline_in_vain(play, stops=False)
    await play.expect(play.status("SuspendedEVSE"))
    await play.nothing()


@case(
    "Offline start, invalid tag, the transaction is ended",
    exemption=needs("StopTransactionOnInvalidId"),
)
async def tc_037_3(play: Play) -> None:
    await _starts_offline_in_vain(play, stops=True)
    await play.expect(stop(play.transaction, reason="DeAuthorized"), play.status("Finishing"))


@case("Offline stop")
async def tc_038(play: Play) -> None:
    await play.alone()
    await play.charging()
    await _offline(play, lambda: play.present(play.tag))
    await play.link(True)
    seen = await play.expect(*play.stopped_locally(), within_s=play.parameters.restart_s)
    _must_be_of_then(play, next(each for each in seen if each.action == "StopTransaction"))


@case("Offline transaction")
async def tc_039(play: Play) -> None:
    await _may_start_offline(play)

    async def presents() -> None:
        await play.present(play.tag)

    await _offline(play, play.plug, presents, presents, play.unplug)
    play.tolerate(play.status(*_ON_THE_WAY))
    await play.link(True)
    seen = await play.expect(start(play.tag, play.connector), within_s=play.parameters.restart_s)
    _must_be_of_then(play, play.began(seen))
    (over,) = await play.expect(stop(play.transaction, reason=OneOf("Local", None)))
    _must_be_of_then(play, over)
