# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""An update of the local list for which the memory ends at any moment: all of it, or nothing."""

import os

import log
from host_tests.unit.local_lists import (
    ACCEPTED,
    BLOCKED,
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
from host_tests.unit.scratch import Scratch, write
from station import list_update, local_list
from store import sorted_file


class Starving:
    """`with Starving(kept, count):` so many steps of an update that ask for memory get some, the next one
    does not: a file is opened or removed, its path is put together, the head is written.
    """

    def __init__(self, kept, count):
        self.left = count
        self._list = kept

    def __enter__(self):
        kept = self._list
        self._save = kept._head.save
        kept.path = self._or_not(kept.path)
        kept._head.save = self._or_not(kept._head.save)
        list_update.open = self._or_not(open)
        local_list.os = self
        return self

    def __exit__(self, kind, error, traceback):
        del list_update.open
        local_list.os = os
        del self._list.path
        self._list._head.save = self._save

    def _or_not(self, function):
        def asked(*arguments):
            self.left -= 1
            if self.left == -1:
                raise MemoryError("memory allocation failed")
            return function(*arguments)

        return asked

    def remove(self, path):
        self._or_not(os.remove)(path)

    mkdir = os.mkdir


def state(kept, tags):
    return (kept.version, kept.size, found(kept, tags))


def test_memory_that_ends_at_any_moment_of_an_update():
    """What is answered is what became of it: a list that counts is not taken for a failure, nor removed."""
    layers = ((1, True, many(90)), (2, False, [("A", BLOCKED)]))
    cases = (
        (layers[:1], 2, True, many(45, 500)),
        (layers, 3, True, [("A", ACCEPTED)]),
        (layers, 3, True, []),
        (layers, 3, False, [("B", ACCEPTED)]),
        (layers, 3, False, many(80, 500)),
    )
    tags = [tag for tag, _ in many(90) + many(80, 500)] + ["A", "B"]
    for base, version, is_full, entries in cases:
        count = failures = 0
        while True:
            with Scratch() as path, OpenFiles(path) as watched:
                kept = opened(path)
                for step in base:
                    assert finished(added(kept, step[2]), step[0], step[1]) == "Accepted"
                before = state(kept, tags)
                starving = Starving(kept, count)
                with starving:
                    status = finished(added(kept, entries), version, is_full)
                assert watched.paths == []
                assert kept.version == (before[0] if status == "Failed" else version if entries else 0)
                assert state(kept, tags) == state(opened(path), tags), (count, status)
                if status == "Failed":
                    failures += 1
                    assert state(kept, tags) == before
                else:
                    assert status == "Accepted"
                # What is left over does no harm.
                assert full(kept, 9, many(3)) == "Accepted"
                assert state(opened(path), tags) == (9, 3, dict(many(3)))
            if starving.left >= 0:
                break
            count += 1
        assert failures and count > failures, (count, failures)


def test_memory_that_ends_while_runs_are_joined():
    with Short():
        count = 0
        while True:
            with Scratch() as path, OpenFiles(path) as watched:
                kept = opened(path)
                full(kept, 1, [("A", BLOCKED)])
                starving = Starving(kept, count)
                with starving:
                    status = differential(kept, 2, many(20))
                assert watched.paths == []
                assert (kept.version, kept.size) == ((2, 21) if status == "Accepted" else (1, 1)), count
                assert (opened(path).version, opened(path).size) == (kept.version, kept.size)
            if starving.left >= 0:
                break
            count += 1
        assert count > 10


def test_a_lookup_never_raises():
    """What hangs on it is more than a tag: the transactionId that came in the same answer."""

    def no_memory(*arguments):
        raise MemoryError("memory allocation failed")

    for damaged in (False, True):
        with Scratch() as path:
            kept = opened(path)
            full(kept, 1, [("A", ACCEPTED)])
            find, ticks_ms = sorted_file.find, log.ticks_ms
            log.ticks_ms = no_memory  # there is none for a line of the log either
            if damaged:
                write(path + "/entries_1", b"damaged")
            else:
                sorted_file.find = no_memory
            try:
                assert kept.lookup("A") is None
            finally:
                sorted_file.find, log.ticks_ms = find, ticks_ms
            assert (kept.lookup("A") is None) == damaged
            assert kept.version == opened(path).version == (0 if damaged else 1)
            assert kept.lost == opened(path).lost == damaged
