# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""charger.Firmware, meters.Meters: the regular round of the meters is driven by the clock."""

import charger
import log
import meters
from evse.over_current import _LATE_MS
from hal.ticks import ticks_add, ticks_diff
from host_tests.unit.event_loop import run

_START = (1 << 30) - 3000


class Over(Exception):
    pass


class World:
    """Everything that the round touches, and a clock that only its waits move."""

    def __init__(self, takes_ms):
        self.now = _START
        self.takes_ms = takes_ms  # of each reading in turn; a silent meter's is None
        self.asked = 0
        self.answers = []  # when
        self.number = 1
        self.slow = self.quiet = False
        self.station = self.rest = self.supply = self.outbox = self._kept_clock = self.meter = self
        self._event_log = self
        self.session = self
        self.aged = []  # when
        self.connectors = [self]
        self._meters = meters.Meters([self], self)
        self._meters.reading = self._reading

    async def sleep_ms(self, ms):
        assert ms > 0  # somebody else wants the bus, too
        self.now = ticks_add(self.now, ms)
        if ticks_diff(self.now, _START) > 60000:
            raise Over

    async def _reading(self, _):
        takes_ms = self.takes_ms[self.asked % len(self.takes_ms)]
        self.asked += 1
        self.now = ticks_add(self.now, meters._READING_LIMIT_MS if takes_ms is None else takes_ms)
        if takes_ms is not None:
            self.answers.append(self.now)
        return takes_ms

    def metered(self, *_):
        pass

    def age(self, now):
        self.aged.append(now)

    take = keep = catch_up = report = tick = _note_peak = _look_around = metered


def gaps(takes_ms, world=None):
    """Milliseconds from answer to answer."""
    world = world or World(takes_ms)
    names = ("asyncio", "ticks_ms")
    kept = [getattr(charger, name) for name in names]
    kept_ticks_ms = meters.ticks_ms
    charger.asyncio, charger.ticks_ms = world, lambda: world.now
    meters.ticks_ms = charger.ticks_ms
    try:
        run(charger.Firmware._rounds(world))  # pyright: ignore[reportArgumentType]
    except Over:
        pass
    finally:
        charger.asyncio, charger.ticks_ms = kept
        meters.ticks_ms = kept_ticks_ms
    answers = world.answers
    return [ticks_diff(answers[index + 1], answers[index]) for index in range(len(answers) - 1)]


def test_a_second_whatever_the_meter_takes():
    for takes_ms in (0, 100, 700):
        assert set(gaps([takes_ms])) == {1000}, takes_ms


class Meter:
    slow = False

    def __init__(self, world, takes_ms):
        self.meter = self.supply = self.rest = self
        self.world = world
        self.takes_ms = takes_ms
        self.answers = []
        self.fault = False

    async def read(self):
        self.world.now = ticks_add(self.world.now, self.takes_ms)
        if self.takes_ms >= meters._READING_LIMIT_MS:
            return None
        self.answers.append(self.world.now)
        return self.takes_ms

    def metered(self, *_):
        pass

    take = metered

    def report(self, name, present):
        self.fault = present


def test_silent_meters_do_not_starve_the_others():
    world = World([100])
    each = [Meter(world, takes_ms) for takes_ms in (1500, 100, 1500, 1500)]
    for number, meter in enumerate(each):
        meter.number = number + 1
    world.connectors = each
    world._meters = meters.Meters(each, world)
    gaps([100], world)
    answers = each[1].answers[5:]
    apart = [ticks_diff(answers[index + 1], answers[index]) for index in range(len(answers) - 1)]
    assert max(apart) <= _LATE_MS, apart
    assert [meter.fault for meter in each] == [True, False, True, True]
    # One that answers again is found.
    each[3].takes_ms = 100
    world.now = _START
    gaps([100], world)
    assert [meter.fault for meter in each] == [True, False, True, False]


def test_one_that_is_another_each_time_is_as_good_as_silent():
    """Two meters with one address, or registers of nonsense: nothing may flow that nobody counts."""
    world = World([100])
    meter = Meter(world, 100)
    meter.number = 1
    world.connectors = [meter]
    world._meters = meters.Meters([meter], world)
    told = []
    meter.report = lambda name, present: told.append(present)
    unknown = [False, True, True, False, True, True, True, True, False]
    meter.metered = lambda reading, more=None: unknown.pop(0) if more is None and unknown else False
    gaps([100], world)
    assert told[:10] == [False] * 6 + [True, True, False, False]


class Grid(Meter):
    """The meter at the grid connection, and the station that is told."""

    def __init__(self, world, takes_ms):
        super().__init__(world, takes_ms)
        self.told = []

    def grid_metered(self, now, reading):
        self.told.append((now, reading, ticks_diff(self.world.now, now)))


def with_grid(grid_ms, *takes_ms):
    """(connectors' meters, the grid's) after a minute."""
    world = World([100])
    each = [Meter(world, one_ms) for one_ms in takes_ms]
    for number, meter in enumerate(each):
        meter.number = number + 1
    grid = Grid(world, grid_ms)
    grid.connectors = world.connectors = each
    world._meters = meters.Meters(each, grid, grid)
    gaps([100], world)
    return each, grid


def test_the_meter_at_the_grid_is_read_each_second_before_the_others():
    each, grid = with_grid(200, 100, 150)
    assert len(grid.told) >= 59
    # It is told of when the others were read after it.
    assert all(reading == 200 and since_ms == 250 for _, reading, since_ms in grid.told)
    assert [now for now, _, _ in grid.told] == grid.answers
    assert all(ticks_diff(late, early) == 1000 for early, late in zip(grid.answers, grid.answers[1:]))
    assert len(each[0].answers) == len(grid.answers)


def test_a_silent_meter_at_the_grid_takes_nobodys_time():
    each, grid = with_grid(1500, 1500, 100, 1500)
    answers = each[1].answers[5:]
    apart = [ticks_diff(answers[index + 1], answers[index]) for index in range(len(answers) - 1)]
    assert max(apart) <= _LATE_MS, apart
    assert [meter.fault for meter in each] == [True, False, True]
    # It is asked for all that, and the station told of each silence.
    assert len(grid.told) >= 8 and all(reading is None for _, reading, _ in grid.told)


def test_one_that_answers_again_is_read_each_second_again():
    world = World([100])
    meter = Meter(world, 100)
    meter.number = 1
    grid = Grid(world, 1500)
    grid.connectors = world.connectors = [meter]
    world._meters = meters.Meters([meter], grid, grid)
    gaps([100], world)
    grid.takes_ms = 100
    grid.told.clear()
    world.now = _START
    gaps([100], world)
    assert len(grid.told) >= 55 and all(reading == 100 for _, reading, _ in grid.told)


def test_what_is_due_is_aged_each_round():
    world = World([100])
    gaps([100], world)
    assert len(world.aged) >= 60


def test_a_meter_that_is_silent_every_other_time_still_proves_something():
    for takes_ms in (100, 300, 700):
        found = gaps([takes_ms, None])
        assert found and max(found) <= _LATE_MS, takes_ms


def test_where_a_meter_was_found_is_kept_in_the_rounds():
    class Shelf:
        saved = []

        def load(self):
            return {"1": ["sdm630", 1, 9600, None, 1], "2": "x"}

        def save(self, value):
            self.saved.append(value)

    world = World([100])
    meter = Meter(world, 100)
    meter.number = 1
    world._meters.keep(Shelf())
    assert world._meters.kept is None  # nobody looks for a meter here
    meter.found, meter.odd = None, []
    world.connectors = [meter]
    world._meters = meters.Meters([meter], world)
    world._meters.keep(Shelf())
    assert meter.found == ["sdm630", 1, 9600, None, 1]  # of the boot before
    meter.found = ["sdm630", 2, 9600, None, 1]
    world.quiet = True
    gaps([100], world)
    assert Shelf.saved == []  # while the power fails nothing is written
    world.quiet = False
    world.now = _START
    gaps([100], world)
    assert len(Shelf.saved) == 1 and Shelf.saved[0]["1"] == meter.found


def test_no_memory_to_tell_of_a_meter_that_raises():
    class Station:
        connectors = ()

    class Broken:
        meter = None

        async def read(self):
            raise MemoryError

    def full(*rest):
        raise MemoryError

    broken = Broken()
    broken.meter = broken
    emit, log.emit = log.emit, full
    try:
        assert run(meters.Meters([broken], Station()).reading(1)) is None
    finally:
        log.emit = emit
    assert run(meters.Meters([broken], Station()).reading(1)) is None
    assert " E meter: 1: MemoryError(" in log.lines()[-1]
