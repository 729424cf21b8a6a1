# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A residual current monitor of class X804 as a device, by the clock of a `Desk`: a pulse at its test input
brings its outputs one after another, and together they go."""

from hal.parts import wired
from hal.parts.monitor import Monitor
from hal.ticks import ticks_diff


class Output:
    def __init__(self, device, name):
        self._device = device
        self._name = name

    def on(self):
        return self._device.shows(self._name)


class X804:
    """An Output (its test input), and three Inputs: `dc`, `ac`, `error`.

    at_ms     name -> when it comes after the beginning of the test; None: it does not
    gone_ms   when all of them go
    gap_ms    (from, to): when all of them are off in between; None
    leaks     names of outputs that are on for what flows
    hangs     it shows what it showed and takes no test
    pulses    the length of each pulse that has ended
    """

    def __init__(self):
        self.desk = None
        self.at_ms = {"dc": 800, "ac": 1500, "error": 1900}
        self.gone_ms = 2080
        self.gap_ms = None
        self.leaks = ()
        self.hangs = False
        self.pulses = []
        self._held = ()
        self._began = None
        self._level = False
        self._rose = 0
        self.dc, self.ac, self.error = (Output(self, name) for name in ("dc", "ac", "error"))

    def now(self):
        return self.desk.now if self.desk is not None else 0

    def hang(self):
        self._held = tuple([name for name in self.at_ms if self.shows(name)])
        self.hangs = True

    def put(self, on):
        if on and not self._level:
            self._rose = self.now()
            if not self.hangs:
                self._began = self.now()
        elif self._level and not on:
            length_ms = ticks_diff(self.now(), self._rose)
            self.pulses.append(length_ms)
            if not 30 <= length_ms <= 1200:
                self._began = None  # not a test
        self._level = bool(on)

    def on(self):
        return self._level

    def shows(self, name):
        if self.hangs:
            return name in self._held
        if name in self.leaks:
            return True
        if self._began is None or self.at_ms[name] is None:
            return False
        since_ms = ticks_diff(self.now(), self._began)
        if self.gap_ms is not None and self.gap_ms[0] <= since_ms < self.gap_ms[1]:
            return False
        return self.at_ms[name] <= since_ms < self.gone_ms

    def part(self):
        """The driver. Its interrupt comes with each look of the guard."""
        wired.ticks_ms = self.now
        device = self

        class Ticked(Monitor):
            def tripped(self):
                if device.desk is not None:
                    self.tick()
                return Monitor.tripped(self)

        return Ticked(self.dc, self, (self.ac, self.error))
