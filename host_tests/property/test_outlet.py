# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Whatever the pilot, the lock, the cable and the station do, the invariants hold (`lives`, `guarded`); and
each of the deliberate defects below breaks one of them."""

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from evse import contactor, faults, guard, lock, offer, outlet, phases, pilot, seen
from evse.guard import DIODE_OK, Guard
from evse.lock import LockRule
from evse.outlet import Outlet
from evse.phases import PhaseChange
from evse.rcd import SelfTest
from evse.sources import Sources
from hal.ticks import ticks_add
from host_tests.property import guarded, honest, lives
from host_tests.property.lives import DISTURBED, STARTS, SWUNG, TRACES, Life
from host_tests.unit.evse_rig import DIODE_MV

GONE_MV = st.sampled_from((12000, 9000, 3000, 0))
ERASES = st.one_of(st.none(), st.frozensets(st.integers(0, 150), max_size=4))
GLITCHES = st.lists(
    st.tuples(GONE_MV, st.integers(1, 6), st.integers(7, 60), st.booleans()), min_size=1, max_size=20
)
# A limit that fell while state F hid the offer.
HIDDEN = [
    (("signals", ("GroundFailure",)), 1),
    (("car", (12000, DIODE_MV)), 10),
    (("signals", ()), 1),
    (("limit", 60), 1),
    (("car", (12000, DIODE_MV)), 9),
]
# The controller restarts while the second contactor moves, and the car leaves when it moves back.
MOVED = [(("car", (9000, DIODE_MV)), 1), (("phases", 1), 45), (("restart", None), 40)]
DIPS = st.lists(st.tuples(GONE_MV, st.integers(7, 95)), min_size=1, max_size=4)
KNOCKS = st.lists(st.tuples(st.integers(1, 490), st.integers(7, 400), st.booleans()), min_size=1, max_size=8)


def _toggles(rows):
    """A car that opens and closes S2: (steps in B, steps in C) each time."""
    trace = []
    for away, back in rows:
        trace.append((("car", (9000, DIODE_MV)), away))
        trace.append((("car", (6000, DIODE_MV)), back))
    return trace


def _stalls(rows):
    """The main loop goes away, and something happens at some step of it or after it."""
    trace = []
    for away_ms, before, event, after in rows:
        trace.append((("stall", away_ms), before))
        trace.append((event, after))
    return trace


def _flaps(rows):
    """A limit that swings around 6 A: (steps of pause, steps of offer) each time, and the car stays in C."""
    trace = []
    for pause, offered in rows:
        trace.append((("limit", 0), pause))
        trace.append((("limit", 320), offered))
    return trace


STALLED = st.lists(
    st.tuples(lives.STALLS_MS, st.integers(1, 400), lives.EVENTS, st.integers(1, 400)), max_size=6
).map(_stalls)
FLAPPED = st.lists(st.tuples(st.integers(1, 350), st.integers(1, 300)), min_size=2, max_size=6).map(_flaps)
TOGGLED = st.lists(st.tuples(st.integers(7, 100), st.integers(30, 250)), min_size=1, max_size=4).map(_toggles)


@settings(max_examples=200)
@example(1 << 30, False, False, True, MOVED)
@given(STARTS, st.booleans(), st.booleans(), st.booleans(), TRACES)
def test_no_life_breaks_an_invariant_or_wedges_the_connector(start, socket, ventilation, phases, trace):
    lives.live(start, socket, ventilation, phases, trace)


@settings(max_examples=50)
@given(STARTS, st.booleans(), st.booleans(), TOGGLED)
def test_no_car_that_toggles_breaks_an_invariant(start, socket, ventilation, trace):
    lives.disturb(start, socket, ventilation, False, trace)


@settings(max_examples=200)
@example((1 << 30) - 1000, False, False, False, HIDDEN)
@given(STARTS, st.booleans(), st.booleans(), st.booleans(), DISTURBED)
def test_no_disturbance_of_a_session_breaks_an_invariant(start, socket, ventilation, phases, trace):
    lives.disturb(start, socket, ventilation, phases, trace)


@settings(max_examples=200)
@given(STARTS, st.booleans(), st.booleans(), st.booleans(), STALLED)
def test_no_stall_of_the_main_loop_breaks_an_invariant(start, socket, ventilation, phases, trace):
    lives.disturb(start, socket, ventilation, phases, trace)


@settings(max_examples=100)
@given(STARTS, honest.REACTIONS_MS, honest.TRACES)
def test_honest_hardware_names_no_fault_whatever_the_stalls(start, reaction_ms, trace):
    honest.live(start, reaction_ms, trace)


@settings(max_examples=100)
@given(STARTS, honest.REACTIONS_MS, honest.TRACES)
def test_nor_does_it_in_a_session(start, reaction_ms, trace):
    honest.session(start, reaction_ms, trace)


@settings(max_examples=50)
@given(STARTS, st.booleans(), st.booleans(), FLAPPED)
def test_no_limit_that_swings_breaks_an_invariant(start, socket, ventilation, trace):
    lives.disturb(start, socket, ventilation, False, trace)


@settings(max_examples=200)
@given(STARTS, SWUNG)
def test_phases_that_swing_are_never_met_by_the_limit_of_the_others(start, trace):
    lives.swing(start, trace)


@settings(max_examples=200)
@given(STARTS, st.integers(1, 120), GONE_MV, ERASES)
def test_a_car_that_leaves_is_cut_off_in_time_whatever_the_flash_does(start, before_ms, gone_mv, erases):
    guarded.leave(start, before_ms, gone_mv, erases)


@settings(max_examples=200)
@given(STARTS, GLITCHES)
def test_one_or_two_bad_samples_never_open(start, glitches):
    guarded.glitch(start, glitches)


@settings(max_examples=200)
@given(STARTS, DIPS, st.booleans(), st.integers(0, 60), GONE_MV)
def test_a_pilot_that_drops_out_is_no_car_that_leaves(start, levels, erase, pause_ms, last_mv):
    guarded.dip(start, levels, erase, pause_ms, last_mv)


@settings(max_examples=200)
@given(STARTS, KNOCKS)
def test_less_than_half_a_second_of_c_never_closes(start, pulses):
    guarded.knock(start, pulses)


@settings(max_examples=200)
@given(STARTS, st.lists(st.integers(1, 130), min_size=1, max_size=40), GONE_MV)
def test_late_steps_do_not_delay_the_opening_beyond_two_of_them(start, steps_ms, gone_mv):
    life = Life(start)
    for _ in range(20):
        life.step()
    assert life.charges()
    life.hardware.pilot.car_mv = gone_mv
    passed = 0
    for count, step_ms in enumerate(steps_ms):
        life.now = ticks_add(life.now, step_ms)
        life.supply.guard.tick(life.now)
        life.supply.step(life.now)
        if count:
            passed += step_ms
        if count >= 1 and passed >= 30:
            assert not life.hardware.contactor.coil


@settings(max_examples=200)
@given(st.lists(st.tuples(GONE_MV, st.integers(2, 40)), max_size=30))
def test_lone_samples_of_a_slow_converter_never_open(glitches):
    lone(glitches)


def lone(glitches):
    life = Life((1 << 30) - 5000)
    for _ in range(20):
        life.step()
    assert life.charges()
    for _ in range(40):
        life.step()
    for high_mv, steps in glitches:
        life.hardware.pilot.car_mv = high_mv
        life.step()
        life.hardware.pilot.car_mv = 6000
        for _ in range(steps):
            life.step()
            assert life.hardware.contactor.coil


@given(st.integers(0, 2000))
def test_any_limit_gives_a_duty_that_offers_no_more(limit_da):
    lives.offers(limit_da)


# --- do these tests see anything? ---


def _diode_is_always_good(self, since, raw, low_mv):
    self.diode = DIODE_OK


def _opens_at_the_first_bad_sample(self, since, raw, each):
    self.raw = self.letter = raw


def _always_locked(self, locked):
    self.locked = None if locked is None else True


def _never_forgets(self):
    self._out.plugged = False


def _blind_to_trips(self):
    return False


_duty_e4 = pilot.duty_e4


def _a_little_more(limit_da):
    duty = _duty_e4(limit_da)
    return duty if duty == 10000 else duty + 20


def _does_nothing(self, *arguments):
    pass


_step_phases = PhaseChange.step


def _moves_under_load(self, dt_ms, main_open, three, charged=True):
    _step_phases(self, dt_ms, True, three, charged)


def _looks_away_at_the_end(self, dt_ms, main_open, three, charged=True):
    wanted = self._wanted
    if self._phase == phases._JOINING:
        self._wanted = self.three
    _step_phases(self, dt_ms, main_open, three, charged)
    self._wanted = wanted


def _seen_from_before(before_ms, holds, dt_ms):
    return max(before_ms, 0) + dt_ms if holds else seen.UNSEEN


_ask = Outlet._ask


def _asks_from_before(self, dt_ms, danger):
    self._asked = True
    return _ask(self, dt_ms, danger)


# what is broken, where, how, which tests have to find it
DEFECTS = (
    ("opens late", guard, "_APART_MS", 100, ("disturb",)),
    ("opens late, fast", guard, "_LEAVE_MS", 30, ("leave",)),
    ("opens at once, fast", guard, "_LEAVE_MS", 4, ("glitch",)),
    ("names the car at once", guard, "_ELSE_MS", 9, ("dip", "leave")),
    ("names the car too late", guard, "_ELSE_MS", 150, ("leave",)),
    ("opens at one sample", Guard, "_judge", _opens_at_the_first_bad_sample, ("lone", "glitch")),
    ("closes early", guard, "_TO_CHARGE_MS", 200, ("disturb", "live", "knock")),
    ("does not look at the diode", Guard, "_check_diode", _diode_is_always_good, ("disturb",)),
    ("does not look at the RCD", Guard, "_look_at_rcd", _blind_to_trips, ("disturb",)),
    ("does not ask the car", outlet, "_LOAD_MS", 0, ("disturb",)),
    ("asks for ever", outlet, "_LOAD_MS", 60000, ("disturb",)),
    ("asks when there is danger", faults, "AT_ONCE_MASK", 0, ("disturb",)),
    ("changes the offer at any time", offer, "_CHANGE_MS", 0, ("disturb",)),
    ("changes the offer too late", offer, "_CHANGE_MS", 60000, ("disturb",)),
    ("offers a little more", offer, "duty_e4", _a_little_more, ("disturb", "live")),
    ("believes in the lock", LockRule, "settle", _always_locked, ("disturb",)),
    ("closes again at once", contactor, "_REST_MS", 0, ("toggle",)),
    ("closes again too late", contactor, "_REST_MS", 5000, ("toggle",)),
    ("has no state F after danger", outlet, "_FAULT_F_MS", 100, ("disturb",)),
    ("latches nothing", faults, "LATCHING_MASK", 0, ("disturb",)),
    ("does not look at the meter", Sources, "metered", _does_nothing, ("disturb",)),
    ("tests the RCD once", SelfTest, "due", _does_nothing, ("toggle",)),
    ("moves the phases under load", PhaseChange, "step", _moves_under_load, ("disturb",)),
    ("offers for a step on the wrong phases", PhaseChange, "step", _looks_away_at_the_end, ("swing",)),
    ("takes a stall for a look", seen, "_STEP_MS", 60000, ("honest",)),
    ("counts a plug before it has seen it", outlet, "seen", _seen_from_before, ("honest",)),
    ("counts the motor before it is told", lock, "seen", _seen_from_before, ("honest",)),
    ("counts a pause before it is shown", Outlet, "_ask", _asks_from_before, ("stall",)),
    ("lets an offer of a moment begin anew", outlet, "_STOOD_MS", 0, ("flap",)),
    ("never forgets a deaf car", outlet, "_STOOD_MS", 60000, ("flap",)),
    ("is patient with a deaf car", outlet, "_DEAF_MS", 60000, ("flap",)),
    ("adds up pauses that are too short", outlet, "_DEAF_MS", 0, ("flap",)),
    ("keeps a fault of a car that has gone", Outlet, "_forget_car", _never_forgets, ("disturb", "live")),
)
_INPUTS = {
    "live": (lives.live, (STARTS, st.booleans(), st.booleans(), st.booleans(), TRACES)),
    "disturb": (lives.disturb, (STARTS, st.booleans(), st.booleans(), st.booleans(), DISTURBED)),
    "honest": (honest.live, (STARTS, honest.REACTIONS_MS, honest.TRACES)),
    "stall": (lives.disturb, (STARTS, st.booleans(), st.booleans(), st.booleans(), STALLED)),
    "flap": (lives.disturb, (STARTS, st.booleans(), st.booleans(), st.just(False), FLAPPED)),
    "swing": (lives.swing, (STARTS, SWUNG)),
    "toggle": (lives.disturb, (STARTS, st.booleans(), st.booleans(), st.just(False), TOGGLED)),
    "leave": (guarded.leave, (STARTS, st.integers(1, 120), GONE_MV, ERASES)),
    "glitch": (guarded.glitch, (STARTS, GLITCHES)),
    "knock": (guarded.knock, (STARTS, KNOCKS)),
    "dip": (guarded.dip, (STARTS, DIPS, st.booleans(), st.integers(0, 60), GONE_MV)),
    "lone": (lone, (st.lists(st.tuples(GONE_MV, st.integers(2, 40)), max_size=30),)),
}


def _found_by(name):
    """This property fails with some input."""
    function, inputs = _INPUTS[name]

    @settings(max_examples=5000, phases=(Phase.generate,), database=None, derandomize=True)
    @given(st.tuples(*inputs))
    def search(arguments):
        function(*arguments)

    try:
        search()
    except AssertionError:
        return True
    return False


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("where", "name", "broken", "finders"), [row[1:] for row in DEFECTS], ids=[row[0] for row in DEFECTS]
)
def test_a_defect_is_found(monkeypatch, where, name, broken, finders):
    monkeypatch.setattr(where, name, broken)
    assert any(_found_by(finder) for finder in finders)
