# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Who may begin or end where: tags at the reader, RemoteStartTransaction and RemoteStopTransaction.

One driver at a time: a second swipe while an Authorize is on its way is ignored, so that it cannot begin a
second transaction. The decision on a tag itself is `station.authorization`.
"""

import log
from hal.ticks import ticks_add, ticks_diff
from station import status as st
from station.authorization import IdTagInfo, decide, normalise, same_group, same_tag
from station.pending import Grant

# A status that was just noted is on its way by then, unless something else is.
_TOLD_MS = 100


class Admission:
    def __init__(self, station):
        self._station = station
        self._asking = False  # a swipe waits for the CSMS
        self._soon = []  # (ticks, what is to be done then)
        self.last = None  # (tag, "accepted"|"refused"|..., why): for the driver's display and `state`
        self.last_ms = 0  # uptime then

    # --- at the reader ---

    def tag(self, tag, reader_connector, now):
        """A tag was presented. `reader_connector`: the connector whose own reader it was, or None for the
        one reader.
        """
        station = self._station
        try:
            normalise(tag)
        except ValueError as error:
            self._note(str(tag)[:20], "refused", str(error))
            return
        if station.closing:
            self._note(tag, "refused", "restarting")
            return
        connectors = station.connectors if reader_connector is None else [station.connector(reader_connector)]
        # Whoever ends what is theirs needs no answer of the CSMS and does not wait for another driver's.
        for connector in connectors:
            if self._owner(connector, tag, now):
                return
        if self._asking:
            self._note(tag, "ignored", "another tag is being checked")
            return
        meant = self._free(connectors, tag, now)
        if meant is None and not self._foreign_may_stop(connectors):
            self._note(tag, "refused", "no connector free")
            return
        self._asking = True
        car = _car(meant)
        running = [connector.transaction for connector in connectors]

        def answered(info, why):
            self._asking = False
            if _has_left(car):
                self._note(tag, "refused", "the car has left")
                return
            self._swiped(tag, info, why, connectors, running, station.now())

        self._check(tag, answered)

    def _owner(self, connector, tag, now):
        """The tag belongs to what goes on at this connector: stop, give up, or get the cable back."""
        transaction = connector.transaction
        if transaction is not None:
            if same_tag(transaction.id_tag, tag):
                self._note(tag, "accepted", "stops its transaction")
                connector.stop("Local", tag, now)
                return True
        elif connector.grant is not None:
            if same_tag(connector.grant.tag, tag):
                self._note(tag, "accepted", "gives up waiting")
                connector.withdraw(now)
                return True
        elif connector.holder is not None and same_tag(connector.holder[0], tag):
            if connector.status_name == st.PREPARING or connector.status_name == st.RESERVED:
                return False  # the car is plugged in again: its owner wants to charge
            self._note(tag, "accepted", "frees the cable")
            connector.release_cable()
            return True
        return False

    @staticmethod
    def _free(connectors, tag, now, parent=None, asked=False):
        """Where the driver with this tag would begin; None: nowhere. `parent` counts once the CSMS was
        `asked`.

        The car plugged in last is that of the driver who stands at the reader; a car that has finished
        belongs to who charged it, and is the last one that anybody else means.
        """
        best = None
        best_rank = (9, 0)
        for connector in connectors:
            if not connector.usable or not _may_take(connector, tag, parent, asked):
                continue
            status = connector.status_name
            since_ms = 0
            reservation = connector.station.reservations.of(connector.number)
            if reservation is not None and reservation.admits(tag, parent):
                place = -1  # whatever waits at the others, this is what was reserved
            elif status == st.RESERVED and connector.supply.plugged:
                place, since_ms = 0, ticks_diff(now, connector.plugged_at)
            elif status == st.PREPARING:
                place, since_ms = 0, connector.status.preparing_ms(now)
            elif connector.holder is not None:
                continue  # a cable without a car: it is to be freed, not charged through
            elif status == st.FINISHING:
                user = connector.last_user
                place = 2 if user is None else 1 if same_group(user[0], user[1], tag, parent) else 4
            else:
                place = 3
            rank = (place, since_ms)
            if rank < best_rank:
                best, best_rank = connector, rank
        return best

    @staticmethod
    def _foreign_may_stop(connectors):
        """Only a tag of the same parent may stop another's transaction, so a transaction whose parent is
        unknown needs no Authorize of a foreign tag (cases 068 and 069).
        """
        return any(
            (connector.transaction is not None and connector.transaction.parent)
            or (connector.holder is not None and connector.holder[1])
            for connector in connectors
        )

    def _swiped(self, tag, info, why, connectors, running, now):
        """The tag has been decided on; the connectors may have changed meanwhile. `running`: the transactions
        when it was presented.
        """
        if info.status != "Accepted":
            self._note(tag, "refused", why)
            return
        for connector, before in zip(connectors, running):
            begun = None
            if connector.grant is not None:
                begun = connector.grant.tag
            elif connector.transaction is not None and connector.transaction is not before:
                begun = connector.transaction.id_tag
            if same_tag(begun, tag):
                # A remote start of the same driver was faster: the swipe meant to begin, not to end.
                self._note(tag, "accepted", "has begun already")
                return
        target = self._free(connectors, tag, now, info.parent, True)
        if target is not None:
            self._note(tag, "accepted", why)
            target.give(Grant(tag, info.parent, movable=len(connectors) > 1), now)
            return
        for connector, before in zip(connectors, running):
            transaction, holder = connector.transaction, connector.holder
            if (
                transaction is not None
                and transaction is before
                and same_group(transaction.id_tag, transaction.parent, tag, info.parent)
            ):
                self._note(tag, "accepted", "same parent, stops the transaction")
                connector.stop("Local", tag, now)
                return
            if holder is not None and same_group(holder[0], holder[1], tag, info.parent):
                self._note(tag, "accepted", "same parent, frees the cable")
                connector.release_cable()
                return
        self._note(tag, "refused", "no connector free")

    # --- with time ---

    def step(self, now):
        while self._soon and ticks_diff(now, self._soon[0][0]) >= 0:
            self._soon.pop(0)[1]()
        if len(self._station.connectors) > 1:
            self.follow_the_cable(now)

    def follow_the_cable(self, now):
        """A driver who swiped first may plug in at another connector than the one we thought of: the grant
        goes along.
        """
        connectors = self._station.connectors
        for waiting in connectors:
            grant = waiting.grant
            if grant is None or not grant.movable or waiting.supply.plugged:
                continue
            for connector in connectors:
                if (
                    connector.usable
                    and connector.status_name == st.PREPARING
                    and _may_take(connector, grant.tag, grant.parent, True)
                ):
                    waiting.withdraw(now)
                    connector.give(grant, now)
                    break

    # --- from the CSMS ---

    def remote_start(self, tag, number, now):
        """RemoteStartTransaction: (status of the answer, what to do after it was sent or None)."""
        station = self._station
        if station.closing:
            return "Rejected", None
        if number is None:
            free = [connector for connector in station.connectors if not connector.remote_pending]
            target = self._free(free, tag, now)
        else:
            target = station.connector(number)
        if target is None or not target.usable or target.remote_pending:
            return "Rejected", None
        if not _may_take(target, tag, None, False):
            return "Rejected", None
        target.remote_pending = True
        car = _car(target)

        def begin():
            # Where only the tag's parent can open the way, the CSMS is asked for it in any case (section
            # 5.13).
            if not station.config.value("AuthorizeRemoteTxRequests") and _may_take(target, tag, None, True):
                decided(IdTagInfo("Accepted"), "remote start")
            elif station.reservations.reserved(target.number):
                # Cases 046_2 and 053: that it is no longer Reserved is told first. What is asked for a driver
                # overtakes, so it is asked later.
                target.status.step(station.now())
                self._soon.append((ticks_add(station.now(), _TOLD_MS), ask))
            else:
                ask()

        def ask():
            self._check(tag, decided)

        def decided(info, why):
            target.remote_pending = False
            if info.status != "Accepted":
                self._note(tag, "refused", why)
            elif not target.usable or not _may_take(target, tag, info.parent, True):
                self._note(tag, "refused", "connector %d is no longer free" % target.number)
            elif _has_left(car):
                self._note(tag, "refused", "the car has left")
            else:
                self._note(tag, "accepted", why)
                target.give(Grant(tag, info.parent, movable=number is None), station.now())

        return "Accepted", begin

    def remote_stop(self, transaction_id):
        """RemoteStopTransaction: (status, what to do after the answer or None)."""
        station = self._station
        for connector in station.connectors:
            transaction = connector.transaction
            if (
                transaction is not None
                and transaction.transaction_id == transaction_id
                and not connector.ending
            ):
                break
        else:
            return "Rejected", None

        def end():
            connector.stop("Remote", None, station.now())

        return "Accepted", end

    # --- one tag ---

    def _check(self, tag, answered):
        """Decide on `tag` now or after an Authorize: `answered(IdTagInfo, why)`."""
        station = self._station
        decision = self._decide(tag, station.wire.online)
        if not decision.ask:
            answered(_told(decision), decision.why)
            return

        def from_csms(info):
            if info is None:
                # No answer: the link is as good as down, so the rules for offline hold.
                offline = self._decide(tag, False)
                answered(_told(offline), offline.why)
                return
            station.learned(tag, info)
            answered(info, "CSMS: " + info.status)

        station.wire.authorize(tag, from_csms)

    def _decide(self, tag, online):
        station = self._station
        listed = station.listed(tag)
        cached = station.cache.lookup(tag) if listed is None and station.cache is not None else None
        return decide(tag, online, station.config, listed, cached, station.clock.utc_ms)

    def _note(self, tag, outcome, why):
        log.info("admission", "tag %s %s: %s", tag, outcome, why)
        self.last = (tag, outcome, why)
        self.last_ms = self._station.clock.uptime_ms


def _car(connector):
    """The car that waits at the connector, to be asked about later; None when there is none."""
    if connector is None or not connector.supply.plugged:
        return None
    return connector, connector.cars


def _has_left(car):
    """An answer may take half a minute: who has unplugged meanwhile must not pay for the next driver."""
    return car is not None and not (car[0].supply.plugged and car[0].cars == car[1])


def _may_take(connector, tag, parent, asked):
    """May this tag use the connector, as far as a cable locked for its owner (errata 3.5) goes, and what is
    reserved?

    Before the CSMS was `asked` the parent is not known: a tag that may be of the same one is given a chance.
    """
    holder = connector.holder
    if holder is not None and not same_group(holder[0], holder[1], tag, parent) and (asked or not holder[1]):
        return False
    return connector.station.reservations.may_take(connector.number, tag, parent, asked)


def _told(decision):
    """A decision in the form of an answer."""
    return IdTagInfo(decision.status, None, decision.parent)
