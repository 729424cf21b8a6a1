# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.rp2.sampler: what comes out of the ring, whatever the duty, the car, the noise and the delay.

Its machine code (viper) runs here as Python; that the compiled code and the hardware do the same is shown by
the emulator's lane.
"""

import builtins
import importlib
import sys
import types
from array import array
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

PERIOD_US = 1000.0
SCALE = (24000 * 4096) // (3686 - 409)
STINT = 1 << 30


def counts(millivolt: float) -> int:
    return round((millivolt + 15000) * 0.11 * 4095 / 3300)


class Channel:
    """Registers of a DMA channel: read, write, count, control."""

    def __init__(self):
        self.left = STINT
        self.busy = True

    def __getitem__(self, register):
        return self.left if register == 2 else self.busy << 24


CHANNELS = {1: Channel(), 2: Channel()}


@pytest.fixture(scope="module")
def sampler() -> Iterator[types.ModuleType]:
    """The module, on a Python that knows viper's words."""
    micropython = types.ModuleType("micropython")
    micropython.viper = lambda function: function
    before = {name: sys.modules.get(name) for name in ("machine", "rp2", "uctypes", "micropython")}
    for name in before:
        sys.modules[name] = micropython if name == "micropython" else types.ModuleType(name)
    sys.modules["rp2"].DMA = None  # pyright: ignore[reportAttributeAccessIssue] (nothing is started here)
    builtins.ptr16 = lambda value: value
    builtins.ptr32 = lambda value: CHANNELS[value] if isinstance(value, int) else value
    try:
        yield importlib.import_module("hal.rp2.sampler")
    finally:
        del builtins.ptr16, builtins.ptr32
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


class Ring:
    """The ring as the hardware fills it, and the work area of the code under test."""

    def __init__(self, module, duty_e4: int):
        self.module = module
        self.cells = array("H", [0] * 512)
        self.work = array("i", [0] * 10)
        self.work[0], self.work[1], self.work[2] = 1, 2, STINT
        self.work[8] = SCALE
        self.work[9] = -12000 - (409 * SCALE >> 12)
        self.high = array("h", [0] * 9)
        self.low = array("h", [0] * 9)
        self.taken = 0
        CHANNELS[1].left, CHANNELS[1].busy = STINT, True
        CHANNELS[2].left, CHANNELS[2].busy = STINT, False
        self.told(duty_e4)

    def told(self, duty_e4: int) -> None:
        level = duty_e4 * self.module._PERIOD // 10000
        self.work[5], self.work[6] = self.module.expected(level if level < self.module._PERIOD else 0)
        self.duty_e4 = duty_e4

    def cycle(self, high_mv, low_mv, noise=(), duty_e4=None) -> None:
        """One period of the pilot; `noise`: counts added to each slot."""
        fall_us = (self.duty_e4 if duty_e4 is None else duty_e4) / 10
        for slot in range(16):
            at_us = 47.5 + 62.5 * slot
            value = counts(high_mv if at_us < fall_us else low_mv)
            if slot in (5, 10):
                value = 1234  # the other inputs
            value += noise[slot] if noise else 0
            self.cells[(self.taken // 16 % 32) * 16 + slot] = min(4095, max(0, value))
            self.taken += 1
            active = CHANNELS[1] if CHANNELS[1].busy else CHANNELS[2]
            active.left -= 1
            if not active.left:
                other = CHANNELS[2] if active is CHANNELS[1] else CHANNELS[1]
                active.busy, other.busy, other.left = False, True, STINT

    def sample(self):
        if not self.module.advance(self.work):
            return 0
        return self.module.reduce(self.work, self.cells, self.high, self.low)


DUTIES = st.one_of(st.sampled_from((0, 10000, 1000, 1600, 5000, 8500, 9600)), st.integers(1000, 9600))
HIGHS = st.sampled_from((12000, 9000, 6000, 3000))
NOISE = st.lists(st.integers(-8, 8), min_size=16, max_size=16)  # 60 mV


def lows(duty_e4, high_mv):
    return high_mv if duty_e4 in (0, 10000) else -12000


@given(DUTIES, HIGHS, st.lists(NOISE, min_size=3, max_size=40))
def test_both_plateaus_are_found_at_every_duty(sampler, duty_e4, high_mv, cycles):
    if duty_e4 == 0:
        high_mv = -12000
    ring = Ring(sampler, duty_e4)
    for noise in cycles:
        ring.cycle(high_mv, lows(duty_e4, high_mv), noise)
    count = ring.sample()
    assert count == min(len(cycles) // 3, 9)
    for index in range(count):
        assert abs(ring.high[index] - high_mv) < 100 and abs(ring.low[index] - lows(duty_e4, high_mv)) < 100


@given(DUTIES, st.lists(st.integers(0, 70), min_size=1, max_size=30))
def test_every_sample_is_given_once_and_the_newest_after_a_delay(sampler, duty_e4, delays):
    ring = Ring(sampler, duty_e4)
    cycles = waiting = 0
    for delay in delays:
        for _ in range(delay):
            ring.cycle(9000, lows(duty_e4, 9000))
        cycles += delay
        waiting = min(waiting + delay, 27)
        assert ring.sample() == waiting // 3
        waiting %= 3


def test_what_comes_in_order_goes_out_in_order(sampler):
    ring = Ring(sampler, 5000)
    for high_mv in (12000, 9000, 6000, 3000, 9000):
        for _ in range(3):
            ring.cycle(high_mv, -12000)
    assert ring.sample() == 5
    assert [round(value / 1000) for value in ring.high[:5]] == [12, 9, 6, 3, 9]


def test_the_other_channel_takes_over_without_a_gap(sampler):
    ring = Ring(sampler, 5000)
    CHANNELS[1].left = 16 * 5
    ring.work[3] = STINT - 16 * 5
    ring.taken = STINT - 16 * 5
    for _ in range(12):
        ring.cycle(6000, -12000)
        ring.cycle(6000, -12000)
        ring.cycle(6000, -12000)
        assert ring.sample() == 1
        assert abs(ring.high[0] - 6000) < 20


@given(DUTIES.filter(lambda duty: duty not in (0, 10000)), st.integers(0, 4095))
def test_a_converter_that_stands_still_is_not_believed(sampler, duty_e4, stuck):
    ring = Ring(sampler, duty_e4)
    for _ in range(9):
        ring.cycle(6000, -12000)
    for index in range(512):
        ring.cells[index] = stuck
    zero = abs(stuck - counts(0)) <= 205  # a short of the pilot looks like this: state E, by the guard
    assert ring.sample() == (3 if zero else -1)


def test_a_short_of_the_pilot_is_no_trouble_of_the_converter(sampler):
    ring = Ring(sampler, 5000)
    for _ in range(6):
        ring.cycle(300, -300)
    assert ring.sample() == 2 and abs(ring.high[0]) < 500


@given(st.integers(1000, 9600), st.integers(1000, 9600))
def test_a_duty_that_is_not_the_one_told_is_seen(sampler, told_e4, real_e4):
    ring = Ring(sampler, told_e4)
    for _ in range(6):
        ring.cycle(6000, -12000, duty_e4=real_e4)
    count = ring.sample()
    if abs(told_e4 - real_e4) > 1600:  # two slots: one may be another input's
        assert count == -1
    elif told_e4 == real_e4:
        assert count == 2


@pytest.mark.parametrize("told_e4", [0, 10000])
def test_an_oscillator_that_runs_although_told_not_to_is_seen(sampler, told_e4):
    ring = Ring(sampler, told_e4)
    for _ in range(6):
        ring.cycle(6000, -12000, duty_e4=5000)
    assert ring.sample() == -1


def test_an_oscillator_that_stands_still_is_seen(sampler):
    ring = Ring(sampler, 5000)
    for _ in range(6):
        ring.cycle(9000, 9000)
    assert ring.sample() == -1


@given(DUTIES, st.integers(0, 15), st.integers(-3000, 3000))
def test_a_glitch_in_one_cycle_changes_nothing(sampler, duty_e4, slot, size):
    high_mv = -12000 if duty_e4 == 0 else 6000
    ring = Ring(sampler, duty_e4)
    noise = [0] * 16
    noise[slot] = size
    ring.cycle(high_mv, lows(duty_e4, high_mv))
    ring.cycle(high_mv, lows(duty_e4, high_mv), noise)
    ring.cycle(high_mv, lows(duty_e4, high_mv))
    assert ring.sample() == 1
    assert abs(ring.high[0] - high_mv) < 20 and abs(ring.low[0] - lows(duty_e4, high_mv)) < 20


def test_a_new_duty_is_given_time(sampler):
    ring = Ring(sampler, 10000)
    for _ in range(5):
        ring.cycle(9000, 9000)
    ring.told(5000)
    ring.work[7] = 4
    for _ in range(2):
        ring.cycle(9000, 9000, duty_e4=10000)  # the old one, until the next rising edge
    for _ in range(11):
        ring.cycle(9000, -12000)
    assert ring.sample() == 6
    for _ in range(3):
        ring.cycle(9000, 9000)
    assert ring.sample() == -1  # the time is over
