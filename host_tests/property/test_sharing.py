# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Cars and outlets share a total: random stories of totals, arrivals, departures, cars that hesitate.

A car follows an offer anywhere within the 5 s that it has, or does not hear a pause at all and is cut off; an
outlet changes its offer every 5 s at most (`evse.offer`, the real one) and opens after 6 s.
"""

from collections import deque
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from evse.offer import Offer
from evse.pilot import current_da
from hal.ticks import ticks_add
from station.sharing import TURN_MS, Sharing

_CUT_OFF_MS = 6000
# A lower limit is shown up to 5 s later, and the car has 5 s more.
_FALL_MS = 10000


class Car:
    """Draws all that it may, as late as it may."""

    def __init__(self, chance, step_ms):
        self.delay = chance.choice((0, 1000, 2500, 5000)) // step_ms
        self.deaf = chance.random() < 0.3
        self.full = False  # it asks for nothing
        self.seen = deque([0] * (self.delay + 1), self.delay + 1)
        self.view_da = 0

    def look(self, offered_da, live):
        self.seen.append(offered_da)
        view_da = self.seen[0]
        if self.deaf and live and not offered_da:
            view_da = self.view_da
        self.view_da = view_da
        return view_da > 0 and not self.full


class Outlet:
    """One connector of the world, and its claim."""

    def __init__(self, claim):
        self.claim = claim
        self.offer = Offer()
        self.car = None
        self.live = False
        self.own_da = 320
        self.least_da = 60
        self.paused_ms = 0
        self.drawn_da = 0
        self.charged_ms = 0
        self.changes = 0

    def step(self, dt_ms, limit_da):
        """Offer `limit_da`, and see what the car makes of it."""
        car = self.car
        limit_da = self.own_da if limit_da is None else min(limit_da, self.own_da)
        before = self.offer.duty_e4
        asks = car is not None and car.look(current_da(before), self.live)
        self.offer.step(dt_ms, limit_da if car else 0, "A" if not car else "C" if asks else "B", self.live)
        offered_da = current_da(self.offer.duty_e4)
        self.changes += before != self.offer.duty_e4
        if car is None:
            self.offer.forget()
        self.paused_ms = 0 if offered_da else self.paused_ms + dt_ms
        self.live = asks and (offered_da > 0 or (self.live and self.paused_ms < _CUT_OFF_MS))
        self.drawn_da = car.view_da if self.live else 0
        if self.drawn_da:
            self.charged_ms += dt_ms
        claim = self.claim
        claim.wants = car is not None
        claim.own_da = self.own_da
        claim.least_da = self.least_da
        claim.offered_da = offered_da
        claim.live = self.live
        claim.asking = asks


class World:
    def __init__(self, count, total_da, step_ms=100, now=-(1 << 29)):
        self.now = now
        self.step_ms = step_ms
        self.sharing = Sharing(count)
        self.outlets = [Outlet(claim) for claim in self.sharing.claims]
        self.total_da = total_da
        self.totals = deque(maxlen=_FALL_MS // step_ms + 3)
        self.live(step_ms)

    def live(self, ms):
        for _ in range(ms // self.step_ms):
            self.now = ticks_add(self.now, self.step_ms)
            for outlet, limit_da in zip(self.outlets, self.sharing.limits_da, strict=True):
                outlet.step(self.step_ms, limit_da)
            before = list(self.sharing.limits_da)
            changed = self.sharing.step(self.now, self.total_da)
            assert changed == (before != self.sharing.limits_da)
            self.check()

    def check(self):
        limits_da = self.sharing.limits_da
        total_da = self.total_da
        assert all((limit_da is None) == (total_da is None) for limit_da in limits_da)
        self.totals.append(10**9 if total_da is None else total_da)
        drawn_da = sum(outlet.drawn_da for outlet in self.outlets)
        assert drawn_da <= max(self.totals), (drawn_da, list(limits_da), total_da)
        if total_da is not None:
            assert sum(limit_da for limit_da in limits_da if limit_da >= 60) <= max(0, total_da)


def totals():
    some = st.sampled_from((0, 59, 60, 119, 120, 250, 320, 640))
    return st.one_of(st.none(), some, some, st.integers(60, 400))


@st.composite
def stories(draw):
    count = draw(st.integers(1, 4))
    places = st.integers(0, count - 1)
    events = st.one_of(
        st.tuples(st.just("total"), totals()),
        st.tuples(st.just("arrives"), places),
        st.tuples(st.just("leaves"), places),
        st.tuples(st.just("full"), places, st.booleans()),
        st.tuples(st.just("own"), places, st.sampled_from((0, 59, 60, 100, 160, 200, 320))),
        st.tuples(st.just("least"), places, st.sampled_from((0, 60, 100, 160))),
    )
    waits = st.sampled_from((100, 1000, 2500, 5000, 5300, 7000, 12000, 70000))
    told = draw(st.lists(st.tuples(events, waits), min_size=1, max_size=25))
    return count, draw(totals()), draw(st.integers(0, 10**6)), draw(st.booleans()), told


def happens(world, event, chance):
    if event[0] == "total":
        world.total_da = event[1]
        return
    outlet = world.outlets[event[1]]
    if event[0] == "arrives":
        outlet.car = outlet.car or Car(chance, world.step_ms)
    elif event[0] == "leaves":
        outlet.car = None
    elif event[0] == "own":
        outlet.own_da = event[2]
    elif event[0] == "least":
        outlet.least_da = event[2]
    elif outlet.car:
        outlet.car.full = event[2]


@given(stories())
def test_what_is_drawn_is_never_more_than_the_total(story):
    count, total_da, seed, crowded, told = story
    world = World(count, total_da)
    chance = Random(seed)
    if crowded:
        for outlet in world.outlets:
            outlet.car = Car(chance, world.step_ms)
        world.live(20000)
    for event, wait_ms in told:
        happens(world, event, chance)
        before = sum(outlet.changes for outlet in world.outlets)
        world.live(wait_ms)
        changes = sum(outlet.changes for outlet in world.outlets) - before
        # Each event moves an offer down and up again, with a pause in between, and so may what the last one
        # has left behind and a car that is found to be full.
        assert changes <= 8 * count + 2, (changes, event)
    # After half a minute nothing moves but turns, and who is found to ask for nothing.
    world.live(30000)
    if not any(outlet.car and (outlet.car.full or outlet.drawn_da == 0) for outlet in world.outlets):
        before = list(world.sharing.limits_da)
        world.live(40000)
        assert world.sharing.limits_da == before


@given(st.integers(2, 5), st.integers(60, 400), st.integers(0, 10**6), st.integers(0, 2))
@settings(max_examples=30)
def test_everybody_gets_a_turn(count, total_da, seed, full):
    """All are there all the time; some are full and take nobody's time for it."""
    chance = Random(seed)
    world = World(count, total_da, 500)
    for index, outlet in enumerate(world.outlets):
        outlet.car = Car(chance, 500)
        outlet.car.full = index < full
        world.live(chance.choice((0, 500, 40000)))
    at_once = min(count, total_da // 60)
    hungry = [outlet for outlet in world.outlets if not outlet.car.full]
    if not hungry:
        return
    for outlet in world.outlets:
        outlet.charged_ms = outlet.changes = 0
    turns = 2 * count
    world.live(turns * TURN_MS)
    fair_ms = turns * TURN_MS * min(at_once, len(hungry)) // count
    for outlet in hungry:
        assert outlet.charged_ms >= fair_ms // 2 - TURN_MS, (fair_ms, [o.charged_ms for o in hungry])
        assert outlet.charged_ms >= TURN_MS - 30000
    # Two offers and two pauses for each who begins, and others that move with them.
    most = (turns + 1) * 4 * count * (1 + full)
    assert sum(outlet.changes for outlet in world.outlets) <= most


@given(st.integers(1, 5), st.integers(0, 1000), st.lists(st.sampled_from((60, 130, 160, 320)), min_size=5))
def test_shares_are_equal_and_nothing_is_left_over(count, total_da, own):
    world = World(count, total_da)
    for outlet, own_da in zip(world.outlets, own, strict=False):
        outlet.own_da = own_da
        outlet.car = Car(Random(0), 100)
        outlet.car.deaf = False
    world.live(25000)
    limits_da = world.sharing.limits_da
    charging = [(limit, own_da) for limit, own_da in zip(limits_da, own, strict=False) if limit]
    assert len(charging) == min(count, total_da // 60)
    if not charging:
        return
    most = max(limit for limit, _ in charging)
    assert all(limit == min(most, own_da) for limit, own_da in charging)
    left = total_da - sum(limit for limit, _ in charging)
    assert 0 <= left < len(charging) or all(limit == own_da for limit, own_da in charging)


@given(st.integers(2, 4), st.integers(60, 320), st.integers(0, 10**6))
@settings(max_examples=20)
def test_who_needs_more_than_others_is_not_passed_over_for_ever(count, total_da, seed):
    """The first needs all there is; the others come and go."""
    chance = Random(seed)
    world = World(count, total_da, 500)
    first = world.outlets[0]
    for outlet in world.outlets[1:]:
        outlet.car = Car(chance, 500)
    world.live(60000)
    first.least_da = total_da
    first.car = Car(chance, 500)
    waited_ms = 0
    while not first.charged_ms:
        for outlet in world.outlets[1:]:
            if chance.random() < 0.2:
                outlet.car = None if outlet.car else Car(chance, 500)
        world.live(30000)
        waited_ms += 30000
        assert waited_ms <= (count + 2) * TURN_MS
