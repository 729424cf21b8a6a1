# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the metering chips have in common whose energy registers forget what was read.

Each reading takes the energy since the last one out of the chip and adds it to a `hal.meter.tally`. Counted
is only what can be: with the chip set up as we have left it, no more than a connector can draw, and of a
transfer that came differently the second time the smaller number.
"""

import asyncio

import log
from hal.meter.tally import Tally
from hal.reading import Reading
from hal.ticks import ticks_diff, ticks_ms

# What no connector here reaches: 100 A at 280 V on each phase.
_MOST_W = 28000
_MOST_MA = 200000
_MOST_MV = 500000
# An energy register that was not read for so long may have begun anew.
_LATE_MS = 60000
# What the power register says and what is counted are compared when so much has flowed.
_COMPARED_MWH = 100000
_TOLERANCE_PCT = 25


class ChipMeter:
    """A `hal.contract.Meter`. `chip` has:

    async set_up()       reset, set up and look whether it was; False: nobody is there, or another
    async measure()      (voltage_mv, current_ma: tuples per phase, power_w, frequency_mhz or None)
    take(phase)          two reads of the counts since the last time, that of the register and of the copy
                         that the chip keeps of the transfer; negative: to the mains
    as_set_up()          the chip has not lost its settings

    All of them may raise OSError.
    """

    slow = False

    def __init__(self, chip, counts_per_kwh: int, phases: int):
        self._chip = chip
        self.tally = Tally(counts_per_kwh)
        self._phases = phases
        self._counts_per_kwh = counts_per_kwh
        self._lock = asyncio.Lock()
        self._ready = False
        self._told = None  # whether it answers, as the log has it
        self._taken_at = 0
        self._counted = 0  # counts, and
        self._expected_mwh = 0  # the same by the power, since they were compared

    async def read(self):
        async with self._lock:
            reading = None
            try:
                reading = await self._read()
                answers = self._ready
            except OSError:  # nobody acknowledges: what it counts waits there, unless it loses its settings
                answers = False
            if answers != self._told:
                self._told = answers
                log.warning("meter", "the chip %s", "answers" if answers else "is silent, or is another one")
            return reading

    async def _read(self):
        if not self._ready:
            if not await self._chip.set_up():
                return None
            for phase in range(self._phases):
                self._chip.take(phase)  # of before, and by other settings
            self._taken_at = ticks_ms()
            self._ready = True
            return None  # its averages begin only now
        voltage_mv, current_ma, power_w, frequency_mhz = await self._chip.measure()
        if not self._chip.as_set_up():
            # Its supply has failed for a moment: what it has counted since was by its own settings.
            log.error("meter", "the chip has lost its settings: set up anew")
            self._ready = False
            return None
        if min(voltage_mv) < 0 or max(voltage_mv) > _MOST_MV or max(current_ma) > _MOST_MA:
            return None
        if abs(power_w) > _MOST_W * self._phases:
            return None
        await asyncio.sleep(0)  # four transfers, on I2C at 50 kHz 6 ms
        self._count(power_w)
        return Reading(
            energy_wh=self.tally.wh,
            power_w=power_w,
            current_ma=current_ma,
            voltage_mv=voltage_mv,
            frequency_mhz=frequency_mhz,
        )

    def _count(self, power_w):
        """No await in here: who takes counts adds them."""
        now = ticks_ms()
        since_ms = ticks_diff(now, self._taken_at)
        counts = 0
        for phase in range(self._phases):
            # Of two that differ the smaller one is no more than has flowed. Import and export are not
            # netted: a register does not go back.
            counts += max(0, min(self._chip.take(phase)))
        self._taken_at = now
        if not 0 <= since_ms <= _LATE_MS:
            log.error(
                "meter", "energy of %d s is not counted: the chip was not asked in time", since_ms // 1000
            )
            return
        # One reading may be late, and the next one early: a second on top.
        most = self._counts_per_kwh * _MOST_W * self._phases // 1000 * (since_ms + 1000) // 3600000
        if counts > most:
            log.error("meter", "%d counts in %d ms: not counted", counts, since_ms)
            return
        self.tally.add(counts)
        self._compare(counts, power_w, since_ms)

    def _compare(self, counts, power_w, since_ms):
        """A board's data may have the wrong counts for a kWh: nobody would notice but who pays."""
        self._counted += counts
        self._expected_mwh += max(0, power_w) * since_ms // 3600
        if self._expected_mwh < _COMPARED_MWH:
            return
        counted_mwh = self._counted * 1000000 // self._counts_per_kwh
        if abs(counted_mwh - self._expected_mwh) * 100 > self._expected_mwh * _TOLERANCE_PCT:
            counted_wh, expected_wh = counted_mwh // 1000, self._expected_mwh // 1000
            log.error(
                "meter", "%d Wh are counted where the power gives %d: calibrate it", counted_wh, expected_wh
            )
        self._counted = 0
        self._expected_mwh = 0
