# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""hal.meter.pulse, pulse_counters and tally: each pulse is energy once, and noise is none."""

from hal.meter import pulse, pulse_counters
from hal.meter.tally import Tally
from host_tests.unit.event_loop import run

START = (1 << 30) - 5000  # the ticks wrap within the first seconds


class Desk:
    """A meter whose counter is a number, and a clock."""

    def __init__(self, imp_per_kwh=1000, exact=True):
        self.now = START
        self.pulses = 65000  # wraps
        self.exact = exact
        self.at = None
        self._clocked(lambda: self._make(imp_per_kwh))

    def _make(self, imp_per_kwh):
        self.meter = pulse.PulseMeter(self, imp_per_kwh)

    def total(self):
        return self.pulses & 0xFFFF

    def pulse(self, after_ms=0, count=1):
        self.now += after_ms
        self.pulses += count
        if self.exact:
            self.at = self.now & 0x3FFFFFFF

    def read(self, after_ms=0):
        self.now += after_ms
        return self._clocked(lambda: run(self.meter.read()))

    def _clocked(self, what):
        before = pulse.ticks_ms
        pulse.ticks_ms = lambda: self.now & 0x3FFFFFFF
        try:
            return what()
        finally:
            pulse.ticks_ms = before


def test_no_fraction_is_lost():
    for imp_per_kwh in (3, 100, 640, 1000, 3600, 10000):
        tally = Tally(imp_per_kwh)
        for _ in range(imp_per_kwh * 7 - 1):
            tally.add(1)
        assert tally.wh == 7000 - (1000 + imp_per_kwh - 1) // imp_per_kwh, imp_per_kwh
        again = Tally(imp_per_kwh)
        assert again.restore(tally.state())
        again.add(1)
        assert again.wh == 7000, imp_per_kwh


def test_of_a_board_with_another_meter_the_energy_stays():
    tally = Tally(100)
    tally.add(1234)  # 12.34 kWh
    other = Tally(1000)
    assert other.restore(tally.state()) and other.wh == 12340
    tally = Tally(640)
    tally.add(1)  # 1.5625 Wh
    assert other.restore(tally.state()) and other.wh == 1
    other.add(1)
    assert other.wh == 2  # 2.5625
    assert other.state() == [2, 562, 1000]


def test_what_is_no_state_changes_nothing():
    tally = Tally(1000)
    tally.add(5)
    for state in (
        None,
        [],
        [1, 2],
        [1, 2, 3, 4],
        [-1, 0, 1000],
        [1, 1000, 1000],
        [1, 0, 0],
        ["1", 0, 1000],
        {},
    ):
        assert not tally.restore(state), state
    assert not tally.restore([True, 0, 1000]) and not tally.restore([1.5, 0, 1000])
    assert tally.wh == 5


def test_a_tally_is_no_less_than_what_was_told():
    tally = Tally(640)
    tally.add(1000)
    tally.at_least(1000)
    assert tally.wh == 1562
    tally.at_least(2000)
    assert tally.state() == [2000, 0, 640]


def test_each_pulse_is_counted_once_over_the_wrap_of_the_counter():
    desk = Desk(1000)
    assert desk.read().energy_wh == 0
    for count in range(1, 1200):
        desk.pulse(100)
        if count % 7 == 0:
            assert desk.read().energy_wh == count
    desk.pulse(30000, 500)
    assert desk.read().energy_wh == 1199 + 500
    assert desk.read().energy_wh == 1199 + 500


def test_the_power_is_that_between_two_pulses():
    desk = Desk(1000)
    assert desk.read().power_w is None
    desk.pulse(700)
    assert desk.read(300).power_w is None  # one pulse says nothing
    desk.pulse(700)  # 1000 ms after the first
    assert desk.read(100).power_w == 3600
    desk.pulse(400)  # 500 ms
    desk.pulse(500)
    assert desk.read(100).power_w == 7200
    assert desk.read(0).power_w == 7200


def test_the_power_falls_while_the_pulses_stay_away():
    desk = Desk(1000)
    desk.pulse(500)
    desk.read()
    desk.pulse(1000)
    assert desk.read().power_w == 3600
    shown = [desk.read(1000).power_w for _ in range(12)]
    assert shown[:4] == [3600, 1800, 1200, 900] and shown == sorted(shown, reverse=True)
    assert shown[-1] == 0
    desk.pulse((1 << 30) - 12000 + 400)  # the ticks have come round: 400 ms by them
    assert desk.read(100).power_w == 0
    desk.pulse(900)
    assert desk.read(0).power_w == 3600
    assert desk.read().energy_wh == 4


def test_little_power_is_shown_as_well():
    desk = Desk(1000)
    desk.pulse(500)
    desk.read()
    desk.pulse(180000)
    assert desk.read().power_w == 20
    for _ in range(150):
        assert desk.read(1000).power_w == 20
    assert desk.read(300000).power_w == 0


def test_a_meter_that_never_pulses_shows_nothing_and_then_zero():
    desk = Desk(1000)
    assert [desk.read(20000).power_w for _ in range(4)] == [None, None, 0, 0]


def test_a_counter_without_times_gives_a_power_of_ten_seconds():
    desk = Desk(1000, exact=False)
    found = []
    for count in range(60):
        desk.pulse(400, 1 + 2 * (count & 1))  # as they fall into the seconds
        found.append(desk.read(600).power_w)
    assert found[0] is None
    assert min(found[20:]) > 6400 and max(found[20:]) < 8000, found


def test_hum_on_the_line_is_not_billed_and_the_meter_silent_meanwhile():
    """A broken wire beside the mains: 50 a second, longer than any debounce."""
    for imp_per_kwh in (100, 1000, 1500):
        for after_ms in (1000, 100, 700):
            desk = Desk(imp_per_kwh)
            desk.pulse(500)
            before = desk.read().energy_wh
            found = []
            for _ in range(60):
                desk.pulse(after_ms, after_ms // 20)
                found.append(desk.read())
            assert found[30:] == [None] * 30, (imp_per_kwh, after_ms)
            told = [reading.energy_wh for reading in found if reading is not None]
            assert not told or max(told) - before <= 80 + 1000 // imp_per_kwh
            # It has gone: what comes is counted again.
            assert desk.read(2000).power_w is None
            counted = desk.read(0).energy_wh
            for _ in range(20):
                desk.pulse(36000 // 10, 1)
                desk.read()
            assert 0 <= desk.read().energy_wh - counted - 20000 // imp_per_kwh <= 1
            assert desk.read().power_w == 1000000 // imp_per_kwh


def test_pulses_that_were_not_asked_for_in_time_are_not_noise():
    desk = Desk(1000)
    desk.pulse(14000, 85)  # 22 kW, while a name server does not answer
    assert desk.read().energy_wh == 85
    desk.pulse(10, 2)
    assert desk.read().energy_wh == 87


# --- who counts ---


class Line:
    """A pin, its interrupt, and a clock."""

    IRQ_RISING, IRQ_FALLING = 8, 4

    def __init__(self, active=0):
        self.now = START
        self.level = 1 - active
        self.active = active
        self.handler = None
        self.late = None  # a list: the interpreter is away
        before = pulse_counters.ticks_ms
        pulse_counters.ticks_ms = self.ticks
        self.counter = pulse_counters.EdgeCounter(self, active)
        pulse_counters.ticks_ms = before

    def ticks(self):
        return self.now & 0x3FFFFFFF

    def value(self):
        return self.level

    def irq(self, handler, trigger):
        assert trigger == 12
        self.handler = handler

    def be(self, active, ms):
        """A level, for so long."""
        self.edge(self.active if active else 1 - self.active)
        self.now += ms

    def edge(self, level, seen=True):
        self.level = level
        if seen:
            before = pulse_counters.ticks_ms
            pulse_counters.ticks_ms = self.ticks
            try:
                self.handler(self)
            finally:
                pulse_counters.ticks_ms = before


def test_an_edge_counter_counts_pulses_and_nothing_else():
    for active in (0, 1):
        line = Line(active)
        line.now += 1000
        for count in range(1, 20):
            line.be(True, 30)
            line.be(False, 30)
            assert line.counter.total() == count
        for ms in (0, 1, 4):  # spikes
            for _ in range(10):
                line.be(True, ms)
                line.be(False, 200)
        assert line.counter.total() == 19
        for _ in range(10):  # contacts that bounce
            for active_ms, idle_ms in ((1, 1), (2, 3), (4, 1)):
                line.be(True, active_ms)
                line.be(False, idle_ms)
            line.be(True, 40)
            for idle_ms, active_ms in ((1, 1), (3, 2), (1, 3)):
                line.be(False, idle_ms)
                line.be(True, active_ms)
            line.be(False, 60)
        line.be(True, 30)
        line.be(False, 30)
        assert line.counter.total() == 30


def test_a_gap_within_a_pulse_is_no_second_pulse():
    line = Line()
    line.now += 1000
    line.be(True, 20)
    line.be(False, 2)
    line.be(True, 20)
    line.be(False, 100)
    line.be(True, 1)
    line.be(False, 1)
    assert line.counter.total() == 1


def test_a_spike_whose_interrupts_come_when_it_is_over_is_no_pulse():
    line = Line(1)
    for late_interrupts in (1, 2, 3):
        line.now += 1000
        for _ in range(late_interrupts):
            line.edge(0)
        assert line.counter.total() == 0
    line.be(True, 30)
    line.be(False, 30)
    assert line.counter.total() == 1


class Pcnt:
    def __init__(self):
        self.count = 0

    def value(self):
        return self.count % pulse_counters.ROUND


def test_a_hardware_counter_over_its_wrap_and_with_noise():
    clock = [START]
    before = pulse_counters.ticks_ms
    pulse_counters.ticks_ms = lambda: clock[0] & 0x3FFFFFFF
    try:
        pcnt = Pcnt()
        counter = pulse_counters.HardwareCounter(pcnt)
        real = 0
        for _ in range(2000):
            clock[0] += 1000
            pcnt.count += 61  # 22 kW at 10,000 for a kWh
            real += 61
            assert counter.total() == real & 0xFFFF
        clock[0] += 1000
        pcnt.count += 5000  # no meter does that
        assert counter.total() == real & 0xFFFF
        clock[0] += 1000
        pcnt.count += 1
        assert counter.total() == (real + 1) & 0xFFFF
    finally:
        pulse_counters.ticks_ms = before
