# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The journal: first in, first out, over restarts, in segments; lazy drops; its formats."""

import os
from binascii import crc32

import store.segments
from host_tests.unit.expect import raises
from host_tests.unit.journal_files import HEADER_BYTES, drain, fill, segments
from host_tests.unit.scratch import Scratch, read, write
from store.journal import Journal
from store.record import NewerVersion


def test_first_in_first_out():
    with Scratch() as path:
        journal = Journal(path + "/journal")
        assert journal.peek() is None
        assert journal.depth == 0
        assert [journal.append(data) for data in (b"one", b"", b"three")] == [1, 2, 3]
        assert journal.depth == 3
        assert journal.peek() == (1, b"one")
        assert journal.peek() == (1, b"one")
        journal.drop()
        assert journal.depth == 2
        assert journal.peek() == (2, b"")
        assert drain(journal) == [b"", b"three"]
        assert journal.peek() is None
        assert journal.depth == 0
        journal.drop()
        assert journal.append(b"four") == 4
        assert journal.peek() == (4, b"four")


def test_survives_a_restart():
    with Scratch() as path:
        journal = fill(path, [b"%d" % number for number in range(10)])
        for _ in range(3):
            journal.drop()
        journal = Journal(path)
        assert journal.depth == 7
        assert journal.append(b"10") == 11
        assert drain(journal) == [b"%d" % number for number in range(3, 11)]
        journal = Journal(path)
        assert journal.peek() is None
        assert journal.depth == 0
        assert journal.append(b"next") == 12


def test_a_restart_alone_changes_nothing():
    with Scratch() as path:
        fill(path, [b"a" * 30] * 20, 100)
        before = [(name, read(path + "/" + name)) for name in sorted(os.listdir(path))]
        for _ in range(3):
            Journal(path, 100)
        assert [(name, read(path + "/" + name)) for name in sorted(os.listdir(path))] == before


def test_segments_are_bounded_and_removed_when_exhausted():
    with Scratch() as path:
        journal = fill(path, [b"x" * 50] * 40, 200)
        assert len(segments(path)) == 14  # three records of 61 bytes each
        for name in segments(path):
            assert os.stat(path + "/" + name)[6] <= 200
        count = 14
        for number in range(40):
            assert journal.peek()[0] == number + 1
            assert len(segments(path)) <= count
            count = len(segments(path))
            journal.drop()
        assert sorted(os.listdir(path)) == ["00000028.seg", "head"]


def test_a_record_larger_than_a_segment_gets_its_own():
    with Scratch() as path:
        journal = fill(path, [b"a", b"b" * 1000, b"c"], 100)
        assert len(segments(path)) == 3
        assert drain(journal) == [b"a", b"b" * 1000, b"c"]
        raises(ValueError, journal.append, bytes(65536))
        assert journal.append(b"d") == 4


def test_an_online_station_overwrites_one_small_file():
    with Scratch() as path:
        journal = Journal(path)
        for number in range(200):
            assert journal.append(b"message") == number + 1
            assert os.stat(path + "/00000001.seg")[6] == HEADER_BYTES + len(b"message")
            journal.drop(lazy=number % 3 > 0)
            assert sorted(os.listdir(path)) == ["00000001.seg", "head"]
        assert Journal(path).append(b"next") == 201


def test_iterate_sees_everything_and_moves_nothing():
    with Scratch() as path:
        journal = fill(path, [b"%d" % number for number in range(30)], 100)
        for _ in range(4):
            journal.drop()
        expected = [(number + 1, b"%d" % number) for number in range(4, 30)]
        assert list(journal.iterate()) == expected
        assert journal.peek() == expected[0]
        assert list(Journal(path, 100).iterate()) == expected
        drain(journal)
        assert list(journal.iterate()) == []


def test_the_note_is_kept_with_the_head():
    with Scratch() as path:
        journal = fill(path, [b"a", b"b"])
        assert journal.head_note == {}
        journal.save_note({"tries": 2})
        assert Journal(path).head_note == {"tries": 2}
        assert Journal(path).peek() == (1, b"a")
        journal.drop({"ids": {"7": -1}})
        assert Journal(path).head_note == {"ids": {"7": -1}}
        assert Journal(path).peek() == (2, b"b")
        journal.drop()
        assert Journal(path).head_note == {"ids": {"7": -1}}
        raises(ValueError, journal.save_note, {"long": "x" * 1024})


def test_numbers_go_on_when_the_journal_was_empty_over_a_restart():
    with Scratch() as path:
        drain(fill(path, [b"a"] * 5))
        journal = Journal(path)
        assert journal.append(b"b") == 6


def head_line(version, rest):
    return b"%d %08x %s\n" % (version, crc32(b"%d %s" % (version, rest)), rest)


def test_a_newer_format_is_refused():
    with Scratch() as path:
        fill(path, [b"a"])
        newer = head_line(3, b"1 0 {}") * 2
        write(path + "/head", newer)
        raises(NewerVersion, Journal, path)
        assert read(path + "/head") == newer


def test_a_lazy_drop_writes_nothing_and_may_come_once_more():
    with Scratch() as path:
        journal = fill(path, [b"a"])
        journal.drop({"ids": {}})
        journal.append(b"b")
        before = read(path + "/head")
        journal.peek()
        journal.drop({"ids": {}}, lazy=True)
        assert journal.depth == 0
        assert journal.peek() is None
        assert read(path + "/head") == before
        again = Journal(path)
        assert again.peek() == (2, b"b")
        assert again.depth == 1
        assert journal.append(b"c") == 3
        again = Journal(path)
        assert again.depth == 1
        assert again.peek() == (3, b"c")
        assert drain(again) == [b"c"]
        assert Journal(path).depth == 0


def test_a_drop_is_lazy_only_for_the_last_record_and_with_the_same_note():
    with Scratch() as path:
        journal = fill(path, [b"a", b"b"])
        journal.save_note({"tries": 1})
        journal.drop({"tries": 1}, lazy=True)
        assert Journal(path).peek() == (2, b"b")
        journal.drop({}, lazy=True)
        again = Journal(path)
        assert again.peek() is None
        assert again.head_note == {}
        assert journal.append(b"c") == again.append(b"c") == 3


def test_no_number_twice_after_lazy_drops_whatever_is_left_of_the_file():
    with Scratch() as path:
        journal = Journal(path)
        for number in range(200):
            last = journal.append(b"sample %d" % number)
            journal.drop(lazy=True)
            if number % 9:
                continue
            name = path + "/00000001.seg"
            good = read(name)
            head = read(path + "/head")
            for length in range(len(good)):
                write(name, good[:length])
                assert Journal(path).depth == 0
                # The start after that one knows as well.
                assert Journal(path).append(b"next") > last, (number, length)
                for rest in os.listdir(path):
                    os.remove(path + "/" + rest)
                write(path + "/head", head)
            write(name, good)
            assert journal.append(b"goes on") == last + 1
            journal.drop(lazy=True)


def test_a_directory_of_the_first_format_is_taken_over():
    with Scratch() as path:
        # Three segments as the first firmware wrote them: one that the head has passed, two that wait.
        for name, records in (
            ("0000000a", ((10, b"old"),)),
            ("0000000b", ((11, b"delivered"), (12, b"first"))),
            ("0000000d", ((13, b""), (14, b"last"))),
        ):
            content = b""
            for seq, data in records:
                header = b"\xa5" + bytes((len(data), 0, seq, 0, 0, 0))
                check = crc32(header + data)
                content += header + bytes([check >> shift & 255 for shift in (0, 8, 16, 24)]) + data
            write(path + "/" + name + ".seg", content)
        write(path + "/head", head_line(1, b'12 {"ids": {"7": 5}, "id": "0a"}') * 2)
        journal = Journal(path, 8192, 65536)
        assert journal.damaged == 0
        assert journal.head_note == {"ids": {"7": 5}, "id": "0a"}
        assert journal.depth == 3
        assert segments(path) == ["0000000b.seg", "0000000d.seg"]
        assert journal.append(b"new") == 15
        assert drain(journal) == [b"first", b"", b"last", b"new"]
        assert read(path + "/head").split(b" ", 4)[2:4] == [b"16", b"0"]
        assert Journal(path).head_note == {"ids": {"7": 5}, "id": "0a"}
    with Scratch() as path:
        # And as it left a queue that is empty: nothing but the head.
        write(path + "/head", head_line(1, b"40 {}") * 2)
        journal = Journal(path)
        assert journal.depth == 0
        assert journal.append(b"new") == 40
        assert Journal(path).peek() == (40, b"new")


def test_the_second_format_is_what_the_docs_say():
    with Scratch() as path:
        journal = fill(path, [b"a", b"b"])
        journal.drop({"tries": 1})
        assert read(path + "/head") == head_line(2, b'2 0 {"tries":1}') * 2


def test_newest_first():
    with Scratch() as path:
        journal = fill(path, [b"%d" % number for number in range(1, 9)], 40)
        for _ in range(4):
            journal.drop()
        # Segments 1-3, 4-6, 7-8; waiting: 5 to 8.
        expected = [(7, b"7"), (8, b"8"), (5, b"5"), (6, b"6")]
        assert list(journal.newest_first()) == expected
        assert list(Journal(path, 40).newest_first()) == expected
        drain(journal)
        assert list(journal.newest_first()) == []


def test_a_start_reads_the_newest_segment_and_the_one_with_the_head():
    with Scratch() as path:
        journal = fill(path, [b"x" * 50] * 100, 130)
        for _ in range(7):
            journal.drop()
        assert len(segments(path)) == 47
        opened = []

        def noting(name, mode):
            opened.append(name[-12:])
            return open(name, mode)

        store.segments.open = noting
        try:
            Journal(path, 130)
        finally:
            del store.segments.open
        assert opened == ["00000063.seg", "00000007.seg"]


def test_ram_does_not_grow_with_the_depth():
    try:
        from gc import collect, mem_alloc
    except ImportError:
        return  # CPython does not count its heap this way; the MicroPython lane does
    with Scratch() as path:
        journal = fill(path, [b"x" * 100] * 10, 500)
        collect()
        before = mem_alloc()
        for _ in range(400):
            journal.append(b"x" * 100)
        journal.peek()
        collect()
        assert mem_alloc() - before < 512, mem_alloc() - before
        assert journal.depth == 410
