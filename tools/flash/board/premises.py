# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Everything around a charger but the central system (see `world`): time, cars, meters, drivers; and the
power, which may go.

All of it goes on when the charger's power goes. What a driver does is a verb that says what is to be true
afterwards (`begin`, `stop`): it can be said again after a power cut, as a driver tries again, and does
nothing where it is true already.
"""

import gc

import log
from flash.board import boot
from flash.board import device as chip
from flash.board.central import Central
from flash.board.ledger import Ledger, watch_records
from flash.board.promises import Promises
from station import list_update, timestamp

MOUNT = "/flash"
_EPOCH_MS = 1790000000000
_TURN_MS = 1000
_RESTART_MS = 3000
_PATIENCE_MS = 120000  # a driver's, and that of who waits for a restart
_SILENCE_MS = 15000  # of a meter that starts slowly
_GIVEN_UP = 20  # boots without an end: something goes round in circles


class Stuck(Exception):
    """What should come about does not."""


class Premises:
    """`cuts`: [(operation, torn), ...]; the power goes at the first, at the second counted from the boot
    after it, and so on.

    device      the chip as it is now
    charger     the charger of the present boot, None while the power is off
    faults      (kind, text); kinds: lost, duplicated, unbootable, order, energy, settings, reservation, list,
                profile, trigger, files, open, stuck
    records     {path: contents that this record file may have}
    link_up     the network is there
    power_w     what a charging car draws
    show        fn(text) for every log line, None: they are not formatted
    """

    def __init__(self, prog_bytes, plan, cuts=(), show=None, image=None):
        """`plan`: of `life`. `image`: of a chip with a file system; None: a new one."""
        self.faults = []
        self.link_up = True
        self.power_w = 11000
        self.boots = 0
        self.charger: boot.Charger = None  # pyright: ignore[reportAttributeAccessIssue]
        self.device = chip.Device(plan.blocks, image)
        self._prog_bytes = prog_bytes
        self.plan = plan
        self._cuts = list(cuts)
        self._now_ms = 0
        self._booted_ms = 0
        self._mwh = {}
        self._cars = {}
        self._meters = {}  # connector -> "restarts", "silent": see `meter`
        self._forgotten_mwh = {}  # by the meters
        self._silent_to_ms = {}
        self._power_fails = False
        self._was_off = False
        self.central = Central(self.utc_text, plan.meters_forget)
        self.ledger = Ledger(self.power_w)
        self.promises = Promises(self.fault, plan.resumes)
        log.level = log.INFO if show is not None else log.ERROR
        boot.prepare(self, show)
        setattr(list_update, "_RUN", plan.list_run)  # noqa: B010
        setattr(list_update, "_BESIDE", plan.list_beside)  # noqa: B010
        self.records = watch_records(self.fault)
        if image is None:
            chip.format(self.device, prog_bytes)
            self.device.reset_counts()
        self._arm()
        self.mount()

    def branch(self, image, show=None):
        """Another world that goes on from here, with this chip and the power off."""
        other = self.__class__(self._prog_bytes, self.plan, (), show, image)
        other.link_up = self.link_up
        other._now_ms = self._now_ms
        other._mwh = dict(self._mwh)
        other._cars = dict(self._cars)
        other._was_off = True
        other._meters = dict(self._meters)
        other._forgotten_mwh = dict(self._forgotten_mwh)
        other.ledger = self.ledger.copy()
        other.promises = self.promises.copy(other.fault)
        other.central = self.central.copy(other.utc_text)
        for path, contents in self.records.items():
            other.records[path] = list(contents)
        return other

    def utc_text(self):
        return timestamp.text(_EPOCH_MS + self._now_ms)

    def fault(self, kind, text):
        self.faults.append((kind, text))

    # --- power ---

    def _arm(self):
        if self._cuts:
            self.device.cut_at, self.device.torn = self._cuts.pop(0)

    def mount(self):
        chip.mount(self.device, self._prog_bytes, MOUNT)

    def after_cut(self):
        """The power went in an operation and comes back: all that is left is the chip."""
        self._lose_power(False)
        self._discard()
        self.device = chip.Device(image=self.device.survivor)
        self._arm()
        self._now_ms += _RESTART_MS
        self.mount()

    def power_off(self, ms, warned=False):
        """The power is off for a while, between two operations."""
        self._lose_power(warned)
        self.device = self.device.unplugged()
        self._discard()
        self._now_ms += ms
        self.mount()

    def warned_power_off(self, ms):
        """As `power_off`; the board's power-fail input has told the charger before."""
        self._power_fails = True
        self.wait(_TURN_MS)
        self.power_off(ms, True)

    def power_fails(self):
        return self._power_fails

    def _lose_power(self, warned):
        self._power_fails = False
        self._was_off = True
        for number in self._mwh:
            self.ledger.power_lost(number, number in self._meters and not warned)

    def restart(self):
        """As a reset does."""
        self.device = self.device.unplugged()
        self._discard()
        self._now_ms += _RESTART_MS
        self.mount()

    def _discard(self):
        if self.charger is not None:
            self.charger.gone()
        self.promises.rebooted()
        self.charger = None  # pyright: ignore[reportAttributeAccessIssue]
        gc.collect()

    def boot(self):
        """The power is there: the charger boots if it does not run."""
        if self.charger is not None:
            return
        self.boots += 1
        if self.boots > _GIVEN_UP:
            raise Stuck("%d boots" % self.boots)
        self._booted_ms = self._now_ms
        if self._was_off:
            self._was_off = False
            self._start_meters()
        charger = boot.Charger(self, MOUNT)
        self.ledger.watch(charger)
        self.promises.watch(charger)
        self.promises.check(charger.station)
        for number, plugged in self._cars.items():
            if plugged:
                charger.firmware.supplies[number - 1].plug(asking=True)
        charger.start()
        self.promises.charging.check(charger.station)
        self.charger = charger
        self.wait(_TURN_MS)

    # --- time ---

    def uptime_ms(self):
        return self._now_ms - self._booted_ms

    def wait(self, ms, turn_ms=_TURN_MS):
        """Time passes; a charger that wants to restart does."""
        while ms > 0:
            part = min(ms, turn_ms)
            ms -= part
            self._now_ms += part
            if self.charger is None:
                self.boot()
            for supply in self.charger.firmware.supplies:
                if supply.energised:
                    number = supply.number
                    mwh = self.power_w * part // 3600
                    self._mwh[number] = self._mwh.get(number, 0) + mwh
                    self.ledger.flows(number, mwh)
            closed = self.charger.turn()
            self.promises.charging.check(self.charger.station)
            if closed:
                self.restart()
                self.boot()

    def until(self, what, fulfilled, act=None):
        """Wait for `fulfilled()`; `act()` is tried every few seconds meanwhile."""
        waited_ms = 0
        while not fulfilled():
            if waited_ms >= _PATIENCE_MS:
                raise Stuck(what)
            if act is not None and waited_ms % 5000 == 0:
                act()
            self.wait(_TURN_MS)
            waited_ms += _TURN_MS

    # --- the meter ---

    def _supply(self, number):
        return self.charger.firmware.supplies[number - 1]

    def energised(self, number):
        return self.charger is not None and self._supply(number).energised

    def register_wh(self, number):
        """What the meter shows, None: it does not answer."""
        if self._now_ms < self._silent_to_ms.get(number, 0):
            return None
        if number in self._forgotten_mwh:
            return (self._mwh.get(number, 0) - self._forgotten_mwh[number]) // 1000
        return 5000 * number + self.drawn_wh(number)

    def meter(self, number, at_power_up):
        """From now on, when the power returns, the meter "keeps" its register, "restarts" at 0, or keeps it
        and is "silent" first, for longer than it is waited for.
        """
        self._meters.pop(number, None)
        if at_power_up != "keeps":
            self._meters[number] = at_power_up

    def _start_meters(self):
        for number, at_power_up in self._meters.items():
            if at_power_up == "restarts":
                self._forgotten_mwh[number] = self._mwh.get(number, 0)
            else:
                self._silent_to_ms[number] = self._now_ms + _SILENCE_MS

    def drawn_wh(self, number):
        return self._mwh.get(number, 0) // 1000

    # --- drivers ---

    def connector(self, number):
        return self.charger.station.connectors[number - 1]

    def plug(self, number):
        self._cars[number] = True
        self.charger.firmware.supplies[number - 1].plug(asking=True)

    def unplug(self, number):
        self._cars[number] = False
        self.charger.firmware.supplies[number - 1].unplug()
        self.wait(2 * _TURN_MS)

    def swipe(self, number, tag):
        self.charger.station.tag(tag, number, self.uptime_ms())

    def begin(self, number, tag):
        """Somebody charges there: acknowledged, the contactor is closed."""

        def act():
            connector = self.connector(number)
            if not connector.busy and connector.grant is None:
                self.swipe(number, tag)

        if not self._cars.get(number):
            self.plug(number)
        self.until("%s charges at %d" % (tag, number), lambda: self.energised(number), act)

    def charge(self, number, tag, ms):
        """For so long; after a power cut from the beginning, if it was not the end of the transaction."""
        self.begin(number, tag)
        self.wait(ms, 5000)

    def stop(self, number, tag):
        """The driver ends it, if that has not happened yet, and leaves."""

        def act():
            if self.connector(number).transaction is not None and not self.connector(number).ending:
                self.swipe(number, tag)

        self.until("%s ends" % tag, lambda: not self.connector(number).busy, act)
        self.unplug(number)

    def turned_away(self, number, tag):
        """The driver with this tag gets nothing, and leaves."""
        self.plug(number)
        self.wait(2 * _TURN_MS)
        self.swipe(number, tag)
        self.wait(10000)
        if self.connector(number).busy or self.connector(number).grant is not None:
            self.fault("list", "%s may charge" % tag)
        self.unplug(number)

    def refused(self, number):
        """The central system has refused the driver after the start, and all is over."""

        def over():
            return not self.connector(number).busy and self.central.open_row(number) is None

        self.until("refused", over)
        self.unplug(number)

    # --- the chip ---

    def files(self):
        """{name: size} below the charger's directory."""
        return {path[len(MOUNT) + 1 :]: size for path, size in chip.files(MOUNT)}
