# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A fake controller: its pins, its clock, what is connected to it, and MicroPython's modules as they see it.

    chip = Chip("esp32")
    chip.analog[36] = lambda us: 1500        # millivolts at the pin at that instant
    with chip.installed():
        from hal.esp32.pilot import Pilot    # imported anew, against this chip's modules

Time is a number of microseconds that the test moves (`advance`); what takes time on a chip (a conversion, a
look at the clock, a sleep) moves it too. Timers fire on the way; while the interpreter is stuck (`stall`)
their callbacks wait in the scheduler's queue, which holds eight.
"""

import contextlib
import importlib
import sys
import types

from host_tests.fakes import buses, clocks, esp32_parts, network_parts, pins, registers, rp2_parts, strict
from host_tests.fakes.clocks import WatchdogBite

_QUEUE = 8
_READ_US = 60
_LOOK_US = 2
_VREG, _VREG_AT_RESET = 0x40064000, 0xB1
# Modules of the firmware that import those of a chip: imported anew under each chip.
_OURS = (
    "hal.esp32",
    "hal.rp2",
    "hal.parts.from_data",
    "hal.parts.buses",
    "hal.meter.from_data",
    "hal.rfid.from_data",
)


class Chip:
    """now_us          the clock
    variant         "esp32s3": MicroPython's port is the same as the ESP32's, the pins are others
    external        pin -> level that something outside puts on it
    analog          pin -> f(now_us) -> millivolts
    peers           ("uart", 1) -> f(bytes) -> bytes; ("spi", 0) -> the same; ("i2c", 0) -> {address: memory}
    nvs, rtc_memory what survives a reset
    flash           label of a partition -> bytearray; mounted: path -> file system
    radio           the Wi-Fi around it
    bitstreams      what `machine.bitstream` has sent
    wire            the Ethernet in it
    registers, dma  of an RP2040: words by their addresses, channels by their numbers
    """

    def __init__(self, name: str, cause: int = 1):
        self.name = name
        self.variant = "esp32" if name == "esp32" else "rp2040"
        self.cause = cause
        self.now_us = 0
        self.read_us = _READ_US
        self.violations = []
        self.pins = {}
        self.external = {}
        self.analog = {}
        self.peers = {}
        self.timers = {}
        self.nvs = {}
        self.rtc_memory = b""
        self.flash = {}
        self.mounted = {}
        self.clock_offset_us = 0
        self.watchdog_us = None
        self.watchdog_at = 0
        self.radio = network_parts.Radio(name == "esp32")
        self.wire = network_parts.Wire()
        self.registers = registers.Registers(self)
        self.registers.values[_VREG] = _VREG_AT_RESET
        self.hz = 125000000 if name == "rp2" else 160000000
        self.dma = {}
        self.claimed = set()
        self.packed = {}
        self.bitstreams = []  # (pin, timing, bytes) of each
        self._queue = []
        self._stuck = False
        self.lost_callbacks = 0

    def advance(self, us: int) -> None:
        """Let the world and the timers live for so long."""
        end = self.now_us + us
        while True:
            due = min((timer.due for timer in self.timers.values() if timer.due is not None), default=end)
            if due > end:
                break
            if due == end and not any(timer.due == end for timer in self.timers.values()):
                break
            self.now_us = max(self.now_us, due)
            self._watch()
            for timer in list(self.timers.values()):
                if timer.due is not None and timer.due <= self.now_us:
                    timer.fire(self)
            end = max(end, self.now_us)  # the callbacks took their time
        self.now_us = end
        self._watch()

    def stall(self, us: int, then=None) -> None:
        """The interpreter is in one C call for so long: callbacks wait, and then run one after the other;
        `then()` comes before them."""
        self._stuck = True
        try:
            self.advance(us)
            if then is not None:
                then()
        finally:
            self._stuck = False
        waiting, self._queue = self._queue, []
        for callback, argument in waiting:
            callback(argument)

    def schedule(self, callback, argument) -> None:
        if not self._stuck:
            callback(argument)
        elif len(self._queue) < _QUEUE:
            self._queue.append((callback, argument))
        else:
            self.lost_callbacks += 1

    def look(self) -> int:
        """The clock, which takes its time to be read."""
        self.now_us += _LOOK_US
        return self.now_us

    def core_mv(self) -> int:
        """Of an RP2040, by VREG's VSEL (datasheet 2.10.6)."""
        return 550 + 50 * max(6, self.registers[_VREG] >> 4 & 15)

    def utc_us(self) -> int:
        return self.now_us + self.clock_offset_us

    def output(self, number: int) -> int | None:
        """The level that the chip drives on a pin; None: it does not."""
        return self.pins[number].driven() if number in self.pins else None

    def _watch(self):
        if self.watchdog_us is not None and self.now_us - self.watchdog_at > self.watchdog_us:
            raise WatchdogBite("not fed for %d us" % self.watchdog_us)

    def modules(self) -> dict[str, types.ModuleType]:
        found = {
            "machine": strict.strict_module(
                self,
                "machine",
                clocks.machine_functions(self),
                {**pins.classes(self.name), **clocks.classes(self.name), **buses.CLASSES},
            ),
            "time": strict.strict_module(self, "time", clocks.time_functions(self), {}),
            "micropython": strict.strict_module(self, "micropython", clocks.micropython_functions(self), {}),
            "vfs": strict.strict_module(
                self, "vfs", esp32_parts.vfs_functions(self), esp32_parts.VFS_CLASSES
            ),
        }
        if self.name == "esp32":
            found["esp32"] = strict.strict_module(self, "esp32", {}, esp32_parts.CLASSES)
            found["network"] = strict.strict_module(
                self, "network", network_parts.functions(self), network_parts.CLASSES
            )
        else:
            found["network"] = network_parts.rp2_module(self)
            found["rp2"] = strict.strict_module(self, "rp2", rp2_parts.FUNCTIONS, rp2_parts.CLASSES)
            found["machine"].__dict__["mem32"] = self.registers
            found["uctypes"] = strict.strict_module(self, "uctypes", {"addressof": rp2_parts.addressof}, {})
        return found

    @contextlib.contextmanager
    def installed(self):
        """These modules under their names, and ours forgotten before and after. What broke a stub's rules in
        between is raised at the end, whoever swallowed it."""
        import asyncio  # noqa: F401, PLC0415  (it is to have CPython's own modules)

        modules = self.modules()
        before = {name: sys.modules.get(name) for name in modules}
        self._forget()
        sys.modules.update(modules)
        try:
            yield self
        finally:
            for name, module in before.items():
                if module is None:
                    sys.modules.pop(name, None)
                else:
                    sys.modules[name] = module
            self._forget()
        assert not self.violations, self.violations

    def load(self, name: str):
        """Within `installed`: a module of ours, bound to this chip."""
        return importlib.import_module(name)

    def _forget(self):
        for name in list(sys.modules):
            if name in _OURS or name.startswith(tuple(ours + "." for ours in _OURS)):
                del sys.modules[name]
                package, _, last = name.rpartition(".")
                if package in sys.modules and hasattr(sys.modules[package], last):
                    delattr(sys.modules[package], last)
