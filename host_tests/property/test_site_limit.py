# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A building, a meter at its grid connection, cars that begin and end and follow within 5 s: random
stories."""

from collections import deque
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hal.ticks import ticks_add
from station.site_limit import SiteLimit

LIMIT_DA = 250
_STEP_MS = 250
_ROUND = 4  # steps from reading to reading
_FOLLOWS = 5000 // _STEP_MS
_RAMP_DA = 50  # in a step: 20 A in a second
# A reading, two more in which what ended lately is still believed to be ours, and the car's 5 s with a ramp.
_LATE_MS = 10000


class World:
    """`phases`: those of the grid that our cars are on; three: the meters know them, else they do not."""

    def __init__(self, phases, delay, house_a):
        self.now = -(1 << 29)
        self.phases = phases
        self.site = SiteLimit(LIMIT_DA, 0, True)
        self.house_da = [10 * amps for amps in house_a]
        self.need_da = 0  # of the cars together
        self.drawn_da = 0
        self.allowed = deque([0] * (delay + 1), delay + 1)  # as the cars see it, the oldest first
        self.rose_ms = 10**6  # since the building has taken more
        self.changes = []
        self.available_da = 0
        self.at = 0
        self.read = (0, ())

    def grid_da(self):
        ours = self.drawn_da
        return [self.house_da[phase] + (ours if phase in self.phases else 0) for phase in range(3)]

    def own_ma(self):
        return (self.drawn_da * 100,) * len(self.phases)

    def live(self, ms):
        for _ in range(ms // _STEP_MS):
            self.now = ticks_add(self.now, _STEP_MS)
            self.at += 1
            self.rose_ms += _STEP_MS
            available_da = self.site.available_da(self.now) or 0
            if available_da != self.available_da:
                self.changes.append((self.at * _STEP_MS, available_da - self.available_da))
            self.available_da = available_da
            self.allowed.append(available_da if available_da >= 60 else 0)
            target = min(self.allowed[0], self.need_da)
            if self.drawn_da < target:
                self.drawn_da = min(target, self.drawn_da + _RAMP_DA)
            else:
                self.drawn_da = target
            # The grid's meter first, ours a step after it.
            if self.at % _ROUND == 0:
                self.read = (self.now, tuple([100 * one for one in self.grid_da()]))
            elif self.at % _ROUND == 1 and self.at > 1:
                self.site.metered(self.read[0], self.read[1], self.own_ma())
            for phase in self.phases:
                fine = self.grid_da()[phase] <= max(LIMIT_DA, self.house_da[phase])
                assert fine or self.rose_ms <= _LATE_MS, (self.grid_da(), available_da)

    def house(self, house_a):
        if any(10 * new > old for new, old in zip(house_a, self.house_da, strict=True)):
            self.rose_ms = 0
        self.house_da = [10 * amps for amps in house_a]


loads = st.tuples(*[st.integers(-20, 40)] * 3)
events = st.one_of(st.tuples(st.just("house"), loads), st.tuples(st.just("cars"), st.integers(0, 320)))
waits = st.sampled_from((250, 1000, 3000, 12000, 40000))
slow_waits = st.sampled_from((3000, 12000, 40000))  # what is over between two readings nobody sees
delays = st.integers(0, _FOLLOWS)
places = st.sampled_from(((0, 1, 2), (0,), (1,), (2,)))


@given(places, delays, loads, st.lists(st.tuples(events, waits), max_size=20))
def test_the_grid_carries_no_more_than_it_may(phases, delay, house_a, told):
    world = World(phases, delay, house_a)
    world.live(20000)
    for (what, value), wait_ms in told:
        if what == "house":
            world.house(value)
        else:
            world.need_da = value
        world.live(wait_ms)
    raised = [at_ms for at_ms, change in world.changes if change > 0]
    apart = [late - early for early, late in pairwise(raised)]
    assert all(one >= 30000 for one in apart), world.changes


@given(delays, loads, st.lists(st.tuples(st.integers(0, 320), slow_waits), max_size=20))
def test_our_own_cars_change_nothing(delay, house_a, told):
    world = World((0, 1, 2), delay, house_a)
    world.live(10000)
    left_da = max(0, min(LIMIT_DA, LIMIT_DA - 10 * max(house_a)))
    for need_da, wait_ms in told:
        world.need_da = need_da
        world.live(wait_ms)
        assert world.available_da == left_da


@given(st.sampled_from(((0,), (1,), (2,))), delays, loads, st.integers(0, 320))
def test_a_car_on_a_phase_that_nobody_knows_does_not_make_it_swing(phases, delay, house_a, need_da):
    world = World(phases, delay, house_a)
    world.need_da = need_da
    # It is let up step by step: what it draws may be where the building draws nothing.
    world.live(300000)
    assert all(change > 0 for _, change in world.changes)
    world.changes.clear()
    world.live(120000)
    assert world.changes == []
