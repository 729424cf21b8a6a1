# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Transaction-related messages on their way (section 3.7): journalled before they are sent, in order,
retried, never twice.

A journal record is {"a": action, "n": transaction number, "p": payload}. What only the moment of sending
knows is put in then: the times (`payloads.with_times`) and the transactionId, which an offline start gets
long after its MeterValues were queued. The journal's head note keeps {"id": prefix of message ids, "ids":
{number: transactionId}, "tries": n}.
"""

import json
from binascii import hexlify
from os import urandom

import log
from hal.ticks import ticks_add, ticks_diff
from ocpp16 import payloads

_START = "StartTransaction"
_STOP = "StopTransaction"
_METER = "MeterValues"
# Transactions confirmed and not stopped: one per connector, and some that the CSMS refused. More are
# leftovers of damaged records; the note that keeps them has 1 KB.
_MOST_IDS = 24
# Errata 3.18: what stands for the transactionId when StartTransaction was never confirmed.
_NEVER_CONFIRMED = -1


class Outbox:
    def __init__(self, journal, config, clock, milliseconds):
        self._journal = journal
        self._config = config
        self._clock = clock
        self._milliseconds = milliseconds
        self._retry_at = None
        self._head = None  # (journal sequence, entry) of the oldest record, parsed once
        self.on_started = None  # fn(number, transaction_id, IdTagInfo or None, tag)
        self.on_stopped = None  # fn(tag or None, IdTagInfo or None)
        self.on_queued = None  # fn()
        self._note = note = journal.head_note
        # Without a note it cannot be told which transactions were confirmed: the first boot, or it was lost.
        self._forgetful = not isinstance(note.get("id"), str)
        self._last_sequence = 0
        head = self._peek()
        if head is not None:
            self._last_sequence = head[0] + journal.depth - 1
        if not isinstance(note.get("ids"), dict):
            note["ids"] = {}
        if self._forgetful:
            # Ids must be unique per identity, over reboots too (OCPP-J errata 3.1): after a lost data
            # directory the journal counts from the start again, so a random prefix goes before the count.
            note["id"] = str(hexlify(urandom(5)), "ascii")
            self._keep_note()  # before a message goes out with it

    # --- in ---

    def started(self, transaction):
        """False: it is kept nowhere."""
        return self._append(_START, transaction.number, payloads.start_transaction(transaction)) is not None

    def stopped(self, transaction, reason, tag, stamp, data):
        """True when it is on flash."""
        self._recall(transaction)
        payload = payloads.stop_transaction(transaction, reason, tag, stamp, data)
        return self._append(_STOP, transaction.number, payload) is True

    def metered(self, number, transaction, stamp, values):
        self._recall(transaction)
        self._append(_METER, transaction.number, payloads.meter_values(number, stamp, values))

    def _recall(self, transaction):
        """A note that was lost is completed by what a running transaction knows itself."""
        transaction_id = transaction.transaction_id
        if self._forgetful and transaction_id is not None and str(transaction.number) not in self._ids:
            self._remember(transaction.number, transaction_id)

    def journalled(self, number, confirmed=False):
        """What the journal knows of a transaction, for the boot after a power cut: "started" (its
        StartTransaction waits here or was confirmed), "stopped" (its StopTransaction waits here), None.
        Reads the whole queue. `confirmed`: its own record says that the CSMS confirmed its start.
        """
        known = "started" if str(number) in self._ids or (self._forgetful and confirmed) else None
        for _, data in self._journal.iterate():
            try:
                entry = json.loads(data)
                if entry["n"] == number and entry["a"] == _STOP:
                    return "stopped"
                if entry["n"] == number:
                    known = "started"
            except (ValueError, KeyError, TypeError):
                continue  # `_peek` reports it when its turn comes
        return known

    def _append(self, action, number, payload):
        """True: on flash, False: in RAM, None: not kept."""
        text = json.dumps({"a": action, "n": number, "p": payload}, separators=(",", ":"))
        try:
            # On a flash that takes nothing the beginning and the end of a bill are worth RAM, samples are
            # not.
            self._last_sequence = self._journal.append(text.encode(), action != _METER)
        except OSError as error:
            log.error("outbox", "%s of transaction %d could not be kept: %s", action, number, error)
            return None
        if self.on_queued is not None:
            self.on_queued()
        return self._journal.waiting == 0

    # --- out ---

    @property
    def depth(self):
        return self._journal.depth

    @property
    def last_sequence(self):
        return self._last_sequence

    def head_sequence(self):
        head = self._peek()
        return None if head is None else head[0]

    def wait_ms(self, now):
        """Milliseconds until the oldest message may be sent: 0 = now, None = there is none."""
        if self._journal.depth == 0:
            return None
        if self._retry_at is None:
            return 0
        return max(0, ticks_diff(self._retry_at, now))

    def message(self):
        """(message id, action, payload) of the oldest message, or None. A retry keeps its id, so that a late
        answer to the first try and a CSMS that remembers ids both fit (OCPP-J errata 3.7).
        """
        while True:
            head = self._peek()
            if head is None:
                return None
            sequence, entry = head
            try:
                payload = payloads.with_times(entry["p"], self._clock, self._milliseconds)
            except (ValueError, KeyError, TypeError) as error:
                # One record of which nothing can be made must not stand before all others for ever.
                log.error("outbox", "record %d is no message, dropped: %s", sequence, error)
                self._drop()
                continue
            if entry["a"] != _START:
                payload["transactionId"] = self._ids.get(str(entry["n"]), _NEVER_CONFIRMED)
            return self._message_id(sequence), entry["a"], payload

    def late(self, message_id):
        """The action of the oldest message, when it waits for its next try and `message_id` is its id: the
        CSMS answers after all, later than we waited. None otherwise.
        """
        head = self._peek() if self._retry_at is not None else None
        if head is None or message_id != self._message_id(head[0]):
            return None
        return head[1]["a"]

    def answered_late(self, conf):
        """As `answered`, for what `late` has named."""
        log.info("outbox", "the answer came late")
        self.answered(conf)
        if self.on_queued is not None:
            self.on_queued()

    def _message_id(self, sequence):
        return "%s-%d" % (self._note["id"], sequence)

    def answered(self, conf):
        """The oldest message was confirmed."""
        entry = self._take()
        number = entry["n"]
        info = payloads.id_tag_info(conf, self._clock)
        if entry["a"] == _START:
            self._remember(number, conf["transactionId"])
            self._drop()
            if self.on_started is not None:
                self.on_started(number, conf["transactionId"], info, entry["p"]["idTag"])
            return
        if entry["a"] == _STOP:
            self._ids.pop(str(number), None)
        self._drop()
        if entry["a"] == _STOP and self.on_stopped is not None:
            self.on_stopped(entry["p"].get("idTag"), info)

    def failed(self, why, now):
        """The CSMS could not process the oldest message: CALLERROR, no answer in time, a senseless answer.

        Section 3.7.1: TransactionMessageAttempts transmissions in all, each wait longer by the interval;
        then it is dropped and the next one follows. Being offline does not count.
        """
        note = self._note
        tries = note.get("tries", 0) + 1
        entry = self._take()
        self._head = None  # read anew for the next try, which may know the time better
        if tries < self._config.value("TransactionMessageAttempts"):
            note["tries"] = tries
            wait_ms = self._config.value("TransactionMessageRetryInterval") * 1000 * tries
            self._retry_at = ticks_add(now, min(wait_ms, (1 << 29) - 1))
            log.warning("outbox", "try %d failed: %s", tries, why)
            self._keep_note()
            return
        log.error(
            "outbox", "%s of transaction %d given up after %d tries: %s", entry["a"], entry["n"], tries, why
        )
        if entry["a"] == _START:
            self._remember(entry["n"], _NEVER_CONFIRMED)
        elif entry["a"] == _STOP:
            self._ids.pop(str(entry["n"]), None)
        self._drop()
        if entry["a"] == _START and self.on_started is not None:
            self.on_started(entry["n"], _NEVER_CONFIRMED, None, entry["p"]["idTag"])

    def _remember(self, number, transaction_id):
        ids = self._ids
        while len(ids) >= _MOST_IDS:
            del ids[min(ids, key=int)]
        ids[str(number)] = transaction_id

    def _keep_note(self):
        try:
            self._journal.save_note(self._note)
        except OSError as error:
            log.error("outbox", "note not kept: %s", error)

    @property
    def _ids(self):
        return self._note["ids"]

    def _peek(self):
        """The oldest record, parsed; records that make no sense are reported and passed over."""
        while True:
            if self._head is not None:
                return self._head
            record = self._journal.peek()
            if record is None:
                return None
            sequence, data = record
            try:
                entry = json.loads(data)
                if (
                    entry["a"] in (_START, _STOP, _METER)
                    and isinstance(entry["n"], int)
                    and isinstance(entry["p"], dict)
                ):
                    self._head = (sequence, entry)
                    continue
                raise ValueError("not a message")
            except (ValueError, KeyError, TypeError) as error:
                log.error("outbox", "record %d is no message, dropped: %s", sequence, error)
                self._drop()

    def _take(self):
        head = self._peek()
        if head is None:
            raise RuntimeError("an answer for an empty outbox")
        return head[1]

    def _drop(self):
        self._note.pop("tries", None)
        self._retry_at = None
        self._head = None
        try:
            self._journal.drop(self._note)
        except OSError as error:
            log.error("outbox", "head not kept: %s", error)
