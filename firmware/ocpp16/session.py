# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The charge point's conversation with its CSMS: connect, register, say things in the right order, never
give up.

One task sends, so that one CALL at a time is under way; another receives. What is to be said stands in three
places: `_urgent` (a driver waits at the reader), `_notes` (StatusNotification and the like, in RAM) and the
outbox (transactions, on flash). Notes and outbox keep the order in which things happened as long as the
outbox is short; behind a long one a note overtakes, as section 3.7 allows.
"""

import asyncio
import errno
import gc
import random

import log
from hal.ticks import ticks_add, ticks_diff, ticks_ms
from ocpp16 import payloads
from ocpp16.back_off import BackOff
from ocpp16.rpc import BadAnswer, CallError, CallTimeout, LinkLost, TooManyCalls
from ocpp16.wait import Bell
from station import metering

ACCEPTED = "Accepted"
PENDING = "Pending"
REJECTED = "Rejected"

# How a CALL can end without a usable answer, the connection being sound.
_UNUSABLE = (CallError, CallTimeout, BadAnswer, TooManyCalls)

_BACK_OFF_FIRST_MS = 1000
# One after the other, with no connection in between that was just lost or refused.
_MOST_FAILURES = 10
_BACK_OFF_MOST_MS = 120000
# BootNotification without a usable answer, or with interval 0: our own rhythm (section 4.2 leaves it to us).
_BOOT_RETRY_MS = 15000
_BOOT_RETRY_MOST_MS = 300000
# Heartbeats also set the clock: once a day whatever HeartbeatInterval says.
_DAY_MS = 86400000
_MOST_INTERVAL_S = 2147483647  # as much as the configuration key takes
_MOST_NOTES = 32
_MOST_URGENT = 8
# Where pings are off: so many CALLs in a row during which nothing came from the CSMS, and the link is dead.
_MOST_UNHEARD = 2
# A connection that lasted so long was worth having, whatever was said on it.
_SOUND_MS = 60000
# So often in a row the DNS server may say that it knows no such name before it is held against the link: some
# networks say so of every name while they are out of order.
_MOST_UNKNOWN = 8
# A backlog longer than this is overtaken by status notifications.
_SHORT_OUTBOX = 4


class Session:
    """Implements the `wire` of `station.charge_point`."""

    def __init__(self, station, outbox, info, connect, on_connection=None):
        """`connect()`: coroutine that gives a connected `Channel` (see `ocpp16.channel`) or raises
        OSError.
        """
        self._station = station
        self._config = station.config
        self._clock = station.clock
        self._outbox = outbox
        self._info = info
        self._connect = connect
        self._milliseconds = station.description.options["milliseconds"]
        self._channel = None
        self._registration = None
        self._urgent = []
        # [action, payload, last outbox sequence before it, connector number or None, report]
        self._notes = []
        self._told = [None] * (len(station.connectors) + 1)
        self._bell = Bell()
        self._boot_at = None  # ticks before which no BootNotification may go out
        self._boot_retry = BackOff(_BOOT_RETRY_MS, _BOOT_RETRY_MOST_MS)
        self._heartbeat_at = ticks_ms()
        self._useful = False  # the CSMS has answered something on this connection
        self._link = None
        self._unheard = 0  # CALLs in a row during which nothing came
        self._unknown = 0  # tries in a row for which there was no such name
        self._on_connection = on_connection
        outbox.on_queued = self._bell.ring
        outbox.on_started = self._started
        outbox.on_stopped = self._stopped
        self._config.watch(self._configured)

    # --- the station's wire ---

    @property
    def online(self):
        return self._channel is not None and self._registration == ACCEPTED

    @property
    def connected(self):
        return self._channel is not None

    @property
    def registration(self):
        return self._registration

    def authorize(self, tag, done):
        def answered(conf):
            done(None if conf is None else payloads.id_tag_info(conf, self._clock))

        self.request("Authorize", {"idTag": tag}, answered)

    def started(self, transaction):
        return self._outbox.started(transaction)

    def stopped(self, transaction, reason, tag, stamp, data):
        return self._outbox.stopped(transaction, reason, tag, stamp, data)

    def journalled(self, number, transaction_id):
        return self._outbox.journalled(number, transaction_id)

    def told(self, number):
        return self._outbox.told(number)

    def metered(self, number, transaction, stamp, values):
        if transaction is not None:
            return self._outbox.metered(number, transaction, stamp, values)
        if self.online:
            time = payloads.time_text(stamp, self._clock, self._milliseconds)
            self._note("MeterValues", payloads.meter_values(number, time, metering.sampled_values(values)))
        return None

    def status(self, number, report, stamp):
        # Offline nothing is kept: on the next connection what differs from what the CSMS knows is told.
        if self.online:
            self._note_status(number, report, stamp)

    # --- others who want something said ---

    def request(self, action, payload, done):
        """Say something at once; `done(conf)` or `done(None)` when there was no usable answer."""
        if not self.online or len(self._urgent) >= _MOST_URGENT:
            done(None)
            return
        self._urgent.append((action, payload, done))
        self._bell.ring()

    @property
    def all_told(self):
        """Nothing waits to be sent, or nothing can be sent now."""
        return not self.online or (self._outbox.depth == 0 and not self._notes and not self._urgent)

    # --- life ---

    async def run(self, link):
        back_off = BackOff(_BACK_OFF_FIRST_MS, _BACK_OFF_MOST_MS)
        failures = 0
        while True:
            try:
                await self._visit(link, back_off)
                await self._pause(link, back_off.next_ms())
                failures = 0
            except Exception as error:
                # No memory, at a bad moment, or what nobody has thought of: it says nothing about the link.
                # Were this task to end, the charger would be stopped with it, and whoever charges be cut off.
                gc.collect()
                log.error("session", "%s", repr(error))
                failures += 1
                if failures >= _MOST_FAILURES and self._nobody_charges():
                    raise  # a heap in pieces does not mend itself; a restart has it whole
                await asyncio.sleep_ms(back_off.next_ms())

    def _nobody_charges(self):
        return all(connector.transaction is None for connector in self._station.connectors)

    async def _visit(self, link, back_off):
        """One connection, or the lack of one."""
        if not link.up():
            while not link.up():
                await link.changed()
            # A street that gets its network back must not knock all at once.
            await asyncio.sleep_ms(random.randrange(500))
        try:
            channel = await self._connect()
        except OSError as error:
            log.warning("session", "no connection: %s", error)
            self._unreached(link, error.errno)
            return
        self._unknown = 0
        opened_at = ticks_ms()
        try:
            await self._converse(channel, link)
        finally:
            # A CSMS that accepts connections only to drop them must not be asked every second.
            if self._useful or ticks_diff(ticks_ms(), opened_at) >= _SOUND_MS:
                back_off.reset()
        # A server that ends a connection is there; silence may be the link's.
        if not self._useful or channel.fell_silent:
            link.in_vain()

    def _unreached(self, link, reason):
        """What a connection that did not come about says about the link."""
        if reason == errno.ENOENT:
            self._unknown += 1
            if self._unknown < _MOST_UNKNOWN:
                return
        self._unknown = 0
        # Who refuses is there: the network in between works.
        if reason in (errno.ECONNREFUSED, errno.ECONNRESET):
            link.heard()
        else:
            link.in_vain()

    async def _pause(self, link, pause_ms):
        """Wait before the next try; a link that comes back ends it."""
        if link.up():
            changed = asyncio.create_task(link.changed())
            try:
                await asyncio.wait_for(changed, pause_ms / 1000)
            except asyncio.TimeoutError:
                return
            finally:
                changed.cancel()

    async def _converse(self, channel, link):
        """One connection, from open to lost."""
        self._channel = channel
        self._link = link
        self._useful = False
        self._unheard = 0
        # Section 4.2: while Rejected nothing is sent, answers neither.
        channel.deaf = lambda: self._registration == REJECTED
        tasks = []
        try:
            self._tell_connection(True)
            tasks.append(asyncio.create_task(self._send(channel)))
            tasks.append(asyncio.create_task(self._watch(channel, link)))
            await channel.receive()  # ends with the connection
        finally:
            self._channel = None
            for task in tasks:
                task.cancel()
            try:
                await channel.close()
            finally:
                self._forget()
                self._tell_connection(False)

    async def _watch(self, channel, link):
        """The link below us went away: do not wait for a time-out to see it."""
        while link.up():
            await link.changed()
        channel.abort("link down")

    def reconnect(self, why):
        """Leave this connection and build a new one (new password)."""
        if self._channel is not None:
            self._channel.leave(why)

    def _forget(self):
        """The connection is gone: who waits for an answer gets none; notes are told anew from what is then
        true.
        """
        self._notes.clear()
        urgent, self._urgent = self._urgent, []
        for _, _, done in urgent:
            done(None)

    def _tell_connection(self, up):
        if self._on_connection is not None:
            self._on_connection(up)

    # --- sending ---

    async def _send(self, channel):
        try:
            await self._register(channel)
            while True:
                now = ticks_ms()
                if self._urgent:
                    await self._send_urgent(channel)
                elif self._note_is_next(now):
                    await self._send_note(channel)
                elif self._outbox.wait_ms(now) == 0:
                    await self._send_outbox(channel)
                elif ticks_diff(now, self._heartbeat_at) >= 0:
                    await self._heartbeat(channel)
                else:
                    wait_ms = ticks_diff(self._heartbeat_at, now)
                    retry_ms = self._outbox.wait_ms(now)
                    await self._bell.wait(wait_ms if retry_ms is None else min(wait_ms, retry_ms))
        except LinkLost:
            return  # `receive` has seen it too
        except Exception as error:
            # A sender that dies silently would leave a charger online and mute.
            log.error("session", "sender failed: %s", repr(error))
            channel.abort("internal error")

    def _note_is_next(self, now):
        if not self._notes:
            return False
        if self._outbox.wait_ms(now) != 0 or self._outbox.depth > _SHORT_OUTBOX:
            return True
        head = self._outbox.head_sequence()
        return head is None or self._notes[0][2] < head

    def _timeout_ms(self):
        return self._config.value("MessageTimeout") * 1000

    async def _call(self, channel, action, payload, taken=None):
        """The .conf, or None with a log line when there was no usable answer. LinkLost goes through.

        `taken(conf)` runs before the next message of the CSMS is looked at.
        """
        try:
            conf = await channel.call(action, payload, self._timeout_ms(), None, taken)
        except _UNUSABLE as error:
            log.warning("session", "%s: %s", action, error)
            self._unanswered(channel, error)
            return None
        self._heard()
        return conf

    async def _send_urgent(self, channel):
        action, payload, done = self._urgent.pop(0)
        conf = None
        try:
            conf = await self._call(channel, action, payload)
        finally:
            done(conf)

    async def _send_note(self, channel):
        action, payload, _, number, report = self._notes.pop(0)
        if number is not None:
            # Until it is confirmed the CSMS may know the old status or this one: were the connection lost
            # now and the old status to return meanwhile, it must be told all the same.
            self._told[number] = None
        conf = await self._call(channel, action, payload)
        if conf is not None and number is not None:
            self._told[number] = report

    async def _send_outbox(self, channel):
        message = self._outbox.message()
        if message is None:
            return
        message_id, action, payload = message
        try:
            # A RemoteStopTransaction right behind StartTransaction.conf must find its transactionId.
            await channel.call(action, payload, self._timeout_ms(), message_id, self._outbox.answered)
        except _UNUSABLE as error:
            self._outbox.failed(error, ticks_ms())
            self._unanswered(channel, error)
        else:
            self._heard()

    def _heard(self):
        """The CSMS answered: it is there, and this connection is worth having."""
        self._useful = True
        if self._link is not None:
            self._link.heard()
        self._unheard = 0

    def _unanswered(self, channel, error):
        """A CALL came to nothing. Where pings are off nobody else would notice that the link is half-open,
        and transactions would be given up that the CSMS has never seen.
        """
        if not isinstance(error, CallTimeout):
            self._heard()
        elif self._config.value("WebSocketPingInterval") or channel.silent_ms() < self._timeout_ms():
            self._unheard = 0
        else:
            self._unheard += 1
            if self._unheard == _MOST_UNHEARD:
                channel.abort("nothing came during %d calls" % _MOST_UNHEARD, True)

    async def _heartbeat(self, channel):
        self._arm_heartbeat()
        conf = await self._call(channel, "Heartbeat", {})
        if conf is not None:
            self._set_clock(conf)

    def _arm_heartbeat(self):
        interval_ms = self._config.value("HeartbeatInterval") * 1000
        self._heartbeat_at = ticks_add(ticks_ms(), min(interval_ms or _DAY_MS, _DAY_MS))

    def _set_clock(self, conf):
        told = str(conf["currentTime"])[:40]
        try:
            utc_ms = self._clock.parse(conf["currentTime"])
        except ValueError:
            log.warning("session", "currentTime of the CSMS is no time: %s", told)
            return
        try:
            self._clock.advance(ticks_ms())
            self._clock.set_utc_ms(utc_ms)
        except Exception as error:
            # A board's clock that cannot be set, to that year for one: charging goes on without.
            log.error("session", "the clock is not set to %s: %s", told, repr(error))

    # --- registration ---

    async def _register(self, channel):
        first = self._registration != ACCEPTED
        while self._registration != ACCEPTED:
            wait_ms = 0 if self._boot_at is None else ticks_diff(self._boot_at, ticks_ms())
            if wait_ms > 0:
                await self._bell.wait(wait_ms)
                continue
            payload = payloads.boot_notification(self._info)
            if await self._call(channel, "BootNotification", payload, self._registered) is None:
                self._not_registered()
        if first:
            self._arm_heartbeat()
        self._tell_statuses(everything=first)

    def _not_registered(self):
        """BootNotification without a usable answer."""
        self._boot_at = ticks_add(ticks_ms(), self._boot_retry.next_ms())

    def _registered(self, conf):
        self._boot_retry.reset()
        interval_s = conf["interval"]
        self._set_clock(conf)
        self._registration = conf["status"]
        log.info("session", "BootNotification %s, interval %d s", self._registration, interval_s)
        if self._registration == ACCEPTED:
            self._boot_at = None
            if interval_s > 0:
                self._config.set_internal("HeartbeatInterval", str(min(interval_s, _MOST_INTERVAL_S)))
            return
        wait_ms = interval_s * 1000 if interval_s > 0 else _BOOT_RETRY_MS
        self._boot_at = ticks_add(ticks_ms(), min(wait_ms, _DAY_MS))

    def _tell_statuses(self, everything):
        """After a boot every connector and 0 (errata 3.22); after a mere reconnect only what the CSMS does
        not know.
        """
        for number in range(len(self._told)):
            report, stamp = self._station.report_now(number)
            if everything or report != self._told[number]:
                self._note_status(number, report, stamp)

    # --- notes ---

    def _note_status(self, number, report, stamp):
        utc_ms = self._clock.resolve(stamp)
        time = None if utc_ms is None else self._clock.text(utc_ms, self._milliseconds)
        self._note("StatusNotification", payloads.status_notification(number, report, time), number, report)

    def _note(self, action, payload, number=None, report=None):
        if len(self._notes) >= _MOST_NOTES:
            dropped = self._notes.pop(0)
            log.warning("session", "%s dropped, too many wait", dropped[0])
            if dropped[3] is not None:
                self._told[dropped[3]] = None
        self._notes.append((action, payload, self._outbox.last_sequence, number, report))
        self._bell.ring()

    # --- what the outbox and the configuration report ---

    def _started(self, number, transaction_id, info, tag):
        if info is not None:
            self._station.learned(tag, info)
        for connector in self._station.connectors:
            connector.start_confirmed(number, transaction_id, info)

    def _stopped(self, tag, info):
        if tag is not None and info is not None:
            self._station.learned(tag, info)

    def _configured(self, key):
        if key == "HeartbeatInterval" and self._registration == ACCEPTED:
            self._arm_heartbeat()
            self._bell.ring()
        elif key == "WebSocketPingInterval" and self._channel is not None:
            self._channel.ping_every(self._config.value(key))
        elif key == "AuthorizationKey":
            self.reconnect("new AuthorizationKey")
