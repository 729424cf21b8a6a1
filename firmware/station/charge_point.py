# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The charge point as a whole, whatever the wire: its connectors, who may use them, restarts, status of
connector 0.

Synchronous and without I/O of its own. Two ports carry for it:

`wire` (ocpp16 implements it; `Silence` below stands in until it is attached)
    online                                      registered with the CSMS and connected
    authorize(tag, done)                        done(IdTagInfo), or done(None) when no answer came
    started(transaction)                        False: it can be kept nowhere, and must not begin
    journalled(number, transaction_id)          what is queued of a transaction: "started", "stopped" or None
    told(number)                                (stamp, Wh) of its last sample on flash, or None
    stopped(transaction, reason, tag, stamp, data)   data: list of (stamp, values); True: on flash
    metered(connector number, transaction or None, stamp, values)   values: of `station.metering`; the energy
                                                register in it, in Wh, when it is on flash; else None. Of
                                                context Trigger: dropped when nobody is there to be told
    status(connector number, (status, errorCode, info, vendorErrorCode), stamp)

`read_meter(number, done)`: a fresh reading, `done(reading or None, now)` within about a second.
"""

import log
from evse import faults
from hal.ticks import ticks_add, ticks_diff, ticks_ms
from station import status as st
from station.admission import Admission
from station.authorization import conflicts
from station.connector import Connector
from station.power import PowerFail
from station.reservation import REJECTED, Reservations
from station.transaction_record import Keeper

# A soft reset waits this long for transactions to end and for what must be told; then it resets all the same.
_SOFT_RESET_LIMIT_MS = 15000
# A hard reset gives cars the time of A.6 sequence 10.2 to open S2; what is not told by then is told after the
# reboot. It may well be told before: a StopTransaction whose answer is not waited for is sent twice.
_HARD_RESET_LIMIT_MS = 8000


class Silence:
    """The wire before there is one."""

    online = False

    def authorize(self, tag, done):
        done(None)

    def started(self, transaction):
        raise RuntimeError("no wire")

    def stopped(self, transaction, reason, tag, stamp, data):
        raise RuntimeError("no wire")

    def journalled(self, number, transaction_id):
        return None

    def told(self, number):
        return None

    def metered(self, number, transaction, stamp, values):
        return None

    def status(self, number, report, stamp):
        return None


class Numbers:
    """Transaction numbers, unique over reboots: the count of boots and 4,096 numbers for each."""

    _PER_BOOT = 4096

    def __init__(self, record, least=0):
        """`least`: a boot that there was for certain, should the record be lost. Numbers used again would
        mix up what waits in the outbox and the times of earlier boots.
        """
        self._record = record
        kept = record.load()
        boots = kept.get("boots", 0) if isinstance(kept, dict) else 0
        self.boot = max(boots if isinstance(boots, int) else 0, least)
        self._next = self._PER_BOOT
        self._count_boot()

    def _count_boot(self):
        self.boot += 1
        self._next = 0
        try:
            self._record.save({"boots": self.boot})
        except OSError as error:
            log.error("station", "boot count not kept: %s", error)

    def next(self):
        if self._next == self._PER_BOOT:
            self._count_boot()
        self._next += 1
        return self.boot * self._PER_BOOT + self._next - 1


class ChargePoint:
    def __init__(
        self,
        description,
        config,
        clock,
        supplies,
        numbers,
        availability,
        cache,
        records,
        read_meter,
        local_list=None,
        reservations=None,
        profiles=None,
    ):
        """`supplies` and `records` (of running transactions): one per connector, in order. `local_list`
        (`station.local_list.LocalList`), `reservations` (`station.reservation.Reservations`) and `profiles`
        (`station.charging_profiles.ChargingProfiles`): None where the station has not that profile.
        """
        self.description = description
        self.config = config
        self.clock = clock
        self.availability = availability
        self.cache = cache
        self.local_list = local_list
        self.wire = Silence()
        self.read_meter = read_meter
        self.next_number = numbers.next
        self.faults = ()  # of the whole station, worst first
        self.cut_off_reason = "PowerLoss"  # of transactions that were running when the controller stopped
        self.closing = None  # the kind of reset under way: nobody new is let in
        self._power = PowerFail()
        self._on_status = None
        self._closing_limit = 0
        self._conflict = None  # (tag, version of the list): the last one that was told
        self._passing = ()  # the last tags that nobody will see again
        self._now = ticks_ms()
        self._keepers = keepers = [Keeper(record) for record in records]
        self._own_status = st.StatusReporter()
        self.connectors = [
            Connector(index + 1, supply, self, keepers[index]) for index, supply in enumerate(supplies)
        ]
        self.reservations = reservations or Reservations()
        self.reservations.attach(self.connectors)
        self.admission = Admission(self)
        self.charging = None
        if profiles is not None:
            from station.charging_limits import ChargingLimits

            self.charging = ChargingLimits(self, profiles)
        self.load = _load_management(self)

    def attach(self, wire, on_status=None):
        """From now on `wire` carries. `on_status(connector number, status name)`: for whoever watches."""
        self.wire = wire
        self._on_status = on_status

    # --- for the parts ---

    def now(self):
        return self._now

    def connector(self, number):
        """Connector `number` (1..), or None."""
        if isinstance(number, int) and 1 <= number <= len(self.connectors):
            return self.connectors[number - 1]
        return None

    def busy(self, number):
        return self.connectors[number - 1].busy

    def alone(self, number):
        """No transaction runs, or is to be told of, but that of connector `number`."""
        return not any(c.busy and c.number != number for c in self.connectors)

    def begins(self, number, now):
        """A transaction of connector `number`."""
        for connector in self.connectors:
            if connector.number != number:
                connector.books.another_begins(now)

    def listed(self, tag):
        """IdTagInfo of the tag in the local list; None: not in it, or the list does not count."""
        if self.local_list is None or not self.config.value("LocalAuthListEnabled"):
            return None
        return self.local_list.lookup(tag)

    def learned(self, tag, info):
        """The CSMS said something about a tag (any .conf with idTagInfo): the cache remembers (section
        3.5.1), unless the tag is in the local list (3.5.3).
        """
        entry = self.listed(tag)
        if entry is not None:
            if conflicts(entry, info, self.clock.utc_ms):
                self._tell_conflict(tag, info)
        elif tag.upper() in self._passing:
            pass  # it would only push others out
        elif self.cache is not None and self.config.value("AuthorizationCacheEnabled"):
            try:
                self.cache.put(tag, info, self.clock.utc_ms)
            except OSError as error:
                log.error("station", "authorization cache not written: %s", error)

    def _tell_conflict(self, tag, info):
        """Section 3.5.2. It is no state of the station: nothing waits for it, and it is told once in each
        connection; what stands at connector 0 is told again where it is an error.
        """
        local_list = self.local_list
        conflict = (tag.upper(), local_list and local_list.version)
        if conflict == self._conflict or not self.wire.online:
            return
        self._conflict = conflict
        log.warning("station", "the CSMS says %s of tag %s, the local list otherwise", info.status, tag)
        report = self._derive()
        stamp = self.clock.stamp()
        self.wire.status(0, st.list_conflict(report, "%s: the CSMS says %s" % (tag, info.status)), stamp)
        if report[1] != st.NO_ERROR:
            self.wire.status(0, report, stamp)

    def status_changed(self, connector):
        log.info("station", "connector %d: %s", connector.number, connector.status_name)
        self._tell_watcher(connector.number, connector.status_name)

    def _tell_watcher(self, number, status):
        if self._on_status is not None:
            self._on_status(number, status)

    def clock_moved(self, news=True):
        """`news`: more than slightly: the record of a transaction bounds the times told until the next
        record.
        """
        if self.charging is not None:
            self.charging.moved()
        if not news:
            return
        for connector in self.connectors:
            connector.books.keep(self._now)

    def transaction_ended(self, connector):
        try:
            self.availability.transaction_ended(self.busy)
        except OSError as error:
            log.error("station", "availability not kept: %s", error)

    # --- boot ---

    def recover(self, now):
        """Transactions that ran when the power failed: report them (PowerLoss) or go on, as the station is
        described.
        """
        self._now = now
        for connector, keeper in zip(self.connectors, self._keepers):
            transaction = keeper.load()
            if transaction is None:
                continue
            kept = self.wire.journalled(transaction.number, transaction.transaction_id)
            if kept != "started":
                # The power failed between two writes: it was not begun, or is ended already.
                log.warning("station", "record of transaction %d dropped: %s", transaction.number, kept)
                keeper.drop()
                continue
            log.warning("station", "transaction %d was cut off: %s", transaction.number, self.cut_off_reason)
            if transaction.reservation_id is not None:
                # The power may have failed between the two. What is written from now on does not name it:
                # the CSMS may give the same reservationId again.
                self.reservations.used(transaction.reservation_id, now)
                transaction.reservation_id = None
            told = self.wire.told(transaction.number)
            if told is not None:
                transaction.was_told(self.clock, *told)
            if self.description.options["power_loss"] == "resume":
                connector.resume(transaction, now)
            else:
                connector.was_cut_off(transaction, now)
        if self.charging is not None:
            self.charging.recover()
        self.limit(now)

    # --- events ---

    def tag(self, tag, reader_connector, now, passing=False, button=False):
        """A tag was presented. `passing`: it has another UID the next time, and is not remembered; `button`:
        it is the start button's."""
        self._now = now
        if passing:
            self._passing = self._passing[-3:] + (tag.upper(),)
        self.admission.tag(tag, reader_connector, now, button)

    def step(self, now, station_faults=None):
        """Everything that time and the supplies bring about; called after every step of the supplies."""
        self._now = now
        if self.quiet:
            return
        self.faults = station_faults or ()
        self.reservations.step(now, self.clock.floor_utc_ms)
        for connector in self.connectors:
            connector.step(now)
        self.admission.step(now)
        self.limit(now)
        report = self._derive()
        minimum_ms = (self.config.value("MinimumStatusDuration") or 0) * 1000
        due = self._own_status.update(report, now, self.clock.stamp(), minimum_ms)
        if due is not None:
            self._tell_watcher(0, report[0])
            self.wire.status(0, due[0], due[1])

    def limit(self, now):
        """What limits the connectors beside their supplies, as things are now. Also before a supply sees that
        energy is permitted: an offer that is made stands for 5 s.
        """
        if self.charging is not None:
            self.charging.step(now)
        if self.load is not None:
            self.load.step(now)

    def _derive(self):
        """Connector 0: Available, Unavailable or Faulted; it never sums up the connectors (section 4.9)."""
        for name in self.faults:
            if not faults.is_warning(name):
                return st.faulted(name)
        report = st.plain(st.AVAILABLE if self.availability.operative(0) else st.UNAVAILABLE)
        return st.warned(report, self.faults[0]) if self.faults else report

    def report_now(self, number):
        """(report, stamp) of connector `number`, 0 for the station."""
        if number:
            return self.connectors[number - 1].status.told_now()
        self._own_status.told = self._own_status.current
        self._conflict = None  # what was told of one may have been lost with the last connection
        return self._derive(), self._own_status.stamp or self.clock.stamp()

    def reserve(self, reservation):
        """ReserveNow: the status of the answer. `reservation`: `station.reservation.Reservation`."""
        if self.closing is not None:
            return REJECTED
        if not reservation.connector and not self.config.value("ReserveConnectorZeroSupported"):
            return REJECTED
        for connector in self.connectors:
            transaction = connector.transaction
            if transaction is not None and transaction.reservation_id == reservation.number:
                # After a power cut this transaction would be taken for the one that used the new reservation.
                transaction.reservation_id = None
                connector.books.keep(self._now)
        return self.reservations.reserve(reservation, self.clock.floor_utc_ms)

    def change_availability(self, number, operative):
        return self.availability.change(number, operative, self.busy)

    def grid_metered(self, now, reading):
        """The meter at the grid connection was read at `now`; None: it was silent. To be told when the
        connectors' meters were read after it."""
        if self.load is not None:
            self.load.grid_metered(now, reading)

    # --- power ---

    @property
    def quiet(self):
        """The power is failing: the records of transactions are all that may be written to flash."""
        return self._power.quiet

    @property
    def power_failing(self):
        """It may be a brown-out that goes on, or has just ended."""
        return self._power.present

    def watch_power(self, failing, now):
        """What the board's power-fail input says, at every step. True: records were just written, and are
        worth being written again (`keep_rest`) with readings of now.

        Contactors are asked open first: their coils are what empties the supply. The supplies treat it as a
        fault that forbids energy and ends no transaction; after a brown-out it goes, and charging begins
        anew, with the offer, the car's answer and the checks that are due before a contactor closes.
        """
        power = self._power
        before = power.present
        began = power.look(failing, now)
        if power.present != before:
            for connector in self.connectors:
                connector.supply.report("PowerLoss", power.present)
                connector.supply.step(now)
        if began:
            log.warning("station", "the power is failing")
            for connector in self.most_at_stake():
                connector.power_fails(True, now)
        elif before and not power.present:
            log.warning("station", "the power is back")
            for connector in self.connectors:
                connector.power_fails(False, now)
        return began

    def most_at_stake(self):
        """The connectors, first the one whose transaction has most that is not on flash yet."""
        return sorted(self.connectors, key=lambda connector: connector.books.unrecorded_wh, reverse=True)

    def keep_rest(self, now):
        """Readings came within the hold-up time."""
        for connector in self.most_at_stake():
            if connector.books.unrecorded_wh > 0:
                connector.power_fails(True, now)

    # --- restart ---

    def close(self, kind):
        """Reset ("Hard" or "Soft") or restart from here ("Reboot"): end what runs, let nobody in. The reset
        itself follows when `closed` says so.
        """
        if self.closing is not None:
            return
        reason = kind if kind == "Reboot" else kind + "Reset"
        log.warning("station", "%s", reason)
        self.closing = kind
        self._closing_limit = ticks_add(
            self._now, _SOFT_RESET_LIMIT_MS if kind == "Soft" else _HARD_RESET_LIMIT_MS
        )
        for connector in self.connectors:
            connector.withdraw(self._now)
            connector.stop(reason, None, self._now)

    def closed(self, told):
        """May the controller restart now? `told`: nothing waits to be sent, or nothing can be."""
        if self.closing is None:
            return False
        if ticks_diff(self._now, self._closing_limit) >= 0:
            return True
        return told and not any(connector.busy for connector in self.connectors)


def _load_management(station):
    """Where the connectors may have less together than each alone; else None."""
    limit_da = 10 * station.description.option("site_a", 0)
    if not limit_da and (station.charging is None or len(station.connectors) < 2):
        return None
    from station.load_management import LoadManagement

    site = None
    if limit_da:
        from station.site_limit import SiteLimit

        options = station.description.options
        site = SiteLimit(limit_da, 10 * options["site_fallback_a"], options["grid_meter"])
    return LoadManagement(station, site)
