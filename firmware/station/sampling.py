# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""When to sample: MeterValueSampleInterval (from the transaction's start) and ClockAlignedDataInterval (from
midnight).

Both are told the time and never act on more than one missed moment: after a blocked loop or a clock that
jumped there is one sample, not a burst.
"""

_DAY_MS = 86400000
# A sample this late still counts as taken at its aligned moment: the reading takes up to a second.
_PUNCTUAL_MS = 1000
_BACK_MS = 3600000


class SampledSchedule:
    """Every `interval_s` from `start_ms` (uptime at the start of the transaction); 0 = off.

    A change of the interval counts at once and from the same start: the next sample is at the next multiple
    of it.
    """

    def __init__(self, start_ms: int, interval_s: int):
        self._start_ms = start_ms
        self._interval_ms = 0
        self._next_ms = None
        self.set_interval(start_ms, interval_s)

    def set_interval(self, now_ms: int, interval_s: int) -> None:
        if interval_s * 1000 == self._interval_ms:
            return
        self._interval_ms = interval_s * 1000
        self._plan(now_ms)

    def due(self, now_ms: int) -> bool:
        """True once per moment that has come. `now_ms`: uptime."""
        if self._next_ms is None or now_ms < self._next_ms:
            return False
        self._plan(now_ms)
        return True

    def _plan(self, now_ms):
        interval_ms = self._interval_ms
        if interval_ms <= 0:
            self._next_ms = None
        else:
            self._next_ms = self._start_ms + ((now_ms - self._start_ms) // interval_ms + 1) * interval_ms


class ClockAlignedSchedule:
    """Every `interval_s` counted from 00:00 UTC each day; 0 = off. Needs a known time.

    A clock that goes back by less than an hour (or than the interval) comes to moments that were told: they
    are passed over. One that goes back further was wrong by hours: its moments do not keep those of the right
    time from being told, except the very last one.
    """

    def __init__(self, interval_s: int = 0):
        self._interval_ms = interval_s * 1000
        self._moment_ms = None  # the aligned moment that was dealt with last
        self._told_ms = 0  # the last one that was told, ...
        self._latest_ms = 0  # ... and the latest

    def set_interval(self, interval_s: int) -> None:
        if interval_s * 1000 != self._interval_ms:
            self._interval_ms = interval_s * 1000
            self._moment_ms = None

    def due(self, utc_ms):
        """The timestamp (utc_ms) of the sample to take now, or None. Call it often; `utc_ms` is None while
        unknown.

        It is the aligned moment itself, unless the call comes more than a second late: then it is the true
        time.
        """
        if utc_ms is None or self._interval_ms <= 0:
            self._moment_ms = None
            return None
        of_day_ms = utc_ms % _DAY_MS
        moment_ms = utc_ms - of_day_ms % self._interval_ms
        before_ms = self._moment_ms
        self._moment_ms = moment_ms
        if before_ms is None or moment_ms <= before_ms:
            return None  # just begun, in the same interval, or the clock went back: wait for the next moment
        ahead_ms = self._told_ms - moment_ms
        if moment_ms == self._latest_ms or 0 <= ahead_ms < max(_BACK_MS, self._interval_ms):
            return None
        self._told_ms = moment_ms
        self._latest_ms = max(moment_ms, self._latest_ms)
        return moment_ms if utc_ms - moment_ms < _PUNCTUAL_MS else utc_ms
