# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Charging profiles on flash that is full, fails or forgets, and files that nobody has written like that."""

import os

from host_tests.unit.charging_files import NOON, Flash, contents, opened, profile, shown, steps
from host_tests.unit.damage import Told
from host_tests.unit.expect import raises
from host_tests.unit.full_disk import FullDisk
from host_tests.unit.scratch import Scratch, exists, read, write
from station.charging_profile import DAILY, DEFAULT, MAX, RELATIVE, TX, packed
from store import overwrite
from store.record import Record

ACCEPTED, REJECTED = "Accepted", "Rejected"
EIO = OSError(5)


def files(path):
    return sorted(os.listdir(path + "/profiles"))


def kept(path):
    return {name: read(path + "/profiles/" + name) for name in files(path)}


def put(path, found):
    for name in files(path):
        os.remove(path + "/profiles/" + name)
    for name in found:
        write(path + "/profiles/" + name, found[name])


def three(path, **options):
    profiles = opened(path, **options)
    profiles.install(profile(7, 0, MAX, limit=300), NOON)
    profiles.install(profile(8, 1, DEFAULT, 3, kind=DAILY, start_s=NOON, limit=200), NOON)
    profiles.install(profile(9, 2, DEFAULT, 3, periods=steps((0, 100), (60, 80))), NOON)
    return profiles


# --- flash that takes nothing -------------------------------------------------------------------------------


def test_what_a_full_flash_does_not_take_is_rejected():
    with Scratch() as path:
        profiles = three(path)
        before, on_flash, revision = contents(profiles), kept(path), profiles.revision
        # A POSIX file system keeps the old content by writing beside it, as the simulated board does.
        overwrite.in_place = False
        try:
            with FullDisk(overwrite):
                for new in (profile(10, level=9), profile(7, limit=60), profile(8, 2, level=3, limit=60)):
                    assert profiles.install(new, NOON) == REJECTED
                    assert contents(profiles) == before and profiles.revision == revision
                    assert kept(path) == on_flash
                assert profiles.install(
                    profile(8, 1, DEFAULT, 3, kind=DAILY, start_s=NOON, limit=200), NOON
                ) == (ACCEPTED)  # it is there already
        finally:
            overwrite.in_place = True
        assert contents(opened(path)) == before
        assert profiles.install(profile(8, 2, level=3, limit=60), NOON) == ACCEPTED
        assert shown(opened(path)) == [[7, 300], [8, 60]]


def test_half_a_new_file_is_nothing_and_does_not_stay():
    with Scratch() as path:
        profiles = three(path)
        with FullDisk(overwrite):
            assert profiles.install(profile(10, level=9), NOON) == REJECTED
        assert files(path) == ["profile_0", "profile_1", "profile_2", "profile_3"]
        with Told():
            assert len(opened(path).all) == 3
        assert profiles.install(profile(11, level=9), NOON) == ACCEPTED
        assert [row[0] for row in shown(opened(path))] == [7, 8, 9, 11]


def test_the_first_one_on_a_flash_that_takes_nothing():
    with Scratch() as path, Flash() as flash:
        profiles = opened(path)
        flash.no_save = OSError(28)
        assert profiles.install(profile(7), NOON) == REJECTED
        assert profiles.all == []
        flash.no_save = None
        assert profiles.install(profile(7), NOON) == ACCEPTED
        assert len(opened(path).all) == 1


def test_a_moment_without_memory():
    with Scratch() as path, Flash() as flash:
        profiles = three(path)
        before = contents(profiles)
        flash.no_save = MemoryError("memory allocation failed")
        assert profiles.install(profile(7, limit=60), NOON) == REJECTED
        assert profiles.install(profile(10, level=9), NOON) == REJECTED
        assert contents(profiles) == contents(opened(path)) == before
        flash.no_save = None
        assert profiles.install(profile(7, limit=60), NOON) == ACCEPTED
        assert shown(opened(path))[0] == [7, 60]


def test_the_profile_of_a_remote_start_counts_without_flash():
    with Scratch() as path, Flash() as flash:
        profiles = three(path)
        flash.no_save = OSError(28)
        assert profiles.install(profile(10, 1, TX, transaction=3), NOON, True) == ACCEPTED
        assert [row[0] for row in shown(profiles)] == [7, 8, 9, 10]
        assert len(opened(path).all) == 3
        flash.no_save = None
        # Sent once more by SetChargingProfile, it is kept: what is Accepted is on flash.
        assert profiles.install(profile(10, 1, TX, transaction=3), NOON) == ACCEPTED
        assert len(profiles.all) == len(opened(path).all) == 4


def test_what_it_has_replaced_does_not_come_back():
    for gone in (lambda profiles: profiles.clear(8), lambda profiles: profiles.ended(3)):
        with Scratch() as path, Flash() as flash:
            profiles = three(path)
            flash.no_save = flash.no_remove = EIO
            assert profiles.install(profile(8, 1, TX, transaction=3), NOON, True) == ACCEPTED
            flash.no_save = flash.no_remove = None
            gone(profiles)
            assert shown(profiles) == shown(opened(path)) == [[7, 300], [9, 100]]


# --- flash that removes nothing -----------------------------------------------------------------------------


def test_what_cannot_be_removed_is_not_cleared():
    with Scratch() as path, Flash() as flash:
        profiles = three(path)
        before = contents(profiles)
        flash.no_remove = EIO
        raises(OSError, profiles.clear, 8)
        raises(OSError, profiles.clear)
        assert contents(profiles) == contents(opened(path)) == before
        assert profiles.clear(17) is False
        flash.no_remove = None
        assert profiles.clear(8) is True
        assert shown(opened(path)) == [[7, 300], [9, 100]]


def test_a_replaced_one_that_cannot_be_removed_does_not_count():
    with Scratch() as path, Flash() as flash:
        profiles = three(path)
        flash.no_remove = EIO
        assert profiles.install(profile(8, 2, DEFAULT, 3, limit=90), NOON) == ACCEPTED
        assert len(files(path)) == 3
        assert shown(profiles) == shown(opened(path)) == [[7, 300], [8, 90]]


def left_over(path, flash):
    """8 has replaced 9, whose file is still there."""
    profiles = three(path)
    flash.no_remove = EIO
    assert profiles.install(profile(8, 2, DEFAULT, 3, limit=90), NOON) == ACCEPTED
    assert len(files(path)) == 3
    return profiles


def test_nor_when_its_successor_is_cleared():
    for restart in (False, True):
        with Scratch() as path, Flash() as flash:
            profiles = left_over(path, flash)
            if restart:
                profiles = opened(path)
            raises(OSError, profiles.clear, 8)
            assert shown(opened(path)) == [[7, 300], [8, 90]]
            flash.no_remove = None
            assert profiles.clear(8) is True
            assert shown(opened(path)) == [[7, 300]]
            assert len(files(path)) == 1


def test_nor_when_its_successor_is_replaced():
    for restart in (False, True):
        with Scratch() as path, Flash() as flash:
            profiles = left_over(path, flash)
            if restart:
                profiles = opened(path)
            # Without 8 nothing would say on flash that 9 is over.
            assert profiles.install(profile(8, 1, DEFAULT, 0, limit=80), NOON) == REJECTED
            assert shown(profiles) == shown(opened(path)) == [[7, 300], [8, 90]]
            flash.no_remove = None
            assert profiles.install(profile(8, 1, DEFAULT, 0, limit=80), NOON) == ACCEPTED
            assert shown(profiles) == shown(opened(path)) == [[7, 300], [8, 80]]


def test_a_tx_profile_that_cannot_be_removed_is_over_all_the_same():
    with Scratch() as path, Flash() as flash:
        profiles = opened(path)
        for number in range(5):
            profiles.install(profile(number, 2, DEFAULT, number), NOON)
        profiles.install(profile(10, 1, TX, 1, transaction=3), NOON)
        for number in range(5):
            profiles.clear(number)
        flash.no_remove = EIO
        profiles.ended(3)
        assert profiles.all == []
        flash.no_remove = None
        # The next transaction's has its place and its number, and must be later than what is left of it.
        assert profiles.install(profile(10, 1, TX, 1, transaction=4, limit=90), NOON) == ACCEPTED
        later = opened(path)
        assert [(one.transaction, one.periods[1] >> 2) for one in later.all] == [(4, 90)]
        assert len(files(path)) == 1


def test_one_that_cannot_be_removed_leaves_no_profile_that_is_not_written():
    """No later serial number on flash would speak for it."""
    with Scratch() as path, Flash() as flash:
        profiles = three(path, resumes=False)
        flash.no_remove = EIO
        assert profiles.install(profile(8, 1, TX, transaction=3), NOON) == REJECTED
        assert shown(profiles) == shown(opened(path)) == [[7, 300], [8, 200], [9, 100]]


def test_a_tx_profile_that_is_found_at_a_start_and_cannot_be_removed():
    with Scratch() as path, Flash() as flash:
        opened(path).install(profile(10, 1, TX, 1, transaction=3), NOON)
        profiles = opened(path)
        flash.no_remove = EIO
        profiles.only([])
        assert profiles.all == []
        raises(OSError, profiles._sweep)
        flash.no_remove = None
        profiles.ended(17)
        assert files(path) == []


# --- flash that forgets -------------------------------------------------------------------------------------


def test_each_byte_of_each_file():
    """The profile hit is lost and nothing else; none says what nobody has sent."""
    with Scratch() as path:
        whole = contents(three(path))
        on_flash = kept(path)
        for name in on_flash:
            for at in range(len(on_flash[name])):
                for mask in (1 << at % 8, 0xFF):
                    content = on_flash[name]
                    content = content[:at] + bytes([content[at] ^ mask]) + content[at + 1 :]
                    write(path + "/profiles/" + name, content)
                    with Told() as told:
                        profiles = opened(path)
                    assert told == [name], (name, at, mask)
                    left = contents(profiles)
                    assert len(left) == 2 and [row for row in left if row not in whole] == []
                    assert name + ".bad" in files(path)
                    with Told() as told:
                        assert contents(opened(path)) == left
                    assert told == []  # it is told once
                    put(path, on_flash)


def test_a_file_cut_at_any_length():
    with Scratch() as path:
        whole = contents(three(path))
        on_flash = kept(path)
        name = "profile_1"
        for length in range(len(on_flash[name])):
            write(path + "/profiles/" + name, on_flash[name][:length])
            with Told() as told:
                profiles = opened(path)
            assert told == ([name] if length else [])
            assert contents(profiles) == [row for row in whole if row[0] != 8]
            assert name not in files(path)
            # Its place is free, and it can be sent again.
            assert profiles.install(profile(8, 1, DEFAULT, 3, limit=50), NOON) == ACCEPTED
            assert len(opened(path).all) == 3
            put(path, on_flash)


def test_files_that_cannot_be_read():
    with Scratch() as path, Flash() as flash:
        three(path)
        flash.no_load = ValueError("what")
        assert opened(path).all == []
        flash.no_load = None
        assert len(opened(path).all) == 3


def test_what_is_damaged_is_damaged_once_and_cleared_for_good():
    with Scratch() as path:
        profiles = three(path)
        write(path + "/profiles/profile_0", b"x" + read(path + "/profiles/profile_0"))
        with Told():
            profiles = opened(path)
        assert shown(profiles) == [[8, 200], [9, 100]]
        assert profiles.clear() is True
        assert opened(path).all == []
        assert files(path) == ["profile_0.bad"]


# --- files that nobody has written like that ----------------------------------------------------------------


def test_rows_that_are_none():
    good = packed(profile(7, 1, DEFAULT, 3))
    wrong = [None, 5, "x", {}, [], [good], good[:-1], good + [0], [None] * 14]
    for place in range(14):
        for value in ("x", [], {}, 1.5):
            row = list(good)
            row[place] = value
            wrong.append(row)
    for place, value in (
        (2, -1), (2, 3), (3, -1), (3, 3), (4, -1), (5, -1), (5, 4), (6, "w"), (6, None), (0, None), (1, None),
        (8, 0), (8, -5), (11, -1), (13, None), (13, [0]), (13, [0, 640, 5]), (13, [1, 640]), (13, [0, -4]),
        (13, [0, 640, 0, 640]), (13, [0, 640, 5, 640, 4, 640]), (13, [0, None]), (13, [None, 640]),
        (13, [0, 640, 1 << 40, 640]), (13, [-1, 640]), (13, [0.5, 640]), (13, ["0", 640]),
    ):  # fmt: skip
        row = list(good)
        row[place] = value
        wrong.append(row)
    for row in wrong:
        with Scratch() as path:
            three(path)
            Record(path + "/profiles/profile_1", 1).save(row)
            profiles = opened(path)
            assert shown(profiles) == [[7, 300], [9, 100]], row
            assert profiles.install(profile(10, level=9), NOON) == ACCEPTED
            assert profiles.clear(10) is True


def test_limits_beyond_what_fits_are_what_fits():
    with Scratch() as path:
        three(path)
        row = packed(profile(8, 1, DEFAULT, 3))
        row[13] = [0, (1 << 60) + 2]
        Record(path + "/profiles/profile_1", 1).save(row)
        found = [one.periods for one in opened(path).all if one.number == 8]
        assert [list(one) for one in found] == [[0, 0x7FFFFFF * 4 + 2]]


def test_impossible_profiles_are_left_out():
    wrong = [
        profile(8, 1, kind=RELATIVE, start_s=NOON),
        profile(8, 1, kind=DAILY),
        profile(8, 1, from_s=NOON, to_s=NOON),
        profile(8, 0, MAX, periods=steps((0, 160), (5, 100))),
    ]
    for one in wrong:
        with Scratch() as path:
            three(path)
            one.serial = 2
            Record(path + "/profiles/profile_1", 1).save(packed(one))
            assert shown(opened(path)) == [[7, 300], [9, 100]]


def test_other_names_are_none_of_ours():
    with Scratch() as path:
        three(path)
        base = path + "/profiles/"
        for name in (
            "profile_",
            "profile_x",
            "profile_1.new",
            "profile_1.bad",
            "profile_-1",
            "profil_4",
            "notes",
        ):
            write(base + name, b"whatever")
        os.mkdir(base + "profile_5")
        before = len(files(path))
        with Told() as told:
            profiles = opened(path)
        assert told == ["profile_5"]  # a file that cannot be read
        assert len(profiles.all) == 3
        assert len(files(path)) == before
        assert read(base + "notes") == read(base + "profile_x") == b"whatever"


def test_files_of_a_newer_firmware_stay_as_they_are():
    with Scratch() as path:
        three(path)
        newer = path + "/profiles/profile_1"
        Record(newer, 2).save({"of": "a later format"})
        content = read(newer)
        profiles = opened(path)
        assert shown(profiles) == [[7, 300], [9, 100]]
        for number in range(10, 14):
            assert profiles.install(profile(number, level=number), NOON) == ACCEPTED
        assert profiles.clear() is True
        assert read(newer) == content
        assert files(path) == ["profile_1"]


def test_the_profile_of_a_connector_that_is_gone_stays_on_flash():
    with Scratch() as path:
        three(path)
        fewer = opened(path, NumberOfConnectors=1)
        assert shown(fewer) == [[7, 300], [8, 200]]
        assert fewer.install(profile(10, level=9), NOON) == ACCEPTED
        assert shown(opened(path)) == [[7, 300], [8, 200], [9, 100], [10, 160]]


def test_two_that_exclude_each_other_the_later_serial_number_counts():
    for first, second in ((5, 6), (6, 5)):
        with Scratch() as path:
            os.mkdir(path + "/profiles")
            for slot, serial in ((3, first), (7, second)):
                one = profile(slot, 1, DEFAULT, 2, limit=serial * 10)
                one.serial = serial
                Record(path + "/profiles/profile_%d" % slot, 1).save(packed(one))
            profiles = opened(path)
            assert [one.periods[1] >> 2 for one in profiles.all] == [60]
            assert len(files(path)) == 1
            made = profile(9, level=9)
            profiles.install(made, NOON)
            assert made.serial == 7
            assert not exists(path + "/profiles/profile_1")


def test_a_file_that_is_as_large_as_a_file_may_be():
    with Scratch() as path:
        three(path)
        row = packed(profile(8, 1, DEFAULT, 3))
        row[13] = []
        for number in range(1200):
            row[13] += [number, 640]
        Record(path + "/profiles/profile_1", 1).save(row)
        profiles = opened(path)
        assert len(profiles.all) == 3  # whatever they are for, they are bounded


# --- what an earlier or a later station has left ------------------------------------------------------------


def test_a_name_with_a_nought_is_no_second_file_of_the_same_slot():
    with Scratch() as path:
        three(path)
        write(path + "/profiles/profile_01", b"whatever")
        for _ in range(2):
            assert shown(opened(path)) == [[7, 300], [8, 200], [9, 100]]
        assert read(path + "/profiles/profile_01") == b"whatever"


def test_what_was_set_while_a_connector_was_gone_is_later_than_its_profile():
    with Scratch() as path:
        three(path)
        assert opened(path).install(profile(9, 2, DEFAULT, 3, limit=110), NOON) == ACCEPTED
        fewer = opened(path, NumberOfConnectors=1)
        fewer.clear()
        assert fewer.install(profile(9, 1, limit=60), NOON) == ACCEPTED
        assert shown(opened(path)) == [[9, 60]]
