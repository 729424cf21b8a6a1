# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
from binascii import crc32
from io import BytesIO

from host_tests.unit.expect import raises
from host_tests.unit.scratch import Scratch, read, write
from store.sorted_file import BODY_BYTES, KEY_BYTES, RECORD_BYTES, Damaged, check, find, merge, sealed


def key(number):
    return b"%020d" % number


def made(number, word=b"x"):
    body = key(number) + word
    return sealed(body + bytes(BODY_BYTES - len(body)))


def content(numbers, word=b"x"):
    return b"".join([made(number, word) for number in numbers])


def test_what_is_there_is_found_and_nothing_else():
    with Scratch() as path:
        path += "/file"
        for count in list(range(20)) + [100, 333]:
            numbers = [3 * number + 1 for number in range(count)]
            write(path, content(numbers))
            for number in range(-1, 3 * count + 2):
                wanted = made(number) if number in numbers else None
                assert find(path, count, key(number) if number >= 0 else bytes(KEY_BYTES)) == wanted
            assert find(path, count, b"\xf4" * KEY_BYTES) is None


def test_a_thousand_take_ten_reads():
    class Counted:
        reads = 0

        def __init__(self, path, mode):
            self.file = BytesIO(kept)

        def __enter__(self):
            return self

        def __exit__(self, kind, error, traceback):
            pass

        def seek(self, at):
            self.file.seek(at)

        def read(self, size):
            assert size == RECORD_BYTES
            Counted.reads += 1
            return self.file.read(size)

    from store import sorted_file

    kept = content(range(1000))
    sorted_file.open = Counted
    try:
        for number in range(0, 1000, 7):
            Counted.reads = 0
            assert find("file", 1000, key(number)) == made(number)
            assert Counted.reads <= 10
    finally:
        del sorted_file.open


def test_any_flipped_bit_is_damage():
    record = made(5)
    with Scratch() as path:
        path += "/file"
        write(path, record)
        check(path, 1, crc32(record))
        for at in range(RECORD_BYTES):
            for bit in range(8):
                write(path, record[:at] + bytes([record[at] ^ (1 << bit)]) + record[at + 1 :])
                raises(Damaged, find, path, 1, key(5))
                raises(Damaged, find, path, 1, key(6))
                raises(Damaged, check, path, 1, crc32(record))


def test_a_file_of_another_size():
    with Scratch() as path:
        path += "/file"
        write(path, content(range(9)))
        whole = read(path)
        raises(Damaged, check, path, 8, crc32(whole))
        raises(Damaged, check, path, 10, crc32(whole))
        check(path, 9, crc32(whole))
        write(path, whole[: RECORD_BYTES * 4 + 9])
        raises(Damaged, find, path, 9, key(8))
        raises(OSError, find, path + "x", 9, key(8))
        raises(OSError, check, path + "x", 9, 0)
        write(path, b"")
        check(path, 0, 0)


def merged(*contents):
    sources = [(BytesIO(part), 0, len(part) // RECORD_BYTES) for part in contents]
    return [(place, int(record[:KEY_BYTES])) for place, record in merge(sources)]


def test_merging():
    assert merged() == []
    assert merged(b"") == []
    assert merged(content([1, 2])) == [(0, 1), (0, 2)]
    assert merged(content([2, 5]), b"", content([1, 2, 9])) == [(2, 1), (0, 2), (2, 2), (0, 5), (2, 9)]
    assert merged(content([4, 4]), content([4])) == [(0, 4), (0, 4), (1, 4)]


def test_sources_may_lie_in_one_file():
    file = BytesIO(content([5, 6, 1, 7, 0]))
    sources = [(file, 0, 2), (file, 2 * RECORD_BYTES, 2), (file, 4 * RECORD_BYTES, 1)]
    assert [int(record[:KEY_BYTES]) for _, record in merge(sources)] == [0, 1, 5, 6, 7]


def damaged_place(*contents):
    try:
        merged(*contents)
    except Damaged as error:
        return error.place
    return None


def test_merging_tells_which_source_is_damaged():
    whole = content([1, 3, 5])
    assert damaged_place(whole, content([3, 2])) == 1  # out of order
    for at in range(len(whole)):
        damaged = whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :]
        assert damaged_place(content([2, 4]), damaged) == 1
    for at in range(0, len(whole), RECORD_BYTES):  # as flash reads that was erased
        assert damaged_place(content([2, 4]), whole[:at] + b"\xff" * (len(whole) - at)) == 1
    sources = [(BytesIO(whole), 0, 3), (BytesIO(whole[:-1]), 0, 3)]
    raises(Damaged, list, merge(sources))
    sources = [(BytesIO(whole), 0, 4)]
    raises(Damaged, list, merge(sources))
