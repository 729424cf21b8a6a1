# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The queue on a flash that is full: bills wait in RAM, samples are lost."""

import log
from host_tests.unit.outbox_rig import START_CONF, Bench, Keys, MemoryJournal, energy
from host_tests.unit.scratch import Scratch
from ocpp16 import queued
from ocpp16.outbox import Outbox
from store.journal import Journal
from store.overflow import Overflow


def test_a_full_disk_is_no_crash():
    bench = Bench()
    bench.journal.full = True
    assert not bench.outbox.started(bench.transaction())  # kept nowhere: it must not begin
    assert bench.outbox.depth == 0
    outbox = Outbox(Overflow(bench.journal, 600, 120), Keys(), bench.clock, True)
    assert [outbox.started(bench.transaction(number)) for number in (6, 7, 8)] == [True, True, False]


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
