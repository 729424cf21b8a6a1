# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The store leaves no file open, whatever happens: open_files.py says what would become of it."""

import store.thinning
from host_tests.unit.expect import raises
from host_tests.unit.full_disk import FullDisk
from host_tests.unit.journal_files import HEADER_BYTES, fill, segments
from host_tests.unit.open_files import OpenFiles
from host_tests.unit.outbox_rig import Bench, Keys, energy
from host_tests.unit.scratch import Scratch, read, write
from ocpp16.outbox import Outbox
from store.journal import Journal
from store.overflow import Overflow

RECORD_BYTES = 50


def full(path):
    """A journal of one kind of record, all of which can be spared, up to its budget: it thins from now on."""
    return fill_on(Journal(path, 640, 4096, lambda data: 1), 60)


def fill_on(journal, count):
    for number in range(count):
        journal.append(b"%02d" % number + b" " * (RECORD_BYTES - 2))
    return journal


def test_the_watch_sees_what_is_left_open():
    with Scratch() as path, OpenFiles(path) as files:
        name = path + "/file"
        write(name, b"content")
        assert files.paths == []
        with open(name, "rb") as file:
            assert file.read() == b"content" and files.paths == [name]
        assert files.paths == []
        file = open(name, "rb")  # noqa: SIM115
        assert files.paths == [name]
        file.close()
        assert files.paths == []


def test_a_reader_may_stop_anywhere():
    with Scratch() as path, OpenFiles(path) as files:
        queue = Overflow(fill(path, [b"%03d" % number * 40 for number in range(50)], 3000))
        for read_some in (queue.iterate, queue.newest_first, lambda: queue.newest_first(True)):
            for count in (1, 5, 6, 7, 20, 49):
                records = read_some()
                for _ in range(count):
                    next(records)
                assert files.paths == []


def test_a_segment_that_cannot_be_rewritten():
    with Scratch() as path, OpenFiles(path) as files:
        journal = full(path)
        with FullDisk(store.thinning):
            raises(OSError, fill_on, journal, 100)
        assert files.paths == []


def test_records_longer_than_what_is_read_at_once():
    """One opening gives 768 bytes, and always one record at least."""
    expected = [(number + 1, b"%d" % number * 1600) for number in range(4)]
    with Scratch() as path, OpenFiles(path) as files:
        journal = fill(path, [data for _, data in expected])
        assert list(journal.iterate()) == list(Journal(path).iterate()) == expected
        assert files.paths == []


def test_a_damaged_segment_that_would_be_thinned():
    with Scratch() as path, OpenFiles(path) as files:
        journal = full(path)
        for name in segments(path)[:-1]:
            content = bytearray(read(path + "/" + name))
            content[HEADER_BYTES] ^= 1
            write(path + "/" + name, content)
        raises(OSError, fill_on, journal, 100)
        assert files.paths == []


def test_numbers_that_were_miscounted():
    """A head behind which there is more than it says."""
    with Scratch() as path, OpenFiles(path) as files:
        journal = fill(path, [b"a", b"b", b"c"])
        journal._missing = 2
        journal.drop()
        assert journal.peek() == (2, b"b")
        assert files.paths == []


def test_a_look_for_a_transaction_ends_early():
    with Scratch() as path, OpenFiles(path) as files:
        bench = Bench()
        outbox = Outbox(Overflow(Journal(path, 200)), Keys(), bench.clock, True)
        for number in range(12):
            transaction = bench.transaction(number)
            outbox.started(transaction)
            assert outbox.metered(1, transaction, bench.clock.stamp(), energy(1100 + number)) is not None
        assert len(segments(path)) > 2
        for number in range(12):
            assert outbox.told(number)[1] == 1100 + number
            assert files.paths == []
