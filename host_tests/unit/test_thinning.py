# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The journal's budget: what is thinned out, what is refused, what the numbers are then.

Records are texts such as `S7` (the start of transaction 7), `7.12` (its sample 12), `E7` (its end).
"""

import os

import log
import store.journal
import store.overwrite
import store.reserve
import store.thinning
from host_tests.unit.expect import raises
from host_tests.unit.journal_files import segments
from host_tests.unit.scratch import Scratch, exists, read, write
from store.journal import Journal
from store.reserve import Reserve

KB = 1024


def expendable(data):
    transaction, dot, _ = data.partition(b".")
    return int(transaction) if dot else None


def padded(text, length=50):
    return text.encode() + b" " * (length - len(text))


def texts(journal):
    return [str(data, "utf-8").rstrip() for _, data in journal.iterate()]


def session(journal, number, samples):
    """Append a transaction; how many of its samples were refused."""
    refused = 0
    journal.append(padded("S%d" % number))
    for sample in range(samples):
        try:
            journal.append(padded("%d.%d" % (number, sample)))
        except OSError:
            refused += 1
    journal.append(padded("E%d" % number))
    return refused


def small(path, segment_bytes=640, budget_bytes=4 * KB):
    """Ten records a segment, 6 segments."""
    return Journal(path, segment_bytes, budget_bytes, expendable)


def used_bytes(path):
    return sum([os.stat(path + "/" + name)[6] for name in os.listdir(path) if name.endswith(".seg")])


def drain(journal):
    found = []
    while journal.peek() is not None:
        found.append(str(journal.peek()[1], "utf-8").rstrip())
        journal.drop()
    return found


def logged(text):
    return [line for line in log.lines() if text in line]


def forget_log():
    for _ in range(70):
        log.error("test", "next")


def test_every_second_sample_of_each_transaction_goes_and_nothing_else():
    with Scratch() as path:
        journal = small(path)
        for record in ("S1", "1.0", "S2", "2.0", "1.1", "2.1", "1.2", "E1", "2.2", "2.3"):
            journal.append(padded(record))
        count = 0
        while texts(journal)[0:10] == ["S1", "1.0", "S2", "2.0", "1.1", "2.1", "1.2", "E1", "2.2", "2.3"]:
            count += 1
            journal.append(padded("E3"))
        # The last record of a segment stays for its number's sake.
        assert texts(journal)[:8] == ["S1", "1.0", "S2", "2.0", "1.2", "E1", "2.2", "2.3"]
        assert [seq for seq, _ in journal.iterate()][:9] == [1, 2, 3, 4, 7, 8, 9, 10, 11]
        assert journal.depth == 8 + count == len(texts(journal))
        assert Journal(path, 640, 4 * KB, expendable).depth == 8 + count


def test_a_long_transaction_becomes_sparser_from_its_beginning_on():
    with Scratch() as path:
        forget_log()
        journal = small(path)
        journal.append(padded("S1"))
        refused = 0
        for sample in range(1000):
            try:
                journal.append(padded("1.%d" % sample))
            except OSError:
                refused += 1  # each append looks at one segment only, and most of these have six records
            assert journal.depth == len(texts(journal))
            assert used_bytes(path) <= 4 * KB
        assert refused < 200
        found = texts(journal)
        samples = [int(text[2:]) for text in found[1:]]
        assert found[0] == "S1" and samples == sorted(samples)
        parts = [
            len([sample for sample in samples if first <= sample < first + 250])
            for first in range(0, 1000, 250)
        ]
        assert min(parts) * 5 > max(parts), parts
        assert len(found) * 61 > 3 * KB
        # Joined, the segments are about as many as their bytes need.
        assert len([name for name in os.listdir(path) if name.endswith(".seg")]) <= 12
        assert len(logged("is nearly full")) == 1
        assert drain(journal) == found
        [line] = logged("is empty again")
        assert "%d records were thinned out, %d refused" % (1001 - refused - len(found), refused) in line


def test_the_only_sample_of_a_transaction_stays_and_new_ones_are_refused():
    with Scratch() as path:
        forget_log()
        journal = small(path)
        refused = 0
        for number in range(100, 128):
            refused += session(journal, number, 1)
        assert 0 < refused < 28
        found = texts(journal)
        assert len(found) == 3 * 28 - refused
        assert found[:6] == ["S100", "100.0", "E100", "S101", "101.0", "E101"]
        assert len(logged("samples are refused")) == 1
        assert journal.depth == len(found)
        assert drain(journal) == found
        [line] = logged("is empty again")
        assert "0 records were thinned out, %d refused" % refused in line


def test_starts_and_ends_have_room_above_the_budget():
    with Scratch() as path:
        forget_log()
        journal = small(path, 640, 16 * KB)
        for number in range(300):
            journal.append(padded("S%d" % number))
            if used_bytes(path) > 16 * KB:
                break
        else:
            raise AssertionError("not full")
        raises(OSError, journal.append, padded("1.0"))
        assert len(logged("samples are refused")) == 1
        try:
            while True:
                journal.append(padded("E1"))
        except OSError:
            pass
        assert 20 * KB - 61 < used_bytes(path) <= 20 * KB
        raises(OSError, journal.append, padded("E1"))
        assert len(logged("nothing is taken")) == 1
        # And both are taken again when some were delivered.
        for _ in range(100):
            journal.peek()
            journal.drop()
        journal.append(padded("1.1"))


def test_the_segment_with_the_head_is_thinned_behind_the_head():
    with Scratch() as path:
        journal = small(path, 640, 2 * KB)
        for sample in range(10):
            journal.append(padded("1.%d" % sample))
        for _ in range(3):
            journal.drop()
        assert journal.peek() == (4, padded("1.3"))
        for sample in range(10, 30):
            journal.append(padded("1.%d" % sample))
        assert journal.peek() == (4, padded("1.3"))
        assert texts(journal)[:5] == ["1.3", "1.5", "1.7", "1.9", "1.10"]
        assert journal.depth == len(texts(journal))
        assert Journal(path, 640, 2 * KB, expendable).depth == journal.depth
        journal.drop()
        assert journal.peek() == (6, padded("1.5"))
        assert journal.depth == len(texts(journal))
        expected = texts(journal)
        again = Journal(path, 640, 2 * KB, expendable)
        assert again.depth == len(expected)
        assert drain(again) == expected


def test_a_leftover_of_a_join_is_removed_and_the_head_stays_where_it_is():
    for delivered in (0, 3, 9):
        for peeked in (False, True):
            with Scratch() as path:
                journal = small(path)
                for record in range(40):
                    journal.append(padded("S%d" % record, 40 + 7 * (record % 5)))
                first, second = segments(path)[:2]
                leftover = read(path + "/" + second)
                write(path + "/" + first, read(path + "/" + first) + leftover)  # the power goes here
                journal = small(path)
                for _ in range(delivered):
                    journal.drop()
                if peeked:
                    journal.peek()
                expected = texts(journal)
                while exists(path + "/" + second):
                    journal.append(padded("S99"))
                    expected.append("S99")
                assert journal.depth == len(expected)
                again = small(path)
                assert drain(journal) == expected
                assert journal.damaged == 0 and not exists(path + "/damaged.bad")
                assert again.damaged == 0


def test_depth_is_exact_while_a_thinned_queue_is_delivered():
    with Scratch() as path:
        journal = small(path)
        for number in range(1, 9):
            session(journal, number, 20)
        left = texts(journal)
        assert [text for text in left if text[0] in "SE"] == [
            kind + str(number) for number in range(1, 9) for kind in "SE"
        ]
        while left:
            assert journal.depth == len(left)
            assert str(journal.peek()[1], "utf-8").rstrip() == left.pop(0)
            assert journal.depth == len(left) + 1
            journal.drop(lazy=True)
            if len(left) % 7 == 3:
                journal = small(path)
        assert journal.depth == 0
        assert journal.append(b"x") > 8 * 20


def test_a_segment_with_damage_is_not_thinned():
    with Scratch() as path:
        journal = small(path)
        for sample in range(30):
            journal.append(padded("1.%d" % sample))
        name = path + "/00000001.seg"
        bad = bytearray(read(name))
        bad[100] ^= 1
        write(name, bad)
        for sample in range(30, 90):
            journal.append(padded("1.%d" % sample))
        assert read(name) == bytes(bad)
        assert read(path + "/0000000b.seg") != b""
        assert len(texts(journal)) < 80
        drain(journal)
        assert read(path + "/damaged.bad") == bytes(bad)


def test_without_a_budget_nothing_is_thinned_or_refused():
    with Scratch() as path:
        journal = Journal(path, 640, None, expendable)
        for number in range(30):
            assert session(journal, number, 10) == 0
        assert journal.depth == 360
        assert not exists(path + "/reserve")


def test_the_budget_holds_over_a_start():
    with Scratch() as path:
        for number in range(12):
            journal = small(path)
            session(journal, number, 20)
            assert used_bytes(path) <= 4 * KB + 4 * KB
            assert journal.depth == len(texts(journal))
        ends = [text for text in texts(journal) if text[0] in "SE"]
        assert ends == [kind + str(number) for number in range(12) for kind in "SE"]


def test_the_reserve_is_there_given_back_and_there_again():
    with Scratch() as path:
        journal = small(path)
        assert os.stat(path + "/reserve")[6] == 8176
        write(path + "/reserve", b"cut short")
        journal = small(path)
        assert os.stat(path + "/reserve")[6] == 8176
        journal.append(b"S1")
        disk = SmallDisk(path, used_bytes(path) + 8176 + 70)
        with disk:
            journal.append(padded("1.1"))
            journal.append(padded("E1"))
            assert not exists(path + "/reserve")
            raises(OSError, journal.append, padded("1.2"))  # the rest is for ends
            journal.append(padded("S2"))
        assert texts(journal) == ["S1", "1.1", "E1", "S2"]
        drain(journal)
        assert os.stat(path + "/reserve")[6] == 8176


def test_a_small_file_system_has_no_reserve():
    with Scratch() as path:
        with SmallDisk(path, 31 * KB):
            small(path)
        assert not exists(path + "/reserve")
        write(path + "/reserve", b"of a larger one, cut short")
        with SmallDisk(path, 31 * KB):
            small(path)
        assert not exists(path + "/reserve")
        with SmallDisk(path, 32 * KB):
            small(path)
        assert exists(path + "/reserve")


def test_a_reserve_that_cannot_be_finished_leaves_nothing():
    with Scratch() as path:
        disk = SmallDisk(path, 32 * KB)
        with disk:
            disk.capacity = 5 * KB
            disk.free_bytes = 32 * KB  # as it looks
            assert not Reserve(path + "/reserve").restore(32 * KB)
        assert os.listdir(path) == []


def test_a_file_system_that_is_full_before_the_budget_is():
    with Scratch() as path:
        forget_log()
        disk = SmallDisk(path, 50 * KB)
        with disk:
            journal = Journal(path, 4 * KB, 512 * KB, expendable)
            assert exists(path + "/reserve")
            for number in range(1, 50):
                session(journal, number, 60)
            found = texts(journal)
            assert journal.depth == len(found)
            ends = [text for text in found if text[0] in "SE"]
            assert ends == [kind + str(number) for number in range(1, 50) for kind in "SE"]
            assert len(found) * 61 > 30 * KB  # it makes use of what there is
            refused = disk.refused
            assert refused < 200, refused  # of 3,000 appends: each would have worn the flash
            assert len(logged("is nearly full")) == 1
            again = Journal(path, 4 * KB, 512 * KB, expendable)
            assert texts(again) == found
            assert again.depth == len(found)
            assert drain(again) == found
            assert exists(path + "/reserve")
            journal = Journal(path, 4 * KB, 512 * KB, expendable)
            assert session(journal, 60, 60) == 0


def test_room_that_others_have_made_is_found():
    with Scratch() as path:
        journal = Journal(path, 4 * KB, 512 * KB, expendable)
        journal.append(padded("S1"))
        with SmallDisk(path, used_bytes(path) + 30):
            for sample in range(5):
                raises(OSError, journal.append, padded("1.%d" % sample))
        refused = 0
        for sample in range(100):
            try:
                journal.append(padded("1.%d" % sample))
            except OSError:
                refused += 1
        assert refused < 16


def test_a_segment_that_cannot_be_rewritten_stays_as_it_is():
    with Scratch() as path:
        journal = small(path)
        for sample in range(60):
            journal.append(padded("1.%d" % sample))
        before = texts(journal)
        depth = journal.depth

        def no_more(name, mode):
            if "w" in mode:
                raise OSError(30)
            return open(name, mode)

        store.thinning.open = no_more
        try:
            appended = 0
            try:
                for sample in range(60, 100):
                    journal.append(padded("1.%d" % sample))
                    appended += 1
            except OSError:
                pass
            assert depth + appended == journal.depth
            assert texts(journal)[: len(before)] == before
        finally:
            del store.thinning.open
        assert not exists(path + "/thinned.new")


class SmallDisk:
    """While it is there, files below `path` take at most `capacity` bytes, and what would not fit is an
    ENOSPC that leaves the old content, as on littlefs. (Nothing is copied here: see test_littlefs.py.)
    """

    MODULES = (store.journal, store.overwrite, store.thinning, store.reserve)

    def __init__(self, path, capacity):
        self.path = path
        self.capacity = capacity
        self.refused = 0
        self.free_bytes = None

    def __enter__(self):
        for module in self.MODULES:
            module.open = self.open
        store.reserve.os = self
        return self

    def __exit__(self, kind, error, traceback):
        for module in self.MODULES:
            del module.open
        store.reserve.os = os

    # of os, for the reserve

    stat = staticmethod(os.stat)
    remove = staticmethod(os.remove)

    def statvfs(self, _path):
        free = self.capacity - self.used() if self.free_bytes is None else self.free_bytes
        return (1, 1, self.capacity, free)

    def used(self):
        return sum([os.stat(self.path + "/" + name)[6] for name in os.listdir(self.path)])

    def open(self, name, mode="r"):
        return SmallFile(self, name, mode) if mode[0] in "wa" else open(name, mode)


class SmallFile:
    def __init__(self, disk, name, mode):
        self.disk = disk
        self.name = name
        self.beside = disk.path + "-new"
        self.was = os.stat(name)[6] if exists(name) else 0
        write(self.beside, read(name) if mode[0] == "a" and self.was else b"")

    def write(self, data):
        if self.disk.used() - self.was + os.stat(self.beside)[6] + len(data) > self.disk.capacity:
            self.disk.refused += 1
            raise OSError(28)
        with open(self.beside, "ab") as file:
            file.write(data)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if kind is None:
            os.rename(self.beside, self.name)
        else:
            os.remove(self.beside)
