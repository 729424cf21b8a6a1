# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What a journal makes of files that are torn, damaged or not its own, and of a disk that is full."""

import os

import log
import store.journal
import store.overwrite
from host_tests.unit.expect import raises
from host_tests.unit.full_disk import FullDisk
from host_tests.unit.journal_files import HEADER_BYTES, drain, fill, segments
from host_tests.unit.scratch import Scratch, exists, read, write
from store.journal import Journal

# --- files ---


def test_a_torn_last_record_is_ignored_whatever_its_length():
    with Scratch() as path:
        fill(path, [b"first", b"second"])
        name = path + "/" + segments(path)[0]
        good = read(name)
        first = HEADER_BYTES + len(b"first")
        for length in range(first, len(good)):
            write(name, good[:length])
            journal = Journal(path)
            assert journal.peek() == (1, b"first")
            assert journal.append(b"third") >= 2
            assert drain(journal) == [b"first", b"third"], length
            assert Journal(path).peek() is None
            for rest in os.listdir(path):
                os.remove(path + "/" + rest)


def test_a_torn_only_record_is_ignored():
    with Scratch() as path:
        fill(path, [b"first"])
        name = path + "/" + segments(path)[0]
        good = read(name)
        for length in range(len(good)):
            write(name, good[:length])
            journal = Journal(path)
            assert journal.peek() is None, length
            journal.append(b"next")
            journal = Journal(path)
            assert drain(journal) == [b"next"]
            for rest in os.listdir(path):
                os.remove(path + "/" + rest)


def test_every_damaged_byte_costs_at_most_the_record_it_is_in():
    records = [b"alpha", b"beta" * 5, b"\xa5\xa5\xa5", b"delta"]
    with Scratch() as path:
        fill(path, records)
        name = path + "/" + segments(path)[0]
        good = read(name)
        ends = []
        end = 0
        for data in records:
            end += HEADER_BYTES + len(data)
            ends.append(end)
        for index in range(len(good)):
            hit = [index < end for end in ends].index(True)
            expected = records[:hit] + records[hit + 1 :]
            for flip in (0x01, 0x80, 0xFF):
                bad = bytearray(good)
                bad[index] ^= flip
                write(name, bad)
                journal = Journal(path)
                assert [data for _, data in journal.iterate()] == expected, (index, flip)
                assert drain(journal) == expected, (index, flip)
                assert journal.damaged == 1
                assert " E " in log.lines()[-1] and "unreadable" in log.lines()[-1]
                assert read(path + "/damaged.bad") == bytes(bad)
                for rest in os.listdir(path):
                    os.remove(path + "/" + rest)


def test_damage_in_one_segment_leaves_the_others_alone():
    with Scratch() as path:
        fill(path, [b"%03d" % number for number in range(40)], 60)
        names = segments(path)
        write(path + "/" + names[1], b"\xa5" * 56)
        os.remove(path + "/" + names[3])
        journal = Journal(path, 60)
        found = drain(journal)
        expected = [b"%03d" % number for number in range(40) if number // 4 not in (1, 3)]
        assert found == expected
        assert journal.depth == 0
        assert segments(path) == names[-1:]


def test_one_damaged_copy_of_the_head_is_no_loss():
    with Scratch() as path:
        fill(path, [b"a", b"b", b"c"]).drop({"tries": 1})
        good = read(path + "/head")
        for index in range(len(good)):
            bad = bytearray(good)
            bad[index] ^= 0x41
            write(path + "/head", bad)
            journal = Journal(path)
            assert journal.peek() == (2, b"b"), index
            assert journal.head_note == {"tries": 1}


def test_a_lost_head_delivers_again_rather_than_not_at_all():
    with Scratch() as path:
        fill(path, [b"a", b"b", b"c"]).drop()
        write(path + "/head", b"rubbish")
        journal = Journal(path)
        assert journal.damaged == 1
        assert exists(path + "/head.bad")
        assert drain(journal) == [b"a", b"b", b"c"]
        assert journal.append(b"d") == 4


def test_an_empty_head_file_is_a_new_one():
    with Scratch() as path:
        fill(path, [b"a", b"b"])
        write(path + "/head", b"")
        journal = Journal(path)
        assert journal.damaged == 0
        assert journal.peek() == (1, b"a")


def test_a_segment_that_the_head_has_passed_is_removed_at_start():
    with Scratch() as path:
        journal = fill(path, [b"%d" % number for number in range(9)], 40)
        old = [(name, read(path + "/" + name)) for name in segments(path)]
        assert len(old) == 3
        for _ in range(7):
            journal.drop()
        for name, content in old[:2]:
            write(path + "/" + name, content)  # the power went between writing the head and removing these
        journal = Journal(path, 40)
        assert segments(path) == [old[2][0]]
        assert drain(journal) == [b"7", b"8"]


def test_an_empty_new_segment_is_used_again():
    with Scratch() as path:
        fill(path, [b"a" * 20] * 2, 30)
        write(path + "/00000003.seg", b"")
        journal = Journal(path, 30)
        assert journal.append(b"c") == 3
        assert segments(path) == ["00000001.seg", "00000002.seg", "00000003.seg"]
        assert drain(Journal(path, 30)) == [b"a" * 20, b"a" * 20, b"c"]


def test_foreign_files_are_left_alone():
    with Scratch() as path:
        for name in ("readme", "zzzzzzzz.seg", "1.seg", "00000001.seg.bad"):
            write(path + "/" + name, b"x")
        journal = fill(path, [b"a"])
        assert drain(journal) == [b"a"]
        Journal(path)
        expected = ["00000001.seg", "00000001.seg.bad", "1.seg", "head", "readme", "zzzzzzzz.seg"]
        assert sorted(os.listdir(path)) == expected


def test_unfinished_files_are_removed_at_start():
    with Scratch() as path:
        fill(path, [b"a"])
        for name in ("head.new", "00000001.seg.new", "thinned.new"):
            write(path + "/" + name, b"half")
        assert Journal(path).peek() == (1, b"a")
        assert sorted(os.listdir(path)) == ["00000001.seg"]


# --- a full disk ---


def test_a_failed_append_appends_nothing_and_breaks_nothing():
    with Scratch() as path:
        journal = fill(path, [b"a"])
        with FullDisk(store.journal):
            raises(OSError, journal.append, b"lost")
            raises(OSError, journal.append, b"lost too")
        journal.append(b"b")
        journal.append(b"c")
        assert [data for _, data in journal.iterate()] == [b"a", b"b", b"c"]
        journal = Journal(path)
        assert drain(journal) == [b"a", b"b", b"c"]
        assert len(segments(path)) == 1


def test_a_full_disk_does_not_fill_with_segments():
    with Scratch() as path:
        journal = fill(path, [b"a"])
        with FullDisk(store.journal):
            for _ in range(20):
                raises(OSError, journal.append, b"lost")
        assert segments(path) == ["00000001.seg"]
        assert journal.append(b"b") == 22
        assert drain(journal) == [b"a", b"b"]
        assert journal.depth == 0


def test_a_failed_first_append():
    with Scratch() as path:
        journal = Journal(path)
        with FullDisk(store.journal):
            raises(OSError, journal.append, b"lost")
        assert journal.peek() is None
        journal.append(b"a")
        assert drain(Journal(path)) == [b"a"]


def test_a_drop_that_cannot_be_kept_is_said_and_comes_back_after_a_restart():
    with Scratch() as path:
        journal = fill(path, [b"a", b"b"])
        with FullDisk(store.overwrite):
            raises(OSError, journal.drop)
        assert journal.peek() == (2, b"b")
        os.remove(path + "/head")  # on littlefs the old head would still be there
        assert Journal(path).peek() == (1, b"a")


def test_a_directory_that_cannot_be_made_is_reported_by_the_first_append():
    with Scratch() as path:
        journal = Journal(path + "/missing/journal")
        assert journal.peek() is None
        raises(OSError, journal.append, b"a")


def test_numbers_of_failed_appends_do_not_outrun_the_head():
    with Scratch() as path:
        journal = fill(path, [b"a"])
        journal.drop()
        with FullDisk(store.overwrite):
            for _ in range(100):
                raises(OSError, journal.append, b"lost")
        assert journal.depth == 0
        last = journal.append(b"b")
        assert journal.depth == 1
        write(path + "/00000001.seg", b"rubbish")
        assert Journal(path).append(b"c") > last


def test_depth_does_not_count_what_was_refused():
    with Scratch() as path:
        journal = fill(path, [b"a"])
        with FullDisk(store.journal):
            for _ in range(5):
                raises(OSError, journal.append, b"lost")
        assert journal.depth == 1
        journal.append(b"b")
        assert journal.depth == 2
        journal.drop()
        assert journal.depth == 1
        journal.drop(lazy=True)
        assert journal.depth == 0
