# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Core: MeterValues of a transaction."""

import itertools

from bench.cases.catalogue import case
from bench.cases.exempt import needs
from bench.cases.expected import Expected, Samples
from bench.cases.failed import Failed
from bench.cases.play import Play
from bench.messages import Message, parse_utc

_REGISTER = "Energy.Active.Import.Register"
_INTERVALS = 3
# A timestamp may be of whole seconds, and a sample is taken when the meter has answered.
_JITTER_S = 1.0


def meter_values(play: Play) -> Samples:
    return Samples("MeterValues", {"connectorId": play.connector, "transactionId": play.transaction})


def measurands(configured: str | None) -> set[str]:
    """Of a configuration key: without their phases. An empty list means the register."""
    names = [name.strip() for name in (configured or "").split(",")]
    return {_without_phase(name) for name in names if name} or {_REGISTER}


def _without_phase(name: str) -> str:
    measurand, dot, phase = name.rpartition(".")
    return measurand if dot and phase.split("-")[0] in ("L1", "L2", "L3", "N") else name


def must_hold(message: Message, context: str, wanted: set[str]) -> None:
    """Every meterValue of the message has all the measurands, in this context."""
    for entry in message.payload["meterValue"]:
        samples = entry["sampledValue"]
        for sample in samples:
            told = sample.get("context", "Sample.Periodic")
            if told != context:
                raise Failed(f"context {context}", str(message), f"the context is {told}")
        missing = wanted - {sample.get("measurand", _REGISTER) for sample in samples}
        if missing:
            raise Failed(
                ", ".join(sorted(wanted)), str(message), f"{', '.join(sorted(missing))} is configured"
            )


def times(message: Message) -> list[float]:
    """The timestamps of its meterValues, seconds since 1970."""
    return [parse_utc(entry["timestamp"]).timestamp() for entry in message.payload["meterValue"]]


def must_be_apart(stamps: list[float], interval_s: int) -> None:
    for earlier, later in itertools.pairwise(stamps):
        if abs(later - earlier - interval_s) > _JITTER_S:
            raise Failed(
                f"timestamps {interval_s} s apart",
                f"{later - earlier:.1f} s apart",
                "the interval was not kept",
            )


async def _stamps(play: Play, interval_s: int, context: str, wanted: set[str]) -> list[float]:
    """When the samples of some intervals were taken, each with all that is wanted, so far apart."""
    stamps: list[float] = []
    for _ in range(_INTERVALS + 1):
        wait_s = interval_s + play.parameters.patience_s
        (message,) = await play.expect(meter_values(play), within_s=wait_s)
        must_hold(message, context, wanted)
        stamps += times(message)
    must_be_apart(stamps, interval_s)
    play.tolerate(meter_values(play))
    return stamps


@case("Sampled meter values", exemption=needs("MeterValueSampleInterval", "ClockAlignedDataInterval"))
async def tc_070(play: Play) -> None:
    interval_s = play.parameters.sample_s
    await play.configure("ClockAlignedDataInterval", 0)
    await play.configure("MeterValueSampleInterval", interval_s)
    wanted = measurands(await play.configured("MeterValuesSampledData"))
    await play.charging()
    play.watch("MeterValues")
    await _stamps(play, interval_s, "Sample.Periodic", wanted)


@case("Clock-aligned meter values", exemption=needs("MeterValueSampleInterval", "ClockAlignedDataInterval"))
async def tc_071(play: Play) -> None:
    interval_s = play.parameters.clock_s
    await play.configure("MeterValueSampleInterval", 0)
    configured = await play.configured("MeterValuesAlignedData")
    if not configured:  # then it may send none
        await play.have("MeterValuesAlignedData", _REGISTER)
    wanted = measurands(configured)
    await play.charging()
    # They come of every connector, also of those where nothing is going on.
    for number in (0, *play.claims.numbers):
        if number != play.connector:
            play.tolerate(Expected("MeterValues", {"connectorId": number}))
    play.watch("MeterValues")
    await play.configure("ClockAlignedDataInterval", interval_s)
    for stamp in await _stamps(play, interval_s, "Sample.Clock", wanted):
        off = stamp % interval_s
        if min(off, interval_s - off) > _JITTER_S / 2:
            raise Failed(
                f"a multiple of {interval_s} s", f"{off:.1f} s past one", "it is not aligned to the clock"
            )
