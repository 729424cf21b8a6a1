# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the drivers were promised and what the records held, to be compared with the central system's books.

Acknowledged to the driver is a transaction from the moment the contactor is permitted: energy may flow, so it
has to be billed. One that was begun and cut off before that may be in the books or not; if it is, it must be
complete like any other.
"""

import json

from store.record import Record


class Promise:
    """A transaction as the charger began it. acknowledged: the contactor was permitted.

    meters: {register in Wh: [begun, kept]}, how many MeterValues were given to the outbox with it, and how
    many of these calls came back
    """

    def __init__(self, transaction):
        self.key = (transaction.connector, transaction.id_tag, transaction.meter_start_wh)
        self.number = transaction.number
        self.acknowledged = False
        self.meters = {}

    def __repr__(self):
        return "connector %d, %s, from %d Wh" % self.key


class Ledger:
    def __init__(self):
        self._promises = []
        self._by_number = {}  # of the transactions of now: a boot that cannot be counted gives numbers again

    @property
    def acknowledged(self):
        return len([promise for promise in self._promises if promise.acknowledged])

    def watch(self, charger):
        """Stand before the outbox and beside the contactors of a charger that was just built."""
        outbox = charger.outbox
        started, metered = outbox.started, outbox.metered

        def on_start(transaction):
            self._by_number[transaction.number] = promise = Promise(transaction)
            self._promises.append(promise)
            return started(transaction)

        def on_meter(number, transaction, stamp, values):
            counts = None
            if transaction.number in self._by_number:
                meters = self._by_number[transaction.number].meters
                counts = meters.setdefault(transaction.meter_last_wh, [0, 0])
                counts[0] += 1
            result = metered(number, transaction, stamp, values)
            if counts is not None:
                counts[1] += 1
            return result

        def on_permit(number):
            transaction = charger.station.connectors[number - 1].transaction
            if transaction is not None and transaction.number in self._by_number:
                self._by_number[transaction.number].acknowledged = True

        outbox.started = on_start
        outbox.metered = on_meter
        for supply in charger.firmware.supplies:
            supply.on_permit = on_permit

    def compare(self, central, drawn_wh, is_thinned):
        """(kind, text) of everything in which the books differ. drawn_wh: {connector: energy that flowed};
        is_thinned: MeterValues may be missing, and nothing else.
        """
        faults = []
        begun = {}
        for promise in self._promises:
            begun.setdefault(promise.key, []).append(promise)
        rows = {}
        for row in central.rows:
            rows.setdefault(row.key, []).append(row)
        unknown = [rows[key][0] for key in rows if key not in begun]
        faults += [("lost", "%s was never begun like that" % row) for row in unknown]
        for key, promises in begun.items():
            booked = rows.get(key, [])
            promised = [promise for promise in promises if promise.acknowledged]
            if len(booked) < len(promised):
                faults.append(("lost", "transaction %s" % promised[0]))
            if len(booked) > len(promises):
                faults.append(("duplicated", "StartTransaction of %s" % promises[0]))
            faults += [("lost", "StopTransaction of %s" % row) for row in booked if row.stop is None]
            self._compare_meters(promises, booked, faults, is_thinned)
        for connector, wh in drawn_wh.items():
            billed = sum(
                [
                    row.stop[0] - row.start_wh
                    for row in central.rows
                    if row.stop and row.connector == connector
                ]
            )
            if billed != wh:
                faults.append(("energy", "connector %d: %d Wh of %d Wh are billed" % (connector, billed, wh)))
        return faults

    @staticmethod
    def _compare_meters(promises, booked, faults, is_thinned):
        found = {}
        for row in booked:
            for register_wh, _ in row.meters:
                found[register_wh] = found.get(register_wh, 0) + 1
        wanted = {}
        for promise in promises:
            for register_wh, counts in promise.meters.items():
                total = wanted.setdefault(register_wh, [0, 0])
                total[0] += counts[0]
                total[1] += counts[1]
        for register_wh, (most, least) in wanted.items():
            count = found.get(register_wh, 0)
            if count < least and not is_thinned:
                faults.append(("lost", "MeterValues with %d Wh of %s" % (register_wh, promises[0])))
            if count > most:
                faults.append(("duplicated", "MeterValues with %d Wh of %s" % (register_wh, promises[0])))
        for register_wh in found:
            if register_wh not in wanted:
                faults.append(("lost", "%s Wh of %s was never read" % (register_wh, promises[0])))


_real = (Record.load, Record.save, Record.remove)


def watch_records(fault):
    """Old or new, never mixed: from now on `fault(kind, text)` hears of every record file that holds what was
    neither saved last nor being saved when the power went. Gives {path: contents it may have}.
    """
    load, save, remove = _real
    may_hold = {}  # path -> contents

    def on_load(record):
        found = load(record)
        allowed = may_hold.get(record.path, (None,))
        if found not in allowed:
            fault("settings", "%s holds %s, not one of %s" % (record.path, found, allowed))
        may_hold[record.path] = [found]
        return found

    def on_save(record, content):
        saved = json.loads(json.dumps(content))
        may_hold.setdefault(record.path, [None]).append(saved)
        save(record, content)
        may_hold[record.path] = [saved]

    def on_remove(record):
        may_hold.setdefault(record.path, [None]).append(None)
        remove(record)
        may_hold[record.path] = [None]

    Record.load = on_load  # pyright: ignore[reportAttributeAccessIssue]
    Record.save = on_save  # pyright: ignore[reportAttributeAccessIssue]
    Record.remove = on_remove  # pyright: ignore[reportAttributeAccessIssue]
    return may_hold
