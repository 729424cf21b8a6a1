# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The clock over reboots: what the next boot needs to date events of this one, should the CSMS never be
reached during it, in a file; and the clock that a battery keeps, where the board has one.
"""

import log
from station.clock import Clock

_KEPT_MS = 3600000
# A battery-kept clock is set when it is off by more: it may count whole seconds.
_BATTERY_OFF_MS = 1000
# A step of the clock that is worth a line in the log.
_STEP_MS = 10000


class KeptClock:
    """`record`: a `store.record.Record`; `battery`: the `clock` of a `hal.contract.Board`.

    Call `start`, then `attach`, then `keep` each second or so.

    last_boot    number of the last boot that the file knows of, 0 without one
    """

    def __init__(self, record, battery):
        self._record = record
        self._battery = battery
        self._floor_utc_ms, self._anchors = of_record(record.load())
        self.last_boot = max([anchor[0] for anchor in self._anchors] or [0])
        self._kept_queued = 0
        self._kept_ms = -_KEPT_MS  # at once

    def start(self, boot, ticks):
        """The station's clock of this boot."""
        self._clock = Clock(
            boot, ticks, self._battery.utc_ms(), self._floor_utc_ms, self._anchors, self._clock_set
        )
        self._anchors = ()  # the clock has those that it needs
        return self._clock

    def attach(self, station, queue):
        """`station`: its `charge_point`. `queue`: of messages with stamps in them; `depth`: how many wait,
        `last_sequence`: another number with each that comes.
        """
        self._station = station
        self._queue = queue

    def hint(self, utc_ms):
        """As `Clock.hint_utc_ms`. The battery-kept clock is the CSMS's to set."""
        was_known = self._clock.known
        if not self._clock.hint_utc_ms(utc_ms):
            return False
        if not was_known:
            self._station.clock_moved()
        return True

    def keep(self, news=False):
        """Written when it is due, or when there are `news`."""
        clock = self._clock
        station = self._station
        # While the time is not known, how long after the start something happened is all that its date can
        # be told from one day: that has to be kept along with what waits in the queue.
        queued = self._queue.last_sequence
        news = news or (not clock.known and queued != self._kept_queued)
        if not news and clock.uptime_ms - self._kept_ms < _KEPT_MS:
            return
        if station.quiet:
            return
        if self._queue.depth == 0 and not any(c.busy for c in station.connectors):
            clock.forget_boots()  # nothing is left that would ask for them: the record is smaller
        self._kept_queued = queued
        self._kept_ms = clock.uptime_ms
        try:
            self._record.save({"floor": clock.floor_utc_ms, "anchors": clock.anchors})
        except (OSError, MemoryError) as error:
            log.failure("clock", "not kept", error)

    def _clock_set(self, by_ms, news):
        """The CSMS has told the time."""
        self._set_battery(self._clock.utc_ms)
        if news:
            # Before anything is kept with the new time: were the power cut in between, what happened before
            # it would be dated behind it.
            self.keep(True)
        if news or by_ms:
            self._station.clock_moved(news)
        if by_ms is not None and abs(by_ms) >= _STEP_MS:
            log.warning("clock", "the clock is set by %d s", by_ms // 1000)

    def _set_battery(self, utc_ms):
        try:
            battery_utc_ms = self._battery.utc_ms()
            if battery_utc_ms is None or abs(battery_utc_ms - utc_ms) > _BATTERY_OFF_MS:
                self._battery.set_utc_ms(utc_ms)
        except Exception as error:  # a year that it cannot hold, no memory: what follows is worth more
            log.failure("clock", "the battery-kept one", error)


def of_record(kept):
    """(floor_utc_ms, anchors) of what the record holds; (0, []) when that is something else."""
    try:
        floor_utc_ms, anchors = kept["floor"], kept["anchors"]
        for row in [[floor_utc_ms, 0, 0]] + anchors:
            if len(row) != 3 or not all(isinstance(value, int) for value in row):
                raise ValueError("not of the clock")
        return floor_utc_ms, anchors
    except (KeyError, TypeError, ValueError):
        return 0, []
