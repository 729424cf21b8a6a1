# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""How fresh the record of a transaction is, and the samples on flash that stand for it."""

import log
from host_tests.unit.power_cut import boot, kept, meter, stops, synchronise
from host_tests.unit.rig import Rig
from station.transaction import RECORD_MS


def test_a_sample_on_flash_is_as_good_as_the_record():
    rig = Rig(connectors=2, MeterValueSampleInterval="60")
    rig.wire.keeps_samples = True
    number = rig.charge().transaction.number
    saves = rig.records[0].saves
    for _ in range(30):
        rig.energy_wh[0] += 100
        rig.step(60000)
    assert rig.records[0].saves == saves + 2  # every quarter of an hour
    rig.step(50000)
    cut_ms = rig.clock.utc_ms
    stamp, register_wh = rig.wire.on_flash[number]
    assert register_wh == 4000
    for energy_wh, billed_wh in ((4142, 4142), (9526, 9526), (9527, 4000), (5, 4000)):
        after = boot(rig, energy_wh, told=(number, stamp, register_wh))
        assert stops(after.step(20)) == [("Stop", 1, "PowerLoss", None, billed_wh)]
        ended = after.wire.stopped_at
        synchronise(after, cut_ms + 1000)
        assert cut_ms <= after.clock.resolve(ended) <= cut_ms + 1000


def test_a_sample_whose_place_is_taken_is_no_witness():
    """By the start of another transaction: the record is written before it, and with each sample from then
    on: what was told is billed.
    """
    rig = Rig(connectors=2, MeterValueSampleInterval="60")
    rig.wire.keeps_samples = True
    rig.charge()
    rig.energy_wh[0] = 1500
    rig.step(61000)
    assert kept(rig).meter_last_wh == 1000
    rig.charge("OTHER", 2)
    assert kept(rig).meter_last_wh == 1500
    saves = rig.records[0].saves
    rig.step(10 * RECORD_MS)
    assert rig.records[0].saves == saves + 20
    rig.energy_wh[0] = 1600
    rig.step(60000)
    assert stops(boot(rig, 5).step(20))[0] == ("Stop", 1, "PowerLoss", None, 1600)


def test_samples_without_a_register_are_no_witnesses():
    rig = Rig(MeterValueSampleInterval="60", MeterValuesSampledData="Power.Active.Import")
    rig.wire.keeps_samples = True
    rig.charge()
    saves = rig.records[0].saves
    rig.step(10 * RECORD_MS)
    assert rig.records[0].saves == saves + 10


def test_a_sample_without_a_register_takes_the_place_of_one():
    rig = Rig(MeterValueSampleInterval="60")
    rig.wire.keeps_samples = True
    rig.charge()
    rig.energy_wh[0] = 1500
    rig.step(61000)
    assert kept(rig).meter_last_wh == 1000
    rig.config.change("MeterValuesSampledData", "Power.Active.Import")
    rig.step(60000)
    assert kept(rig).meter_last_wh == 1500


def test_the_record_over_the_wrap_of_the_ticks():
    """They wrap after 12.4 days. Then the station is idle for three months."""
    rig = Rig(start_ticks=(1 << 30) - 13 * 60000, MeterValueSampleInterval="60")
    rig.wire.keeps_samples = True
    rig.charge()
    saves = rig.records[0].saves
    rig.step(46 * 60000)
    assert rig.records[0].saves == saves + 3
    rig.tag("GOOD")
    for _ in range(30):
        rig.now = (rig.now + (1 << 28)) % (1 << 30)
        rig.step(100)
    rig.charge()
    saves = rig.records[0].saves
    rig.step(14 * 60000)
    assert rig.records[0].saves == saves
    rig.step(2 * 60000)
    assert rig.records[0].saves == saves + 1


def test_when_samples_end_the_record_goes_on():
    rig = Rig(MeterValueSampleInterval="60")
    rig.wire.keeps_samples = True
    rig.charge()
    rig.step(61000)
    rig.config.change("MeterValueSampleInterval", "0")
    saves = rig.records[0].saves
    rig.step(RECORD_MS)
    assert rig.records[0].saves == saves + 1


def test_a_sample_that_is_lost():
    """Damaged on flash: the record is not so old that the meter is not believed."""
    rig = Rig(MeterValueSampleInterval="60")
    rig.wire.keeps_samples = True
    rig.charge()
    for _ in range(14):
        rig.energy_wh[0] += 300
        rig.step(60000)
    assert kept(rig).meter_last_wh == 1000
    for energy_wh, billed_wh in ((5250, 5250), (5, 1000)):
        assert stops(boot(rig, energy_wh).step(20)) == [("Stop", 1, "PowerLoss", None, billed_wh)]
    rig.step(60000)
    assert kept(rig).meter_last_wh == 5200
    assert stops(boot(rig, 5).step(20)) == [("Stop", 1, "PowerLoss", None, 5200)]


def test_the_power_fails_again_before_the_stop_is_told():
    """And what another driver began meanwhile took the place of the sample."""
    rig = Rig(connectors=2, MeterValueSampleInterval="60")
    rig.wire.keeps_samples = True
    number = rig.charge().transaction.number
    rig.energy_wh[0] = 4000
    rig.step(61000)
    assert kept(rig).meter_last_wh == 1000
    again = boot(rig, 4010, told=(number,) + rig.wire.on_flash[number], connectors=2)
    again.meter_silent = True
    assert stops(again.step(1000)) == []
    assert stops(boot(again, 5).step(20)) == [("Stop", 1, "PowerLoss", None, 4000)]


def test_a_record_that_cannot_be_written_is_written_later():
    rig = Rig(connectors=2, MeterValueSampleInterval="60")
    rig.wire.keeps_samples = True
    connector = rig.charge()
    rig.energy_wh[0] = 1500
    rig.step(61000)

    def full(value):
        raise OSError(28)

    save, rig.records[0].save = rig.records[0].save, full
    connector.books.another_begins(rig.now)
    rig.records[0].save = save
    connector.books.another_begins(rig.now)
    assert kept(rig).meter_last_wh == 1500
    saves = rig.records[0].saves
    connector.books.another_begins(rig.now)
    assert rig.records[0].saves == saves  # it rests on the record now


def test_a_flash_that_fails_for_a_while():
    """From the start on: nothing but the record knows of the transaction then."""
    rig = Rig()

    def failing(value):
        raise OSError(5)

    save, rig.records[0].save = rig.records[0].save, failing
    log.info("test", "it begins to fail")
    connector = rig.charge()
    rig.step(25000)
    lines = " ".join(log.lines())
    assert lines[lines.rindex("it begins to fail") :].count("not kept") == 1
    rig.records[0].save = save
    rig.step(10000)
    assert kept(rig).number == connector.transaction.number
    saves = rig.records[0].saves
    rig.step(RECORD_MS - 11000)
    assert rig.records[0].saves == saves


def test_a_beginning_that_is_not_on_flash_has_no_sample_to_lean_on():
    rig = Rig(MeterValueSampleInterval="5")
    rig.wire.keeps_samples = True

    def failing(value):
        raise OSError(5)

    save, rig.records[0].save = rig.records[0].save, failing
    connector = rig.charge()
    rig.records[0].save = save
    rig.step(10100)
    assert kept(rig).number == connector.transaction.number


def test_a_silent_meter_does_not_stop_the_time_of_the_record():
    rig = Rig()
    rig.charge()
    rig.meter_silent = True
    rig.step(20 * 60000)
    cut_ms = rig.clock.utc_ms
    assert cut_ms - kept(rig).last_seen <= RECORD_MS
    after = boot(rig)
    after.step(20)
    synchronise(after, cut_ms + 60000)
    assert cut_ms <= after.clock.resolve(after.wire.stopped_at) <= cut_ms + 60000


def test_a_beginning_that_is_refused_leaves_the_record_of_an_end_that_is_not_on_flash():
    rig = Rig()
    connector = rig.charge()
    number = connector.transaction.number
    meter(rig, 1300)
    rig.wire.disk_full = rig.wire.takes_nothing = True
    rig.tag("GOOD")
    assert kept(rig).number == number
    rig.tag("OTHER")
    rig.step(1000)
    assert connector.transaction is None
    assert (kept(rig).number, kept(rig).meter_last_wh) == (number, 1300)
    rig.wire.disk_full = rig.wire.takes_nothing = False
    rig.tag("GOOD")
    rig.step(1000)
    assert kept(rig).number == connector.transaction.number != number
    rig.tag("GOOD")
    assert rig.records[0].value is None


def test_a_connector_is_busy_until_the_stop_is_told():
    """The clock remembers earlier boots for it, and nobody else begins."""
    rig = Rig()
    rig.charge()
    after = boot(rig)
    after.meter_silent = True
    after.step(1000)
    assert after.station.connectors[0].busy and not after.station.connectors[0].usable
    after.step(10000)
    assert not after.station.connectors[0].busy


def test_what_is_told_after_the_cut_is_none_of_the_transaction():
    """A clock-aligned sample while the meter is still starting."""
    before = Rig(MeterValueSampleInterval="60")
    before.charge()
    cut_ms = before.clock.utc_ms
    after = boot(before, 555000, ClockAlignedDataInterval="60")
    answers = after.held_readings = []
    synchronise(after, cut_ms + 3000 + 60000 - cut_ms % 60000 - 4000)
    said = after.step(3000)
    after.held_readings = None
    for answer in reversed(answers):
        answer()
    said += after.step(9000)
    assert len(answers) >= 2
    assert [entry[2] for entry in said if entry[0] == "Meter"] == [None]
    assert stops(said) == [("Stop", 1, "PowerLoss", None, 1000)]


def test_a_warning_that_came_too_early():
    """The input is stuck: the stop lies behind the samples that were told since."""
    rig = Rig(MeterValueSampleInterval="60")
    rig.wire.keeps_samples = True
    number = rig.charge().transaction.number
    rig.station.watch_power(True, rig.now)
    assert kept(rig).warned
    for _ in range(10):
        rig.energy_wh[0] += 10
        for _ in range(60):
            meter(rig, rig.energy_wh[0])
            rig.station.watch_power(True, rig.now)
            rig.step(1000)
    told_ms, told_wh = rig.wire.on_flash[number]
    rig.step(30000)
    after = boot(rig, told=(number, told_ms, told_wh))
    assert stops(after.step(20)) == [("Stop", 1, "PowerLoss", None, rig.energy_wh[0])]
    synchronise(after, rig.clock.utc_ms + 1000)
    assert rig.clock.utc_ms <= after.clock.resolve(after.wire.stopped_at) <= rig.clock.utc_ms + 1000


def test_the_clock_was_set_back_before_the_cut():
    """What is told runs ahead of the clock then; the stop does not lie before it."""
    for by_ms, off_ms in ((90000, 2000), (90000, 3600000), (900, 1500), (5 * 3600000, 2000)):
        rig = Rig(connectors=2, MeterValueSampleInterval="20")
        rig.charge()
        rig.step(30000)
        rig.clock.set_utc_ms(rig.clock.utc_ms - by_ms)
        rig.station.clock_moved()
        rig.step(115000)
        told_ms = rig.wire.told_at
        cut_ms = rig.clock.utc_ms
        after = boot(rig, connectors=2)
        after.step(20)
        synchronise(after, cut_ms + off_ms)
        assert told_ms <= after.clock.resolve(after.wire.stopped_at) <= told_ms + RECORD_MS + 30000


def test_resumed_and_over_before_the_meter_has_started():
    rig = Rig(MeterValueSampleInterval="60")
    rig.charge()
    rig.energy_wh[0] = 1300
    after = boot(rig, resume=True)  # the car has left meanwhile
    after.meter_silent = True
    assert stops(after.step(6000)) == []
    after.meter_silent = False
    assert stops(after.step(600)) == [("Stop", 1, "EVDisconnected", None, 1300)]
    # One that never starts is not waited for for ever.
    after = boot(rig, resume=True)
    after.meter_silent = True
    assert stops(after.step(11000)) == [("Stop", 1, "EVDisconnected", None, 1000)]


def test_a_silent_meter_at_an_ordinary_end_is_not_waited_for():
    rig = Rig()
    rig.charge()
    meter(rig, 1200)
    rig.meter_silent = True
    rig.station.tag("GOOD", None, rig.now)
    assert stops(rig.step(100)) == [("Stop", 1, "Local", "GOOD", 1200)]
