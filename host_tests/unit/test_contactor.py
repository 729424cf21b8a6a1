# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.contactor: welds, a coil that does not pull in, and the rest before it closes again."""

from evse import faults
from evse.contactor import Contactor


class Bench:
    def __init__(self, feedback=True):
        self.contactor = Contactor(feedback)
        self.driven = False
        self.welded = None

    def run(self, ms, asked=False):
        for _ in range(ms // 20):
            closed = self.driven if self.welded is None else self.welded
            self.contactor.step(20, self.driven, closed, asked)
        return self.contactor

    def charge(self, ms, asked=False):
        """Closed for so long, then the milliseconds until it may close again."""
        self.driven = True
        self.run(ms)
        self.driven = False
        self.run(20, asked)
        for count in range(100000):
            if self.contactor.ready:
                return count * 20
            self.run(20)
        raise AssertionError("it never rests enough")


def test_a_weld_is_known_within_200_ms():
    bench = Bench()
    bench.run(100)
    bench.welded = True
    assert bench.run(140).faults == 0 and not bench.contactor.ready
    assert bench.run(60).faults == faults.bit("ContactorWelded")
    bench.welded = None
    assert bench.run(20).faults == 0


def test_a_contactor_on_its_way_is_no_fault():
    bench = Bench()
    bench.driven = True
    bench.welded = False
    assert bench.run(480).faults == 0
    assert bench.run(60).faults == faults.bit("ContactorStuckOpen")
    bench.welded = True
    assert bench.run(20).faults == 0
    bench.driven = False
    assert bench.run(140).faults == 0


def test_without_feedback_nothing_is_found():
    bench = Bench(feedback=False)
    bench.welded = True
    assert bench.run(5000).faults == 0 and bench.contactor.ready


def test_it_may_close_at_boot_and_rests_after_each_charge():
    bench = Bench()
    assert bench.run(20).ready
    assert 4900 <= bench.charge(120000) <= 5000
    assert 900 <= bench.charge(120000, asked=True) <= 1000


def test_a_car_that_toggles_is_made_to_wait_longer_and_longer():
    bench = Bench()
    rests = [bench.charge(5000) for _ in range(12)]
    seconds = [(rest + 20) // 1000 for rest in rests]
    assert seconds == [5, 5, 10, 20, 40, 80, 160, 320, 320, 320, 320, 320]
    # While the rest is longer than a car can be kept in C, nothing is to be offered.
    assert not bench.contactor.resting
    bench.driven = True
    bench.run(5000)
    bench.driven = False
    assert bench.run(1000).resting
    # A charge that lasts is forgiving, and so is another car.
    assert bench.charge(61000) <= 5000
    for _ in range(6):
        bench.charge(5000)
    bench.contactor.forget()
    bench.run(1000)
    assert bench.contactor.ready and not bench.contactor.gentle
    assert bench.charge(5000) <= 5000


def test_pauses_that_the_charger_asks_for_are_not_the_cars_manners():
    bench = Bench()
    for _ in range(10):
        assert bench.charge(5000, asked=True) <= 1000
    assert not bench.contactor.gentle


def test_after_two_short_charges_it_begins_gently():
    bench = Bench()
    bench.charge(5000)
    assert not bench.contactor.gentle
    bench.charge(5000)
    assert bench.contactor.gentle
    bench.driven = True
    assert bench.run(9900).gentle
    assert not bench.run(200).gentle
