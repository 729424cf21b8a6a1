# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The cache against a dictionary: what it has is what was put last, and only full buckets lose anything."""

import tempfile
from binascii import crc32

from hypothesis import given, settings
from hypothesis import strategies as st

from station.authorization import IdTagInfo
from station.cache import Cache

NOW = 1_795_176_000_000
tags = st.integers(0, 40).map(lambda number: f"Tag{number}")
infos = st.tuples(
    st.sampled_from(["Accepted", "Blocked", "Expired", "Invalid"]),
    st.none() | st.integers(NOW - 1000, NOW + 1000),
    st.none() | st.sampled_from(["Fleet", "Ümläut", 'quo"te']),
)
actions = st.lists(
    st.tuples(st.just("put"), tags, infos)
    | st.tuples(st.just("clear"), st.none(), st.none())
    | st.tuples(st.just("restart"), st.none(), st.none()),
    max_size=60,
)


@settings(max_examples=40)
@given(actions)
def test_it_is_a_dictionary_that_survives(steps):
    with tempfile.TemporaryDirectory() as directory:
        cache = Cache(directory)
        model = {}
        for what, tag, info in steps:
            if what == "put":
                assert cache.put(tag.swapcase(), IdTagInfo(*info), NOW)
                model[tag] = info
            elif what == "clear":
                cache.clear()
                model = {}
            else:
                cache = Cache(directory)
        # 41 tags never fill a bucket of 16: see the check below.
        for tag in (f"Tag{number}" for number in range(41)):
            found = cache.lookup(tag)
            assert (
                None if found is None else (found.status, found.expiry_utc_ms, found.parent)
            ) == model.get(tag)


def test_the_tags_above_fill_no_bucket():
    buckets = [crc32(f"TAG{number}".encode()) % 16 for number in range(41)]
    assert max(buckets.count(bucket) for bucket in range(16)) < 16


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 60), st.booleans()), min_size=1, max_size=80))
def test_a_full_bucket_keeps_the_newest_valid_ones(puts):
    names = [f"T{n}" for n in range(3000) if crc32(f"T{n}".encode()) % 16 == 5][:61]
    with tempfile.TemporaryDirectory() as directory:
        cache = Cache(directory)
        model = []  # of (tag, valid, day), oldest first, as the cache should keep it
        for day, (number, valid) in enumerate(puts):
            now = NOW + day * 8 * 86_400_000  # more than a week apart, so that every use counts
            assert cache.put(names[number], IdTagInfo("Accepted" if valid else "Blocked"), now)
            model = [entry for entry in model if entry[0] != names[number]]
            if len(model) == 16:
                model.remove(min(model, key=lambda entry: (entry[1], entry[2])))
            model.append((names[number], valid, day))
            kept = {name for name in names if cache.lookup(name) is not None}
            assert kept == {entry[0] for entry in model}
