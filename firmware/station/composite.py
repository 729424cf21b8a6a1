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

One pass over the interval: each profile has a cursor that knows what it says and until when. The maxima are
a layer, and so are the profiles for the transactions of a connector: a layer knows which of its cursors
counts, and those behind that one are not moved until it is silent. Time goes on from one instant at which a
layer says something else to the next. Instants are seconds after the beginning of the interval, so that all
numbers are small ones whatever the year is. The pass allocates nothing but the periods that it finds.
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

    __slots__ = ("covered_s", "own", "periods", "unsure", "until", "winner")

    def __init__(self, covered_s):
        self.periods = array("i")
        self.covered_s = min(covered_s, _FOREVER)
        self.winner = None
        self.own = None
        self.unsure = False
        self.until = 0


class _Cursor:
    """What one profile says: `value` (limit * 4 + numberPhases) or -1, until the instant `until`."""

    # _start   of the schedule; of one that recurs, this time
    # _end     until when it says something without a break, once it does
    # _at      the place in the schedule of what comes next
    __slots__ = ("_at", "_end", "_from", "_start", "_to", "profile", "until", "value")

    def __init__(self, profile, begin_s, begun_s):
        """`begin_s`: the second at which the interval begins; `begun_s`: in which charging began."""
        self.profile = profile
        self.value = _SILENT
        self.until = 0
        start_s = begun_s if profile.start_s is None else profile.start_s
        cycle = CYCLES_S[profile.kind]
        # Long ago it may be more than a small number: how far into the schedule it is has to be exact.
        start = min(start_s - begin_s, _FOREVER)
        self._start = start = -(-start % cycle) if cycle and start < 0 else start
        self._from = start if profile.from_s is None else _near(profile.from_s - begin_s)
        self._to = _FOREVER if profile.to_s is None else _near(profile.to_s - begin_s)
        self._end = 0
        self._at = 0

    def move(self, now):
        """Time has come to `until`, or gone past it."""
        if now >= self._end and not self._speaks(now):
            return
        periods = self.profile.periods
        count = len(periods)
        start = self._start
        place = now - start
        at = self._at
        while at < count and periods[at] <= place:
            at += 2
        self._at = at
        self.value = periods[at - 1]
        until = self._end
        if at < count and periods[at] < until - start:
            until = start + periods[at]
        self.until = until

    def _speaks(self, now):
        """Does it say something now? Until `_end` then; else it is silent until `until`."""
        self.value = _SILENT
        self.until = _FOREVER
        end = self._to
        if now >= end:
            return False
        start = self._start
        first = self._from if self._from > start else start
        if now < first:
            if first < end:
                self.until = first
            return False
        profile = self.profile
        cycle = CYCLES_S[profile.kind]
        if cycle:
            if now - start >= cycle:
                self._start = start = now - (now - start) % cycle
                self._at = 0
            if cycle < end - start:
                end = start + cycle
        duration = profile.duration_s
        if duration is not None and duration < end - start:
            if now - start >= duration:
                if cycle:
                    self.until = end
                return False
            end = start + duration
        self._end = end
        return True


class _Layer:
    """Profiles of which one counts at a time: the first that says something.

    place     whose they are
    speaker   the cursor of that one, None: all are silent; until the instant `until`
    """

    __slots__ = ("_cursors", "place", "speaker", "until")

    def __init__(self, profiles, place, begin_s, known=True):
        # It has begun: a later second is that of a clock that was set back, no reason to take limits away.
        begun_s = begin_s if place.begun_s is None else min(place.begun_s, begin_s)
        self.place = place
        self._cursors = [
            _Cursor(profile, begin_s, begun_s)
            for profile in profiles
            if known or not _needs_time(profile, place, begin_s)
        ]
        self.move(0)

    def move(self, now):
        """Time has come to `until`."""
        until = _FOREVER
        speaker = None
        for cursor in self._cursors:
            if cursor.until <= now:
                cursor.move(now)
            then = cursor.until
            until = then if then < until else until
            if cursor.value >= 0:
                speaker = cursor
                break  # those behind it stay where they are until it is silent
        self.speaker = speaker
        self.until = until


def compose(profiles, place, begin_s, duration_s, unit, most=_MANY, known=True):
    """The Composite for one connector, in tenths of `unit`.

    `begin_s`: the second of UTC at which the interval of `duration_s` begins; it may have no length. `most`
    periods at most. `known`: the time is; else it is that at least. The profiles that need it say nothing
    then, nor do those that count from the beginning of a transaction that has none.
    """
    found = Composite(duration_s)
    transaction_part = _of_connector(profiles, place)
    maximum = _of(profiles, MAX, 0)
    ours = _Layer(transaction_part, place, begin_s, known)
    maxima = _Layer(maximum, place, begin_s, known)
    found.own = None if ours.speaker is None else ours.speaker.profile
    if not known:
        found.unsure = _might_count(transaction_part, ours, begin_s) or _might_count(maximum, maxima, begin_s)
    phases = place.phases
    volts = place.nominal_v
    switch = place.switch and phases == 3
    watts = unit == "W"

    def value():
        one = ours.speaker
        other = maxima.speaker
        used = phases
        if switch and (_leaves_two_off(one, volts) or _leaves_two_off(other, volts)):
            used = 1
        per_ampere = volts * used
        power = place.local_da * per_ampere
        winner = None
        # Of equals a profile is named: who looks at `state` asks for its reasons.
        if one is not None:
            said = _power(one, per_ampere)
            if said <= power:
                power = said
                winner = one
        if other is not None:
            said = _power(other, per_ampere)
            if said < power or (said == power and winner is None):
                power = said
                winner = other
        if winner is not None and not found.periods:
            found.winner = winner.profile
        number = power if watts else power // per_ampere
        return number * 4 if place.dc else number * 4 + used

    _walk(found, (ours, maxima), value, most)
    if not known:
        for profile in profiles:
            for begins_s in (profile.start_s, profile.from_s):
                if begins_s is not None and begins_s > begin_s:  # it may need no clock from then on
                    found.until = min(found.until, begins_s - begin_s)
    return found


def compose_station(profiles, places, begin_s, duration_s, unit, most=_MANY):
    """The same for connector 0: the sum of what the connectors may have, at most the maximum (errata 3.30).

    `places`: of all connectors. A is per phase, with the phases of the largest and the volts of the first.
    """
    found = Composite(duration_s)
    parts = [_Layer(_of_connector(profiles, place), place, begin_s) for place in places]
    maxima = _Layer(_of(profiles, MAX, 0), places[0], begin_s)
    phases = max([place.phases for place in places])
    whole = places[0].nominal_v * phases
    direct = all(place.dc for place in places)
    watts = unit == "W"

    def value():
        power = 0
        for layer in parts:
            power += _part(layer.place, layer.speaker)
        greatest = maxima.speaker
        if greatest is not None:
            said = _power(greatest, whole)
            if said <= power:
                power = said
                if not found.periods:
                    found.winner = greatest.profile
        number = min(power if watts else power // whole, MOST)
        return number * 4 if direct else number * 4 + phases

    return _walk(found, parts + [maxima], value, most)


def _walk(found, layers, value, most):
    """From one instant at which a layer says something else to the next."""
    end = found.covered_s
    periods = found.periods
    most += most  # two numbers each
    before = _SILENT
    now = 0
    for _ in range(_MOST_INSTANTS):
        until = _FOREVER
        for layer in layers:
            if layer.until <= now:
                layer.move(now)
            then = layer.until
            until = then if then < until else until
        if not now:
            found.until = until
        number = value()
        if number != before:
            if len(periods) == most:
                break
            # As nothing else is allocated, it grows where it is.
            periods.append(now)
            periods.append(number)
            before = number
        if until >= end:
            return found
        now = until
    found.covered_s = now
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


def _might_count(profiles, layer, begin_s):
    """Does one of `profiles` that needs the time go before the one that counts without it?"""
    for profile in profiles:
        if layer.speaker is not None and profile is layer.speaker.profile:
            return False
        if _needs_time(profile, layer.place, begin_s):
            return True
    return False


def _needs_time(profile, place, begin_s):
    """Does it depend on what time it is, or on when a transaction began of which nobody knows?"""
    lost = place.transaction is not None and place.begun_s is None
    return profile.needs_clock(begin_s) or (lost and profile.needs_start)


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
