# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A meter with a pulse output (S0, DIN EN 62053-31): pulses of at least 30 ms, so many for a kWh.

Who counts is the chip's (`hal.rp2.pulses`, `hal.esp32.pulses`):

    total()   pulses modulo 2**16, from any number on
    at        ticks of the last one; None where the chip does not tell: then a reading's own time stands for
    it
"""

import log
from hal.meter.tally import Tally
from hal.reading import Reading
from hal.ticks import ticks_diff, ticks_ms

_MASK = 0xFFFF
_MS_WH = 3600000
# No pulse for twice the time between the last two, and for so long: nothing flows. 10 s are two pulses of the
# least that a car draws (1.4 kW) with 500 pulses for a kWh.
_LEAST_PAUSE_MS = 10000
_LONGEST_PAUSE_MS = 600000
_FIRST_MS = 60000  # no pulse for so long after the start: nothing flows
_MOST_W = 84000  # 100 A at 280 V on each phase: more is noise, such as the hum of the mains on a broken wire
_SPARE_MS = 1000  # of that: pulses come in between two readings as they like
_COARSE_MS = 10000  # without the time of a pulse a power is of so long: a second more or less matters less


class PulseMeter:
    """A `hal.contract.Meter`: energy and power, and nothing else.

    power_w is None before the second pulse after a start; 0 when the pulses stay away. No reading while there
    are more pulses than can be: they are not counted.
    """

    slow = False

    def __init__(self, counter, imp_per_kwh: int):
        self.tally = Tally(imp_per_kwh)
        self._imp_per_kwh = imp_per_kwh
        self._counter = counter
        self._total = counter.total()
        self._began = self._looked = ticks_ms()
        self._spare_mj = 1000 * _MS_WH  # the energy of pulses that may still come
        self._noisy = False
        self._power_w = None
        self._at = None  # the pulse from which power is counted, None: there was none, or long ago
        self._since = 0  # pulses after that
        self._interval_ms = 0

    async def read(self):
        self._take()
        if self._noisy:
            return None
        return Reading(energy_wh=self.tally.wh, power_w=self._power_w)

    def _take(self):
        counter = self._counter
        at = counter.at
        total = counter.total()
        if counter.at != at:  # one has come in between
            at = counter.at
            total = counter.total()
        now = ticks_ms()
        new = (total - self._total) & _MASK
        if self._is_noise(new, now):
            self._total = total
            self._at = self._power_w = None
            self._began = now
            return
        if not new:
            self._wait(now)
            return
        self._total = total
        self.tally.add(new)
        least_ms = 1
        if at is None:
            at = now
            least_ms = _COARSE_MS
        if self._at is None:
            self._at = at
            self._since = 0
            self._interval_ms = _LONGEST_PAUSE_MS // 2  # not known yet
            return
        self._since += new
        span_ms = ticks_diff(at, self._at)
        if span_ms >= least_ms:
            self._power_w = self._watts(self._since, span_ms)
            self._interval_ms = span_ms // self._since
            self._at = at
            self._since = 0

    def _is_noise(self, new, now):
        pulse_mj = 1000 * _MS_WH // self._imp_per_kwh
        # One that was on its way as well.
        spare_mj = min(self._spare_mj, _MOST_W * _SPARE_MS + pulse_mj)
        spare_mj += _MOST_W * max(ticks_diff(now, self._looked), 0) - new * pulse_mj
        self._looked = now
        noisy = spare_mj < 0
        self._spare_mj = max(spare_mj, 0)
        if noisy and not self._noisy:
            log.error("meter", "%d pulses are more than can be: noise, not counted", new)
        self._noisy = noisy
        return noisy

    def _wait(self, now):
        if self._at is None:
            if self._power_w is None and ticks_diff(now, self._began) >= _FIRST_MS:
                self._power_w = 0
            return
        quiet_ms = ticks_diff(now, self._at)
        if quiet_ms > min(max(2 * self._interval_ms, _LEAST_PAUSE_MS), _LONGEST_PAUSE_MS):
            self._power_w = 0
            self._at = None  # before the ticks come round; the next pulse begins anew
        elif self._power_w and quiet_ms > self._interval_ms:
            # Had it flowed as before there were a pulse by now.
            self._power_w = min(self._power_w, self._watts(self._since + 1, quiet_ms))

    def _watts(self, pulses, span_ms):
        return pulses * _MS_WH * 1000 // (self._imp_per_kwh * span_ms)
