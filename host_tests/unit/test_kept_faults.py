# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""station.kept_faults: what a technician has not acknowledged is there after a power cut."""

from evse import faults
from hal.ticks import ticks_add
from host_tests.unit.evse_rig import START, Desk
from host_tests.unit.rig import MemoryRecord, ScriptedSupply
from host_tests.unit.scratch import Scratch
from station.kept_faults import KeptFaults
from store.record import Record

TRIP = faults.bit("RcdTrip")


def supplies():
    return [ScriptedSupply(1, False), ScriptedSupply(2, False)]


def test_nothing_is_written_while_nothing_latches():
    record = MemoryRecord()
    kept = KeptFaults(record, supplies())
    for count in range(100):
        kept.keep(ticks_add(START, 20 * count))
    assert record.saves == 0


def test_each_change_is_written_once():
    record = MemoryRecord()
    two = supplies()
    kept = KeptFaults(record, two)
    two[1].latched = TRIP
    for count in range(100):
        kept.keep(ticks_add(START, 20 * count))
    assert record.saves == 1 and record.value == [[], ["RcdTrip"]]
    again = supplies()
    KeptFaults(record, again)
    assert [supply.latched for supply in again] == [0, TRIP]
    two[1].latched = 0
    kept.keep(START)
    assert record.saves == 2 and record.value == [[], []]


def test_a_flash_that_fails_is_tried_again_later():
    class Failing(MemoryRecord):
        def save(self, value):
            self.saves += 1
            if self.saves < 3:
                raise OSError(28)
            self.value = value

    record = Failing()
    two = supplies()
    kept = KeptFaults(record, two)
    two[0].latched = TRIP
    for count in range(1500):
        kept.keep(ticks_add(START, 20 * count))
    assert record.saves == 3 and record.value == [["RcdTrip"], []]


def test_a_fault_of_days_later_is_written_after_a_flash_that_failed_once():
    class Failing(MemoryRecord):
        fails = True

        def save(self, value):
            if self.fails:
                raise OSError(28)
            self.value = value

    for days in (1, 7, 10, 12, 20):
        record = Failing()
        two = supplies()
        kept = KeptFaults(record, two)
        two[0].latched = TRIP
        kept.keep(START)
        two[0].latched = 0  # acknowledged before it is tried again
        record.fails = False
        now = START
        for _ in range(days * 24):
            now = ticks_add(now, 3600000)
            kept.keep(now)
        two[0].latched = TRIP
        kept.keep(now)
        assert record.value == [["RcdTrip"], []], days


def test_strange_contents():
    for value in ({}, [1, 2], [[1], "x"], [["Nonsense"], []], [["RcdTrip"]], [[], [], ["RcdTrip"]]):
        two = supplies()
        KeptFaults(MemoryRecord(value), two)
        assert two[1].latched == 0


def test_a_tripped_monitor_stays_so_over_a_power_cut():
    with Scratch() as folder:
        desk = Desk()
        kept = KeptFaults(Record(folder + "/faults", 1), [desk.supply])
        desk.hardware.break_part("RcdTrip")
        desk.run(100)
        desk.hardware.mend_part("RcdTrip")
        kept.keep(desk.now)
        again = Desk()
        kept = KeptFaults(Record(folder + "/faults", 1), [again.supply])
        again.run(1000)
        assert again.supply.faults == ("RcdTrip",)
        again.supply.permit(True)
        again.hardware.plug()
        again.run(9000)
        assert not again.supply.energised
        again.supply.acknowledge()
        again.run(100)
        kept.keep(again.now)
        assert again.supply.faults == ()
        third = Desk()
        KeptFaults(Record(folder + "/faults", 1), [third.supply])
        third.run(100)
        assert third.supply.faults == ()
