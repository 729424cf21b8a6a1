# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Any life of two connectors, with refusals, late answers and power cuts: what the CSMS is told of it."""

import tempfile

from hypothesis import given
from hypothesis import strategies as st

from ocpp16 import queued
from ocpp16.outbox import Outbox
from station.clock import Clock
from station.transaction import Transaction
from store.journal import Journal
from store.overflow import Overflow

ATTEMPTS = 3
NOON = 1790000000000
# Each with how often in a row; one connector is the usual case.
STEPS = st.tuples(
    st.sampled_from(
        ["begin", "sample", "bare", "end", "answer", "answer", "fail", "fail", "late", "send", "cut"]
    ),
    st.sampled_from([1, 1, 1, 2]),
    st.integers(1, 4),
)


class Keys:
    def value(self, key):
        return ATTEMPTS if key == "TransactionMessageAttempts" else 60


class Life:
    """`queue`: what was queued, in order, each named by its time; `head`: the first that the CSMS has not
    dealt with.
    """

    def __init__(self, directory):
        self.directory = directory
        self.clock = Clock(1, 0)
        self.clock.set_utc_ms(NOON)
        self.queue = []  # (action, number, time text, register or None)
        self.head = 0
        self.message_ids = {}  # place in the queue -> message id
        self.failures = {}  # place in the queue -> how often it failed
        self.given_up = set()
        self.transaction_ids = {}  # number -> what it must be
        self.running = {}  # connector -> Transaction
        self.ended = []  # numbers
        self.numbers = 0
        self.boot()

    def boot(self):
        self.outbox = Outbox(Overflow(Journal(self.directory + "/outbox", 256)), Keys(), self.clock, True)
        self.outbox.on_started = self.started
        for transaction in self.running.values():
            assert self.outbox.journalled(transaction.number, transaction.transaction_id) == "started"
        for number in self.ended[-3:]:
            told = any(entry[:2] == (queued.STOP, number) for entry in self.queue[: self.head])
            assert self.outbox.journalled(number) == (None if told else "stopped")

    def started(self, number, transaction_id, info, tag):
        assert tag == f"TAG{number}"
        for transaction in self.running.values():
            if transaction.number == number:
                transaction.transaction_id = transaction_id

    def now(self):
        self.clock.advance(self.clock.uptime_ms + 1)
        return self.clock.stamp()

    def add(self, action, number, stamp, register=None):
        self.queue.append((action, number, self.clock.text(stamp), register))

    def step(self, what, connector):
        transaction = self.running.get(connector)
        if what == "begin" and transaction is None:
            self.numbers += 1
            stamp = self.now()
            transaction = Transaction(self.numbers, connector, f"TAG{self.numbers}", None, stamp, 5)
            self.running[connector] = transaction
            assert self.outbox.started(transaction)
            self.add(queued.START, transaction.number, stamp)
        elif what in ("sample", "bare") and transaction is not None:
            stamp = self.now()
            column, register = (b"\x00", stamp % 100000) if what == "sample" else (b"\x68", None)
            values = ("Sample.Clock", column, (stamp % 100000,))
            assert self.outbox.metered(connector, transaction, stamp, values) == register
            self.add(queued.METER, transaction.number, stamp, register)
        elif what == "end" and transaction is not None:
            stamp = self.now()
            assert self.outbox.stopped(transaction, "Local", None, stamp, [])
            self.add(queued.STOP, transaction.number, stamp)
            self.ended.append(transaction.number)
            del self.running[connector]
        elif what == "cut":
            self.cut()
        elif what in ("answer", "fail", "late", "send"):
            self.talk(what)

    def cut(self):
        self.boot()
        message = self.outbox.message()
        before = self.head - 1
        if message is not None and self.head and self.text(message) == self.queue[before][2]:
            # The last one delivered, once more: a sample, and the queue had nothing else.
            assert self.queue[before][0] == queued.METER and before not in self.given_up
            assert self.head == len(self.queue)
            self.head = before
        for transaction in self.running.values():
            waiting = [entry for entry in self.queue[self.head :] if entry[1] == transaction.number]
            told = [entry for entry in waiting if entry[3] is not None]
            if told:
                stamp, register = self.outbox.told(transaction.number)
                assert (self.clock.text(stamp), register) == told[-1][2:]

    @staticmethod
    def text(message):
        payload = message[2]
        return payload["timestamp"] if "timestamp" in payload else payload["meterValue"][0]["timestamp"]

    def talk(self, what):
        message = self.outbox.message()
        if self.head == len(self.queue):
            assert message is None
            assert self.outbox.depth == 0
            return
        assert message is not None
        message_id, action, payload = message
        wanted, number, text, _ = self.queue[self.head]
        assert (action, self.text(message)) == (wanted, text)
        if action != queued.START:
            assert payload["transactionId"] == self.transaction_ids[number]
        assert self.message_ids.setdefault(self.head, message_id) == message_id
        assert list(self.message_ids.values()).count(message_id) == 1
        if what == "send":
            return  # and the link was lost
        failures = self.failures.get(self.head, 0)
        if what == "answer" or (what == "late" and failures + 1 == ATTEMPTS):
            self.answered(action, number)
            self.outbox.answered(self.conf(action, number))
        else:
            self.failures[self.head] = failures + 1
            if failures + 1 == ATTEMPTS:
                self.given_up.add(self.head)
                if action == queued.START:
                    self.transaction_ids[number] = -1
                self.head += 1
            self.outbox.failed("CALLERROR", 0)
            if what == "late":
                assert self.outbox.late(message_id) == action
                self.answered(action, number)
                self.outbox.answered_late(self.conf(action, number))

    def answered(self, action, number):
        if action == queued.START:
            self.transaction_ids[number] = 1000 + number
        self.head += 1

    def conf(self, action, number):
        if action == queued.START:
            return {"transactionId": 1000 + number, "idTagInfo": {"status": "Accepted"}}
        return {}


@given(st.lists(STEPS, max_size=60))
def test_what_the_csms_is_told(steps):
    with tempfile.TemporaryDirectory() as directory:
        life = Life(directory)
        for what, connector, times in steps:
            for _ in range(times):
                life.step(what, connector)
        for connector in list(life.running):
            life.step("end", connector)
        life.step("cut", 1)
        while life.head < len(life.queue):
            life.step("answer", 1)
        life.step("cut", 1)
        assert life.outbox.depth == 0 or life.queue[-1][0] == queued.METER
        for number in range(1, life.numbers + 1):
            assert life.outbox.journalled(number) is None
