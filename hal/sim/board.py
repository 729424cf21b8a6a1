# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The simulated board put together from a station file, and its station-wide parts: tag reader, link,
clock."""

import asyncio
import os
import time

from hal.sim.connector import SimConnector
from hal.sim.process import POWER_CUT, RESET, end

_TAGS = 8  # presented and not yet read
_MEASURANDS = ("Energy.Active.Import.Register",)


class SimTagReader:
    def __init__(self):
        self._tags = []
        self._event = asyncio.Event()
        self.dead = False

    def present(self, uid, connector=None) -> bool:
        """False: nobody has read the last tags, this one is not seen."""
        if len(self._tags) >= _TAGS:
            return False
        self._tags.append((uid, connector))
        self._event.set()
        return True

    async def read(self):
        while not self._tags:
            self._event.clear()
            await self._event.wait()
        return self._tags.pop(0)

    def silent(self):
        return self.dead


class SimIndicator:
    """Remembers what it shows: connector -> indication."""

    def __init__(self):
        self.shown = {}

    def show(self, number, indication):
        self.shown[number] = indication


class SimBuzzer:
    """Remembers what it sounded, the last few of it."""

    def __init__(self):
        self.heard = []

    def sound(self, name):
        self.heard = self.heard[-7:] + [name]


class SimButton:
    def __init__(self):
        self.down = False

    def pressed(self):
        return self.down


class SimLink:
    def __init__(self):
        self.dbm = None
        self._up = True
        self._event = asyncio.Event()

    def up(self):
        return self._up

    def set_up(self, up) -> None:
        if up != self._up:
            self._up = up
            # Everyone who waits now is woken; who waits from now on waits for the next change.
            self._event.set()
            self._event = asyncio.Event()

    async def changed(self):
        await self._event.wait()

    async def run(self):
        await asyncio.Event().wait()  # it is there by itself

    async def release(self):
        pass

    def heard(self):
        pass

    def in_vain(self):
        pass

    def signal_dbm(self):
        return self.dbm


class SimClock:
    """Without a battery (the default) the time is unknown at each start, as on a bare board, and what was set
    is kept for as long as the process lives; `battery` True: the host's clock, off by as many milliseconds as
    it was set, which the file `path` keeps."""

    def __init__(self, battery=False, path=None):
        self._known = battery
        self._path = path if battery else None
        self._off_ms = 0
        if self._path is not None:
            try:
                with open(self._path) as file:
                    self._off_ms = int(file.read(20))
            except (OSError, ValueError):
                pass  # never set: the host's clock

    def utc_ms(self):
        return _host_ms() + self._off_ms if self._known else None

    def set_utc_ms(self, utc_ms):
        self._known = True
        self._off_ms = utc_ms - _host_ms()
        if self._path is not None:
            try:
                with open(self._path, "w") as file:
                    file.write(str(self._off_ms))
            except OSError as error:
                print("sim: %s cannot be kept: %s" % (self._path, error))


def _host_ms():
    return time.time_ns() // 1000000


class SimStorage:
    def __init__(self, path):
        self.path = path

    def trouble(self):
        return None


class SimBoard:
    """A `hal.contract.Board`, and what the control channel does to it."""

    def __init__(self, station, data_dir, battery_clock=False):
        """`station`: object of a station file; `data_dir`: an existing directory, without a slash at its
        end."""
        self.name = "sim"
        # Of a terminal in which somebody talks to a CSMS the charger shall not take the half.
        self.console = os.getenv("PILOTLIGHT_CONSOLE") == "1"
        self.storage = SimStorage(data_dir)
        self.indicator = SimIndicator()
        self.buzzer = SimBuzzer()
        self.button = SimButton()
        self.start_button = SimButton()
        self.watchdog = None
        measurands = station.get("measurands", _MEASURANDS)
        self.connectors = []
        for row in station.get("connectors", ({},)):
            self.connectors.append(SimConnector(len(self.connectors) + 1, row, measurands, data_dir))
        self.grid_meter = None
        options = station.get("options")
        if isinstance(options, dict) and options.get("grid_meter"):
            from hal.sim.grid_meter import SimGridMeter  # few stations have one

            self.grid_meter = SimGridMeter(self.connectors)
        self.tag_reader = None if station.get("reader", "single") == "none" else SimTagReader()
        self.link = SimLink()
        self.clock = SimClock(battery_clock, None if data_dir is None else data_dir + "/sim_clock")
        self._cause_path = None if data_dir is None else data_dir + "/sim_cause"
        self._cause = self._read_cause()
        self._signals = ()
        self._power_fails = False
        self._dying = None

    def fault_signals(self):
        return self._signals

    def every_ms(self, period_ms, fn):
        return False  # the unix port has no timers

    def stopped(self):
        return "EmergencyStop" in self._signals

    def cause(self):
        return self._cause

    def rest(self):
        pass  # the process ends

    def reset(self):
        self._restart("Reset")

    def watchdog_bites(self) -> None:
        """As `power_cut`, and the controller starts again: it hung, and nobody fed its watchdog."""
        self._restart("Watchdog")

    def _restart(self, cause):
        self._keep()
        if self._cause_path is not None:
            try:
                with open(self._cause_path, "w") as file:
                    file.write(cause)
            except OSError as error:
                print("sim: %s cannot be kept: %s" % (self._cause_path, error))
        end(RESET)

    def _read_cause(self):
        """What the last restart has left, once; who was switched off finds nothing."""
        try:
            with open(self._cause_path or "") as file:
                cause = file.read(20)
            os.remove(self._cause_path or "")
        except OSError:
            return "PowerUp"
        return cause if cause in ("Reset", "Watchdog") else "PowerUp"

    def power_cut(self) -> None:
        """The controller stops between two instructions. Meters and cars are not part of it: they keep what
        they have."""
        self._keep()
        end(POWER_CUT)

    def power_fails(self):
        return self._power_fails

    def warn_of_power(self, active, hold_up_ms=None) -> None:
        """The power-fail input; with `hold_up_ms` the supply is gone so much later."""
        self._power_fails = active
        if hold_up_ms is not None:
            self._dying = asyncio.create_task(self._die(hold_up_ms))

    async def _die(self, hold_up_ms):
        await asyncio.sleep(hold_up_ms / 1000)
        self.power_cut()

    def _keep(self):
        for connector in self.connectors:
            connector.advance()
            connector.save(True)

    def raise_signal(self, name) -> None:
        """A fault of the whole station: EmergencyStop, ..."""
        if name not in self._signals:
            self._signals = self._signals + (name,)

    def clear_signal(self, name) -> None:
        self._signals = tuple([other for other in self._signals if other != name])
