# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Charging profiles with numberPhases on a board that can leave L2 and L3 off: a real supply under a real
station, a car, and what is offered in total at every step."""

from evse.supply import Supply
from hal.ticks import ticks_add, ticks_diff
from host_tests.unit.evse_rig import A, FakeHardware, FakePhaseSwitch, FakePilotSwitch
from host_tests.unit.quirk_cars import BmwIx3
from host_tests.unit.rig import MemoryRecord
from host_tests.unit.smart_rig import NOW_S, SmartRig, profile
from station import metering

STEP_MS = 20
OFFERED = ("Current.Offered", "Power.Offered")


class PhaseRig(SmartRig):
    """events   what has changed, and when: (milliseconds, what, value)
    most_w      more than that must not be offered, nor drawn; None: nobody says
    """

    def __init__(self, hardware=None, **more):
        if hardware is None:
            hardware = FakeHardware()
            hardware.pilot_switch = FakePilotSwitch(hardware.pilot)
            hardware.phase_switch = FakePhaseSwitch()
        self.hardware = hardware
        self.car = BmwIx3()  # it minds a pilot that is away for less than 45 s
        self.plugged = False
        self.events = []
        self.most_w = None
        self._shown = {}
        SmartRig.__init__(self, hardware={"phase_switch": True}, **more)
        self.began = self.now

    def supply_of(self, connector):
        return Supply(self.hardware, connector)

    def step(self, ms=0):
        said = []
        for _ in range(max(1, ms // STEP_MS)):
            said += self._live()
        return said

    def until(self, holds, ms):
        """What has passed until then, `ms` at the most."""
        passed = 0
        while passed < ms and not holds():
            self._live()
            passed += STEP_MS
        return passed

    def _live(self):
        hardware = self.hardware
        supply = self.supply
        coil = bool(hardware.contactor.coil)
        if self.plugged:
            self.car.step(STEP_MS, hardware.pilot.duty_e4, hardware.pilot_switch.apart, coil)
        hardware.pilot.car_mv = self.car.level_mv() if self.plugged else A
        self.now = ticks_add(self.now, STEP_MS)
        self.clock.advance(self.now)
        supply.guard.tick(self.now)
        supply.step(self.now)
        if self.most_w is not None:
            assert self.offered_w() <= self.most_w, (self.offered_w(), self.most_w, supply.phases)
        self.station.step(self.now)
        self._look("phases", 3 if hardware.phase_switch.told else 1)
        self._look("coil", bool(hardware.contactor.coil))
        self._look("apart", hardware.pilot_switch.apart)
        self._look("offer", supply.offered_da)
        said = self.wire.take()
        for entry in said:
            if entry[0] == "Status" and entry[1] == 1:
                self._look("status", entry[2])
        return said

    def _look(self, what, value):
        if self._shown.get(what) != value:
            self._shown[what] = value
            self.events.append((ticks_diff(self.now, self.began), what, value))

    def offered_w(self):
        """By the feedback, not by what the firmware believes."""
        return self.supply.offered_da * 23 * (3 if self.hardware.phase_switch.told else 1)

    def told(self):
        """Current.Offered and Power.Offered as MeterValues has them."""
        connector = self.station.connectors[0]
        described = self.station.description.connectors[0]
        offered = connector.meter_values.offered(self.supply)
        numbers = metering.numbers(metering.columns(OFFERED, described), None, described, offered)
        return numbers[0] / 10, numbers[1]

    def taken(self):
        """[(what, value), ...] since the last call; `began` is now."""
        events, self.events = self.events, []
        self.began = self.now
        return events

    def charges(self):
        self.step(1000)
        self.plugged = True
        self.step(400)
        self.tag("GOOD")
        assert self.until(lambda: self.car.amps > 0, 12000) < 12000
        self.step(6000)
        self.taken()
        return self.station.connectors[0]


def one_phase(rig):
    return rig.set(1, profile(1, "default", [(0, 16, 1)]))


def test_a_profile_leaves_two_phases_off_and_gives_them_back():
    rig = PhaseRig()
    connector = rig.charges()
    assert rig.told() == (32, 22080) and rig.hardware.phase_switch.told
    assert one_phase(rig) == "Accepted"
    rig.most_w = 3680
    rig.step(90000)
    events = rig.taken()
    assert [event[1:] for event in events if event[1] != "status"] == [
        ("offer", 0),
        ("coil", False),
        ("phases", 1),
        ("apart", True),
        ("apart", False),
        ("offer", 160),
        ("coil", True),
    ], events
    assert [event[2] for event in events if event[1] == "status"] == ["SuspendedEVSE", "Charging"]
    times = {}
    for at_ms, what, value in events:
        times.setdefault((what, value), at_ms)
    assert times["offer", 0] <= 40
    assert times["phases", 1] - times["coil", False] >= 100
    assert 60000 <= times["apart", False] - times["phases", 1] <= 60100
    assert rig.told() == (16, 3680) and rig.supply.phases == 1 and rig.car.amps > 0
    assert connector.transaction is not None and not rig.car.damaged and rig.supply.faults == ()
    rig.most_w = None
    assert rig.clear(id=1) == "Accepted"
    rig.step(90000)
    assert rig.told() == (32, 22080) and rig.supply.phases == 3 and rig.car.amps > 0
    assert not rig.car.damaged
    phases = [event for event in rig.taken() if event[1] == "phases"]
    assert len(phases) == 1 and phases[0][2] == 3


def test_power_offered_is_nothing_on_the_way():
    rig = PhaseRig()
    rig.charges()
    one_phase(rig)
    found = []
    for _ in range(700):
        rig.step(100)
        if rig.told() not in found:
            found.append(rig.told())
    assert found == [(0, 0), (16, 3680)]


def test_a_remote_start_with_one_phase_has_not_to_wait():
    rig = PhaseRig()
    rig.step(1000)
    rig.plugged = True
    rig.step(1000)
    assert rig.supply.phases == 3
    rig.most_w = 3680
    given = profile(1, "tx", [(0, 16, 1)], kind="Relative", start=None)
    answer = rig.ask("RemoteStartTransaction", idTag="GOOD", connectorId=1, chargingProfile=given)
    assert answer == {"status": "Accepted"}
    assert rig.until(lambda: rig.car.amps > 0, 15000) < 15000
    assert rig.told() == (16, 3680) and not rig.car.damaged
    # It ends with the transaction: the next car has all three again.
    rig.most_w = None
    rig.tag("GOOD")
    rig.step(8000)
    rig.plugged = False
    rig.step(12000)
    assert rig.supply.phases == 3 and rig.station.connectors[0].transaction is None


def test_the_first_offer_of_a_remote_start_is_that_of_its_profile():
    rig = PhaseRig()
    rig.step(1000)
    rig.plugged = True
    rig.step(1000)
    rig.most_w = 6900
    given = profile(1, "tx", [(0, 10)], kind="Relative", start=None)
    answer = rig.ask("RemoteStartTransaction", idTag="GOOD", connectorId=1, chargingProfile=given)
    assert answer == {"status": "Accepted"}
    assert rig.until(lambda: rig.told() == (10, 6900), 1000) < 1000  # no 5 s of more before it


def test_watts_of_one_phase_never_meet_three():
    """6.9 kW with numberPhases 1 is 30 A, with 3 it is 10 A: the same total, changed at any moment."""
    rig = PhaseRig()
    rig.charges()
    rig.set(1, profile(1, "default", [(0, 6900, 3)], unit="W"))
    rig.step(6000)
    rig.most_w = 6900
    rng = 7
    for count in range(16):
        phases = 1 if count % 2 else 3
        assert rig.set(1, profile(1, "default", [(0, 6900, phases)], unit="W")) == "Accepted"
        rng = (rng * 75 + 74) % 65537
        # Mostly within a wait, now and then in its last moments, and sometimes after it.
        rig.step((100, 700, 5000, 11000, 60000 + rng % 500, 70000)[rng % 6])
    rig.step(75000)
    assert rig.told() == (30, 6900) and rig.supply.phases == 1 and not rig.car.damaged


def test_periods_that_change_the_phases():
    rig = PhaseRig()
    rig.charges()
    rows = [(0, 3680, 1), (70, 0), (75, 3680, 1), (80, 6900), (150, 2300)]
    begun_s = rig.clock.utc_ms // 1000
    given = profile(1, "default", rows, unit="W", start=begun_s - NOW_S)
    assert rig.set(1, given) == "Accepted"
    moves = []
    was = rig.hardware.phase_switch.told
    for _ in range(220 * 50):
        # What the station has put, in this second.
        age_s = rig.clock.utc_ms // 1000 - begun_s
        rig.most_w = [row[1] for row in rows if row[0] <= age_s][-1]
        rig.step()
        if rig.hardware.phase_switch.told != was:
            was = rig.hardware.phase_switch.told
            moves.append((rig.clock.utc_ms // 1000 - begun_s, was))
    # 0 W is a pause, for which nothing moves.
    assert [three for _, three in moves] == [False, True, False], moves
    assert moves[0][0] < 5 and 80 <= moves[1][0] < 86 and 150 <= moves[2][0] < 156, moves
    assert rig.told() == (10, 2300)


def test_a_second_contactor_that_does_not_follow_is_told_and_a_car_that_leaves_is_seen():
    rig = PhaseRig()
    connector = rig.charges()
    rig.hardware.phase_switch.stuck = True
    one_phase(rig)
    rig.step(10000)
    assert rig.supply.faults == ("PhaseSwitchFailure",) and connector.status_name == "Faulted"
    assert rig.told() == (0, 0) and connector.transaction is not None
    rig.step(60000)
    rig.plugged = False
    rig.step(20000)
    assert connector.transaction is None and not rig.hardware.contactor.coil


def test_a_power_cut_in_the_wait():
    """A transaction that goes on: the reset has left one phase, the profile wants three, then one."""
    for number_phases in (1, 3):
        records = [MemoryRecord()]
        hardware = None
        rig = PhaseRig(records=records, options={"power_loss": "resume"})
        rig.charges()
        one_phase(rig)
        rig.step(20000)
        hardware = rig.hardware
        hardware.phase_switch.told = False
        hardware.pilot_switch.disconnect(False)
        after = PhaseRig(hardware, records=records, start_ticks=rig.now, options={"power_loss": "resume"})
        after.plugged = True
        after.car = BmwIx3()
        if number_phases == 1:
            one_phase(after)  # kept on flash: it is known before the first step
        after.station.recover(after.now)
        after.most_w = 3680 if number_phases == 1 else None
        passed = after.until(lambda: after.car.amps > 0, 90000)  # noqa: B023
        connector = after.station.connectors[0]
        assert connector.transaction is not None and not after.car.damaged
        if number_phases == 1:
            assert passed < 15000 and after.supply.phases == 1
        else:
            # Nobody knows with how many phases the car has charged.
            assert 60000 < passed < 80000 and after.supply.phases == 3


def test_no_memory_for_a_look_gives_no_phase_back():
    from station import charging_limits

    rig = PhaseRig()
    rig.charges()
    assert rig.set(1, profile(1, "default", [(0, 2300)], unit="W")) == "Accepted"
    rig.most_w = 2300
    rig.step(75000)
    assert rig.told() == (10, 2300)
    compose = charging_limits.compose

    def fails(*arguments):
        raise MemoryError

    charging_limits.compose = fails
    try:
        rig.station.clock_moved()
        rig.step(6000)
        assert rig.told() == (6, 1380)
    finally:
        charging_limits.compose = compose
    rig.step(7000)
    assert rig.told() == (10, 2300)
    assert [event for event in rig.taken() if event[1] == "phases"][1:] == []
