# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The record of a running transaction, which survives a power cut.

It is written at the beginning, with what StartTransaction.conf tells, and then so often that at most the
energy of RECORD_MS may be lost, where the meter itself does not know better at the next boot. A MeterValues
that is on flash knows the register as well (`ChargePoint.recover` takes both) and costs nothing more: it
stands for the record, which is then written every LEANING_MS only. What other messages may take the place of
does not count (`Books.sample_told`).

The cut is known to lie between the record and the end of RECORD_MS, or the next boot: the stamp
(boot, last_ms, most_ms) of `station.clock`. A warning of the board makes the record fresh.
"""

import log
from hal.ticks import ticks_add, ticks_diff
from station.transaction import RECORD_MS, Transaction

RECORD_VERSION = 2
# The sample that stands for the record may be damaged on flash: then the meter at the next boot has to be
# believed that so much more has flowed.
LEANING_MS = 900000
# A flash that did not take the record is tried again so soon.
_RETRY_MS = 10000


class Keeper:
    """Keeps the running transaction of one connector on flash. `record`: a store record.

    leans        on a sample: the record is older
    recorded_wh  the register on flash
    """

    def __init__(self, record):
        self._record = record
        self.leans = False
        self.recorded_wh = 0
        self._kept_at = 0  # ticks: the record was written
        self._fresh_at = 0  # ticks: it, or the sample that stands for it
        self._failing = False

    def keep(self, transaction, now):
        """As it is now; a flash that takes nothing is logged once, the car goes on charging."""
        self._kept_at = self._fresh_at = now
        try:
            self._record.save(packed(transaction))
        except OSError as error:
            if not self._failing:
                log.error("transaction", "%d not kept: %s", transaction.number, error)
            self._failing = True
            self._fresh_at = ticks_add(now, _RETRY_MS - RECORD_MS)
            return
        if self._failing:
            log.warning("transaction", "%d is kept again", transaction.number)
        self._failing = False
        self.recorded_wh = transaction.meter_last_wh
        self.leans = False

    def witnessed(self, register_wh, now):
        """A sample with this register is on flash, and stays there."""
        if not self._failing:  # a beginning that is not on flash at all has nothing to lean on
            self._fresh_at = now
        self.recorded_wh = max(register_wh, self.recorded_wh)
        self.leans = True

    def due(self, now):
        """Is it time to write the record?"""
        return ticks_diff(now, self._fresh_at) >= RECORD_MS or ticks_diff(now, self._kept_at) >= LEANING_MS

    def drop(self):
        self.leans = False
        try:
            self._record.save(None)
        except OSError as error:
            log.error("transaction", "record not cleared: %s", error)

    def load(self):
        """The transaction that a power cut left behind, or None; one that makes no sense is logged."""
        row = self._record.load()
        if row is None:
            return None
        try:
            return restored(row)
        except ValueError as error:
            log.error("transaction", "record dropped: %s", error)
            return None


# --- its format (docs/files.md) ---

_WARNED = 1
_AHEAD = 2
_FIELDS = 14
_NEEDED = 8


def packed(transaction):
    """A list without names and with differences, because a file of 128 bytes and less costs a tenth of what
    a longer one does (docs/files.md).
    """
    started = transaction.started
    seen = transaction.last_seen
    if isinstance(started, int) and isinstance(seen, int):
        seen -= started
    refused_wh = transaction.refused_at_wh
    row = [
        transaction.number,
        transaction.connector,
        transaction.id_tag,
        started,
        transaction.meter_start_wh,
        transaction.meter_last_wh - transaction.meter_start_wh,
        seen,
        _WARNED if transaction.warned else _AHEAD if transaction.ahead else 0,
        transaction.transaction_id,
        transaction.parent,
        transaction.begin,
        transaction.reservation_id,
        None if refused_wh is None else refused_wh - transaction.meter_start_wh,
        transaction.offset_wh or None,
    ]
    while row[-1] is None:
        row.pop()
    return row


def restored(row):
    """The transaction of a record, or ValueError when fields are missing or of the wrong kind."""
    if not isinstance(row, list) or not _NEEDED <= len(row) <= _FIELDS:
        raise ValueError("not a transaction")
    row = row + [None] * (_FIELDS - len(row))
    number, connector, id_tag, started, start_wh, energy_wh, seen, mark = row[:_NEEDED]
    transaction_id, parent, begin, reservation_id, refused_wh, offset_wh = row[_NEEDED:]
    for value in (number, connector, start_wh, energy_wh):
        if not isinstance(value, int):
            raise ValueError("a number that is none")
    for value in (transaction_id, reservation_id, refused_wh, offset_wh):
        if value is not None and not isinstance(value, int):
            raise ValueError("a number that is none")
    if not isinstance(id_tag, str) or not (parent is None or isinstance(parent, str)):
        raise ValueError("a tag that is none")
    if not (_is_stamp(started) and _is_stamp(seen)):
        raise ValueError("a time that is none")
    transaction = Transaction(number, connector, id_tag, parent, started, start_wh, reservation_id)
    transaction.meter_last_wh = start_wh + energy_wh
    transaction.last_seen = started + seen if isinstance(started, int) and isinstance(seen, int) else seen
    transaction.warned = mark == _WARNED
    transaction.ahead = mark == _AHEAD
    transaction.transaction_id = transaction_id
    transaction.refused_at_wh = None if refused_wh is None else start_wh + refused_wh
    transaction.begin = begin
    transaction.offset_wh = offset_wh or 0
    return transaction


def _is_stamp(value):
    if isinstance(value, int):
        return True
    return isinstance(value, list) and 2 <= len(value) <= 4 and all(isinstance(part, int) for part in value)


def migrate(version, row):
    """The content of an older record as RECORD_VERSION has it. Version 1: a dict with the names of 0.1.0."""
    if row is None:
        return None
    transaction = Transaction(
        row["number"],
        row["connector"],
        row["id_tag"],
        row["parent"],
        row["started"],
        row["meter_start_wh"],
        row["reservation_id"],
    )
    transaction.meter_last_wh = row["meter_last_wh"]
    transaction.last_seen = row["last_seen"]
    transaction.transaction_id = row["transaction_id"]
    transaction.refused_at_wh = row["refused_at_wh"]
    return packed(transaction)
