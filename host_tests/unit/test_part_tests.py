# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""An installer's test of the parts of a connector: what passes, what each broken part shows, and that nothing
has voltage for longer than a second, nor when a car is there."""

from evse.part_tests import ABSENT, FAIL, PASS, SKIPPED, PartTests
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import (
    SOCKET,
    STEP_MS,
    A,
    B,
    C,
    Desk,
    FakeHardware,
    FakePhaseSwitch,
    FakePilotSwitch,
    FakeRcd,
)

ALL = ("pilot +12 V", "pilot -12 V", "proximity", "lock", "RCD", "contactor", "faults")


class Bench:
    """A desk whose supply has found out how things are, and a test on it."""

    def __init__(self, desk, contactor=True):
        self.desk = desk
        desk.run(4000)  # the RCD's own test
        self.results = []
        self.closed_ms = 0
        self.test = PartTests(desk.supply, contactor, self.results)

    def run(self, most_ms=30000, meanwhile=None):
        """To its end."""
        desk = self.desk
        began = desk.now
        while self.test.step(desk.now):
            desk.run(STEP_MS)
            self.closed_ms += STEP_MS if desk.supply.guard.closed else 0
            if meanwhile is not None:
                meanwhile()
            assert (desk.now - began) & 0x3FFFFFFF < most_ms, self.results
        desk.run(1500)
        supply = desk.supply
        assert supply.trial is None and not supply.guard.closed and supply.duty_e4 == 10000
        return {name: (verdict, text) for name, verdict, text in self.results}


def fake(socket=False):
    hardware = FakeHardware(socket)
    hardware.rcd = FakeRcd()
    return hardware


def simulated():
    return Desk(rated_da=320, **SOCKET)


def only(found, name, verdict, text):
    """That one, and the rest as it should be."""
    assert found[name][0] == verdict and text in found[name][1], found
    for other, (what, _) in found.items():
        assert other in (name, "faults") or what in (PASS, ABSENT), found


def test_all_is_well():
    bench = Bench(simulated())
    found = bench.run()
    assert tuple(name for name, _, _ in bench.results) == ALL
    assert all(found[name][0] == PASS for name in ALL if name != "RCD"), found
    assert found["pilot +12 V"][1] == "12000 mV, 11400 to 12600 wanted"
    assert found["lock"][1].startswith("locked in ") and found["faults"][1] == "none"
    assert 300 <= bench.closed_ms <= 1000, bench.closed_ms
    # And the charger charges as ever.
    bench.desk.charge()


def test_of_a_fixed_cable_without_rcd():
    found = Bench(Desk(FakeHardware())).run()
    assert found["proximity"][0] == found["lock"][0] == found["RCD"][0] == ABSENT
    assert found["contactor"][0] == PASS


def test_the_contactor_is_closed_only_when_somebody_says_so():
    bench = Bench(simulated(), contactor=False)
    found = bench.run()
    assert found["contactor"][0] == SKIPPED and bench.closed_ms == 0


def test_a_pilot_that_is_off():
    hardware = fake()
    hardware.pilot.read = lambda: (11300, 11300) if hardware.pilot.duty_e4 else (-12700, -12700)
    found = Bench(Desk(hardware)).run()
    assert found["pilot +12 V"] == (FAIL, "11300 mV, 11400 to 12600 wanted")
    assert found["pilot -12 V"] == (FAIL, "-12700 mV, -12600 to -11400 wanted")


def test_a_contactor_that_is_welded_or_stays_open():
    hardware = fake()
    desk = Desk(hardware)
    bench = Bench(desk)

    def weld():
        if hardware.contactor.coil:
            hardware.contactor.welded = True

    found = bench.run(meanwhile=weld)
    only(found, "contactor", FAIL, "welded")
    assert "ContactorWelded" in found["faults"][1] and "ContactorWelded" in desk.supply.faults
    found = Bench(desk).run()
    assert found["RCD"][0] == SKIPPED
    assert found["contactor"] == (FAIL, "closed, and was told to be open")

    hardware = fake()
    hardware.contactor.welded = False
    bench = Bench(Desk(hardware))
    found = bench.run()
    only(found, "contactor", FAIL, "not closed after 500 ms")
    assert bench.closed_ms <= 1000

    hardware = fake()
    hardware.contactor.has_feedback = False
    bench = Bench(Desk(hardware))
    assert bench.run()["contactor"][0] == ABSENT and bench.closed_ms == 0


def test_a_lock_that_does_not_move():
    hardware = fake(socket=True)
    hardware.lock.stuck = True
    only(Bench(Desk(hardware)).run(), "lock", FAIL, "not locked after 2000 ms")
    assert hardware.lock.told is False

    hardware = fake(socket=True)
    bench = Bench(Desk(hardware))

    def jam():
        hardware.lock.stuck = hardware.lock.bolt

    found = bench.run(meanwhile=jam)
    assert found["lock"] == (FAIL, "not free after 2000 ms"), found
    # It blocks, and so the contactor is not tried.
    assert found["contactor"] == (FAIL, "not closed: ConnectorLockFailure")

    hardware = fake(socket=True)
    bench = Bench(Desk(hardware))
    hardware.lock.bolt = True
    assert bench.run()["lock"] == (FAIL, "locked with no plug in it")


def test_an_rcd_that_does_not_trip_or_has_tripped():
    hardware = fake()
    bench = Bench(Desk(hardware))
    hardware.rcd.deaf = True
    found = bench.run()
    assert found["RCD"] == (FAIL, "its test does not trip it, or it stays tripped")
    assert "RcdSelfTest" in found["contactor"][1] and bench.closed_ms == 0

    hardware = fake()
    bench = Bench(Desk(hardware))
    tests = hardware.rcd.tests
    hardware.rcd.trip = True
    bench.desk.run(200)
    found = bench.run()
    assert found["RCD"] == (FAIL, "it has tripped before the test") and hardware.rcd.tests == tests
    assert "RcdTrip" in found["contactor"][1] and bench.closed_ms == 0

    hardware = fake()
    hardware.rcd.testable = False
    assert Bench(Desk(hardware)).run()["RCD"] == (ABSENT, "no test input: press its own button")


def test_it_is_not_begun_where_somebody_charges_or_a_plug_is():
    desk = simulated()
    desk.charge()
    bench = Bench(desk)
    assert not bench.test.step(desk.now)
    assert bench.results == [("parts", FAIL, "not tried: somebody charges")]
    assert desk.supply.energised and desk.supply.trial is None

    for spoil, why in (
        (
            lambda hardware: setattr(hardware.pilot, "car_mv", B),
            "not tried: something is plugged in, the pilot is in state B",
        ),
        (lambda hardware: setattr(hardware.proximity, "ohm", 220), "not tried: a plug is in the socket"),
    ):
        hardware = fake(socket=True)
        spoil(hardware)
        desk = Desk(hardware)
        desk.run(2000)
        bench = Bench(desk)
        assert not bench.test.step(desk.now) and bench.results[0] == ("parts", FAIL, why), bench.results


def test_each_thing_that_hinders_it_does_so_alone():
    """The station gives energy and nothing is closed yet; a car or a plug that only one of two has seen."""

    def permitted(desk):
        desk.supply.permit(True)

    def closed(desk):
        desk.supply.guard.closed = True

    def plugged(desk):
        desk.supply.plugged = True

    def car(desk):
        desk.supply.guard.letter = "B"

    def cable(desk):
        desk.supply.cable = True

    def plug(desk):
        desk.hardware.proximity.ohm = 220

    for hinder, why in (
        (permitted, "somebody charges"),
        (closed, "somebody charges"),
        (plugged, "something is plugged in"),
        (car, "something is plugged in"),
        (cable, "a plug is in the socket"),
        (plug, "a plug is in the socket"),
    ):
        desk = Desk(fake(socket=True))
        bench = Bench(desk)
        hinder(desk)
        assert not bench.test.step(desk.now) and desk.supply.trial is None, hinder
        ((name, verdict, text),) = bench.results
        assert (name, verdict) == ("parts", FAIL) and text.startswith("not tried: " + why), text


def closing(bench):
    """As far as the contactor being closed."""
    while not bench.desk.supply.guard.closed:
        assert bench.test.step(bench.desk.now), bench.results
        bench.desk.run(STEP_MS)


def test_whatever_comes_opens_and_stays_open():
    def car(desk):
        desk.hardware.pilot.car_mv = C

    def trip(desk):
        desk.hardware.rcd.trip = True

    def stop(desk):
        desk.signals = ("EmergencyStop",)

    def power(desk):
        desk.supply.report("PowerLoss", True)

    def given(desk):
        desk.supply.permit(True)

    def restart(desk):
        desk.supply.emergency_open()

    def plug(desk):
        desk.hardware.proximity.ohm = 220

    for event in (car, trip, stop, power, given, restart, plug):
        hardware = fake(socket=True)
        bench = Bench(Desk(hardware))
        closing(bench)
        event(bench.desk)
        for _ in range(3):
            bench.test.step(bench.desk.now)
            bench.desk.run(STEP_MS)
        assert not hardware.contactor.coil, event
        moves = hardware.contactor.moves
        for _ in range(200):
            if not bench.test.step(bench.desk.now):
                break
            bench.desk.run(STEP_MS)
        assert hardware.contactor.moves == moves, event
        assert bench.desk.supply.trial is None
        assert any(verdict == FAIL for _, verdict, _ in bench.results), (event, bench.results)


def test_the_guard_alone_opens_at_one_sample_and_after_its_time():
    hardware = fake()
    bench = Bench(Desk(hardware))
    closing(bench)
    hardware.pilot.car_mv = B
    bench.desk.now = ticks_add(bench.desk.now, 1)
    bench.desk.supply.guard.tick(bench.desk.now)
    assert not hardware.contactor.coil

    # The main loop is away: nobody repeats the wish.
    hardware = fake()
    bench = Bench(Desk(hardware))
    closing(bench)
    passed = 0
    while hardware.contactor.coil:
        bench.desk.now = ticks_add(bench.desk.now, STEP_MS)
        bench.desk.supply.guard.tick(bench.desk.now)
        passed += STEP_MS
        assert passed <= 1000, "closed for ever"

    # It repeats the wish for ever.
    hardware = fake()
    bench = Bench(Desk(hardware))
    closing(bench)
    assert bench.desk.run(3000, lambda: not hardware.contactor.coil) <= 1600
    assert bench.desk.run(3000, lambda: hardware.contactor.coil) >= 3000


def test_the_guard_exercises_nothing_while_it_is_closed_or_not_in_a():
    desk = simulated()
    desk.charge()
    guard = desk.supply.guard
    guard.exercise(True)
    desk.run(3000)
    assert guard.closed and desk.hardware.car.current_ma > 0

    hardware = fake()
    hardware.pilot.car_mv = C
    desk = Desk(hardware)
    desk.run(1000)
    guard = desk.supply.guard
    guard.exercise(True)
    for _ in range(50):
        guard.ask(True, guard.openings)
        desk.now = ticks_add(desk.now, STEP_MS)
        guard.tick(desk.now)
        assert not guard.closed


def test_the_pilot_stays_on_the_line_and_the_phases_where_they_are():
    hardware = fake()
    hardware.pilot_switch = FakePilotSwitch(hardware.pilot)
    hardware.phase_switch = FakePhaseSwitch()
    bench = Bench(Desk(hardware))
    drives = hardware.phase_switch.drives

    def look():
        assert not hardware.pilot_switch.apart
        assert hardware.phase_switch.drives == drives

    found = bench.run(meanwhile=look)
    assert found["contactor"][0] == PASS, found


def test_a_car_that_comes_in_the_middle_charges_afterwards():
    desk = simulated()
    bench = Bench(desk)
    for _ in range(20):
        bench.test.step(desk.now)
        desk.run(STEP_MS)
    desk.hardware.plug()
    while bench.test.step(desk.now):
        desk.run(STEP_MS)
    name, verdict, text = bench.results[-1]
    assert (name, verdict) == ("parts", FAIL) and text.startswith("stopped: a "), bench.results
    desk.supply.permit(True)
    assert desk.run(8000, lambda: desk.supply.energised) < 8000


def test_what_the_guard_has_opened_for_one_sample_stays_open():
    hardware = fake()
    bench = Bench(Desk(hardware))
    closing(bench)
    moves = hardware.contactor.moves
    hardware.pilot.car_mv = B
    bench.desk.run(STEP_MS)
    hardware.pilot.car_mv = A
    found = bench.run()
    assert hardware.contactor.moves == moves + 1
    assert found["contactor"][0] == FAIL and found["contactor"][1].startswith("the guard has opened it")


def test_a_car_at_a_fixed_cable_ends_it():
    hardware = fake()
    bench = Bench(Desk(hardware))
    for _ in range(60):
        assert bench.test.step(bench.desk.now)
        bench.desk.run(STEP_MS)
    hardware.pilot.car_mv = B
    bench.run()
    assert bench.results[-1] == ("parts", FAIL, "stopped: a car came, the pilot is in state B")
    assert bench.closed_ms == 0
