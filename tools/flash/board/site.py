# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A charger that lives for years on one chip: cars, drivers, a central system, and time as a number.

The world of `flash.board.boot`, without power cuts: the central system answers in the call and remembers
nothing.
"""

import gc
import json

import charger
import log
from flash.board import boot
from flash.board import device as chip
from hal import ticks
from host_tests.unit.rig import ScriptedSupply
from station import timestamp
from store.journal import Journal

MOUNT = "/flash"
STATION = "boards/sim/loop_evs32a.json"
BLOCKS = 256  # 1 MB
_EPOCH_MS = 1790000000000  # the time when a site begins
# How often the firmware is stepped. What it writes, it writes at longer intervals.
_TURN_MS = 10000
_CALL = 2
_HEARTBEAT_S = 3600


class _Plan:
    warns = False
    receive_bytes = 512

    def __init__(self, station, keys):
        self.station = station
        self.keys = keys


def _nobody(action, payload):
    return None


class Site:
    """`keys`: {configuration key: text} at first boot. The chip is formatted, and its counts begin at 0.

    device      the chip
    charger     `flash.board.boot.Charger` of the present boot
    link_up     the network is there
    on_message  fn(action, payload) sees each message of a transaction that the central system confirms
    power_w     what a charging car draws
    """

    def __init__(self, geometry, keys, blocks=BLOCKS):
        prog_bytes = chip.PROG_BYTES[geometry]
        self.device = chip.Device(blocks)
        self.link_up = True
        self.on_message = _nobody
        self.transactions = 0
        self.power_w = 7400
        self.central = self  # the rest of what `charger` asks of a world
        self._charger = None
        self._prog_bytes = prog_bytes
        with open(STATION) as file:
            self.plan = _Plan(json.load(file), keys)
        self._energy_mwh = 1000000
        self._now_ms = 0  # since the site began
        log.level = log.ERROR
        boot.prepare(self)
        charger.Journal = Journal  # as large as it is, not as a world of power cuts wants it
        chip.format(self.device, prog_bytes)
        self.device.reset_counts()

    @property
    def charger(self) -> boot.Charger:
        if self._charger is None:
            raise RuntimeError("the power is off")
        return self._charger

    def uptime_ms(self):
        return self._now_ms

    def energised(self, number):
        return self.charger.firmware.supplies[number - 1].energised

    def register_wh(self, number):
        return self._energy_mwh // 1000

    def answered(self, text):
        """The charger answers: nobody asks."""

    def fault(self, kind, text):
        raise RuntimeError("\n".join(log.lines()[-3:] + [kind + ": " + text]))

    # --- power ---

    def boot(self):
        """Power on. What the last boot left in RAM is gone."""
        self.mount()
        self.build()
        self.charger.start()
        self.wait(1)

    def mount(self):
        self._charger = None
        gc.collect()
        chip.mount(self.device, self._prog_bytes, MOUNT)

    def build(self):
        self._charger = boot.Charger(self, MOUNT)

    # --- time ---

    def wait(self, ms):
        while ms > 0:
            part = min(ms, _TURN_MS)
            ms -= part
            self._now_ms += part
            if self.energised(1):
                self._energy_mwh += self.power_w * part // 3600
            self.charger.turn()

    def link(self, up):
        """The network comes or goes; what waits is told."""
        self.link_up = up
        self.wait(1)

    # --- the central system ---

    def take(self, text):
        """The text of its answer."""
        frame = json.loads(text)
        if frame[0] != _CALL:
            return None
        _, message_id, action, payload = frame
        conf = {}
        if action in ("BootNotification", "Heartbeat"):
            conf["currentTime"] = timestamp.text(_EPOCH_MS + self._now_ms)
        if action == "BootNotification":
            conf["status"] = "Accepted"
            conf["interval"] = _HEARTBEAT_S
        elif action == "StartTransaction":
            self.transactions += 1
            conf["transactionId"] = self.transactions
        if action in ("Authorize", "StartTransaction", "StopTransaction"):
            conf["idTagInfo"] = {"status": "Accepted"}
        if action in ("StartTransaction", "StopTransaction", "MeterValues"):
            self.on_message(action, payload)
        return json.dumps([3, message_id, conf])

    # --- drivers ---

    @property
    def _supply(self) -> ScriptedSupply:
        return self.charger.firmware.supplies[0]  # pyright: ignore[reportReturnType]

    @property
    def charging(self):
        """A transaction runs."""
        return self.charger.station.busy(1)

    def begin(self, tag):
        """Somebody plugs in and swipes."""
        self._supply.plug(asking=True)
        self.wait(5000)
        self._swipe(tag)

    def end(self, tag):
        """The same person swipes again and leaves."""
        self._swipe(tag)
        self._supply.unplug()
        self.wait(5000)

    def _swipe(self, tag):
        self.charger.station.tag(tag, None, ticks.ticks_ms())
        self.wait(1000)
        self.wait(1000)
