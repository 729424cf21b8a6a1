# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The local list against a dictionary: updates, restarts, and power cuts in each file operation of a life."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from hypothesis import example, given, settings
from hypothesis import strategies as st

from host_tests.property.old_or_new import Flash, PowerCut
from host_tests.unit.local_lists import Short, added, facts, finished, opened
from station.local_list import LocalList

Facts = tuple[str, int | None, str | None]
Entry = tuple[str, Facts | None]
Step = tuple[str, int, list[Entry]]  # "full", "differential" or "abandoned", version, entries; "restart"
State = tuple[int, dict[str, Facts]]

MOST = 110
AT_ONCE = 105
NAMES = [f"Tag{number}" for number in range(120)]

infos = st.tuples(
    st.sampled_from(["Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"]),
    st.none() | st.integers(-(2**62), 2**62),
    st.none() | st.sampled_from(["", "Fleet", "Ümläut", "x" * 20]),
)


def swapped(entries: list[Entry], odd: bool) -> list[Entry]:
    return [(tag.swapcase() if odd else tag, info) for tag, info in entries]


def entries_of(most: int, deletions: bool) -> st.SearchStrategy[list[Entry]]:
    info = infos | st.none() if deletions else infos
    few = st.lists(st.tuples(st.sampled_from(NAMES[:most]), info), max_size=8)
    # So many that they are sorted in runs.
    many = st.tuples(st.permutations(NAMES[:most]), st.integers(30, most), info).map(
        lambda drawn: [(tag, drawn[2]) for tag in drawn[0][: drawn[1]]]
    )
    return st.builds(swapped, few | many, st.booleans())


def steps_of(most: int) -> st.SearchStrategy[list[Step]]:
    step = (
        st.tuples(st.just("full"), st.integers(-1, 8), entries_of(most, False))
        | st.tuples(st.just("full"), st.integers(1, 8), entries_of(most, True))
        | st.tuples(st.just("differential"), st.integers(0, 12), entries_of(most, True))
        | st.tuples(st.just("differential"), st.integers(5, 40), entries_of(most, True))
        | st.tuples(st.just("abandoned"), st.integers(1, 40), entries_of(most, True))
        | st.tuples(st.just("restart"), st.just(0), st.just([]))
    )
    return st.lists(step, max_size=8)


def expected(state: State, step: Step) -> tuple[str | None, State]:
    """The answer, and what is there then: the same again, written differently."""
    what, version, entries = step
    names = [tag.upper() for tag, _ in entries]
    if what in ("restart", "abandoned"):
        return None, state
    if what == "differential" and version <= state[0]:
        return "VersionMismatch", state
    if version <= 0 or len(set(names)) < len(names) or len(names) > AT_ONCE:
        return "Failed", state
    if what == "full" and any(info is None for _, info in entries):
        return "Failed", state
    after = {} if what == "full" else dict(state[1])
    for tag, info in entries:
        if info is None:
            after.pop(tag.upper(), None)
        else:
            after[tag.upper()] = info
    if len(after) > MOST:
        return "Failed", state
    return "Accepted", (version if after else 0, after)


def done(local_list: LocalList, step: Step) -> str | None:
    what, version, entries = step
    update = added(local_list, entries)
    if what == "abandoned":
        work = update.finish(version, True)
        # It rests after each eighth entry at the latest, and once before it counts.
        for _ in range(min(len(entries) // 8 + 1, version) if entries else 0):
            next(work, None)
        update.abandon()
        return None
    return finished(update, version, what == "full")


def shown(local_list: LocalList) -> State:
    found = {name.upper(): facts(local_list.lookup(name)) for name in NAMES}
    entries = {name: info for name, info in found.items() if info is not None}
    assert local_list.size == len(entries)
    return local_list.version, entries


@contextmanager
def scratch() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as directory:
        yield directory + "/list"


def no_leftovers(directory: str, local_list: LocalList) -> None:
    there = set(os.listdir(directory)) if os.path.exists(directory) else set()
    assert there <= {"head"} | {"entries_%d" % entry[0] for entry in local_list.files}


MANY: list[Entry] = [(name, ("Accepted", None, None)) for name in reversed(NAMES[:100])]
LAYERED: list[Step] = [
    ("full", 1, MANY),
    ("differential", 2, [("TAG3", None), ("Tag110", ("Blocked", 1, "P"))]),
    ("differential", 3, [("tag3", ("Blocked", None, None)), ("TAG4", None), ("nobody", None)]),
    ("restart", 0, []),
    ("differential", 4, []),
    ("differential", 5, [(name, ("Blocked", None, None)) for name in NAMES[20:90]]),
    ("differential", 6, MANY[:3]),
    ("full", 3, MANY[:50]),
    ("full", 9, []),
]


@settings(max_examples=25)
@given(steps_of(120))
@example(LAYERED)
def test_it_is_a_dictionary_that_survives(steps: list[Step]):
    with scratch() as directory:
        local_list = opened(directory, MOST, AT_ONCE)
        state: State = (0, {})
        for step in steps:
            if step[0] == "restart":
                local_list = opened(directory, MOST, AT_ONCE)
            else:
                answer, state = expected(state, step)
                assert done(local_list, step) == answer
            assert shown(local_list) == state
            no_leftovers(directory, local_list)
        assert shown(opened(directory, MOST, AT_ONCE)) == state


def lived(directory: str, steps: list[Step]) -> tuple[State, State]:
    """What was there before the last step that was begun, and what is there after it."""
    before = after = (0, {})
    try:
        local_list = opened(directory, MOST, AT_ONCE)
        for step in steps:
            before = after
            _, after = expected(before, step)
            if step[0] == "restart":
                local_list = opened(directory, MOST, AT_ONCE)
            else:
                done(local_list, step)
    except PowerCut:
        pass
    return before, after


@settings(max_examples=8)
@given(steps_of(60), st.integers(0, 3), st.booleans())
@example(LAYERED, 0, False)
@example(LAYERED[:3], 1, True)
def test_whenever_the_power_goes(steps: list[Step], second_cut: int, short: bool):
    """`short`: the runs of each update are joined first."""
    runs = Short if short else nullcontext
    with scratch() as directory, Flash() as flash, runs():
        lived(directory, steps)
    for cut_at in range(flash.operations):
        with scratch() as directory:
            with Flash(cut_at), runs():
                before, after = lived(directory, steps)
            with Flash(second_cut):  # during the start after it
                try:
                    opened(directory, MOST, AT_ONCE)
                except PowerCut:
                    pass
            with Flash():
                local_list = opened(directory, MOST, AT_ONCE)
                state = shown(local_list)
                assert state in (before, after)
                no_leftovers(directory, local_list)
                step: Step = ("full", 50, MANY[:60])
                answer, wanted = expected(state, step)
                assert done(local_list, step) == answer == "Accepted"
                assert shown(opened(directory, MOST, AT_ONCE)) == wanted
