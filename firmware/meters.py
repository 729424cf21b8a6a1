# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The meters of all connectors: read in regular rounds, and whenever somebody needs a reading of now. What
they say goes to the connector and its supply. The meter at the grid connection, where there is one, is read
in each round too; what it says goes to the station.
"""

import asyncio

import log
from hal.deadline import within
from hal.ticks import ticks_ms

_ROUND_MS = 1000
_PAUSE_MS = 200  # who needs a reading in between finds the bus free, also with a silent meter
# The meter answers within a second or counts as silent; a driver for a bus takes two tries in that time.
_READING_LIMIT_MS = 1500
_SILENCES = 3
_QUIET_MS = 20


class Meters:
    kept = None  # a `station.kept_meters.KeptMeters`, where a meter is looked for

    def __init__(self, hardware, station, grid_meter=None, kept_energy=None):
        """`hardware`: of each connector a `hal.contract.ConnectorHardware`; `kept_energy`: a
        `station.kept_energy.KeptEnergy`, None where the meters keep their registers."""
        self._meters = [connector.meter for connector in hardware]
        self._grid = 0  # its number: it follows those of the connectors
        if grid_meter is not None:
            self._meters.append(grid_meter)
            self._grid = len(self._meters)
        self._silences = [0] * len(self._meters)
        self._turn = 0
        self._station = station
        self._kept_energy = kept_energy

    def recovered(self):
        """What a power cut has interrupted was taken up."""
        if self._kept_energy is not None:
            self._kept_energy.recovered(self._station.connectors)

    async def round(self):
        """What `state` shows, what is billed after a power cut, what a refused tag may still take."""
        grid = self._grid
        # Before the connectors: what they draw is then known of before and after it, and a car that begins
        # between two readings is not taken for the building (`station.site_limit`).
        asked = grid and self._silences[grid - 1] < _SILENCES
        reading = await self.reading(grid) if asked else None
        read_at = ticks_ms()
        for connector in self._station.connectors:
            if self._silences[connector.number - 1] < _SILENCES:
                await self._look(connector)
        index = self._next_silent()
        if index >= 0 and index == grid - 1:
            asked = True
            reading = await self.reading(grid)
            read_at = ticks_ms()
        elif index >= 0:
            await self._look(self._station.connectors[index])
        if asked:
            self._silences[grid - 1] = self._silences[grid - 1] + 1 if reading is None else 0
            self._station.grid_metered(read_at, reading)
        if self._kept_energy is not None and not self._station.quiet:
            self._kept_energy.keep(ticks_ms())
        if self.kept is not None and not self._station.quiet:
            self.kept.keep()

    def keep(self, record):
        """Where meters are looked for it is kept in this store record where they are."""
        if any(hasattr(meter, "found") for meter in self._meters):
            from station.kept_meters import KeptMeters

            self.kept = KeptMeters(record, self._meters)

    async def _look(self, connector):
        if self._meters[connector.number - 1].slow:
            connector.rest.ask()
        reading = await self.reading(connector.number)
        connector.rest.take(reading, ticks_ms())
        unknown = reading is None or connector.metered(reading)
        connector.supply.metered(ticks_ms(), reading)
        self._watch(connector, unknown)

    def _next_silent(self):
        """Of the meters that have been silent for long one a round is asked, after all others; -1: there is
        none. Else they would take the others' time, whose readings have to be less than 3 s apart
        (`evse.mains`, `evse.over_current`).
        """
        count = len(self._silences)
        for _ in range(count):
            self._turn = (self._turn + 1) % count
            if self._silences[self._turn] >= _SILENCES:
                return self._turn
        return -1

    def pause_ms(self, took_ms):
        """Until the next round, after one that took so long. By the clock: with a pause on top of what a slow
        meter takes, or a silent one, readings would be too far apart to find an over-current with
        (`evse.over_current`).
        """
        return max(_PAUSE_MS, _ROUND_MS - took_ms)

    def read(self, number, done):
        """A reading of now: `done(reading, now)`, of a meter that is silent with None."""

        async def read():
            reading = await self.reading(number)
            await self.steady_power()  # what comes of it is kept
            if self._kept_energy is not None and self._station.connectors[number - 1].ending:
                self._kept_energy.write(ticks_ms())  # before it is told
            done(reading, ticks_ms())

        asyncio.create_task(read())

    async def final_readings(self):
        """The power is failing, and the records are on flash with the readings of the last round, up to a
        second old. Should the supply last until the meters answer, they get those of now.
        """
        station = self._station
        if self._kept_energy is not None:
            self._kept_energy.write(ticks_ms())
        for connector in station.most_at_stake():
            if connector.transaction is not None:
                connector.metered(await self.reading(connector.number))
                if station.quiet:
                    station.keep_rest(ticks_ms())

    async def steady_power(self):
        while self._station.quiet:
            await asyncio.sleep_ms(_QUIET_MS)

    async def reading(self, number):
        """A `hal.contract.Reading`, or None."""
        try:
            return await within(self._meters[number - 1].read(), _READING_LIMIT_MS)
        except asyncio.TimeoutError:
            return None
        except Exception as error:
            log.failure("meter", "grid" if number == self._grid else number, error)
            return None

    def _watch(self, connector, silent):
        """Some missed answers are noise on the bus; a meter that stays silent cannot bill, so nothing may
        flow. Nor can one that goes on being another one in each round, or shows 0 after more.
        """
        index = connector.number - 1
        self._silences[index] = self._silences[index] + 1 if silent else 0
        connector.supply.report("MeterFailure", self._silences[index] >= _SILENCES)
