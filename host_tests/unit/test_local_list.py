# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
import gc
import os

import log
from host_tests.unit.expect import raises
from host_tests.unit.local_lists import (
    ACCEPTED,
    BLOCKED,
    NOW,
    Short,
    added,
    differential,
    finished,
    found,
    full,
    many,
    opened,
)
from host_tests.unit.open_files import OpenFiles
from host_tests.unit.scratch import Scratch, exists
from station import list_update, local_list
from station.authorization import IdTagInfo
from station.local_list import LocalList
from store import overwrite, record
from store.record import NewerVersion, Record

TAGS = ("A", "B", "C", "D")


def files(path):
    return sorted(os.listdir(path))


def state(local_list):
    return (local_list.version, local_list.size, found(local_list, TAGS))


EMPTY = (0, 0, {})


def test_at_first_it_is_empty_and_makes_no_files():
    with Scratch() as path:
        local_list = opened(path + "/list")
        assert state(local_list) == EMPTY
        assert not exists(path + "/list")
        assert differential(local_list, 0) == "VersionMismatch"
        assert files(path + "/list") == []


def test_a_full_list_replaces_all_and_survives():
    with Scratch() as path:
        local_list = opened(path)
        assert full(local_list, 7, [("b", BLOCKED), ("A", ("Invalid", None, ""))]) == "Accepted"
        wanted = (7, 2, {"A": ("Invalid", None, ""), "B": BLOCKED})
        assert state(local_list) == wanted
        assert state(opened(path)) == wanted
        assert full(local_list, 2, [("C", ("Accepted", 0, None))]) == "Accepted"
        assert state(opened(path)) == state(local_list) == (2, 1, {"C": ("Accepted", 0, None)})
        assert len(files(path)) == 2


def test_tags_are_found_in_any_case():
    with Scratch() as path:
        local_list = opened(path)
        full(local_list, 1, [("fReD", ACCEPTED)])
        for tag in ("FRED", "fred", "Fred"):
            assert local_list.lookup(tag).status == "Accepted"
        for tag in ("FREDX", "FRE", "", "F" * 21, "FRED\0", "ü" * 20):
            assert local_list.lookup(tag) is None, tag


def test_what_was_sent_comes_back():
    entries = []
    for status in ("Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"):
        for expiry in (None, 0, NOW, NOW * 100, -62135596800000):
            for parent in (None, "", "x" * 20, "Über"):
                entries.append(("T%d" % len(entries), (status, expiry, parent)))
    with Scratch() as path:
        assert full(opened(path), 1, entries) == "Accepted"
        assert found(opened(path), [tag for tag, _ in entries]) == dict(entries)


def test_an_empty_full_list_has_version_0():  # TC_042_2
    with Scratch() as path:
        local_list = opened(path)
        assert full(local_list, 1) == "Accepted"
        assert state(local_list) == state(opened(path)) == EMPTY
        full(local_list, 3, [("A", ACCEPTED)])
        assert full(local_list, 4) == "Accepted"
        assert state(local_list) == state(opened(path)) == EMPTY
        assert files(path) == ["head"]


def test_versions():  # TC_043_2
    with Scratch() as path:
        local_list = opened(path)
        assert full(local_list, 2, [("A", ACCEPTED)]) == "Accepted"
        assert differential(local_list, 5, [("B", BLOCKED)]) == "Accepted"
        wanted = (5, 2, {"A": ACCEPTED, "B": BLOCKED})
        for version in (4, 5, 0, -1):
            assert differential(local_list, version, [("C", ACCEPTED)]) == "VersionMismatch"
            assert state(local_list) == state(opened(path)) == wanted
        for version in (0, -1):
            assert full(local_list, version, [("C", ACCEPTED)]) == "Failed"
            assert full(local_list, version) == "Failed"
            assert state(local_list) == state(opened(path)) == wanted


def test_a_differential_changes_adds_and_deletes():
    with Scratch() as path:
        local_list = opened(path)
        full(local_list, 1, [("A", ACCEPTED), ("B", ACCEPTED)])
        assert differential(local_list, 2, [("b", BLOCKED), ("C", ACCEPTED), ("a", None)]) == "Accepted"
        assert state(opened(path)) == (2, 2, {"B": BLOCKED, "C": ACCEPTED})
        assert differential(local_list, 3, [("D", None), ("A", None)]) == "Accepted"  # are not there
        assert state(opened(path)) == (3, 2, {"B": BLOCKED, "C": ACCEPTED})
        assert differential(local_list, 4) == "Accepted"
        assert state(opened(path)) == (4, 2, {"B": BLOCKED, "C": ACCEPTED})


def test_an_empty_list_has_version_0_whatever_emptied_it():  # section 5.10
    with Scratch() as path:
        local_list = opened(path)
        assert differential(local_list, 3) == "Accepted"  # there was none
        assert state(local_list) == state(opened(path)) == EMPTY
        for entries in ([("A", ACCEPTED)], [("A", ACCEPTED)] + many(100)):
            full(local_list, 1, entries)
            assert differential(local_list, 9, [(tag, None) for tag, _ in entries]) == "Accepted"
            assert state(local_list) == state(opened(path)) == EMPTY
            assert files(path) == ["head"]
            assert differential(local_list, 0, [("A", ACCEPTED)]) == "VersionMismatch"
            assert differential(local_list, 1, [("A", ACCEPTED)]) == "Accepted"
            assert state(opened(path)) == (1, 1, {"A": ACCEPTED})


def test_what_cannot_be_is_refused_and_changes_nothing():
    too_long = "x" * 21
    with Scratch() as path:
        local_list = opened(path, 50, 45)
        full(local_list, 1, [("A", ACCEPTED)])
        wanted = state(local_list)
        before = files(path)
        for is_full, entries in (
            (True, [("B", ACCEPTED), ("C", None)]),  # a full list deletes nothing
            (True, [("B", ACCEPTED), ("b", BLOCKED)]),
            (False, [("B", ACCEPTED), ("b", None)]),
            (False, [("x", ACCEPTED)] + many(42) + [("X", ACCEPTED)]),  # far apart
            (True, [("", ACCEPTED)]),
            (True, [(too_long, ACCEPTED)]),
            (True, [("B\0", ACCEPTED)]),
            (True, [("B", ("Accepted", None, too_long))]),
            (True, [("B", ("Great", None, None))]),
            (True, many(46)),
            (False, many(46)),
        ):
            update = added(local_list, entries)
            assert finished(update, 2, is_full) == "Failed", entries
            assert update.failed, entries
            assert state(local_list) == state(opened(path, 50, 45)) == wanted
            assert files(path) == before
        assert differential(local_list, 2, many(45)) == "Accepted"
        assert local_list.size == 46
        assert differential(local_list, 3, many(5, 45)) == "Failed"  # 51
        assert differential(local_list, 3, [("A", None)] + many(5, 45)) == "Accepted"
        assert local_list.size == 50


def test_after_a_failure_nothing_more_is_kept():
    with Scratch() as path:
        local_list = opened(path)
        update = added(local_list, many(90) + [("", ACCEPTED)])
        assert files(path) == []
        for number in range(200):
            update.add("M%d" % number, None)
        assert files(path) == []
        assert "1 to 20" in update.failed
        assert finished(update, 1, True) == "Failed"


def test_a_large_list_in_any_order():
    entries = many(900)
    with Scratch() as path:
        local_list = opened(path)
        with OpenFiles() as watched:
            assert full(local_list, 1, entries) == "Accepted"
            assert watched.paths == []
        assert local_list.size == 900
        for tag, info in entries:
            assert found(local_list, [tag]) == {tag: info}
        for tag, _ in many(200, 900):
            assert local_list.lookup(tag) is None


def test_more_runs_than_are_merged_at_a_time():
    for count in (3, 4, 6, 7, 12, 13, 24, 25, 49, 90):
        entries = many(count)
        with Scratch() as path, Short():
            local_list = opened(path)
            with OpenFiles() as watched:
                assert full(local_list, 1, entries) == "Accepted"
                assert found(local_list, [tag for tag, _ in entries]) == dict(entries)
                assert full(local_list, 2, entries + [("04%06x" % 13, BLOCKED)]) == "Failed"  # the first one
                assert differential(local_list, 2, many(count, 2, BLOCKED)) == "Accepted"
                update = added(local_list, many(30))
                work = update.finish(3, True)
                for _ in range(count % 11):
                    next(work)
                update.abandon()
                assert watched.paths == []
            assert (local_list.version, local_list.size) == (2, count + 2)
            assert found(opened(path), [tag for tag, _ in many(2, count)]) == dict(many(2, count, BLOCKED))
            assert len(files(path)) == 2


def test_few_changes_of_a_large_list_are_kept_beside_it():
    entries = many(200)
    model = dict(entries)
    with Scratch() as path:
        local_list = opened(path)
        full(local_list, 1, entries)
        base = local_list.files[-1]
        merged = 0
        for number in range(40):
            gone = entries[number * 3][0]
            changes = [("NEW%d" % number, BLOCKED), (gone, None), (entries[150][0], BLOCKED)]
            assert differential(local_list, number + 2, changes) == "Accepted"
            for tag, info in changes:
                model[tag] = info
                if info is None:
                    del model[tag]
            merged += local_list.files[-1] != base
            base = local_list.files[-1]
            assert local_list.size == len(model)
            assert len(files(path)) == 1 + len(local_list.files)
        assert 1 <= merged <= 3, merged
        tags = [tag for tag, _ in entries] + ["NEW%d" % number for number in range(41)]
        assert found(local_list, tags) == found(opened(path), tags) == model


def test_a_deleted_entry_may_come_again():
    with Scratch() as path:
        local_list = opened(path)
        full(local_list, 1, many(100) + [("A", ACCEPTED)])
        for version in (2, 4, 6):
            differential(local_list, version, [("A", None)])
            assert local_list.lookup("A") is None and local_list.size == 100
            differential(local_list, version + 1, [("A", BLOCKED)])
            assert local_list.lookup("A").status == "Blocked" and local_list.size == 101
        assert len(local_list.files) == 2


def test_abandoned_updates_leave_nothing():
    with Scratch() as path:
        local_list = opened(path)
        full(local_list, 1, [("A", ACCEPTED)])
        wanted = state(local_list)
        before = files(path)
        with OpenFiles() as watched:
            added(local_list, many(100)).abandon()
            assert files(path) == before and watched.paths == []
            for slices in range(12):  # in the middle of the merge
                update = added(local_list, many(100))
                work = update.finish(2, False)
                for _ in range(slices):
                    next(work)
                update.abandon()
                assert update.status == "Failed"
                assert files(path) == before and watched.paths == []
                assert list(update.finish(2, True)) == [] and update.status == "Failed"
                assert state(local_list) == state(opened(path)) == wanted
        update = added(local_list, many(3))
        finished(update, 5, True)
        update.abandon()
        assert update.status == "Accepted" and local_list.version == 5


def test_a_second_update_abandons_the_first():
    with Scratch() as path:
        local_list = opened(path)
        first = added(local_list, many(100))
        second = added(local_list, many(60, 300))
        first.add("A", ACCEPTED)
        assert first.status == "Failed"
        assert finished(first, 1, True) == "Failed"
        assert finished(second, 2, True) == "Accepted"
        assert (local_list.version, local_list.size) == (2, 60)
        assert len(files(path)) == 2


def test_merging_rests_often():
    with Scratch() as path:
        local_list = opened(path)
        update = added(local_list, many(400))
        assert len(list(update.finish(1, True))) >= 400 // 8


class FullAfter:
    """`with FullAfter(count):` so many writes of the list's modules find room, the next one does not."""

    def __init__(self, count):
        self.left = count

    def __enter__(self):
        for part in (list_update, overwrite):
            part.open = self._open
        overwrite.in_place = False  # half a file written here would not be the old one, as on littlefs
        return self

    def __exit__(self, kind, error, traceback):
        for part in (list_update, overwrite):
            del part.open
        overwrite.in_place = True

    def _open(self, path, mode):
        return open(path, mode) if mode == "rb" else Filling(self, open(path, mode))


class Filling:
    def __init__(self, disk, file):
        self.disk = disk
        self.file = file

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.close()

    def write(self, data):
        self.file.write(data[: len(data) // 2])
        self.disk.left -= 1
        if self.disk.left < 0:
            raise OSError(28)
        self.file.write(data[len(data) // 2 :])

    def close(self):
        self.file.close()


def test_a_disk_that_is_full_while_runs_are_joined():
    with Scratch() as path, Short():
        local_list = opened(path)
        full(local_list, 1, [("A", BLOCKED)])
        before = files(path)
        room = 0
        while True:
            with FullAfter(room):
                if full(local_list, 2, many(20)) == "Accepted":
                    break
            assert state(local_list) == state(opened(path)) == (1, 1, {"A": BLOCKED})
            assert files(path) == before
            room += 1
        assert room > 60


def test_a_disk_that_is_full_at_any_write():
    few, some = many(3), many(85)
    for is_full, entries in ((True, few), (True, some), (False, some), (False, few), (True, [])):
        for base in (1, 80):
            room = 0
            status = None
            while status != "Accepted":
                with Scratch() as path:
                    local_list = opened(path)
                    full(local_list, 1, [("A", BLOCKED)] + many(base - 1, 500))
                    before = files(path)
                    wanted = (1, base, {"A": BLOCKED})
                    update = None
                    with FullAfter(room):
                        update = added(local_list, entries)
                        status = finished(update, 2, is_full)
                    if status == "Failed":
                        assert update.failed
                        assert files(path) == before
                        assert state(local_list) == state(opened(path)) == wanted
                        if room % 30 == 0:
                            assert differential(local_list, 2, entries) == "Accepted"
                    room += 1
            assert room >= len(entries) + 1


def test_bills_have_the_last_of_the_flash():
    with Scratch() as path:
        local_list = opened(path)
        full(local_list, 1, [("A", ACCEPTED)])
        before = files(path)

        class Nearly:
            listdir = os.listdir
            remove = os.remove
            mkdir = os.mkdir

            @staticmethod
            def statvfs(path):
                return (4096, 4096, 256, 9)

        list_update.os = Nearly
        try:
            assert full(local_list, 2, many(70)) == "Accepted"
            assert full(local_list, 3, many(85)) == "Failed"
        finally:
            list_update.os = os
        assert local_list.version == 2 and len(files(path)) == len(before)


def test_a_list_that_a_newer_firmware_wrote():
    with Scratch() as path:
        Record(path + "/head", 2).save({"what": "ever"})
        raises(NewerVersion, opened, path)
        assert files(path) == ["head"]


def test_a_head_that_makes_no_sense():
    for kept in ([], {}, {"version": 1}, {"version": 1, "size": 1, "files": [[1]]}, {"version": "x"}, 7):
        told = []
        record.on_damage = lambda path, why, told=told: told.append(path)
        try:
            with Scratch() as path:
                Record(path + "/head", 1).save(kept)
                assert state(opened(path)) == EMPTY
                assert told == [path + "/head"]
                assert files(path) == ["head", "head.bad"]
                assert full(opened(path), 1, [("A", ACCEPTED)]) == "Accepted"
                assert state(opened(path)) == (1, 1, {"A": ACCEPTED})
        finally:
            record.on_damage = None


def test_an_update_of_a_thousand_needs_little_ram():
    if not hasattr(gc, "mem_alloc"):
        return
    entries = 1000
    most = 0

    def tag(number):
        return "04%06X" % ((number * 7919 + 13) & 0xFFFFFF)

    with Scratch() as path:
        local_list = opened(path)
        assert full(local_list, 1, many(60)) == "Accepted"
        info = IdTagInfo("Accepted", NOW, "FLEET")
        gc.collect()
        before = gc.mem_alloc()
        update = local_list.update()
        for number in range(entries):
            update.add(tag(number), info)
            if number % 40 == 39:
                gc.collect()
                most = max(most, gc.mem_alloc() - before)
        merging = 0
        for turn, _ in enumerate(update.finish(2, True)):
            if turn % 10 == 0:
                gc.collect()
                merging = max(merging, gc.mem_alloc() - before)
        assert update.status == "Accepted"
        gc.collect()
        left = gc.mem_alloc() - before
        print(
            "update of %d: %d bytes while it comes, %d while it is merged, %d left"
            % (entries, most, merging, left)
        )
        assert most < 5500 and merging < 5500 and left < 400, (most, merging, left)


def test_no_memory_is_no_damage():
    with Scratch() as path:
        kept = opened(path)
        full(kept, 1, [("A", ACCEPTED)])
        original = local_list.sorted_file.find

        def full_heap(path, count, key):
            raise MemoryError

        local_list.sorted_file.find = full_heap
        try:
            assert kept.lookup("A") is None
        finally:
            local_list.sorted_file.find = original
        assert "no memory" in log.lines()[-1]
        assert LocalList(path, None).lookup("A").status == "Accepted"
