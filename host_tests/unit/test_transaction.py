# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A transaction's times under a clock that jumps, and its record: round trip, size, the version before."""

import json
from binascii import crc32

from host_tests.unit.expect import raises
from host_tests.unit.rig import Rig
from host_tests.unit.scratch import Scratch, read, write
from station.clock import Clock
from station.transaction import Transaction
from station.transaction_record import RECORD_VERSION, Keeper, migrate, packed, restored
from store.record import Record

NOON = 1795176000000
MINUTE = 60000
HOUR = 60 * MINUTE


def clock_at(uptime_ms, utc_ms=None, boot=1):
    clock = Clock(boot, 0)
    clock.advance(uptime_ms)
    if utc_ms is not None:
        clock.set_utc_ms(utc_ms)
    return clock


def begun(clock):
    return Transaction(81920, 1, "04A1B2C3", None, clock.stamp(), 1000, None, at_ms=clock.uptime_ms)


def after(clock, passed_ms):
    for _ in range(passed_ms // HOUR):
        clock.advance((clock.uptime_ms + HOUR) % (1 << 30))
    clock.advance((clock.uptime_ms + passed_ms % HOUR) % (1 << 30))
    return clock.uptime_ms


# --- times ---


def test_a_clock_that_runs_on_is_told_as_it_is():
    clock = clock_at(5 * HOUR, NOON)
    transaction = begun(clock)
    for minutes in range(1, 5):
        assert transaction.tell(clock, after(clock, MINUTE)) == NOON + minutes * MINUTE


def test_a_clock_that_is_set_back_twice_and_forward():
    clock = clock_at(5 * HOUR, NOON)
    transaction = begun(clock)
    after(clock, MINUTE)
    clock.set_utc_ms(NOON - 5 * HOUR)
    assert transaction.tell(clock, clock.uptime_ms) == NOON + MINUTE
    after(clock, MINUTE)
    clock.set_utc_ms(NOON - 9 * HOUR)
    assert transaction.tell(clock, after(clock, MINUTE)) == NOON + 3 * MINUTE
    clock.set_utc_ms(NOON + 8 * HOUR)
    assert transaction.tell(clock, clock.uptime_ms) == NOON + 8 * HOUR
    clock.set_utc_ms(NOON + 3 * MINUTE)
    assert transaction.tell(clock, after(clock, MINUTE)) == NOON + 8 * HOUR + MINUTE


def test_the_time_is_learnt_and_corrected_while_it_runs():
    clock = clock_at(5 * HOUR)
    transaction = begun(clock)
    stamps = [transaction.started, transaction.tell(clock, after(clock, MINUTE))]
    clock.set_utc_ms(NOON)
    stamps.append(transaction.tell(clock, after(clock, MINUTE)))
    clock.set_utc_ms(NOON - 7 * HOUR)
    stamps.append(transaction.tell(clock, after(clock, MINUTE)))
    times = [clock.resolve(stamp) for stamp in stamps]
    assert times == [NOON - MINUTE, NOON, NOON + MINUTE, NOON + 2 * MINUTE]


def test_a_glitch_during_which_nothing_was_told_leaves_no_trace():
    clock = clock_at(0, NOON)
    transaction = begun(clock)
    after(clock, MINUTE)
    clock.set_utc_ms(NOON + 5 * HOUR)
    transaction.seen(1100, clock)
    assert transaction.last_seen == NOON + 5 * HOUR
    clock.set_utc_ms(NOON + MINUTE)
    transaction.seen(1100, clock)
    assert transaction.last_seen == NOON + MINUTE
    assert transaction.tell(clock, clock.uptime_ms) == NOON + MINUTE


def test_an_answer_of_the_meter_that_comes_late_is_told_behind():
    """Two samples are due at once; the one that was taken first is answered last."""
    for known in (NOON, None):
        clock = clock_at(0, known)
        transaction = begun(clock)
        second_ms = after(clock, MINUTE)
        second = transaction.tell(clock, second_ms)
        first = transaction.tell(clock, second_ms - 800)
        clock.set_utc_ms(NOON + HOUR)
        assert clock.resolve(first) == clock.resolve(second)


def test_a_station_whose_clock_jumps():
    """The whole of it: begin, samples of both kinds, transactionData, end."""
    for by_ms in (-5 * HOUR, 5 * HOUR):
        keys = {"MeterValueSampleInterval": "60", "ClockAlignedDataInterval": "60", "StopTxnSampledData": ""}
        keys["StopTxnSampledData"] = "Energy.Active.Import.Register"
        rig = Rig(**keys)
        rig.step(2 * HOUR // 60)
        told = []
        metered = rig.wire.metered

        def listen(number, transaction, stamp, values, metered=metered, told=told):
            told.append(stamp)
            metered(number, transaction, stamp, values)

        rig.wire.metered = listen
        connector = rig.charge()
        began_ms = connector.transaction.started
        rig.step(3 * MINUTE)
        rig.clock.set_utc_ms(rig.clock.utc_ms + by_ms)
        rig.step(3 * MINUTE)
        rig.clock.set_utc_ms(rig.clock.utc_ms - by_ms)
        rig.step(3 * MINUTE)
        rig.tag("GOOD")
        told.append(rig.wire.stopped_at)
        assert 17 <= len(told) <= 20  # the samples and the end
        told.insert(0, began_ms)
        assert told == sorted(told)
        inside = [stamp for stamp, _ in rig.wire.data]
        assert inside == sorted(inside) and inside[-1] == told[-1] and inside[0] == began_ms
        # Nine minutes and some steps, and five hours where they were shown.
        lasted_ms = told[-1] - began_ms - max(by_ms, 0)
        assert abs(lasted_ms - 9 * MINUTE) < (HOUR if by_ms < 0 else 1000), lasted_ms


# --- the record ---


def full(clock):
    transaction = Transaction(81920, 2, "04A1B2C3D4E5F6A7B8C9", "FLEET", NOON, 1234567, 17)
    transaction.transaction_id = 123456
    transaction.refused_at_wh = 1234600
    transaction.begin = [0, 1234567]
    transaction.seen(1246912, clock)
    return transaction


def fields(transaction):
    return [
        getattr(transaction, name)
        for name in Transaction.__slots__
        if name not in ("_told", "_told_at_ms", "begun_ms")
    ]


def test_the_record_has_everything():
    clock = clock_at(HOUR, NOON + HOUR)
    for transaction in (begun(clock), full(clock)):
        again = restored(json.loads(json.dumps(packed(transaction))))
        assert fields(again) == fields(transaction)
        again.ahead = True
        assert restored(packed(again)).ahead and not restored(packed(again)).warned
        again.warned = True
        assert restored(packed(again)).warned


def test_the_record_has_stamps_of_every_form():
    for started, seen in (
        ((3, 17), (3, 20)),
        ((3, 17), NOON),
        ((3, 17), (4, 20, NOON, NOON + 5)),
        (NOON, (4, 20, NOON, NOON + 5)),
    ):
        transaction = Transaction(7, 1, "TAG", None, started, 0)
        transaction.last_seen = seen
        again = restored(json.loads(json.dumps(packed(transaction))))
        for one, other in ((again.started, started), (again.last_seen, seen)):
            assert one == (other if isinstance(other, int) else list(other))


def test_an_ordinary_record_is_small():
    """On littlefs a file of up to 128 bytes (4 programming units of an ESP32) costs least."""
    transaction = Transaction(819200, 1, "04A1B2C3D4E5F6", None, NOON, 12345678)
    transaction.transaction_id = 1234567
    transaction.meter_last_wh = 12355678
    transaction.last_seen = NOON + 10 * HOUR
    header = len("pilotlight 2 01234567\n")
    assert header + len(json.dumps(packed(transaction), separators=(",", ":"))) <= 100
    transaction.begin = [0, 12345678, 1, 320]
    assert header + len(json.dumps(packed(transaction), separators=(",", ":"))) <= 128
    assert header + len(json.dumps(packed(full(clock_at(HOUR, NOON + HOUR))))) < 200


def test_rows_that_are_none():
    good = packed(full(clock_at(HOUR, NOON + HOUR)))
    restored(good)
    good.append(-500)  # another meter: what is billed less what it shows
    assert restored(good).offset_wh == -500
    for place, value in (
        (0, None),
        (0, "1"),
        (1, []),
        (2, 4),
        (3, "2026"),
        (3, [1]),
        (3, [1, 2, 3, 4, 5]),
        (3, [1, "2"]),
        (4, None),
        (5, "0"),
        (6, None),
        (8, "x"),
        (9, 7),
        (11, "r"),
        (12, []),
        (13, "0"),
    ):
        row = list(good)
        row[place] = value
        raises(ValueError, restored, row)
    for row in (good[:7], good + [0], {}, "text", 7, None, True):
        raises(ValueError, restored, row)


VERSION_1 = (
    b'{"number": 81921, "connector": 1, "id_tag": "04A1B2C3", "parent": "FLEET", "started": 1795176000000, '
    b'"meter_start_wh": 1000, "meter_last_wh": 1700, "last_seen": 1795176120000, "reservation_id": null, '
    b'"transaction_id": 42, "refused_at_wh": 1500}'
)


def test_a_record_of_version_1_is_migrated():
    for body, number in ((VERSION_1, 81921), (VERSION_1.replace(b"1795176120000", b"[20, 5000]"), 81921)):
        with Scratch() as folder:
            path = folder + "/transaction1"
            write(path, b"pilotlight 1 %08x\n%s" % (crc32(body, crc32(b"1\n")), body))
            keeper = Keeper(Record(path, RECORD_VERSION, migrate))
            transaction = keeper.load()
            assert transaction is not None
            assert (transaction.number, transaction.connector, transaction.id_tag) == (number, 1, "04A1B2C3")
            assert (transaction.parent, transaction.transaction_id) == ("FLEET", 42)
            assert (transaction.meter_start_wh, transaction.meter_last_wh) == (1000, 1700)
            assert transaction.refused_at_wh == 1500 and transaction.reservation_id is None
            assert transaction.started == NOON and transaction.begin is None
            assert transaction.last_seen in (NOON + 2 * MINUTE, [20, 5000])
            keeper.keep(transaction, 0)
            assert read(path).startswith(b"pilotlight 2 ")
            again = keeper.load()
            assert again is not None and fields(again) == fields(transaction)
            keeper.drop()
            assert keeper.load() is None


def test_no_transaction_of_version_1():
    with Scratch() as folder:
        path = folder + "/transaction1"
        write(path, b"pilotlight 1 %08x\nnull" % crc32(b"1\nnull"))
        assert Keeper(Record(path, 2, migrate)).load() is None


def test_a_record_of_version_1_that_makes_no_sense():
    for body in (b"{}", b"[]", b'"text"', b"7", VERSION_1.replace(b"1795176000000", b'"noon"')):
        with Scratch() as folder:
            path = folder + "/transaction1"
            write(path, b"pilotlight 1 %08x\n%s" % (crc32(body, crc32(b"1\n")), body))
            assert Keeper(Record(path, 2, migrate)).load() is None, body


def test_the_record_is_written_every_two_minutes_and_not_with_each_sample():
    rig = Rig(MeterValueSampleInterval="10")
    connector = rig.charge()
    assert rig.records[0].saves == 1
    rig.station.connectors[0].start_confirmed(connector.transaction.number, 5, None)
    assert rig.records[0].saves == 2
    rig.step(HOUR)
    assert rig.records[0].saves == 2 + 30
    rig.tag("GOOD")
    assert rig.records[0].saves == 2 + 30 + 1
