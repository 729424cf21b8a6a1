# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""station.load_management: who takes no part for a while and comes back. A supply that may offer again does
so before the station looks at it, and what it offers then stands for 5 s: the limit has to be there before.
"""

from evse.supply import Supply
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import A, B, C, FakeHardware
from host_tests.unit.rig import MemoryRecord
from host_tests.unit.smart_rig import SmartRig, profile


def offered(rig):
    return [supply.offered_da for supply in rig.supplies]


def two_charge(total_a=20, power_loss="stop", **more):
    rig = SmartRig(connectors=2, options={"site_a": total_a, "power_loss": power_loss}, **more)
    rig.charge()
    rig.supplies[1].plug(asking=True)
    rig.step()
    rig.tag("OTHER")
    rig.step(30000)
    assert offered(rig) == [total_a * 5, total_a * 5]
    return rig


def most(rig, ms):
    """The most that was offered at a time."""
    found = 0
    for _ in range(ms // 100):
        rig.step(100)
        found = max(found, sum(offered(rig)))
    return found


def test_a_fault_that_clears_offers_no_more_than_there_is():
    rig = two_charge()
    rig.supply.report("OverTemperature", True)
    rig.step(20000)
    assert offered(rig) == [0, 200] and rig.limits.get("share") == 0
    rig.supply.report("OverTemperature", False)
    assert most(rig, 30000) <= 200
    assert offered(rig) == [100, 100]


def test_transactions_that_go_on_after_a_power_cut_share_from_the_first_offer():
    records = [MemoryRecord(), MemoryRecord()]
    two_charge(power_loss="resume", records=records)
    rig = SmartRig(connectors=2, options={"site_a": 20, "power_loss": "resume"}, records=records)
    rig.station.recover(rig.now)
    assert all(connector.transaction for connector in rig.station.connectors)
    for supply in rig.supplies:
        supply.plug(asking=True)
    assert most(rig, 30000) <= 200
    assert offered(rig) == [100, 100]


def test_after_a_brown_out_they_share_from_the_first_offer():
    rig = two_charge()
    for index in range(200):
        rig.station.watch_power(index < 150, rig.now)
        rig.step(100)
        assert sum(offered(rig)) <= 200, index
        assert index > 150 or not rig.supply.faults or offered(rig) == [0, 0]
    assert most(rig, 30000) <= 200
    assert offered(rig) == [100, 100]


def test_who_cannot_be_offered_anything_is_not_limited():
    rig = two_charge()
    rig.supply.report("OverTemperature", True)
    rig.step(1000)
    rig.station.connectors[0].stop("Local", None, rig.now)
    rig.step(1000)
    assert rig.station.connectors[0].transaction is None and rig.limits.get("share") is None


def test_without_a_total_who_takes_no_part_is_not_limited():
    rig = SmartRig(connectors=2)
    rig.set(0, profile(1, "max", [(0, 20)]))
    rig.charge()
    rig.supply.report("OverTemperature", True)
    rig.step(1000)
    assert rig.limits.get("share") == 0
    assert rig.clear(id=1) == "Accepted"
    assert rig.limits.get("share") is None


class RealRig(SmartRig):
    """With supplies that keep an offer for 5 s, and contactors that weld."""

    def supply_of(self, connector):
        hardware = FakeHardware()
        hardware.number = connector.number
        return Supply(hardware, connector)

    def step(self, ms=20):
        self.run(ms)

    def run(self, ms):
        """The most that was offered at a time."""
        found = 0
        for _ in range(ms // 20):
            self.now = ticks_add(self.now, 20)
            self.clock.advance(self.now)
            for supply in self.supplies:
                pilot = supply.hardware.pilot
                if pilot.car_mv in (B, C):
                    pilot.car_mv = C if supply.offered_da else B
                supply.guard.tick(self.now)
                supply.step(self.now)
            self.station.step(self.now)
            found = max(found, sum(offered(self)))
        return found

    def plug(self, number, tag):
        self.supplies[number - 1].hardware.pilot.car_mv = B
        self.run(1000)
        self.station.tag(tag, None, self.now)
        self.run(1000)


def test_an_offer_after_a_fault_stands_for_five_seconds():
    rig = RealRig(connectors=2, options={"site_a": 20})
    rig.plug(1, "GOOD")
    rig.plug(2, "OTHER")
    rig.run(20000)
    assert 190 <= sum(offered(rig)) <= 200 and all(supply.energised for supply in rig.supplies)
    rig.supply.report("OverTemperature", True)
    rig.run(20000)
    rig.supply.report("OverTemperature", False)
    assert rig.run(20000) <= 200
    assert all(supply.energised for supply in rig.supplies)


def test_a_car_that_comes_back_to_its_transaction_is_offered_no_more_than_there_is():
    keys = {"StopTransactionOnEVSideDisconnect": "false", "UnlockConnectorOnEVSideDisconnect": "false"}
    rig = RealRig(connectors=2, options={"site_a": 20}, **keys)
    rig.plug(1, "GOOD")
    rig.plug(2, "OTHER")
    rig.run(20000)
    pilot = rig.supply.hardware.pilot
    pilot.car_mv = A
    rig.run(20000)
    assert rig.station.connectors[0].transaction is not None and offered(rig) == [0, 200]
    pilot.car_mv = B
    assert rig.run(20000) <= 200
    assert all(supply.energised for supply in rig.supplies)


def beside_a_weld(plugged, later):
    """What the other connector is offered of 40 A. `later`: the total comes when it has welded."""
    rig = RealRig(connectors=2, options={} if later else {"site_a": 40})
    rig.supply.hardware.contactor.welded = True
    if plugged:
        rig.supply.hardware.pilot.car_mv = B
    rig.run(1000)
    if later:
        rig.set(0, profile(1, "max", [(0, 40)]))
    rig.run(30000)
    rig.plug(2, "OTHER")
    rig.run(20000)
    return offered(rig)[1]


def test_what_a_welded_contactor_may_carry_is_kept_also_when_nobody_saw_its_offer():
    for later in (False, True):
        assert beside_a_weld(True, later) == 80  # less what its own limits let the car have, 32 A
        assert beside_a_weld(False, later) == 320


def test_watts_for_one_phase_are_shared_by_those_who_can_switch():
    rig = SmartRig(connectors=2, hardware={"phase_switch": True})
    rig.set(0, profile(1, "max", [(0, 3680)], unit="W"))
    rig.charge()
    rig.step(1000)
    assert rig.composite() == [(0, 16)] and not rig.limits.three
    assert offered(rig) == [160, 0]
    rig.supplies[1].plug(asking=True)
    rig.step()
    rig.tag("OTHER")
    assert most(rig, 30000) <= 160
    assert offered(rig) == [80, 80]


def test_watts_are_shared_as_of_three_phases_where_one_has_to_use_three():
    for name, value in (
        ("phase_switch", False),
        ("nominal_v", 220),
    ):  # of other volts it may be enough for three
        rig = SmartRig(connectors=2, hardware={"phase_switch": True})
        setattr(rig.station.description.connectors[1], name, value)
        rig.set(0, profile(1, "max", [(0, 4000)], unit="W"))
        rig.supply.plug(asking=True)
        rig.step()
        rig.tag("GOOD")
        rig.step(1000)
        assert offered(rig) == [0, 0], name


def test_one_phase_counts_however_much_it_may_carry():
    rig = SmartRig(hardware={"phase_switch": True})
    rig.set(1, profile(1, "default", [(0, 9000000, 1)], unit="W"))
    rig.step(100)
    assert not rig.limits.three
