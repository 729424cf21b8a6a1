# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The composite charging schedule: what the installed profiles and the local limits come to (OCPP 1.6 section
3.13, errata 3.7 to 3.9, 3.28 to 3.34, 3.43, 3.44, 3.78). Pure.

At each instant the limit is the lowest of

- the ChargePointMaxProfile,
- the TxProfile; where none says anything, the TxDefaultProfile of the connector; where none does, that of
  connector 0,
- the local limit,

each time the one of the highest stackLevel that says something then. A is per phase, W in total: they are
compared as power, in tenths of W, in whole numbers.

One pass over the interval: each profile has a cursor that knows what it says and until when; time goes on
from one such instant to the next. Instants are seconds after the beginning of the interval, so that all
numbers are small ones whatever the year is.
"""

from array import array

from station.charging_profile import CYCLES_S, DEFAULT, MAX, MOST, TX

_FOREVER = 0x1FFFFFFF  # 17 years
_SILENT = -1
# Beyond it is no matter what an A limit says, and its power is still a small number.
_MOST_DA = 100000
_LEAST_DA = 60  # IEC 61851-1: there is no offer below 6 A
_MANY = 0x7FFFFFF
# The main loop waits meanwhile: what recurs can be asked for decades ahead.
_MOST_INSTANTS = 1000
_ROOM = 16  # numbers of a schedule: room is made for so many at a time


class Place:
    """A connector, as far as the composite schedule of one asks.

    phases, nominal_v   of its supply; `dc`: there are no phases
    switch              it can leave L2 and L3 off
    local_da            the lowest of all limits that no profile sets
    transaction         our number of the one that runs, and `begun_s`, the second in which it began; or None,
                        also where that is not known
    """

    __slots__ = ("begun_s", "dc", "local_da", "nominal_v", "number", "phases", "switch", "transaction")

    def __init__(self, number, phases, nominal_v, dc=False, switch=False):
        self.number = number
        self.phases = phases
        self.nominal_v = nominal_v
        self.dc = dc
        self.switch = switch
        self.local_da = 0
        self.transaction: int | None = None
        self.begun_s: int | None = None


class Composite:
    """periods      a schedule as `station.charging_profile` has them; numberPhases 0: direct current
    covered_s    how far it reaches: the interval, or as far as the most periods go
    winner       the profile behind the limit in the first period, None: no profile
    own          the profile of the connector's transactions that counts then, lowest or not, or None
    unsure       the time is not known, and a profile that needs it might lower the first limit
    until        so long, in seconds, nothing of that changes for certain
    """

    __slots__ = ("_end", "covered_s", "own", "periods", "unsure", "until", "winner")

    def __init__(self, covered_s):
        self.periods = array("i")
        self._end = 0
        self.covered_s = min(covered_s, _FOREVER)
        self.winner = None
        self.own = None
        self.unsure = False
        self.until = 0

    def last(self):
        """The limit and phases of the last period; -1 before the first."""
        return self.periods[self._end - 1] if self._end else -1

    def append(self, start_s, value):
        periods = self.periods
        if self._end == len(periods):
            # Bit by bit it would be copied each time, and leave its old places behind.
            periods.extend(_EMPTY)
        periods[self._end] = start_s
        periods[self._end + 1] = value
        self._end += 2

    def close(self):
        if self._end < len(self.periods):
            self.periods = self.periods[: self._end]

    def __len__(self):
        return self._end >> 1


_EMPTY = array("i", bytes(4 * _ROOM))


class _Cursor:
    """What one profile says: `value` (limit * 4 + numberPhases) or -1, until the instant `until`."""

    __slots__ = (
        "_at",
        "_cycle",
        "_duration",
        "_from",
        "_periods",
        "_start",
        "_to",
        "profile",
        "until",
        "value",
    )

    def __init__(self, profile, begin_s, begun_s):
        """`begin_s`: the second at which the interval begins; `begun_s`: in which charging began."""
        self.profile = profile
        start_s = begun_s if profile.start_s is None else profile.start_s
        self._periods = profile.periods
        self._cycle = cycle = CYCLES_S[profile.kind]
        # Long ago it may be more than a small number: how far into the schedule it is has to be exact.
        start = min(start_s - begin_s, _FOREVER)
        if cycle and start_s < begin_s:
            start = -((begin_s - start_s) % cycle)
        self._start = start
        self._duration = profile.duration_s
        self._from = -_FOREVER if profile.from_s is None else _near(profile.from_s - begin_s)
        self._to = _FOREVER if profile.to_s is None else _near(profile.to_s - begin_s)
        self._at = 0
        self.value = _SILENT
        self.until = 0

    def move(self, now):
        """Time has come to `until`, or gone past it."""
        end = self._to
        if now >= end:
            self.value = _SILENT
            self.until = _FOREVER
            return
        start = self._start
        first = self._from if self._from > start else start
        if now < first:
            self.value = _SILENT
            self.until = first if first < end else _FOREVER
            return
        place = now - start
        cycle = self._cycle
        if cycle:
            if place >= cycle:
                start += place - place % cycle
                place = now - start
                self._start = start
                self._at = 0
            end = min(end, start + cycle)
        duration = self._duration
        if duration is not None and place >= duration:
            self.value = _SILENT
            self.until = end if cycle else _FOREVER
            return
        if duration is not None and duration < end - start:
            end = start + duration
        periods = self._periods
        at = self._at
        count = len(periods)
        following = at + 2
        while following < count and periods[following] <= place:
            at = following
            following += 2
        self._at = at
        self.value = periods[at + 1]
        if following < count and periods[following] < end - start:
            end = start + periods[following]
        self.until = end


def compose(profiles, place, begin_s, duration_s, unit, most=_MANY, known=True):
    """The Composite for one connector, in tenths of `unit`.

    `begin_s`: the second of UTC at which the interval of `duration_s` begins; it may have no length. `most`
    periods at most. `known`: the time is; else the profiles that need it say nothing, nor those that count
    from the beginning of a transaction that has none, and seconds may be those of any clock.
    """
    ours = _cursors(_of_connector(profiles, place), place, begin_s)
    maxima = _cursors(_of(profiles, MAX, 0), place, begin_s)
    found = Composite(duration_s)
    phases = place.phases
    volts = place.nominal_v
    switch = place.switch and phases == 3
    watts = unit == "W"
    lost = place.transaction is not None and place.begun_s is None

    def value():
        one, unsure_one = _speaker(ours, known, lost)
        other, unsure_other = _speaker(maxima, known, lost)
        used = phases
        if switch and (_leaves_two_off(one, volts) or _leaves_two_off(other, volts)):
            used = 1
        per_ampere = volts * used
        power = place.local_da * per_ampere
        winner = None
        for cursor in (one, other):
            if cursor is not None:
                said = _power(cursor, per_ampere)
                # Of equals a profile is named: who looks at `state` asks for its reasons.
                if said < power or (said == power and winner is None):
                    power = said
                    winner = cursor.profile
        if not len(found):
            found.winner = winner
            found.own = None if one is None else one.profile
            found.unsure = unsure_one or unsure_other
        number = power if watts else power // per_ampere
        return number * 4 if place.dc else number * 4 + used

    return _walk(found, ours + maxima, value, most)


def compose_station(profiles, places, begin_s, duration_s, unit, most=_MANY):
    """The same for connector 0: the sum of what the connectors may have, at most the maximum (errata 3.30).

    `places`: of all connectors. A is per phase, with the phases of the largest and the volts of the first.
    """
    groups = [_cursors(_of_connector(profiles, place), place, begin_s) for place in places]
    maxima = _cursors(_of(profiles, MAX, 0), places[0], begin_s)
    cursors = list(maxima)
    for group in groups:
        cursors.extend(group)
    found = Composite(duration_s)
    phases = max([place.phases for place in places])
    whole = places[0].nominal_v * phases
    direct = all(place.dc for place in places)
    watts = unit == "W"

    def value():
        power = 0
        for place, group in zip(places, groups):
            power += _part(place, _speaker(group, True)[0])
        greatest = _speaker(maxima, True)[0]
        if greatest is not None:
            said = _power(greatest, whole)
            if said <= power:
                power = said
                if not len(found):
                    found.winner = greatest.profile
        number = min(power if watts else power // whole, MOST)
        return number * 4 if direct else number * 4 + phases

    return _walk(found, cursors, value, most)


def _walk(found, cursors, value, most):
    """From one instant at which any profile says something else to the next."""
    now = 0
    for _ in range(_MOST_INSTANTS):
        until = _FOREVER
        for cursor in cursors:
            if cursor.until <= now:
                cursor.move(now)
            until = min(until, cursor.until)
        if not now:
            found.until = until
        number = value()
        if number != found.last():
            if len(found) == most:
                found.covered_s = now
                break
            found.append(now, number)
        if until >= found.covered_s:
            break
        now = until
    else:
        found.covered_s = now
    found.close()
    return found


def _part(place, cursor):
    """Tenths of W that the connector may have, but for the maximum."""
    volts = place.nominal_v
    used = place.phases
    if place.switch and used == 3 and _leaves_two_off(cursor, volts):
        used = 1
    power = place.local_da * volts * used
    return power if cursor is None else min(power, _power(cursor, volts * used))


def _power(cursor, per_ampere):
    """Tenths of W of what a cursor says."""
    limit = cursor.value >> 2
    if cursor.profile.unit == "W":
        return limit
    return (limit if limit < _MOST_DA else _MOST_DA) * per_ampere


def _leaves_two_off(cursor, volts):
    """Does it ask for one phase (of three, the switch knows no two), or is it too little for three?"""
    if cursor is None:
        return False
    phases = cursor.value & 3
    if phases:
        return phases < 3
    return cursor.profile.unit == "W" and cursor.value >> 2 < _LEAST_DA * 3 * volts


def _speaker(cursors, known, lost=False):
    """(the first that says something, None: nobody; whether one before it might, were the time known).
    `lost`: there is a transaction of which nobody knows when it began.
    """
    unsure = False
    for cursor in cursors:
        profile = cursor.profile
        if not known and (profile.needs_clock or (lost and profile.needs_start)):
            unsure = True
        elif cursor.value >= 0:
            return cursor, unsure
    return None, unsure


def _cursors(profiles, place, begin_s):
    # It has begun: a later second is that of a clock that was set back, and no reason to take limits away.
    begun_s = begin_s if place.begun_s is None else min(place.begun_s, begin_s)
    return [_Cursor(profile, begin_s, begun_s) for profile in profiles]


def _of_connector(profiles, place):
    """The profiles of its transactions, those first that go before others."""
    found = []
    if place.transaction is not None:
        found = [
            profile for profile in _of(profiles, TX, place.number) if profile.transaction == place.transaction
        ]
    return found + _of(profiles, DEFAULT, place.number) + _of(profiles, DEFAULT, 0)


def _of(profiles, purpose, connector):
    found = [p for p in profiles if p.purpose == purpose and p.connector == connector]
    found.sort(key=_by_level)
    return found


def _by_level(profile):
    return -profile.level


def _near(seconds):
    """Seconds as a small number: what is further away than the interval can be is so for ever."""
    return -_FOREVER if seconds < -_FOREVER else _FOREVER if seconds > _FOREVER else seconds
