# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The queue of transaction-related messages: order, late transactionId, retries, giving up (ocpp section
3.7).
"""

import json

from hal.ticks import ticks_add
from ocpp16.outbox import Outbox
from station.clock import Clock
from station.transaction import Transaction
from store.overflow import Overflow


class MemoryJournal:
    """What `store.journal.Journal` offers, without files; `persisted` is what a restart would find."""

    def __init__(self, persisted=None):
        kept = json.loads(persisted) if persisted else {"next": 1, "records": [], "note": {}}
        self._kept = kept
        self.head_note = kept["note"]
        self.full = False

    def persisted(self):
        return json.dumps(self._kept)

    waiting = 0

    @property
    def depth(self):
        return len(self._kept["records"])

    def append(self, data, worth_ram=False):
        if self.full:
            raise OSError(28)
        sequence = self._kept["next"]
        self._kept["next"] += 1
        self._kept["records"].append([sequence, str(data, "utf-8")])
        return sequence

    def peek(self):
        if not self._kept["records"]:
            return None
        sequence, text = self._kept["records"][0]
        return sequence, text.encode()

    def iterate(self):
        for sequence, text in self._kept["records"]:
            yield sequence, text.encode()

    def drop(self, note=None):
        self._kept["records"].pop(0)
        self.save_note(note)

    def save_note(self, note):
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


START_CONF = {"transactionId": 77, "idTagInfo": {"status": "Accepted", "parentIdTag": "FLEET"}}


def test_order_and_transaction_id():
    bench = Bench()
    outbox = bench.outbox
    assert outbox.wait_ms(0) is None
    assert outbox.message() is None
    transaction = bench.transaction()
    outbox.started(transaction)
    outbox.metered(1, transaction, bench.clock.stamp(), [{"value": "1100"}])
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
    bench.outbox.stopped(
        transaction, "Local", None, bench.clock.stamp(), [(bench.clock.stamp(), [{"value": "1"}])]
    )
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
    values = [{"value": "1"}]
    bench.outbox.metered(1, transaction, bench.clock.stamp(), values)
    bench.outbox.stopped(
        transaction, "Local", None, bench.clock.stamp(), [(bench.clock.stamp(), [{"value": "1"}])]
    )
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
    outbox.metered(1, transaction, bench.clock.stamp(), [{"value": "1"}])
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
