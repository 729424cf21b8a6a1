# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Reservations (OCPP 1.6 sections 3.12, 5.2 and 5.13): which there are, and who may take which connector.

A reservation of connector 0 is one of any connector: as many connectors as there are such reservations are
kept, each for whoever of them comes first. As long as more than that are free nobody is turned away; the last
ones are shown as Reserved.

A reservation ends when its transaction begins, when it expires, when the CSMS cancels it, and when its
connector (0: all of them) becomes Faulted or Unavailable. Section 5.13 says the last with SHALL; that section
4.9 lets a fault give Reserved back (I7) is a transition that may be, and would keep a promise which the CSMS
has just seen broken.
"""

import log
from hal.ticks import ticks_add, ticks_diff
from station import status as st
from station.authorization import same_group, same_tag

ACCEPTED = "Accepted"
REJECTED = "Rejected"
OCCUPIED = "Occupied"
FAULTED = "Faulted"
UNAVAILABLE = "Unavailable"

_AGAIN_MS = 10000  # after a flash that could not be written


class Reservation:
    """`number`: the CSMS's reservationId. `connector`: 0 is any. `parent`: the parentIdTag, or None."""

    __slots__ = ("connector", "expiry_utc_ms", "number", "parent", "tag")

    def __init__(self, number, connector, tag, parent, expiry_utc_ms):
        self.number = number
        self.connector = connector
        self.tag = tag
        self.parent = parent
        self.expiry_utc_ms = expiry_utc_ms

    def admits(self, tag, parent, asked=True):
        """Is it for this tag? Before the CSMS was `asked` the parent is not known: a tag that may be of the
        same one is given a chance.
        """
        return same_group(self.tag, self.parent, tag, parent) or (not asked and bool(self.parent))


class Reservations:
    """`record`: a store record, or None: nothing is kept. Call `attach`, then `step` at every step.

    all     list of `Reservation`, in the order in which they came
    kept    numbers of the connectors that are kept for reservations of any connector
    """

    def __init__(self, record=None):
        self.all = []
        self.kept = ()
        self._connectors = []
        self._record = record
        self._again = None  # ticks: what is on flash is not what is true

    def attach(self, connectors):
        """`connectors`: as `station.connector` has them, in order. What an earlier boot kept counts."""
        self._connectors = connectors
        rows = None if self._record is None else self._record.load()
        if not isinstance(rows, list):
            return
        for row in rows:
            try:
                one = _restored(row, len(connectors))
                if self.find(one.number) is not None:
                    raise ValueError("twice")
                self.all.append(one)
            except (TypeError, ValueError) as error:
                log.error("reservation", "dropped: %s", error)

    # --- who may take what ---

    def of(self, connector):
        """The reservation of this very connector, or None."""
        for reservation in self.all:
            if reservation.connector == connector:
                return reservation
        return None

    def find(self, number):
        """The reservation with this reservationId, or None."""
        for reservation in self.all:
            if reservation.number == number:
                return reservation
        return None

    def reserved(self, connector):
        """Is the connector to be shown as Reserved, as long as its driver has not come?"""
        return connector in self.kept or self.of(connector) is not None

    def may_take(self, connector, tag, parent, asked):
        """May the driver with this tag begin there? `asked` as for `Reservation.admits`."""
        if not self.all:
            return True
        own = self.of(connector)
        if own is not None:
            return own.admits(tag, parent, asked)
        self.hold()
        if connector not in self.kept:
            return True
        return any(reservation.admits(tag, parent, asked) for reservation in self._of_any())

    def serving(self, connector, tag, parent):
        """The reservation that this driver uses by beginning there, or None."""
        own = self.of(connector)
        if own is not None:
            return own if own.admits(tag, parent) else None
        found = None
        for reservation in self._of_any():
            if same_tag(reservation.tag, tag):
                return reservation
            if found is None and reservation.admits(tag, parent):
                found = reservation
        return found

    def hold(self):
        """`kept`, as things are now."""
        wanted = len(self._of_any())
        if not wanted:
            self.kept = ()
            return
        free, others = [], []
        for connector in self._connectors:
            if (
                connector.busy
                or connector.grant is not None
                or connector.blocked is not None
                or not connector.station.availability.operative(connector.number)
                or self.of(connector.number) is not None
            ):
                continue
            # A cable may still be in a socket that is Available, the car having left: better another one.
            if connector.supply.cable or _is_taken(connector):
                # Whoever plugs in at a connector that is kept does not push the reservation to the next one.
                at = 0 if connector.number in self.kept else len(others)
                others.insert(at, connector.number)
            else:
                free.append(connector.number)
        self.kept = () if len(free) > wanted else tuple((free + others)[:wanted])

    def _of_any(self):
        """The reservations of any connector for which a place has to be kept: the driver has not come."""
        return [one for one in self.all if not one.connector and not self._in_use(one)]

    def _in_use(self, reservation):
        # This very one: its number may be given again while the driver of one that is over still waits.
        for connector in self._connectors:
            if connector.grant is not None and connector.grant.reservation is reservation:
                return True
        return False

    # --- from the CSMS ---

    def reserve(self, new, least_utc_ms):
        """ReserveNow: the status of the answer. `least_utc_ms`: as for `step`."""
        if new.connector > len(self._connectors) or new.expiry_utc_ms <= least_utc_ms:
            return REJECTED
        old = self.find(new.number)
        if old is not None and self._in_use(old):
            return OCCUPIED  # its driver is there
        stays = old is not None and old.connector == new.connector and not self._out_of_service(new.connector)
        status = ACCEPTED if stays else self._place(new.connector, old)
        if status != ACCEPTED:
            return status
        rows = [one for one in self.all if one is not old]
        rows.append(new)
        if not self._change(rows):
            return REJECTED
        log.info("reservation", "%d: connector %d for %s", new.number, new.connector, new.tag)
        return ACCEPTED

    def cancel(self, number):
        """CancelReservation: the status of the answer."""
        found = self.find(number)
        if found is None or not self._change([one for one in self.all if one is not found]):
            return REJECTED
        log.info("reservation", "%d: cancelled", number)
        return ACCEPTED

    def _place(self, number, old):
        """Can connector `number`, 0: any, be reserved, once the reservation `old` is gone?"""
        wanted = len([one for one in self._of_any() if one is not old])
        states = [self._state(connector, old) for connector in self._connectors]
        free = states.count(ACCEPTED)
        if number:
            status = states[number - 1]
            return OCCUPIED if status == ACCEPTED and free <= wanted else status
        if free > wanted:
            return ACCEPTED
        if UNAVAILABLE in states and not self._connectors[0].station.availability.operative(0):
            return UNAVAILABLE
        # Of several reasons the one that may be over soonest. What the operator has taken out of service is
        # not what the CSMS asks about (case 050: the connectors that are not under test are Unavailable).
        for status in (OCCUPIED, FAULTED):
            if status in states:
                return status
        return OCCUPIED if free else UNAVAILABLE

    def _state(self, connector, old):
        if connector.status_name == st.FAULTED:
            return FAULTED
        if not connector.station.availability.operative(connector.number):
            return UNAVAILABLE
        own = self.of(connector.number)
        if (
            connector.busy
            or connector.grant is not None
            or connector.remote_pending
            or _is_taken(connector)
            or (own is not None and own is not old)
        ):
            return OCCUPIED
        return ACCEPTED

    # --- how they end ---

    def step(self, now, least_utc_ms):
        """Those that are over are gone, `kept` is up to date. `least_utc_ms`: the time; while it is not known
        the earliest that it can be (`Clock.floor_utc_ms`): what is over then is over for certain, and a
        station that is never told the time keeps nobody out for ever.
        """
        if self._again is not None and ticks_diff(now, self._again) >= 0:
            self._keep(now)
        if not self.all:
            return
        for one in list(self.all):
            if one.expiry_utc_ms <= least_utc_ms:
                self._end(one, "expired", now)
            elif self._out_of_service(one.connector):
                self._end(one, "out of service", now)
        self.hold()

    def used(self, number, now):
        """A transaction with this reservationId has begun, and is on flash."""
        found = self.find(number)
        if found is not None:
            self._end(found, "used", now)
            self.hold()

    def _out_of_service(self, number):
        for connector in self._connectors:
            meant = number == 0 or number == connector.number
            if meant and self._state(connector, None) in (ACCEPTED, OCCUPIED):
                return False
        return True

    def _end(self, reservation, why, now):
        log.info("reservation", "%d: %s", reservation.number, why)
        self.all = [one for one in self.all if one is not reservation]
        self._keep(now)

    # --- on flash ---

    def _change(self, rows):
        """False: it could not be kept, and nothing has changed. What is answered Accepted outlives a power
        cut.
        """
        try:
            self._save(rows)
        except (OSError, MemoryError) as error:
            log.failure("reservation", "not kept", error)
            return False
        self.all = rows
        self._again = None
        self.hold()
        return True

    def _keep(self, now):
        """What is over is over, whatever the flash says; it is told later."""
        try:
            self._save(self.all)
            self._again = None
        except (OSError, MemoryError) as error:
            log.failure("reservation", "not kept", error)
            self._again = ticks_add(now, _AGAIN_MS)

    def _save(self, rows):
        if self._record is not None:
            self._record.save([[r.number, r.connector, r.tag, r.parent, r.expiry_utc_ms] for r in rows])


def _is_taken(connector):
    """By a car, or by a cable that is left of a session: Finishing. What is Available is not Occupied."""
    return connector.supply.plugged or connector.finishing or connector.holder is not None


def _restored(row, connectors):
    number, connector, tag, parent, expiry_utc_ms = row
    for value in (number, connector, expiry_utc_ms):
        if not isinstance(value, int):
            raise ValueError("a number that is none")
    if not isinstance(tag, str) or not (parent is None or isinstance(parent, str)):
        raise ValueError("a tag that is none")
    if not 0 <= connector <= connectors:
        raise ValueError("there is no connector %d" % connector)
    return Reservation(number, connector, tag, parent, expiry_utc_ms)
