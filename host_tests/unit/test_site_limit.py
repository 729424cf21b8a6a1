# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""station.site_limit: what the site has for all connectors together."""

from hal.reading import Reading
from hal.ticks import ticks_add
from host_tests.unit import rig as station_rig
from station.site_limit import SiteLimit, drawn_ma

_START = (1 << 29) - 3000  # the ticks wrap in the course of a test
_NONE = (0, 0, 0)


class Rig:
    """A meter at the grid connection, read once a second."""

    def __init__(self, limit_da=250, fallback_da=60):
        self.now = _START
        self.site = SiteLimit(limit_da, fallback_da, True)

    def reads(self, grid_a, own_a=_NONE, seconds=1):
        """It says so for so long (amperes; None: it is silent): what is available then."""
        grid_ma = None if grid_a is None else tuple([int(1000 * amps) for amps in grid_a])
        for _ in range(seconds):
            self.available(1000)
            self.site.metered(self.now, grid_ma, tuple([int(1000 * amps) for amps in own_a]))
            available_da = self.available()
        return available_da

    def available(self, ms=0, step_ms=100):
        """After so long, in steps of the main loop."""
        for _ in range(ms // step_ms):
            self.now = ticks_add(self.now, step_ms)
            self.site.available_da(self.now)
        return self.site.available_da(self.now)


def awake(grid_a, own_a=_NONE, **kwargs):
    rig = Rig(**kwargs)
    rig.reads(grid_a, own_a, 6)
    return rig


def test_a_fixed_limit():
    site = SiteLimit(250)
    assert site.available_da(_START) == 250
    assert site.why == "site limit 25.0 A"
    site.metered(_START, (90000, 0, 0), _NONE)  # nobody has asked for it
    assert site.available_da(_START) == 250


def test_no_limit():
    site = SiteLimit(0)
    assert site.available_da(_START) is None
    assert site.why == ""


def test_until_the_meter_has_answered_for_some_seconds_the_fallback_counts():
    rig = Rig()
    assert rig.available() == 60
    assert rig.site.why == "grid meter silent: 6.0 A"
    assert rig.reads((6.6, 2, 1), seconds=5) == 60
    assert rig.reads((6.6, 2, 1)) == 184
    assert rig.site.why == "grid meter: 18.4 A left"


def test_after_the_silence_the_least_of_these_seconds_counts():
    rig = Rig()
    rig.reads((5, 0, 0), seconds=2)
    rig.reads((23, 0, 0))
    assert rig.reads((5, 0, 0), seconds=3) == 20


def test_the_phase_with_most_counts_and_what_we_draw_is_not_the_buildings():
    assert awake((10, 12, 3)).available() == 130
    assert awake((20, 15, 12), (10, 10, 10)).available() == 150
    # Only our first phase carries a car: the building's second one has least left.
    assert awake((20, 22, 5), (16, 0, 0)).available() == 30


def test_without_knowing_our_phase_it_is_the_fullest():
    # 21 A with 16 of ours: 4 may be added wherever it is.
    assert awake((21, 5, 5), (16,)).available() == 200
    assert awake((5, 21, 20), (16,)).available() == 200
    # Nobody knows what we draw at all: nothing is taken off.
    assert awake((21, 5, 5), ()).available() == 40
    rig = awake((21, 5, 5))
    rig.site.metered(ticks_add(rig.now, 1000), (21000, 5000, 5000), None)
    assert rig.site.available_da(ticks_add(rig.now, 1000)) == 40


def test_less_than_nothing_is_nothing_and_export_is_no_more_than_the_limit():
    assert awake((30, 0, 0)).available() == 0
    assert awake((-20, -20, -20)).available() == 250
    assert awake((-20, -20, -20), (5, 5, 5)).available() == 250
    assert awake((-20, 5, -20)).available() == 200
    # Floored: a tenth of an ampere is not made of less.
    assert awake((10.04, 0, 0)).available() == 149


def test_lowered_at_once_raised_after_half_a_minute_by_what_was_left_all_the_time():
    rig = awake((5, 5, 5))
    assert rig.available() == 200
    assert rig.reads((15, 5, 5)) == 100
    assert rig.reads((5, 5, 5), seconds=10) == 100
    assert rig.reads((8, 5, 5)) == 100
    assert rig.reads((5, 5, 5), seconds=18) == 100
    assert rig.reads((5, 5, 5)) == 170
    assert rig.reads((5, 5, 5), seconds=29) == 170
    assert rig.reads((5, 5, 5)) == 200


def test_a_load_that_comes_and_goes_does_not_swing_the_limit():
    rig = awake((5, 5, 5))
    seen = []
    for _ in range(60):  # an iron: 20 s on, 10 s off
        seen += [rig.reads((15, 5, 5)) for _ in range(20)]
        seen += [rig.reads((5, 5, 5)) for _ in range(10)]
    assert set(seen) == {100}


def test_less_than_an_ampere_more_is_not_worth_a_change():
    rig = awake((5, 5, 5))
    changes, before = 0, 200
    for count in range(3000):
        now = rig.reads((5 + (0, 0.4, 0.2, 0.7)[count % 4], 5, 5))
        changes += now != before
        before = now
    assert before == 193 and changes == 2
    assert rig.reads((5, 5, 5), seconds=70) == 193
    assert rig.reads((4.6, 5, 4.6), seconds=70) == 193
    assert rig.reads((4.6, 4.6, 4.6), seconds=70) == 204
    # But all there is is given: the last half ampere too.
    rig = awake((0.5, 0, 0))
    assert rig.reads((0, 0, 0), seconds=30) == 250


def test_a_car_that_begins_or_ends_is_not_taken_for_the_building():
    """Of two readings of the same moment one comes later."""
    rig = awake((5, 5, 5))
    # It begins: the grid's meter has seen it or not, ours comes after it.
    assert rig.reads((5, 5, 5), (16, 16, 16)) == 200
    assert rig.reads((21, 21, 21), (16, 16, 16)) == 200
    # It ends: the grid's meter still shows it, also one that is two seconds late.
    assert rig.reads((21, 21, 21), _NONE, 2) == 200
    assert rig.reads((5, 5, 5), _NONE, 40) == 200
    # What goes on after that is the building's.
    assert rig.reads((21, 21, 21), (16, 16, 16)) == 200
    assert rig.reads((21, 21, 21), _NONE, 2) == 200
    assert rig.reads((21, 21, 21), _NONE) == 40
    rig = awake((21, 21, 21), (16, 16, 16))
    assert rig.reads(None, _NONE, 3) == 200
    assert rig.reads((21, 21, 21), _NONE) == 40


def test_a_meter_that_is_silent_for_5_seconds():
    rig = awake((5, 5, 5))
    assert rig.available(4900) == 200
    assert rig.available(200) == 60
    assert rig.site.why == "grid meter silent: 6.0 A"
    # One answer is not enough, and a gap begins it anew.
    assert rig.reads((5, 5, 5)) == 60
    assert rig.reads(None, seconds=6) == 60
    assert rig.reads((5, 5, 5), seconds=5) == 60
    assert rig.reads((5, 5, 5)) == 200
    # Some answers that do not come are no silence.
    assert rig.reads(None, seconds=3) == 200
    assert rig.reads((5, 5, 5)) == 200


def test_a_main_loop_that_is_away_for_seconds_is_no_silent_meter():
    """A name lookup of 14 s, in which no meter is read."""
    rig = awake((5, 5, 5))
    assert rig.available(14000, 14000) == 200
    assert rig.available(1500) == 200
    assert rig.reads((5, 5, 5)) == 200
    rig.available(14000, 14000)
    assert rig.available(5200) == 60


def test_a_silence_of_weeks():
    rig = awake((5, 5, 5))
    assert rig.available(6000) == 60
    for _ in range(40 * 24):
        assert rig.available(3600000, 3600000) == 60
    assert rig.reads((5, 5, 5), seconds=5) == 60
    assert rig.reads((5, 5, 5)) == 200


def test_what_cannot_be_is_silence():
    for wrong in ((5, 5), (5,), (), (5, 5, 5, 5), (251, 0, 0), (0, 0, -251)):
        rig = awake((5, 5, 5))
        assert rig.reads(wrong, seconds=6) == 60, wrong
        assert "silent" in rig.site.why
    rig = awake((5, 5, 5))
    for _ in range(6):
        rig.available(1000)
        rig.site.metered(rig.now, (5000, None, 5000), _NONE)
    assert rig.available() == 60
    # Ten times the limit can be: a short, for a moment.
    rig = awake((5, 5, 5))
    assert rig.reads((250, 0, 0)) == 0


def test_the_fallback_is_not_above_the_limit():
    assert SiteLimit(100, 160, True).available_da(_START) == 100
    assert SiteLimit(100, 0, True).available_da(_START) == 0


def test_what_the_connectors_draw():
    assert drawn_ma([]) == (0, 0, 0)
    three, one, idle = Reading(current_ma=(9000, 8000, 100)), Reading(current_ma=(16000,)), Reading()
    assert drawn_ma([three, None, three, idle]) == (18000, 16000, 200)
    assert drawn_ma([Reading(current_ma=(-1, 0, 5))]) == (0, 0, 5)
    # Of one nobody knows the phase: as if all were on the same.
    assert drawn_ma([three, one]) == drawn_ma([one, three]) == (25000,)
    assert drawn_ma([three, Reading(current_ma=(0,))]) == (9000, 8000, 100)


def test_the_station_tells_what_its_connectors_draw():
    told = []

    class Site:
        def metered(self, *values):
            told.append(values)

    station_rig.Rig().station.grid_metered(5, Reading(current_ma=(1, 2, 3)))  # nobody wants to know
    rig = station_rig.Rig(connectors=2, options={"site_a": 32})
    station = rig.station
    rig.charge()
    station.load._site = Site()
    station.connectors[0].reading = Reading(current_ma=(9000, 9000, 0))
    station.connectors[1].reading = Reading(current_ma=(16000, 0, 0))  # of a car that has gone
    station.grid_metered(6, Reading(current_ma=(10000, 2, 3)))
    station.grid_metered(7, None)
    assert told == [(6, (10000, 2, 3), (9000, 9000, 0)), (7, None, (9000, 9000, 0))]
