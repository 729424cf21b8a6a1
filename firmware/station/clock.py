# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What time it is, and what time it was when nobody knew yet.

A charger boots without a clock as often as not: events get a stamp, (boot number, milliseconds since that
boot), and the stamp becomes a time once the CSMS has told it (BootNotification.conf, Heartbeat.conf). Several
boots may pass before that.

For each of the last boots the clock keeps an anchor: when it began. An anchor is exact when the CSMS told the
time during that boot. Until then it is what the battery-kept clock said, or the latest time that was ever
known plus the running time since (`floor_utc_ms`): too early by the time the station was off. When the CSMS
tells, these anchors move together: a battery-kept clock was as wrong before as it is now, and a floor comes
as close as it can. Order and durations stay right.

A stamp is one of

    utc_ms                            the time was known
    (boot, uptime_ms)                 not yet
    (boot, last_ms, most_ms)          when the power failed before `boot`: `stamp_of_cut`
    (boot, uptime_ms, last_ms, most_ms)   not yet, and not before such a cut

and survives JSON, the tuples as lists. Nobody but the clock looks into it.
"""

from hal.ticks import ticks_diff
from station import timestamp

# An anchor is [boot, utc_ms of its start, certainty]. More boots than this without the CSMS is a broken site.
_ANCHORS = 12
_FLOOR = 0  # the start is a floor: the time is not known yet
_EXACT = 1
_ESTIMATED = 2  # the time was learnt during a later boot
_BATTERY = 3  # as the battery-kept clock has it, which nobody has set right yet
# What a battery-kept clock of whole seconds, and an answer on its way, may be off.
_SLIGHT_MS = 1000
_DAYS_MS = 1 << 50  # longer than any boot


class Clock:
    """The station's time. `ticks`: hal.ticks at boot, `boot`: number of this boot, growing with each.

    `rtc_utc_ms`: what a battery-kept clock says, None without one; not believed when earlier than the floor.
    `floor_utc_ms`, `anchors`: as persisted by an earlier boot (any time earlier), from the attributes of
    these names.

    `on_set(by_ms, news)`: the CSMS has told the time; it is `by_ms` later than we had it (None: we had none);
    `news`: that is more than slightly, by itself or with what came before; what was kept of the clock, and
    with its times, is worth being kept anew.

    known     somebody has told the time, the battery-kept clock at least
    told      the CSMS has
    """

    def __init__(
        self, boot: int, ticks: int, rtc_utc_ms=None, floor_utc_ms: int = 0, anchors=(), on_set=None
    ):
        self.boot = boot
        self.uptime_ms = 0  # since boot, never wraps
        self._ticks = ticks
        self._offset_ms = floor_utc_ms  # UTC (as long as it is not known: the floor) minus uptime
        self._moved_ms = 0  # since there were news
        self._hinted_ms = 0  # how much of the offset is a hint
        self._hinted = False  # nobody but a hint has told
        self.known = False
        self.told = False
        self._on_set = on_set
        self.anchors = [list(anchor) for anchor in anchors if anchor[0] < boot][-_ANCHORS + 1 :]
        self.anchors.append([boot, floor_utc_ms, _FLOOR])
        earliest_ms = max(floor_utc_ms, timestamp.EARLIEST_MS)
        if rtc_utc_ms is not None and earliest_ms <= rtc_utc_ms <= timestamp.LATEST_MS:
            self._move(rtc_utc_ms, _BATTERY, _BATTERY)

    @staticmethod
    def text(utc_ms, milliseconds=True):
        return timestamp.text(utc_ms, milliseconds)

    @staticmethod
    def parse(date_time, clamp=False):
        return timestamp.parse(date_time, clamp)

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
    def utc_s(self):
        """The second of `utc_ms`, or None."""
        return (self._offset_ms + self.uptime_ms) // 1000 if self.known else None

    @property
    def floor_utc_ms(self) -> int:
        """It is at least this late: what to persist as the next boot's floor (small when never known)."""
        return self._offset_ms - self._hinted_ms + self.uptime_ms

    def at_least(self):
        """(utc_ms, known): the time, or as long as nobody has told it the earliest that it can be; a hint
        changes neither."""
        return self.floor_utc_ms, self.known and not self._hinted

    def set_utc_ms(self, utc_ms: int) -> None:
        """The CSMS says that it is `utc_ms` now. It may jump either way; stamps that are times already stay
        what they are.
        """
        by_ms = utc_ms - self.uptime_ms - self._offset_ms
        self._moved_ms += by_ms
        news = not self.told or abs(self._moved_ms) > _SLIGHT_MS
        if news:
            self._moved_ms = 0
        was_known = self.known
        if self.told:
            self._offset_ms += by_ms
        else:
            self._move(utc_ms, _EXACT, _ESTIMATED)
            self._hinted_ms = 0
            self._hinted = False
            self.told = True
        if self._on_set is not None:
            self._on_set(by_ms if was_known else None, news)

    def hint_utc_ms(self, utc_ms: int) -> bool:
        """A server of time whom nobody vouches for says that it is `utc_ms` now: as a battery-kept clock that
        may be wrong, until the CSMS has told. No certificate is judged by it, and it is not kept as the
        earliest time that it can be. False: it is not taken.
        """
        if self.told or not max(self.floor_utc_ms, timestamp.EARLIEST_MS) <= utc_ms <= timestamp.LATEST_MS:
            return False
        self._hinted = self._hinted or not self.known
        self._hinted_ms += utc_ms - self.uptime_ms - self._offset_ms
        self._move(utc_ms, _BATTERY, _BATTERY)
        return True

    def _move(self, utc_ms, own, others):
        """Now is `utc_ms`: this boot's anchor becomes `own`, those that depend on it move along."""
        start_ms = utc_ms - self.uptime_ms
        shift_ms = start_ms - self._offset_ms
        next_ms = start_ms
        for anchor in reversed(self.anchors):
            if anchor[2] == _FLOOR or anchor[2] == _BATTERY:
                # A battery-kept clock that is here no longer was right or not: the time it has been off, by
                # which a floor moves, says nothing about that.
                if anchor[2] == _FLOOR or self.known:
                    anchor[1] += shift_ms
                anchor[1] = min(anchor[1], next_ms)
                anchor[2] = own if anchor[0] == self.boot else others
            next_ms = anchor[1]
        self._offset_ms = start_ms
        self.known = True

    def forget_boots(self):
        """No stamp of an earlier boot is left anywhere."""
        if self.told:
            del self.anchors[:-1]

    def stamp(self):
        """Now."""
        return self.stamp_at(self.uptime_ms)

    def stamp_at(self, uptime_ms: int):
        """The stamp of a moment of this boot."""
        # What only a battery-kept clock has said may be wrong by hours: the CSMS sets it right.
        return self._offset_ms + uptime_ms if self.told else (self.boot, uptime_ms)

    def stamp_behind(self, told, told_at_ms: int, uptime_ms: int):
        """As `stamp_at`, but no earlier than the stamp `told`, which stands for the uptime `told_at_ms` of
        this boot (0: of an earlier one), and the running time since.
        """
        stamp = self.stamp_at(uptime_ms)
        if isinstance(stamp, int):
            least_ms = self.settled(told)
            return stamp if least_ms is None else max(stamp, least_ms + max(0, uptime_ms - told_at_ms))
        if isinstance(told, int):
            return stamp
        # Two moments of a boot are in step until its time is known; of two boots the anchors keep the order.
        # What is left is a cut behind which the time is not known yet.
        boot = told[0]
        if boot == self.boot and len(told) != 3:
            uptime_ms = max(uptime_ms, told[1])
        if len(told) == 2:
            return self.boot, uptime_ms
        most_ms = told[-1] if boot == self.boot else told[3] + told[1]
        return self.boot, uptime_ms, told[-2], most_ms

    def stamp_of_cut(self, last, late_ms: int, ahead: bool = False):
        """The power failed before this boot, at the stamp `last` or up to `late_ms` later: the latest that it
        can have been. The start of this boot bounds it, once that is known; not when `last` was `ahead` of
        the clock.
        """
        last_ms = self.settled(last)
        if last_ms is not None:
            most_ms = last_ms + late_ms
            return self.boot, most_ms if ahead else last_ms, most_ms
        # The start of the boot after it bounds that by its anchor.
        return (last[0], last[1] + late_ms) + tuple(last[2:])

    def later(self, one, other):
        """The later one of two stamps of a transaction in an earlier boot."""
        one_ms, other_ms = self.settled(one), self.settled(other)
        if one_ms is None and other_ms is None:
            return one if list(one[:2]) >= list(other[:2]) else other
        # What has no time yet was before the time was known.
        if one_ms is None or (other_ms is not None and other_ms >= one_ms):
            return other
        return one

    def uptime_at(self, utc_ms: int) -> int:
        """The uptime at a time of today, the time being known."""
        return utc_ms - self._offset_ms

    def resolve(self, stamp):
        """utc_ms of a stamp, None as long as it cannot be told (only while the time is not known).

        Exact when the time was learnt during the stamp's boot. Otherwise it is never later than the start of
        the next boot, keeps the order and the durations within a boot, and is too late by at most the time
        the station was off afterwards. A stamp of a boot that is no longer remembered is taken as the start
        of the oldest one that is.
        """
        if isinstance(stamp, int):
            return stamp
        if len(stamp) == 2:
            return self._at(stamp[0], stamp[1])
        start_ms = self._at(stamp[0], 0)
        if start_ms is None:
            return None
        last_ms, most_ms = stamp[-2:]
        # A start before what was there last: the clock was set back, and says nothing about the cut.
        cut_ms = most_ms
        if start_ms >= last_ms - 2 * _SLIGHT_MS:
            cut_ms = max(last_ms, min(start_ms, most_ms))
        if len(stamp) == 3:
            return cut_ms
        end_ms = self._at(stamp[0], _DAYS_MS) or 0  # of that boot, where nothing but the next one bounds it
        found_ms = cut_ms + stamp[1]
        if cut_ms <= end_ms < found_ms:
            found_ms = end_ms
        return max(self._at(stamp[0], stamp[1]) or 0, found_ms)

    def settled(self, stamp):
        """As `resolve`, but None also for a time that the CSMS may still correct."""
        if isinstance(stamp, int):
            return stamp
        for anchor_boot, _, certainty in self.anchors:
            if anchor_boot >= stamp[0]:
                return self.resolve(stamp) if certainty in (_EXACT, _ESTIMATED) else None
        return self.resolve(stamp) if self.told else None

    def _at(self, boot, uptime_ms):
        for index, (anchor_boot, start_ms, certainty) in enumerate(self.anchors):
            if anchor_boot < boot:
                continue
            if certainty == _FLOOR:
                return None
            if anchor_boot > boot:
                return start_ms
            if certainty != _EXACT and boot != self.boot:
                return min(start_ms + uptime_ms, self.anchors[index + 1][1])
            return start_ms + uptime_ms
        # A boot to come: the boot counter was lost. Whatever it was, it was before this boot.
        return self.anchors[-1][1] if self.known else None
