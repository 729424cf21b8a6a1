# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What time it is, and what time it was when nobody knew yet.

A charger boots without a clock as often as not: events get a stamp, (boot number, milliseconds since that
boot), and the stamp becomes a time once the CSMS has told it (BootNotification.conf, Heartbeat.conf). Several
boots may pass before that.

For each of the last boots the clock keeps an anchor: when it began. An anchor is exact when the time was
learnt during that boot. Until then it is the latest time that was ever known plus the running time since
(`floor_utc_ms`): too early by the time the station was off. When the time is learnt, all such anchors move
later together, as far as they can: order and durations stay right, only the off times are missing.
"""

from hal.ticks import ticks_diff
from station import timestamp

# An anchor is [boot, utc_ms of its start, certainty]. More boots than this without the CSMS is a broken site.
_ANCHORS = 12
_FLOOR = 0  # the start is a floor: the time is not known yet
_EXACT = 1
_ESTIMATED = 2  # the time was learnt during a later boot


class Clock:
    """The station's time. `ticks`: hal.ticks at boot, `boot`: number of this boot, growing with each.

    `rtc_utc_ms`: what a battery-kept clock says, None without one; not believed when earlier than the floor.
    `floor_utc_ms`, `anchors`: as persisted by an earlier boot (any time earlier), from the attributes of
    these names.
    """

    def __init__(self, boot: int, ticks: int, rtc_utc_ms=None, floor_utc_ms: int = 0, anchors=()):
        self.boot = boot
        self.uptime_ms = 0  # since boot, never wraps
        self._ticks = ticks
        self._offset_ms = floor_utc_ms  # UTC (as long as it is not known: the floor) minus uptime
        self.known = False
        self.anchors = [list(anchor) for anchor in anchors if anchor[0] < boot][-_ANCHORS + 1 :]
        self.anchors.append([boot, floor_utc_ms, _FLOOR])
        earliest_ms = max(floor_utc_ms, timestamp.EARLIEST_MS)
        if rtc_utc_ms is not None and earliest_ms <= rtc_utc_ms <= timestamp.LATEST_MS:
            self.set_utc_ms(rtc_utc_ms)

    text = staticmethod(timestamp.text)
    parse = staticmethod(timestamp.parse)

    def advance(self, ticks: int) -> None:
        """Call at least every 6 days (in practice every turn of the main loop) with hal.ticks."""
        passed_ms = ticks_diff(ticks, self._ticks)
        if passed_ms > 0:
            self.uptime_ms += passed_ms
            self._ticks = ticks

    @property
    def utc_ms(self):
        """Milliseconds since 1970 UTC, or None as long as nobody has told."""
        return self._offset_ms + self.uptime_ms if self.known else None

    @property
    def floor_utc_ms(self) -> int:
        """It is at least this late: what to persist as the next boot's floor (small when never known)."""
        return self._offset_ms + self.uptime_ms

    def set_utc_ms(self, utc_ms: int) -> None:
        """It is `utc_ms` now. It may jump either way; stamps that are times already stay what they are."""
        start_ms = utc_ms - self.uptime_ms
        if not self.known:
            shift_ms = start_ms - self._offset_ms
            for anchor in self.anchors:
                if anchor[2] == _FLOOR:
                    anchor[1] += shift_ms
                    anchor[2] = _EXACT if anchor[0] == self.boot else _ESTIMATED
            self.known = True
        self._offset_ms = start_ms

    def stamp(self):
        """Now: utc_ms when known, else (boot, uptime_ms). Both survive JSON (the pair as a list)."""
        return self._offset_ms + self.uptime_ms if self.known else (self.boot, self.uptime_ms)

    def resolve(self, stamp):
        """utc_ms of a stamp, None as long as it cannot be told (only while the time is not known).

        Exact when the time was learnt during the stamp's boot. Otherwise it is never later than the start of
        the next boot, keeps the order and the durations within a boot, and is too late by at most the time
        the station was off afterwards. A stamp of a boot that is no longer remembered is taken as the start
        of the oldest one that is.
        """
        if isinstance(stamp, int):
            return stamp
        boot, uptime_ms = stamp
        for index, (anchor_boot, start_ms, certainty) in enumerate(self.anchors):
            if anchor_boot < boot:
                continue
            if certainty == _FLOOR:
                return None
            if anchor_boot > boot:
                return start_ms
            if certainty == _ESTIMATED:
                return min(start_ms + uptime_ms, self.anchors[index + 1][1])
            return start_ms + uptime_ms
        # A boot to come: the boot counter was lost. Whatever it was, it was before this boot.
        return self.anchors[-1][1] if self.known else None
