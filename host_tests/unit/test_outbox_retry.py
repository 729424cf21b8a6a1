# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Messages that are not confirmed: tries, growing waits, giving up, late answers."""

import json

from host_tests.unit.outbox_rig import START_CONF, Bench, Keys, energy
from ocpp16.outbox import Outbox
from store.overflow import Overflow


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


DAY_MS = 86400000


def wait_after(bench, days):
    """Milliseconds until the next try, after so many days without network; an hour stands for a second."""
    for _ in range(days * 24):
        bench.pass_ms(3600000)
        bench.outbox.catch_up(bench.now)
    return bench.outbox.wait_ms(bench.now)


def test_a_retry_that_was_due_is_due_however_long_there_was_no_network():
    for days in (1, 6, 7, 8, 10, 12, 13, 20, 30):
        bench = Bench()
        bench.outbox.started(bench.transaction())
        message_id = bench.outbox.message()[0]
        bench.outbox.failed("no answer", bench.now)
        assert wait_after(bench, days) == 0, days
        assert bench.outbox.late(message_id) == "StartTransaction"  # still


def test_a_retry_that_is_not_due_yet_stays():
    bench = Bench(interval_s=10 * 86400)
    bench.outbox.started(bench.transaction())
    bench.outbox.failed("no answer", bench.now)
    assert wait_after(bench, 6) == (1 << 29) - 1 - 6 * DAY_MS
    assert wait_after(bench, 1) == 0


def test_a_flash_that_refused_is_asked_again_however_long_it_was_sound():
    bench = Bench()
    outbox = bench.outbox = Outbox(Overflow(bench.journal), Keys(), bench.clock, True)
    outbox.started(bench.transaction())
    bench.journal.stuck = True
    outbox.answered(START_CONF)  # the note is owed
    bench.outbox.catch_up(bench.now)
    bench.journal.stuck = False
    bench.pass_ms(10000)
    bench.outbox.catch_up(bench.now)
    assert json.loads(bench.journal.persisted())["note"]["ids"] == {"5": 77}
    wait_after(bench, 7)
    bench.journal.stuck = True
    outbox.stopped(bench.transaction(), "Local", None, bench.clock.stamp(), [])
    outbox.answered({})
    bench.journal.stuck = False
    bench.pass_ms(1000)
    bench.outbox.catch_up(bench.now)
    assert json.loads(bench.journal.persisted())["note"]["ids"] == {}


def test_a_message_that_is_postponed_counts_no_try():
    bench = Bench(attempts=3, interval_s=60)
    outbox = bench.outbox
    outbox.started(bench.transaction())
    message_id = outbox.message()[0]
    for _ in range(2):
        assert not outbox.last_try
        outbox.failed("no answer", bench.now)
    assert outbox.last_try
    for _ in range(5):
        bench.pass_ms(120000)
        assert outbox.wait_ms(bench.now) == 0
        outbox.postponed(bench.now)
        assert outbox.wait_ms(bench.now) == 120000
        assert outbox.late(message_id) == "StartTransaction" and outbox.last_try
    assert outbox.message()[0] == message_id
    outbox.failed("no answer", bench.now)
    assert outbox.depth == 0
    once = Bench(attempts=1, interval_s=60)
    once.outbox.started(once.transaction())
    assert once.outbox.last_try
    once.outbox.postponed(0)
    assert once.outbox.wait_ms(0) == 60000
