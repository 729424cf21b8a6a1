# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A charging profile (OCPP 1.6 section 7.8): what it says, whether it can be meant, and its form on flash.

Times are whole seconds of UTC, limits tenths of A or W. A schedule is an array of pairs

    startPeriod, limit * 4 + numberPhases (0: unsaid)

which takes 8 bytes a period; as objects 32 periods would take 2 KB.
"""

from array import array

MAX, DEFAULT, TX = 0, 1, 2
PURPOSES = ("ChargePointMaxProfile", "TxDefaultProfile", "TxProfile")

ABSOLUTE, RELATIVE, DAILY, WEEKLY = 0, 1, 2, 3
# Errata 3.78: 24 hours and 7 days from startSchedule, whatever clocks on walls do.
CYCLES_S = (0, 0, 86400, 604800)

# 13 MW, and small enough for a small integer with the phases beside it.
MOST = 0x7FFFFFF
MOST_PHASES = 3


class ChargingProfile:
    """number       chargingProfileId
    connector    on which it is installed, 0: on the station
    purpose, kind  of the constants above; `level`: stackLevel
    unit         "A" or "W" (in total)
    start_s      startSchedule, None: from the start of charging
    duration_s   None: without end
    from_s, to_s validFrom, validTo, or None
    least        minChargingRate, tenths of `unit`, or None
    periods      the schedule
    transaction  our number of the transaction to which a TxProfile belongs, else None
    serial       grows with each that is installed: of two that exclude each other the later one counts
    slot         the number of its file, None: it is not on flash
    """

    __slots__ = (
        "number", "connector", "purpose", "level", "kind", "unit", "start_s", "duration_s", "from_s", "to_s",
        "least", "periods", "transaction", "serial", "slot",
    )  # fmt: skip

    def __init__(self, number, connector, purpose, level, kind, unit, periods):
        self.number = number
        self.connector = connector
        self.purpose = purpose
        self.level = level
        self.kind = kind
        self.unit = unit
        self.periods = periods
        self.start_s: int | None = None
        self.duration_s: int | None = None
        self.from_s: int | None = None
        self.to_s: int | None = None
        self.least: int | None = None
        self.transaction: int | None = None
        self.serial = 0
        self.slot: int | None = None

    def needs_clock(self, least_s):
        """Does what it says depend on what time it is? It is at least the second `least_s`: a limit that has
        begun then and never ends is one at any time.
        """
        if self.start_s is None and self.from_s is None and self.to_s is None:
            return False
        if self.to_s is not None or self.duration_s is not None or len(self.periods) > 2:
            return True
        return (self.start_s or least_s) > least_s or (self.from_s or least_s) > least_s

    @property
    def needs_start(self):
        """Does what it says depend on when charging began?"""
        return self.start_s is None and (len(self.periods) > 2 or self.duration_s is not None)

    def excludes(self, other):
        """Section 5.16: the one that is set replaces the other."""
        return self.number == other.number or (
            self.purpose == other.purpose and self.level == other.level and self.connector == other.connector
        )

    def is_over(self, now_s):
        """Will it never say anything again? `now_s`: the second of now."""
        if self.to_s is not None and self.to_s <= now_s:
            return True
        if self.kind != ABSOLUTE or self.start_s is None or self.duration_s is None:
            return False
        return self.start_s + self.duration_s <= now_s

    def describe(self):
        return "%s %d, level %d" % (PURPOSES[self.purpose], self.number, self.level)

    def same(self, other):
        """Does it say the same for the same purpose?"""
        return packed(self)[1:] == packed(other)[1:]


class Implausible(ValueError):
    """A profile that cannot be meant; the text says why."""


def check(profile, now_s):
    """Raise Implausible for a profile that contradicts itself. `now_s`: the second of now, None: unknown."""
    kind = profile.kind
    if profile.start_s is None and CYCLES_S[kind]:
        raise Implausible("it recurs without startSchedule")
    if profile.start_s is not None and kind == RELATIVE:
        raise Implausible("it is relative and has a startSchedule")
    if profile.duration_s is not None and profile.duration_s <= 0:
        raise Implausible("its duration is %d" % profile.duration_s)
    if profile.to_s is not None:
        if profile.from_s is not None and profile.to_s <= profile.from_s:
            raise Implausible("validTo is not after validFrom")
        if now_s is not None and profile.to_s <= now_s:
            raise Implausible("validTo is over")
    if profile.least is not None and profile.least < 0:
        raise Implausible("its minChargingRate is negative")
    if profile.purpose == MAX and profile.needs_start:
        # What several connectors share has no start of charging. Home Assistant sends a constant one.
        raise Implausible("the station's maximum has no start of its own")


def schedule(rows):
    """The array of a schedule; `rows`: pairs (startPeriod, limit in tenths, numberPhases or None). Raises
    Implausible.
    """
    if not rows:
        raise Implausible("it has no period")
    periods = array("i", bytes(8 * len(rows)))
    before_s = -1
    place = 0
    for start_s, limit, phases in rows:
        if start_s <= before_s or (before_s < 0 and start_s != 0):
            raise Implausible("startPeriod %d: the first is 0, and they grow" % start_s)
        if limit < 0:
            raise Implausible("a limit is negative")
        if phases is not None and not 1 <= phases <= MOST_PHASES:
            raise Implausible("numberPhases is %d" % phases)
        periods[place] = start_s
        periods[place + 1] = min(limit, MOST) * 4 + (phases or 0)
        place += 2
        before_s = start_s
    return periods


# --- on flash (docs/files.md) ---

_FIELDS = 14
_KINDS = 4


def packed(profile):
    """A list without names: a profile of one period fits into 128 bytes, which littlefs keeps without a block
    of its own.
    """
    return [
        profile.serial,
        profile.number,
        profile.connector,
        profile.purpose,
        profile.level,
        profile.kind,
        profile.unit,
        profile.start_s,
        profile.duration_s,
        profile.from_s,
        profile.to_s,
        profile.least,
        profile.transaction,
        list(profile.periods),
    ]


def restored(row):
    """The profile of a file, or ValueError."""
    if not isinstance(row, list) or len(row) != _FIELDS:
        raise ValueError("not a charging profile")
    serial, number, connector, purpose, level, kind, unit = row[:7]
    numbers = row[13]
    for value in (serial, number, connector, purpose, level, kind):
        if not isinstance(value, int):
            raise ValueError("a number that is none")
    for value in row[7:13]:
        if value is not None and not isinstance(value, int):
            raise ValueError("a time that is none")
    if not 0 <= purpose < len(PURPOSES) or not 0 <= kind < _KINDS or unit not in ("A", "W"):
        raise ValueError("a word that is none")
    if connector < 0 or level < 0 or not isinstance(numbers, list) or not numbers or len(numbers) % 2:
        raise ValueError("a schedule that is none")
    rows = []
    for place in range(0, len(numbers), 2):
        start_s, value = numbers[place], numbers[place + 1]
        if not isinstance(start_s, int) or not isinstance(value, int) or not 0 <= start_s <= 0x7FFFFFFF:
            raise ValueError("a period that is none")
        rows.append((start_s, value >> 2, value & 3 or None))
    profile = ChargingProfile(number, connector, purpose, level, kind, unit, schedule(rows))
    profile.serial = serial
    profile.start_s, profile.duration_s, profile.from_s, profile.to_s, profile.least = row[7:12]
    profile.transaction = row[12]
    check(profile, None)
    return profile
