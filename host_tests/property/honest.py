# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Lives in which everybody is honest: hardware that follows in its own time, a car that stops when it is
asked, a driver who pulls no plug that is locked. Whatever the main loop does meanwhile (it may be away for
14 s; the guard goes on):

    no fault     is ever named
    no load      nothing opens while the car draws
    no plug      is let go that somebody has not asked for
"""

from hypothesis import strategies as st

from evse.supply import Supply
from hal.ticks import ticks_add, ticks_diff
from host_tests.property.lives import STALLS_MS, STEP_MS
from host_tests.unit.evse_rig import A, B, C, FakeContactor, FakeHardware, FakeLock, FakeRcd, Ratings

_CABLE_OHM = 220


class Late:
    """Shows what was last asked for, but for the first `after_ms`."""

    def __init__(self, clock, after_ms, shown=False):
        self._clock = clock
        self._after_ms = after_ms
        self._told = self._shown = shown
        self._since = clock()

    def tell(self, what):
        if what != self._told:
            self._shown = self.shown()
            self._told = what
            self._since = self._clock()

    def shown(self):
        return self._told if ticks_diff(self._clock(), self._since) >= self._after_ms else self._shown


class SlowContactor(FakeContactor):
    def __init__(self, clock):
        super().__init__()
        self._late = Late(clock, 35)

    def drive(self, close):
        super().drive(close)
        self._late.tell(close)

    def closed(self):
        return self._late.shown()


class SlowLock(FakeLock):
    def __init__(self, clock):
        super().__init__()
        self._late = Late(clock, 600)

    def drive(self, lock):
        self.told = lock
        self._late.tell(lock)

    def locked(self):
        return self._late.shown()


class SlowRcd(FakeRcd):
    def __init__(self, clock):
        super().__init__()
        self._late = Late(clock, 740)

    def test(self, on):
        super().test(on)
        self._late.tell(on)

    def tripped(self):
        return self._late.shown()


class HonestLife:
    def __init__(self, start, reaction_ms):
        """`reaction_ms`: of the car, to an offer and to its end."""
        self.now = start
        self.away_ms = 0
        self.reaction_ms = reaction_ms
        hardware = self.hardware = FakeHardware(socket=True)

        def clock():
            return self.now

        hardware.contactor = SlowContactor(clock)
        hardware.lock = SlowLock(clock)
        hardware.rcd = SlowRcd(clock)
        self.supply = Supply(hardware, Ratings(320, False, "F"))
        self.plugged = False
        self.closed_s2 = False
        self.shown_ms = 0  # the offer, or the pause
        self.offered = False
        self.was_closed = False
        self.was_told = False
        self.unlocked = False

    def step(self):
        self.now = ticks_add(self.now, STEP_MS)
        self.drive_car()
        supply, hardware = self.supply, self.hardware
        supply.guard.tick(self.now)
        if self.away_ms > 0:
            self.away_ms -= STEP_MS
        else:
            supply.step(self.now)
            assert supply.faults == ()
            there = self.plugged and supply.plugged
            assert hardware.lock.told or self.unlocked or not (self.was_told and there)
            self.was_told = hardware.lock.told
        closed = hardware.contactor.coil
        assert closed or not (self.was_closed and self.plugged and self.closed_s2)
        self.was_closed = closed

    def drive_car(self):
        offered = 0 < self.hardware.pilot.duty_e4 < 10000
        self.shown_ms = self.shown_ms + STEP_MS if offered == self.offered else 0
        self.offered = offered
        if self.shown_ms >= self.reaction_ms:
            self.closed_s2 = self.plugged and offered
        self.hardware.pilot.car_mv = C if self.plugged and self.closed_s2 else B if self.plugged else A

    def happen(self, event, value):
        hardware, supply = self.hardware, self.supply
        free = not (hardware.lock.told or hardware.lock.locked())
        if event == "stall":
            self.away_ms = value
        elif event == "cable":
            if free:
                hardware.proximity.ohm = _CABLE_OHM
        elif event == "plug":
            if free:
                hardware.proximity.ohm = _CABLE_OHM
            self.plugged = self.plugged or hardware.proximity.ohm is not None
        elif event == "pull":
            self.plugged = self.closed_s2 = False
            if free:
                hardware.proximity.ohm = None
        else:
            self.away_ms = 0  # it is the main loop that does it
            if event == "unlock":
                supply.unlock()
                self.unlocked = True
            elif event == "limit":
                supply.limits.put("ocpp", value)
            else:
                self.unlocked = self.unlocked and (supply.permitted or not value)  # until it is given anew
                supply.permit(value)


EVENTS = st.one_of(
    st.tuples(st.just("stall"), STALLS_MS),
    st.tuples(st.just("stall"), STALLS_MS),
    st.tuples(st.sampled_from(("cable", "plug", "plug", "pull", "unlock")), st.none()),
    st.tuples(st.just("limit"), st.sampled_from((0, 60, 100, 320))),
    st.tuples(st.just("permit"), st.booleans()),
)
TRACES = st.lists(st.tuples(EVENTS, st.one_of(st.integers(1, 10), st.integers(1, 500))), max_size=16)
REACTIONS_MS = st.integers(100, 2800)


def live(start, reaction_ms, trace):
    life = HonestLife(start, reaction_ms)
    for _ in range(150):
        life.step()
    for (event, value), steps in trace:
        life.happen(event, value)
        for _ in range(steps):
            life.step()


def session(start, reaction_ms, trace):
    """The same with a car that is charged when it begins."""
    life = HonestLife(start, reaction_ms)
    life.happen("plug", None)
    life.happen("permit", True)
    for _ in range(500):
        life.step()
    assert life.hardware.contactor.coil
    for (event, value), steps in trace:
        life.happen(event, value)
        for _ in range(steps):
            life.step()
