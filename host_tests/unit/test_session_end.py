# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""How a session goes on and ends: tags, remote, refusals, faults, resets."""

from host_tests.unit.power_cut import boot, meter
from host_tests.unit.rig import Rig
from station import status as st
from station.authorization import IdTagInfo
from station.transaction import RECORD_MS


def test_same_tag_stops():  # case 068
    rig = Rig()
    rig.charge()
    rig.energy_wh[0] = 1500
    said = rig.tag("GOOD")
    assert ("Stop", 1, "Local", "GOOD", 1500) in said
    assert rig.statuses(said) == ["Finishing"]
    rig.supply.unplug()
    assert rig.step() == [("Status", 1, "Available")]


def test_foreign_tag_without_parent_asks_nobody():  # case 068
    rig = Rig()
    rig.charge()
    assert rig.tag("OTHER") == []
    assert rig.station.connectors[0].transaction is not None


def test_same_parent_stops():  # case 069
    rig = Rig()
    rig.wire.tags = {
        "GOOD": IdTagInfo("Accepted", None, "FLEET"),
        "OTHER": IdTagInfo("Accepted", None, "FLEET"),
    }
    rig.charge()
    said = rig.tag("OTHER")
    assert said[0] == ("Authorize", "OTHER")
    assert ("Stop", 1, "Local", "OTHER", 1000) in said


def test_parent_learned_from_start_transaction():
    rig = Rig()
    connector = rig.charge()
    rig.wire.tags["OTHER"] = IdTagInfo("Accepted", None, "FLEET")
    connector.start_confirmed(connector.transaction.number, 7, IdTagInfo("Accepted", None, "FLEET"))
    assert ("Stop", 1, "Local", "OTHER", 1000) in rig.tag("OTHER")


def test_another_parent_does_not_stop():
    rig = Rig()
    rig.wire.tags = {
        "GOOD": IdTagInfo("Accepted", None, "FLEET"),
        "OTHER": IdTagInfo("Accepted", None, "CLUB"),
    }
    rig.charge()
    assert rig.tag("OTHER") == [("Authorize", "OTHER")]
    assert rig.station.connectors[0].transaction is not None


def test_remote_stop():  # cases 012, 028
    rig = Rig()
    connector = rig.charge()
    connector.start_confirmed(connector.transaction.number, 7, IdTagInfo("Accepted"))
    assert rig.station.admission.remote_stop(8)[0] == "Rejected"
    status, end = rig.station.admission.remote_stop(7)
    assert status == "Accepted"
    assert rig.wire.said == []
    end()
    assert ("Stop", 1, "Remote", None, 1000) in rig.step()
    assert rig.station.admission.remote_stop(7)[0] == "Rejected"


def test_the_bill_waits_for_the_contactor():
    rig = Rig()
    rig.charge()
    rig.supply.slow_car = True
    assert rig.tag("GOOD") == []
    assert not rig.supply.permitted
    assert rig.step(2000) == []
    rig.energy_wh[0] = 1003  # what flowed while the car ramped down
    rig.supply.slow_car = False
    said = rig.step(20)
    assert ("Stop", 1, "Local", "GOOD", 1003) in said


def test_a_welded_contactor_does_not_keep_the_bill_open():
    rig = Rig()
    rig.charge()
    rig.supply.slow_car = True
    rig.tag("GOOD")
    said = rig.step(9000)
    assert ("Stop", 1, "Local", "GOOD", 1000) in said


def test_only_one_stop():
    rig = Rig()
    connector = rig.charge()
    rig.supply.slow_car = True
    rig.tag("GOOD")
    rig.tag("GOOD")
    connector.stop("Remote", None, rig.now)
    rig.supply.unplug()
    said = rig.step(1000)
    assert len([entry for entry in said if entry[0] == "Stop"]) == 1


def test_silent_meter_bills_the_last_known_value():
    rig = Rig()
    connector = rig.charge()
    rig.energy_wh[0] = 1800
    rig._read_meter(1, lambda reading, now: connector.metered(reading))
    rig.meter_silent = True
    assert ("Stop", 1, "Local", "GOOD", 1800) in rig.tag("GOOD")


def test_the_first_aligned_interval_is_complete():  # case 071
    rig = Rig(MeterValuesAlignedData="Energy.Active.Import.Interval", MeterValueSampleInterval="0")
    connector = rig.charge()
    rig._read_meter(1, lambda reading, now: connector.metered(reading))
    rig.step(100)
    for energy_wh, interval_s in ((1004, 60), (1009, 60), (1010, 3600)):
        rig.config.change("ClockAlignedDataInterval", str(interval_s))
        rig.step(100)
        before_wh = rig.energy_wh[0]
        rig.energy_wh[0] = energy_wh
        assert [entry[0] for entry in rig.step(interval_s * 1000)] == ["Meter"]
        assert [value["value"] for value in rig.wire.last_values] == [str(energy_wh - before_wh)]


def test_energy_never_goes_backwards():
    rig = Rig()
    rig.charge()
    rig.energy_wh[0] = 3  # the meter was swapped
    rig._read_meter(1, lambda reading, now: rig.station.connectors[0].metered(reading))
    assert rig.station.connectors[0].reading.energy_wh == 1000  # what samples show
    assert ("Stop", 1, "Local", "GOOD", 1000) in rig.tag("GOOD")
    assert ("Start", 1, "GOOD", 3) in rig.tag("GOOD") + rig.step(20)  # the next session counts by the new one


def test_refused_at_start_stops():  # case 037_3
    rig = Rig(StopTransactionOnInvalidId="true", MaxEnergyOnInvalidId="0")
    connector = rig.charge()
    connector.start_confirmed(connector.transaction.number, 7, IdTagInfo("Blocked"))
    said = rig.step(20)
    assert ("Stop", 1, "DeAuthorized", None, 1000) in said
    assert rig.statuses(said) == ["Finishing"]


def test_refused_at_start_suspends():  # case 037_2
    rig = Rig(StopTransactionOnInvalidId="false", MaxEnergyOnInvalidId="0")
    connector = rig.charge()
    connector.start_confirmed(connector.transaction.number, 7, IdTagInfo("Invalid"))
    assert rig.step(20) == [("Status", 1, "SuspendedEVSE")]
    assert not rig.supply.permitted
    assert rig.step(50000) == []
    assert ("Stop", 1, "Local", "GOOD", 1000) in rig.tag("GOOD")


def test_refused_at_start_may_take_some_energy():
    rig = Rig(StopTransactionOnInvalidId="false", MaxEnergyOnInvalidId="500")
    connector = rig.charge()
    connector.start_confirmed(connector.transaction.number, 7, IdTagInfo("Invalid"))
    assert rig.step(1000) == []
    rig.energy_wh[0] = 1499
    rig._read_meter(1, lambda reading, now: connector.metered(reading))
    assert rig.step(100) == []
    rig.energy_wh[0] = 1500
    rig._read_meter(1, lambda reading, now: connector.metered(reading))
    assert rig.step(100) == [("Status", 1, "SuspendedEVSE")]


def test_what_a_refused_tag_may_still_take_is_given_after_a_power_cut_too():
    for stops in ("true", "false"):
        keys = {"StopTransactionOnInvalidId": stops, "MaxEnergyOnInvalidId": "500"}
        rig = Rig(**keys)
        connector = rig.charge()
        connector.start_confirmed(connector.transaction.number, 7, IdTagInfo("Invalid"))
        meter(rig, 1300)
        rig.step(RECORD_MS + 1000)
        after = boot(rig, 1300, resume=True, **keys)
        after.supply.plug(asking=True)
        after.step(1000)
        assert after.supply.permitted
        assert after.station.connectors[0].status_name == "Charging"
        meter(after, 1500)
        said = after.step(100)
        assert (("Stop", 1, "DeAuthorized", None, 1500) in said) is (stops == "true")
        assert not after.supply.permitted
        if stops == "false":
            after.step(RECORD_MS + 1000)
            again = boot(after, 1500, resume=True, **keys)
            again.supply.plug(asking=True)
            again.step(6000)
            assert not again.supply.permitted
            assert again.station.connectors[0].status_name == "SuspendedEVSE"


def test_answer_for_a_past_transaction_changes_nothing():
    rig = Rig()
    connector = rig.charge()
    number = connector.transaction.number
    rig.tag("GOOD")
    rig.tag("GOOD")  # a new one
    rig.step(100)
    assert connector.transaction is not None
    connector.start_confirmed(number, 7, IdTagInfo("Invalid"))
    assert connector.transaction.transaction_id is None
    assert connector.transaction.refused_at_wh is None


def test_suspended_by_the_car_and_by_us():
    rig = Rig()
    rig.charge()
    rig.supply.asking = False
    assert rig.step(280) == []  # it may be gone: that is known in a moment
    assert rig.step(40) == [("Status", 1, "SuspendedEV")]
    rig.supply.limit_da = 0
    assert rig.step(20) == [("Status", 1, "SuspendedEVSE")]
    rig.supply.limit_da = 160
    assert rig.step(4000) == []  # the car has some seconds to follow the offer
    assert rig.step(2000) == [("Status", 1, "SuspendedEV")]
    rig.supply.asking = True
    assert rig.step(20) == [("Status", 1, "Charging")]


def test_a_car_that_never_asks():
    rig = Rig()
    rig.supply.plug()
    rig.step()
    rig.tag("GOOD")
    assert rig.step(4800) == []
    assert rig.step(400) == [("Status", 1, "SuspendedEV")]


def test_fault_while_charging_suspends_and_goes_on():
    rig = Rig()
    rig.charge()
    rig.supply.faults = ("OverTemperature",)
    assert rig.step(20) == [("Status", 1, "Faulted")]
    assert rig.wire.last_report[1] == "HighTemperature"
    rig.supply.asking = False  # the car sees no offer any more
    assert rig.step(20000) == []
    rig.supply.faults = ()
    assert rig.step(20) == [("Status", 1, "Charging")]  # the state of before, while the car takes its time
    rig.supply.asking = True
    assert rig.step(10000) == []
    rig.supply.faults = ("OverTemperature",)
    rig.supply.asking = False
    assert rig.step(20) == [("Status", 1, "Faulted")]
    rig.supply.faults = ()
    assert rig.step(4900) == [("Status", 1, "Charging")]
    assert rig.step(200) == [("Status", 1, "SuspendedEV")]


def test_a_warning_that_forbids_energy_suspends_by_us():
    rig = Rig()
    rig.charge()
    rig.supply.faults = ("VentilationRequired",)
    assert rig.step(20) == [("Status", 1, "SuspendedEVSE")]
    assert rig.wire.last_report[1] == "EVCommunicationError"


def test_what_is_said_of_the_car_stands_beside_few_statuses():
    """Section 4.9: beside Preparing, SuspendedEV, SuspendedEVSE and Finishing, and no other."""
    rig = Rig()
    rig.step()
    rig.supply.faults = ("InvalidVehicleMode",)
    assert rig.step(20) == []
    rig.supply.plug()
    rig.step(20)
    assert rig.wire.last_report[:2] == ("Preparing", "EVCommunicationError")
    charging = st.plain(st.CHARGING)
    assert st.warned(charging, "InvalidVehicleMode") == charging  # while the contactor takes its time
    assert st.warned(charging, "WeakSignal")[1] == "WeakSignal"


def test_a_warning_that_has_gone_is_not_told_any_more():
    rig = Rig()
    rig.step()
    rig.supply.plug()
    rig.supply.faults = ("WeakSignal",)
    rig.step()
    rig.tag("GOOD")
    assert rig.wire.last_report[:2] == ("Preparing", "WeakSignal")
    rig.supply.faults = ()
    rig.step(100)
    assert rig.wire.last_report[:2] == ("Preparing", "NoError")


def test_a_fault_that_leaves_with_the_car():
    rig = Rig()
    rig.supply.plug()
    rig.step()
    rig.tag("GOOD")
    rig.supply.faults = ("DiodeFault",)
    rig.step(100)
    rig.held_readings = []
    rig.supply.unplug()
    rig.supply.faults = ()
    assert rig.step(100) == []  # nothing in between
    rig.held_readings[0]()
    said = rig.step()
    assert said == [("Stop", 1, "EVDisconnected", None, 1000), ("Status", 1, "Available")]


def test_emergency_stop_ends_the_transaction():
    rig = Rig()
    rig.charge()
    rig.station.step(rig.now, ("EmergencyStop",))
    rig.supply.faults = ("EmergencyStop",)
    said = rig.step(20)
    assert [entry for entry in rig.wire.said + said if entry[0] == "Stop" and entry[2] == "EmergencyStop"], (
        said
    )


def test_minimum_status_duration_swallows_what_does_not_last():
    rig = Rig(MinimumStatusDuration="2")
    rig.step()
    rig.supply.plug()
    assert rig.step(1000) == []
    rig.supply.unplug()
    assert rig.step(5000) == []
    rig.supply.plug()
    assert rig.step(1900) == []
    assert rig.step(200) == [("Status", 1, "Preparing")]


def test_reset_ends_transactions():  # cases 015, 016
    for kind, reason, limit_ms in (
        ("Hard", "HardReset", 8000),
        ("Soft", "SoftReset", 15000),
        ("Reboot", "Reboot", 8000),
    ):
        rig = Rig()
        rig.charge()
        rig.station.close(kind)
        said = rig.step()
        assert ("Stop", 1, reason, None, 1000) in said
        assert rig.statuses(said) == ["Finishing"]
        assert rig.station.closed(told=True)
        assert rig.tag("GOOD") == []
        rig.step(limit_ms - 200)
        assert not rig.station.closed(told=False)
        rig.step(300)
        assert rig.station.closed(told=False)


def test_nobody_is_let_in_by_an_answer_that_comes_while_it_closes():
    rig = Rig()
    rig.supply.plug()
    rig.step()
    rig.wire.waiting = []
    rig.tag("GOOD")
    rig.station.close("Soft")
    rig.wire.waiting.pop()()
    assert rig.step(3000) == []
    rig = Rig()
    rig.wire.waiting = []
    _, begin = rig.station.admission.remote_start("GOOD", 1, rig.now)
    begin()
    rig.station.close("Hard")
    rig.wire.waiting.pop()()
    rig.supply.plug(asking=True)
    assert [entry for entry in rig.step(3000) if entry[0] == "Start"] == []
    assert rig.station.closed(told=True)


def test_the_record_stays_until_the_stop_is_on_flash():
    rig = Rig()
    rig.charge()
    rig.wire.disk_full = True
    assert ("Stop", 1, "Local", "GOOD", 1000) in rig.tag("GOOD")
    assert rig.records[0].value is not None
