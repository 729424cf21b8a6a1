# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The simulated board put together from a station file, and its station-wide parts: tag reader, link,
clock."""

import asyncio
import time

from hal.sim.connector import SimConnector
from hal.sim.process import POWER_CUT, RESET, end
from hal.ticks import ticks_diff, ticks_ms

_TAGS = 8  # presented and not yet read
_MEASURANDS = ("Energy.Active.Import.Register",)


class SimTagReader:
    def __init__(self):
        self._tags = []
        self._event = asyncio.Event()

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


class SimLink:
    def __init__(self):
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


class SimClock:
    """Without a battery (the default) the time is unknown at each start, as on a bare board; `battery` True:
    the host's clock. What was set is kept for as long as the process lives."""

    def __init__(self, battery=False):
        self._utc_ms = int(time.time()) * 1000 if battery else None
        self._ticks = ticks_ms()

    def utc_ms(self):
        if self._utc_ms is None:
            return None
        # Carried along, so that the ticks between two looks stay far from their wrap at 12 days.
        now = ticks_ms()
        self._utc_ms += ticks_diff(now, self._ticks)
        self._ticks = now
        return self._utc_ms

    def set_utc_ms(self, utc_ms):
        self._utc_ms = utc_ms
        self._ticks = ticks_ms()


class SimBoard:
    """A `hal.contract.Board`, and what the control channel does to it."""

    def __init__(self, station, data_dir, battery_clock=False):
        """`station`: object of a station file; `data_dir`: an existing directory, without a slash at its
        end."""
        self.name = "sim"
        self.data_dir = data_dir
        measurands = station.get("measurands", _MEASURANDS)
        self.connectors = []
        for row in station.get("connectors", ({},)):
            self.connectors.append(SimConnector(len(self.connectors) + 1, row, measurands, data_dir))
        self.tag_reader = None if station.get("reader", "single") == "none" else SimTagReader()
        self.link = SimLink()
        self.clock = SimClock(battery_clock)
        self._signals = ()

    def fault_signals(self):
        return self._signals

    def feed_watchdog(self):
        pass

    def reset(self):
        self._keep()
        end(RESET)

    def power_cut(self) -> None:
        """The controller stops between two instructions. Meters and cars are not part of it: they keep what
        they have."""
        self._keep()
        end(POWER_CUT)

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
