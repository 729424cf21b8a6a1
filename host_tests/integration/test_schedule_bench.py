# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""`make schedule-bench`, less what needs an image: the profiles that it sets, and the heap on the host."""

import random
from typing import Any

import pytest

from bench.messages import violation
from emulator import schedule_bench, schedule_mix
from ocpp16.smart_charging import read
from station.charging_profile import TX, check
from station.clock import Clock
from station.composite import Place, compose

NOW_S = 1790000000


def installed(seed: int) -> list[Any]:
    profiles = []
    for payload in schedule_mix.payloads(NOW_S, random.Random(seed)):
        assert violation("call", "SetChargingProfile", payload) is None
        profile = read(payload["csChargingProfiles"], payload["connectorId"], Clock(1, 0))
        check(profile, NOW_S)
        if profile.purpose == TX:
            profile.transaction = 1
        profiles.append(profile)
    return profiles


def day(profiles: list[Any]) -> list[int]:
    place = Place(1, 1, 230)
    place.local_da = 320
    place.transaction = 1
    place.begun_s = NOW_S
    return list(compose(profiles, place, NOW_S, schedule_mix.DAY_S, "W").periods)


@pytest.mark.parametrize("seed", range(5))
def test_the_profiles_are_what_a_station_takes_and_each_counts(seed):
    profiles = installed(seed)
    assert len(profiles) == 10 and all(len(profile.periods) == 2 * 32 for profile in profiles)
    assert not any(one.excludes(other) for one in profiles for other in profiles if one is not other)
    assert {profile.unit for profile in profiles} == {"A", "W"}
    assert {profile.kind for profile in profiles} == {0, 1, 2, 3}
    whole = day(profiles)
    assert len(whole) > 2 * 180
    for profile in profiles:
        assert day([one for one in profiles if one is not profile]) != whole, profile.describe()


def test_their_boundaries_do_not_coincide():
    places = []
    for profile in installed(1):
        begin_s = NOW_S if profile.start_s is None else profile.start_s
        places += [(begin_s + start_s) % schedule_mix.DAY_S for start_s in profile.periods[2::2]]
    assert len(places) == 310 and len(set(places)) == 310


def test_the_heap_on_the_host(capsys):
    assert schedule_bench.on_host(2, 1)
    said = capsys.readouterr().out
    assert "10 profiles, 320 periods" in said and "24 hours, connector 0" in said


TOLD: dict[str, Any] = {
    "profiles": 10,
    "periods": 320,
    "installed": 5000,
    "day": [[149000, 150000], 12288, 232],
    "station": [[100], 100, 233],
    "answer": [[900000], 90000, 100],
    "now": [[900000], 90000, 1],
    "step": [50.5, 0],
}


@pytest.mark.parametrize(
    ("name", "row", "met", "met_on_host"),
    [
        ("day", [[149000, 150000], 12288, 232], True, True),
        ("day", [[149000, 150001], 12288, 232], False, True),
        ("station", [[100, 150001], 100, 232], False, True),
        ("day", [[100], 12289, 232], False, False),
        ("station", [[100], 12289, 232], False, False),
        ("step", [50.5, 16], False, False),
    ],
)
def test_an_aim_that_is_missed_is_told(name, row, met, met_on_host):
    told = {**TOLD, name: row}
    assert schedule_bench.show(told, True) is met
    assert schedule_bench.show(told, False) is met_on_host
