# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Not in the catalogue, needed in the field: which limit holds when, as the composite schedule tells it.

OCPP 1.6, 3.13 and 5.7, with the errata. What a profile does to the car is in field_limit.py, how profiles
come and go in field_profile.py.
"""

import time
from typing import Any

from bench.cases.catalogue import case
from bench.cases.charging import (
    DAY_S,
    DEFAULT,
    IMPOSSIBLE,
    MAXIMUM,
    SMART,
    TX,
    UNITS,
    WEEK_S,
    Charging,
    ready,
)
from bench.cases.exempt import needs_a_voltage
from bench.cases.failed import Failed, NotApplicable
from bench.cases.play import Play
from bench.messages import parse_utc

_HOUR_S = 3600
# So far from a boundary a case begins.
_AWAY_S = 30
# Half a year, in whole weeks: where the clocks are changed they are another hour then.
_HALF_A_YEAR_S = 26 * WEEK_S
# What is off by so much is not taken for the jitter of a boundary, with both ends in whole seconds.
_TOLD_APART_S = 3


@case("Profile of every day, over midnight", SMART)
async def field_schedule_1(play: Play) -> None:
    """A day's periods begin at midnight UTC, some days ago, and again at the next one."""
    place = time.time() % DAY_S
    if place > DAY_S - _AWAY_S:
        await play.sleep(DAY_S - place + 1)
    smart = await ready(play, periods=3)
    today = -(smart.began % DAY_S)
    now = -today
    # Two boundaries some hours from now, on whichever day they lie.
    first, second = sorted(((now + 6 * _HOUR_S) % DAY_S, (now + 13 * _HOUR_S) % DAY_S))
    periods = ((0, 8), (first, 10), (second, 12))
    if first < _AWAY_S:  # midnight itself is one of them
        periods = ((0, 8), (second, 12))
    await smart.put(smart.profile(1, DEFAULT, *periods, kind="Daily", start=today - 3 * DAY_S))
    days = [(today + day * DAY_S + begins, limit) for day in (0, 1) for begins, limit in periods]
    await smart.gives(DAY_S, *days)


@case("Profile of every week, over the end of one", SMART)
async def field_schedule_2(play: Play) -> None:
    smart = await ready(play, periods=3)
    begun = _HOUR_S // 2 - 2 * WEEK_S  # half an hour from now it begins anew
    periods = ((0, 8), (DAY_S, 10), (6 * DAY_S, 12))
    await smart.put(smart.profile(1, DEFAULT, *periods, kind="Weekly", start=begun))
    await smart.gives(2 * DAY_S, (0, 12), (_HOUR_S // 2, 8), (_HOUR_S // 2 + DAY_S, 10))


@case("Profiles of every day and week, after the clocks were changed", SMART)
async def field_schedule_3(play: Play) -> None:
    """Errata 3.78: a day has 24 hours, all the year; all times are UTC, and nothing shifts."""
    smart = await ready(play, periods=3)
    for kind in ("Daily", "Weekly"):
        begun = -_HALF_A_YEAR_S - _HOUR_S // 2
        periods = ((0, 8), (_HOUR_S, 10), (2 * _HOUR_S, 12))
        await smart.put(smart.profile(1, DEFAULT, *periods, kind=kind, start=begun))
        half = _HOUR_S // 2
        await smart.gives(2 * _HOUR_S, (0, 8), (half, 10), (half + _HOUR_S, 12))


@case("Periods beyond the recurrence", SMART)
async def field_schedule_4(play: Play) -> None:
    """Errata 3.44: they are never reached; and after its duration a day's schedule says nothing."""
    smart = await ready(play, installed=2, periods=3, level=1)
    begun = -DAY_S + 600
    await smart.put(smart.profile(1, DEFAULT, (0, 10)))
    periods = ((0, 8), (DAY_S - 300, 7), (DAY_S + 300, 6))
    await smart.put(smart.profile(2, DEFAULT, *periods, level=1, kind="Daily", start=begun))
    await smart.gives(1500, (0, 8), (300, 7), (600, 8))
    await smart.put(smart.profile(2, DEFAULT, (0, 8), level=1, kind="Daily", start=begun, duration=300))
    await smart.gives(1500, (0, 10), (600, 8), (900, 10))


@case("Relative profile, before a transaction and in it", SMART)
async def field_schedule_5(play: Play) -> None:
    """OCPP 1.6, 7.13: relative to the start of charging; asked for before, to what it would be now."""
    smart = await ready(play, periods=3)
    periods = ((0, 8), (40, 10), (80, 12))
    await smart.put(smart.profile(1, DEFAULT, *periods, kind="Relative"))
    await play.sleep(_TOLD_APART_S)
    await smart.from_its_start(150, *periods)
    await play.plugged_in()
    await play.remotely_started()
    started = await play.started()
    begun = int(parse_utc(started.payload["timestamp"]).timestamp())
    await play.sleep(_TOLD_APART_S)
    await smart.gives(150, *periods, since=begun)


@case("Overlapping profiles of three levels", SMART)
async def field_schedule_6(play: Play) -> None:
    """The highest level that says something at that moment."""
    smart = await ready(play, installed=4, periods=2, level=2)
    await smart.put(smart.profile(1, DEFAULT, (0, 10), (250, 7)))
    await smart.put(smart.profile(2, DEFAULT, (0, 8), level=1, start=50, duration=100))
    await smart.put(smart.profile(3, DEFAULT, (0, 12), (40, 9), level=2, start=100, duration=100))
    await smart.put(smart.profile(4, MAXIMUM, (0, 11)))
    await smart.gives(400, (0, 10), (50, 8), (100, 11), (140, 9), (200, 10), (250, 7))


@case("Boundaries in the past", SMART)
async def field_schedule_7(play: Play) -> None:
    """The schedule begins with the period of now; one that was over before counts no more."""
    smart = await ready(play, installed=2, periods=4, level=1)
    periods = ((0, 8), (600, 9), (3500, 10), (3700, 12))
    await smart.put(smart.profile(1, DEFAULT, *periods, start=-_HOUR_S))
    over = smart.profile(2, DEFAULT, (0, 6), level=1, start=-_HOUR_S, duration=1800)
    # One that can never say anything again may be refused.
    await smart.put(over, "Accepted", "Rejected")
    await smart.gives(300, (0, 10), (100, 12))


@case("Profiles that are valid later, or not any more", SMART)
async def field_schedule_8(play: Play) -> None:
    smart = await ready(play, installed=3, level=2)
    await smart.put(smart.profile(1, DEFAULT, (0, 10)))
    await smart.put(
        smart.profile(2, DEFAULT, (0, 8), level=1, validFrom=smart.when(60), validTo=smart.when(120))
    )
    await smart.put(smart.profile(3, DEFAULT, (0, 12), level=2, start=200))
    await smart.gives(300, (0, 10), (60, 8), (120, 10), (200, 12))


@case("Profiles that expire during the transaction", SMART)
async def field_schedule_9(play: Play) -> None:
    """Errata 3.7, 3.43: then the lower level counts, and in the end the TxDefaultProfile."""
    smart = await ready(play, installed=3, level=1)
    await play.charging()
    lasts_s = play.parameters.profile_s
    now = int(time.time()) - smart.began
    await smart.put(smart.profile(1, DEFAULT, (0, 10)))
    await smart.put(smart.profile(2, TX, (0, 8), validTo=smart.when(now + 2 * lasts_s)))
    await smart.put(smart.profile(3, TX, (0, 6), level=1, duration=int(now + lasts_s)))
    # The next boundary is too near for any but the limit of now.
    for number, limit in enumerate((6, 8, 10)):
        await _until(play, smart.began + now + (number + 0.5) * lasts_s)
        await smart.gives(1, (0, limit))


async def _until(play: Play, moment: float) -> None:
    await play.sleep(max(0.0, moment - time.time()))


@case("TxDefaultProfile of the charge point and of a connector", SMART)
async def field_schedule_10(play: Play) -> None:
    """OCPP 1.6, 3.13.1: that of the connector counts there, whatever the level of the other."""
    smart = await ready(play, installed=2, level=1)
    await smart.put(smart.profile(1, DEFAULT, (0, 10), level=1), connector=0)
    await smart.gives(300, (0, 10))
    await smart.put(smart.profile(2, DEFAULT, (0, 12), start=100, duration=100))
    await smart.gives(300, (0, 10), (100, 12), (200, 10))
    for number in play.claims.numbers:
        if number != play.connector:
            await smart.gives(300, (0, 10), connector=number)


def _watts(play: Play, amperes: float) -> float:
    """With all phases. What the description does not say the case does not know."""
    connector = play.claims.connectors[play.connector - 1]
    return amperes * connector["nominal_v"] * connector["phases"]


async def _both_units(play: Play, **needs: int) -> Charging:
    smart = await ready(play, **needs)
    if len(smart.units) < 2:
        raise NotApplicable(f"{UNITS} is {await play.configured(UNITS)}")
    return smart


@case("Limits in W and in A", SMART, exemption=needs_a_voltage)
async def field_schedule_11(play: Play) -> None:
    """OCPP 1.6, 7.12: a limit in W is that of all phases, by the nominal voltage."""
    smart = await _both_units(play, installed=2, periods=2)
    periods = ((0, _watts(play, 10)), (100, _watts(play, 8)))
    await smart.put(smart.profile(1, DEFAULT, *periods, unit="W"))
    await smart.put(smart.profile(2, MAXIMUM, (0, 9), unit="A"))
    await smart.gives(300, (0, 9), (100, 8), unit="A")
    await smart.gives(300, (0, _watts(play, 9)), (100, _watts(play, 8)), unit="W")


@case("numberPhases that the connector does not have", SMART)
async def field_schedule_12(play: Play) -> None:
    """Errata 3.34: the limit of each phase stays as it is."""
    if (await play.configured("ConnectorSwitch3to1PhaseSupported") or "").lower() == "true":
        raise NotApplicable("the charge point switches phases")
    connector = play.claims.connectors[play.connector - 1]
    smart = await ready(play)
    await smart.put(smart.profile(1, DEFAULT, (0, 9, 1 if connector.get("phases") == 3 else 3)))
    await smart.gives(300, (0, 9))


@case("Composite schedule of the charge point", SMART)
async def field_schedule_13(play: Play) -> None:
    """Errata 3.30: of connector 0 that is what its connectors may take together, capped by the maximum."""
    smart = await ready(play, installed=2, periods=2)
    await smart.own(0)
    together = 8 * len(play.claims.connectors)
    await smart.put(smart.profile(1, DEFAULT, (0, 8)), connector=0)
    await smart.gives(300, (0, together), connector=0)
    await smart.put(smart.profile(2, MAXIMUM, (0, 12), (100, 6), duration=200))
    steps = (0, min(12, together)), (100, 6), (200, together)
    await smart.gives(300, *steps, connector=0)


@case("A unit that the charge point does not take", SMART)
async def field_schedule_14(play: Play) -> None:
    smart = await ready(play)
    if len(smart.units) > 1:
        raise NotApplicable("it takes both units")
    other, limit = ("W", 6000) if smart.unit == "A" else ("A", 6)
    await smart.put(
        smart.profile(1, DEFAULT, (0, limit), unit=other), "Rejected", "PropertyConstraintViolation"
    )
    await smart.clear("Unknown")
    fields: dict[str, Any] = {"connectorId": play.connector, "duration": 60, "chargingRateUnit": other}
    await play.ask("GetCompositeSchedule", *IMPOSSIBLE, **fields)


@case("Composite schedule where no profile says anything", SMART)
async def field_schedule_15(play: Play) -> None:
    """It has a period all the same: the charge point's own limit."""
    smart = await ready(play, level=1)
    limit = await smart.own()
    if limit <= 0:
        raise Failed("a limit above 0", f"{limit:g}", "no profile is there")
    await smart.put(smart.profile(1, DEFAULT, (0, 6), start=_HOUR_S))
    await smart.gives(300, (0, None))
    await smart.gives(1, (0, None))
    await smart.composite(0)
    await smart.composite(0, 0)


@case("Composite schedule of a connector that is not there", SMART)
async def field_schedule_16(play: Play) -> None:
    unknown = len(play.claims.connectors) + 1
    await play.ask("GetCompositeSchedule", *IMPOSSIBLE, connectorId=unknown, duration=60)


@case("What a composite schedule holds", SMART)
async def field_schedule_17(play: Play) -> None:
    """Errata 3.57: scheduleStart says when it begins, startSchedule is left out. No unit asked for: it is one
    that the charge point takes.
    """
    smart = await ready(play, periods=2)
    await smart.put(smart.profile(1, DEFAULT, (0, 8), (100, 10)))
    answered = await play.ask("GetCompositeSchedule", "Accepted", connectorId=play.connector, duration=300)
    told = answered.payload.get("chargingSchedule", {})
    if told.get("chargingRateUnit") not in smart.units:
        raise Failed(
            " or ".join(smart.units), str(answered.message), "chargingRateUnit is none that it takes"
        )
    if "startSchedule" in told:
        raise Failed("no startSchedule", str(answered.message), "scheduleStart says it (errata 3.57)")
    await smart.gives(300, (0, 8), (100, 10))
