# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The queue of transaction-related messages: order, late transactionId, retries, giving up (ocpp section
3.7).
"""

import json
from binascii import hexlify, unhexlify

import log
from hal.ticks import ticks_add
from host_tests.unit.expect import raises
from host_tests.unit.scratch import Scratch
from ocpp16 import queued
from ocpp16.outbox import Outbox
from station.clock import Clock
from station.transaction import Transaction
from store.journal import Journal
from store.overflow import Overflow


class MemoryJournal:
    """What `store.journal.Journal` offers, without files; `persisted` is what a restart would find."""

    SEGMENT = 4  # records

    def __init__(self, persisted=None):
        kept = json.loads(persisted) if persisted else {"next": 1, "head": 1, "records": [], "note": {}}
        self._kept = kept
        self._head = kept["head"]
        self.head_note = json.loads(json.dumps(kept["note"]))
        self.full = False
        self.read = 0  # records that newest_first() gave

    def persisted(self):
        return json.dumps(self._kept)

    waiting = 0

    def _waiting(self):
        return [record for record in self._kept["records"] if record[0] >= self._head]

    @property
    def depth(self):
        return len(self._waiting())

    def append(self, data, worth_ram=False):
        if self.full:
            raise OSError(28)
        if not self._waiting():
            self._kept["records"] = []  # the last one that was delivered lay there till now
        sequence = self._kept["next"]
        self._kept["next"] += 1
        self._kept["records"].append([sequence, str(hexlify(data), "ascii")])
        return sequence

    def peek(self):
        for sequence, text in self._waiting():
            return sequence, unhexlify(text)
        return None

    def newest_first(self, delivered=False):
        records = self._kept["records"] if delivered else self._waiting()
        while records:
            count = len(records) % self.SEGMENT or self.SEGMENT
            segment, records = records[-count:], records[:-count]
            for sequence, text in segment:
                self.read += 1
                yield sequence, unhexlify(text)

    def drop(self, note=None, lazy=False):
        self._head = self._waiting()[0][0] + 1
        self.head_note = note
        if not lazy or self._waiting() or note != self._kept["note"]:
            self.save_note(note)

    def save_note(self, note):
        self.head_note = note
        self._kept["head"] = self._head
        self._kept["note"] = json.loads(json.dumps(note))


class Keys:
    def __init__(self, attempts=3, interval_s=60):
        self._values = {"TransactionMessageAttempts": attempts, "TransactionMessageRetryInterval": interval_s}

    def value(self, key):
        return self._values[key]


class Bench:
    def __init__(self, persisted=None, known=True, boot=1, **keys):
        self.journal = MemoryJournal(persisted)
        self.clock = Clock(boot, 0)
        if known:
            self.clock.set_utc_ms(1790000000000)
        self.now = 0
        self.outbox = Outbox(self.journal, Keys(**keys), self.clock, True)
        self.started = []
        self.outbox.on_started = lambda *said: self.started.append(said)
        self.stopped = []
        self.outbox.on_stopped = lambda *said: self.stopped.append(said)

    def transaction(self, number=5, meter_start_wh=1000):
        return Transaction(number, 1, "TAG", None, self.clock.stamp(), meter_start_wh)

    def pass_ms(self, ms):
        self.now = ticks_add(self.now, ms)
        self.clock.advance(self.now)


def energy(wh):
    """A MeterValues of the register alone, as `station.metering` gives it."""
    return "Sample.Periodic", b"\x00", (wh,)


START_CONF = {"transactionId": 77, "idTagInfo": {"status": "Accepted", "parentIdTag": "FLEET"}}


def test_order_and_transaction_id():
    bench = Bench()
    outbox = bench.outbox
    assert outbox.wait_ms(0) is None
    assert outbox.message() is None
    transaction = bench.transaction()
    outbox.started(transaction)
    outbox.metered(1, transaction, bench.clock.stamp(), energy(1100))
    outbox.stopped(transaction, "Local", "TAG", bench.clock.stamp(), [])
    assert outbox.depth == 3
    assert outbox.wait_ms(0) == 0
    _, action, payload = outbox.message()
    assert action == "StartTransaction"
    assert payload == {
        "connectorId": 1,
        "idTag": "TAG",
        "meterStart": 1000,
        "timestamp": bench.clock.text(1790000000000),
    }
    outbox.answered(START_CONF)
    assert [(said[0], said[1], said[2].status, said[2].parent, said[3]) for said in bench.started] == [
        (5, 77, "Accepted", "FLEET", "TAG")
    ]
    _, action, payload = outbox.message()
    assert (action, payload["transactionId"]) == ("MeterValues", 77)
    outbox.answered({})
    _, action, payload = outbox.message()
    assert (action, payload["transactionId"], payload["reason"]) == ("StopTransaction", 77, "Local")
    assert "transactionData" not in payload
    outbox.answered({})
    assert outbox.depth == 0
    assert bench.journal.head_note["ids"] == {}


def test_an_offline_start_before_the_first_time_sync_gets_its_time():
    bench = Bench(known=False)
    transaction = bench.transaction()
    bench.outbox.started(transaction)
    bench.pass_ms(60000)
    bench.outbox.stopped(transaction, "Local", None, bench.clock.stamp(), [(bench.clock.stamp(), energy(1))])
    bench.pass_ms(60000)
    bench.clock.set_utc_ms(1790000000000)
    text = bench.clock.text
    assert bench.outbox.message()[2]["timestamp"] == text(1790000000000 - 120000)
    bench.outbox.answered(START_CONF)
    payload = bench.outbox.message()[2]
    assert payload["timestamp"] == text(1790000000000 - 60000)
    assert payload["transactionData"][0]["timestamp"] == text(1790000000000 - 60000)


def test_queue_ids_and_tries_survive_a_restart():
    first = Bench()
    transaction = first.transaction()
    first.outbox.started(transaction)
    first_id = first.outbox.message()[0]
    first.outbox.failed("no answer", 0)
    second = Bench(first.journal.persisted())
    message_id, action, _ = second.outbox.message()
    assert action == "StartTransaction"
    assert message_id == first_id
    second.outbox.failed("no answer", 0)
    second.outbox.answered(START_CONF)
    second.outbox.stopped(transaction, "Local", None, second.clock.stamp(), [])
    third = Bench(second.journal.persisted())
    assert third.outbox.message()[2]["transactionId"] == 77


def test_a_message_is_asked_for_again_when_the_link_was_lost():
    """The session asks, the link is lost before the answer: nothing failed, the next one asks again."""
    bench = Bench(known=False)
    transaction = bench.transaction()
    bench.outbox.started(transaction)
    values = energy(1)
    bench.outbox.metered(1, transaction, bench.clock.stamp(), values)
    bench.outbox.stopped(transaction, "Local", None, bench.clock.stamp(), [(bench.clock.stamp(), energy(1))])
    bench.clock.set_utc_ms(1790000000000)
    for answer in (START_CONF, {}, {}):
        first = bench.outbox.message()
        assert bench.outbox.message() == first
        assert "2026-09-21" in json.dumps(first)
        bench.outbox.answered(answer)
    assert bench.outbox.depth == 0


def test_the_time_of_a_message_is_asked_for_each_time():
    """Accepted by a CSMS whose currentTime is none; the next connection knows better."""
    bench = Bench(known=False)
    bench.outbox.started(bench.transaction())
    assert bench.outbox.message()[2]["timestamp"].startswith("1970")
    bench.clock.set_utc_ms(1790000000000)
    assert bench.outbox.message()[2]["timestamp"] == bench.clock.text(1790000000000)


def test_a_message_keeps_its_id_over_a_cut_before_the_first_answer():
    first = Bench()
    first.outbox.started(first.transaction())
    second = Bench(first.journal.persisted())
    assert second.outbox.message()[0] == first.outbox.message()[0]


def test_message_ids_never_repeat():
    seen = set()
    for _ in range(3):
        bench = Bench()  # each with an empty data directory, as after a factory reset
        for _ in range(3):
            bench.outbox.started(bench.transaction())
            message_id = bench.outbox.message()[0]
            assert len(message_id) <= 36
            assert message_id not in seen
            seen.add(message_id)
            bench.outbox.answered(START_CONF)


def test_attempts_and_growing_waits():
    bench = Bench(attempts=3, interval_s=60)
    outbox = bench.outbox
    outbox.started(bench.transaction())
    outbox.failed("CALLERROR", bench.now)
    assert outbox.wait_ms(bench.now) == 60000
    bench.pass_ms(60000)
    assert outbox.wait_ms(bench.now) == 0
    outbox.failed("CALLERROR", bench.now)
    assert outbox.wait_ms(bench.now) == 120000
    bench.pass_ms(120000)
    assert bench.started == []
    outbox.failed("CALLERROR", bench.now)  # the third transmission was the last
    assert outbox.depth == 0
    assert bench.started == [(5, -1, None, "TAG")]


def test_a_start_never_confirmed_leaves_minus_one():
    bench = Bench(attempts=1)
    transaction = bench.transaction()
    bench.outbox.started(transaction)
    bench.outbox.stopped(transaction, "Local", None, bench.clock.stamp(), [])
    bench.outbox.failed("CALLERROR", 0)
    _, action, payload = bench.outbox.message()
    assert (action, payload["transactionId"]) == ("StopTransaction", -1)
    assert bench.outbox.wait_ms(0) == 0  # the next one is not punished for the first
    bench.outbox.answered({})
    assert bench.journal.head_note["ids"] == {}


def test_transaction_ids_of_zero_below_and_alike():  # errata 3.54; some CSMSs give the same id to everything
    bench = Bench()
    for transaction_id in (0, -5, -5):
        transaction = bench.transaction(number=transaction_id + 100)
        bench.outbox.started(transaction)
        bench.outbox.answered({"transactionId": transaction_id, "idTagInfo": {"status": "Accepted"}})
        bench.outbox.stopped(transaction, "Local", None, bench.clock.stamp(), [])
        assert bench.outbox.message()[2]["transactionId"] == transaction_id
        bench.outbox.answered({})


def test_what_the_journal_knows_of_a_transaction():
    bench = Bench()
    transaction = bench.transaction()
    assert bench.outbox.journalled(5) is None
    bench.journal.append(b"junk")
    bench.outbox.started(transaction)
    assert bench.outbox.journalled(5) == "started"
    assert bench.outbox.journalled(6) is None
    bench.outbox.answered(START_CONF)
    assert bench.outbox.journalled(5) == "started"
    bench.outbox.stopped(transaction, "Local", None, bench.clock.stamp(), [])
    assert bench.outbox.journalled(5) == "stopped"
    bench.outbox.answered({})
    assert bench.outbox.journalled(5) is None


def test_a_long_queue_is_not_read_for_one_transaction():
    bench = Bench()
    number = 0
    for number in range(100, 150):
        transaction = bench.transaction(number)
        bench.outbox.started(transaction)
        bench.outbox.metered(1, transaction, bench.clock.stamp(), energy(1))
        bench.outbox.stopped(transaction, "Local", None, bench.clock.stamp(), [])
    last = bench.transaction(number)
    for asked, answer in ((149, "stopped"), (148, "stopped"), (150, None)):
        bench.journal.read = 0
        assert bench.outbox.journalled(asked) == answer
        assert bench.journal.read <= 2 * bench.journal.SEGMENT, asked
    # Two at once: the one that goes on for long is found behind the other.
    long = bench.transaction(200)
    bench.outbox.started(long)
    for number in (201, 202, 203):
        bench.outbox.started(bench.transaction(number))
        for _ in range(10):
            bench.outbox.metered(2, bench.transaction(number), bench.clock.stamp(), energy(1))
    assert bench.outbox.journalled(200) == "started"
    bench.outbox.stopped(long, "Local", None, bench.clock.stamp(), [])
    for _ in range(10):
        bench.outbox.metered(2, bench.transaction(203), bench.clock.stamp(), energy(1))
    assert bench.outbox.journalled(200) == "stopped"
    assert bench.outbox.journalled(203) == "started"
    assert bench.outbox.journalled(last.number) == "stopped"
    # An earlier one that goes on for longer says nothing about what was before.
    for _ in range(10):
        bench.outbox.metered(1, long, bench.clock.stamp(), energy(1))
    assert bench.outbox.journalled(203) == "started"


def test_lost_stops_do_not_fill_the_note():
    bench = Bench()
    for number in range(100):
        bench.outbox.started(bench.transaction(number))
        bench.outbox.answered({"transactionId": 2147483647, "idTagInfo": {"status": "Accepted"}})
    note = bench.journal.head_note
    assert "99" in note["ids"]
    assert len(json.dumps(note)) < 1024


def test_two_transactions_interleaved():
    bench = Bench()
    one, two = bench.transaction(1), bench.transaction(2)
    bench.outbox.started(one)
    bench.outbox.started(two)
    bench.outbox.stopped(one, "Local", None, bench.clock.stamp(), [])
    bench.outbox.stopped(two, "Local", None, bench.clock.stamp(), [])
    bench.outbox.answered({"transactionId": 11, "idTagInfo": {"status": "Accepted"}})
    bench.outbox.answered({"transactionId": 22, "idTagInfo": {"status": "Accepted"}})
    assert bench.outbox.message()[2]["transactionId"] == 11
    bench.outbox.answered({})
    assert bench.outbox.message()[2]["transactionId"] == 22


def test_a_restart_repeats_the_last_sample_under_its_id_and_no_start_or_stop():
    """The head is written for what counts; a delivered sample may come again, as the message it was."""
    bench = Bench()
    transaction = bench.transaction()
    bench.outbox.started(transaction)
    bench.outbox.answered(START_CONF)
    assert Bench(bench.journal.persisted()).outbox.depth == 0
    for wh in (1, 2, 3):
        bench.outbox.metered(1, transaction, bench.clock.stamp(), energy(wh))
        sample = bench.outbox.message()
        bench.outbox.answered({})
        again = Bench(bench.journal.persisted())
        assert again.outbox.depth == 1
        assert again.outbox.message() == sample
    again.outbox.stopped(transaction, "Local", None, bench.clock.stamp(), [])
    again.outbox.answered({})
    again.outbox.answered({})
    assert again.outbox.depth == 0
    assert Bench(again.journal.persisted()).outbox.depth == 0


def test_who_waits_for_an_answer_hears_of_it_before_the_queue_forgets():
    """A power cut between the two asks the CSMS once more; the other way round nobody would know the id."""
    bench = Bench()
    transaction = bench.transaction()
    bench.outbox.started(transaction)
    bench.outbox.stopped(transaction, "Local", "TAG", bench.clock.stamp(), [])
    found = []

    def heard(*said):
        found.append(bench.journal.persisted())

    bench.outbox.on_started = bench.outbox.on_stopped = heard
    for answer in (START_CONF, {}):
        message = bench.outbox.message()
        bench.outbox.answered(answer)
        assert Bench(found[-1]).outbox.message() == message
    assert len(found) == 2

    # Whatever it makes of it, the queue goes on.
    def broken(*said):
        raise RuntimeError("no")

    bench.outbox.on_started = broken
    bench.outbox.started(transaction)
    raises(RuntimeError, bench.outbox.answered, START_CONF)
    assert bench.outbox.depth == 0


def test_the_last_register_that_was_told():
    bench = Bench()
    assert bench.outbox.told(5) is None
    transaction, other = bench.transaction(5), bench.transaction(6)
    bench.outbox.started(transaction)
    bench.outbox.started(other)
    assert bench.outbox.told(5) is None
    for wh in (0, 1100, 1200):
        bench.pass_ms(1000)
        stamp = bench.clock.stamp()
        assert bench.outbox.metered(1, transaction, stamp, energy(wh)) == wh
        assert bench.outbox.told(5) == (stamp, wh)
        bench.outbox.metered(2, other, bench.clock.stamp(), energy(9000))
    no_register = ("Sample.Periodic", b"\x68", (230000,))
    assert bench.outbox.metered(1, transaction, bench.clock.stamp(), no_register) is None
    assert bench.outbox.told(5) == (stamp, 1200)
    bench.journal.full = True
    assert bench.outbox.metered(1, transaction, bench.clock.stamp(), energy(1250)) is None
    assert bench.outbox.told(5) == (stamp, 1200)


def test_the_last_sample_stays_on_flash_however_it_went():
    """Delivered at once, after a try that failed, or given up: a power cut finds it, and it is not sent more
    often than TransactionMessageAttempts.
    """
    for failures in (0, 1, 2):
        bench = Bench(attempts=2)
        transaction = bench.transaction()
        bench.outbox.started(transaction)
        bench.outbox.answered(START_CONF)
        for wh in (1100, 1200, 1300):
            bench.outbox.metered(1, transaction, bench.clock.stamp(), energy(wh))
            sent = bench.outbox.message()
            for _ in range(failures):
                bench.outbox.failed("CALLERROR", 0)
            if failures < 2:
                bench.outbox.answered({})
            assert bench.outbox.message() is None
            again = Bench(bench.journal.persisted(), attempts=2)
            assert again.outbox.told(5) == (1790000000000, wh)
            once_more = again.outbox.message()
            assert once_more == (None if failures == 2 else sent)
        # What comes next has its own tries.
        again.outbox.stopped(transaction, "Local", None, again.clock.stamp(), [])
        if once_more is not None:
            again.outbox.answered({})
        assert again.outbox.message()[1] == "StopTransaction"
        again.outbox.failed("CALLERROR", 0)
        assert again.outbox.depth == 1
        again.outbox.failed("CALLERROR", 0)
        assert again.outbox.depth == 0


def test_the_last_sample_is_found_on_a_real_journal():
    """Online for long, at times with more than one in the queue, and after each a power cut."""
    with Scratch() as path:

        def started(bench):
            journal = Overflow(Journal(path + "/outbox", 256, 8192, queued.expendable))
            return Outbox(journal, Keys(), bench.clock, True)

        bench = Bench()
        outbox = started(bench)
        transaction = bench.transaction()
        outbox.started(transaction)
        outbox.message()
        outbox.answered(START_CONF)
        wh = 0
        for round_ in range(150):
            for _ in range(round_ % 3 + 1):
                wh += 1
                assert outbox.metered(1, transaction, bench.clock.stamp(), energy(wh)) == wh
            assert started(bench).told(5)[1] == wh
            while outbox.message() is not None:
                if round_ % 7 == 3:
                    outbox.failed("CALLERROR", 0)
                else:
                    outbox.answered({})
                assert started(bench).told(5)[1] == wh, round_
        # The head may have gone on while the segment was not yet overwritten.
        outbox._keep_note()
        assert started(bench).depth == 0
        assert started(bench).told(5)[1] == wh
        assert started(bench).told(4) is None


def test_attempts_are_exact_over_a_restart():
    first = Bench(attempts=3)
    transaction = first.transaction()
    for wh in (1, 2):
        first.outbox.metered(1, transaction, first.clock.stamp(), energy(wh))
    sent = [first.outbox.message()[0]]
    first.outbox.failed("CALLERROR", 0)
    sent.append(first.outbox.message()[0])
    first.outbox.failed("CALLERROR", 0)
    second = Bench(first.journal.persisted(), attempts=3)
    sent.append(second.outbox.message()[0])
    second.outbox.failed("CALLERROR", 0)
    assert sent[0] == sent[1] == sent[2]
    # Given up is given up: it does not come again, and its tries are not the next one's.
    third = Bench(second.journal.persisted(), attempts=3)
    for _ in range(2):
        assert third.outbox.message()[0] != sent[0]
        assert third.outbox.depth == 1
        third.outbox.failed("CALLERROR", 0)
        assert third.outbox.depth == 1
    third.outbox.failed("CALLERROR", 0)
    assert third.outbox.depth == 0


def test_tries_of_a_record_that_was_in_ram_only_are_not_the_next_ones():
    bench = Bench(attempts=2)
    files = bench.journal
    outbox = Outbox(Overflow(files), Keys(attempts=2), bench.clock, True)
    files.full = True
    outbox.started(bench.transaction())
    outbox.failed("CALLERROR", 0)  # the note can be written, the power fails
    for full in (False, True):
        again = Bench(files.persisted(), attempts=2)
        again.journal.full = full
        outbox = Outbox(Overflow(again.journal), Keys(attempts=2), again.clock, True)
        outbox.started(again.transaction(6))
        outbox.failed("CALLERROR", 0)
        assert outbox.depth == 1
        outbox.failed("CALLERROR", 0)
        assert outbox.depth == 0


def test_tries_that_the_first_firmware_noted_count():
    bench = Bench(attempts=3)
    bench.outbox.started(bench.transaction())
    bench.outbox.failed("CALLERROR", 0)
    kept = json.loads(bench.journal.persisted())
    kept["note"]["tries"] = 2
    again = Bench(json.dumps(kept), attempts=3)
    again.outbox.failed("CALLERROR", 0)
    assert again.outbox.depth == 0


def test_records_that_are_no_messages_are_passed_over():
    bench = Bench()
    for junk in (
        b"",
        b"[]",
        b"{}",
        b'{"a":"Reset","n":1,"p":{}}',
        b'{"a":"MeterValues","n":"x","p":{}}',
        b'{"a":"MeterValues","n":1,"p":{"meterValue":3}}',
        b'{"a":"StopTransaction","n":1,"p":{"timestamp":"now"}}',
        b'{"a":"StopTransaction","n":1,"p":{"timestamp":null}}',
        b'{"a":"StopTransaction","n":1,"p":{"timestamp":5,"transactionData":[{}]}}',
        b"\x21\x02\x01\x06TAG",  # a form of a newer firmware
        b"\x11",
        b"\x11\x02",
        b"\x12\x02\x01\x02\x00\x0a",
        b"\x13\x02\x01\x06TA",
    ):
        bench.journal.append(junk)
    bench.outbox.started(bench.transaction())
    assert bench.outbox.message()[1] == "StartTransaction"
    assert bench.outbox.depth == 1


def test_the_cache_learns_from_the_stop():
    bench = Bench()
    transaction = bench.transaction()
    bench.outbox.started(transaction)
    bench.outbox.answered(START_CONF)
    bench.outbox.stopped(transaction, "Local", "TAG", bench.clock.stamp(), [])
    bench.outbox.answered({"idTagInfo": {"status": "Blocked"}})
    assert [(tag, info.status) for tag, info in bench.stopped] == [("TAG", "Blocked")]


def test_a_lost_note_is_completed_by_what_the_transaction_knows():
    bench = Bench()
    transaction = bench.transaction()
    transaction.transaction_id = 77
    # Its start was confirmed and is no longer in the journal; the note that knew that is gone.
    assert bench.outbox.journalled(5, True) == "started"
    assert bench.outbox.journalled(5, False) is None
    bench.outbox.stopped(transaction, "PowerLoss", None, bench.clock.stamp(), [])
    assert bench.outbox.message()[2]["transactionId"] == 77
    # With a note there is nothing to guess.
    again = Bench(bench.journal.persisted())
    assert again.outbox.journalled(6, True) is None


def test_a_full_disk_is_no_crash():
    bench = Bench()
    bench.journal.full = True
    assert not bench.outbox.started(bench.transaction())  # kept nowhere: it must not begin
    assert bench.outbox.depth == 0
    outbox = Outbox(Overflow(bench.journal, 2), Keys(), bench.clock, True)
    assert [outbox.started(bench.transaction(number)) for number in (6, 7, 8)] == [True, True, False]


def test_retries_over_the_wrap_of_the_ticks():
    bench = Bench()
    bench.now = (1 << 30) - 1000
    bench.outbox.started(bench.transaction())
    bench.outbox.failed("no answer", bench.now)
    bench.pass_ms(59000)
    assert bench.outbox.wait_ms(bench.now) == 1000


def test_a_late_answer_counts_while_the_next_try_is_waited_for():
    bench = Bench()
    rung = []
    bench.outbox.on_queued = lambda: rung.append(1)
    bench.outbox.started(bench.transaction())
    message_id = bench.outbox.message()[0]
    assert bench.outbox.late(message_id) is None  # it is not late yet
    bench.outbox.failed("no answer", bench.now)
    assert bench.outbox.late("another") is None
    assert bench.outbox.late(message_id) == "StartTransaction"
    del rung[:]
    bench.outbox.answered_late(START_CONF)
    assert rung == [1]
    assert bench.outbox.depth == 0
    assert [said[1] for said in bench.started] == [77]
    assert bench.outbox.late(message_id) is None


def test_a_bill_on_a_full_flash_waits_in_ram():
    bench = Bench()
    transaction = bench.transaction()
    files = MemoryJournal()
    outbox = Outbox(Overflow(files), Keys(), bench.clock, True)
    assert outbox.started(transaction) is True
    files.full = True
    outbox.metered(1, transaction, bench.clock.stamp(), energy(1))
    assert outbox.depth == 1  # samples are not worth RAM
    assert outbox.stopped(transaction, "Local", None, bench.clock.stamp(), []) is False
    assert outbox.depth == 2
    assert outbox.message()[1] == "StartTransaction"
    outbox.answered(START_CONF)
    _, action, payload = outbox.message()
    assert (action, payload["transactionId"]) == ("StopTransaction", 77)
    files.full = False
    assert outbox.started(bench.transaction(6)) is True
    assert files.depth == 2  # order kept: the stop went to the journal first
    outbox.answered({})
    assert outbox.message()[1] == "StartTransaction"


def test_ids_of_what_is_in_ram_only_never_repeat():
    """Their count begins anew with each boot, on a flash that keeps nothing of it."""
    persisted = Bench().journal.persisted()
    seen = set()
    for _ in range(3):
        bench = Bench(persisted)
        files = bench.journal
        files.full = True
        outbox = Outbox(Overflow(files), Keys(), bench.clock, True)
        for _ in range(2):
            assert outbox.started(bench.transaction()) is True
            message_id = outbox.message()[0]
            assert len(message_id) <= 36
            assert message_id not in seen
            seen.add(message_id)
            outbox.answered(START_CONF)


def test_an_id_stays_when_a_record_leaves_ram_between_two_tries():
    bench = Bench()
    files = bench.journal
    outbox = Outbox(Overflow(files), Keys(), bench.clock, True)
    files.full = True
    transaction = bench.transaction()
    outbox.started(transaction)
    first = outbox.message()
    outbox.failed("no answer", 0)
    files.full = False
    assert outbox.stopped(transaction, "Local", None, bench.clock.stamp(), []) is True
    assert files.depth == 2
    assert outbox.message() == first
    assert outbox.late(first[0]) == "StartTransaction"
    outbox.answered_late(START_CONF)
    assert outbox.message()[1] == "StopTransaction"
    outbox.answered({})
    assert outbox.depth == 0


def test_samples_that_cannot_be_kept_are_told_once():
    bench = Bench()
    transaction = bench.transaction()

    def said():
        """Since the mark."""
        lines = log.lines()
        last = max([index for index, line in enumerate(lines) if "the mark" in line])
        return [line for line in lines[last:] if " outbox: MeterValues" in line]

    log.info("test", "the mark")
    bench.journal.full = True
    for _ in range(20):
        bench.outbox.metered(1, transaction, bench.clock.stamp(), energy(1))
    assert len(said()) == 1
    bench.journal.full = False
    for _ in range(3):
        bench.outbox.metered(1, transaction, bench.clock.stamp(), energy(1))
    assert len(said()) == 2
    assert "20 were not" in said()[-1]
    assert bench.outbox.depth == 3
    bench.journal.full = True
    bench.outbox.metered(1, transaction, bench.clock.stamp(), energy(1))
    assert len(said()) == 3


def test_a_queue_of_the_first_firmware_is_sent():
    """Its records are JSON, its note is the same; what comes now goes behind them."""
    bench = Bench()
    for record in (
        b'{"a":"StartTransaction","n":5,"p":{"connectorId":1,"idTag":"TAG","meterStart":7,"timestamp":[1,50]}}',
        b'{"a":"MeterValues","n":5,"p":{"connectorId":1,"meterValue":[{"timestamp":[1,60],"sampledValue":[]}]}}',
    ):
        bench.journal.append(record)
    again = Bench(bench.journal.persisted())
    assert again.outbox.journalled(5) == "started"
    again.outbox.stopped(again.transaction(), "Local", "TAG", again.clock.stamp(), [])
    assert again.outbox.journalled(5) == "stopped"
    time = again.clock.text
    _, action, payload = again.outbox.message()
    assert (action, payload) == (
        "StartTransaction",
        {"connectorId": 1, "idTag": "TAG", "meterStart": 7, "timestamp": time(1790000000050)},
    )
    again.outbox.answered(START_CONF)
    assert again.started[0][3] == "TAG"
    assert again.outbox.message()[2] == {
        "connectorId": 1,
        "meterValue": [{"timestamp": time(1790000000060), "sampledValue": []}],
        "transactionId": 77,
    }
    again.outbox.answered({})
    assert again.outbox.message()[1] == "StopTransaction"
    again.outbox.answered({})
    assert again.outbox.depth == 0


def test_a_full_queue_loses_samples_only():
    """More than the budget takes, a message under way all the time, and a restart: bills stay, in order."""
    with Scratch() as path:

        def started(bench):
            journal = Journal(path + "/outbox", 1024, 8192, queued.expendable)
            return Outbox(Overflow(journal), Keys(), bench.clock, True)

        bench = Bench()
        outbox = started(bench)
        first = None
        for number in range(60):
            transaction = bench.transaction(number, number * 1000)
            assert outbox.started(transaction)
            first = first or outbox.message()
            for at in range(10):
                bench.pass_ms(1000)
                outbox.metered(1, transaction, bench.clock.stamp(), energy(number * 1000 + at))
            transaction.meter_last_wh = number * 1000 + 10
            assert outbox.stopped(transaction, "Local", "TAG", bench.clock.stamp(), [])
            assert outbox.message() == first
            if number == 30:
                outbox = started(bench)
        said = []
        while True:
            message = outbox.message()
            if message is None:
                break
            _, action, payload = message
            if action == "StartTransaction":
                said.append(("start", payload["meterStart"]))
                outbox.answered({"transactionId": len(said), "idTagInfo": {"status": "Accepted"}})
                continue
            if action == "StopTransaction":
                said.append(("stop", payload["meterStop"]))
            else:
                said.append(("sample", int(payload["meterValue"][0]["sampledValue"][0]["value"])))
            outbox.answered({})
        bills = [entry for entry in said if entry[0] != "sample"]
        assert len(bills) == 120
        assert bills[::2] == [("start", number * 1000) for number in range(60)]
        assert bills[1::2] == [("stop", number * 1000 + 10) for number in range(60)]
        assert [wh for _, wh in said] == sorted([wh for _, wh in said])
        samples = [wh // 1000 for kind, wh in said if kind == "sample"]
        assert 60 <= len(samples) < 300
        assert len(set(samples)) == 60  # of each transaction some are left
        assert outbox.depth == 0
