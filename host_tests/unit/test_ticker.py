# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.ticker: the one interrupt, and when it stops feeding the watchdog."""

from evse import ticker as ticker_module
from evse.supply import Supply
from evse.ticker import Ticker
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import START, B, C, FakeHardware, FakeRcd, Ratings
from host_tests.unit.expect import raises

try:
    from micropython import heap_lock, heap_unlock
except ImportError:

    def heap_lock():
        pass

    def heap_unlock():
        pass


class FakeWatchdog:
    def __init__(self):
        self.feeds = 0

    def feed(self):
        self.feeds += 1


class FakeBoard:
    def __init__(self, connectors, timer=True):
        self.connectors = connectors
        self.watchdog = FakeWatchdog()
        self.stop = False
        self.timer = timer
        self.period_ms = None
        self.fn = None

    def stopped(self):
        return self.stop

    def every_ms(self, period_ms, fn):
        if not self.timer:
            return False
        self.period_ms = period_ms
        self.fn = fn
        return True


class Station:
    """Two connectors under one ticker, with the clock in the test's hand."""

    def __init__(self, each_ms=0, timer=True):
        self.now = START
        ticker_module.ticks_ms = lambda: self.now
        self.hardware = [FakeHardware(), FakeHardware()]
        for hardware in self.hardware:
            hardware.pilot.sample_ms = each_ms
            hardware.rcd = FakeRcd()
        self.board = FakeBoard(self.hardware, timer)
        self.supplies = [Supply(hardware, Ratings()) for hardware in self.hardware]
        self.ticker = Ticker(self.board, [supply.guard for supply in self.supplies])

    def run(self, ms, main=True, step_ms=20):
        for _ in range(ms // step_ms):
            self.now = ticks_add(self.now, step_ms)
            if main:
                self.ticker.live()
                for supply in self.supplies:
                    supply.step(self.now)
            self.ticker.tick()

    def charging(self):
        for supply in self.supplies:
            supply.permit(True)
        for level in (B, C):
            for hardware in self.hardware:
                hardware.pilot.car_mv = level
            self.run(1000)
        assert self.coils() == [True, True]
        return self

    def coils(self):
        return [hardware.contactor.coil for hardware in self.hardware]


def test_it_is_called_as_often_as_the_pilot_has_samples():
    station = Station(each_ms=3)
    assert station.ticker.start() and station.board.period_ms == 9
    station = Station()
    assert station.ticker.start() and station.board.period_ms == 20
    assert not Station(timer=False).ticker.start()


def test_the_emergency_stop_opens_all_at_once():
    station = Station().charging()
    station.board.stop = True
    station.run(20, main=False)
    assert station.coils() == [False, False]
    station.run(40)
    assert [supply.faults for supply in station.supplies] == [("EmergencyStop",)] * 2


def test_an_emergency_stop_between_two_steps_of_the_main_loop_is_not_missed():
    station = Station(each_ms=3).charging()
    station.board.stop = True
    assert station.ticker.tick() is True
    station.now = ticks_add(station.now, 1)
    assert station.ticker.tick() is False
    station.board.stop = False
    station.now = ticks_add(station.now, 9)
    station.ticker.tick()
    station.now = ticks_add(station.now, 9)
    for supply in station.supplies:
        supply.step(station.now)
        assert supply.faults == ("EmergencyStop",)
    assert station.coils() == [False, False]


def test_one_read_of_the_emergency_stop_opens_and_ends_nothing():
    station = Station(each_ms=3).charging()
    station.board.stop = True
    assert station.ticker.tick() is True
    assert station.coils() == [False, False]
    for supply in station.supplies:
        supply.step(station.now)
    station.board.stop = False
    station.run(1000)
    assert [supply.faults for supply in station.supplies] == [()] * 2
    station.run(2000)
    assert station.coils() == [True, True]  # after its rest


def test_a_name_lookup_of_14_s_changes_nothing():
    station = Station().charging()
    feeds = station.board.watchdog.feeds
    station.run(14000, main=False)
    assert station.coils() == [True, True] and station.board.watchdog.feeds == feeds + 700


def test_a_main_loop_that_is_away_for_20_s_opens_and_starves_the_watchdog():
    station = Station().charging()
    station.run(19900, main=False)
    assert station.coils() == [True, True]
    station.run(200, main=False)
    assert station.coils() == [False, False] and not station.ticker.alive
    feeds = station.board.watchdog.feeds
    station.run(10000, main=False)
    assert station.board.watchdog.feeds == feeds


def test_a_stall_of_the_whole_is_no_absence_of_the_main_loop():
    station = Station().charging()
    station.now = ticks_add(station.now, 60000)
    station.ticker.tick()
    assert station.coils() == [True, True]


def test_the_interrupt_allocates_nothing():
    station = Station(each_ms=3).charging()
    times = [ticks_add(station.now, 6 * count) for count in range(1, 800)]
    ticker_module.ticks_ms = lambda: station.now
    tick = station.ticker.tick
    pilot = station.hardware[0].pilot
    heap_lock()
    try:
        for count in range(799):
            station.now = times[count]
            pilot.car_mv = B if 200 < count < 210 else C
            station.board.stop = 600 <= count < 602
            tick()
    finally:
        heap_unlock()
    assert station.supplies[0].guard.stops == 1 and station.coils() == [False, False]


def test_it_asks_to_come_again_when_one_guard_is_in_doubt():
    station = Station(each_ms=3).charging()
    assert station.ticker.tick() is False
    station.hardware[1].pilot.car_mv = B
    station.now = ticks_add(station.now, 3)
    assert station.ticker.tick() is True
    station.hardware[1].pilot.car_mv = C
    station.now = ticks_add(station.now, 3)
    assert station.ticker.tick() is False


def test_an_interrupt_that_has_stopped_ends_the_main_loop():
    station = Station(each_ms=3)
    assert station.ticker.start()
    station.run(1000)
    station.ticker.live()
    station.now = ticks_add(station.now, 280)
    station.ticker.live()
    station.now = ticks_add(station.now, 20)
    assert "interrupt" in str(raises(RuntimeError, station.ticker.live))
    calling = Station(timer=False)
    assert not calling.ticker.start()
    calling.now = ticks_add(calling.now, 5000)
    calling.ticker.live()  # it is the main loop that calls
