# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The charge point's conversation with its CSMS: connect, register, say things in the right order, never
give up.

One task sends, so that one CALL at a time is under way; another receives. What is to be said stands in three
places: `_urgent` (a driver waits at the reader), `notes` (StatusNotification and the like, in RAM) and the
outbox (transactions, on flash).
"""

import asyncio
import gc
import random

import log
from hal.deadline import within
from hal.ticks import ticks_ms
from ocpp16 import payloads
from ocpp16.back_off import BackOff
from ocpp16.evidence import Evidence
from ocpp16.notes import Notes
from ocpp16.registration import PENDING, Expired, Registration, believe
from ocpp16.rpc import BadAnswer, CallError, CallTimeout, LinkLost, TooManyCalls
from ocpp16.wait import Bell
from station import metering

_BOOT = "BootNotification"
_STATUS = "StatusNotification"
_METER = "MeterValues"

# How a CALL can end without a usable answer, the connection being sound.
_UNUSABLE = (CallError, CallTimeout, BadAnswer, TooManyCalls)

_BACK_OFF_FIRST_MS = 1000
# One after the other, with no connection in between that was just lost or refused.
_MOST_FAILURES = 10
_BACK_OFF_MOST_MS = 120000
_MOST_URGENT = 8
# Saying good-bye takes 3 s at most, telling a peer what it did wrong 1 s.
_MOST_FAREWELL_MS = 5000


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
        self._registration = Registration(station.config, ticks_ms())
        self._evidence = Evidence(station.config)
        self._urgent = []
        self._notes = Notes(outbox, len(station.connectors))
        self._sending = 0  # 1: the oldest message of the outbox is on its way
        self._triggered = {}  # connector number -> outbox sequence of the last sample that the CSMS asked for
        self._bell = Bell()
        self._on_connection = on_connection
        outbox.on_queued = self._bell.ring
        outbox.on_started = self._started
        outbox.on_stopped = self._stopped
        self._config.watch(self._configured)

    # --- the station's wire ---

    @property
    def online(self):
        return self._channel is not None and self._registration.accepted

    @property
    def connected(self):
        return self._channel is not None

    @property
    def registration(self):
        return self._registration.status

    def authorize(self, tag, done):
        def answered(conf):
            info = None
            try:
                if conf is not None:
                    info = payloads.id_tag_info(conf, self._clock)
            finally:  # without memory too: nobody else could be asked for
                done(info)

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
        triggered = values[0] == metering.TRIGGER
        if transaction is not None and (self.online or not triggered):
            last = self._outbox.last_sequence
            register_wh = self._outbox.metered(number, transaction, stamp, values)
            if not triggered:
                return register_wh
            if self._outbox.last_sequence != last:
                self._triggered[number] = self._outbox.last_sequence
                return register_wh
        # While Pending the outbox stands still, and what was asked for is said all the same (section 4.2); so
        # it is when the flash takes nothing.
        # With the connection gone nobody waits for it.
        if self.online or (triggered and self.connected and self.registration == PENDING):
            time = payloads.time_text(stamp, self._clock, self._milliseconds)
            payload = payloads.meter_values(number, time, metering.sampled_values(values))
            if transaction is not None and transaction.transaction_id is not None:
                payload["transactionId"] = transaction.transaction_id
            self._note(_METER, payload, None, values[0])
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

    # --- what the CSMS asks to be told (section 5.17) ---

    def takes(self, action, places):
        """Whether so many more messages may be said now, and find room."""
        # Section 4.2: before BootNotification is answered nothing else is said, not even when asked for.
        return (self.registration is not None or action == _BOOT) and self._notes.room >= places

    def tell(self, action, payload=None):
        """BootNotification, Heartbeat, or another one with its payload; not twice, if it waits already."""
        if self._notes.newest(action) is None:
            self._note(action, payload)

    def tell_status(self, number):
        """StatusNotification of now, whether or not the CSMS knows."""
        report, stamp = self._station.report_now(number)
        waiting = self._notes.newest(_STATUS, number)
        if waiting is None or waiting[4] != report:
            self._note_status(number, report, stamp)

    def sample_waits(self, number):
        """Whether a sample of this connector that the CSMS has asked for waits to be sent; one that is on its
        way does not.
        """
        waiting = self._notes.newest(_METER, number)
        head = self._outbox.head_sequence()
        return (waiting is not None and waiting[4] == metering.TRIGGER) or (
            head is not None and head + self._sending <= self._triggered.get(number, 0)
        )

    @property
    def all_told(self):
        """Nothing waits to be sent, or nothing can be sent now."""
        return not self.online or (self._outbox.depth == 0 and not self._notes and not self._urgent)

    # --- life ---

    def age(self, now):
        """Call it about once a second."""
        self._registration.age(now)

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
                log.failure("session", "failed", error)
                failures += 1
                if failures >= _MOST_FAILURES and self._nobody_charges():
                    raise  # a heap in pieces does not mend itself; a restart has it whole
                await asyncio.sleep_ms(back_off.next_ms())

    def _nobody_charges(self):
        for connector in self._station.connectors:  # noqa: SIM110  (a generator would ask for memory)
            if connector.transaction is not None:
                return False
        return True

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
            self._evidence.unreached(link, error)
            return
        self._evidence.opened(ticks_ms(), link)
        try:
            await self._converse(channel, link)
        finally:
            try:
                channel.drop()  # without memory nobody has closed it, and it is large
            finally:
                if self._evidence.worth_having(ticks_ms()):
                    back_off.reset()
        self._evidence.ended(link, channel.fell_silent)

    async def _pause(self, link, pause_ms):
        """Wait before the next try; a link that comes back ends it."""
        if link.up():
            changed = asyncio.create_task(link.changed())
            try:
                await within(changed, pause_ms)
            except asyncio.TimeoutError:
                return
            finally:
                changed.cancel()

    async def _converse(self, channel, link):
        """One connection, from open to lost."""
        tasks = []
        try:
            self._channel = channel
            # Section 4.2: while Rejected nothing is sent, answers neither.
            channel.deaf = lambda: self._registration.rejected
            self._tell_connection(True)
            tasks.append(asyncio.create_task(self._speak(channel)))
            tasks.append(asyncio.create_task(self._watch(channel, link)))
            await channel.receive()  # ends with the connection
        finally:
            self._channel = None
            for task in tasks:
                task.cancel()
            try:
                await channel.close()
            finally:
                try:
                    self._forget()
                finally:
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
        """The connection or the registration is gone: who waits for an answer gets none."""
        self._notes.clear()
        for entry in self._urgent:
            try:
                entry[2](None)
            except Exception as error:  # the others wait for it all the same
                log.failure("session", "not told", error)
        self._urgent.clear()

    def _tell_connection(self, up):
        if self._on_connection is not None:
            self._on_connection(up)

    # --- sending ---

    async def _speak(self, channel):
        await self._send(channel)
        # `receive` sees the end too, and this task is cancelled. Whatever has ended nobody but the sender, a
        # charger that is online and mute is worse than one that is offline.
        await asyncio.sleep_ms(_MOST_FAREWELL_MS)
        channel.abort("nobody sends")

    async def _send(self, channel):
        """Until the connection is lost; never raises."""
        try:
            await self._register(channel)
            while True:
                if not self._registration.accepted:
                    await self._register(channel)
                now = ticks_ms()
                if self._urgent:
                    await self._send_urgent(channel)
                elif self._notes.is_next(now):
                    await self._send_note(channel)
                elif self._outbox.wait_ms(now) == 0:
                    await self._send_outbox(channel)
                elif self._registration.heartbeat_wait_ms(now) == 0:
                    await self._heartbeat(channel)
                else:
                    wait_ms = self._registration.heartbeat_wait_ms(now)
                    retry_ms = self._outbox.wait_ms(now)
                    await self._bell.wait(wait_ms if retry_ms is None else min(wait_ms, retry_ms))
        except LinkLost:
            return
        except Exception as error:
            gc.collect()
            channel.abort("internal error")
            log.failure("session", "sender failed", error)

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
            self._without_answer(channel, error)
            return None
        self._evidence.heard(ticks_ms())
        return conf

    async def _send_urgent(self, channel):
        action, payload, done = self._urgent.pop(0)
        conf = None
        try:
            conf = await self._call(channel, action, payload)
        finally:
            done(conf)

    async def _send_note(self, channel):
        action, payload, number, report = self._notes.take()
        if payload is None:
            await (self._boot if action == _BOOT else self._heartbeat)(channel)
        elif await self._call(channel, action, payload) is not None:
            self._notes.confirmed(number, report)

    async def _send_outbox(self, channel):
        message = self._outbox.message()
        if message is None:
            return
        message_id, action, payload = message
        self._outbox.sending()
        self._sending = 1
        try:
            # A RemoteStopTransaction right behind StartTransaction.conf must find its transactionId.
            await channel.call(action, payload, self._timeout_ms(), message_id, self._outbox.answered)
        except CallTimeout as error:
            self._without_answer(channel, error)
            if await self._not_processed(channel, message_id):
                self._outbox.failed(error, ticks_ms())
        except _UNUSABLE as error:
            self._outbox.failed(error, ticks_ms())
            self._without_answer(channel, error)
        else:
            self._evidence.heard(ticks_ms())
        finally:
            self._sending = 0

    async def _not_processed(self, channel, message_id):
        """Whether no answer means that the CSMS failed to process the message, which section 3.7.1 counts.

        A gateway may hold the connection, and answer pings, for a CSMS that is out of order for hours. So
        before a message is given up something else is asked: who does not answer that either has not failed
        to process anything, and a bill is not lost to it.
        """
        outbox = self._outbox
        if not outbox.last_try:
            return True
        outbox.postponed(ticks_ms())
        await self._heartbeat(channel)
        return self._evidence.answers and outbox.late(message_id) is not None  # not answered meanwhile

    def _without_answer(self, channel, error):
        """A CALL without a usable answer."""
        if isinstance(error, CallTimeout):
            self._evidence.unanswered(channel, self._timeout_ms())
        else:
            self._evidence.heard(ticks_ms())

    async def _heartbeat(self, channel):
        self._registration.arm_heartbeat(ticks_ms())
        conf = await self._call(channel, "Heartbeat", {})
        if conf is not None:
            self._believe(channel, conf)

    def _believe(self, channel, conf):
        """Take over the currentTime of an answer. False: the connection is left."""
        try:
            believe(conf, self._clock, channel.certified, ticks_ms())
        except Expired as expired:
            self._evidence.leave(channel, "the CSMS's certificate has expired by its own time %s" % expired)
            return False
        return True

    # --- registration ---

    async def _register(self, channel):
        registration = self._registration
        first = not registration.accepted
        while not registration.accepted:
            wait_ms = registration.boot_wait_ms(ticks_ms())
            if wait_ms == 0:
                await self._boot(channel)
            elif self._notes:
                await self._send_note(channel)  # the CSMS has asked for it: nothing else is noted now
            else:
                await self._bell.wait(wait_ms)
        if first:
            registration.arm_heartbeat(ticks_ms())
        self._tell_statuses(everything=first)

    async def _boot(self, channel):
        registration = self._registration

        def registered(conf):
            accepted = registration.accepted
            if self._believe(channel, conf):
                registration.answered(conf, ticks_ms())
                if registration.rejected or (accepted and not registration.accepted):
                    self._forget()  # what waits may not be said any more

        payload = payloads.boot_notification(self._info)
        if await self._call(channel, _BOOT, payload, registered) is None:
            registration.unanswered(ticks_ms())

    def _tell_statuses(self, everything):
        """After a boot every connector and 0 (errata 3.22); after a mere reconnect only what the CSMS does
        not know.
        """
        for number in range(len(self._station.connectors) + 1):
            report, stamp = self._station.report_now(number)
            if everything or not self._notes.knows(number, report):
                self._note_status(number, report, stamp)

    # --- notes ---

    def _note_status(self, number, report, stamp):
        utc_ms = self._clock.resolve(stamp)
        time = None if utc_ms is None else self._clock.text(utc_ms, self._milliseconds)
        self._note(_STATUS, payloads.status_notification(number, report, time), number, report)

    def _note(self, action, payload, number=None, report=None):
        self._notes.add(action, payload, number, report)
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
        if key == "HeartbeatInterval" and self._registration.accepted:
            self._registration.arm_heartbeat(ticks_ms())
            self._bell.ring()
        elif key == "WebSocketPingInterval" and self._channel is not None:
            self._channel.ping_every(self._config.value(key))
        elif key == "AuthorizationKey":
            self.reconnect("new AuthorizationKey")
