# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Flash that forgets: each byte of a list's files damaged, at a start and while the charger runs."""

import os

from host_tests.unit.damage import Told
from host_tests.unit.local_lists import ACCEPTED, BLOCKED, added, differential, found, full, many, opened
from host_tests.unit.open_files import OpenFiles
from host_tests.unit.scratch import Scratch, exists, read, write
from store import record

SMALL = [("A", ACCEPTED), ("B", BLOCKED), ("C", ("Invalid", None, "P")), ("D", ACCEPTED)]
UNKNOWN = ("0", "AA", "BLOCKEDX", "E")


def flipped(content, at, mask):
    return content[:at] + bytes([content[at] ^ mask]) + content[at + 1 :]


def contents(path):
    return {name: read(path + "/" + name) for name in os.listdir(path)}


def restored(path, kept):
    for name in os.listdir(path):
        os.remove(path + "/" + name)
    for name, content in kept.items():
        write(path + "/" + name, content)


def layered(path):
    """A list with changes beside it: (entries, contents of its files)."""
    entries = many(90)
    local_list = opened(path)
    full(local_list, 1, SMALL + entries)
    differential(local_list, 2, [("A", BLOCKED), ("D", None), ("N", ACCEPTED)])
    assert len(local_list.files) == 2
    model = dict(SMALL + entries)
    model["A"] = BLOCKED
    model["N"] = ACCEPTED
    del model["D"]
    return model, contents(path)


def test_each_byte_of_a_small_list_at_a_start():
    with Scratch() as path:
        full(opened(path), 5, SMALL)
        kept = contents(path)
        assert len(kept) == 2
        for name in kept:
            for at in range(len(kept[name])):
                for mask in (1 << at % 8, 0xFF):
                    with Told() as told:
                        write(path + "/" + name, flipped(kept[name], at, mask))
                        try:
                            local_list = opened(path)
                        except record.NewerVersion:
                            raise AssertionError("a flipped bit is no newer version")
                        assert told == [name], (name, at, mask)
                    assert (local_list.version, local_list.size) == (0, 0)
                    assert found(local_list, ["A", "B", "C", "D"]) == {}
                    bad = "head.bad" if name == "head" else "entries.bad"
                    assert sorted(os.listdir(path)) == sorted([bad, "head"])
                    with Told() as told:
                        assert opened(path).version == 0
                        assert told == []  # it is told once
                    restored(path, kept)


def test_a_file_cut_at_any_length():
    with Scratch() as path:
        full(opened(path), 5, SMALL)
        kept = contents(path)
        for name in kept:
            for length in range(len(kept[name])):
                with Told() as told:
                    write(path + "/" + name, kept[name][:length])
                    assert opened(path).version == 0
                    # An empty head is what a power cut leaves of the first one.
                    assert told == ([] if name == "head" and not length else [name])
                restored(path, kept)


def test_a_file_that_is_gone():
    with Scratch() as path:
        model, kept = layered(path)
        for name in kept:
            os.remove(path + "/" + name)
            with Told() as told:
                local_list = opened(path)
                assert told == ([] if name == "head" else [name])
            assert (local_list.version, local_list.size) == (0, 0)
            assert full(local_list, 1, SMALL) == "Accepted"
            assert found(opened(path), ["A", "B", "C", "D"]) == dict(SMALL)
            restored(path, kept)
        assert found(opened(path), model) == model


def test_each_byte_of_a_small_list_while_it_is_used():
    """Whatever the flash says, nobody is told anything of a tag that was not sent."""
    with Scratch() as path:
        full(opened(path), 5, SMALL)
        kept = contents(path)
        name = "entries_1"
        seen = 0
        for at in range(len(kept[name])):
            for mask in (1 << at % 8, 0xFF):
                local_list = opened(path)
                write(path + "/" + name, flipped(kept[name], at, mask))
                with Told() as told, OpenFiles() as watched:
                    for tag, facts in SMALL:
                        entry = found(local_list, [tag])
                        assert entry in ({}, {tag: facts})
                        if entry == {}:
                            assert told == [name] and local_list.version == local_list.size == 0
                            assert exists(path + "/entries.bad")
                    assert found(local_list, UNKNOWN) == {}
                    assert watched.paths == []
                    assert len(told) == 1  # each record is one of the four
                    seen += 1
                assert opened(path).version == 0
                restored(path, kept)
        assert seen == 2 * len(kept[name])


def test_damage_of_either_file_of_a_list_with_changes():
    with Scratch() as path:
        model, kept = layered(path)
        tags = list(model)[::9] + ["A", "D", "N"]
        lost = 0
        for name in kept:
            for at in range(0, len(kept[name]), 1 if len(kept[name]) < 400 else 23):
                local_list = opened(path)
                write(path + "/" + name, flipped(kept[name], at, 1 << at % 8))
                with Told() as told:
                    for tag in tags:
                        assert found(local_list, [tag]) in ({}, {tag: model.get(tag)})
                        if not told:
                            assert found(local_list, [tag]).get(tag) == model.get(tag) or told
                    if name == "head":
                        assert told == []  # it was read at the start
                    lost += bool(told)
                with Told() as told_later:
                    assert opened(path).version == 0
                    assert told_later == ([] if told else [name])
                restored(path, kept)
        assert lost > 50


def test_an_update_finds_damage():
    with Scratch() as path:
        _, kept = layered(path)
        for name in kept:
            if name == "head":
                continue
            for at in (0, 21, len(kept[name]) - 1):
                local_list = opened(path)
                write(path + "/" + name, flipped(kept[name], at, 4))
                with Told() as told:
                    assert differential(local_list, 3, [("Z", ACCEPTED)]) == "Failed"
                    assert told == [name]
                assert local_list.version == opened(path).version == 0
                # What the CSMS does then.
                assert full(local_list, 3, SMALL) == "Accepted"
                assert found(opened(path), ["A", "B", "C", "D"]) == dict(SMALL)
                restored(path, kept)
        # A full list needs nothing of the old one.
        local_list = opened(path)
        write(path + "/entries_1", b"")
        with Told() as told:
            assert full(local_list, 3, SMALL) == "Accepted"
            assert told == []


def test_a_lost_list_takes_no_changes():
    """They would make a list with the CSMS's version and next to nothing in it."""
    for name in ("head", "entries_1"):
        for entries in ([("A", ACCEPTED)], []):
            with Scratch() as path:
                full(opened(path), 5, SMALL)
                write(path + "/" + name, b"damaged")
                for local_list in (opened(path), opened(path)):  # and after a restart
                    assert differential(local_list, 6, entries) == "Failed"
                    assert (local_list.version, local_list.size) == (0, 0)
                assert full(local_list, 6, entries) == "Accepted"
                assert differential(local_list, 7, SMALL[1:]) == "Accepted"
                assert found(opened(path), ["A", "B"]) == dict(entries + SMALL[1:2])


def test_a_list_that_is_lost_during_an_update():
    """Changes of it are worth nothing then; a full list needs nothing of it."""
    for is_full in (True, False):
        with Scratch() as path:
            _, kept = layered(path)
            local_list = opened(path)
            update = added(local_list, many(50, 500))
            work = update.finish(3, is_full)
            next(work)
            write(path + "/entries_2", flipped(kept["entries_2"], 0, 1))
            with Told() as told:
                assert local_list.lookup("A") is None
                assert told == ["entries_2"]
            for _ in work:
                pass
            wanted = (3, 50) if is_full else (0, 0)
            assert (local_list.version, local_list.size) == wanted
            assert (opened(path).version, opened(path).size) == wanted
            if is_full:
                assert update.status == "Accepted"
            else:
                assert update.status == "Failed" and update.failed
                assert sorted(os.listdir(path)) == ["entries.bad", "head"]


def test_changes_of_a_list_that_is_lost_are_not_kept_also_when_they_could_be_read():
    with Scratch() as path:
        layered(path)
        local_list = opened(path)
        update = added(local_list, many(50, 500))
        work = update.finish(3, False)
        next(work)
        next(work)  # its files are open
        local_list.set_aside(local_list.files[-1][0], "test")
        for _ in work:
            pass
        assert update.status == "Failed" and "lost" in update.failed
        assert (opened(path).version, opened(path).size) == (0, 0)


def test_a_read_that_fails_once_is_noise():
    from station import local_list as module

    with Scratch() as path:
        full(opened(path), 5, SMALL)
        local_list = opened(path)
        original = module.sorted_file.find
        failures = [OSError(5), OSError(5)]

        def noisy(path, count, key):
            if failures:
                raise failures.pop()
            return original(path, count, key)

        module.sorted_file.find = noisy
        try:
            with Told() as told:
                assert found(local_list, ["B"]) == {"B": BLOCKED}
                failures.extend([OSError(5)] * 3)
                assert local_list.lookup("B") is None
                assert told == ["entries_1"]
        finally:
            module.sorted_file.find = original
