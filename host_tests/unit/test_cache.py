# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
import os
from binascii import crc32

from host_tests.unit.scratch import Scratch, exists, read, write
from station.authorization import IdTagInfo
from station.cache import Cache
from store.record import Record

NOW = 1_795_176_000_000
DAY = 86_400_000


def facts(info):
    return None if info is None else (info.status, info.expiry_utc_ms, info.parent)


def same_bucket(count, bucket=0):
    """Tags that share a bucket file."""
    found = []
    number = 0
    while len(found) < count:
        tag = "TAG%d" % number
        if crc32(tag.encode()) % 16 == bucket:
            found.append(tag)
        number += 1
    return found


def content(path):
    return [(name, read(path + "/" + name)) for name in sorted(os.listdir(path))]


def test_what_was_put_is_found_also_after_a_restart_and_in_any_case():
    with Scratch() as path:
        directory = path + "/cache"
        cache = Cache(directory)
        assert cache.lookup("04A1B2C3") is None
        assert cache.put("04a1b2c3", IdTagInfo("Accepted", NOW + DAY, "Fleet"), NOW)
        assert facts(cache.lookup("04A1B2c3")) == ("Accepted", NOW + DAY, "Fleet")
        cache = Cache(directory)
        assert facts(cache.lookup("04A1B2C3")) == ("Accepted", NOW + DAY, "Fleet")
        assert cache.put("04A1B2C3", IdTagInfo("Blocked"), NOW)
        assert facts(Cache(directory).lookup("04A1B2C3")) == ("Blocked", None, None)
        assert cache.lookup("04A1B2C4") is None


def test_tags_that_cannot_be_are_not_found_and_not_kept():
    with Scratch() as path:
        cache = Cache(path)
        for tag in ("", "x" * 21):
            assert not cache.put(tag, IdTagInfo("Accepted"), NOW)
            assert cache.lookup(tag) is None
        assert os.listdir(path) == []


def test_nothing_is_written_when_nothing_changed():
    with Scratch() as path:
        cache = Cache(path)
        info = IdTagInfo("Accepted", NOW + DAY, "P")
        cache.put("A", info, NOW)
        before = content(path)
        written = os.stat(path + "/" + before[0][0])
        os.remove(path + "/" + before[0][0])
        write(path + "/" + before[0][0], before[0][1])
        for now in (NOW, NOW + DAY, NOW - 3 * DAY, NOW + 6 * DAY, None):
            saves = []
            original = Record.save
            Record.save = lambda self, obj, saves=saves: saves.append(obj)
            try:
                assert cache.put("a", info, now)
            finally:
                Record.save = original
            assert saves == [], now
        assert content(path) == before
        assert written[6] == os.stat(path + "/" + before[0][0])[6]
        cache.put("A", info, NOW + 7 * DAY)
        assert content(path) != before


def test_a_full_bucket_loses_what_is_not_valid_first():
    with Scratch() as path:
        cache = Cache(path)
        tags = same_bucket(18)
        for index, tag in enumerate(tags[:16]):
            info = IdTagInfo("Accepted")
            if index == 7:
                info = IdTagInfo("Invalid")
            if index == 9:
                info = IdTagInfo("Accepted", NOW + 2 * DAY)
            cache.put(tag, info, NOW + index * DAY // 4)
        later = NOW + 5 * DAY
        cache.put(tags[16], IdTagInfo("Accepted"), later)
        assert cache.lookup(tags[7]) is None
        assert cache.lookup(tags[9]) is not None
        cache.put(tags[17], IdTagInfo("Accepted"), later)
        assert cache.lookup(tags[9]) is None  # expired by now
        assert [tag for tag in tags if cache.lookup(tag) is None] == [tags[7], tags[9]]


def test_a_full_bucket_loses_the_oldest():
    with Scratch() as path:
        cache = Cache(path)
        tags = same_bucket(18)
        for index, tag in enumerate(tags[:16]):
            cache.put(tag, IdTagInfo("Accepted"), NOW + index * DAY)
        cache.put(tags[0], IdTagInfo("Accepted"), NOW + 20 * DAY)  # used again
        cache.put(tags[16], IdTagInfo("Accepted"), NOW + 20 * DAY)
        assert [tag for tag in tags[:17] if cache.lookup(tag) is None] == [tags[1]]
        cache.put(tags[17], IdTagInfo("Blocked"), NOW + 20 * DAY)
        assert [tag for tag in tags if cache.lookup(tag) is None] == [tags[1], tags[2]]


def test_bounded_whatever_comes():
    with Scratch() as path:
        cache = Cache(path)
        for number in range(600):
            tag = "%020d" % number
            assert cache.put(tag, IdTagInfo("Accepted", NOW + number, "P" * 19 + "%d" % (number % 10)), NOW)
            assert facts(cache.lookup(tag))[0] == "Accepted"
        names = os.listdir(path)
        assert len(names) == 16
        for name in names:
            assert os.stat(path + "/" + name)[6] <= 2048, os.stat(path + "/" + name)[6]
        assert sum([cache.lookup("%020d" % number) is not None for number in range(600)]) == 256


def test_without_a_known_time():
    with Scratch() as path:
        cache = Cache(path)
        tags = same_bucket(17)
        for tag in tags:
            assert cache.put(tag, IdTagInfo("Accepted", NOW), None)
        assert cache.lookup(tags[0]) is None
        assert facts(cache.lookup(tags[16])) == ("Accepted", NOW, None)
        cache.put(tags[5], IdTagInfo("Accepted", NOW), NOW)
        before = content(path)
        cache.put(tags[5], IdTagInfo("Accepted", NOW), None)
        assert content(path) == before


def test_clear_forgets_everything_and_nothing_else():
    with Scratch() as path:
        cache = Cache(path)
        cache.clear()
        write(path + "/other", b"x")
        for number in range(50):
            cache.put("TAG%d" % number, IdTagInfo("Accepted"), NOW)
        cache.clear()
        assert [number for number in range(50) if cache.lookup("TAG%d" % number)] == []
        assert os.listdir(path) == ["other"]
        assert cache.put("TAG1", IdTagInfo("Accepted"), NOW)


def test_a_damaged_bucket_loses_itself_only():
    with Scratch() as path:
        cache = Cache(path)
        first, second = same_bucket(1, 3)[0], same_bucket(1, 12)[0]
        cache.put(first, IdTagInfo("Accepted"), NOW)
        cache.put(second, IdTagInfo("Accepted"), NOW)
        write(path + "/bucket_3", b"rubbish")
        assert cache.lookup(first) is None
        assert cache.lookup(second) is not None
        assert exists(path + "/bucket_3.bad")
        assert cache.put(first, IdTagInfo("Accepted"), NOW)
        assert cache.lookup(first) is not None


def test_a_bucket_of_strange_content_is_no_crash():
    with Scratch() as path:
        cache = Cache(path)
        tag = same_bucket(1, 3)[0]
        for strange in (
            {"a": 1},
            [1, 2],
            [[tag]],
            ["x"],
            5,
            [[tag, 1, 2, 3, 4, 5]],
            [[tag, "Accepted", "x", None, 0]],
        ):
            Record(path + "/bucket_3", 1).save(strange)
            assert cache.lookup(tag) is None, strange
            assert cache.put(tag, IdTagInfo("Accepted"), NOW)
            assert facts(cache.lookup(tag)) == ("Accepted", None, None)


def test_a_bucket_of_a_newer_firmware_is_left_alone():
    with Scratch() as path:
        cache = Cache(path)
        tag = same_bucket(1, 3)[0]
        Record(path + "/bucket_3", 9).save([])
        before = content(path)
        assert cache.lookup(tag) is None
        assert not cache.put(tag, IdTagInfo("Accepted"), NOW)
        assert content(path) == before


def test_a_directory_that_cannot_be_written_is_no_crash():
    with Scratch() as path:
        cache = Cache(path + "/missing/cache")
        assert not cache.put("A", IdTagInfo("Accepted"), NOW)
        assert cache.lookup("A") is None
        cache.clear()
