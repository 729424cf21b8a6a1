# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The journal against a list: random lives with restarts, torn tails and damage."""

import os
import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from store.journal import Journal

# Contents that look like headers are the hardest to find one's way in.
records = st.binary(max_size=40) | st.sampled_from([b"\xa5" * 30, b"\xa5\x01\x00\x01\x00\x00\x00" * 3])
steps = st.lists(
    st.tuples(st.just("append"), records)
    | st.tuples(st.just("append"), records)
    | st.tuples(st.sampled_from(["drop", "peek", "restart", "note"]), st.none()),
    max_size=60,
)


def waiting(journal):
    return [data for _, data in journal.iterate()]


@settings(max_examples=60)
@given(steps, st.sampled_from([30, 100, 500, 8192]))
def test_it_is_a_queue_that_survives(life, segment_bytes):
    with tempfile.TemporaryDirectory() as directory:
        journal = Journal(directory, segment_bytes)
        model = []  # of (number, data)
        last = 0
        notes = 0
        for what, data in life:
            if what == "append":
                number = journal.append(data)
                assert number > last
                last = number
                model.append((number, data))
            elif what == "peek":
                assert journal.peek() == (model[0] if model else None)
            elif what == "drop":
                journal.drop()
                model = model[1:]
            elif what == "note":
                notes += 1
                journal.save_note({"count": notes})
            else:
                journal = Journal(directory, segment_bytes)
                assert journal.head_note == ({"count": notes} if notes else {})
            assert journal.depth == len(model)
        assert list(journal.iterate()) == model
        assert journal.damaged == 0
        # The segment that the head has just left goes with the next look at the head.
        assert len([name for name in os.listdir(directory) if name.endswith(".seg")]) <= len(model) + 1


@settings(max_examples=60)
@given(
    st.lists(records, min_size=1, max_size=20),
    st.integers(0, 10),
    st.sampled_from([40, 8192]),
    st.data(),
)
def test_any_damage_costs_only_what_it_hits_and_keeps_the_order(contents, dropped, segment_bytes, data):
    with tempfile.TemporaryDirectory() as directory:
        journal = Journal(directory, segment_bytes)
        numbers = {journal.append(content): content for content in contents}
        for _ in range(dropped):
            journal.drop()
        left = dict(list(numbers.items())[dropped:])
        segments = sorted(name for name in os.listdir(directory) if name.endswith(".seg"))
        if not segments:
            return
        victim = f"{directory}/{data.draw(st.sampled_from(segments))}"
        with open(victim, "rb") as file:
            good = file.read()
        start = data.draw(st.integers(0, len(good) - 1))
        cut = data.draw(st.booleans())
        if cut:
            bad = good[:start]  # torn
            hit = good[start:]
        else:
            rubbish = data.draw(st.binary(min_size=1, max_size=30))
            bad = good[:start] + rubbish + good[start + len(rubbish) :]
            hit = good[start : start + len(rubbish)]
        with open(victim, "wb") as file:
            file.write(bad)
        journal = Journal(directory, segment_bytes)
        found = dict(journal.iterate())
        assert list(found) == sorted(found)
        for number, content in found.items():
            assert left[number] == content
        # A stretch of n bytes touches at most n // 11 + 2 records (11 is the size of a header).
        assert len(left) - len(found) <= len(hit) // 11 + 2
        # And the journal goes on as if nothing had been.
        number = journal.append(b"after")
        # A cut record was never announced, so its number may come again; one that was there may not.
        assert number > max(found if cut and found else [0] if cut else numbers)
        assert waiting(Journal(directory, segment_bytes)) == [*found.values(), b"after"]
        while journal.peek() is not None:
            journal.drop()
        assert waiting(Journal(directory, segment_bytes)) == []
