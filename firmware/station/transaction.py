# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One transaction: what is known of it, the times it tells, and the record of it that survives a power cut.

Times: within a transaction none lies before one that was told earlier, whatever the CSMS does to the clock.
What is told has the true time, or that of what was told last and the running time since, whichever is later:
a clock that is set back keeps durations right, one that is set forward shows.

Power cuts: the record, or a sample that is on flash, is at most RECORD_MS old (a warning of the board makes
the record fresh). So energy that flowed for that long may be lost, where the meter itself does not know
better at the next boot, and the cut is known to lie between the record and the end of that time, or the next
boot: the stamp (boot, last_ms, most_ms) of `station.clock`.
"""

import log

RECORD_VERSION = 2
# The energy between the last record and a power cut may not be billed: at 22 kW this bounds it to 0.73 kWh.
RECORD_MS = 120000
# What may come between the end of that interval and the record being written, and be told meanwhile; and how
# far the clock may be moved meanwhile.
_LATE_MS = 2000


class Transaction:
    """A running transaction.

    number           ours: unique over reboots, known before the CSMS gives its transactionId
    transaction_id   the CSMS's, None until StartTransaction is confirmed; -1 when it never will be (errata
    3.18) id_tag, parent   who started it; the parent may be learned from StartTransaction.conf
    started          stamp of the start (see `station.clock`)
    meter_start_wh   register at the start
    meter_last_wh    register when last seen, at `last_seen`: what is billed if the power fails
    warned           the record was written when the power was about to fail: `last_seen` is that moment
    refused_at_wh    register when the CSMS refused the tag in StartTransaction.conf, else None
    begin            what transactionData keeps of the beginning: JSON, None when nothing
    """

    __slots__ = (
        "number",
        "connector",
        "id_tag",
        "parent",
        "started",
        "meter_start_wh",
        "meter_last_wh",
        "last_seen",
        "warned",
        "reservation_id",
        "transaction_id",
        "refused_at_wh",
        "begin",
        "recorded_wh",
        "_told",
        "_told_at_ms",
    )

    def __init__(
        self, number, connector, id_tag, parent, started, meter_start_wh, reservation_id=None, at_ms=0
    ):
        """`at_ms`: the uptime that `started` stands for, 0 in a later boot."""
        self.number = number
        self.connector = connector
        self.id_tag = id_tag
        self.parent = parent
        self.started = started
        self.meter_start_wh = meter_start_wh
        self.meter_last_wh = meter_start_wh
        self.last_seen = started
        self.warned = False
        self.reservation_id = reservation_id
        self.transaction_id = None
        self.refused_at_wh = None
        self.begin = None
        self.recorded_wh = meter_start_wh  # `meter_last_wh` as it is on flash
        self._told = started  # the last stamp that was told, ...
        self._told_at_ms = at_ms  # ... and the uptime that it stands for

    # --- times ---

    def tell(self, clock, at_ms):
        """The stamp to tell of something that happened at `at_ms` (uptime)."""
        stamp = self._stamp(clock, at_ms)
        self._told = stamp
        self._told_at_ms = max(at_ms, self._told_at_ms)
        return stamp

    def _stamp(self, clock, at_ms):
        return clock.stamp_behind(self._told, self._told_at_ms, at_ms)

    def seen(self, energy_wh, clock):
        """Note the register. It never goes backwards: a meter that was swapped or rolled over does not
        refund.
        """
        if energy_wh is not None and energy_wh >= self.meter_last_wh:
            self.meter_last_wh = energy_wh
        self.last_seen = self._stamp(clock, clock.uptime_ms)

    def cut(self, clock):
        """The power failed: the stamp of that moment. Nothing that was told lies behind it."""
        return clock.stamp_of_cut(self.last_seen, 0 if self.warned else RECORD_MS + _LATE_MS)

    def was_told(self, clock, stamp, register_wh):
        """The last sample that is on flash, told before the cut: as good as the record."""
        if not self.warned:
            self.last_seen = clock.later(self.last_seen, stamp)
        self.meter_last_wh = max(self.meter_last_wh, register_wh)

    def taken_up(self, clock):
        """It goes on after a power cut: what comes is told behind the cut."""
        self._told = self.cut(clock)
        self._told_at_ms = 0
        self.warned = False
        self.last_seen = self._stamp(clock, clock.uptime_ms)

    def energy_wh(self):
        return self.meter_last_wh - self.meter_start_wh

    # --- the record ---

    def row(self):
        """For the record on flash: a list without names and with differences, because a file of 128 bytes
        and less costs a tenth of what a longer one does (docs/files.md).
        """
        started = self.started
        seen = self.last_seen
        if isinstance(started, int) and isinstance(seen, int):
            seen -= started
        refused_wh = self.refused_at_wh
        row = [
            self.number,
            self.connector,
            self.id_tag,
            started,
            self.meter_start_wh,
            self.meter_last_wh - self.meter_start_wh,
            seen,
            1 if self.warned else 0,
            self.transaction_id,
            self.parent,
            self.begin,
            self.reservation_id,
            None if refused_wh is None else refused_wh - self.meter_start_wh,
        ]
        while row[-1] is None:
            row.pop()
        return row


_FIELDS = 13
_NEEDED = 8


def restored(row):
    """The transaction of a record, or ValueError when fields are missing or of the wrong kind."""
    if not isinstance(row, list) or not _NEEDED <= len(row) <= _FIELDS:
        raise ValueError("not a transaction")
    row = row + [None] * (_FIELDS - len(row))
    number, connector, id_tag, started, start_wh, energy_wh, seen, warned = row[:_NEEDED]
    transaction_id, parent, begin, reservation_id, refused_wh = row[_NEEDED:]
    for value in (number, connector, start_wh, energy_wh):
        if not isinstance(value, int):
            raise ValueError("a number that is none")
    for value in (transaction_id, reservation_id, refused_wh):
        if value is not None and not isinstance(value, int):
            raise ValueError("a number that is none")
    if not isinstance(id_tag, str) or not (parent is None or isinstance(parent, str)):
        raise ValueError("a tag that is none")
    if not (_is_stamp(started) and _is_stamp(seen)):
        raise ValueError("a time that is none")
    transaction = Transaction(number, connector, id_tag, parent, started, start_wh, reservation_id)
    transaction.meter_last_wh = transaction.recorded_wh = start_wh + energy_wh
    transaction.last_seen = started + seen if isinstance(started, int) and isinstance(seen, int) else seen
    transaction.warned = warned == 1
    transaction.transaction_id = transaction_id
    transaction.refused_at_wh = None if refused_wh is None else start_wh + refused_wh
    transaction.begin = begin
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
    return transaction.row()


class Keeper:
    """Keeps the running transaction of one connector on flash. `record`: a store record."""

    def __init__(self, record):
        self._record = record

    def keep(self, transaction):
        """As it is now; a disk that takes nothing is logged, the car goes on charging."""
        try:
            self._record.save(transaction.row())
            transaction.recorded_wh = transaction.meter_last_wh
        except OSError as error:
            log.error("transaction", "%d not kept: %s", transaction.number, error)

    def drop(self):
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
