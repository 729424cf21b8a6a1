# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the drivers were promised and what the records held, to be compared with the central system's books.

Acknowledged to the driver is a transaction from the moment the contactor is permitted: energy may flow, so it
has to be billed. One that was begun and cut off before that may be in the books or not; if it is, it must be
complete like any other.

What is billed: all that flowed and never more. A power cut after which the meter has forgotten its register,
or is silent for too long, may cost what flowed in the LOST_MS before it; DAMAGED_LOST_MS where a file was
damaged as well; nothing when the board had warned of it.
"""

import json

from store.record import Record

# The longest turns of the world: one until a record that is due is written, one for the age of the reading.
_TURNS_MS = 2 * 5000
LOST_MS = 120000 + _TURNS_MS
DAMAGED_LOST_MS = 900000 + _TURNS_MS
_ROUNDING_WH = 1  # registers are whole Wh


class Promise:
    """A transaction as the charger began it. acknowledged: the contactor was permitted.

    meters       {register in Wh: [begun, kept]}, how many MeterValues were given to the outbox with it, and
                 how many of these calls came back
    flowed_mwh   what the car got, and of that `boot_mwh` since the boot
    forgot_mwh   what `boot_mwh` was at each power cut after which the meter did not help
    """

    def __init__(self, key, number):
        self.key = key
        self.number = number
        self.acknowledged = False
        self.meters = {}
        self.flowed_mwh = 0
        self.boot_mwh = 0
        self.forgot_mwh = []

    def copy(self):
        other = Promise(self.key, self.number)
        other.acknowledged = self.acknowledged
        other.meters = {register: list(counts) for register, counts in self.meters.items()}
        other.flowed_mwh = self.flowed_mwh
        other.boot_mwh = self.boot_mwh
        other.forgot_mwh = list(self.forgot_mwh)
        return other

    def __repr__(self):
        return "connector %d, %s, from %d Wh" % self.key


class Ledger:
    """`power_w`: what a charging car draws.

    faults   (kind, text) of what was wrong at once
    """

    def __init__(self, power_w):
        self.faults = []
        self._power_w = power_w
        self._promises = []
        self._by_number = {}  # of the transactions of now: a boot that cannot be counted gives numbers again
        self._last = {}  # connector -> promise

    def copy(self):
        """One that knows as much and goes its own way."""
        other = Ledger(self._power_w)
        copies = {promise: promise.copy() for promise in self._promises}
        other._promises = [copies[promise] for promise in self._promises]
        other._by_number = {number: copies[promise] for number, promise in self._by_number.items()}
        other._last = {connector: copies[promise] for connector, promise in self._last.items()}
        return other

    @property
    def acknowledged(self):
        return len([promise for promise in self._promises if promise.acknowledged])

    def watch(self, charger):
        """Stand before the outbox and beside the contactors of a charger that was just built."""
        outbox = charger.outbox
        started, metered, stopped = outbox.started, outbox.metered, outbox.stopped

        def on_start(transaction):
            key = (transaction.connector, transaction.id_tag, transaction.meter_start_wh)
            self._by_number[transaction.number] = promise = Promise(key, transaction.number)
            self._promises.append(promise)
            self._last[transaction.connector] = promise
            return started(transaction)

        def on_stop(transaction, *arguments):
            kept = stopped(transaction, *arguments)
            if kept and transaction.number in self._by_number:
                self._by_number[transaction.number].boot_mwh = 0
            return kept

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
        outbox.stopped = on_stop
        outbox.metered = on_meter
        for supply in charger.firmware.supplies:
            supply.on_permit = on_permit

    def flows(self, connector, mwh):
        """A car there gets energy."""
        promise = self._last.get(connector)
        if promise is None:
            self.faults.append(("energy", "%d mWh at %d without a transaction" % (mwh, connector)))
            return
        promise.flowed_mwh += mwh
        promise.boot_mwh += mwh

    def power_lost(self, connector, is_meter_lost):
        """The power goes; `is_meter_lost`: what the meter knew is not to be had when it returns."""
        promise = self._last.get(connector)
        if promise is not None:
            if is_meter_lost:
                promise.forgot_mwh.append(promise.boot_mwh)
            promise.boot_mwh = 0

    def _books(self, central):
        """({key: promises}, {key: rows}) of what was begun and of what was booked."""
        begun = {}
        for promise in self._promises:
            begun.setdefault(promise.key, []).append(promise)
        rows = {}
        for row in central.rows:
            rows.setdefault(row.key, []).append(row)
        return begun, rows

    def misbilled(self, central, lost_ms=LOST_MS):
        """(kind, text) of each transaction that is complete in the central system's books and whose bill is
        higher than what flowed, or lower by more than flowed in the `lost_ms` before each power cut after
        which the meter did not help.
        """
        faults = []
        begun, rows = self._books(central)
        most_lost_mwh = self._power_w * lost_ms // 3600
        for key, promises in begun.items():
            booked = rows.get(key, [])
            promised = [promise for promise in promises if promise.acknowledged]
            if not len(promised) <= len(booked) <= len(promises) or not all(row.stop for row in booked):
                continue  # something was lost or came twice: `compare` tells
            flowed_mwh = sum([promise.flowed_mwh for promise in promises])
            lost_mwh = sum([min(mwh, most_lost_mwh) for promise in promises for mwh in promise.forgot_mwh])
            most_wh = flowed_mwh // 1000 + _ROUNDING_WH * len(booked)
            least_wh = (flowed_mwh - lost_mwh) // 1000 - _ROUNDING_WH * len(booked)
            billed_wh = sum([row.stop[0] - row.start_wh for row in booked])
            if not least_wh <= billed_wh <= most_wh:
                text = "%s: %d Wh are billed, not %d to %d" % (promises[0], billed_wh, least_wh, most_wh)
                faults.append(("bill", text))
        return faults

    def compare(self, central, drawn_wh, is_thinned):
        """(kind, text) of everything in which the books differ. drawn_wh: {connector: energy that flowed},
        where all of it has to be billed; is_thinned: MeterValues may be missing, and nothing else.
        """
        faults = self.faults + self.misbilled(central)
        begun, rows = self._books(central)
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
