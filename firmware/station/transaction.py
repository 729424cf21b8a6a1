# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One transaction: what is known of it, and the record of it that survives a power cut."""

import log

RECORD_VERSION = 1


class Transaction:
    """A running transaction.

    number           ours: unique over reboots, known before the CSMS gives its transactionId
    transaction_id   the CSMS's, None until StartTransaction is confirmed; -1 when it never will be (errata
    3.18) id_tag, parent   who started it; the parent may be learned from StartTransaction.conf
    started          stamp of the start (see `station.clock`)
    meter_start_wh   register at the start
    meter_last_wh    register when last seen, at `last_seen`: what is billed if the power fails
    refused_at_wh    register when the CSMS refused the tag in StartTransaction.conf, else None
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
        "reservation_id",
        "transaction_id",
        "refused_at_wh",
    )

    def __init__(self, number, connector, id_tag, parent, started, meter_start_wh, reservation_id=None):
        self.number = number
        self.connector = connector
        self.id_tag = id_tag
        self.parent = parent
        self.started = started
        self.meter_start_wh = meter_start_wh
        self.meter_last_wh = meter_start_wh
        self.last_seen = started
        self.reservation_id = reservation_id
        self.transaction_id = None
        self.refused_at_wh = None

    def seen(self, energy_wh, stamp):
        """Note the register. It never goes backwards: a meter that was swapped or rolled over does not
        refund.
        """
        if energy_wh is not None and energy_wh >= self.meter_last_wh:
            self.meter_last_wh = energy_wh
        self.last_seen = stamp

    def energy_wh(self):
        return self.meter_last_wh - self.meter_start_wh

    def row(self):
        """For the record on flash."""
        return {name: getattr(self, name) for name in self.__slots__}


def restored(row):
    """The transaction of a record, or ValueError when fields are missing or of the wrong kind."""
    try:
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
    except (KeyError, TypeError):
        raise ValueError("transaction record without a field")
    for value in (transaction.number, transaction.meter_start_wh, transaction.meter_last_wh):
        if not isinstance(value, int):
            raise ValueError("transaction record with a number that is none")
    return transaction


class Keeper:
    """Keeps the running transaction of one connector on flash. `record`: a store record."""

    def __init__(self, record):
        self._record = record

    def keep(self, transaction):
        """As it is now; a disk that takes nothing is logged, the car goes on charging."""
        try:
            self._record.save(transaction.row())
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
