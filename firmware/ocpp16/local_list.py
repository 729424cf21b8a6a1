# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the CSMS may ask of us: the Local Auth List Management profile (OCPP 1.6 sections 5.10 and 5.15).

A list of a thousand tags is 100 KB: SendLocalList is received as a stream, and its entries go one by one into
an `Update` of `station.local_list`, which replaces the list in one go at the end or changes nothing.
"""

import asyncio

import log
from ocpp16 import payloads
from ocpp16.rpc import CallError
from ocpp16.schema import PROPERTY
from ocpp16.streamed import Streamed

_FIELD = "localAuthorizationList"
_NO_LIST = -1  # section 5.10: the list is not supported, or not enabled
_WAIT_S = 0.02


def handlers(station, session):
    """See `ocpp16.profiles`."""
    config = station.config

    def get_local_list_version(payload):
        enabled = config.value("LocalAuthListEnabled")
        return {"listVersion": station.local_list.version if enabled else _NO_LIST}

    return {
        "GetLocalListVersion": get_local_list_version,
        "SendLocalList": SendLocalList(station),
    }


class SendLocalList:
    """The handler; what comes of a message goes to an `_Incoming`."""

    def __init__(self, station):
        self.station = station
        self.busy = False  # a list is coming in, or is being finished

    def begin(self, row, idle):
        incoming = _Incoming(self, idle)
        try:
            return Streamed(_FIELD, row, incoming)
        except BaseException:  # no memory: the next list is not to wait for this one; always re-raised
            incoming.abandon()
            raise


class _Incoming:
    """The list of one message; see `Streamed`."""

    def __init__(self, handler, idle):
        self._handler = handler
        self._update = None
        config = handler.station.config
        self._most = config.value("SendLocalListMaxLength")
        self._count = 0
        self._status = "Failed"  # the answer when there is no update,
        self._error = None  # or this CallError
        if not config.value("LocalAuthListEnabled"):
            self._status = "NotSupported"
        elif idle:
            pass
        elif handler.busy:
            # The CSMS has not waited for its answer, or waits no longer. It may ask again; to make it wait
            # here would leave its pings without answers.
            log.warning("local list", "refused: another one is being finished")
        else:
            self._update = handler.station.local_list.update()
            handler.busy = True

    def item(self, value):
        update = self._update
        if update is None:
            return
        self._count += 1
        if self._count > self._most:
            log.warning("local list", "refused: more than SendLocalListMaxLength (%d) entries", self._most)
            self.abandon()
        elif update.failed is None:
            try:
                info = payloads.id_tag_info(value, self._handler.station.clock, True)
            except ValueError as error:
                # Without its date the tag would be welcome for ever.
                place = "%s[%d].idTagInfo.expiryDate" % (_FIELD, self._count - 1)
                self._error = CallError(PROPERTY, "%s is %s" % (place, error))
                self.abandon()
            else:
                update.add(value["idTag"], info)

    def must_wait(self):
        """While the power fails the flash is left to the records of transactions."""
        return self._handler.station.quiet

    def finish(self, payload):
        update = self._update
        if self._error is not None:
            raise self._error
        if update is None:
            return {"status": self._status}
        return self._work(update, payload["listVersion"], payload["updateType"] == "Full")

    async def _work(self, update, version, full):
        self._update = None
        done = False
        try:
            for _ in update.finish(version, full):
                await asyncio.sleep(0)
                while self.must_wait():
                    await asyncio.sleep(_WAIT_S)
            done = True
        finally:
            self._handler.busy = False
            if not done:
                update.abandon()
        log.info("local list", "version %d: %s", version, update.status)
        return {"status": update.status}

    def abandon(self):
        update, self._update = self._update, None
        if update is not None:
            self._handler.busy = False
            update.abandon()
