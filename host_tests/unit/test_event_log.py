# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The event log: what is in it, what it may cost, and what is left of it after a power cut or damage."""

import os

import event_log
import log
from event_log import EventLog, packed, some, unpacked
from host_tests.unit.scratch import Scratch, exists, read, write
from station.clock import Clock

NOON = 1_800_000_000_000


class Quiet:
    quiet = False


def opened(path, boot=1, cause="PowerUp"):
    clock = Clock(boot, 0)
    book = EventLog(path, clock)
    book.start(cause, "0.1.0")
    return book, clock


def texts(path, name="/events"):
    found = []
    at = 0
    while True:
        more, after = some(path + name, at)
        if after == at:
            return found
        found += more
        at = after


def live(clock, ms):
    """Time goes on, in pieces that the ticks can count."""
    ticks = clock._ticks
    while ms > 0:
        part = min(ms, 3600000)
        ticks = (ticks + part) & 0x3FFFFFFF
        clock.advance(ticks)
        ms -= part


def test_lines_for_people_with_the_time_once_it_is_known():
    with Scratch() as path:
        book, clock = opened(path)
        live(clock, 34000)
        book.tell("connected")
        clock.set_utc_ms(NOON)
        book.tick()
        book.tick()
        assert texts(path) == [
            "boot 1 +0 s start PowerUp, boot 1, 0.1.0",
            "boot 1 +34 s connected",
            "2027-01-15T08:00:00Z clock set, boot 1 +34 s",
        ]
        first = read(path + "/events").split(b"\n")[0]
        assert first.startswith(b"boot 1 +0 s start PowerUp") and len(first.split(b" ")[-1]) == 8


def test_of_the_log_warnings_and_errors_and_each_kind_once_an_hour():
    with Scratch() as path:
        book, clock = opened(path)
        before, log.sink = log.sink, book.line
        try:
            log.info("rpc", "not this")
            for number in range(50):
                log.warning("outbox", "%d messages wait", number)
            log.failure("meter", 1, OSError(110))
            live(clock, 3600000)
            log.warning("outbox", "%d messages wait", 99)
        finally:
            log.sink = before
        said = [text.split(" s ", 1)[1] for text in texts(path)[1:]]
        assert said[0] == "outbox: 0 messages wait", said
        assert said[1].startswith("meter: 1: OSError(") and said[1].endswith("(49 left out)"), said
        assert said[2:] == ["outbox: 99 messages wait"], said


def test_a_fault_that_comes_and_goes_wears_no_flash():
    class Supply:
        number = 1
        faults = ()

    with Scratch() as path:
        book, clock = opened(path)
        supply = Supply()
        for turn in range(1000):
            supply.faults = ("RcdTrip",) if turn % 2 == 0 else ()
            book.look((supply,))
            live(clock, 1000)
        said = [text.split(" s ", 1)[1] for text in texts(path)[1:]]
        assert said[:2] == ["connector 1: RcdTrip (GroundFailure)", "connector 1: no fault"]
        assert len(said) == 6, said
        live(clock, 3600000)
        supply.faults = ("ContactorWelded", "MeterFailure")
        book.look((supply,))
        book.look((supply,))
        last = texts(path)[-1].split(" s ", 1)[1]
        names = "ContactorWelded (PowerSwitchFailure), MeterFailure (PowerMeterFailure)"
        assert last == "connector 1: %s (994 left out)" % names


def test_a_day_of_everything_at_once_has_its_budget():
    with Scratch() as path:
        book, clock = opened(path)
        written = []
        book._append = written.append
        for second in range(24 * 3600 // 10):
            book.tell("something else each time %d" % second)
            live(clock, 10000)
        assert 170 <= len(written) <= 177, len(written)
        # The log alone leaves something for the rest.
        book, clock = opened(path)
        written = []
        book._append = written.append
        for number in range(100):
            book.line(log.ERROR, "rpc", "%s" % number, "text %d" % number)
        assert len(written) == 24
        book.tell("a fault")
        assert len(written) == 25 and b"76 left out" in written[-1]


def test_a_controller_that_restarts_for_ever_writes_some_of_its_starts():
    with Scratch() as path:
        for boot in range(1, 101):
            book, _ = opened(path, boot, "Watchdog")
            book.tell("a boot loop says so %d" % boot)
        starts = [text for text in texts(path) if " start " in text]
        said = [text for text in texts(path) if "says so" in text]
        assert [int(text.split("boot ")[2].split(",")[0]) for text in starts] == [
            1,
            2,
            3,
            4,
            5,
            16,
            32,
            48,
            64,
            80,
            96,
        ]
        assert len(said) == 5, said
        assert event_log.restarts(path) == {"Watchdog": 11}
        # One that lasts ends it.
        book, clock = opened(path, 112)
        live(clock, 600000)
        book.tick()
        book, _ = opened(path, 113, "Reset")
        assert texts(path)[-1].endswith("start Reset, boot 113, 0.1.0"), texts(path)[-3:]
        book.tell("heard again")
        assert texts(path)[-1].endswith("heard again")


def test_what_looks_like_a_start_is_none():
    """Others choose the names of networks and tags."""
    with Scratch() as path:
        for boot in range(1, 9):
            book, clock = opened(path, boot, "Reset")
            live(clock, 600000)
            book.tick()
            book.tell("wifi: bob's start , quick 9: lost")
            book.tell("clock set, boot %d +600 s" % boot)
        assert not [text for text in texts(path) if ", quick" in text and "wifi" not in text], texts(path)
        assert event_log.restarts(path) == {"Reset": 8}


def test_two_files_of_16_kb():
    with Scratch() as path:
        book, clock = opened(path)
        for number in range(900):
            live(clock, 600000)
            book.tell("number %d %s" % (number, "x" * 40))
            for name in event_log.NAMES:
                assert not exists(path + name) or os.stat(path + name)[6] <= 16384
        kept = texts(path, "/events.old") + texts(path)
        numbers = [int(text.split("number ")[1].split(" ")[0]) for text in kept]
        assert numbers == list(range(numbers[0], 900)) and len(numbers) > 200, numbers


def test_a_line_that_was_torn_costs_no_other():
    with Scratch() as path:
        book, _ = opened(path)
        book.tell("one")
        whole = read(path + "/events")
        for cut in range(1, len(whole)):
            write(path + "/events", whole[:cut])
            opened(path, 2)
            found = texts(path)
            assert found[-1].endswith("start PowerUp, boot 2, 0.1.0") or "quick" in found[-1], (cut, found)
            whole_lines = whole[:cut].count(b"\n")
            assert len([text for text in found if text is not None]) >= whole_lines + 1, (cut, found)


def test_damage_is_passed_over():
    with Scratch() as path:
        book, _ = opened(path)
        for number in range(3):
            book.tell("number %d" % number)
        whole = read(path + "/events")
        at = whole.find(b"number 1")
        write(path + "/events", whole[:at] + b"\xff\x00" + whole[at + 2 :])
        assert [text is None for text in texts(path)] == [False, False, True, False]
        # Of a line no piece is a line, and noise ends at some time.
        write(path + "/events", b"\xa5" * 5000 + b"\n" + packed("good"))
        assert [text for text in texts(path) if text is not None] == ["good"]
        assert all(unpacked(packed("good")[:-1][:cut]) is None for cut in range(9))


def test_what_comes_from_outside_ends_no_line():
    with Scratch() as path:
        book, _ = opened(path)
        book.tell("two\nlines\r\x1b[2J \xe4 " + "y" * 500)
        assert len(texts(path)) == 2 and None not in texts(path)
        assert "two?lines??[2J ?? yyy" in texts(path)[-1] and len(texts(path)[-1]) <= 250


def test_nothing_is_written_while_the_power_fails():
    with Scratch() as path:
        book, _ = opened(path)
        station = Quiet()
        book.attach(station)
        station.quiet = True
        before = read(path + "/events")
        book.tell("the power is failing")
        assert read(path + "/events") == before
        station.quiet = False
        book.tell("back")
        assert texts(path)[-1].endswith("back (1 left out)")


def test_a_flash_that_cannot_be_written_ends_nothing():
    with Scratch() as path:
        book, clock = opened(path)
        before, log.sink = log.sink, book.line
        append = book._append

        def full(line):
            raise OSError(28)

        try:
            book._append = full
            book.tell("lost")
            book.line(log.ERROR, "outbox", "full", "full")
            book._append = append
            live(clock, 7200000)
            book.tell("again")
        finally:
            log.sink = before
        # Two that were offered, and two lines of the log that said so.
        assert texts(path)[-1].endswith("again (4 left out)"), texts(path)[-1]
        book.line(log.ERROR, "x", "fmt", None)  # whatever it is: nothing is raised
        nowhere = EventLog(path + "/no/folder", clock)
        nowhere.start("PowerUp", "0.1.0")
        nowhere.tell("nobody hears")


def test_a_file_that_is_no_log_is_put_aside_by_its_size():
    with Scratch() as path:
        write(path + "/events", b"\xff" * 40000)
        opened(path)
        assert [text for text in texts(path) if text] == ["boot 1 +0 s start PowerUp, boot 1, 0.1.0"]
        assert os.stat(path + "/events")[6] < 100
