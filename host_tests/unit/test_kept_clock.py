# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""When the clock's record is written, with what, and what becomes of a battery-kept clock."""

import log
from host_tests.unit.rig import MemoryRecord
from station import timestamp
from station.kept_clock import KeptClock, of_record

NOON = timestamp.parse("2026-11-20T12:00:00Z")
SECOND = 1000
HOUR = 3600 * SECOND


class FailingRecord(MemoryRecord):
    def save(self, value):
        self.saves += 1
        raise OSError(28)


class Battery:
    """A battery-kept clock; `said` None: there is none, or it was never set."""

    def __init__(self, said=None, broken=None):
        self.said = said
        self.broken = False
        self.fails_when_set = broken
        self.set_to = []

    def utc_ms(self):
        if self.broken:
            raise OSError(5)
        return self.said

    def set_utc_ms(self, utc_ms):
        if self.fails_when_set:
            raise self.fails_when_set
        self.said = utc_ms
        self.set_to.append(utc_ms)


class Connector:
    busy = False


class Station:
    """What the kept clock sees of the charge point, and of the outbox."""

    def __init__(self, record=None, battery=None, boot=1):
        self.quiet = False
        self.connectors = [Connector(), Connector()]
        self.depth = 0
        self.last_sequence = 0
        self.moves = []  # how often the record had been written when the clock moved
        self.record = record or MemoryRecord()
        self.battery = battery or Battery()
        self.kept = KeptClock(self.record, self.battery)
        self.clock = self.kept.start(boot, 0)
        self.kept.attach(self, self)
        self.ticks = 0

    def clock_moved(self, news=True):
        if news:
            self.moves.append(self.record.saves)

    def run(self, passed_ms):
        """Some time passes, then the clock is asked to be kept; how often that was done."""
        saves = self.record.saves
        self.ticks += passed_ms
        self.clock.advance(self.ticks)
        self.kept.keep()
        return self.record.saves - saves

    def boot(self):
        """The same charger after a power cut."""
        return Station(self.record, self.battery, self.clock.boot + 1)


def known():
    """A station that knows the time and has just kept it."""
    station = Station()
    station.run(SECOND)
    station.clock.set_utc_ms(NOON)
    return station


def warned(text):
    return [line for line in log.lines() if text in line]


def test_kept_at_once_and_then_every_hour():
    station = Station()
    assert station.run(SECOND) == 1
    assert station.run(SECOND) == 0
    assert station.run(HOUR - 2 * SECOND) == 0
    assert station.run(SECOND) == 1
    assert station.run(HOUR - SECOND) == 0
    assert station.run(SECOND) == 1


def test_kept_on_news():
    station = known()
    assert station.record.saves == 2
    assert station.run(SECOND) == 0
    station.kept.keep(True)
    assert station.record.saves == 3
    assert station.run(HOUR - SECOND) == 0  # an hour from then on


def test_while_the_time_is_not_known_kept_with_each_message_that_waits():
    station = Station()
    station.run(SECOND)
    station.last_sequence = station.depth = 1
    assert station.run(SECOND) == 1
    assert station.run(SECOND) == 0
    station.last_sequence = 7
    assert station.run(SECOND) == 1
    assert station.record.value["floor"] == station.clock.floor_utc_ms == 4 * SECOND


def test_once_the_time_is_known_messages_are_no_reason():
    station = known()
    station.last_sequence = station.depth = 1
    assert station.run(SECOND) == 0


def test_not_while_quiet_and_behind_it_at_once():
    station = Station()
    station.run(SECOND)
    station.quiet = True
    assert station.run(2 * HOUR) == 0
    station.last_sequence = 1
    assert station.run(SECOND) == 0
    station.kept.keep(True)
    assert station.record.saves == 1
    station.quiet = False
    assert station.run(SECOND) == 1


def test_a_disk_that_is_full_is_logged_and_asked_again_an_hour_later():
    station = Station(FailingRecord())
    assert station.run(SECOND) == 1
    assert warned(" E clock: not kept"), log.lines()
    assert station.run(SECOND) == 0
    assert station.run(HOUR) == 1


def test_the_next_boot_begins_with_what_was_kept():
    first = Station()
    assert first.kept.last_boot == 0
    first.run(SECOND)
    stamp = first.clock.stamp()
    first.depth = first.last_sequence = 1
    first.run(SECOND)
    second = first.boot()
    second.depth = 1
    assert second.kept.last_boot == 1
    assert second.clock.floor_utc_ms == 2 * SECOND
    second.clock.set_utc_ms(NOON)
    assert second.clock.resolve(stamp) == NOON - SECOND


def test_boots_are_forgotten_when_nothing_asks_for_them_any_more():
    for waits, busy, boots in ((1, False, 2), (0, True, 2), (0, False, 1)):
        first = Station()
        first.run(SECOND)
        second = first.boot()
        second.depth = waits
        second.connectors[1].busy = busy
        second.clock.set_utc_ms(NOON)
        assert len(second.record.value["anchors"]) == boots
        assert second.record.value["anchors"][-1] == [2, NOON, 1]


def test_kept_before_anything_is_kept_with_the_new_time():
    station = known()
    assert station.moves == [2]
    station.clock.set_utc_ms(NOON + 10)
    assert station.moves == [2]
    station.clock.set_utc_ms(NOON + HOUR)
    assert station.moves == [2, 3]
    assert station.record.value["floor"] == NOON + HOUR


def test_a_step_of_the_clock_is_logged():
    station = known()
    station.clock.set_utc_ms(NOON + 9999)
    assert not warned("set by 9 s")
    station.clock.set_utc_ms(NOON + 9999 - 20000)
    assert warned(" W clock: the clock is set by -20 s"), log.lines()


# --- the battery-kept clock ---


def test_a_battery_kept_clock_is_set_when_it_is_off_by_more_than_a_second():
    for off_ms, is_set in ((0, False), (1000, False), (-1000, False), (1001, True), (-1001, True)):
        station = Station(battery=Battery(NOON + off_ms))
        assert station.clock.utc_ms == NOON + off_ms
        station.clock.set_utc_ms(NOON)
        assert station.battery.set_to == ([NOON] if is_set else [])


def test_one_that_was_never_set_is_set():
    assert known().battery.set_to == [NOON]


def test_one_that_fails_is_logged_and_all_else_is_done():
    # Of the bus; of a year that it cannot hold; for want of memory.
    for error in (OSError(5), OverflowError("year"), MemoryError("date")):
        station = Station(battery=Battery(broken=error))
        station.clock.set_utc_ms(NOON)
        assert warned(" E clock: the battery-kept one"), log.lines()
        assert station.moves == [1]
        station.battery.broken = True
        station.clock.set_utc_ms(NOON + HOUR)
        assert station.moves == [1, 2]


# --- a record that holds something else ---


def test_a_record_of_the_clock_is_taken():
    anchors = [[3, NOON, 1], [4, NOON + HOUR, 0]]
    assert of_record({"floor": NOON, "anchors": anchors}) == (NOON, anchors)
    assert of_record({"floor": 5, "anchors": []}) == (5, [])
    assert KeptClock(MemoryRecord({"floor": NOON, "anchors": anchors}), Battery()).last_boot == 4


def test_another_record_counts_as_none():
    row = [1, NOON, 1]
    for kept in (
        None,
        7,
        "floor",
        [],
        {},
        {"floor": NOON},
        {"anchors": [row]},
        {"floor": None, "anchors": [row]},
        {"floor": "5", "anchors": [row]},
        {"floor": 1.5, "anchors": [row]},
        {"floor": NOON, "anchors": None},
        {"floor": NOON, "anchors": {"1": row}},
        {"floor": NOON, "anchors": [row, None]},
        {"floor": NOON, "anchors": [row, 5]},
        {"floor": NOON, "anchors": ["abc"]},
        {"floor": NOON, "anchors": [row[:2]]},
        {"floor": NOON, "anchors": [row + [1]]},
        {"floor": NOON, "anchors": [[1, None, 1]]},
        {"floor": NOON, "anchors": [row, [2, NOON, "1"]]},
    ):
        assert of_record(kept) == (0, []), kept
        station = Station(MemoryRecord(kept))
        assert station.kept.last_boot == 0
        assert not station.clock.known and station.run(SECOND) == 1
