# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Every byte of every file of a journal spoilt in turn, and every file cut at every length."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from host_tests.property.test_journal_power_cuts import BUDGET_BYTES, SEGMENT_BYTES, expendable
from store.journal import Journal
from store.segments import HEADER_BYTES

Numbered = dict[int, bytes]


def start(directory: Path) -> Journal:
    return Journal(str(directory), SEGMENT_BYTES, BUDGET_BYTES, expendable)


def fill(directory: Path, *records: bytes) -> tuple[Journal, Numbered]:
    journal = start(directory)
    return journal, {journal.append(data): data for data in records}


def lazily_dropped(directory: Path) -> Numbered:
    journal, _ = fill(directory, b"B")
    journal.drop()
    appended = {}
    for _ in range(20):
        appended[journal.append(b"1.ssss")] = b"1.ssss"
        journal.drop(lazy=True)
    return appended


def one_after_another(directory: Path) -> Numbered:
    lazily_dropped(directory)
    journal = start(directory)
    journal.drop()
    return {journal.append(data): data for data in (b"B", b"\xa5\xa5\xa5", b"")}


def thinned(directory: Path) -> Numbered:
    journal, appended = fill(directory, b"B")
    for _ in range(16):
        for data in (b"1.ssssssss", b"2.ssssssss"):
            try:
                appended[journal.append(data)] = data
            except OSError:
                pass
    for _ in range(4):
        journal.drop()
    left = dict(journal.iterate())
    assert len(left) < len(appended) - 8
    return appended


def joined_but_not_removed(directory: Path) -> Numbered:
    journal, appended = fill(directory, *[b"1.%08d" % number for number in range(18)])
    journal.save_note({})
    names = sorted(directory.glob("*.seg"))
    first, second = names[:2]
    first.write_bytes(first.read_bytes() + second.read_bytes())
    return appended


STATES = (lazily_dropped, one_after_another, thinned, joined_but_not_removed)


def records_at(content: bytes) -> list[tuple[int, int, int]]:
    """(number, begin, end) of the records of an intact segment."""
    found = []
    at = 0
    while at < len(content):
        end = at + HEADER_BYTES + int.from_bytes(content[at + 1 : at + 3], "little")
        found.append((int.from_bytes(content[at + 3 : at + 7], "little"), at, end))
        at = end
    return found


def damages(content: bytes, step: int):
    """(spoilt content, where it begins, where it ends)"""
    for at in range(0, len(content), step):
        flip = 0xFF if at % 2 else 0x01
        yield content[:at] + bytes([content[at] ^ flip]) + content[at + 1 :], at, at + 1
        yield content[:at], at, len(content)


@pytest.mark.parametrize("state", STATES, ids=[state.__name__ for state in STATES])
def test_nothing_is_lost_but_the_record_that_was_hit(state: Callable[[Path], Numbered]):
    with tempfile.TemporaryDirectory() as folder:
        intact = Path(folder) / "intact"
        appended = state(intact)
        files = {path.name: path.read_bytes() for path in sorted(intact.iterdir())}
        assert {"head", "reserve"} <= set(files)
        waiting = dict(start(intact).iterate())
        sent = max(set(appended) - set(waiting), default=0)
        copy = Path(folder) / "copy"
        copy.mkdir()
        for name, content in files.items():
            rows = records_at(content) if name.endswith(".seg") else []
            for spoilt, begin, end in damages(content, 1009 if name == "reserve" else 1):
                for path in copy.iterdir():
                    path.unlink()
                for other, intact_content in files.items():
                    (copy / other).write_bytes(spoilt if other == name else intact_content)
                journal = Journal(str(copy), SEGMENT_BYTES, 1 << 16, expendable)  # not to be thinned now
                found = dict(journal.iterate())
                case = (name, begin, end, spoilt)
                assert list(found) == sorted(found), case
                hit = {number for number, first, last in rows if first < end and last > begin}
                assert {number: data for number, data in waiting.items() if number not in hit}.items() <= (
                    found.items()
                ), case
                # A head that is lost altogether makes what was delivered come again, in its words.
                assert all(appended.get(number, b"B") == data for number, data in found.items()), case
                if name != "head":
                    assert found.items() <= waiting.items(), case
                assert journal.depth >= len(found)
                number = journal.append(b"next")
                # What is cut off looks as if it had never been; its numbers were not seen by anyone.
                assert number > (max(appended) if len(spoilt) == len(content) else sent), case
                assert number > max(found, default=0), case
                if begin % 8:
                    continue  # the rest takes long
                delivered = []
                while (record := journal.peek()) is not None:
                    delivered.append(record)
                    journal.drop()
                assert delivered == [*found.items(), (number, b"next")], case
                assert start(copy).depth == 0, case
