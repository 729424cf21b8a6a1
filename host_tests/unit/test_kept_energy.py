# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""station.kept_energy, meters.Meters: what has been told is never told again, whenever the power goes."""

import charger
import meters
from hal.meter.tally import Tally
from hal.ticks import ticks_add
from host_tests.unit.event_loop import run, settle
from host_tests.unit.rig import MemoryRecord
from host_tests.unit.scratch import Scratch
from station.kept_energy import KeptEnergy
from store.record import Record

START = (1 << 29) - 5000
MINUTE = 60000


class Transaction:
    def __init__(self, meter_last_wh, offset_wh=0):
        self.meter_last_wh = meter_last_wh
        self.offset_wh = offset_wh


class CutOff:
    def __init__(self, transaction):
        self.transaction = transaction


class Connector:
    number = 1
    rest = supply = None

    def __init__(self, transaction=None, cut_off=None, ending=False):
        self.transaction = transaction
        self.cut_off = cut_off
        self.ending = ending


def test_nothing_is_written_while_nothing_flows():
    record = MemoryRecord()
    kept = KeptEnergy(record, [Tally(1000)])
    for count in range(10000):
        kept.keep(ticks_add(START, 1000 * count))
    kept.write(START)
    assert record.saves == 0


def test_what_is_on_flash_is_not_written_again():
    record, tally = MemoryRecord(), Tally(1000)
    kept = KeptEnergy(record, [tally])
    tally.add(7)
    for _ in range(3):
        kept.write(START)
    for count in range(2 * 900):
        kept.keep(ticks_add(START, 1000 * count))
    assert record.saves == 1


def test_while_energy_flows_it_is_written_every_quarter_of_an_hour():
    record = MemoryRecord()
    tally = Tally(1000)
    kept = KeptEnergy(record, [None, tally])
    for count in range(4 * 3600 + 10):
        tally.add(2)
        kept.keep(ticks_add(START, 1000 * count))
    assert record.saves == 15
    assert record.value[0] is None
    again = Tally(1000)
    KeptEnergy(MemoryRecord(record.value), [None, again])
    assert tally.wh - 2 * 961 <= again.wh <= tally.wh


def test_it_comes_back_as_it_was():
    with Scratch() as folder:
        one, two = Tally(640), Tally(320000)
        kept = KeptEnergy(Record(folder + "/energy", 1), [one, None, two])
        one.add(777)
        two.add(123457)
        kept.write(START)
        again = [Tally(640), None, Tally(320000)]
        KeptEnergy(Record(folder + "/energy", 1), again)
        assert again[0].state() == one.state() and again[2].state() == two.state()


def test_strange_contents():
    for value in ({}, [1], [[1, 2]], ["x"], 7, [[-1, 0, 1000]], [None], [], [[5, 0, 1000], [6, 0, 1000]]):
        tally = Tally(1000)
        KeptEnergy(MemoryRecord(value), [tally])
        assert tally.wh == (5 if value == [[5, 0, 1000], [6, 0, 1000]] else 0), value


def test_a_flash_that_fails_is_tried_again_every_ten_seconds():
    class Failing(MemoryRecord):
        def save(self, value):
            self.saves += 1
            tried.append(count)
            if self.saves < 4:
                raise OSError(28)
            self.value = value

    tried = []
    record = Failing()
    tally = Tally(1000)
    kept = KeptEnergy(record, [tally])
    tally.add(7)
    for count in range(15 * 60 + 32):
        kept.keep(ticks_add(START, 1000 * count))
    assert tried == [900, 910, 920, 930] and record.value == [[7, 0, 1000]]


def test_after_a_power_cut_it_is_no_less_than_what_the_transaction_has_told():
    for connector in (Connector(Transaction(1400)), Connector(cut_off=CutOff(Transaction(1400)))):
        tally = Tally(1000)
        kept = KeptEnergy(MemoryRecord([[1000, 5, 1000]]), [tally])
        kept.recovered([connector])
        assert tally.wh == 1400
        tally.add(3)
        assert tally.wh == 1403
    tally = Tally(1000)
    kept = KeptEnergy(MemoryRecord([[1500, 5, 1000]]), [tally])
    kept.recovered([Connector(Transaction(1400))])
    assert tally.state() == [1500, 5, 1000]
    kept.recovered([Connector()])
    assert tally.state() == [1500, 5, 1000]
    # What another meter had counted, before this one was there, is none of its own.
    kept.recovered([Connector(Transaction(3600, 2000))])
    assert tally.wh == 1600


class Meter:
    slow = False

    def __init__(self, tally):
        self.tally = tally

    async def read(self):
        return self.tally.wh


class Hardware:
    def __init__(self, meter):
        self.meter = meter


class Station:
    quiet = False

    def __init__(self, connector):
        self.connectors = [connector]

    def most_at_stake(self):
        return self.connectors


def test_the_end_of_a_transaction_is_kept_before_it_is_told():
    for ending, expected in ((True, [[12, 0, 1000]]), (False, None)):
        tally = Tally(1000)
        record = MemoryRecord()
        kept = KeptEnergy(record, [tally])
        station = Station(Connector(Transaction(5), ending=ending))
        reader = meters.Meters([Hardware(Meter(tally))], station, None, kept)
        tally.add(12)
        seen = []

        async def live(reader=reader, record=record, seen=seen):
            reader.read(1, lambda reading, now: seen.append((reading, record.value)))
            await settle()

        run(live())
        assert seen == [(12, expected)]


def test_a_silent_meter_at_the_end_keeps_what_is_known():
    tally = Tally(1000)
    record = MemoryRecord()
    kept = KeptEnergy(record, [tally])
    meter = Meter(tally)

    async def silent():
        return None

    meter.read = silent
    reader = meters.Meters([Hardware(meter)], Station(Connector(Transaction(5), ending=True)), None, kept)
    tally.add(9)

    async def live():
        reader.read(1, lambda reading, now: None)
        await settle()

    run(live())
    assert record.value == [[9, 0, 1000]]


def test_when_the_power_fails_it_is_written_at_once():
    tally = Tally(1000)
    record = MemoryRecord()
    kept = KeptEnergy(record, [tally])
    reader = meters.Meters([Hardware(Meter(tally))], Station(Connector()), None, kept)
    tally.add(4)
    run(reader.final_readings())
    assert record.value == [[4, 0, 1000]]


def test_lives_with_power_cuts_bill_no_wh_twice():
    """Sessions of a car; the power goes at any moment. What is told of ends and begins never overlaps, and
    misses no more than what came since the last record of the transaction."""
    seed = 1
    flown = told = 0
    last_stop = 0
    missing = 0
    record = MemoryRecord()
    transaction_record = None  # (start, last)
    for life in range(400):
        tally = Tally(1000)
        kept = KeptEnergy(record, [tally])
        connector = Connector()
        if transaction_record is not None:
            start, last = transaction_record
            connector.cut_off = CutOff(Transaction(last))
            kept.recovered([connector])
            assert tally.wh >= last
            kept.write(START)  # the meter is asked, and so it is written before it is told
            told += tally.wh - start
            last_stop = tally.wh
            transaction_record = None
        else:
            kept.recovered([connector])
        assert tally.wh >= last_stop, life
        now = START
        for _ in range(life % 3):
            start = tally.wh
            assert start >= last_stop
            transaction_record = (start, start)
            since = 0
            seed = seed * 1103515245 + 12345 & 0x3FFFFFFF
            for step in range(seed >> 8 & 1023):
                now = ticks_add(now, 1000)
                tally.add(2)
                flown += 2
                since += 2
                kept.keep(now)
                if step % 120 == 119:
                    transaction_record = (start, tally.wh)
                    since = 0
            seed = seed * 1103515245 + 12345 & 0x3FFFFFFF
            if seed >> 8 & 1:
                missing += since
                break  # the power fails
            kept.write(now)
            if seed >> 9 & 1:
                # It fails between the two writes: the record bills what it knows, the meter shows the rest.
                break
            told += tally.wh - start
            last_stop = tally.wh
            transaction_record = None
    assert flown - missing - 2 * 1023 <= told <= flown
    assert missing > 0 and told > 100000


def test_only_a_charger_whose_meters_forget_has_the_file():
    class Keeping:
        slow = True

    with Scratch() as folder:
        assert charger._kept_energy([Hardware(Keeping())], folder) is None
        tally = Tally(1000)
        kept = charger._kept_energy([Hardware(Keeping()), Hardware(Meter(tally))], folder)
        tally.add(3)
        kept.write(START)
        again = Tally(1000)
        charger._kept_energy([Hardware(Keeping()), Hardware(Meter(again))], folder)
        assert again.wh == 3
