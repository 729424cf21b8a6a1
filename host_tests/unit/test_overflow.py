# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""store.overflow on a journal that takes nothing for a while."""

from host_tests.unit.expect import raises
from host_tests.unit.test_outbox import MemoryJournal
from store.overflow import Overflow


def drain(queue):
    found = []
    while queue.peek() is not None:
        found.append(queue.peek()[1])
        queue.drop({})
    return found


def test_in_order_whatever_the_journal_takes():
    journal = MemoryJournal()
    queue = Overflow(journal)
    for number in range(12):
        journal.full = number % 5 in (1, 2)
        queue.append(b"%d" % number, True)
    journal.full = False
    assert queue.depth == 12
    assert [data for _, data in queue.iterate()] == [b"%d" % number for number in range(12)]
    assert drain(queue) == [b"%d" % number for number in range(12)]
    assert queue.depth == 0


def test_delivered_from_ram_when_the_journal_never_takes_anything():
    journal = MemoryJournal()
    journal.full = True
    queue = Overflow(journal)
    numbers = [queue.append(b"a", True), queue.append(b"b", True)]
    assert numbers[0] < numbers[1]
    assert queue.waiting == 2
    assert drain(queue) == [b"a", b"b"]


def test_ram_is_bounded_and_for_what_is_worth_it():
    journal = MemoryJournal()
    journal.full = True
    queue = Overflow(journal, most=3)
    raises(OSError, queue.append, b"sample")
    for _ in range(3):
        queue.append(b"bill", True)
    raises(OSError, queue.append, b"bill", True)
    raises(OSError, queue.append, b"sample")
    assert queue.depth == 3


def test_moved_while_the_first_is_on_its_way():
    journal = MemoryJournal()
    journal.full = True
    queue = Overflow(journal)
    queue.append(b"a", True)
    assert queue.peek()[1] == b"a"
    journal.full = False
    queue.append(b"b", True)
    queue.drop({})
    assert drain(queue) == [b"b"]
