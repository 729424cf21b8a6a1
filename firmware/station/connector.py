# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One connector as a charge point sees it: who may charge there, and the transaction.

Synchronous: `step(now)` looks at the supply and the clock, the rest are events. What must happen outside
goes through `station` (see `station.charge_point`): `station.wire` carries messages, `station.read_meter`
fetches a reading.
"""

import log
from evse import faults
from evse.pilot import MIN_DA
from hal.ticks import ticks_add, ticks_diff
from station import status as st
from station.at_rest import AtRest
from station.books import Books
from station.connector_status import ConnectorStatus
from station.meter_values import MeterValues
from station.pending import Ending, Unlocking
from station.transaction import Transaction
from station.transaction_record import LEANING_MS

# A stop waits for the contactor, so that what flows during ramp-down is billed. The supply opens under load
# after 6 s (A.6 sequence 10.2); a contactor that is welded must not keep the bill open.
_STOP_LIMIT_MS = 8000
_UNLOCK_LIMIT_MS = 3000
# Motor locks travel 0.3 to 1 s. One that has just been told to lock still shows that it is open.
_LOCK_TRAVEL_MS = 500
# After a restart a car that is still there has shown itself by then.
_RETURN_MS = 2000
# Of a meter that is still starting.
_METER_RETRY_MS = 500


class Connector:
    def __init__(self, number, supply, station, keeper):
        """`keeper`: `station.transaction_record.Keeper` of this connector."""
        self.number = number
        self.supply = supply
        self.station = station
        self.transaction = None
        self.cut_off = None  # `station.cut_off.CutOff`: the transaction that a power cut has ended
        self.grant = None
        self.finishing = False  # a transaction or a wait is over, the cable is still there
        self.holder = None  # (tag, parent) for whom the cable stays locked (errata 3.5)
        self.last_user = None  # (tag, parent) of the transaction whose cable is still there
        self.remote_pending = None  # the tag of a RemoteStart for this connector that is being authorized
        self.plugged_at_ms = -1  # uptime: the last car, to tell it from the next, and who came first
        self.reading = None  # the last one the meter gave
        described = station.description.connectors[number - 1]
        rated_w = described.rated_da * described.nominal_v * described.phases // 10
        # A register further above the last one is another meter's. The record is this old at the most, after
        # a power cut; a second for what came after it.
        self.most_wh = rated_w * (LEANING_MS + 1000) // 3600000
        self.rest = AtRest()
        self.books = Books(self, keeper)
        self.status = ConnectorStatus(self)
        self.meter_values = MeterValues(station.config, described)
        self._was_plugged = False
        self._was_offering = 0
        self._return_limit = None  # ticks: the car of a resumed transaction shows itself, or has left
        self._meter_asked = False  # a reading for the beginning or the end is on its way
        self._ending = None
        self._unlocking = None

    # --- what others ask ---

    @property
    def blocked(self):
        """The worst fault that forbids energy here, or None."""
        for name in self.supply.faults:
            if faults.is_blocking(name):
                return name
        return None

    @property
    def usable(self):
        """May a new user begin here, cable or not?"""
        return (
            self.station.closing is None
            and not self.busy
            and self.grant is None
            and self._unlocking is None
            and self.blocked is None
            and self.station.availability.operative(self.number)
        )

    @property
    def busy(self):
        """With a transaction, or with one that a power cut has ended."""
        return self.transaction is not None or self.cut_off is not None

    @property
    def ending(self):
        return self._ending is not None or self.cut_off is not None

    @property
    def status_name(self):
        return self.status.name

    # --- events ---

    def give(self, grant, now):
        """Somebody authorized may charge here: at once when the car is there, else within
        ConnectionTimeOut.
        """
        grant.reservation = reservation = self.station.reservations.serving(
            self.number, grant.tag, grant.parent
        )
        if reservation is not None and reservation.connector:
            grant.follows = None  # who has reserved a connector follows no cable to another one
        grant.car = self.supply.plugged and grant.follows is None
        self.grant = grant
        self.finishing = False
        self._release_cable()
        self.step(now)

    def withdraw(self, now):
        """The waiting user gave up (second swipe) or was refused."""
        self.grant = None
        self.step(now)

    def stop(self, reason, tag, now):
        """End the transaction: ask the car to stop, open, read the meter, tell. False when there is none to
        end.
        """
        if self.transaction is None or self._ending is not None:
            return False
        log.info("connector", "%d: stop, %s", self.number, reason)
        self._ending = Ending(reason, tag, ticks_add(now, _STOP_LIMIT_MS))
        self.supply.permit(False)
        self._end_step(now)
        return True

    def unlock(self, done, now):
        """UnlockConnector: `done("Unlocked"|"UnlockFailed"|"NotSupported")` once the lock has answered."""
        if not self.supply.has_lock:
            done("NotSupported")
            return
        if self._unlocking is not None:
            done("UnlockFailed")
            return
        self.grant = None
        # While a transaction runs the limit starts when the contactor is open: a plug is never freed under
        # load.
        self._unlocking = Unlocking(done)
        if self.transaction is not None:
            self.stop("UnlockCommand", None, now)
        else:
            self._unlock_step(now)

    def release_cable(self):
        """The holder of a locked cable came back with the tag."""
        self._release_cable()
        self.supply.unlock()

    def tell(self, at_ms):
        """The stamp to tell of something that happened at `at_ms` (uptime): within a transaction never before
        one that was told.
        """
        clock = self.station.clock
        return clock.stamp_at(at_ms) if self.transaction is None else self.transaction.tell(clock, at_ms)

    def power_fails(self, fails, now):
        """`fails`: the record is made as fresh as can be; else the power is back."""
        self.books.power_fails(fails, now)
        if not fails and self.transaction is not None:
            self.status.settle(now)  # the car has its offer again

    def start_confirmed(self, number, transaction_id, info):
        """StartTransaction was answered (or given up: transaction_id -1, info None)."""
        transaction = self.transaction
        if transaction is None or transaction.number != number:
            return
        transaction.transaction_id = transaction_id
        if info is not None:
            if info.parent:
                transaction.parent = info.parent
            if info.status != "Accepted" and transaction.refused_at_wh is None:
                log.warning("connector", "%d: tag refused at start: %s", self.number, info.status)
                transaction.refused_at_wh = transaction.meter_last_wh
        self.books.keep(self.station.now())

    def metered(self, reading):
        """A reading of now (None: the meter was silent). True: what has flowed is not known by it."""
        if reading is None:
            return None
        before = self.reading
        self.reading = reading
        transaction = self.transaction
        shown_wh = reading.energy_wh
        if transaction is not None:
            if shown_wh is not None:
                if transaction.seen(shown_wh, self.station.clock, self.most_wh):
                    log.warning("connector", "%d: another meter, at %d Wh", self.number, shown_wh)
                    self.books.keep(self.station.now())
                # Of a meter that was swapped, samples show what is billed as well: never less than before.
                reading.energy_wh = transaction.meter_last_wh
                return transaction.other is not None
            transaction.seen(None, self.station.clock)
        elif (
            before is not None
            and before.energy_wh is not None
            and shown_wh is not None
            and not 0 <= shown_wh - before.energy_wh <= self.most_wh
        ):
            self.meter_values.since_aligned.take(reading)  # another meter, or no longer as it was billed
        return shown_wh is None

    def was_cut_off(self, transaction, now):
        """The power failed during this transaction: it has ended with what the meter shows now, at most
        `self.most_wh` above the record, at the time of the cut as far as it is known.
        """
        # What of a sample was learned: another transaction's messages may take its place before this one is
        # told of, and the power fail again.
        self.books.keep_as_read(transaction, now)
        from station.cut_off import CutOff  # at the start, and seldom

        self.cut_off = CutOff(self, transaction, now, self._cut_off_told)

    def resume(self, transaction, now):
        """After a power cut, where the station description says that transactions go on."""
        transaction.taken_up(self.station.clock)
        self.transaction = transaction
        self.supply.permit(not self._used_up(transaction))
        self.status.settle(now)
        self.meter_values.begin(self, None, self.station.clock.stamp())
        self.books.keep_as_read(transaction, now)
        self._return_limit = ticks_add(now, _RETURN_MS)

    # --- the clock ---

    def step(self, now):
        self.books.check()
        supply = self.supply
        if supply.live:
            self.rest.moved()
        if self.transaction is None:
            self._unlock_step(now)
        if self.cut_off is not None:
            self.cut_off.step(now)
        if self.transaction is not None:
            self._run(now)
        else:
            self._wait(now)
        self.meter_values.step(self)
        if supply.plugged and not self._was_plugged:
            self.plugged_at_ms = self.station.clock.uptime_ms
        self._was_plugged = supply.plugged
        self.status.step(now)

    def _wait(self, now):
        """No transaction: begin one, or give up waiting."""
        supply = self.supply
        if supply.plugged and not self._was_plugged:
            self.finishing = False
        if not supply.plugged and not supply.cable:
            self.finishing = False
            self.holder = None
            self.last_user = None
        if self.grant is not None and (self.blocked or not self.station.availability.operative(self.number)):
            # Nobody is charged by surprise when the fault is mended an hour later.
            self.grant = None
        if self.grant is not None and self.grant.car and not supply.plugged:
            # It has left before the meter was read. Who has unplugged must not pay for the next driver.
            self.grant = None
        if self.grant is not None and supply.plugged:
            if supply.has_lock and not supply.locked:
                # No transaction for a plug that cannot be locked (case 024): it locks, or its fault takes the
                # grant away.
                supply.lock()
            else:
                reading = None if self._meter_asked else self.rest.reading(now)
                if reading is None:
                    self._ask_meter(self._begin)
                else:
                    self.status.step(now)  # the grant is seen, however short it lasts: Finishing, Preparing
                    self._begin(reading, now)
            return
        timeout_s = self.station.config.value("ConnectionTimeOut")
        waiting = self.status_name == st.PREPARING and timeout_s > 0
        if waiting and self.status.preparing_ms(now) >= timeout_s * 1000:
            self.grant = None
            # Errata 3.20: with the cable plugged the next state is Finishing, not Available.
            self.finishing = supply.plugged

    def _run(self, now):
        supply = self.supply
        config = self.station.config
        for fault in supply.faults:
            reason = faults.ends(fault)
            if reason is not None:
                self.stop(reason, None, now)
        if self._ending is not None:
            self._end_step(now)
        if self._ending is not None or self.transaction is None:
            return
        transaction = self.transaction
        self._hold_cable()
        if self._has_left(now):
            if config.value("StopTransactionOnEVSideDisconnect"):
                self.stop("EVDisconnected", None, now)
                return
        elif supply.plugged and not self._was_plugged:
            self.status.settle(now)
        # Nothing forbids an offer (0, 1), it is made (2): it may have to wait, offers are 5 s apart.
        offering = 0 if supply.limit_da < MIN_DA or self.blocked is not None else 2 if supply.offering else 1
        if offering > self._was_offering:
            self.status.settle(now)
        self._was_offering = offering
        if self._used_up(transaction):
            if config.value("StopTransactionOnInvalidId"):
                self.stop("DeAuthorized", None, now)
                if self.transaction is None:
                    return
            elif supply.permitted:
                supply.permit(False)
        if self.books.due(now):
            self.books.keep(now)

    def _has_left(self, now):
        """The car was unplugged since the last step, or while the power was off."""
        supply = self.supply
        if self._return_limit is not None:
            if supply.plugged:
                self._return_limit = None
            elif ticks_diff(now, self._return_limit) >= 0:
                self._return_limit = None
                return True
        return not supply.plugged and self._was_plugged

    def _used_up(self, transaction):
        """The CSMS refused the tag after the start, and it has had MaxEnergyOnInvalidId: stop or suspend
        (section 4.8).
        """
        refused_wh = transaction.refused_at_wh
        if refused_wh is None:
            return False
        allowance_wh = self.station.config.value("MaxEnergyOnInvalidId") or 0
        return transaction.meter_last_wh - refused_wh >= allowance_wh

    # --- beginning and ending ---

    def _ask_meter(self, then):
        if not self._meter_asked:
            self._meter_asked = True
            self.station.read_meter(self.number, then)

    def _begin(self, reading, now):
        """The reading for the start has come."""
        self._meter_asked = False
        grant = self.grant
        if grant is None or not self.supply.plugged or self.blocked:
            return
        if not self.station.availability.operative(self.number):
            return  # taken out of service while the meter was read; the next step takes the grant away
        if reading is None or reading.energy_wh is None:
            # What cannot be metered cannot be billed. It is asked again, until it answers or its fault takes
            # the grant away: a single silence is noise on the bus.
            return
        station = self.station
        clock = station.clock
        number, stamp, wh = station.next_number(), clock.stamp(), reading.energy_wh
        self.grant = None
        # Asked again: it may be over by now, or have come since.
        reservation = station.reservations.serving(self.number, grant.tag, grant.parent)
        reservation_id = None if reservation is None else reservation.number
        transaction = Transaction(
            number, self.number, grant.tag, grant.parent, stamp, wh, reservation_id, clock.uptime_ms
        )
        if grant.profile is not None:
            # Before the record: a transaction that a power cut interrupts goes on with its profile.
            station.charging.begin(transaction, grant.profile)
        self.reading = reading
        self.transaction = transaction
        if not self.books.begin(transaction, reading, now):
            if grant.profile is not None:
                station.charging.came_to_nothing(transaction)
            self.finishing = True
            self.status.step(now)
            return
        if reservation_id is not None:
            # Behind the record and the message: after a power cut in between `recover` does it.
            station.reservations.used(reservation_id, now)
        self._hold_cable()
        self.supply.permit(True)
        # The next step of the supply may come before the station's: an offer above the limits of this
        # transaction would stand for 5 s.
        station.limit(now)
        self.status.settle(now)
        self._was_offering = 2
        begun = "%d: transaction %d begins at %d Wh"
        log.info("connector", begun, self.number, number, wh)
        self.status.step(now)

    def _end_step(self, now):
        ending = self._ending
        if ending is None or (self.supply.live and ticks_diff(now, ending.limit) < 0):
            return
        if ending.ask_at is not None and ticks_diff(now, ending.ask_at) < 0:
            return
        if not self._unlock_step(now):
            return
        self._ask_meter(self._end)

    def _end(self, reading, now):
        """The reading for the end has come, or the meter was silent: then the last known value is billed."""
        self._meter_asked = False
        transaction = self.transaction
        ending = self._ending
        if transaction is None or ending is None:
            return
        silent = reading is None or reading.energy_wh is None
        if silent and self.reading is None and ticks_diff(now, ending.limit) < 0:
            # Resumed after a power cut, and over already: the meter is still starting.
            ending.ask_at = ticks_add(now, _METER_RETRY_MS)
            return
        station = self.station
        reason = ending.reason
        stamp = self.tell(station.clock.uptime_ms)
        self.metered(reading)
        values = self.meter_values
        data = values.end(transaction, reading, stamp, values.offered(self.supply))
        self._ending = None
        self.transaction = None
        self._tell_stop(transaction, reason, ending.tag, stamp, data)
        keeps_cable = reason == "DeAuthorized" or (
            reason == "EVDisconnected" and not station.config.value("UnlockConnectorOnEVSideDisconnect")
        )
        if keeps_cable and self.finishing and self.supply.has_lock:
            self.holder = self.last_user
            self.supply.hold_lock(True)
        else:
            self._release_cable()
            if reason in ("Local", "Remote", "UnlockCommand"):
                self.supply.unlock()
        self.status.step(now)

    def _cut_off_told(self, transaction, stamp, data):
        self.cut_off = None
        self._tell_stop(transaction, self.station.cut_off_reason, None, stamp, data)
        self.status.step(self.station.now())

    def _tell_stop(self, transaction, reason, tag, stamp, data):
        self.books.end(transaction, reason, tag, stamp, data)
        self.finishing = self.supply.plugged or self.supply.cable
        self.last_user = (transaction.id_tag, transaction.parent)
        number, energy_wh = transaction.number, transaction.energy_wh()
        log.info("connector", "%d: transaction %d ends, %d Wh", self.number, number, energy_wh)
        self.station.transaction_ended(self)

    def _unlock_step(self, now):
        """True when the lock has answered."""
        unlocking = self._unlocking
        if unlocking is None:
            return True
        if unlocking.limit is None:
            unlocking.limit = ticks_add(now, _UNLOCK_LIMIT_MS)
            self._release_cable()
            self.supply.unlock()
        left_ms = ticks_diff(unlocking.limit, now)
        on_its_way = self.supply.cable and left_ms > _UNLOCK_LIMIT_MS - _LOCK_TRAVEL_MS
        if left_ms > 0 and (self.supply.locked or on_its_way):
            return False
        self._unlocking = None
        # A bolt that is stuck is no unlocked connector, wherever it is stuck (errata 3.85).
        failed = self.supply.locked or "ConnectorLockFailure" in self.supply.faults
        unlocking.done("UnlockFailed" if failed else "Unlocked")
        return True

    def _hold_cable(self):
        """While the transaction runs: does the cable stay locked when its other end leaves the car?

        Section 9.1: as long as an unplugged car does not end the transaction it does, whatever
        UnlockConnectorOnEVSideDisconnect says.
        """
        value = self.station.config.value
        free = value("UnlockConnectorOnEVSideDisconnect") and value("StopTransactionOnEVSideDisconnect")
        self.supply.hold_lock(not free)

    def _release_cable(self):
        self.holder = None
        self.supply.hold_lock(False)
