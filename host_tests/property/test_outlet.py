# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Random lives of a connector: whatever the pilot, the lock, the cable and the station do, the invariants
hold.

The unit under test is what drives the contactor: guard and outlet behind a Supply, with parts that do what
the trace says, however impossible.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from evse import faults
from evse.pilot import MIN_DA, PAUSE_E4, current_da, duty_e4
from evse.supply import Supply
from hal.ticks import ticks_add, ticks_diff
from host_tests.unit.evse_rig import DIODE_MV, FakeHardware, Ratings

STEP_MS = 20
CHARGE_MV = {False: (4800, 7200), True: (1800, 7200)}  # surely C, with ventilation surely C or D


class Life:
    """A Supply under a trace, and the facts that the invariants speak of, kept apart from the code under
    test."""

    def __init__(self, start, socket, ventilation):
        self.now = start
        self.hardware = FakeHardware(socket)
        self.signals = ()
        self.supply = Supply(self.hardware, Ratings(320, ventilation), lambda: self.signals)
        self.ventilation = ventilation
        self.was_closed = False
        self.out_of_charge_since = None
        self.charge_since = None
        self.good_low_since = None
        self.withdrawn_since = None
        self.duty_changed_at = None
        self.duty_was = PAUSE_E4

    def step(self, step_ms=STEP_MS):
        high_mv, low_mv = self.hardware.pilot.levels
        least, most = CHARGE_MV[self.ventilation]
        now = self.now = ticks_add(self.now, step_ms)
        # Surely not C/D, hysteresis included; surely C/D.
        outside = high_mv < (1200 if self.ventilation else 4200) or high_mv > 7800
        self.out_of_charge_since = (self.out_of_charge_since or now) if outside else None
        self.charge_since = (self.charge_since or now) if least <= high_mv <= most else None
        pwm = self.supply.duty_e4 != PAUSE_E4
        if pwm:
            self.good_low_since = (self.good_low_since or now) if low_mv <= DIODE_MV else None
        permitted = self.supply.permitted and self.supply.limits.winner()[1] >= MIN_DA
        self.withdrawn_since = None if permitted else (self.withdrawn_since or now)
        self.supply.step(now)
        self.check(now, pwm, low_mv, outside, permitted)

    def check(self, now, pwm, low_mv, outside, permitted):
        hardware = self.hardware
        supply = self.supply
        coil = hardware.contactor.coil
        blocking = [name for name in supply.faults if faults.is_blocking(name)]
        if coil:
            assert not blocking, blocking
            if hardware.lock:
                assert supply.locked is True
            if not self.was_closed:
                # Everything that a closing needs, at this very moment.
                assert permitted and not outside
                assert pwm and low_mv <= DIODE_MV
                assert self.charge_since is not None and ticks_diff(now, self.charge_since) >= 500
            if self.out_of_charge_since is not None:
                assert ticks_diff(now, self.out_of_charge_since) < 60
            if self.withdrawn_since is not None:
                assert ticks_diff(now, self.withdrawn_since) <= 6000 + STEP_MS
        self.was_closed = coil
        duty = hardware.pilot.duty_e4
        assert duty == supply.duty_e4
        assert supply.offered_da == current_da(duty)
        if duty != self.duty_was:
            if PAUSE_E4 not in (duty, self.duty_was):
                assert ticks_diff(now, self.duty_changed_at) >= 5000
            # What is offered anew respects every limit of this moment, the cable's too.
            assert supply.offered_da <= min(supply.limits.winner()[1], supply.limits.get("cable") or 1000)
            self.duty_changed_at = now
            self.duty_was = duty
        if duty != PAUSE_E4:
            assert supply.permitted and supply.plugged and not blocking

    def settle(self):
        """Unplug, mend everything, let the technician acknowledge."""
        hardware = self.hardware
        hardware.pilot.levels = (12000, 12000)
        hardware.signals = ()
        self.signals = ()
        hardware.contactor.welded = None
        if hardware.lock:
            hardware.lock.stuck = False
            hardware.proximity.ohm = None
        self.supply.hold_lock(False)
        self.supply.permit(False)
        self.supply.limits.put("ocpp", 320)
        for _ in range(20):
            self.step()
        self.supply.acknowledge()
        for _ in range(200):
            self.step()

    def charges(self):
        """A decent car comes: is it charged within the time of the standard?"""
        hardware = self.hardware
        supply = self.supply
        if hardware.lock:
            hardware.proximity.ohm = 220
        hardware.pilot.levels = (9000, 9000)
        supply.permit(True)
        for _ in range(150):
            self.step()
            low_mv = 9000 if supply.duty_e4 == PAUSE_E4 else DIODE_MV
            hardware.pilot.levels = (9000, low_mv)
        assert supply.offered_da == 320
        for count in range(150):  # 3 s from the beginning of C
            hardware.pilot.levels = (6000, DIODE_MV)
            self.step()
            if hardware.contactor.coil:
                assert count * STEP_MS >= 480
                return True
        return False


LEVELS_MV = st.one_of(st.sampled_from((12000, 9000, 6000, 3000, 0, -12000)), st.integers(-13000, 13000))
LOWS_MV = st.one_of(st.just(DIODE_MV), st.just(DIODE_MV), st.sampled_from((0, -3000, -6000)))

EVENTS = st.one_of(
    st.tuples(st.just("pilot"), st.tuples(LEVELS_MV, LOWS_MV)),
    st.tuples(st.just("pilot"), st.tuples(st.sampled_from((12000, 9000, 6000, 6000)), st.just(DIODE_MV))),
    st.tuples(st.just("permit"), st.booleans()),
    st.tuples(st.just("limit"), st.sampled_from((0, 30, 59, 60, 100, 160, 320))),
    st.tuples(
        st.just("signals"), st.sampled_from(((), ("GroundFailure",), ("RcdTrip",), ("WeakSignal",), ("New",)))
    ),
    st.tuples(st.just("station"), st.sampled_from(((), ("EmergencyStop",)))),
    st.tuples(st.just("welded"), st.sampled_from((None, None, True, False))),
    st.tuples(st.just("stuck"), st.booleans()),
    st.tuples(st.just("bolt"), st.booleans()),
    st.tuples(st.just("ohm"), st.sampled_from((None, 20, 100, 220, 220, 680, 1500, 5000))),
    st.tuples(st.just("hold"), st.booleans()),
    st.tuples(st.just("unlock"), st.none()),
    st.tuples(st.just("acknowledge"), st.none()),
)
TRACES = st.lists(st.tuples(EVENTS, st.integers(1, 60)), max_size=60)
STARTS = st.one_of(st.just((1 << 30) - 1000), st.integers(0, (1 << 30) - 1))


def happen(life, event, value):
    hardware = life.hardware
    supply = life.supply
    if event == "pilot":
        hardware.pilot.levels = value
    elif event == "permit":
        supply.permit(value)
    elif event == "limit":
        supply.limits.put("ocpp", value)
    elif event == "signals":
        hardware.signals = value
    elif event == "station":
        life.signals = value
    elif event == "welded":
        hardware.contactor.welded = value
    elif event == "stuck" and hardware.lock:
        hardware.lock.stuck = value
    elif event == "bolt" and hardware.lock:
        hardware.lock.bolt = value
    elif event == "ohm" and hardware.lock:
        hardware.proximity.ohm = value
    elif event == "hold":
        supply.hold_lock(value)
    elif event == "unlock":
        supply.unlock()
    elif event == "acknowledge":
        supply.acknowledge()


@settings(max_examples=300, deadline=None)
@given(STARTS, st.booleans(), st.booleans(), TRACES)
def test_no_life_breaks_an_invariant_or_wedges_the_connector(start, socket, ventilation, trace):
    life = Life(start, socket, ventilation)
    for (event, value), steps in trace:
        happen(life, event, value)
        for _ in range(steps):
            life.step()
    life.settle()
    assert life.supply.faults == ()
    assert not life.supply.plugged and life.supply.locked in (None, False)
    assert life.charges()


# A trace that is mostly an honest session, so that the contactor is closed when something happens.
DISTURBED = st.lists(st.tuples(EVENTS, st.integers(1, 10)), max_size=12)


@settings(max_examples=300, deadline=None)
@given(STARTS, st.booleans(), st.booleans(), DISTURBED)
def test_no_disturbance_of_a_session_breaks_an_invariant(start, socket, ventilation, trace):
    life = Life(start, socket, ventilation)
    for _ in range(20):
        life.step()
    assert life.charges()
    for _ in range(60):
        life.step()
    assert life.hardware.contactor.coil
    for (event, value), steps in trace:
        happen(life, event, value)
        for _ in range(steps):
            life.step()
    life.settle()
    assert life.charges()


@settings(max_examples=200, deadline=None)
@given(
    STARTS, st.lists(st.integers(1, 130), min_size=1, max_size=40), st.sampled_from((12000, 9000, 0, -12000))
)
def test_late_steps_do_not_delay_the_opening_beyond_two_of_them(start, steps_ms, gone_mv):
    life = Life(start, False, False)
    for _ in range(20):
        life.step()
    assert life.charges()
    life.hardware.pilot.levels = (gone_mv, DIODE_MV)
    passed = 0
    for count, step_ms in enumerate(steps_ms):
        life.now = ticks_add(life.now, step_ms)
        life.supply.step(life.now)
        if count:
            passed += step_ms
        if count >= 1 and passed >= 40:
            assert not life.hardware.contactor.coil


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from((12000, 9000, 3000, 0)), st.integers(2, 40)), max_size=30))
def test_lone_bad_samples_never_open(glitches):
    life = Life((1 << 30) - 5000, False, False)
    for _ in range(20):
        life.step()
    assert life.charges()
    for _ in range(40):
        life.step()
    for high_mv, steps in glitches:
        life.hardware.pilot.levels = (high_mv, DIODE_MV)
        life.supply.step(ticks_add(life.now, STEP_MS))
        life.now = ticks_add(life.now, STEP_MS)
        life.hardware.pilot.levels = (6000, DIODE_MV)
        for _ in range(steps):
            life.step()
            assert life.hardware.contactor.coil


@given(st.integers(0, 2000))
def test_any_limit_gives_a_duty_that_offers_no_more(limit_da):
    duty = duty_e4(limit_da)
    assert current_da(duty) <= limit_da
    assert duty == PAUSE_E4 or 1000 <= duty <= 9600
