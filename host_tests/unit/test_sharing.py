# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""station.sharing: a total divided among connectors. see also host_tests/property/."""

import gc

from hal.ticks import ticks_add
from station.sharing import TURN_MS, Sharing

_START = (1 << 29) - 20000  # the ticks wrap in the course of a test


class Rig:
    """Connectors whose outlets show a limit at once, but for what a test sets itself."""

    def __init__(self, count, total_da):
        self.now = _START
        self.total_da = total_da
        self.sharing = Sharing(count)
        self.claims = self.sharing.claims
        self.limits = self.sharing.limits_da
        self.by_hand = []  # claims whose offer is the test's
        self.step(20)

    def step(self, ms=20):
        """A step so much later: True: a limit has changed."""
        self.now = ticks_add(self.now, ms)
        for index, claim in enumerate(self.claims):
            limit_da = self.limits[index]
            if claim not in self.by_hand and limit_da is not None:
                offered_da = min(limit_da, claim.own_da)
                claim.offered_da = offered_da if claim.wants and offered_da >= 60 else 0
                claim.live = claim.asking and claim.offered_da > 0
        return self.sharing.step(self.now, self.total_da)

    def wait(self, ms, step_ms=100):
        for _ in range(ms // step_ms):
            self.step(step_ms)
        return list(self.limits)

    def arrives(self, index, own_da=320, least_da=60, asking=True):
        claim = self.claims[index]
        claim.wants = True
        claim.own_da = own_da
        claim.least_da = least_da
        claim.asking = asking

    def leaves(self, index):
        claim = self.claims[index]
        claim.wants = claim.asking = claim.live = False


def full_house(count, total_da, **kwargs):
    rig = Rig(count, total_da)
    for index in range(count):
        rig.arrives(index, **kwargs)
    rig.wait(15000)
    return rig


def test_without_a_total_nobody_is_limited():
    rig = Rig(2, None)
    rig.arrives(0)
    assert rig.limits == [None, None] and not rig.step()
    rig.total_da = 320
    assert rig.step() and rig.limits == [320, 0]
    rig.total_da = None
    assert rig.step() and rig.limits == [None, None]
    assert not rig.step()


def test_who_charges_when_a_total_comes_goes_on_with_what_there_is():
    rig = Rig(2, None)
    for index in range(2):
        rig.arrives(index)
        rig.claims[index].offered_da = 320
        rig.claims[index].live = True
    rig.step()
    rig.total_da = 200
    assert rig.step() and rig.limits == [100, 100]


def test_an_idle_connector_has_nothing_and_the_first_to_come_has_all():
    rig = Rig(2, 250)
    assert rig.limits == [0, 0]
    rig.arrives(1)
    assert rig.step() and rig.limits == [0, 250]
    assert not rig.step()


def test_who_comes_has_his_share_when_the_other_has_followed():
    rig = Rig(2, 320)
    rig.arrives(0)
    rig.wait(10000)
    rig.arrives(1)
    assert rig.step() and rig.limits == [160, 0]
    assert rig.wait(4900) == [160, 0]
    assert rig.wait(300) == [160, 160]


def test_what_the_pilot_still_shows_is_not_given_away():
    """The outlet keeps its offer for 5 s: the car's 5 s begin when the lower one is shown."""
    rig = Rig(2, 320)
    rig.arrives(0)
    rig.wait(10000)
    slow = rig.claims[0]
    rig.by_hand.append(slow)
    rig.arrives(1)
    rig.step()
    assert rig.wait(30000) == [160, 0]
    slow.offered_da = 160
    assert rig.wait(4900) == [160, 0]
    assert rig.wait(300) == [160, 160]


def test_steps_down_are_held_one_by_one():
    rig = Rig(2, 320)
    rig.arrives(0)
    rig.wait(10000)
    first = rig.claims[0]
    rig.by_hand.append(first)
    rig.arrives(1)
    rig.step()
    first.offered_da = 250
    rig.wait(3000)
    first.offered_da = 160
    # 5 s after it showed 320 the other may begin with 70, 5 s after 250 it has its share.
    assert rig.wait(1900) == [160, 0]
    assert rig.wait(300) == [160, 70]
    assert rig.wait(2700) == [160, 70]
    assert rig.wait(300) == [160, 160]


def test_what_was_shown_in_a_stall_of_the_main_loop_was_shown():
    """The lower offer is of the step after it: the car's 5 s begin there."""
    rig = Rig(2, 320)
    rig.arrives(0)
    rig.wait(10000)
    rig.arrives(1)
    first = rig.claims[0]
    rig.by_hand.append(first)
    rig.step()
    first.offered_da = 160
    rig.step(14000)
    assert rig.limits == [160, 0]
    assert rig.wait(4800) == [160, 0]
    assert rig.wait(300) == [160, 160]


def test_a_pause_gives_back_when_the_contactor_is_open_and_5_seconds_are_over():
    for open_ms, free_ms in ((1000, 5000), (6000, 6000), (9000, 9000)):
        rig = full_house(2, 60)
        assert sorted(rig.limits) == [0, 60]
        charges = rig.limits.index(60)
        other = 1 - charges
        claim = rig.claims[charges]
        rig.by_hand.append(claim)
        claim.wants = False
        claim.offered_da = 0
        rig.step()
        assert rig.limits == [0, 0]
        waited_ms = 0
        while not rig.limits[other]:
            claim.live = waited_ms < open_ms
            rig.step(100)
            waited_ms += 100
        assert free_ms - 100 <= waited_ms <= free_ms + 200, (open_ms, waited_ms)


def test_an_offer_that_comes_back_before_the_car_has_stopped():
    """It may not have seen the pause: it has 5 s from the new offer."""
    rig = Rig(2, 320)
    rig.arrives(0)
    rig.wait(10000)
    deaf = rig.claims[0]
    rig.by_hand.append(deaf)
    deaf.offered_da = 0
    rig.wait(5000)
    deaf.own_da = deaf.offered_da = 60
    rig.arrives(1)
    assert rig.wait(4900)[1] == 0
    assert rig.wait(300)[1] == 260


def test_a_welded_contactor_takes_its_share_out_of_the_total():
    rig = full_house(3, 320)
    assert rig.limits == [106, 106, 106]
    welded = rig.claims[0]
    rig.by_hand.append(welded)
    welded.wants = False
    welded.offered_da = 0
    welded.live = True
    rig.wait(19000)
    assert rig.limits == [0, 106, 106]
    rig.arrives(0)
    assert rig.wait(2000) == [0, 107, 107]
    # For weeks, in which the ticks come round twice.
    rig.wait(28 * 86400000, 3600000)
    assert rig.limits == [0, 107, 107]
    welded.live = False
    rig.step()
    assert rig.wait(10000) == [106, 106, 106]


def test_what_one_cannot_use_the_others_have():
    rig = Rig(3, 480)
    for index, own_da in enumerate((100, 320, 320)):
        rig.arrives(index, own_da)
    assert rig.wait(15000) == [100, 190, 190]
    rig.claims[1].own_da = 160
    assert rig.wait(15000) == [100, 160, 220]
    rig.total_da = 1000
    assert rig.wait(15000) == [100, 160, 320]


def test_a_total_that_falls_lowers_all_at_once():
    rig = full_house(2, 320)
    rig.total_da = 130
    assert rig.step() and rig.limits == [65, 65]
    rig.total_da = 125
    assert rig.step() and rig.limits == [62, 62]
    for total_da in (59, 0, -10):
        rig.total_da = total_da
        rig.step()
        assert rig.limits == [0, 0]


def test_own_limits_that_do_not_let_it_charge_stay_the_reason():
    rig = full_house(2, 200)
    rig.claims[0].own_da = 0
    rig.step()
    assert rig.limits[0] == 59  # above its own
    assert rig.wait(10000) == [59, 200]
    rig.claims[0].own_da = 320
    assert rig.wait(10000) == [100, 100]


def test_a_car_that_does_not_ask_keeps_the_least():
    rig = Rig(2, 320)
    rig.arrives(0)
    rig.arrives(1, least_da=80, asking=False)
    assert rig.wait(15000) == [160, 160]
    assert rig.wait(52000) == [240, 80]
    # It asks again: within seconds.
    rig.claims[1].asking = True
    rig.step()
    assert rig.limits == [160, 80]
    assert rig.wait(5300) == [160, 160]
    # A car that comes after it is another one.
    rig.claims[1].asking = False
    assert rig.wait(70000) == [240, 80]
    rig.leaves(1)
    rig.wait(10000)
    rig.arrives(1, asking=False)
    assert rig.wait(12000) == [160, 160]


def test_the_least_of_a_profile_counts_as_far_as_own_limits_allow():
    rig = Rig(2, 150)
    rig.arrives(0, least_da=120)
    assert rig.wait(10000) == [150, 0]
    rig.claims[0].own_da = 100
    assert rig.wait(10000) == [100, 0]
    rig.total_da = 90
    assert rig.wait(10000) == [0, 0]


def turns(rig, hours):
    """Who charges, minute by minute, as sets without repetition: [(minutes, indices)]."""
    found = []
    for _ in range(hours * 60):
        rig.wait(60000, 1000)
        now = [index for index in range(len(rig.limits)) if rig.limits[index] >= 60]
        if found and found[-1][1] == now:
            found[-1][0] += 1
        else:
            found.append([1, now])
    return found


def test_turns_of_a_quarter_of_an_hour():
    rig = full_house(3, 100)
    assert rig.limits == [100, 0, 0]
    found = turns(rig, 2)
    assert [who for _, who in found[:4]] == [[0], [1], [2], [0]]
    assert all(14 <= minutes <= 16 for minutes, _ in found[1:-1]), found


def test_two_of_three_charge_and_one_is_interrupted_at_a_time():
    rig = full_house(3, 130)
    assert rig.limits == [65, 65, 0]
    found = turns(rig, 3)
    for index in range(1, len(found)):
        before, after = found[index - 1][1], found[index][1]
        assert len(after) == 2 and len(set(before) & set(after)) == 1, found
    each = [sum(minutes for minutes, who in found if index in who) for index in range(3)]
    assert min(each) >= 100, each  # of 180, two thirds


def test_who_has_just_begun_pushes_out_nobody_and_nobody_him():
    rig = Rig(3, 60)
    rig.arrives(0)
    assert rig.wait(10 * 60000, 1000)[0] == 60
    rig.arrives(1)
    assert rig.wait(4 * 60000, 1000) == [60, 0, 0]
    rig.arrives(2)
    assert rig.wait(2 * 60000, 1000) == [0, 60, 0]  # a quarter of an hour after the first has begun
    assert rig.wait(13 * 60000, 1000) == [0, 60, 0]
    # Who has waited longest, not who stands first.
    assert rig.wait(2 * 60000, 1000) == [0, 0, 60]


def test_a_turn_is_over_after_days_as_well():
    rig = Rig(2, 60)
    rig.arrives(0)
    rig.wait(8 * 86400000, 3600000)  # more than half a round of the ticks
    rig.arrives(1)
    assert rig.wait(10000) == [0, 60]


def test_who_was_interrupted_is_not_given_an_offer_for_a_moment():
    """Two had their turns over when a third one comes: one is interrupted, and stays so."""
    rig = Rig(3, 120)
    rig.arrives(0)
    rig.arrives(1)
    rig.wait(TURN_MS + 60000, 1000)
    rig.arrives(2)
    rig.step()
    assert rig.limits == [0, 60, 0]
    seen = [rig.wait(100) for _ in range(600)]
    assert all(limits[0] == 0 and limits[1] == 60 for limits in seen)
    assert seen[-1] == [0, 60, 60]


def test_when_the_total_falls_who_charges_longest_makes_room():
    rig = Rig(2, 120)
    rig.arrives(0)
    rig.wait(60000, 1000)
    rig.arrives(1)
    assert rig.wait(10000) == [60, 60]
    rig.total_da = 100
    rig.step()
    assert rig.limits == [0, 60]
    assert rig.wait(10000) == [0, 100]
    rig.total_da = 120
    assert rig.wait(10000) == [60, 60]
    rig.total_da = 100
    rig.step()
    assert rig.limits == [60, 0]


def test_a_full_car_does_not_use_up_its_turn():
    rig = Rig(2, 60)
    rig.arrives(0, asking=False)
    rig.wait(1000)
    rig.arrives(1)
    assert rig.wait(50000) == [60, 0]
    assert rig.wait(20000) == [0, 60]
    assert rig.wait(13 * 60000, 1000) == [0, 60]
    # It is asked again when it is its turn, for a minute.
    assert rig.wait(2 * 60000, 1000) == [60, 0]
    assert rig.wait(70000, 1000) == [0, 60]


def test_two_full_cars_do_not_take_turns_of_a_minute():
    rig = Rig(2, 60)
    rig.arrives(0, asking=False)
    rig.arrives(1, asking=False)
    found = turns(rig, 3)
    assert len(found) <= 14, found
    assert sorted(found[-1][1] + found[-2][1]) == [0, 1]


def test_who_needs_more_is_not_passed_over_for_ever():
    """The others stay for ten minutes each, so that there is always one within his turn."""
    rig = Rig(5, 130)
    small = (0, 1, 2, 3)
    rig.arrives(0)
    rig.wait(5 * 60000, 1000)
    rig.arrives(1)
    rig.wait(10000)
    rig.arrives(4, least_da=120)
    for count in range(2, 9):
        rig.leaves(small[(count - 2) % 4])
        rig.arrives(small[count % 4])
        rig.wait(5 * 60000, 1000)
        if rig.limits[4]:
            break
    assert rig.limits[4] >= 120 and 5 <= count <= 6, count


def test_nothing_is_done_when_nothing_changes():
    rig = full_house(2, 200)
    if hasattr(gc, "mem_alloc"):
        step, now = rig.sharing.step, rig.now
        gc.collect()
        gc.disable()
        try:
            before = gc.mem_alloc()
            for _ in range(100):
                step(now, 200)
            assert gc.mem_alloc() == before
        finally:
            gc.enable()

    def never(*_):
        raise AssertionError("thought over")

    rig.sharing._divide = never
    for _ in range(1000):
        assert not rig.step()
