# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Smart Charging: SetChargingProfile, ClearChargingProfile, GetCompositeSchedule, a remote start with a
profile.

What a charge point without it answers is in unsupported.py.
"""

from bench.cases.catalogue import case
from bench.cases.charging import DEFAULT, IMPOSSIBLE, MAXIMUM, SMART, TX, Charging, Profile, ready
from bench.cases.play import Play


def _with_phases(play: Play, limit: float) -> tuple[float, ...]:
    """A period from the beginning on, with all phases, where the description says how many these are."""
    connector = play.claims.connectors[play.connector - 1]
    return (0, limit, connector["phases"]) if "phases" in connector else (0, limit)


async def started_with(play: Play, profile: Profile) -> None:
    """The car charges after a remote start with this profile."""
    await play.plugged_in()
    questions = await play.asked_remotely()
    fields = {"connectorId": play.connector, "idTag": play.tag, "chargingProfile": profile}
    await play.ask("RemoteStartTransaction", "Accepted", **fields)
    await play.expect(*questions)
    await play.started()


@case("TxDefaultProfile without a transaction", SMART)
async def tc_056(play: Play) -> None:
    smart = await ready(play)
    await smart.put(smart.profile(1, DEFAULT, _with_phases(play, 6)))
    await smart.gives(300, (0, 6))


@case("TxProfile", SMART)
async def tc_057(play: Play) -> None:
    smart = await ready(play, periods=2)
    await play.charging()
    await smart.put(smart.profile(1, TX, (0, 8), (100, 6)))
    await smart.gives(300, (0, 8), (100, 6))


@case("TxProfile without a transaction", SMART)
async def tc_058_1(play: Play) -> None:
    smart = await ready(play)
    await smart.put(smart.profile(1, TX, (0, 6), transactionId=1), *IMPOSSIBLE)
    await smart.clear("Unknown")


@case("TxProfile of another transaction", SMART)
async def tc_058_2(play: Play) -> None:
    smart = await ready(play)
    await play.charging()
    await smart.put(smart.profile(1, TX, (0, 6), transactionId=play.transaction + 1), "Rejected")
    await smart.clear("Unknown")


@case("Remote start with a profile", SMART)
async def tc_059(play: Play) -> None:
    smart = await ready(play, periods=2)
    await started_with(play, smart.profile(1, TX, (0, 8), (100, 6)))
    await smart.gives(300, (0, 8), (100, 6))


@case("Remote start with a profile that is no TxProfile", SMART)
async def tc_060(play: Play) -> None:
    smart = await ready(play)
    await play.plugged_in()
    fields = {"connectorId": play.connector, "idTag": play.tag}
    profile = smart.profile(1, DEFAULT, (0, 6))
    await play.ask("RemoteStartTransaction", *IMPOSSIBLE, **fields, chargingProfile=profile)
    await play.nothing()


@case("Composite schedule of three profiles", SMART)
async def tc_066(play: Play) -> None:
    smart = await ready(play, installed=3, periods=5)
    await play.charging()
    await smart.put(smart.profile(1, MAXIMUM, (0, 10), duration=86400))
    default = ((0, 6), (60, 10), (120, 8), (180, 15), (260, 8))
    await smart.put(smart.profile(2, DEFAULT, *default, duration=300))
    mine = ((0, 8), (50, 11), (140, 16), (200, 6), (240, 12))
    await smart.put(smart.profile(3, TX, *mine, duration=260))
    # After 260 s the TxDefaultProfile counts, after 300 s only the maximum.
    await smart.gives(400, (0, 8), (50, 10), (200, 6), (240, 10), (260, 8), (300, 10))


async def _three(smart: Charging) -> None:
    """The profiles of TC_067."""
    await smart.put(smart.profile(1, DEFAULT, (0, 6), (60, 8), (200, 10), level=1, duration=400))
    await smart.put(smart.profile(2, DEFAULT, (0, 7), (100, 9), duration=400))
    await smart.put(smart.profile(3, MAXIMUM, (0, 11), (200, 12)))


@case("Clear charging profiles", SMART)
async def tc_067(play: Play) -> None:
    smart = await ready(play, installed=3, periods=3, level=1)
    await smart.own()
    await _three(smart)
    await smart.gives(350, (0, 6), (60, 8), (200, 10))
    await smart.clear(id=1)
    await smart.gives(350, (0, 7), (100, 9))
    await smart.clear(chargingProfilePurpose=DEFAULT, stackLevel=0)
    await smart.gives(350, (0, 11), (200, 12))
    await smart.clear()
    await smart.gives(350, (0, None))


@case("Stacked profiles", SMART)
async def tc_072(play: Play) -> None:
    smart = await ready(play, installed=2, periods=3, level=1)
    await smart.put(smart.profile(1, DEFAULT, (0, 6), (100, 8), (200, 10), duration=400))
    await smart.put(smart.profile(2, DEFAULT, (0, 7), (100, 9), level=1, duration=150))
    await smart.gives(350, (0, 7), (100, 9), (150, 8), (200, 10))


@case("TxDefaultProfile during a transaction", SMART)
async def tc_082(play: Play) -> None:
    """Errata 3.8: it counts at once, and not from the next transaction on."""
    smart = await ready(play, periods=2)
    await play.charging()
    await smart.put(smart.profile(1, DEFAULT, (0, 8), (100, 6)))
    await smart.gives(300, (0, 8), (100, 6))
