# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One transaction: what is known of it, and the times it tells.

Times: within a transaction none lies before one that was told earlier, whatever the CSMS does to the clock.
What is told has the true time, or that of what was told last and the running time since, whichever is later:
a clock that is set back keeps durations right, one that is set forward shows.
"""

# The energy between the last record (`station.transaction_record`) and a power cut may not be billed: at
# 22 kW this bounds it to 0.73 kWh.
RECORD_MS = 120000
# What may come between the end of that interval and the record being written, and be told meanwhile; and how
# far the clock may be moved meanwhile.
_LATE_MS = 2000
# Being ahead of the clock by less does not show after a power cut: starting takes longer.
_SLIGHT_MS = 1000
# A register that does not go on from the last one is another's (the meter was replaced, or has rolled over)
# once it has been read so often in a row: a single one may be a frame that was broken and has a checksum all
# the same.
_SURE = 3
# Meters that have just started show 0 before they have found what they had counted. A new one does, too, and
# one that rolls over: then it is believed after so many.
_SURE_OF_NOTHING = 60
_ANY_WH = 1 << 60


class Transaction:
    """A running transaction.

    number           ours: unique over reboots, known before the CSMS gives its transactionId
    transaction_id   the CSMS's, None until StartTransaction is confirmed; -1 when it never will be
                     (errata 3.18)
    id_tag, parent   who started it; the parent may be learned from StartTransaction.conf
    started          stamp of the start (see `station.clock`)
    meter_start_wh   register at the start
    meter_last_wh    register when last seen, at `last_seen`: what is billed if the power fails
    offset_wh        what is billed less what the meter shows: 0 but for a meter that was replaced, or has
                     rolled over, since the start; registers here and of what is told are with it
    warned           the power was about to fail when the register was last seen: `last_seen` is the cut
    ahead            what is told runs ahead of the clock, which was set back
    begun_ms         uptime at which it began, None in a later boot
    refused_at_wh    register when the CSMS refused the tag in StartTransaction.conf, else None
    begin            what transactionData keeps of the beginning: JSON, None when nothing
    other            [first, last, times]: a register that does not go on from ours. What flows meanwhile
                     may never be billed
    """

    __slots__ = (
        "number",
        "connector",
        "id_tag",
        "parent",
        "started",
        "meter_start_wh",
        "meter_last_wh",
        "offset_wh",
        "last_seen",
        "warned",
        "ahead",
        "reservation_id",
        "transaction_id",
        "refused_at_wh",
        "begin",
        "begun_ms",
        "_told",
        "_told_at_ms",
        "other",
    )

    def __init__(
        self, number, connector, id_tag, parent, started, meter_start_wh, reservation_id=None, at_ms=None
    ):
        """`at_ms`: the uptime that `started` stands for, None in a later boot."""
        self.number = number
        self.connector = connector
        self.id_tag = id_tag
        self.parent = parent
        self.started = started
        self.meter_start_wh = meter_start_wh
        self.meter_last_wh = meter_start_wh
        self.last_seen = started
        self.warned = False
        self.ahead = False
        self.reservation_id = reservation_id
        self.transaction_id = None
        self.refused_at_wh = None
        self.begin = None
        self._told = started  # the last stamp that was told, ...
        self.begun_ms = at_ms
        self._told_at_ms = at_ms or 0  # ... and the uptime that it stands for
        self.offset_wh = 0
        self.other = None

    # --- times ---

    def tell(self, clock, at_ms):
        """The stamp to tell of something that happened at `at_ms` (uptime)."""
        stamp = self._stamp(clock, at_ms)
        self._told = stamp
        self._told_at_ms = max(at_ms, self._told_at_ms)
        return stamp

    def _stamp(self, clock, at_ms):
        return clock.stamp_behind(self._told, self._told_at_ms, at_ms)

    def seen(self, energy_wh, clock, most_wh=_ANY_WH):
        """Note what the meter shows (None: it was not read). Of one that shows less than before, or more than
        `most_wh` more, nothing is billed; once that is sure what it counts from then on is. True: now it is.
        """
        found = energy_wh is not None and self._counted(energy_wh, most_wh)
        self.last_seen = stamp = self._stamp(clock, clock.uptime_ms)
        self.ahead = isinstance(stamp, int) and stamp - clock.stamp() > _SLIGHT_MS
        self.warned = False
        return found

    def _counted(self, energy_wh, most_wh):
        billed_wh = energy_wh + self.offset_wh
        last_wh = self.meter_last_wh
        if 0 <= billed_wh - last_wh <= most_wh:
            self.meter_last_wh = billed_wh
            self.other = None
            return False
        other = self.other
        # Nothing goes on from 0: it may not be what the meter has counted.
        if (
            other is None
            or not 0 <= billed_wh - other[1] <= most_wh
            or (energy_wh and other[1] == self.offset_wh)
        ):
            self.other = [billed_wh, billed_wh, 1]
            return False
        other[1] = billed_wh
        other[2] += 1
        if other[2] < (_SURE if energy_wh else _SURE_OF_NOTHING):
            return False
        self.offset_wh += last_wh - other[0]
        self.meter_last_wh = last_wh + billed_wh - other[0]
        self.other = None
        return True

    def cut(self, clock):
        """The power failed: the stamp of that moment. Nothing that was told lies behind it."""
        return clock.stamp_of_cut(self.last_seen, 0 if self.warned else RECORD_MS + _LATE_MS, self.ahead)

    def was_told(self, clock, stamp, register_wh):
        """The last sample that is on flash, told before the cut: as good as the record."""
        later = clock.later(self.last_seen, stamp)
        if later != self.last_seen:
            # The board had warned too early: the power went on long enough for a sample.
            self.last_seen = later
            self.warned = False
        self.meter_last_wh = max(self.meter_last_wh, register_wh)

    def taken_up(self, clock):
        """It goes on after a power cut: what comes is told behind the cut."""
        self._told = self.cut(clock)
        self._told_at_ms = 0
        self.seen(None, clock)

    def energy_wh(self):
        return self.meter_last_wh - self.meter_start_wh
