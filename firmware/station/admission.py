# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Who may begin or end where: tags at the reader, RemoteStartTransaction and RemoteStopTransaction.

One driver at a time: a second swipe while an Authorize is on its way is ignored, so that it cannot begin a
second transaction. The decision on a tag itself is `station.authorization`.
"""

import log
from station import status as st
from station.authorization import IdTagInfo, decide, normalise, same_group
from station.connector import Grant


class Admission:
    def __init__(self, station):
        self._station = station
        self._asking = False  # a swipe waits for the CSMS
        self.last = None  # (tag, "accepted"|"refused"|..., why): for the driver's display and `state`

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
        if self._asking:
            self._note(tag, "ignored", "another tag is being checked")
            return
        if station.closing:
            self._note(tag, "refused", "restarting")
            return
        connectors = station.connectors if reader_connector is None else [station.connector(reader_connector)]
        for connector in connectors:
            if self._owner(connector, tag, now):
                return
        target = self._free(connectors)
        if target is None and not self._foreign_may_stop(connectors):
            self._note(tag, "refused", "no connector free")
            return
        self._asking = True

        def answered(info, why):
            self._asking = False
            self._swiped(tag, info, why, connectors, station.now())

        self._check(tag, answered)

    def _owner(self, connector, tag, now):
        """The tag belongs to what goes on at this connector: stop, give up, or get the cable back."""
        transaction = connector.transaction
        if transaction is not None:
            if same_group(transaction.id_tag, None, tag, None):
                self._note(tag, "accepted", "stops its transaction")
                connector.stop("Local", tag, now)
                return True
        elif connector.grant is not None:
            if same_group(connector.grant.tag, None, tag, None):
                self._note(tag, "accepted", "gives up waiting")
                connector.withdraw(now)
                return True
        elif connector.holder is not None and same_group(connector.holder[0], None, tag, None):
            self._note(tag, "accepted", "frees the cable")
            connector.release_cable()
            return True
        return False

    def _free(self, connectors):
        """Where a driver who just swiped would begin: the plugged connector, else the first free one."""
        usable = [connector for connector in connectors if connector.usable]
        for status in (st.PREPARING, st.FINISHING, st.AVAILABLE):
            for connector in usable:
                if connector.status_name == status:
                    return connector
        return usable[0] if usable else None

    @staticmethod
    def _foreign_may_stop(connectors):
        """Only a tag of the same parent may stop another's transaction, so a transaction whose parent is
        unknown
        needs no Authorize of a foreign tag (cases 068 and 069)."""
        return any(
            (connector.transaction is not None and connector.transaction.parent)
            or (connector.holder is not None and connector.holder[1])
            for connector in connectors
        )

    def _swiped(self, tag, info, why, connectors, now):
        """The tag has been decided on; the connectors may have changed meanwhile."""
        if info.status != "Accepted":
            self._note(tag, "refused", why)
            return
        target = self._free(connectors)
        if target is not None:
            self._note(tag, "accepted", why)
            target.give(Grant(tag, info.parent, movable=len(connectors) > 1), now)
            return
        for connector in connectors:
            transaction, holder = connector.transaction, connector.holder
            if transaction is not None and same_group(
                transaction.id_tag, transaction.parent, tag, info.parent
            ):
                self._note(tag, "accepted", "same parent, stops the transaction")
                connector.stop("Local", tag, now)
                return
            if holder is not None and same_group(holder[0], holder[1], tag, info.parent):
                self._note(tag, "accepted", "same parent, frees the cable")
                connector.release_cable()
                return
        self._note(tag, "refused", "no connector free")

    # --- a cable was plugged elsewhere ---

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
                if connector.usable and connector.status_name == st.PREPARING:
                    waiting.withdraw(now)
                    connector.give(grant, now)
                    break

    # --- from the CSMS ---

    def remote_start(self, tag, number, now):
        """RemoteStartTransaction: (status of the answer, what to do after it was sent or None)."""
        station = self._station
        if station.closing:
            return "Rejected", None
        target = self._free(station.connectors) if number is None else station.connector(number)
        if target is None or not target.usable or target.remote_pending:
            return "Rejected", None
        target.remote_pending = True

        def begin():
            if station.config.value("AuthorizeRemoteTxRequests"):
                self._check(tag, decided)
            else:
                decided(IdTagInfo("Accepted"), "remote start")

        def decided(info, why):
            target.remote_pending = False
            if info.status != "Accepted":
                self._note(tag, "refused", why)
            elif not target.usable:
                self._note(tag, "refused", "connector %d is no longer free" % target.number)
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
        entry = station.cache.lookup(tag) if station.cache is not None else None
        return decide(tag, online, station.config, None, entry, station.clock.utc_ms)

    def _note(self, tag, outcome, why):
        log.info("admission", "tag %s %s: %s", tag, outcome, why)
        self.last = (tag, outcome, why)


def _told(decision):
    """A decision in the form of an answer."""
    return IdTagInfo(decision.status, None, decision.parent)
