# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The firmware: builds the charger from a board and its settings, and keeps it running.

    await run(board, settings, attach)

`board` fulfils `hal.contract.Board`. `settings` is a dict: csms_url, id, set (configuration at first boot),
info (BootNotification's fields), station (station description); tolerant: what is wrong of `set` is logged
and left out. `attach(firmware)` is called once the firmware exists.
"""

import asyncio
import gc
import os
import sys

import log
import view
from event_log import EventLog
from evse import faults
from evse.supply import Supply
from evse.ticker import Ticker
from hal.ticks import ticks_diff, ticks_ms
from meters import Meters
from net.signal import Signal
from ocpp16 import channel, queued
from ocpp16.core import Core
from ocpp16.outbox import Outbox
from ocpp16.profiles import IMPLEMENTED, Profiles
from ocpp16.rpc import Rpc
from ocpp16.session import Session
from panel import Panel
from station.availability import Availability
from station.cache import Cache
from station.charge_point import ChargePoint, Numbers
from station.configuration import Configuration
from station.description import Description
from station.kept_clock import KeptClock
from station.kept_faults import KeptFaults
from station.reservation import Reservations
from station.transaction_record import RECORD_VERSION, migrate
from store.journal import Journal
from store.overflow import Overflow
from store.record import Record

VERSION = "0.1.0"

# The car's side: 100 ms from the pilot leaving C to the contactor open, with room for three samples.
_STEP_MS = 20
# The pilot is known when the debounce has run once, half a second for a car that is in C: before, a car that
# waits in the cable would be reported Available.
_SELF_TEST_MS = 600
# Two blocks of flash, less the pointers that littlefs puts into them.
_SEGMENT_BYTES = 8176
# Left alone, MicroPython collects when the heap is full; what stays is by then strewn all over it, and of
# 80 KB free no 8 KB are in one piece: a long message could not be read. Under broken and hostile traffic a
# heap of 200 KB with 37 KB free keeps 22 KB in one piece when it is collected every 16 KB, 27 when every 6;
# where more is free, collecting that often would only take time.
_COLLECT_BYTES = 16384
_COLLECT_PARTS = 8  # of what is free after the start, if that is less
_WEAK_SIGNAL = ("WeakSignal",)
# A board that is told of a failing power supply is asked this often: hold-up times are short.
_POWER_MS = 5


class Firmware:
    def __init__(self, board, settings):
        self.board = board
        data = board.storage.path
        description = Description(settings.get("station"))
        config = Configuration(
            description,
            Record(data + "/settings", 1),
            settings.get("set") or {},
            implemented=IMPLEMENTED,
            tolerant=settings.get("tolerant", False),
        )
        kept_clock = self._kept_clock = KeptClock(Record(data + "/clock", 1), board.clock)
        numbers = Numbers(Record(data + "/boots", 1), kept_clock.last_boot)
        clock = kept_clock.start(numbers.boot, ticks_ms())
        cause = self._cause = board.cause()
        event_log = self._event_log = EventLog(data, clock)
        event_log.start(cause, VERSION)
        log.sink = event_log.line
        # Of a secret the text is empty.
        config.watch(lambda key: event_log.tell("set %s to %s" % (key, config.text(key)[:60])))
        self.supplies = [
            Supply(hardware, connector, board.fault_signals)
            for hardware, connector in zip(board.connectors, description.connectors)
        ]
        for supply in self.supplies:
            if supply.untested:
                log.warning("charger", "connector %d: the RCD has no test input", supply.number)
        self._ticker = Ticker(board, [supply.guard for supply in self.supplies])
        self._kept_faults = KeptFaults(Record(data + "/faults", 1), self.supplies)
        count = len(self.supplies)
        self._signal = Signal()
        self._heap = view.Heap()
        self.stall_ms = 0  # the longest time between two steps, and when that was, in seconds of uptime
        self.stall_at_s = 0
        self.events = view.Events(count)  # `listener`: fn(dict), of who wants to be told what happens
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
            _local_list(config, data),
            Reservations(Record(data + "/reservations", 1)) if _has("Reservation", config) else None,
            _charging_profiles(config, data, description),
        )
        self._panel = Panel(board, self.station, self.supplies, self._start_button)
        grid_meter = board.grid_meter if description.options["grid_meter"] else None
        kept_energy = _kept_energy(board.connectors, data)
        self._meters = Meters(board.connectors, self.station, grid_meter, kept_energy)
        self._meters.keep(Record(data + "/meters", 1))
        budget_bytes = description.options["queue_kb"] * 1024
        self.outbox = Outbox(
            Overflow(Journal(data + "/outbox", _SEGMENT_BYTES, budget_bytes, queued.expendable)),
            config,
            clock,
            description.options["milliseconds"],
        )
        kept_clock.attach(self.station, self.outbox)
        event_log.attach(self.station)
        log.info("charger", "%s %s, started by %s", description.name, VERSION, cause)
        if cause != "PowerUp":
            # Section 7.35: a reset of our own, "for instance watchdog kicked in"; the supply was there.
            self.station.cut_off_reason = "Reboot"
        info = {
            "chargePointVendor": "Pilotlight",
            "chargePointModel": description.name,
            "firmwareVersion": VERSION,
        }
        info.update(settings.get("info") or {})
        self.info = info
        self.self_test = None  # `self_test.SelfTest`, while there is one
        self.url = settings["csms_url"]
        self.identity = settings["id"]
        self.session = Session(self.station, self.outbox, info, self._connect, self._connection)
        self.station.attach(self.session, self.events.status)
        core = Core(self.station, lambda: self.session.registration).handlers()
        profiles = Profiles(core, self.station, self.session)
        self._rpc = Rpc(profiles.find, on_frame=self.events.message)
        profiles.tables = self._rpc.tables
        self._secure = None
        if self.url is not None and self.url.lower().startswith("wss"):
            # 7 KB that a charger without TLS does without. Here, where the heap is still in one piece.
            from net.tls import Tls

            self._secure = Tls(data, clock.at_least)
        self._rpc.hear_late(self.outbox.late, self.outbox.answered_late)
        self._ntp = settings.get("ntp")

    # --- tasks ---

    async def run(self):
        self.station.recover(ticks_ms())
        self._meters.recovered()
        tasks = [
            asyncio.create_task(self._steps()),
            asyncio.create_task(self._rounds()),
            asyncio.create_task(self._converse()),
        ]
        if self.board.tag_reader is not None:
            tasks.append(asyncio.create_task(self._tags()))
        if self.board.console:
            tasks.append(asyncio.create_task(self._listen()))
        if self.board.link is not None:
            tasks.append(asyncio.create_task(self.board.link.run()))
            if self._ntp:
                tasks.append(asyncio.create_task(self._tell_time()))
        try:
            # Each of these runs for ever: the first that ends has failed, and a charger with a part missing
            # is stopped, contactors open, rather than left half alive; who started it starts it again.
            while not any(task.done() for task in tasks):
                await asyncio.sleep(0.2)
                if self.station.closed(self.session.all_told):
                    await asyncio.sleep(0.2)  # the last answer leaves the writer
                    log.warning("charger", "reset")
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
        ticker = self._ticker
        timed = ticker.start()
        before = ticks_ms()
        while True:
            now = ticks_ms()
            if ticks_diff(now, before) > self.stall_ms:
                self.stall_ms = ticks_diff(now, before)
                self.stall_at_s = station.clock.uptime_ms // 1000
            before = now
            if not timed:
                ticker.tick()
            ticker.live()
            station.clock.advance(now)
            if board.power_fails is not None:
                self._watch_power(now)
            station_faults = board.fault_signals()
            if self._signal.weak:
                station_faults += _WEAK_SIGNAL
            changed = False
            for supply in self.supplies:
                if supply.step(now):
                    self.events.supply(supply)
                    changed = True
            station.step(now, station_faults)
            if changed:
                self._event_log.look(self.supplies)
            self._panel.step(now)
            if not station.quiet:
                self._kept_faults.keep(now)
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
            asyncio.create_task(self._meters.final_readings())

    async def _rounds(self):
        """What need not be looked at in every step, and the meters."""
        while True:
            began = ticks_ms()
            await self._meters.round()
            self._note_peak()
            self._look_around()
            self.session.age(ticks_ms())
            if not self.station.quiet:
                self.outbox.catch_up(ticks_ms())
            self._kept_clock.keep()
            self._event_log.tick()
            await asyncio.sleep_ms(self._meters.pause_ms(ticks_diff(ticks_ms(), began)))

    async def _tell_time(self):
        from net.sntp import Sntp

        clock = self.station.clock
        await Sntp(self._ntp, lambda: not clock.told, self._kept_clock.hint).run(self.board.link)

    def _read_meter(self, number, done):
        self._meters.read(number, done)

    async def _tags(self):
        from hal.uid import is_random
        from station.tag_format import id_tag

        options = self.station.description.options
        while True:
            uid, number = await self.board.tag_reader.read()
            tag = id_tag(uid, options["tag_format"])
            if self.self_test is not None and self.self_test.tag(tag):
                continue
            passing = is_random(uid)
            if passing:
                log.info("charger", "tag %s: a random UID, %s", tag, options["random_tags"])
                if options["random_tags"] == "ignore":
                    self.events.tell({"event": "tag", "id": tag})
                    continue
            await self._tag(tag, number, passing)

    async def _tag(self, tag, number, passing=False, button=False):
        self.events.tell({"event": "tag", "id": tag})
        await self._meters.steady_power()
        self.station.tag(tag, number, ticks_ms(), passing, button)

    def _start_button(self, tag):
        asyncio.create_task(self._tag(tag, None, button=True))

    async def _listen(self):
        """To who types at the console. What answers is loaded with the first character."""
        import select

        poller = select.poll()
        poller.register(sys.stdin, select.POLLIN)

        def read():
            # Of the bytes: for a character that is none the text would wait.
            return (sys.stdin.buffer.read(1) or None) if poller.poll(0) else b""

        while True:
            await asyncio.sleep(0.2)
            if not poller.poll(0):
                continue
            try:
                from console import Console

                await Console(self, read).run()
                await asyncio.Event().wait()  # nobody will ever type again
            except Exception as error:  # whatever it is, a charger without it charges
                log.failure("console", "ended", error)

    async def _converse(self):
        await asyncio.sleep_ms(_SELF_TEST_MS)
        if self.url is None or self.board.link is None:
            log.warning("charger", "no CSMS: the station works by itself")
            await asyncio.Event().wait()
        await self.session.run(self.board.link)

    async def _connect(self):
        return await channel.connect(
            self.url, self.identity, self.station.config, self._rpc, self._must_wait, self._secure
        )

    def _connection(self, up):
        self.events.connection(up)
        self._event_log.tell("connected" if up else "disconnected")

    def _must_wait(self):
        return self.station.quiet

    def _look_around(self):
        """What nobody is told of unless it is asked: a reader that has died, a signal that fades."""
        board = self.board
        silent = board.tag_reader is not None and board.tag_reader.silent()
        for supply in self.supplies:
            supply.report("ReaderFailure", silent)
        self._signal.look(board.link)

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
        shown = view.state(self.station, self.session, self.outbox, self._heap.figures())
        shown["cause"] = self._cause
        shown["stall"] = {"ms": self.stall_ms, "uptime_s": self.stall_at_s}
        for supply in self.supplies:
            text = faults.driver_text(supply.faults[0]) if supply.faults else ""
            shown["connectors"][supply.number - 1]["driver_reads"] = text
        return shown

    def _note_peak(self):
        self._heap.note_peak()

    def _open_all(self):
        for supply in self.supplies:
            supply.emergency_open()


def _has(profile, config):
    return profile in config.value("SupportedFeatureProfiles")


def _kept_energy(hardware, data):
    """None where every meter keeps its register by itself."""
    tallies = [getattr(connector.meter, "tally", None) for connector in hardware]
    if not any(tallies):
        return None
    from station.kept_energy import KeptEnergy

    return KeptEnergy(Record(data + "/energy", 1), tallies)


def _local_list(config, data):
    """The Local Authorization List; None where the station has not that profile."""
    if not _has("LocalAuthListManagement", config):
        return None
    from station.local_list import LocalList

    return LocalList(data + "/local_list", config)


def _charging_profiles(config, data, description):
    """None where the station has not Smart Charging."""
    if not _has("SmartCharging", config):
        return None
    from station.charging_profiles import ChargingProfiles

    return ChargingProfiles(data + "/profiles", config, description.options["power_loss"] == "resume")


async def run(board, settings, attach=None):
    """Run the charger until it has to restart, then reset the controller."""
    path = board.storage.path
    try:
        os.stat(path + "/factory_reset")
    except OSError:
        pass
    else:
        from factory_reset import carry_out

        carry_out(path)
    firmware = Firmware(board, settings)
    settings = None  # what the firmware has not kept of it is garbage
    if hasattr(gc, "threshold"):  # CPython's is another thing
        gc.collect()
        gc.threshold(min(_COLLECT_BYTES, gc.mem_free() // _COLLECT_PARTS))
    if attach is not None:
        attach(firmware)
    await firmware.run()
    board.reset()
