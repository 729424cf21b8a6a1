# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A transaction's beginning or end that fails half-way for want of memory: nothing is left behind, nothing is
lost, nothing is told twice."""

import log
from host_tests.unit.expect import raises
from host_tests.unit.rig import Rig
from host_tests.unit.trigger_rig import Bench, names
from ocpp16 import payloads


def failing_once(real, before=None):
    """A function that has no memory the first time; `before`: for what it has done by then."""
    calls = []

    def call(*arguments):
        calls.append(arguments)
        if len(calls) > 1:
            return real(*arguments)
        if before is not None:
            before(*arguments)
        raise MemoryError("memory allocation failed")

    return call


# --- the beginning ---


def test_a_beginning_that_fails_leaves_no_transaction_behind():
    for where in (
        "meter_values.begin",
        "books._keeper.keep",
        "books._keeper.save",
        "station.begins",
        "station.wire.started",
    ):
        rig = Rig()
        rig.step()
        rig.supply.plug()
        rig.step()
        rig.wire.journalled = lambda number, transaction_id: None
        connector = rig.station.connectors[0]
        owner = connector
        *path, name = where.split(".")
        for part in path:
            owner = getattr(owner, part)
        if name == "save":
            owner, name = rig.records[0], "save"
        setattr(owner, name, failing_once(getattr(owner, name)))
        level, log.level = log.level, log.ERROR + 1
        try:
            said = rig.tag("GOOD")
        finally:
            log.level = level
        assert said == [("Authorize", "GOOD"), ("Status", 1, "Finishing")], (where, said)
        assert connector.transaction is None and not rig.supply.permitted, where
        assert rig.records[0].value is None, where
        rig.step(1000)
        assert ("Start", 1, "GOOD", 1000) in rig.tag("GOOD"), where
        assert rig.supply.permitted, where


def test_a_beginning_that_fails_once_it_is_kept_goes_on():
    rig = Rig()
    rig.step()
    rig.supply.plug()
    rig.step()
    wire = rig.wire
    numbers = []

    def kept(transaction):
        numbers.append(transaction.number)
        wire.said.append(("Start", transaction.connector, transaction.id_tag, transaction.meter_start_wh))

    wire.journalled = lambda number, transaction_id: "started" if number in numbers else None
    wire.started = failing_once(wire.started, kept)
    level, log.level = log.level, log.ERROR + 1
    try:
        assert rig.tag("GOOD") == [("Authorize", "GOOD"), ("Start", 1, "GOOD", 1000)]
    finally:
        log.level = level
    assert rig.supply.permitted and rig.station.connectors[0].transaction.number == numbers[0]


# --- the end ---


def ended_without_memory(wire, connector, rig, stopped):
    wire.stopped = stopped
    level, log.level = log.level, log.ERROR + 1
    try:
        return rig.tag("GOOD") + rig.step(1000)
    finally:
        log.level = level


def charging_with(said):
    rig = Rig(cable="socket")
    rig.step()
    rig.supply.plug()
    rig.step()
    rig.tag("GOOD")
    rig.wire.journalled = lambda number, transaction_id: said
    return rig, rig.station.connectors[0]


def test_an_end_that_finds_no_memory_is_told_without_its_data():
    rig, connector = charging_with("started")
    told = []

    def stopped(transaction, reason, tag, stamp, data):
        told.append(data)
        if len(told) == 1:
            raise MemoryError("memory allocation failed")
        return True

    said = ended_without_memory(rig.wire, connector, rig, stopped)
    assert len(told) == 2 and told[1] == () and told[0] != ()
    assert connector.transaction is None and not rig.supply.permitted and not rig.supply.locked
    assert ("Status", 1, "Finishing") in said and rig.records[0].value is None


def test_an_end_that_was_kept_before_it_failed_is_told_once():
    rig, connector = charging_with("stopped")
    stopped = failing_once(rig.wire.stopped)
    assert ("Stop", 1) not in [row[:2] for row in ended_without_memory(rig.wire, connector, rig, stopped)]
    assert connector.transaction is None and rig.records[0].value is None


def test_an_end_that_cannot_be_told_at_all_ends_the_main_loop():
    """The record tells it at the next start; the next transaction would overwrite it."""
    rig, connector = charging_with("started")

    def stopped(*arguments):
        raise MemoryError("memory allocation failed")

    raises(MemoryError, ended_without_memory, rig.wire, connector, rig, stopped)
    raises(MemoryError, rig.step, 1000)
    assert rig.records[0].value is not None


# --- an answer ---


def test_an_answer_that_cannot_be_read_is_none():
    """A swipe that waited for it for ever would shut the reader."""

    async def script(bench):
        await bench.step()
        read, payloads.id_tag_info = payloads.id_tag_info, failing_once(payloads.id_tag_info)
        try:
            bench.rig.station.tag("GOOD", None, bench.rig.now)
            assert names(await bench.step(100)) == ["Authorize"]
        finally:
            payloads.id_tag_info = read
        assert bench.rig.station.admission.last[1] == "refused"
        bench.rig.station.tag("GOOD", None, bench.rig.now)
        assert bench.rig.station.admission.last[2] != "another tag is being checked"

    Bench().play(script)
