# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The journal in lives that end with a power cut, before each of their file operations in turn."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import given, settings
from hypothesis import strategies as st

from host_tests.property.old_or_new import Flash, PowerCut
from store.journal import Journal
from store.segments import Segments

Record = tuple[int, bytes]

SEGMENT_BYTES = 160
BUDGET_BYTES = 640

samples = st.integers(1, 2).map(lambda key: b"%d." % key + b"s" * 9)
bills = st.integers(0, 30).map(lambda length: b"B" * length)
steps = st.lists(
    st.tuples(st.just("append"), samples)
    | st.tuples(st.just("append"), samples)
    | st.tuples(st.just("append"), bills)
    | st.tuples(st.sampled_from(["drop", "lazy", "restart", "note"]), st.none()),
    min_size=1,
    max_size=45,
)


def expendable(data: bytes) -> bytes | None:
    key, dot, _ = data.partition(b".")
    return key if dot else None


def is_bill(record: Record) -> bool:
    return expendable(record[1]) is None


class Life:
    """Steps of a life, and what has to be there should the power go at any moment.

    waiting    what is on flash for certain
    uncertain  what may be there as well: the record of the step that is being done, one dropped lazily
    spared     samples of `waiting` may be missing: the step may thin them out
    """

    def __init__(self, directory: str, budget_bytes: int | None):
        self.directory = directory
        self.budget_bytes = budget_bytes
        self.waiting: list[Record] = []
        self.uncertain: list[Record] = []
        self.spared = False
        self.last = 0
        self.notes = 0
        self.note_uncertain = False
        self.thinned = 0

    def start(self) -> None:
        self.journal = Journal(self.directory, SEGMENT_BYTES, self.budget_bytes, expendable)

    def live(self, life: list[tuple[str, bytes | None]]) -> None:
        self.start()
        for what, data in life:
            self.step(what, data)
            found = list(self.journal.iterate())
            assert found == self.waiting
            assert self.journal.depth == len(found)

    def step(self, what: str, data: bytes | None) -> None:
        journal = self.journal
        if what == "append":
            assert data is not None
            lazily_dropped = self.uncertain
            record = (self.last + 1, data)
            # Numbers are only ever left out by refused appends, of which there are none on this flash.
            self.uncertain = [*lazily_dropped, record]
            self.spared = True
            try:
                assert journal.append(data) == record[0]
            except OSError:
                assert self.budget_bytes
                assert not is_bill(record)
                record = None
                self.uncertain = lazily_dropped
            else:
                self.uncertain = []
                self.last = record[0]
            left = list(journal.iterate())
            gone = [old for old in self.waiting if old not in left]
            assert not any(is_bill(old) for old in gone)
            self.thinned += len(gone)
            self.waiting = [old for old in self.waiting if old in left] + ([record] if record else [])
            self.spared = False
        elif what in ("drop", "lazy"):
            if not self.waiting:
                return
            assert journal.peek() == self.waiting[0]
            dropped = self.waiting.pop(0)
            self.uncertain = [dropped]
            journal.drop(lazy=what == "lazy")
            if what == "drop" or self.waiting or not os.path.exists(self.directory + "/head"):
                self.uncertain = []
        elif what == "note":
            self.notes += 1
            self.note_uncertain = True
            journal.save_note({"n": self.notes})
            self.note_uncertain = False
            self.uncertain = []
        else:
            self.start()
            self.waiting = self.uncertain + self.waiting
            if list(journal.iterate()) != self.waiting and self.uncertain:
                found = list(self.journal.iterate())
                self.waiting = found
                assert all(record in self.uncertain for record in found)
            self.uncertain = []

    def check(self) -> None:
        """After a power cut: what was certain is there, what was uncertain may be, and nothing else."""
        self.start()
        found = list(self.journal.iterate())
        assert [seq for seq, _ in found] == sorted({seq for seq, _ in found})
        for record in found:
            assert record in self.waiting or record in self.uncertain
        for record in self.waiting:
            assert record in found or (self.spared and not is_bill(record))
        if self.spared:
            assert self.journal.depth >= len(found)
        else:
            assert self.journal.depth == len(found)
        assert self.journal.damaged == 0
        note = self.journal.head_note.get("n", 0)
        assert note == self.notes or (self.note_uncertain and note == self.notes - 1)
        names = [name for name in os.listdir(self.directory) if not name.endswith(".seg")]
        assert set(names) <= {"head", "reserve"}
        last = max([self.last, *[number for number, _ in found]])
        seq = self.go_on(found)
        assert seq > last
        left = list(self.journal.iterate())
        delivered = []
        while self.journal.peek() is not None:
            delivered.append(self.journal.peek())
            self.journal.drop()
        assert delivered == left
        assert self.journal.damaged == 0
        self.start()
        assert self.journal.depth == 0
        assert self.journal.append(b"B") > seq

    def go_on(self, found: list[Record]) -> int:
        """Of what was `found` after a power cut some is delivered, and more comes, for which the rest is
        thinned out: the last number.
        """
        journal = self.journal
        for record in found[:2]:
            assert journal.peek() == record
            journal.drop()
        head = journal.peek()
        bills = [record for record in found[2:] if is_bill(record)]
        for _ in range(12):
            try:
                journal.append(b"3." + b"s" * 9)
            except OSError:
                assert self.budget_bytes
        seq = journal.append(b"B")
        left = list(journal.iterate())
        assert journal.peek() == left[0] and head in (None, left[0])
        assert [record for record in left if is_bill(record)] == [*bills, (seq, b"B")]
        assert journal.depth >= len(left)
        return seq


@contextmanager
def scratch() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as directory:
        yield directory + "/journal"


def cut_off(directory: str, budget: int | None, life: list[tuple[str, bytes | None]], cut_at: int) -> Life:
    """A life whose power goes at this operation, which it must come to."""
    found = Life(directory, budget)
    with Flash(cut_at):
        try:
            found.live(life)
        except PowerCut:
            return found
    raise AssertionError("%d is no operation of this life" % cut_at)


@settings(max_examples=30)
@given(steps, st.sampled_from([None, BUDGET_BYTES]), st.integers(0, 6))
def test_whenever_the_power_goes(life: list[tuple[str, bytes | None]], budget: int | None, second_cut: int):
    with scratch() as directory, Flash() as flash:
        Life(directory, budget).live(life)
    for cut_at in range(flash.operations):
        with scratch() as directory:
            found = cut_off(directory, budget, life, cut_at)
            with Flash(second_cut):  # during the start after it
                try:
                    found.start()
                except PowerCut:
                    pass
            with Flash():
                found.check()


def test_a_life_with_all_of_it():
    """That the above sees thinning and refusal: one life that has them."""
    life: list[tuple[str, bytes | None]] = []
    for number in range(18):
        life += [("append", b"B"), ("append", b"1.sssssssss"), ("append", b"2.sssssssss")]
        if number % 7 == 6:
            life += [("drop", None), ("restart", None), ("note", None), ("lazy", None)]
    life += [("lazy", None)] * 30
    for _ in range(3):
        life += [("append", b"B"), ("lazy", None), ("append", b"B"), ("restart", None), ("lazy", None)]
    with scratch() as directory, Flash() as flash:
        whole = Life(directory, BUDGET_BYTES)
        whole.live(life)
        assert whole.thinned > 10
        assert whole.last < 54 + 6  # some were refused
    assert flash.operations > 100
    for cut_at in range(0, flash.operations, 3):  # each of them in the short lives above
        with scratch() as directory:
            found = cut_off(directory, BUDGET_BYTES, life, cut_at)
            with Flash():
                found.check()


def holds_twice(directory: str) -> bool:
    """Whether a segment has numbers of the one behind it: a join was cut off."""
    segments = Segments(directory)
    numbers = sorted([number for number, _ in segments.sizes()])
    lasts = [segments.measure(number)[2] for number in numbers]
    return any(last is not None and last >= number for last, number in zip(lasts, numbers[1:], strict=False))


def test_a_life_with_joins():
    """So sparse become samples of one transaction that segments are joined; the queue goes on after that."""
    life: list[tuple[str, bytes | None]] = []
    for number in range(12):
        life += [("append", b"B"), *[("append", b"1.sssssssss")] * 3]
        if number % 7 == 0:
            life += [("drop", None), ("restart", None), ("note", None), ("lazy", None)]
    with scratch() as directory, Flash() as flash:
        Life(directory, BUDGET_BYTES).live(life)
    leftovers = 0
    for cut_at in range(flash.operations):
        with scratch() as directory:
            found = cut_off(directory, BUDGET_BYTES, life, cut_at)
            leftovers += os.path.exists(directory) and holds_twice(directory)
            with Flash():
                found.check()
    assert leftovers > 1
