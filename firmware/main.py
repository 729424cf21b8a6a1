# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The firmware: builds the charger from a board and its settings, and keeps it running.

    await run(board, settings, attach)

`board` fulfils `hal.contract.Board`. `settings` is a dict: csms_url, id, set (configuration at first boot),
info (BootNotification's fields), station (station description). `attach(firmware)` is called once the
firmware exists.
"""

import asyncio
import gc

import log
from evse.supply import Supply
from hal.ticks import ticks_diff, ticks_ms
from ocpp16 import channel, queued
from ocpp16.core import Core
from ocpp16.message import harmless
from ocpp16.outbox import Outbox
from ocpp16.rpc import Rpc
from ocpp16.session import Session
from station.availability import Availability
from station.cache import Cache
from station.charge_point import ChargePoint, Numbers
from station.clock import Clock
from station.configuration import Configuration
from station.description import Description
from station.transaction import RECORD_VERSION, migrate
from store.journal import Journal
from store.overflow import Overflow
from store.record import Record

VERSION = "0.1.0"

# The car's side: 100 ms from the pilot leaving C to the contactor open, with room for three samples.
_STEP_MS = 20
_METER_MS = 1000
# The meter answers within a second or counts as silent; a driver for a bus takes two tries in that time.
_READING_LIMIT_S = 1.5
_METER_SILENCES = 3
# The pilot is known when the debounce has run once: before, a car that waits in the cable would be reported
# Available.
_SELF_TEST_MS = 400
# Two blocks of flash, less the pointers that littlefs puts into them.
_SEGMENT_BYTES = 8176
# Left alone, MicroPython collects when the heap is full; what stays is by then strewn all over it, and of
# 80 KB free no 8 KB are in one piece: a long message could not be read. Collecting this often keeps more than
# 40 KB in one piece (`make heap`).
_COLLECT_BYTES = 32768
_CLOCK_KEPT_MS = 3600000
# A board that is told of a failing power supply is asked this often: hold-up times are short.
_POWER_MS = 5
# A battery-kept clock is set when it is off by more: it may count whole seconds.
_RTC_OFF_MS = 1000
# A step of the clock that is worth a line in the log.
_CLOCK_STEP_MS = 10000

# Of a message as much is shown to who watches: a copy of the largest would not find room beside the message
# itself.
_SHOWN_CHARS = 1024


class Firmware:
    def __init__(self, board, settings):
        self.board = board
        self.on_event = None  # fn(dict): pilot, contactor, status, message, connection
        self._started_at = ticks_ms()
        self._peak = 0  # bytes of heap in use, garbage of at most _COLLECT_BYTES included
        self._clock_kept_queued = 0
        self._clock_kept_ms = -_CLOCK_KEPT_MS  # at once
        data = board.data_dir
        description = Description(settings.get("station"))
        config = Configuration(description, Record(data + "/settings", 1), settings.get("set") or {})
        self._clock_record = Record(data + "/clock", 1)
        floor_utc_ms, anchors = _kept_clock(self._clock_record.load())
        numbers = Numbers(Record(data + "/boots", 1), max([anchor[0] for anchor in anchors] or [0]))
        clock = self._clock = Clock(
            numbers.boot, ticks_ms(), board.clock.utc_ms(), floor_utc_ms, anchors, self._clock_set
        )
        self.supplies = [
            Supply(hardware, connector, board.fault_signals)
            for hardware, connector in zip(board.connectors, description.connectors)
        ]
        count = len(self.supplies)
        self._silences = [0] * count
        self.station = ChargePoint(
            description,
            config,
            clock,
            self.supplies,
            numbers,
            Availability(count, Record(data + "/availability", 1)),
            Cache(data + "/cache") if description.options["cache"] else None,
            [
                Record(data + "/transaction%d" % (number + 1), RECORD_VERSION, migrate)
                for number in range(count)
            ],
            self._read_meter,
        )
        budget_bytes = description.options["queue_kb"] * 1024
        self.outbox = Outbox(
            Overflow(Journal(data + "/outbox", _SEGMENT_BYTES, budget_bytes, queued.expendable)),
            config,
            clock,
            description.options["milliseconds"],
        )
        info = {
            "chargePointVendor": "Pilotlight",
            "chargePointModel": description.name,
            "firmwareVersion": VERSION,
        }
        info.update(settings.get("info") or {})
        self._url = settings["csms_url"]
        self._identity = settings["id"]
        self.session = Session(self.station, self.outbox, info, self._connect, self._connection_event)
        self.station.attach(self.session, self._status_event)
        handlers = Core(self.station, lambda: self.session.registration).handlers()
        self._rpc = Rpc(handlers.get, on_frame=self._trace)
        self._rpc.hear_late(self.outbox.late, self.outbox.answered_late)

    # --- tasks ---

    async def run(self):
        self.station.recover(ticks_ms())
        tasks = [
            asyncio.create_task(self._steps()),
            asyncio.create_task(self._meters()),
            asyncio.create_task(self._converse()),
        ]
        if self.board.tag_reader is not None:
            tasks.append(asyncio.create_task(self._tags()))
        try:
            # Each of these runs for ever: the first that ends has failed, and a charger with a part missing
            # is stopped, contactors open, rather than left half alive; who started it starts it again.
            while not any(task.done() for task in tasks):
                await asyncio.sleep(0.2)
                if self.station.closed(self.session.all_told):
                    await asyncio.sleep(0.2)  # the last answer leaves the writer
                    log.warning("main", "reset")
                    return
            for task in tasks:
                if task.done():
                    await task  # raises what ended it
            raise RuntimeError("a task of the firmware has ended")
        finally:
            for task in tasks:
                task.cancel()
            self._open_all()

    async def _steps(self):
        board = self.board
        station = self.station
        seen = [None] * len(self.supplies)
        while True:
            now = ticks_ms()
            station.clock.advance(now)
            if board.power_fails is not None:
                self._watch_power(now)
            station_faults = board.fault_signals()
            for index, supply in enumerate(self.supplies):
                if supply.step(now):
                    self._supply_event(supply, seen, index)
            station.step(now, station_faults)
            board.feed_watchdog()
            await self._pause(now)

    async def _pause(self, began):
        """Until the next step: at once when the power begins to fail."""
        warns = self.board.power_fails
        left_ms = max(0, _STEP_MS - ticks_diff(ticks_ms(), began))
        while True:
            await asyncio.sleep_ms(left_ms if warns is None else min(left_ms, _POWER_MS))
            left_ms = _STEP_MS - ticks_diff(ticks_ms(), began)
            if left_ms <= 0 or (warns is not None and warns() and not self.station.power_failing):
                return

    def _watch_power(self, now):
        if self.station.watch_power(self.board.power_fails(), now):
            asyncio.create_task(self._final_readings())

    async def _final_readings(self):
        """The records are on flash with the readings of the last round, up to a second old. Should the
        supply last until the meters answer, they get those of now.
        """
        station = self.station
        for connector in station.most_at_stake():
            if connector.transaction is not None:
                connector.metered(await self._reading(connector.number))
                if station.quiet:
                    station.keep_rest(ticks_ms())

    async def _steady_power(self):
        while self.station.quiet:
            await asyncio.sleep_ms(_STEP_MS)

    async def _meters(self):
        """The regular round: what `state` shows, what is billed after a power cut, what a refused tag may
        still take.
        """
        station = self.station
        while True:
            for connector in station.connectors:
                reading = await self._reading(connector.number)
                connector.metered(reading)
                self._watch_meter(connector.number, reading is None)
            self._note_peak()
            self.keep_clock()
            await asyncio.sleep_ms(_METER_MS)

    def keep_clock(self, news=False):
        """What the next boot needs to date events of this one, should the CSMS never be reached during it.
        Written when it is due, or when there are `news`.
        """
        clock = self._clock
        # While the time is not known, how long after the start something happened is all that its date can
        # be told from one day: that has to be kept along with what waits in the outbox.
        queued = self.outbox.last_sequence
        news = news or (not clock.known and queued != self._clock_kept_queued)
        if not news and clock.uptime_ms - self._clock_kept_ms < _CLOCK_KEPT_MS:
            return
        if self.station.quiet:
            return
        if self.outbox.depth == 0 and not any(c.transaction is not None for c in self.station.connectors):
            clock.forget_boots()  # nothing is left that would ask for them: the record is smaller
        self._clock_kept_queued = queued
        self._clock_kept_ms = clock.uptime_ms
        try:
            self._clock_record.save({"floor": clock.floor_utc_ms, "anchors": clock.anchors})
        except OSError as error:
            log.error("main", "clock not kept: %s", error)

    def _clock_set(self, by_ms, news):
        """The CSMS has told the time."""
        if by_ms is not None and abs(by_ms) >= _CLOCK_STEP_MS:
            log.warning("main", "the clock is set by %d s", by_ms // 1000)
        utc_ms = self._clock.utc_ms
        rtc = self.board.clock
        try:
            rtc_utc_ms = rtc.utc_ms()
            if rtc_utc_ms is None or abs(rtc_utc_ms - utc_ms) > _RTC_OFF_MS:
                rtc.set_utc_ms(utc_ms)
        except OSError as error:
            log.error("main", "battery-kept clock: %s", error)
        if news:
            # Before anything is kept with the new time: were the power cut in between, what happened before
            # it would be dated behind it.
            self.keep_clock(True)
            self.station.clock_moved()

    async def _tags(self):
        while True:
            tag, number = await self.board.tag_reader.read()
            self._event({"event": "tag", "id": tag})
            await self._steady_power()
            self.station.tag(tag, number, ticks_ms())

    async def _converse(self):
        await asyncio.sleep_ms(_SELF_TEST_MS)
        if self._url is None:
            log.warning("main", "no CSMS: the station works by itself")
            await asyncio.Event().wait()
        await self.session.run(self.board.link)

    async def _connect(self):
        return await channel.connect(
            self._url, self._identity, self.station.config, self._rpc, self._must_wait
        )

    def _must_wait(self):
        return self.station.quiet

    # --- the meter ---

    def _watch_meter(self, number, silent):
        """Some missed answers are noise on the bus; a meter that stays silent cannot bill, so nothing may
        flow.
        """
        index = number - 1
        self._silences[index] = self._silences[index] + 1 if silent else 0
        self.supplies[index].report("MeterFailure", self._silences[index] >= _METER_SILENCES)

    def _read_meter(self, number, done):
        async def read():
            reading = await self._reading(number)
            await self._steady_power()  # what comes of it is kept
            done(reading, ticks_ms())

        asyncio.create_task(read())

    async def _reading(self, number):
        try:
            return await asyncio.wait_for(self.board.connectors[number - 1].meter.read(), _READING_LIMIT_S)
        except asyncio.TimeoutError:
            return None
        except Exception as error:
            log.error("main", "meter %d: %s", number, repr(error))
            return None

    # --- for the control channel, a console, a page ---

    def request_reboot(self):
        self.station.close("Reboot")

    async def data_transfer(self, vendor_id, message_id=None, data=None):
        """DataTransfer to the CSMS: the status of its answer, or None when there was none."""
        payload = {"vendorId": vendor_id}
        if message_id is not None:
            payload["messageId"] = message_id
        if data is not None:
            payload["data"] = data
        answer = []
        answered = asyncio.Event()

        def done(conf):
            answer.append(conf)
            answered.set()

        self.session.request("DataTransfer", payload, done)
        if not answer:
            await answered.wait()  # the session answers every request, at the latest when the connection ends
        return answer[0]["status"] if answer[0] is not None else None

    def security_event(self, kind, info=None):
        raise ValueError("security events come with the security extension")

    def state(self):
        """What the control channel's `state` shows, less what only the board knows."""
        station = self.station
        clock = station.clock
        now_utc_ms = clock.utc_ms
        return {
            "connected": self.session.connected,
            "registration": self.session.registration,
            "queue_depth": self.outbox.depth,
            "heap": self._heap(),
            "uptime_s": clock.uptime_ms // 1000,
            "time": None if now_utc_ms is None else clock.text(now_utc_ms),
            "faults": list(station.faults),
            "last_tag": list(station.admission.last) if station.admission.last else None,
            "connectors": [self._connector_state(connector) for connector in station.connectors],
        }

    @staticmethod
    def _connector_state(connector):
        supply = connector.supply
        transaction = connector.transaction
        state = {
            "connector": connector.number,
            "pilot": supply.pilot,
            "plugged": supply.plugged,
            "contactor": supply.energised,
            "locked": supply.locked,
            "offered_da": supply.offered_da,
            "limit_da": supply.limit_da,
            "limit_by": supply.limit_name,
            "status": connector.status_name,
            "faults": list(supply.faults),
            "transaction": None,
        }
        reading = connector.reading
        if reading is not None:
            state["energy_wh"] = reading.energy_wh
            state["power_w"] = reading.power_w
            state["current_ma"] = list(reading.current_ma)
            state["voltage_mv"] = list(reading.voltage_mv)
        if transaction is not None:
            state["transaction"] = {
                "number": transaction.number,
                "transactionId": transaction.transaction_id,
                "idTag": transaction.id_tag,
                "meter_start_wh": transaction.meter_start_wh,
                "energy_wh": transaction.energy_wh(),
            }
        return state

    def _heap(self):
        self._note_peak()
        gc.collect()
        if not hasattr(gc, "mem_alloc"):  # CPython
            return {}
        return {
            "used": gc.mem_alloc(),
            "free": gc.mem_free(),
            "peak": self._peak,
            "largest_free": _largest_free(),
        }

    def _note_peak(self):
        if hasattr(gc, "mem_alloc"):
            self._peak = max(self._peak, gc.mem_alloc())

    # --- events ---

    def _event(self, event):
        if self.on_event is None:
            return
        try:
            self.on_event(event)
        except MemoryError:
            log.warning("main", "no memory for an event, %s is not shown", event.get("event"))

    def _connection_event(self, up):
        self._event({"event": "connection", "up": up})

    def _status_event(self, number, status):
        self._event({"event": "status", "connector": number, "status": status})

    def _supply_event(self, supply, seen, index):
        if self.on_event is None:
            return
        now = (supply.pilot, supply.energised, supply.faults, supply.offered_da, supply.locked)
        before = seen[index] or (None,) * len(now)
        seen[index] = now
        number = supply.number
        if now[0] != before[0]:
            self._event({"event": "pilot", "connector": number, "pilot": now[0]})
        if now[1] != before[1]:
            self._event({"event": "contactor", "connector": number, "closed": now[1]})
        if now[2] != before[2]:
            self._event({"event": "fault", "connector": number, "faults": list(now[2])})
        if now[3] != before[3]:
            self._event(
                {"event": "offer", "connector": number, "offered_da": now[3], "by": supply.limit_name}
            )

    def _trace(self, direction, text):
        if self.on_event is None:
            return
        if direction == "in":
            text = harmless(text)
        length = len(text)
        if length > _SHOWN_CHARS:
            text = text[:_SHOWN_CHARS]
        self._event({"event": "message", "direction": direction, "text": text, "length": length})

    def _open_all(self):
        for supply in self.supplies:
            supply.permit(False)
            supply.step(ticks_ms())


def _largest_free():
    """The largest block that can be had now, to the KB below: MicroPython tells nobody, so it is tried."""
    least, most = 0, gc.mem_free() >> 10
    while least < most:
        middle = (least + most + 1) >> 1
        try:
            bytearray(middle << 10)
            least = middle
        except MemoryError:
            most = middle - 1
    return least << 10


def _kept_clock(kept):
    """(floor_utc_ms, anchors) of the clock's record; (0, []) when it holds something else."""
    try:
        floor_utc_ms, anchors = kept["floor"], kept["anchors"]
        for row in [[floor_utc_ms, 0, 0]] + anchors:
            if len(row) != 3 or not all(isinstance(value, int) for value in row):
                raise ValueError("not of the clock")
        return floor_utc_ms, anchors
    except (KeyError, TypeError, ValueError):
        return 0, []


async def run(board, settings, attach=None):
    """Run the charger until it has to restart, then reset the controller."""
    firmware = Firmware(board, settings)
    if hasattr(gc, "threshold"):  # CPython's is another thing
        gc.collect()
        gc.threshold(_COLLECT_BYTES)
    if attach is not None:
        attach(firmware)
    await firmware.run()
    board.reset()
