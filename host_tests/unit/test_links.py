# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Fail-over of links: which one is used (net.links.Choice), in a time of its own, and how that is carried
out."""

import asyncio

import log
from hal.ticks import ticks_add
from host_tests.unit.event_loop import run, settle
from net import links
from net.links import Choice, Links

MINUTE = 60
HOUR = 3600
PATIENCE_MS = (30000, 60000, 180000)
LAN, WIFI, LTE = 0, 1, 2


class World:
    """A Choice that is asked each second. reach: indices of the links over which the CSMS answers; there:
    those that come up, after `start_s` each. The session above knocks at once, then 2, 4, ... 120 s apart."""

    def __init__(self, there, reach, count=3, begin=0x3FFFFFFF - 1000):
        self.there = set(there)
        self.reach = set(reach)
        self.start_s = (3, 8, 15)
        self.now = begin  # the ticks wrap meanwhile
        self.s = 0
        self.choice = Choice(PATIENCE_MS[:count], self.now)
        self.used = [(0, 0)]
        self.whys = []
        self.idle = True
        self.begun = 0
        self.knock_at = 0
        self.pause_s = 1
        self.talking = False

    def up(self):
        return self.choice.use in self.there and self.s - self.begun >= self.start_s[self.choice.use]

    def live(self, seconds, step=1):
        for _ in range(seconds // step):
            self.s += step
            self.now = ticks_add(self.now, step * 1000)
            up = self.up()
            if not up:
                self.talking = False
                self.pause_s = 1
                self.knock_at = self.s
            elif self.choice.use in self.reach:
                if not self.talking or self.s % MINUTE < step:
                    self.choice.heard()
                self.talking = True
                self.pause_s = 1
            elif self.s >= self.knock_at:
                self.talking = False
                self.choice.in_vain(self.now)
                self.pause_s = min(self.pause_s * 2, 120)
                self.knock_at = self.s + self.pause_s + 20
            why = self.choice.step(self.now, up, self.idle)
            if why is not None:
                self.whys.append(why)
                self.used.append((self.s, self.choice.use))
                self.begun = self.s
                self.talking = False
        return self

    def order(self):
        return [index for _, index in self.used]


def test_the_best_link_is_used_and_kept_for_months():
    world = World((LAN, WIFI, LTE), (LAN, WIFI, LTE)).live(40 * 24 * HOUR, 30)
    assert world.order() == [LAN]


def test_a_link_that_does_not_come_up_is_left_for_the_next_one():
    world = World((LTE,), (LTE,)).live(10 * MINUTE)
    assert world.used[:3] == [(0, LAN), (30, WIFI), (90, LTE)]
    assert world.whys[:2] == ["down for 30 s", "down for 60 s"]


def test_a_link_over_which_nobody_is_reached_is_left_but_not_at_once():
    world = World((LAN, WIFI), (WIFI,), 2).live(10 * MINUTE)
    assert world.order()[:2] == [LAN, WIFI]
    # It has its own remedies first.
    assert 150 <= world.used[1][0] <= 240
    assert world.whys[0] == "the far end is out of reach"


def test_a_link_that_goes_away_for_a_moment_is_kept():
    world = World((LAN, WIFI), (LAN, WIFI), 2).live(HOUR)
    for _ in range(200):
        world.there.discard(LAN)
        world.live(20)
        world.there.add(LAN)
        world.live(20)
    assert world.order() == [LAN]


def test_a_link_that_is_down_more_than_up_is_left():
    """Each time it is back sooner than its patience ends; a session that begins each time is of no use."""
    world = World((LAN, WIFI), (LAN, WIFI), 2).live(HOUR)
    for _ in range(3):
        world.there.discard(LAN)
        world.live(25)
        world.there.add(LAN)
        world.live(10)
    assert world.order()[:2] == [LAN, WIFI]
    # To go on like that brings no storm of changes.
    for _ in range(24 * HOUR // 35):
        world.there.discard(LAN)
        world.live(25)
        world.there.add(LAN)
        world.live(10)
    assert world.order().count(LAN) <= 30


def test_what_a_link_took_to_come_up_is_forgotten():
    world = World((LTE,), (LTE,))
    world.start_s = (3, 8, 170)
    world.live(5 * MINUTE)
    world.there.discard(LTE)
    world.live(80)
    assert world.order() == [LAN, WIFI, LTE]


def test_a_better_link_is_tried_again_less_and_less_often():
    world = World((LTE,), (LTE,)).live(24 * HOUR)
    tries = [at for at, use in world.used if use == LAN]
    gaps = [tries[index + 1] - tries[index] for index in range(1, len(tries) - 1)]
    # Each is 90 s without LTE: LAN 30 s, Wi-Fi 60.
    assert tries[1] - 90 in range(300, 330)
    assert gaps[0] in range(680, 710) and gaps[-1] in range(HOUR, HOUR + 120)
    assert len(tries) < 30


def test_a_better_link_that_is_back_is_used_and_kept():
    world = World((LTE,), (LTE,)).live(HOUR)
    world.there.add(WIFI)
    world.reach.add(WIFI)
    world.live(2 * HOUR)
    assert world.choice.use == WIFI
    # From there the best one is still tried; it is WIFI again after 30 s each.
    last = world.used[-1]
    assert last[1] == WIFI and world.choice.trial is None
    world.there.add(LAN)
    world.reach.add(LAN)
    world.live(2 * HOUR)
    assert world.used[-1][1] == LAN
    count = len(world.used)
    world.live(48 * HOUR, 10)
    assert len(world.used) == count


def test_a_trial_ends_at_the_first_sign_of_trouble():
    world = World((LAN, LTE), (LTE,)).live(12 * MINUTE)
    # Up, the CSMS out of reach: two tries, not the minutes that a link gets which nobody can replace.
    trials = [at for at, use in world.used if use == LAN][1:]
    backs = [at for at, use in world.used if use == WIFI and at > trials[0]]
    assert backs[0] - trials[0] <= 60
    world = World((LAN, WIFI), (WIFI,), 2).live(5 * MINUTE)
    while world.choice.trial is None:
        world.live(1)
    world.live(5)
    assert world.up()
    world.there.discard(LAN)
    world.live(1)
    assert world.choice.use == WIFI and world.whys[-1] == "down again"


def test_a_better_link_that_comes_and_goes_is_tried_less_often():
    world = World((LTE,), (LTE,), 3)
    for _ in range(24 * 15):
        world.there.add(LAN)
        world.reach.add(LAN)
        world.live(2 * MINUTE)
        world.there.discard(LAN)
        world.live(2 * MINUTE)
    changes = [at for at, use in world.used if use == LAN]
    assert len(changes) <= 34


def test_nothing_is_broken_off_in_the_middle():
    world = World((LAN, WIFI), (WIFI,), 2).live(5 * MINUTE)
    world.there.add(LAN)
    world.reach.add(LAN)
    world.idle = False
    world.live(30 * 24 * HOUR, 30)
    assert world.choice.use == WIFI
    world.idle = True
    world.live(1)
    assert world.choice.use == LAN


def test_a_csms_that_is_down_is_no_reason_to_run_in_circles():
    world = World((LAN, WIFI, LTE), ()).live(24 * HOUR)
    assert set(world.order()) == {LAN, WIFI, LTE}
    day = len(world.used)
    # 20 minutes on each at last.
    assert day <= 24 * 3 + 8
    world.reach.update((LAN, WIFI, LTE))
    world.live(MINUTE)
    use = world.choice.use
    world.live(4 * MINUTE)
    assert world.choice.use == use
    world.live(HOUR)
    assert world.choice.use == LAN


def test_nothing_works_and_then_only_the_last_one_does():
    world = World((), ()).live(7 * 24 * HOUR, 10)
    world.there.add(LTE)
    world.reach.add(LTE)
    world.live(40 * MINUTE)
    assert world.choice.use == LTE and world.talking


# --- carried out ---


class FakeLink:
    def __init__(self, world, name):
        self.world = world
        self.name = name
        self.is_up = False
        self.running = 0
        self.released = 0
        self.calls = []
        self.hangs = False
        self.ends = None

    def up(self):
        return self.is_up

    async def changed(self):
        await asyncio.Event().wait()

    def heard(self):
        self.calls.append("heard")

    def in_vain(self):
        self.calls.append("vain")

    def signal_dbm(self):
        return -70

    async def run(self):
        assert not [link for link in self.world.made.values() if link.running], "two at a time"
        self.running += 1
        self.world.order.append(self.name)
        try:
            if self.ends is not None:
                raise self.ends
            await asyncio.Event().wait()
        finally:
            self.running -= 1

    async def release(self):
        assert not self.running
        self.is_up = False
        self.released += 1
        self.world.order.append("no " + self.name)
        if self.hangs:
            await asyncio.Event().wait()


class Carried:
    """Links whose clock runs 100 times as fast."""

    def __init__(self, failing=()):
        self.ms = 0
        self.order = []
        self.made = {}
        self.failing = set(failing)
        self.seen = []

    def _make(self, name):
        def make():
            if name in self.failing:
                self.order.append("fails " + name)
                raise OSError("no such part")
            self.made[name] = FakeLink(self, name)
            return self.made[name]

        return make

    def live(self, scenario):
        kept = links.asyncio, links.ticks_ms, links.within
        world = self

        class Asyncio:
            Event = asyncio.Event
            create_task = asyncio.create_task
            TimeoutError = asyncio.TimeoutError

            @staticmethod
            async def sleep(seconds):
                world.ms += int(seconds * 1000)
                await asyncio.sleep(0)

        async def within(work, timeout_ms):
            task = asyncio.create_task(work)
            await settle(5)
            if task.done():
                return await task
            task.cancel()
            world.ms += timeout_ms
            raise asyncio.TimeoutError

        links.asyncio, links.ticks_ms, links.within = Asyncio, lambda: world.ms, within

        async def both():
            rows = [(name, 30000, world._make(name)) for name in ("lan", "modem")]
            world.links = Links(rows)
            life = asyncio.create_task(world.links.run())
            watcher = asyncio.create_task(world._watch())
            try:
                await scenario(world)
                assert not life.done(), "the links have ended"
            finally:
                watcher.cancel()
                life.cancel()
                await settle(5)

        level, log.level = log.level, log.ERROR + 1
        try:
            run(both())
        finally:
            log.level = level
            links.asyncio, links.ticks_ms, links.within = kept
        return self

    async def _watch(self):
        while True:
            await self.links.changed()
            self.seen.append(self.links.up())

    async def until(self, condition, limit_ms=3600000):
        end = self.ms + limit_ms
        while not condition():
            assert self.ms < end, self.order
            await asyncio.sleep(0)


def test_one_at_a_time_and_who_waits_is_told():
    async def scenario(world):
        await world.until(lambda: "lan" in world.made)
        assert "modem" not in world.made  # not before it is needed
        world.made["lan"].is_up = True
        await world.until(world.links.up)
        world.links.heard()
        world.links.in_vain()
        assert world.made["lan"].calls == ["heard", "vain"] and world.links.name == "lan"
        world.made["lan"].is_up = False
        await world.until(lambda: "modem" in world.order)
        assert not world.links.up() and world.links.name == "modem"
        world.made["modem"].is_up = True
        await world.until(world.links.up)
        world.links.heard()
        assert world.links.signal_dbm() == -70
        await world.until(lambda: world.order[-1] == "lan")
        assert not world.links.up()
        world.made["lan"].is_up = True
        await world.until(world.links.up)
        world.links.heard()
        await world.until(lambda: world.links._choice.trial is None)

    world = Carried().live(scenario)
    assert world.order[:5] == ["lan", "no lan", "modem", "no modem", "lan"]
    assert world.seen[:4] == [True, False, True, False]


def test_whoever_refuses_is_not_the_one_we_want():
    """A captive portal answers everything: the link is alive for itself, and another one is used."""

    async def scenario(world):
        await world.until(lambda: "lan" in world.made)
        lan = world.made["lan"]
        lan.is_up = True
        await world.until(world.links.up)
        began = world.ms
        while "modem" not in world.order:
            knock = world.ms + 20000
            await world.until(lambda at=knock: world.ms >= at or "modem" in world.order)
            world.links.refused()
            assert world.ms - began < 600000
        assert world.ms - began >= 150000  # as where nobody answers
        assert set(lan.calls) == {"heard"}

    Carried().live(scenario)


def test_a_part_that_is_not_there_or_ends_is_no_end():
    async def scenario(world):
        await world.until(lambda: "modem" in world.order)
        modem = world.made["modem"]
        modem.ends = RuntimeError("of its driver")
        await world.until(lambda: world.order.count("fails lan") > 20)
        modem.ends = None
        await world.until(lambda: modem.running == 1)
        modem.is_up = True
        await world.until(world.links.up)

    Carried(failing=("lan",)).live(scenario)


def test_a_link_that_does_not_let_go_is_waited_for_so_long_only():
    async def scenario(world):
        await world.until(lambda: "lan" in world.made)
        world.made["lan"].hangs = True
        await world.until(lambda: "modem" in world.order)
        assert 30000 <= world.ms <= 70000

    Carried().live(scenario)
