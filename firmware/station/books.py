# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What of a connector's transactions is on flash: begun, its record while it runs, ended and told.

Nobody is charged without a record, and no record goes before its end is told. A moment without memory must
break neither.
"""

import gc

import log


class Books:
    def __init__(self, connector, keeper):
        """`keeper`: `station.transaction_record.Keeper` of this connector."""
        self._connector = connector
        self._keeper = keeper
        self._untold = None  # the last transaction, of which only the record on flash knows the end
        self._failed = None  # why an end could not be told: the main loop ends, the next start tells it

    @property
    def unrecorded_wh(self):
        """What a power cut could cost now; -1 without a transaction."""
        transaction = self._connector.transaction
        return -1 if transaction is None else transaction.meter_last_wh - self._keeper.recorded_wh

    def check(self):
        """Raises what kept the last end from being told, at every step: the main loop is to end."""
        if self._failed is not None:
            raise self._failed

    # --- the record ---

    def due(self, now):
        """Is it time to write the record?"""
        return self._keeper.due(now)

    def keep(self, now):
        """As of now, also when the meter is silent: times are told all the same."""
        transaction = self._connector.transaction
        if transaction is not None:
            transaction.seen(None, self._connector.station.clock)
            self._keeper.keep(transaction, now)

    def keep_as_read(self, transaction, now):
        """One that a power cut has interrupted, with what is known of it."""
        self._keeper.keep(transaction, now)

    def another_begins(self, now):
        """What the beginning of another transaction writes takes the place of our last sample."""
        if self._keeper.leans:
            self.keep(now)

    def sample_told(self, register_wh):
        """A sample of the transaction was told; it is on flash, with this register. None: it is not, or has
        no register.
        """
        connector = self._connector
        if connector.transaction is None:
            return
        now = connector.station.now()
        if register_wh is None:
            self.another_begins(now)  # it is in the place of the sample before it
        elif connector.station.alone(connector.number):
            self._keeper.witnessed(register_wh, now)
        else:
            # The samples of the other transaction will be in its place. What was told has to be billed.
            self.keep(now)

    def power_fails(self, fails, now):
        """The record of the transaction, at once: `fails`, it is as fresh as can be; else the power is back,
        and the record is again as old as any.
        """
        transaction = self._connector.transaction
        if transaction is not None:
            transaction.seen(None, self._connector.station.clock)
            transaction.warned = fails
            self._keeper.keep(transaction, now)

    # --- beginning and ending ---

    def begin(self, transaction, reading, now):
        """The connector's `transaction` begins with this reading. False: neither flash nor RAM takes it, and
        the connector has none.
        """
        connector = self._connector
        station = connector.station
        number = transaction.number
        try:
            connector.meter_values.begin(connector, reading, transaction.started)
            self._keeper.keep(transaction, now)
            station.begins(connector.number, now)
            kept = station.wire.started(transaction)
        except Exception as error:
            # No memory, at a bad moment. Half begun it would stay for ever, without energy, and untold.
            connector.transaction = None
            kept = self._on_flash(number, "started", error)  # it failed behind that
        connector.transaction = transaction if kept else None
        if kept:
            self._untold = None
            return True
        # Nobody would be billed, and the CSMS never hear of it.
        log.error("connector", "%d: no transaction, it cannot be kept", connector.number)
        if self._untold is None:
            self._keeper.drop()
        else:
            self._keeper.keep(self._untold, now)
        return False

    def end(self, transaction, reason, tag, stamp, data):
        """Tell its end. Raises when there is no memory even for the end alone, and so does `check` from then
        on.
        """
        # What the outbox could not put on flash is still in the record, should the power fail now.
        self._untold = transaction
        wire = self._connector.station.wire
        try:
            told = wire.stopped(transaction, reason, tag, stamp, data)
        except Exception as error:
            # No memory. Before a bill is lost what takes most of it is left out; if that is not enough, the
            # next start tells it from the record, which the next transaction would overwrite.
            try:
                told = self._on_flash(transaction.number, "stopped", error)
                told = told or wire.stopped(transaction, reason, tag, stamp, ())
            except Exception as again:
                self._failed = again
                raise
        if told:
            self._untold = None
            self._keeper.drop()

    def _on_flash(self, number, wanted, error):
        """After `error`: did the journal take it nevertheless?"""
        gc.collect()
        log.error("connector", "%d: %s", self._connector.number, repr(error))
        return self._connector.station.wire.journalled(number, None) == wanted
