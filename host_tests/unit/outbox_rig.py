# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""An outbox on the bench of the unit tests: a journal without files, and a clock that the tests move."""

import json
from binascii import hexlify, unhexlify

from hal.ticks import ticks_add
from ocpp16.outbox import Outbox
from station.clock import Clock
from station.transaction import Transaction


class MemoryJournal:
    """What `store.overflow.Overflow` on a `store.journal.Journal` offers, without files and with nothing in
    RAM; `persisted` is what a restart would find.
    """

    SEGMENT = 4  # records

    def __init__(self, persisted=None):
        kept = json.loads(persisted) if persisted else {"next": 1, "head": 1, "records": [], "note": {}}
        self._kept = kept
        self._head = kept["head"]
        self.head_note = json.loads(json.dumps(kept["note"]))
        self.full = False
        self.stuck = False  # the head and its note cannot be written
        self.asked = 0  # how often append() was called
        self.read = 0  # records that newest_first() gave

    def persisted(self):
        return json.dumps(self._kept)

    waiting = 0

    def _waiting(self):
        return [record for record in self._kept["records"] if record[0] >= self._head]

    @property
    def depth(self):
        return len(self._waiting())

    @staticmethod
    def numbered_in_ram(number):
        return False

    def append(self, data, worth_ram=False, places=0):
        self.asked += 1
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
        if self.stuck:
            raise OSError(5)
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
