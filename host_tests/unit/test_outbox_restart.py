# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The queue over a restart: ids, tries, the last sample, a queue of the first firmware."""

from host_tests.unit.expect import raises
from host_tests.unit.outbox_rig import START_CONF, Bench, Keys, energy
from host_tests.unit.scratch import Scratch
from ocpp16 import queued
from ocpp16.outbox import Outbox
from store.journal import Journal
from store.overflow import Overflow


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


def test_a_message_keeps_its_id_over_a_cut_before_the_first_answer():
    first = Bench()
    first.outbox.started(first.transaction())
    second = Bench(first.journal.persisted())
    assert second.outbox.message()[0] == first.outbox.message()[0]


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


def test_a_lost_note_is_completed_by_what_the_transaction_knows():
    bench = Bench()
    transaction = bench.transaction()
    transaction.transaction_id = 77
    # Its start was confirmed and is no longer in the journal; the note that knew that is gone.
    assert bench.outbox.journalled(5, 77) == "started"
    assert bench.outbox.journalled(6, None) is None
    bench.outbox.stopped(transaction, "PowerLoss", None, bench.clock.stamp(), [])
    assert bench.outbox.message()[2]["transactionId"] == 77
    # With a note there is nothing to guess.
    again = Bench(bench.journal.persisted())
    assert again.outbox.journalled(6, 78) is None


def test_a_lost_note_is_completed_for_all_boots_to_come():
    """A transaction that runs and says nothing: no samples, or cut off again before the meter answers."""
    bench = Bench()
    for number, transaction_id in ((5, 77), (6, -1), (7, 0)):
        assert bench.outbox.journalled(number, transaction_id) == "started"
    for _ in range(3):
        bench = Bench(bench.journal.persisted())
        for number, transaction_id in ((5, 77), (6, -1), (7, 0)):
            assert bench.outbox.journalled(number, transaction_id) == "started"
    for number, transaction_id in ((5, 77), (6, -1), (7, 0)):
        bench.outbox.stopped(bench.transaction(number), "PowerLoss", None, bench.clock.stamp(), [])
        assert bench.outbox.message()[2]["transactionId"] == transaction_id
        bench.outbox.answered({})
    assert bench.journal.head_note["ids"] == {}


def test_a_lost_note_and_a_stop_that_waits():
    """Its start is delivered and gone; the record of the transaction still knows the id."""
    first = Bench()
    transaction = first.transaction()
    transaction.transaction_id = 77
    first.outbox.stopped(transaction, "Local", None, first.clock.stamp(), [])
    bench = Bench(first.journal.persisted().replace('"id"', '"lost"'))
    assert bench.outbox.journalled(5, 77) == "stopped"
    assert bench.outbox.message()[2]["transactionId"] == 77
    bench.outbox.answered({})
    assert bench.outbox.journalled(6, None) is None
    assert Bench(bench.journal.persisted()).outbox.journalled(5, 77) is None


def test_a_note_on_flash_is_not_written_again_at_each_boot():
    bench = Bench()
    bench.outbox.started(bench.transaction())
    bench.outbox.answered(START_CONF)
    again = Bench(bench.journal.persisted())
    again.journal.stuck = True
    assert again.outbox.journalled(5, 77) == "started"
    again.outbox.catch_up(0)  # nothing to be made good


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
