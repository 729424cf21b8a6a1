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

    def run(self, ms, asked=False, by_car=False):
        for _ in range(ms // 20):
            self.look(20, asked, by_car)
        return self.contactor

    def look(self, dt_ms, asked=False, by_car=False):
        closed = self.driven if self.welded is None else self.welded
        self.contactor.step(dt_ms, self.driven, closed, asked, by_car)
        return self.contactor.faults

    def charge(self, ms, asked=False, by_car=True):
        """Closed for so long, then the milliseconds until it may close again."""
        self.driven = True
        self.run(ms)
        self.driven = False
        self.run(20, asked, by_car and not asked)
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


def test_what_latches_needs_three_looks_whatever_lies_between_them():
    for driven in (False, True):
        bench = Bench()
        bench.driven = driven
        bench.run(100)
        bench.welded = not driven
        looks = 1
        while not bench.look(60000):
            looks += 1
        assert looks >= 3, driven
        # What is good for one look begins anew.
        bench.welded = None
        assert bench.look(60000) == 0
        bench.welded = not driven
        assert bench.look(60000) == bench.look(60000) == 0


def test_a_contactor_that_follows_an_order_of_before_is_no_fault_of_this_one():
    bench = Bench()
    bench.driven = True
    bench.welded = False
    assert bench.run(480).faults == 0
    bench.driven = False
    bench.welded = True
    assert bench.run(140).faults == 0


def test_without_feedback_nothing_is_found():
    bench = Bench(feedback=False)
    bench.welded = True
    assert bench.run(5000).faults == 0 and bench.contactor.ready


def test_it_may_close_at_boot_and_rests_after_each_charge():
    bench = Bench()
    assert bench.run(20).ready
    assert 2400 <= bench.charge(120000) <= 2500
    assert 900 <= bench.charge(120000, asked=True) <= 1000


def test_a_car_that_toggles_is_made_to_wait_longer_and_longer():
    bench = Bench()
    rests = [bench.charge(5000) for _ in range(12)]
    seconds = [(rest + 20) // 1000 for rest in rests]
    assert seconds == [2, 2, 10, 20, 40, 80, 160, 320, 320, 320, 320, 320]
    # While the rest is longer than a car can be kept in C, nothing is to be offered.
    assert not bench.contactor.resting
    bench.driven = True
    bench.run(5000)
    bench.driven = False
    assert bench.run(1000, by_car=True).resting
    # A charge that lasts is forgiving, and so is another car.
    assert bench.charge(61000) <= 2500
    for _ in range(6):
        bench.charge(5000)
    bench.contactor.forget()
    bench.run(1000)
    assert bench.contactor.ready and not bench.contactor.gentle
    assert bench.charge(5000) <= 2500


def test_pauses_that_the_charger_asks_for_are_not_the_cars_manners():
    bench = Bench()
    for _ in range(10):
        assert bench.charge(5000, asked=True) <= 1000
    assert not bench.contactor.gentle


def test_nor_are_those_that_somebody_cuts_off_but_they_have_the_rest_of_a_load():
    bench = Bench()
    for _ in range(10):
        assert 2400 <= bench.charge(5000, by_car=False) <= 2500
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
