# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A pilot that drops out for some milliseconds while a car charges, and an interrupt that comes between any
two reads of the main loop: what the outlet makes of it."""

from evse import supply as supply_module
from evse.guard import Guard
from evse.supply import Supply
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import START, A, B, C, D, E, FakeHardware, FakePilot, FakeRcd, Ratings
from host_tests.unit.rig import Rig

EACH_MS = 3
PASS_MS = 9
STEP_MS = 18


class FastPilot(FakePilot):
    """A sample every 3 ms, three for each pass. `script`: what comes next, instead of the car."""

    sample_ms = EACH_MS

    def __init__(self):
        super().__init__()
        self.script = []

    def sample(self):
        car_mv = self.car_mv
        for index in range(3):
            if self.script:
                self.car_mv = self.script.pop(0)
            super().sample()
            self.high_mv[index] = self.high_mv[0]
            self.low_mv[index] = self.low_mv[0]
            self.car_mv = car_mv
        return 3


class Session:
    """A socket (or a fixed cable) with a car that charges. `alone`: the guard goes on, nobody else."""

    def __init__(self, rcd=None, socket=True):
        self.hardware = FakeHardware(socket)
        self.pilot = self.hardware.pilot = FastPilot()
        self.hardware.rcd = rcd
        self.supply = Supply(self.hardware, Ratings())
        self.now = START
        self.run(1000)
        if socket:
            self.hardware.proximity.ohm = 220
        self.pilot.car_mv = B
        self.run(500)
        self.supply.permit(True)
        self.run(3000)
        self.pilot.car_mv = C
        self.run(3000)
        assert self.hardware.contactor.coil

    def alone(self, ms):
        for _ in range(ms // PASS_MS):
            self.now = ticks_add(self.now, PASS_MS)
            self.supply.guard.tick(self.now)

    def run(self, ms, until=None):
        for _ in range(ms // STEP_MS):
            self.alone(STEP_MS)
            self.supply.step(self.now)
            if until is not None and until():
                return True
        return False

    def coil(self):
        return self.hardware.contactor.coil

    def disturbed(self):
        """Somebody takes the car for gone, or for one with a fault."""
        return not self.supply.plugged or not self.hardware.lock.told or self.supply.faults != ()

    def duties(self, ms):
        """What the pilot showed at each step."""
        seen = []
        self.run(ms, lambda: seen.append(self.pilot.duty_e4))
        return seen


def test_a_dropout_of_9_ms_leaves_the_session_alone():
    for script in ([A, A, A], [D, D, D], [B, B, A], [E, E, A], [E, E, D], [B, E, D], [A] * 30, [D] * 30):
        session = Session()
        guard = session.supply.guard
        session.pilot.script = list(script)
        assert not session.run(2000, session.disturbed), script
        assert guard.openings == 1 and not session.coil(), script
        assert session.run(1500, session.coil), script  # its rest is over
        assert guard.departures == 0, script


class Charger:
    """A charge point whose socket is that of a `Session`, with a transaction that charges."""

    def __init__(self):
        self.session = Session()
        self.rig = Rig(cable="socket", start_ticks=self.session.now)
        self.rig.station.connectors[0].supply = self.session.supply
        self.session.supply.permit(False)
        self.session.pilot.car_mv = B
        self.run(1000)
        self.rig.station.tag("GOOD", None, self.rig.now)
        self.run(1000)
        self.session.pilot.car_mv = C
        self.run(5000)
        assert self.session.coil()
        self.rig.wire.take()

    def run(self, ms):
        rig = self.rig
        for _ in range(ms // STEP_MS):
            self.session.run(STEP_MS)
            now = self.session.now
            rig.now = now
            rig.clock.advance(now)
            rig.station.step(now)

    def told(self):
        """What the CSMS was told, without readings."""
        return [call[:1] + call[2:3] for call in self.rig.wire.take() if call[0] != "Meter"]


def test_a_dropout_of_9_ms_leaves_the_transaction_alone():
    for script in ([A, A, A], [D, D, D], [B, B, A], [E, E, D]):
        charger = Charger()
        charger.session.pilot.script = list(script)
        charger.run(6000)
        assert charger.told() == [("Status", "SuspendedEV"), ("Status", "Charging")], script
        assert charger.rig.station.connectors[0].transaction is not None


def test_a_car_that_is_pulled_off_under_load_has_not_suspended():
    charger = Charger()
    charger.session.pilot.car_mv = A
    charger.session.hardware.proximity.ohm = None
    charger.run(3000)
    told = charger.told()
    assert ("Status", "SuspendedEV") not in told and told[0][0] == "Stop", told


def test_a_car_that_has_gone_is_known_to_have_gone_after_100_ms():
    session = Session()
    session.pilot.car_mv = A
    session.hardware.proximity.ohm = None
    assert session.run(140, lambda: not session.supply.plugged)
    assert session.supply.guard.departures == 1 and session.supply.faults == ()
    session.run(100)
    assert session.hardware.lock.told is False


def test_a_car_that_asks_for_ventilation_under_load():
    session = Session()
    session.pilot.car_mv = D
    assert session.run(140, lambda: session.supply.faults != ())
    assert session.supply.faults == ("VentilationRequired",) and not session.coil()


def test_a_short_under_load_has_state_f_and_a_bar():
    for script in ([E], [D, E, E], [A, E, E]):
        session = Session()
        session.pilot.script = script + [E] * 100
        shorted_f(session)


def shorted_f(session):
    """State F for 300 ms at least, and no offer for 30 s."""
    duties = session.duties(1500)
    assert not session.coil() and duties.count(0) * STEP_MS >= 300
    session.pilot.car_mv = B
    assert not session.run(29000, lambda: 0 < session.pilot.duty_e4 < 10000)
    assert session.run(3000, lambda: 0 < session.pilot.duty_e4 < 10000)


def interrupted(name):
    """A class of guards whose attribute `name` is followed by the interrupt, when `armed` is set."""
    kept = "_kept_" + name

    def get(self):
        value = getattr(self, kept)
        if self.armed is not None:
            armed = self.armed
            self.armed = None
            armed()
        return value

    def put(self, value):
        setattr(self, kept, value)

    return type("Interrupted", (Guard,), {name: property(get, put), "armed": None})


def session_with(name, rcd=None, socket=True):
    supply_module.Guard = interrupted(name) if name else Guard
    try:
        return Session(rcd, socket)
    finally:
        supply_module.Guard = Guard


def test_an_interrupt_between_any_two_reads_loses_no_short_under_load():
    for name in (None, "openings", "closed", "letter", "diode", "departures", "trips", "stops"):
        session = session_with(name)
        session.pilot.car_mv = E
        session.pilot.script = [C, C]
        session.alone(PASS_MS)
        assert session.coil()
        if name:
            session.supply.guard.armed = lambda session=session: session.alone(PASS_MS)
            session.supply.step(session.now)
            assert session.supply.guard.armed is None and not session.coil(), name
        else:
            session.alone(PASS_MS)
            assert not session.coil()
        shorted_f(session)


def test_an_interrupt_between_any_two_reads_loses_no_broken_diode():
    for name in (None, "openings", "closed", "letter", "diode", "departures", "trips", "stops"):
        session = session_with(name)
        guard = session.supply.guard
        session.pilot.minus_mv = 0
        while session.coil():
            if name:
                guard.armed = lambda session=session: session.alone(PASS_MS)
            else:
                session.alone(PASS_MS)
            session.supply.step(session.now)
        duties = session.duties(1000)
        assert session.supply.faults == ("DiodeFault",), name
        assert duties.count(0) * STEP_MS >= 300, name


def test_a_trip_under_load_has_state_f_whenever_the_main_loop_looks():
    for name in (None, "closed", "letter", "trips", "stops"):
        for steps_between in (0, 1):
            rcd = FakeRcd()
            session = session_with(name, rcd, False)
            guard = session.supply.guard
            rcd.trip = True
            if name:
                guard.armed = lambda session=session: session.alone(PASS_MS)
            else:
                session.alone(PASS_MS)
                assert not session.coil()
            for _ in range(steps_between):
                session.supply.step(session.now)
            if name:
                session.supply.step(session.now)
                assert not session.coil()
            duties = session.duties(1000)
            assert session.supply.faults == ("RcdTrip",) and guard.openings == 1, (name, steps_between)
            assert duties.count(0) * STEP_MS >= 300, (name, steps_between)


def test_one_read_of_the_rcd_leaves_the_session_alone():
    rcd = FakeRcd()
    session = session_with(None, rcd)
    rcd.trip = True
    session.alone(PASS_MS)
    assert not session.coil()
    session.supply.step(session.now)
    rcd.trip = False
    session.run(1000)
    assert session.supply.faults == () and session.supply.latched == 0
    assert session.run(4000, session.coil)


def test_a_wire_that_picks_up_the_contactors_own_noise_does_not_wear_it_out():
    """A spike of one pass, 0.1 s after each closing: nothing latches, and the rests grow."""
    rcd = FakeRcd()
    session = Session(rcd, socket=False)
    closings = since = 0
    for _ in range(600000 // STEP_MS):
        for _ in range(STEP_MS // PASS_MS):
            was = session.coil()
            rcd.trip = was and since >= 100
            session.alone(PASS_MS)
            rcd.trip = False
            since = since + PASS_MS if session.coil() else 0
            closings += session.coil() and not was
        session.supply.step(session.now)
    assert session.supply.faults == () and 3 <= closings <= 10, closings


def test_a_short_under_load_that_begins_as_something_else_has_state_f_and_its_bar():
    for first in ((A, A), (B, B), (D, D), (A, D)):
        session = Session(socket=False)
        session.pilot.script = list(first)
        session.pilot.car_mv = E
        duties = session.duties(700)
        assert not session.coil() and duties.count(0) * STEP_MS >= 300, first
        session.pilot.car_mv = C
        assert not session.run(29000, session.coil), first
        assert session.run(5000, session.coil), first
