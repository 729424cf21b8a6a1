# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""meters.Meters, station.connector, station.transaction: random lives of the meter of a station that charges,
in regular rounds. What is billed has flowed, and what has flowed is billed, but for some seconds each time
that another meter is found, or the power fails while it is not sure which one that is."""

import json

from hypothesis import example, given, settings
from hypothesis import strategies as some

from hal.reading import Reading
from host_tests.unit.event_loop import run
from host_tests.unit.rig import MemoryRecord, Rig
from meters import Meters

FULL_WH_S = 22080 / 3600
# The third silence opens the contactor, and the reading before may be a second old; a Wh for what is less.
UNSURE_WH = 5 * FULL_WH_S + 1
# Far apart: a register just above the old one goes on from it, as far as anybody can tell (docs/metering.md).
REGISTERS = some.integers(1, 10**4).map(lambda number: number * 1000003)


class Meter:
    """A meter; `answers`: registers or None for the next readings, then what it has counted."""

    slow = False

    def __init__(self, wh):
        self.meter = self
        self.wh = wh
        self.answers = []

    async def read(self):
        wh = int(self.wh)
        if self.answers:
            wh = self.answers.pop(0)
        return None if wh is None else Reading(wh, 22080)


class World:
    def __init__(self, start_wh):
        self.meter = Meter(start_wh)
        self.flowed_wh = 0
        self.lost_wh = 1  # at most
        self.rig = self.started(Rig(options={"power_loss": "resume"}))
        self.rig.charge()
        self.start_wh = self.transaction.meter_start_wh
        self.billed_wh = self.top_wh = 0
        self.replaced = self.saves = 0

    def started(self, rig):
        def read(number, done):
            done(run(self.meter.read()), rig.now)

        rig.station._read_meter = read
        rig.station.read_meter = read
        self.meters = Meters([self.meter], rig.station)
        return rig

    @property
    def transaction(self):
        return self.rig.station.connectors[0].transaction

    def second(self):
        rig = self.rig
        for _ in range(10):
            if rig.supply.energised:
                self.meter.wh += FULL_WH_S / 10
                self.flowed_wh += FULL_WH_S / 10
            rig.step(100)
        run(self.meters.round())
        self.look()

    def look(self):
        billed_wh = self.transaction.energy_wh()
        assert self.billed_wh <= billed_wh <= self.flowed_wh + 1
        self.billed_wh = billed_wh
        self.top_wh = max(self.top_wh, billed_wh)
        if self.rig.records[0].saves != self.saves:
            self.saves = self.rig.records[0].saves
            self.replaced = 0

    def replace(self, wh):
        self.meter.wh = wh
        # Since a power cut nobody has asked the old one: the record is as old as may be.
        self.lost_wh += UNSURE_WH + self.top_wh - self.billed_wh
        self.top_wh = self.billed_wh
        self.replaced += 1

    def cut(self):
        """The power fails; the transaction goes on."""
        old = self.rig
        record = MemoryRecord(json.loads(json.dumps(old.records[0].value)))
        self.rig = self.started(Rig(records=[record], options={"power_loss": "resume"}))
        self.rig.supply.plug(asking=True)
        self.rig.station.recover(self.rig.now)
        billed_wh = self.transaction.energy_wh()
        assert billed_wh <= self.billed_wh
        if self.replaced:  # the record is of before; nobody can ask that meter any more
            self.lost_wh += self.billed_wh - billed_wh + UNSURE_WH
        self.lost_wh += UNSURE_WH
        self.billed_wh = billed_wh
        self.saves = self.rig.records[0].saves

    def ends(self):
        """What is billed."""
        for _ in range(70):
            self.second()
        self.look()
        said = self.rig.tag("GOOD") + self.rig.step(9000)
        stops = [entry for entry in said if entry[0] == "Stop"]
        assert len(stops) == 1
        return stops[0][4] - self.start_wh


def answers_of(value, shown):
    """No register twice on end: it would be a meter that stands still, and as good as any."""
    found, before = [], None
    for wh in value:
        if wh is None or wh == 0 or (wh not in shown and wh != before):
            found.append(wh)
            before = wh or before
    return found


EVENTS = some.lists(
    some.one_of(
        some.tuples(some.just("flow"), some.integers(1, 200)),
        some.tuples(some.just("flow"), some.integers(1, 4)),
        some.tuples(some.just("replace"), REGISTERS),
        some.tuples(some.just("answers"), some.lists(some.one_of(REGISTERS, some.none(), some.just(0)))),
        some.tuples(some.just("cut"), some.just(0)),
    ),
    max_size=20,
)


@example(5000015, [("replace", 3000009), ("answers", [7000021, 9000027] * 300), ("flow", 400)])
@example(5000015, [("replace", 3000009), ("answers", [0] * 59), ("flow", 100)])
@example(5000015, [("replace", 3000009), ("answers", [7000021, None, 9000027] * 100), ("flow", 100)])
@example(5000015, [("replace", 0), ("flow", 100)])
@example(5000015, [("replace", 3000009), ("flow", 2), ("replace", 8000024), ("flow", 2), ("cut", 0)])
@settings(max_examples=40)
@given(REGISTERS, EVENTS)
def test_what_flows_is_billed_but_for_seconds(start_wh, events):
    world = World(start_wh)
    shown = {start_wh}
    for what, value in events:
        if what == "flow":
            for _ in range(value):
                world.second()
        elif what == "replace":
            if value in shown:
                continue
            shown.add(value)
            world.replace(value)
        elif what == "answers":
            world.meter.answers = answers_of(value, shown)
        else:
            world.cut()
    world.meter.answers = []
    billed_wh = world.ends()
    assert world.flowed_wh - world.lost_wh <= billed_wh <= world.flowed_wh + 1, (billed_wh, world.flowed_wh)
