# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The queue of transaction-related messages: order, times, late transactionId (ocpp section 3.7)."""

import json

from host_tests.unit.outbox_rig import START_CONF, Bench, energy


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
