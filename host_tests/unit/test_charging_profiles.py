# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The charging profiles that are installed: what replaces what, what there is room for, what is cleared, what
ends, and that it outlives restarts. On flash that fails or forgets: test_charging_profiles_damage.
"""

import os

from host_tests.unit.charging_files import (
    NOON,
    Cut,
    Flash,
    contents,
    opened,
    profile,
    shown,
    steps,
)
from host_tests.unit.expect import raises
from host_tests.unit.scratch import Scratch, exists, read
from station.charging_profile import DAILY, DEFAULT, MAX, RELATIVE, TX, WEEKLY, Implausible, packed

ACCEPTED, REJECTED = "Accepted", "Rejected"


def files(path):
    return sorted(os.listdir(path + "/profiles"))


def long_schedule(periods=32, step_s=900):
    return steps(*[(number * step_s, 60 + 7 * number) for number in range(periods)])


# --- over a restart -----------------------------------------------------------------------------------------


def test_none_at_first():
    with Scratch() as path:
        assert opened(path).all == []
        assert opened(path).clear() is False
        assert not exists(path + "/profiles")  # it is made with the first


def test_what_is_accepted_is_there_after_a_restart():
    with Scratch() as path:
        profiles = opened(path)
        assert profiles.install(profile(7, limit=123), NOON) == ACCEPTED
        assert profiles.install(profile(8, 0, limit=61), NOON) == ACCEPTED
        assert shown(profiles) == shown(opened(path)) == [[7, 123], [8, 61]]
        assert files(path) == ["profile_0", "profile_1"]


def test_each_word_of_a_profile_is_kept():
    with Scratch() as path:
        profiles = opened(path)
        made = [
            profile(-5, 0, MAX, 99, unit="W", limit=1234567),
            profile(
                2147483647, 2, DEFAULT, 3, kind=DAILY, start_s=-7, duration_s=86400, periods=long_schedule()
            ),
            profile(3, 1, DEFAULT, 4, kind=WEEKLY, start_s=NOON, from_s=NOON - 1, to_s=253402300799),
            profile(4, 1, TX, 5, kind=RELATIVE, transaction=12, least=65, duration_s=2147483647),
            profile(5, 1, DEFAULT, 6, limit=0, to_s=NOON + 1),
        ]
        made[3].periods[1] = 320 * 4 + 3  # numberPhases
        for one in made:
            assert profiles.install(one, NOON) == ACCEPTED
        before = contents(profiles)
        again = opened(path)
        assert contents(again) == before
        assert sorted([one.serial for one in again.all]) == [1, 2, 3, 4, 5]
        assert [one.periods for one in again.all if one.number == 2147483647] == [long_schedule()]


def test_a_simple_one_needs_no_block_of_its_own():
    with Scratch() as path:
        profiles = opened(path)
        profiles.install(
            profile(1234567890, 2, TX, 99, start_s=NOON, to_s=NOON + 86400, transaction=123456), NOON
        )
        assert len(read(path + "/profiles/profile_0")) <= 128


def test_nothing_is_kept_without_a_directory():
    profiles = opened(None)
    assert profiles.install(profile(7), NOON) == ACCEPTED
    assert profiles.install(profile(7, limit=100), NOON) == ACCEPTED
    assert shown(profiles) == [[7, 100]]
    assert profiles.clear(7) is True
    assert profiles.all == []


def test_the_same_once_more_is_not_written():
    with Scratch() as path, Flash() as flash:
        profiles = opened(path)
        profiles.install(profile(7, periods=long_schedule()), NOON)
        revision, saves = profiles.revision, flash.saves
        for _ in range(10):
            assert profiles.install(profile(7, periods=long_schedule()), NOON) == ACCEPTED
        assert (flash.saves, flash.removals, profiles.revision) == (saves, 0, revision)
        assert len(profiles.all) == 1


def test_what_differs_anywhere_is_written():
    changes = [
        {"level": 1},
        {"connector": 2},
        {"unit": "W"},
        {"kind": RELATIVE},
        {"duration_s": 60},
        {"from_s": NOON},
        {"to_s": NOON + 60},
        {"least": 60},
        {"periods": steps((0, 160), (1, 60))},
        {"periods": steps((0, 161))},
    ]
    for change in changes:
        with Scratch() as path:
            profiles = opened(path)
            profiles.install(profile(7), NOON)
            revision = profiles.revision
            assert profiles.install(profile(7, **change), NOON) == ACCEPTED
            assert profiles.revision != revision
            assert contents(opened(path)) == [packed(profile(7, **change))[1:]], change


def test_each_change_has_another_revision():
    profiles = opened(None)
    seen = [profiles.revision]
    for change in (
        lambda: profiles.install(profile(7), NOON),
        lambda: profiles.install(profile(8, purpose=TX, transaction=3), NOON),
        lambda: profiles.ended(3),
        lambda: profiles.clear(7),
    ):
        change()
        assert profiles.revision not in seen
        seen.append(profiles.revision)


# --- what replaces what -------------------------------------------------------------------------------------


def test_the_same_number_replaces_wherever_it_is():
    with Scratch() as path:
        profiles = opened(path)
        for new in (
            profile(7, 2),
            profile(7, 0, level=5),
            profile(7, 0, MAX, 9),
            profile(7, 1, TX, transaction=3),
        ):
            assert profiles.install(new, NOON) == ACCEPTED
            assert contents(profiles) == contents(opened(path)) == [packed(new)[1:]]
            assert len(files(path)) == 1


def test_the_same_purpose_level_and_connector_replace():
    with Scratch() as path:
        profiles = opened(path)
        profiles.install(profile(7, level=3, limit=100), NOON)
        profiles.install(profile(8, level=3, limit=110), NOON)
        assert shown(profiles) == shown(opened(path)) == [[8, 110]]
        for other in (
            profile(9, level=4),
            profile(10, 2, level=3),
            profile(11, 0, level=3),
            profile(12, 0, MAX, 3),
        ):
            profiles.install(other, NOON)
        profiles.install(profile(13, purpose=TX, level=3, transaction=3), NOON)
        assert [row[0] for row in shown(opened(path))] == [8, 9, 10, 11, 12, 13]


def test_one_replaces_two():
    """The one with its number, and the one in its place."""
    with Scratch() as path:
        profiles = opened(path)
        profiles.install(profile(7, level=3, limit=100), NOON)
        profiles.install(profile(8, level=4, limit=110), NOON)
        profiles.install(profile(9, level=5, limit=120), NOON)
        assert profiles.install(profile(7, level=4, limit=130), NOON) == ACCEPTED
        assert shown(profiles) == shown(opened(path)) == [[7, 130], [9, 120]]
        assert len(files(path)) == 2


def test_a_power_cut_while_one_replaces_two_leaves_the_old_or_the_new():
    seen = []
    for operations in range(4):
        with Scratch() as path, Flash() as flash:
            profiles = opened(path)
            profiles.install(profile(7, level=3, limit=100), NOON)
            profiles.install(profile(8, level=4, limit=110), NOON)
            flash.cut_after = operations
            try:
                profiles.install(profile(7, level=4, limit=130), NOON)
            except Cut:
                pass
            flash.cut_after = None
            later = opened(path)
            seen.append(shown(later))
            assert seen[-1] in ([[7, 100], [8, 110]], [[7, 130]]), seen
            # What the cut has left behind does not come back when the new one goes.
            later.clear(7)
            assert [7, 100] not in shown(opened(path)) and [7, 130] not in shown(opened(path))
    assert seen[0] != seen[1] and seen[-1] == [[7, 130]]


def test_a_later_one_counts_whatever_file_it_is_in():
    with Scratch() as path:
        profiles = opened(path)
        profiles.install(profile(1, level=1), NOON)
        profiles.install(profile(2, level=2, limit=100), NOON)
        old = read(path + "/profiles/profile_1")
        profiles.clear(1)
        profiles.install(profile(3, level=3), NOON)  # into the first file
        profiles.install(profile(2, level=3, limit=110), NOON)  # replaces both
        assert len(files(path)) == 1
        name = files(path)[0]
        other = "profile_1" if name == "profile_0" else "profile_0"
        with open(path + "/profiles/" + other, "wb") as file:
            file.write(old)  # it was not removed
        assert shown(opened(path)) == [[2, 110]]
        assert files(path) == [name]  # and is, now


def test_the_serial_number_is_above_all_that_are_on_flash():
    with Scratch() as path:
        for number in range(12):
            profiles = opened(path)
            for other in (number, 100 + number):
                others = [one.serial for one in profiles.all]
                made = profile(other, level=number % 3 + other // 100)
                profiles.install(made, NOON)
                assert made.serial > max(others or [0])
            if number % 4 == 3:
                profiles.clear(100 + number)
        assert len(files(path)) == len(opened(path).all) == 3


# --- what there is room for ---------------------------------------------------------------------------------


def test_what_the_station_cannot_do_is_rejected():
    with Scratch() as path:
        keys = {"ChargeProfileMaxStackLevel": 8, "ChargingScheduleMaxPeriods": 3}
        profiles = opened(path, ChargingScheduleAllowedChargingRateUnit=("Power",), **keys)
        good = {"level": 8, "unit": "W", "periods": long_schedule(3)}
        assert profiles.install(profile(1, **good), NOON) == ACCEPTED
        for change in ({"level": 9}, {"level": -1}, {"unit": "A"}, {"periods": long_schedule(4)}):
            facts = dict(good)
            facts.update(change)
            assert profiles.install(profile(1, **facts), NOON) == REJECTED, change
            assert profiles.install(profile(2, **facts), NOON) == REJECTED, change
        assert contents(opened(path, **keys)) == [packed(profile(1, **good))[1:]]


def test_what_cannot_be_meant_is_rejected():
    wrong = [
        {"kind": DAILY},
        {"kind": WEEKLY},
        {"kind": RELATIVE, "start_s": NOON},
        {"duration_s": 0},
        {"duration_s": -1},
        {"from_s": NOON + 5, "to_s": NOON + 5},
        {"from_s": NOON + 6, "to_s": NOON + 5},
        {"to_s": NOON},
        {"least": -1},
        {"connector": 0, "purpose": MAX, "kind": RELATIVE, "duration_s": 5},
        {"connector": 0, "purpose": MAX, "periods": steps((0, 160), (60, 100))},
    ]
    profiles = opened(None)
    for facts in wrong:
        assert profiles.install(profile(1, **facts), NOON) == REJECTED, facts
        raises(Implausible, profiles.judge, profile(1, **facts), NOON)
    assert profiles.all == []
    assert profiles.install(profile(1, to_s=NOON), None) == ACCEPTED  # nobody knows that it is over


def test_so_many_and_no_more():
    with Scratch() as path:
        profiles = opened(path, MaxChargingProfilesInstalled=3)
        for number in range(3):
            assert profiles.install(profile(number, level=number), NOON) == ACCEPTED
        assert profiles.install(profile(3, level=3), NOON) == REJECTED
        assert profiles.install(profile(3, level=2), NOON) == ACCEPTED  # in the place of one
        assert profiles.install(profile(1, level=5), NOON) == ACCEPTED
        assert [row[0] for row in shown(opened(path))] == [0, 1, 3]
        profiles.clear(0)
        assert profiles.install(profile(4, level=9), NOON) == ACCEPTED


def test_what_is_over_for_ever_makes_room():
    with Scratch() as path:
        profiles = opened(path, MaxChargingProfilesInstalled=3)
        profiles.install(profile(0, level=0, to_s=NOON + 10), NOON)
        profiles.install(profile(1, level=1, start_s=NOON, duration_s=10), NOON)
        profiles.install(profile(2, level=2, kind=DAILY, start_s=NOON, duration_s=10), NOON)
        assert profiles.install(profile(3, level=3), NOON + 9) == REJECTED
        assert profiles.install(profile(3, level=3), None) == REJECTED  # nobody knows what time it is
        assert profiles.install(profile(3, level=3), NOON + 10) == ACCEPTED
        assert profiles.install(profile(4, level=4), NOON + 10) == ACCEPTED
        assert profiles.install(profile(5, level=5), NOON + 10) == REJECTED
        assert [row[0] for row in shown(opened(path))] == [2, 3, 4]


def test_where_there_is_room_what_is_over_stays():
    profiles = opened(None, MaxChargingProfilesInstalled=3)
    profiles.install(profile(0, level=0, to_s=NOON + 10), NOON)
    profiles.install(profile(1, level=1), NOON + 10)
    assert [row[0] for row in shown(profiles)] == [0, 1]


def test_more_than_allowed_are_found_and_stay():
    """The station was described anew."""
    with Scratch() as path:
        profiles = opened(path)
        for number in range(5):
            profiles.install(profile(number, level=number, periods=long_schedule(4)), NOON)
        fewer = opened(path, MaxChargingProfilesInstalled=3, ChargingScheduleMaxPeriods=2)
        assert len(fewer.all) == 5
        assert fewer.install(profile(9, level=9), NOON) == REJECTED
        fewer.clear(None, None, None, 0)
        fewer.clear(None, None, None, 1)
        assert fewer.install(profile(9, level=9), NOON) == REJECTED
        fewer.clear(None, None, None, 2)
        assert fewer.install(profile(9, level=9), NOON) == ACCEPTED


# --- ClearChargingProfile -----------------------------------------------------------------------------------


def some(path):
    profiles = opened(path)
    for one in (
        profile(1, 0, MAX, 0),
        profile(2, 0, DEFAULT, 0),
        profile(3, 1, DEFAULT, 0),
        profile(4, 1, DEFAULT, 1),
        profile(5, 2, DEFAULT, 1),
        profile(6, 1, TX, 1, transaction=3),
    ):
        assert profiles.install(one, NOON) == ACCEPTED
    return profiles


def test_cleared_is_what_all_criteria_say():
    rows = [
        ((None, None, None, None), [1, 2, 3, 4, 5, 6]),
        ((3, None, None, None), [3]),
        ((3, 2, MAX, 17), [3]),  # errata 3.25: with an id nothing else counts
        ((17, 1, None, None), []),
        ((None, 0, None, None), [1, 2]),  # installed on the station
        ((None, 1, None, None), [3, 4, 6]),
        ((None, None, DEFAULT, None), [2, 3, 4, 5]),
        ((None, None, MAX, None), [1]),
        ((None, None, None, 1), [4, 5, 6]),
        ((None, 1, DEFAULT, None), [3, 4]),
        ((None, 1, DEFAULT, 1), [4]),
        ((None, 1, None, 0), [3]),
        ((None, 2, DEFAULT, 0), []),
        ((None, 3, None, None), []),
        ((None, None, None, 2), []),
    ]
    for criteria, cleared in rows:
        with Scratch() as path:
            profiles = some(path)
            assert profiles.clear(*criteria) is bool(cleared), criteria
            left = [number for number in range(1, 7) if number not in cleared]
            assert [row[0] for row in shown(profiles)] == left, criteria
            assert [row[0] for row in shown(opened(path))] == left, criteria
            assert len(files(path)) == len(left)
            assert profiles.clear(*criteria) is False


def test_a_power_cut_while_several_are_cleared_changes_none():
    for operations in range(3):
        with Scratch() as path, Flash() as flash:
            profiles = some(path)
            before = contents(profiles)
            flash.cut_after = operations
            raises(Cut, profiles.clear, None, 1)
            flash.cut_after = None
            left = contents(opened(path))
            assert len(left) == 6 - operations
            assert [row for row in left if row not in before] == []


# --- TxProfiles ---------------------------------------------------------------------------------------------


def test_a_tx_profile_ends_with_its_transaction():
    with Scratch() as path:
        profiles = opened(path)
        profiles.install(profile(1, 1, TX, 1, transaction=3), NOON)
        profiles.install(profile(2, 1, TX, 2, transaction=3), NOON)
        profiles.install(profile(3, 2, TX, 1, transaction=4), NOON)
        profiles.install(profile(4, 1, DEFAULT, 1), NOON)
        profiles.ended(5)
        assert len(profiles.all) == 4
        profiles.ended(3)
        assert [row[0] for row in shown(profiles)] == [row[0] for row in shown(opened(path))] == [3, 4]
        profiles.only([])
        assert [row[0] for row in shown(profiles)] == [row[0] for row in shown(opened(path))] == [4]
        assert len(files(path)) == 1


def test_it_outlives_a_power_cut_where_its_transaction_does():
    with Scratch() as path:
        opened(path).install(profile(1, 1, TX, 1, transaction=3), NOON)
        later = opened(path)
        later.only([3])
        assert [one.transaction for one in later.all] == [3]
        later = opened(path)
        later.only([4])
        assert later.all == opened(path).all == []


def test_it_is_not_written_where_its_transaction_ends_with_the_power():
    with Scratch() as path, Flash() as flash:
        profiles = opened(path, resumes=False)
        assert profiles.install(profile(1, 1, TX, 1, transaction=3), NOON) == ACCEPTED
        assert profiles.install(profile(1, 1, TX, 1, transaction=3), NOON) == ACCEPTED
        assert shown(profiles) == [[1, 160]]
        assert flash.saves == 0 and opened(path, resumes=False).all == []
        profiles.install(profile(1, 1, DEFAULT), NOON)  # replaces it, and is kept
        assert len(profiles.all) == len(opened(path).all) == 1


def test_one_that_is_not_written_takes_what_it_replaces_from_flash():
    with Scratch() as path:
        profiles = opened(path, resumes=False)
        profiles.install(profile(1, 1, DEFAULT, limit=100), NOON)
        profiles.install(profile(1, 1, TX, transaction=3, limit=110), NOON)
        assert shown(profiles) == [[1, 110]]
        assert opened(path).all == []


def test_the_same_schedule_for_the_next_transaction_is_another_profile():
    with Scratch() as path:
        profiles = opened(path)
        profiles.install(profile(1, 1, TX, transaction=3), NOON)
        profiles.install(profile(1, 1, TX, transaction=4), NOON)
        assert [one.transaction for one in opened(path).all] == [4]
        profiles.ended(3)
        assert len(profiles.all) == 1
