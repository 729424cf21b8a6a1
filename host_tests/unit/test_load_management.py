# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""station.load_management: connectors that share a ChargePointMaxProfile."""

from host_tests.unit.smart_rig import SmartRig, profile


def shared(rig):
    return [supply.limits.get("share") for supply in rig.supplies]


def offered(rig):
    return [supply.offered_da for supply in rig.supplies]


def both_charge(rig):
    """Two cars, and time for what is shared to settle."""
    rig.charge()
    rig.supplies[1].plug(asking=True)
    rig.step()
    rig.tag("OTHER")
    rig.step(30000)


def test_one_alone_has_it_all():
    rig = SmartRig(connectors=2)
    assert rig.set(0, profile(1, "max", [(0, 20)])) == "Accepted"
    assert shared(rig) == [None, None]  # who takes no part is not limited
    rig.charge()
    rig.step(1000)
    assert shared(rig) == [200, None] and offered(rig) == [200, 0]


def test_two_share_and_never_have_more():
    rig = SmartRig(connectors=2)
    rig.set(0, profile(1, "max", [(0, 20)]))
    rig.charge()
    rig.step(1000)
    rig.supplies[1].plug(asking=True)
    rig.step()
    rig.tag("OTHER")
    sums = []
    for _ in range(100):
        rig.step(100)
        sums.append(sum(offered(rig)))
        if len(sums) < 45:
            assert offered(rig)[1] == 0  # the first one has 5 s to follow
    assert max(sums) <= 200 and offered(rig) == [100, 100]
    assert rig.station.load.why() == "ChargePointMaxProfile 1, level 0"


def test_the_second_waits_suspended_and_then_charges():
    rig = SmartRig(connectors=2)
    rig.set(0, profile(1, "max", [(0, 10)]))
    rig.charge()
    rig.step(1000)
    second = rig.station.connectors[1]
    rig.supplies[1].plug(asking=True)
    rig.step()
    rig.tag("OTHER")
    rig.step(20000)
    assert offered(rig) == [100, 0] and second.status_name == "SuspendedEVSE"
    rig.step(15 * 60000)
    assert offered(rig) == [0, 100] and second.status_name == "Charging"
    rig.station.connectors[1].stop("Local", None, rig.now)
    rig.step(20000)
    assert offered(rig) == [100, 0] and shared(rig) == [100, None]


def test_it_follows_the_profile():
    rig = SmartRig(connectors=2)
    rig.set(0, profile(1, "max", [(0, 40), (60, 20)], duration=120))
    both_charge(rig)
    assert offered(rig) == [200, 200]
    rig.step(30000)
    assert sum(offered(rig)) <= 200
    rig.step(10000)
    assert offered(rig) == [100, 100]
    rig.step(60000)
    assert shared(rig) == [None, None] and offered(rig) == [320, 320]


def test_the_least_of_a_car_is_minded():
    rig = SmartRig(connectors=2)
    rig.set(0, profile(1, "max", [(0, 16)]))
    rig.set(1, profile(2, "default", [(0, 32)], least=10))
    rig.set(2, profile(3, "default", [(0, 32)], least=10))
    both_charge(rig)
    assert sorted(offered(rig)) == [0, 160]


def test_watts_are_shared_as_of_three_phases():
    rig = SmartRig(connectors=2)
    rig.set(0, profile(1, "max", [(0, 13800)], unit="W"))
    both_charge(rig)
    assert offered(rig) == [100, 100]


def test_the_limit_is_there_before_the_first_offer():
    rig = SmartRig(connectors=2)
    rig.set(0, profile(1, "max", [(0, 20)]))
    rig.charge()
    rig.step(1000)
    rig.supplies[1].plug(asking=True)
    rig.step()
    rig.station.tag("OTHER", None, rig.now)
    # The supply is stepped before the station: what it offers now stands for 5 s.
    assert rig.supplies[1].permitted and shared(rig) == [100, 0]


def test_a_fault_gives_the_share_to_the_others():
    rig = SmartRig(connectors=2)
    rig.set(0, profile(1, "max", [(0, 20)]))
    both_charge(rig)
    assert offered(rig) == [100, 100]
    rig.supply.report("OverTemperature", True)
    rig.step(20000)
    assert shared(rig) == [0, 200]


def test_a_site_limit_of_one_connector():
    rig = SmartRig(options={"site_a": 25})
    rig.step()
    assert rig.limits.get("site") == 250 and rig.station.load.why() == "site limit 25.0 A"
    assert rig.composite() == [(0, 32)]  # an hour later it may be another


def test_the_lower_of_site_and_maximum_is_shared():
    rig = SmartRig(connectors=2, options={"site_a": 24})
    both_charge(rig)
    assert offered(rig) == [120, 120] and rig.station.load.why() == "site limit 24.0 A"
    rig.set(0, profile(1, "max", [(0, 20)]))
    rig.step(30000)
    assert offered(rig) == [100, 100] and rig.station.load.why() == "ChargePointMaxProfile 1, level 0"


def test_a_grid_meter():
    from hal.reading import Reading

    rig = SmartRig(options={"site_a": 32, "site_fallback_a": 8, "grid_meter": True})
    rig.step()
    assert rig.limits.get("site") == 80 and rig.station.load.why() == "grid meter silent: 8.0 A"
    for _ in range(10):
        rig.step(1000)
        rig.station.grid_metered(rig.now, Reading(current_ma=(12000, 3000, 0)))
    rig.step()
    assert rig.limits.get("site") == 200 and rig.station.load.why() == "grid meter: 20.0 A left"
    rig.step(6000)
    assert rig.limits.get("site") == 80
