# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Transaction-related messages on their way (section 3.7): journalled before they are sent, in order,
retried, never twice.

A journal record is a message as `ocpp16.queued` packs it. What only the moment of sending knows is put in
then: the times, and the transactionId, which an offline start gets long after its MeterValues were queued.
The journal's head note keeps {"id": prefix of message ids, "ids": {number: transactionId}, "tries":
[sequence, how often that record failed]}.

A MeterValues is dropped lazily: the last one stays on flash until something else takes its place there. After
a power cut it tells what the transaction's record does not (`told`), and may be sent once more, under the id
that it had. A StartTransaction or StopTransaction is not.

What the flash does not take is kept in RAM where it is worth it (`store.overflow`) and written later
(`catch_up`). A transaction does not begin there without room for its end, and for the ends of all that run.
"""

from binascii import hexlify
from os import urandom

import log
from hal.ticks import ticks_add, ticks_diff
from ocpp16 import payloads, queued
from station import metering

# Transactions confirmed and not stopped: one per connector, and some that the CSMS refused. More are
# leftovers of damaged records; the note that keeps them has 1 KB.
_MOST_IDS = 24
# Errata 3.18: what stands for the transactionId when StartTransaction was never confirmed.
_NEVER_CONFIRMED = -1
# A flash that has not taken something is asked again after so long.
_CATCH_UP_MS = 10000
# Where a message was put; nowhere is an OSError.
_ON_FLASH = 1
_IN_RAM = 2


class Outbox:
    def __init__(self, journal, config, clock, milliseconds):
        self._journal = journal
        self._config = config
        self._clock = clock
        self._milliseconds = milliseconds
        self._retry_at = None
        # (journal sequence, action, number, tag, record) of the oldest record. The same until it is dropped:
        # its message id stays, also when it moves from RAM to the journal between two tries.
        self._head = None
        self._lost_samples = 0  # MeterValues that the journal refused in a row
        self._running = set()  # numbers of transactions that have begun and not ended
        self._note_owed = False  # the note and the head are not on flash as they are here
        self._catch_up_at = None  # ticks; None: nothing was refused
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
        self._take_over_tries(head)
        if not isinstance(note.get("ids"), dict):
            note["ids"] = {}
        self._ram_id = _chance()
        if self._forgetful:
            # Ids must be unique per identity, over reboots too (OCPP-J errata 3.1): after a lost data
            # directory the journal counts from the start again, so a random prefix goes before the count.
            note["id"] = _chance()
            self._keep_note()  # before a message goes out with it

    def _take_over_tries(self, head):
        """What an earlier boot noted of the oldest record."""
        tries = self._note.pop("tries", None)
        if isinstance(tries, int) and head is not None:  # the first firmware's
            tries = [head[0], tries]
        # What was in RAM only is gone, and its number will come again.
        if isinstance(tries, list) and not self._journal.numbered_in_ram(tries[0]):
            self._note["tries"] = tries

    # --- in ---

    def started(self, transaction):
        """False: it is kept nowhere, or there is no room for its end."""
        number = transaction.number
        try:
            self._append(queued.start(transaction), True, len(self._running) + 1)
        except OSError as error:
            log.error("outbox", "%s of transaction %d could not be kept: %s", queued.START, number, error)
            return False
        self._running.add(number)
        return True

    def stopped(self, transaction, reason, tag, stamp, data):
        """True when it is on flash. `data`: list of (stamp, values) for transactionData."""
        number = transaction.number
        self._running.discard(number)
        if data:
            record = queued.stop(transaction, reason, tag, stamp, data)
            try:
                return self._append(record, True, len(self._running)) == _ON_FLASH
            except OSError:
                log.warning("outbox", "stop of transaction %d is kept without its transactionData", number)
        try:
            return self._append(queued.stop(transaction, reason, tag, stamp, ()), True) == _ON_FLASH
        except OSError as error:
            log.error("outbox", "%s of transaction %d could not be kept: %s", queued.STOP, number, error)
            return False

    def metered(self, number, transaction, stamp, values):
        """`number`: the connector's; `values`: (context, columns, numbers) of `station.metering`. The energy
        register among them when they are on flash, else None.
        """
        try:
            # On a flash that takes nothing the beginning and the end of a bill are worth RAM, samples are
            # not.
            self._append(queued.meter_values(transaction, number, stamp, values))
        except OSError as error:
            if not self._lost_samples:
                log.error("outbox", "MeterValues cannot be kept: %s", error)
            self._lost_samples += 1
            return None
        if self._lost_samples:
            log.warning("outbox", "MeterValues are kept again, %d were not", self._lost_samples)
            self._lost_samples = 0
        return metering.register_wh(values)

    def journalled(self, number, transaction_id=None):
        """What the journal knows of a transaction, for the boot after a power cut: "started" (its
        StartTransaction waits here or was confirmed), "stopped" (its StopTransaction waits here), None.
        `transaction_id`: what its own record says that the CSMS gave it, or None. It completes a note that
        was lost, at once: the transaction may say nothing until the next power cut.
        """
        if self._forgetful and transaction_id is not None and str(number) not in self._ids:
            self._remember(number, transaction_id)
            self._keep_note()
        known = ["started" if str(number) in self._ids else None]

        def take(action, record):
            known[0] = "stopped" if action == queued.STOP else "started"
            return True

        self._look(number, take)
        if known[0] == "started":
            self._running.add(number)  # it goes on, or its end follows
        return known[0]

    def told(self, number):
        """(stamp, energy register in Wh) of the last MeterValues of a transaction that is on flash, delivered
        or not; None when there is none.
        """
        told = []

        def take(action, record):
            found = queued.register(record)
            if found is not None:
                told[:] = found
            return found is not None

        self._look(number, take, True)
        return tuple(told) or None

    def _look(self, number, take, delivered=False):
        """Show `take(action, record)` what waits of a transaction, or was delivered and is still there:
        segment by segment from the newest on, in each the oldest first. Of a queue of weeks no more than
        needed: no older segment once `take` has said True, and what lies before the start of an earlier
        transaction has nothing of this one.
        """
        enough = False
        last = 0
        for sequence, record in self._journal.newest_first(delivered):
            if sequence < last and enough:
                return  # an older segment begins
            last = sequence
            try:
                action, of = queued.head(record)
            except ValueError:
                continue  # `_peek` reports it when its turn comes
            if of == number:
                enough = take(action, record) or enough
            elif action == queued.START and of < number:
                enough = True

    def _append(self, record, worth_ram=False, places=0):
        """_ON_FLASH or _IN_RAM. `places`: how many ends of other transactions must find room in RAM besides.
        Raises OSError when the record is kept nowhere.
        """
        self._last_sequence = self._journal.append(record, worth_ram, places)
        if self.on_queued is not None:
            self.on_queued()
        return _IN_RAM if self._journal.waiting else _ON_FLASH

    def catch_up(self, now):
        """Call it once a second: what the flash has not taken is written as soon as it can be. One that stays
        bad is not asked all the time.
        """
        # Ticks wrap: a retry that was due a week ago, before the network failed, would be due in a week.
        if self._retry_at is not None and ticks_diff(self._retry_at, now) < 0:
            self._retry_at = now
        journal = self._journal
        if not journal.waiting and not self._note_owed:
            self._catch_up_at = None
            return
        if self._catch_up_at is not None and ticks_diff(self._catch_up_at, now) > 0:
            return
        self._catch_up_at = ticks_add(now, _CATCH_UP_MS)
        last = journal.move()
        if last is not None and not journal.waiting:
            self._last_sequence = last
        if self._note_owed:
            self._keep_note()

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
            sequence, action, number, _, record = head
            if action == queued.METER and self._tries(sequence) >= self._attempts():
                self._drop(lazy=True)  # given up before the power failed
                continue
            try:
                payload = queued.payload(record, self._time_text)
            except ValueError as error:
                # One record of which nothing can be made must not stand before all others for ever.
                self._drop_unusable(sequence, error)
                continue
            if action != queued.START:
                payload["transactionId"] = self._ids.get(str(number), _NEVER_CONFIRMED)
            return self._message_id(sequence), action, payload

    def _time_text(self, stamp):
        # The original stays a stamp: the message may have to be sent again, with the time known better.
        return payloads.time_text(stamp, self._clock, self._milliseconds)

    def sending(self):
        """The oldest message is on its way again, be there room for it or not: what is answered now is this
        try. Were an answer to the last one taken as well, this one's would confirm the message behind it.
        """
        self._retry_at = None

    def late(self, message_id):
        """The action of the oldest message, when it waits for its next try and `message_id` is its id: the
        CSMS answers after all, later than we waited. None otherwise.
        """
        head = self._peek() if self._retry_at is not None else None
        if head is None or message_id != self._message_id(head[0]):
            return None
        return head[1]

    def answered_late(self, conf):
        """As `answered`, for what `late` has named."""
        log.info("outbox", "the answer came late")
        self.answered(conf)
        if self.on_queued is not None:
            self.on_queued()

    def _message_id(self, sequence):
        in_ram = self._journal.numbered_in_ram(sequence)
        return "%s-%d" % (self._ram_id if in_ram else self._note["id"], sequence)

    def answered(self, conf):
        """The oldest message was confirmed."""
        _, action, number, tag, _ = self._take()
        info = payloads.id_tag_info(conf, self._clock)
        if action == queued.START:
            self._remember(number, conf["transactionId"])
        elif action == queued.STOP:
            self._ids.pop(str(number), None)
        # First others, then the queue forgets: a power cut between the two asks the CSMS once more, under the
        # same id. The other way round they would never hear of it.
        try:
            if action == queued.START and self.on_started is not None:
                self.on_started(number, conf["transactionId"], info, tag)
            elif action == queued.STOP and self.on_stopped is not None:
                self.on_stopped(tag, info)
        finally:
            self._drop(lazy=action == queued.METER)

    def failed(self, why, now):
        """The CSMS could not process the oldest message: CALLERROR, no answer in time, a senseless answer.

        Section 3.7.1: TransactionMessageAttempts transmissions in all, each wait longer by the interval;
        then it is dropped and the next one follows. Being offline does not count.
        """
        note = self._note
        sequence, action, number, tag, _ = self._take()
        tries = self._tries(sequence) + 1
        note["tries"] = [sequence, tries]
        if tries < self._attempts():
            self._wait(tries, now)
            log.warning("outbox", "try %d failed: %s", tries, why)
            self._keep_note()
            return
        log.error("outbox", "%s of transaction %d given up after %d tries: %s", action, number, tries, why)
        if action == queued.METER:
            self._keep_note()
        elif action == queued.START:
            self._remember(number, _NEVER_CONFIRMED)
        else:
            self._ids.pop(str(number), None)
        self._drop(lazy=action == queued.METER)
        if action == queued.START and self.on_started is not None:
            self.on_started(number, _NEVER_CONFIRMED, None, tag)

    @property
    def last_try(self):
        """The oldest message is given up when it fails once more."""
        return self._tries(self._take()[0]) + 1 >= self._attempts()

    def postponed(self, now):
        """No answer to the oldest message, and perhaps nobody there who could fail to process it: it is sent
        again some time, and nothing is counted.
        """
        self._wait(max(1, self._tries(self._take()[0])), now)

    def _wait(self, tries, now):
        wait_ms = self._config.value("TransactionMessageRetryInterval") * 1000 * tries
        self._retry_at = ticks_add(now, min(wait_ms, (1 << 29) - 1))

    def _attempts(self):
        return self._config.value("TransactionMessageAttempts")

    def _tries(self, sequence):
        kept = self._note.get("tries")
        return kept[1] if kept and kept[0] == sequence else 0

    def _remember(self, number, transaction_id):
        ids = self._ids
        while len(ids) >= _MOST_IDS:
            del ids[min(ids, key=int)]
        ids[str(number)] = transaction_id

    def _keep_note(self):
        try:
            self._journal.save_note(self._note)
        except OSError as error:
            self._owe_note(error)
        else:
            self._note_owed = False

    def _owe_note(self, error):
        if not self._note_owed:
            log.error("outbox", "head and note not kept: %s", error)
        self._note_owed = True

    @property
    def _ids(self):
        return self._note["ids"]

    def _peek(self):
        """The oldest record and what it is; records that make no sense are reported and passed over."""
        while self._head is None:
            found = self._journal.peek()
            if found is None:
                return None
            sequence, record = found
            try:
                action, number = queued.head(record)
                tag = queued.id_tag(record)
            except ValueError as error:
                self._drop_unusable(sequence, error)
            else:
                self._head = (sequence, action, number, tag, record)
        return self._head

    def _take(self):
        head = self._peek()
        if head is None:
            raise RuntimeError("an answer for an empty outbox")
        return head

    def _drop_unusable(self, sequence, why):
        log.error("outbox", "record %d is no message, dropped: %s", sequence, why)
        self._drop()

    def _drop(self, lazy=False):
        if not lazy:  # it is of no use any more, but a note that stays the same need not be written
            self._note.pop("tries", None)
        self._retry_at = None
        self._head = None
        lazy = lazy and not self._note_owed
        try:
            self._journal.drop(self._note, lazy)
        except OSError as error:
            self._owe_note(error)
        else:
            self._note_owed = False


def _chance():
    return str(hexlify(urandom(5)), "ascii")
