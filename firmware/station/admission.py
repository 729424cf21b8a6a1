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

    def tag(self, tag, reader_connector, now, button=False):
        """A tag was presented. `reader_connector`: the connector whose own reader it was, or None for the
        one reader. `button`: it is the one of the start button, which anybody may press: it ends what was
        begun with the same idTag and nothing else, no colleague's of the same parent.
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
        meant = self._free(connectors, tag)
        if meant is None and (button or not self._foreign_may_stop(connectors)):
            self._note(tag, "refused", "no connector free")
            return
        self._asking = True
        car = own = _car(meant)
        if meant is not None and meant.status_name == st.FINISHING:
            # A car that has finished is that of who charged it.
            user = meant.last_user
            own = car if user is not None and same_tag(user[0], tag) else None
        running = [connector.transaction for connector in connectors]
        at_ms = station.clock.uptime_ms

        def answered(info, why):
            self._asking = False
            if _has_left(car):
                self._note(tag, "refused", "the car has left")
                return
            # Who has no car here yet may plug it in at any connector.
            grant = Grant(tag, info.parent, at_ms if car is None and len(connectors) > 1 else None)
            possible = self._possible(connectors, meant, own, at_ms, grant)
            target = self._free(possible, tag, info.parent, True, own)
            self._swiped(grant, info, why, connectors, running, target, button)

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
            waits = connector.status_name == st.PREPARING or connector.status_name == st.RESERVED
            if waits and connector.supply.plugged and _may_take(connector, tag, None, False):
                return False  # the car is plugged in again: its owner wants to charge
            self._note(tag, "accepted", "frees the cable")
            connector.release_cable()
            return True
        return False

    @staticmethod
    def _free(connectors, tag, parent=None, asked=False, car=None):
        """Where the driver with this tag would begin; None: nowhere. `parent` counts once the CSMS was
        `asked`. `car`: that of the driver, where it is known.

        The car plugged in last is that of the driver who stands at the reader, whatever its connector was
        since; a car that has finished belongs to who charged it, and is the last one that anybody else
        means.
        """
        best = None
        best_rank = (10, 0)
        for connector in connectors:
            if not connector.usable or not _may_take(connector, tag, parent, asked):
                continue
            plugged = connector.supply.plugged
            status = connector.status_name
            reservation = connector.station.reservations.of(connector.number)
            if reservation is not None and reservation.admits(tag, parent):
                # Whatever waits at the others, this is what was reserved: for this driver, or a colleague.
                place = -2 if same_tag(reservation.tag, tag) else -1
            elif plugged and (status == st.RESERVED or status == st.PREPARING):
                place = 0
            elif connector.holder is not None:
                continue  # a cable without a car: it is to be freed, not charged through
            elif status == st.FINISHING:
                user = connector.last_user
                place = 2 if user is None else 1 if same_group(user[0], user[1], tag, parent) else 4
            else:
                place = 3
            asks = connector.remote_pending
            if asks and not same_tag(asks, tag) and (car is None or connector is not car[0]):
                place += 5  # somebody else is about to begin there
            rank = (place, -connector.plugged_at_ms if plugged else 1)
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

    @staticmethod
    def _possible(connectors, meant, car, at_ms, grant):
        """Where a driver may begin who had `meant` that connector when the tag was presented, at `at_ms`
        (uptime), with this `car` (None: with none), and was answered now. Other cars that are there, and came
        before or after that, are of others.
        """
        if car is not None and not meant.usable:
            return ()
        # Unless it was only for the possible parent that the last car there seemed to be the driver's.
        stranger = car is not None and not _may_take(meant, grant.tag, grant.parent, True)
        possible = []
        for connector in connectors:
            later = connector.plugged_at_ms > at_ms
            if connector is meant or not connector.supply.plugged or (stranger if not later else car is None):
                possible.append(connector)
        return possible

    def _swiped(self, grant, info, why, connectors, running, target, button):
        """The tag has been decided on; the connectors may have changed meanwhile. `running`: the transactions
        when it was presented. `target`: where the driver may begin, or None.
        """
        tag = grant.tag
        now = self._station.now()
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
        if target is not None:
            self._note(tag, "accepted", why)
            target.give(grant, now)
            return
        for connector, before in () if button else zip(connectors, running):
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
        goes along. Not to a car that was there before: its connector may be Preparing only now, a reservation
        or a fault being over.
        """
        connectors = self._station.connectors
        for waiting in connectors:
            grant = waiting.grant
            if grant is None or grant.follows is None or waiting.supply.plugged:
                continue
            for connector in connectors:
                if (
                    connector.usable
                    and connector.plugged_at_ms > grant.follows
                    and connector.status_name == st.PREPARING
                    and _may_take(connector, grant.tag, grant.parent, True)
                ):
                    waiting.withdraw(now)
                    connector.give(grant, now)
                    break

    # --- from the CSMS ---

    def remote_start(self, tag, number, now, profile=None):
        """RemoteStartTransaction: (status of the answer, what to do after it was sent or None). `profile`: a
        TxProfile for the transaction.
        """
        station = self._station
        if station.closing or not tag:
            return "Rejected", None
        target = self._free(self._unasked(), tag) if number is None else station.connector(number)
        if target is None or not target.usable or target.remote_pending:
            return "Rejected", None
        if not _may_take(target, tag, None, False):
            return "Rejected", None
        car = _car(target)
        follows = station.clock.uptime_ms if number is None else None
        before = [connector.grant for connector in station.connectors]

        def begin():
            # Where only the tag's parent can open the way, the CSMS is asked for it in any case (section
            # 5.13).
            if not station.config.value("AuthorizeRemoteTxRequests") and _may_take(target, tag, None, True):
                decided(IdTagInfo("Accepted"), "remote start")
                return
            target.remote_pending = tag
            if station.reservations.reserved(target.number):
                # Cases 046_2 and 053: that it is no longer Reserved is told first. What is asked for a driver
                # overtakes, so it is asked later.
                self._soon.append((ticks_add(station.now(), _TOLD_MS), ask))
                target.status.step(station.now())
            else:
                ask()

        def ask():
            try:
                self._check(tag, decided)
            except Exception as error:  # no memory, at a bad moment
                target.remote_pending = None
                log.failure("admission", tag, error)

        def decided(info, why):
            target.remote_pending = None
            if info.status != "Accepted":
                self._note(tag, "refused", why)
                return
            place = self._place(target, number, tag, info.parent)
            if place is None:
                if profile is not None:
                    self._hand_over(profile, target, tag)
                self._note(tag, "refused", "connector %d is no longer free" % target.number)
            elif place is target and _has_left(car):
                self._note(tag, "refused", "the car has left")
            else:
                self._note(tag, "accepted", why)
                self._outdo_swipe(tag, before)
                known = place is target and car is not None
                place.give(Grant(tag, info.parent, None if known else follows, profile), station.now())

        return "Accepted", begin

    def _hand_over(self, profile, target, tag):
        """A swipe of the same driver was faster than the answer to a remote start at `target`, which was free
        then: for the CSMS it is this start, and has this profile.
        """
        grant, transaction = target.grant, target.transaction
        if grant is not None and same_tag(grant.tag, tag):
            grant.profile = profile
        elif transaction is not None and same_tag(transaction.id_tag, tag) and not target.ending:
            self._station.charging.begin(transaction, profile)

    def _unasked(self):
        return [connector for connector in self._station.connectors if not connector.remote_pending]

    def _place(self, target, number, tag, parent):
        """Where a remote start that was meant for `target` begins, the parent being known; None: nowhere."""
        if not target.usable:
            return None
        if _may_take(target, tag, parent, True):
            return target
        # It is reserved for others, as the parent shows. Where no connector was named another one will do.
        return self._free(self._unasked(), tag, parent, True) if number is None else None

    def _outdo_swipe(self, tag, before):
        """The same driver has swiped meanwhile, and waits for the cable at another connector (`before`: the
        grants there were): it is to be plugged in where the CSMS says.
        """
        station = self._station
        for connector, had in zip(station.connectors, before):
            grant = connector.grant
            if grant is None or grant is had or connector.supply.plugged:
                continue
            if same_tag(grant.tag, tag):
                connector.withdraw(station.now())

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
        wire = self._station.wire
        info, why = self._weigh(tag, wire.online)
        if info is not None:
            answered(info, why)
            return
        # No answer (None): the link is as good as down, so the rules for offline hold.
        wire.authorize(tag, lambda info: answered(*self._weigh(tag, False, info)))

    def _weigh(self, tag, online, info=None):
        """(IdTagInfo, why); without the first the CSMS is to be asked. `info`: what it has answered.

        Never raises: no memory, at a bad moment, and everybody behind would wait for this answer for ever.
        """
        try:
            if info is not None:
                self._station.learned(tag, info)
                return info, "CSMS: " + info.status
            decision = self._decide(tag, online)
            return None if decision.ask else _told(decision), decision.why
        except Exception as error:
            log.failure("admission", tag, error)
            return info or IdTagInfo("Invalid"), "failed"

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
    return connector, connector.plugged_at_ms


def _has_left(car):
    """An answer may take half a minute: who has unplugged meanwhile must not pay for the next driver."""
    return car is not None and not (car[0].supply.plugged and car[0].plugged_at_ms == car[1])


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
