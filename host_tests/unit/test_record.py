# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
import os

import log
import store.record
from host_tests.unit.expect import raises
from host_tests.unit.scratch import Scratch, exists, read, write
from store.journal import Journal
from store.record import NewerVersion, Record

OBJECT = {"a": 1, "list": [True, None, "Straße", -5, 1764000000000], "quote": 'x"y\nz'}


def test_what_was_saved_is_loaded():
    with Scratch() as path:
        Record(path + "/file", 1).save(OBJECT)
        record = Record(path + "/file", 1)
        assert record.load() == OBJECT
        assert not record.damaged


def test_save_replaces():
    with Scratch() as path:
        record = Record(path + "/file", 1)
        record.save({"long": "x" * 500})
        record.save({})
        assert record.load() == {}


def test_no_file_and_an_empty_one_are_absent():
    with Scratch() as path:
        record = Record(path + "/file", 1)
        assert record.load() is None
        write(path + "/file", b"")  # what a power cut leaves of a new file on littlefs
        assert record.load() is None
        assert not record.damaged
        assert not exists(path + "/file.bad")
        assert "file is empty" in log.lines()[-1]


def test_header_is_what_the_docs_say():
    with Scratch() as path:
        Record(path + "/file", 7).save([1])
        assert read(path + "/file") == b"pilotlight 7 09f09845\n[1]"


def test_every_flipped_byte_is_noticed():
    with Scratch() as path:
        name = path + "/file"
        record = Record(name, 1)
        record.save({"HeartbeatInterval": "300"})
        good = read(name)
        for index in range(len(good)):
            for flip in (0x01, 0x20, 0xFF):
                bad = bytearray(good)
                bad[index] ^= flip
                write(name, bad)
                assert record.load() is None, (index, flip)
                assert record.damaged
                assert read(name + ".bad") == bytes(bad)
                assert not exists(name)


def test_every_truncation_is_noticed():
    with Scratch() as path:
        name = path + "/file"
        record = Record(name, 1)
        record.save({"HeartbeatInterval": "300"})
        good = read(name)
        for length in range(1, len(good)):
            write(name, good[:length])
            assert record.load() is None
            assert record.damaged
        write(name, good + b" ")
        assert record.load() is None


def test_damage_is_logged_with_the_name_and_older_bad_files_are_replaced():
    with Scratch() as path:
        name = path + "/settings"
        for content in (b"first", b"second"):
            write(name, content)
            assert Record(name, 1).load() is None
        assert read(name + ".bad") == b"second"
        line = log.lines()[-1]
        assert "settings" in line and ".bad" in line and " E " in line, line


def test_a_file_that_cannot_be_read_is_damage():
    with Scratch() as path:
        name = path + "/file"
        os.mkdir(name)  # the simplest thing that every file system refuses to read
        record = Record(name, 1)
        assert record.load() is None and record.damaged
        assert exists(name + ".bad") and not exists(name)
        record.save(OBJECT)
        assert record.load() == OBJECT


def test_saved_again_after_damage():
    with Scratch() as path:
        record = Record(path + "/file", 1)
        write(path + "/file", b"\x00\xff" * 40)
        assert record.load() is None
        record.save(OBJECT)
        assert record.load() == OBJECT
        assert not record.damaged


def test_a_newer_version_is_refused_and_untouched():
    with Scratch() as path:
        name = path + "/file"
        Record(name, 3).save(OBJECT)
        before = read(name)
        error = raises(NewerVersion, Record(name, 2).load)
        assert name in str(error) and "3" in str(error) and "2" in str(error)
        assert read(name) == before
        assert not exists(name + ".bad")


def test_an_older_version_is_migrated():
    def migrate(version, obj):
        assert version == 1
        return {"new": obj["old"]}

    with Scratch() as path:
        Record(path + "/file", 1).save({"old": 5})
        assert Record(path + "/file", 2, migrate).load() == {"new": 5}


def test_an_older_version_without_migration_or_with_strange_content_is_set_aside():
    def migrate(version, obj):
        return {"new": obj["old"]}

    with Scratch() as path:
        name = path + "/file"
        Record(name, 1).save({"old": 5})
        assert Record(name, 2).load() is None
        assert exists(name + ".bad")
        Record(name, 1).save({"other": 5})
        record = Record(name, 2, migrate)
        assert record.load() is None
        assert record.damaged


def test_a_huge_file_is_not_read_into_ram():
    with Scratch() as path:
        write(path + "/file", b"x" * 20000)
        assert Record(path + "/file", 1).load() is None
        assert exists(path + "/file.bad")


def test_a_huge_object_is_refused_and_the_old_content_stays():
    with Scratch() as path:
        record = Record(path + "/file", 1)
        record.save([1])
        raises(OSError, record.save, ["x" * 17000])
        assert record.load() == [1]


def test_a_directory_that_cannot_be_written_raises():
    with Scratch() as path:
        raises(OSError, Record(path + "/nowhere/file", 1).save, {})


def test_remove():
    with Scratch() as path:
        record = Record(path + "/file", 1)
        record.remove()
        record.save(1)
        record.remove()
        assert not exists(path + "/file")


def test_damage_is_told_to_who_asks_for_it():
    with Scratch() as path:
        told = []
        store.record.on_damage = lambda name, why: told.append((name, why))
        try:
            for content in (b"first", b"", b"second"):
                write(path + "/settings", content)
                Record(path + "/settings", 1).load()
            os.mkdir(path + "/outbox")
            write(path + "/outbox/00000001.seg", b"rubbish")
            write(path + "/outbox/head", b"rubbish")
            Journal(path + "/outbox")
        finally:
            store.record.on_damage = None
        names = [name for name, _ in told]
        assert names == [path + "/settings"] * 2 + [path + "/outbox/head", path + "/outbox/00000001.seg"]
        for _, why in told:
            assert "no header" in why or "set aside as head.bad" in why or "unreadable" in why, why
