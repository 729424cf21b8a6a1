# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Transaction numbers: never the same twice, also when the count of boots is lost."""

from host_tests.unit.rig import MemoryRecord
from station.charge_point import Numbers


def test_numbers_differ_over_boots():
    record = MemoryRecord()
    seen = []
    for boot in (1, 2, 3):
        numbers = Numbers(record)
        assert numbers.boot == boot
        seen += [numbers.next() for _ in range(3)]
    assert len(set(seen)) == 9


def test_a_lost_count_goes_on_behind_the_last_boot_that_is_known():
    for lost in (None, {}, [], {"boots": "5"}, {"boots": -3}, {"boots": 2}):
        record = MemoryRecord(lost)
        numbers = Numbers(record, 7)
        assert numbers.boot == 8, lost
        assert numbers.next() == 8 * 4096
        assert record.value == {"boots": 8}
    assert Numbers(MemoryRecord({"boots": 20}), 7).boot == 21


def test_more_transactions_than_a_boot_has_numbers_for():
    record = MemoryRecord()
    numbers = Numbers(record)
    seen = [numbers.next() for _ in range(4096 * 2)]
    assert len(set(seen)) == len(seen)
    assert record.value == {"boots": 2}
    assert Numbers(record).next() not in seen
