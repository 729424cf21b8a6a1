# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Not in the catalogue, needed in the field: how charging profiles come, are replaced, and go.

OCPP 1.6, 5.16, 3.13 and the errata. That a profile is there is seen by clearing it.
"""

from typing import Any

from bench.cases.catalogue import case
from bench.cases.charging import (
    DEFAULT,
    IMPOSSIBLE,
    INSTALLED,
    LEVEL,
    MAXIMUM,
    PERIODS,
    SMART,
    TX,
    Charging,
    Profile,
    number_of,
    ready,
)
from bench.cases.expected import status, stop
from bench.cases.failed import NotApplicable
from bench.cases.play import Play
from bench.cases.smart_charging import started_with

_HOUR_S = 3600
# More would take too long to be sent.
_LONGEST = 100


@case("Profile replaced by one of the same id", SMART)
async def field_profile_1(play: Play) -> None:
    """Whatever its purpose, level and connector were."""
    smart = await ready(play, installed=2, periods=2, level=1)
    await smart.put(smart.profile(1, DEFAULT, (0, 6), level=1))
    await smart.put(smart.profile(1, DEFAULT, (0, 8), (100, 10)))
    await smart.gives(300, (0, 8), (100, 10))
    # Once more the same: nothing changes.
    await smart.put(smart.profile(1, DEFAULT, (0, 8), (100, 10)))
    await smart.gives(300, (0, 8), (100, 10))
    await smart.put(smart.profile(1, MAXIMUM, (0, 12)))
    await smart.gives(300, (0, 12))
    await smart.are_there([1], [1], "it was replaced")


@case("Profile replaced by one of the same purpose and level", SMART)
async def field_profile_2(play: Play) -> None:
    """At the same connector: the other one is gone, and on another connector it is not."""
    smart = await ready(play, installed=3, level=1)
    await smart.put(smart.profile(1, DEFAULT, (0, 6)))
    await smart.put(smart.profile(2, DEFAULT, (0, 7)), connector=0)
    await smart.put(smart.profile(3, DEFAULT, (0, 10)))
    await smart.gives(300, (0, 10))
    await smart.are_there([2, 3], [1, 2, 3], "one of its purpose, level and connector was set")


async def _four(smart: Charging) -> None:
    """1: the maximum. 2, 3: TxDefaultProfiles of the charge point. 4: one of the connector."""
    await smart.put(smart.profile(1, MAXIMUM, (0, 16), level=1))
    await smart.put(smart.profile(2, DEFAULT, (0, 14)), connector=0)
    await smart.put(smart.profile(3, DEFAULT, (0, 12), level=1), connector=0)
    await smart.put(smart.profile(4, DEFAULT, (0, 10), level=1))


async def _clears(play: Play, *rows: tuple[dict[str, Any], list[int]]) -> None:
    """These criteria, and which of the four are there afterwards."""
    smart = await ready(play, installed=4, level=1)
    for criteria, left in rows:
        await _four(smart)
        await smart.clear(**criteria)
        words = ", ".join(f"{name} {value}" for name, value in criteria.items())
        await smart.are_there(left, [1, 2, 3, 4], f"cleared were those of {words}")


@case("Profiles cleared by one criterion", SMART)
async def field_profile_3(play: Play) -> None:
    """Errata 3.25, 3.26. Connector 0 means the profiles that are set there."""
    await _clears(
        play,
        ({"id": 2}, [1, 3, 4]),
        ({"connectorId": play.connector}, [1, 2, 3]),
        ({"connectorId": 0}, [4]),
        ({"chargingProfilePurpose": DEFAULT}, [1]),
        ({"stackLevel": 1}, [2]),
    )


@case("Profiles cleared by several criteria", SMART)
async def field_profile_4(play: Play) -> None:
    """All of them must be met."""
    await _clears(
        play,
        ({"connectorId": 0, "stackLevel": 1}, [2, 4]),
        ({"connectorId": 0, "chargingProfilePurpose": DEFAULT}, [1, 4]),
        ({"chargingProfilePurpose": DEFAULT, "stackLevel": 1}, [1, 2]),
        ({"connectorId": 0, "chargingProfilePurpose": DEFAULT, "stackLevel": 0}, [1, 3, 4]),
    )


@case("Profile cleared by its id, with other criteria beside", SMART)
async def field_profile_5(play: Play) -> None:
    """Errata 3.25: the id alone counts."""
    await _clears(
        play,
        ({"id": 4, "connectorId": 0, "chargingProfilePurpose": MAXIMUM, "stackLevel": 0}, [1, 2, 3]),
    )


@case("Clearing profiles that are not there", SMART)
async def field_profile_6(play: Play) -> None:
    smart = await ready(play, installed=2, level=1)
    await smart.clear("Unknown")
    await smart.put(smart.profile(1, DEFAULT, (0, 10)))
    await smart.put(smart.profile(2, MAXIMUM, (0, 16)))
    for criteria in (
        {"id": 99},
        {"stackLevel": 1},
        {"chargingProfilePurpose": TX},
        {"connectorId": play.connector, "chargingProfilePurpose": MAXIMUM},
        {"connectorId": len(play.claims.connectors) + 1},
    ):
        # Of a connector that is not there some say so.
        await smart.clear("Unknown", *(("CALLERROR",) if "connectorId" in criteria else ()), **criteria)
    await smart.gives(300, (0, 10))
    await smart.are_there([1, 2], [1, 2], "none was to be cleared")


@case("Profiles where there can be none", SMART)
async def field_profile_7(play: Play) -> None:
    smart = await ready(play)
    unknown = len(play.claims.connectors) + 1
    default, maximum = smart.profile(1, DEFAULT, (0, 6)), smart.profile(1, MAXIMUM, (0, 6))
    mine = smart.profile(1, TX, (0, 6), transactionId=1)
    for profile, connector, what in (
        (default, unknown, "that connector is not there"),
        (default, -1, "connectorId is negative"),
        (maximum, play.connector, "a maximum is one of connector 0"),
        (mine, 0, "on connector 0 is no transaction"),
    ):
        await smart.put(profile, *IMPOSSIBLE, connector=connector, what=what)
    await smart.clear("Unknown")


def _implausible(smart: Charging) -> tuple[tuple[str, Profile], ...]:
    """What is wrong with a TxDefaultProfile, one of each rule."""
    good = smart.profile(1, DEFAULT, (0, 6), (60, 8))
    schedule = good["chargingSchedule"]

    def with_schedule(**fields: Any) -> Profile:
        return {**good, "chargingSchedule": {**schedule, **fields}}

    def periods(*values: tuple[float, ...]) -> Profile:
        return smart.profile(1, DEFAULT, *values)

    daily = smart.profile(1, DEFAULT, (0, 6), kind="Daily")
    no_start = smart.profile(1, DEFAULT, (0, 6), kind="Daily", start=None)
    relative = smart.profile(1, DEFAULT, (0, 6), kind="Relative")
    return (
        ("it has no period", with_schedule(chargingSchedulePeriod=[])),
        ("the first period begins late", periods((10, 6), (60, 8))),
        ("two periods begin at once", periods((0, 6), (60, 8), (60, 10))),
        ("a period begins before the one ahead of it", periods((0, 6), (60, 8), (30, 10))),
        ("a limit is negative", periods((0, 6), (60, -1))),
        ("minChargingRate is negative", with_schedule(minChargingRate=-1)),
        ("a period has no phases", periods((0, 6, 0))),
        ("a period has four phases", periods((0, 6, 4))),
        ("its duration is 0", with_schedule(duration=0)),
        ("its duration is negative", with_schedule(duration=-1)),
        ("its stack level is negative", {**good, "stackLevel": -1}),
        (
            "it is Recurring without recurrencyKind",
            {name: value for name, value in daily.items() if name != "recurrencyKind"},
        ),
        ("it is Recurring without startSchedule", no_start),
        (
            "it is Relative with startSchedule",
            {
                **relative,
                "chargingSchedule": {**relative["chargingSchedule"], "startSchedule": smart.when(0)},
            },
        ),
    )


@case("Profiles that contradict themselves", SMART)
async def field_profile_8(play: Play) -> None:
    """Errata 3.69 and what the fields mean. Nothing of them stays."""
    smart = await ready(play, periods=3)
    for what, profile in _implausible(smart):
        await smart.put(profile, *IMPOSSIBLE, "CALLERROR", what=what)
    await smart.clear("Unknown")


@case("Profiles whose time is over", SMART)
async def field_profile_9(play: Play) -> None:
    """Or never comes; and a maximum has no start of charging to which it could be relative."""
    smart = await ready(play, periods=2)
    later, earlier = smart.when(2 * _HOUR_S), smart.when(_HOUR_S)
    over, before = smart.when(-60), smart.when(-_HOUR_S)
    for what, profile in (
        (
            "validTo is before validFrom",
            smart.profile(1, DEFAULT, (0, 6), validFrom=later, validTo=earlier),
        ),
        ("validTo is validFrom", smart.profile(1, DEFAULT, (0, 6), validFrom=later, validTo=later)),
        ("validTo is over", smart.profile(1, DEFAULT, (0, 6), validTo=over)),
        ("all its time is over", smart.profile(1, DEFAULT, (0, 6), validFrom=before, validTo=over)),
        ("no charging begins at connector 0", smart.profile(1, MAXIMUM, (0, 6), (60, 8), kind="Relative")),
    ):
        await smart.put(profile, *IMPOSSIBLE, what=what)
    await smart.clear("Unknown")


@case("As many profiles as MaxChargingProfilesInstalled", SMART)
async def field_profile_10(play: Play) -> None:
    smart = await ready(play)
    most, levels = await number_of(play, INSTALLED), await number_of(play, LEVEL) + 1
    places = [
        (purpose, connector, level)
        for level in range(min(levels, most + 1))
        for purpose, connector in ((MAXIMUM, 0), *((DEFAULT, number) for number in (0, *play.claims.numbers)))
    ]
    if len(places) <= most or most > _LONGEST:
        raise NotApplicable(f"{INSTALLED} is {most}, and there is room for {len(places)}")
    for number, (purpose, connector, level) in enumerate(places[:most]):
        await smart.put(smart.profile(number + 1, purpose, (0, 10), level=level), connector=connector)
    purpose, connector, level = places[most]
    profile = smart.profile(most + 1, purpose, (0, 6), level=level)
    await smart.put(profile, *IMPOSSIBLE, connector=connector, what=f"{INSTALLED} is {most}")
    # One that takes the place of another has room.
    purpose, connector, level = places[0]
    await smart.put(smart.profile(1, purpose, (0, 12), level=level), connector=connector)
    await smart.are_there(range(1, most + 1), range(1, most + 2), "so many may be installed")


@case("As many periods as ChargingScheduleMaxPeriods", SMART)
async def field_profile_11(play: Play) -> None:
    smart = await ready(play)
    most = await number_of(play, PERIODS)
    if most > _LONGEST:
        raise NotApplicable(f"{PERIODS} is {most}")
    periods = [(20 * number, 8 + 2 * (number % 3)) for number in range(most + 1)]
    await smart.put(smart.profile(1, DEFAULT, *periods[:most]))
    await smart.put(smart.profile(2, DEFAULT, *periods), *IMPOSSIBLE, what=f"{PERIODS} is {most}")
    await smart.gives(20 * most + 60, *periods[:most])


@case("Levels up to ChargeProfileMaxStackLevel", SMART)
async def field_profile_12(play: Play) -> None:
    smart = await ready(play, installed=3, level=1)
    most = await number_of(play, LEVEL)
    await smart.put(smart.profile(1, DEFAULT, (0, 10), level=most))
    await smart.put(smart.profile(2, DEFAULT, (0, 8), level=most - 1))
    profile = smart.profile(3, DEFAULT, (0, 6), level=most + 1)
    await smart.put(profile, *IMPOSSIBLE, what=f"{LEVEL} is {most}")
    await smart.gives(300, (0, 10))


@case("Charging profiles survive a power failure, or a reset", SMART)
async def field_profile_13(play: Play) -> None:
    """Errata 3.37."""
    smart = await ready(play, installed=2, periods=2)
    await smart.put(smart.profile(1, MAXIMUM, (0, 12), (3000, 6)))
    await smart.put(smart.profile(2, DEFAULT, (0, 10), (1000, 14), kind="Daily"))
    await smart.gives(3600, (0, 10), (1000, 12), (3000, 6))
    await play.restart()
    await play.booted()
    await play.any_order(*(status("Available", number) for number in (0, *play.claims.numbers)))
    await smart.gives(3600, (0, 10), (1000, 12), (3000, 6))


@case("A TxProfile ends with its transaction", SMART)
async def field_profile_14(play: Play) -> None:
    smart = await ready(play, installed=2)
    await play.charging()
    await smart.put(smart.profile(1, DEFAULT, (0, 10)))
    await smart.put(smart.profile(2, TX, (0, 8)))
    await smart.gives(300, (0, 8))
    await play.ask("RemoteStopTransaction", "Accepted", transactionId=play.transaction)
    await play.expect(stop(play.transaction, reason="Remote"), play.status("Finishing"))
    await play.unplug()
    await play.expect(play.status("Available"))
    # The first tag may be cached by now.
    await play.charging(play.parameters.other_tag)
    await smart.gives(300, (0, 10))
    await smart.are_there([1], [1, 2], "its transaction has ended")


@case("Profile of a remote start replaced", SMART)
async def field_profile_15(play: Play) -> None:
    """Errata 3.42: by one of the same level for the transaction that has begun."""
    smart = await ready(play, installed=2)
    await started_with(play, smart.profile(1, TX, (0, 8)))
    await smart.gives(300, (0, 8))
    await smart.put(smart.profile(2, TX, (0, 10)))
    await smart.gives(300, (0, 10))
    await smart.are_there([2], [1, 2], "one of its level was set for the transaction")


@case("A profile that is refused changes nothing", SMART)
async def field_profile_16(play: Play) -> None:
    """One that would have replaced another leaves it there."""
    smart = await ready(play, installed=2, periods=2)
    await smart.put(smart.profile(1, DEFAULT, (0, 10)))
    for number in (1, 2):  # by its id, by its place
        profile = smart.profile(number, DEFAULT, (0, 6), (60, -1))
        await smart.put(profile, *IMPOSSIBLE, "CALLERROR", what="a limit is negative")
        await smart.gives(300, (0, 10))
    await smart.are_there([1], [1, 2], "the other one was refused")
