# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Random lives of one transaction: a clock that jumps, that is wrong or missing, power cuts that it survives.
No time that was told lies before one told earlier."""

import json

from hypothesis import given
from hypothesis import strategies as some

from station.clock import Clock
from station.transaction import RECORD_MS, Transaction
from station.transaction_record import packed, restored

NOON = 1795176000000
HOUR = 3600000
JUMPS = some.sampled_from((0, 0, -300, 700, -5 * HOUR, 5 * HOUR, -400 * HOUR, 300 * HOUR))
SPANS = some.integers(0, RECORD_MS - 1)


class Life:
    """`true_ms`: the time outside. `off_ms`: how wrong the CSMS is about it; `rtc_ms`: the battery-kept
    clock."""

    def __init__(self, battery, rtc_ms, known):
        self.true_ms = NOON
        self.off_ms = 0
        self.battery, self.rtc_ms = battery, rtc_ms
        self.kept = {}
        self.boot = 0
        self.told = []  # (stamp as JSON, true time)
        self.transaction = None
        self.start()
        if known:
            self.synchronise(0)
        at_ms = self.clock.uptime_ms
        self.transaction = Transaction(7, 1, "TAG", None, self.clock.stamp(), 0, None, at_ms)
        self.note(self.transaction.started)
        self.record()

    def start(self):
        self.boot += 1
        rtc = self.true_ms + self.rtc_ms if self.battery else None
        self.clock = Clock(self.boot, 0, rtc, on_set=self.heard, **self.kept)
        self.keep()

    def keep(self):
        self.kept = {
            "floor_utc_ms": self.clock.floor_utc_ms,
            "anchors": json.loads(json.dumps(self.clock.anchors)),
        }

    def heard(self, by_ms, news):
        if news:
            self.keep()
            if self.transaction is not None:
                self.record()

    def note(self, stamp):
        self.told.append((json.loads(json.dumps(stamp)), self.true_ms))

    def run(self, span_ms):
        """The main loop, with the record when it is due."""
        self.true_ms += span_ms
        self.clock.advance((self.clock.uptime_ms + span_ms) % (1 << 30))
        if self.transaction is not None and self.clock.uptime_ms - self.recorded_at_ms >= RECORD_MS:
            self.record()

    def record(self, warned=False):
        self.recorded_at_ms = self.clock.uptime_ms
        self.transaction.seen(None, self.clock)
        self.transaction.warned = warned
        self.row = json.loads(json.dumps(packed(self.transaction)))

    def synchronise(self, off_ms):
        self.off_ms = off_ms
        self.clock.set_utc_ms(self.true_ms + off_ms)
        if self.battery:
            self.rtc_ms = off_ms

    def tell(self, late_ms=0):
        self.note(self.transaction.tell(self.clock, max(0, self.clock.uptime_ms - late_ms)))

    def cut(self, off_for_ms, warned):
        if warned:
            self.record(warned)
        self.true_ms += off_for_ms
        self.transaction = None
        self.start()
        self.transaction = restored(self.row)

    def resume(self):
        self.transaction.taken_up(self.clock)
        self.record()

    def times(self):
        """As they are sent in the end, when the time has been told."""
        return [self.clock.resolve(stamp) for stamp, _ in self.told]


EVENTS = some.lists(
    some.one_of(
        some.tuples(some.just("run"), SPANS),
        some.tuples(some.just("tell"), some.sampled_from((0, 900))),
        some.tuples(some.just("sync"), JUMPS),
        some.tuples(some.just("cut"), some.sampled_from((2000, 5000, 24 * HOUR)), some.booleans()),
        some.tuples(some.just("keep")),
    ),
    max_size=25,
)


@given(some.booleans(), JUMPS, some.booleans(), EVENTS, some.booleans(), JUMPS)
def test_times_never_go_back(battery, rtc_ms, known, events, stops, last_jump):
    """One boot in a row may go without the time: see docs/clock.md."""
    life = Life(battery, rtc_ms, known)
    blind = False
    for what, *more in events:
        if what == "run":
            life.run(*more)
        elif what == "tell":
            life.tell(*more)
        elif what == "sync":
            life.synchronise(*more)
        elif what == "keep":
            life.keep()
        else:
            if blind:
                life.synchronise(life.off_ms)
            life.cut(*more)
            life.resume()
            blind = True
        blind = blind and what != "sync"
    life.run(1000)
    if stops:
        life.tell()
    else:
        if blind:
            life.synchronise(life.off_ms)
        life.cut(3000, False)
        life.note(life.transaction.cut(life.clock))
        life.run(500)
    life.synchronise(last_jump)
    times = life.times()
    assert None not in times
    assert times == sorted(times)


@given(some.booleans(), some.booleans(), EVENTS)
def test_many_cuts_before_anybody_tells_the_time(battery, known, events):
    life = Life(battery, 0, known)
    for what, *more in events:
        if what == "run":
            life.run(*more)
        elif what == "tell":
            life.tell(*more)
        elif what == "keep":
            life.keep()
        elif what == "cut":
            life.cut(*more)
            life.resume()
    life.run(1000)
    life.cut(3000, False)
    life.note(life.transaction.cut(life.clock))
    life.run(500)
    life.synchronise(0)
    times = life.times()
    assert times == sorted(times)
    assert times[-1] <= life.true_ms


@given(some.booleans(), some.booleans(), EVENTS)
def test_without_a_jump_they_are_the_true_ones(battery, known, events):
    """Where the CSMS is right and reached in each boot; a battery-kept clock may have been wrong."""
    life = Life(battery, 5 * HOUR if battery else 0, known)
    for what, *more in events:
        if what == "run":
            life.run(*more)
        elif what == "tell":
            life.tell()
        elif what == "cut":
            life.synchronise(0)
            life.cut(*more)
            life.resume()
            life.synchronise(0)
    life.synchronise(0)
    for utc_ms, (_, true_ms) in zip(life.times(), life.told, strict=True):
        assert utc_ms == true_ms
