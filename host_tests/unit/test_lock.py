# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""evse.lock: when the plug is locked, when it is let go, and how a lock that does not follow is tried."""

from evse import faults
from evse.lock import LockRule

FAILED = faults.bit("ConnectorLockFailure")


class Bench:
    """A rule and a lock that follows at once, unless it is stuck."""

    def __init__(self, locked=False):
        self.rule = LockRule()
        self.bolt = locked
        self.stuck = False
        self.plugged = False
        self.cable = False
        self.hold = False
        self.live = False
        self.in_f = False
        self.moves = 0

    def run(self, ms):
        rule = self.rule
        for _ in range(ms // 20):
            rule.permit(False, self.plugged or self.cable)
            rule.settle(self.bolt)
            rule.step(20, self.bolt, self.plugged, self.cable, self.hold, self.live, self.in_f)
            self.moves += rule.again
            if not self.stuck and rule.wanted is not None:
                self.bolt = rule.wanted
        return rule

    def plug(self):
        self.plugged = self.cable = True
        self.run(500)
        assert self.rule.locked
        return self


def test_locked_from_b_to_d_and_free_without_a_car():
    bench = Bench().plug()
    bench.plugged = False
    assert bench.run(100).wanted is False


def test_never_under_load():
    bench = Bench().plug()
    bench.live = True
    bench.plugged = bench.cable = False
    bench.in_f = True
    bench.rule.unlock()
    assert bench.run(20000).wanted is True
    bench.live = False
    assert bench.run(20).wanted is False


def test_state_f_lets_go_after_five_seconds():
    bench = Bench().plug()
    bench.in_f = True
    assert bench.run(4900).wanted is True
    assert bench.run(200).wanted is False
    bench.in_f = False
    assert bench.run(100).wanted is True  # whoever stays is locked again


def test_a_lock_that_is_stuck_is_tried_five_times_and_then_twice_a_minute():
    bench = Bench()
    bench.stuck = True
    bench.plugged = bench.cable = True
    bench.run(1900)
    assert bench.rule.failed == 0
    bench.run(300)
    assert bench.rule.failed == FAILED and bench.moves == 1
    bench.run(9000)
    assert bench.moves == 5
    bench.run(300000)
    assert 14 <= bench.moves <= 16
    bench.stuck = False
    bench.run(30100)
    assert bench.rule.failed == 0 and bench.rule.locked


def test_a_stall_is_no_time_for_the_motor():
    bench = Bench()
    bench.stuck = True
    bench.plugged = bench.cable = True
    rule = bench.rule
    looks = 0
    while not rule.failed:
        rule.settle(False)
        rule.step(60000, False, True, True, False, False, False)
        looks += 1
    assert looks >= 20
    # The next try has its time as well.
    rule.step(60000, False, True, True, False, False, False)
    assert not rule.again


def test_each_order_has_its_time():
    bench = Bench()
    bench.stuck = True
    bench.plugged = bench.cable = True
    bench.run(1920)
    bench.bolt = True
    bench.run(40)
    bench.rule.unlock()  # in the very step that believes the feedback
    assert bench.run(1900).wanted is False and not bench.rule.failed and not bench.moves


def test_unlock_lasts_until_permission_is_given_anew():
    bench = Bench().plug()
    bench.rule.unlock()
    assert bench.run(5000).wanted is False and bench.rule.released
    bench.rule.permit(True, True)
    assert not bench.rule.released


def test_a_bolt_stays_where_it_is_until_the_pilot_is_known():
    for locked in (True, False):
        assert Bench(locked).run(680).wanted is locked


def test_a_car_that_is_in_c_when_the_power_comes_back_stays_locked():
    bench = Bench(True)
    bench.cable = True
    assert bench.run(520).wanted is True  # the guard believes half a second of C
    bench.plugged = True
    assert bench.run(5000).wanted is True


def test_without_a_lock():
    rule = LockRule()
    rule.settle(None)
    rule.step(20, None, True, True, True, True, True)
    assert rule.wanted is None and rule.failed == 0 and not rule.again
