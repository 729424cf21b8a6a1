# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The composite charging schedule once more, slow and obvious: every profile is asked what it says at one
instant, and the schedule is made of many instants. host_tests/property/test_composite.py compares the
firmware's with it.

Written from what the firmware promises (OCPP 1.6 edition 2, sections 3.13 and 7.8 to 7.14, errata 3.7, 3.28,
3.30, 3.34, 3.43, 3.44, 3.78), never from its code. Nothing here is fast, nothing is remembered.

Units: seconds of UTC; tenths of A or of W, as a profile or an answer says; power in tenths of W.
"""

MAX, DEFAULT, TX = 0, 1, 2
ABSOLUTE, RELATIVE, DAILY, WEEKLY = 0, 1, 2, 3
RECURRENCE_S = {DAILY: 86400, WEEKLY: 604800}  # always, whatever clocks on walls do: errata 3.78
SWITCH_FROM_DA = 60  # less than 6 A on each of three phases: one is enough


def needs_clock(profile, asked_s):
    """asked_s: the earliest that it can be. A limit that has begun then and never ends is one at any time."""
    dates = [date for date in (profile.start_s, profile.from_s, profile.to_s) if date is not None]
    ends = profile.to_s is not None or profile.duration_s is not None
    return bool(dates) and (ends or len(profile.periods) > 2 or any(date > asked_s for date in dates))


def needs_begin(profile, place):
    """Does it count from the beginning of a transaction of which nobody knows when it began?"""
    if place is None or place.transaction is None or place.begun_s is not None or profile.start_s is not None:
        return False
    return len(profile.periods) > 2 or profile.duration_s is not None


def begin_of(profile, place, asked_s):
    """Where second 0 of its schedule is; of one that recurs, the first of them."""
    if profile.start_s is not None:
        return profile.start_s
    if place is None or place.begun_s is None:
        return asked_s
    return min(place.begun_s, asked_s)  # it has begun: a later second is one of a clock that was set back


def said(profile, place, t_s, asked_s, known=True):
    """(tenths of its unit, numberPhases or 0) that `profile` says at `t_s` to `place`, None: nothing.

    place: None is the station as a whole. asked_s: where the interval begins that was asked for.
    """
    if not known and (needs_clock(profile, asked_s) or needs_begin(profile, place)):
        return None
    if profile.purpose == TX and (
        place is None or place.transaction is None or place.transaction != profile.transaction
    ):
        return None
    if profile.from_s is not None and t_s < profile.from_s:
        return None
    if profile.to_s is not None and t_s >= profile.to_s:
        return None
    at_s = t_s - begin_of(profile, place, asked_s)
    if at_s < 0:
        return None
    if profile.kind in RECURRENCE_S:
        at_s %= RECURRENCE_S[profile.kind]
    if profile.duration_s is not None and at_s >= profile.duration_s:
        return None
    packed = None
    for index in range(0, len(profile.periods), 2):
        if profile.periods[index] <= at_s:
            packed = profile.periods[index + 1]
    if packed is None:
        return None
    return packed >> 2, packed & 3


def ranks(profiles, place):
    """The two lists of which the first that says something counts: maximum, transaction part."""
    number = None if place is None else place.number
    by_level = sorted(profiles, key=lambda profile: -profile.level)
    maximum = [one for one in by_level if one.purpose == MAX and one.connector == 0]
    part = [one for one in by_level if one.purpose == TX and one.connector == number]
    part += [one for one in by_level if one.purpose == DEFAULT and one.connector == number]
    part += [one for one in by_level if one.purpose == DEFAULT and one.connector == 0]
    return maximum, part


def first_that_says(rank, place, t_s, asked_s, known):
    """(profile, what it says), or None."""
    for profile in rank:
        what = said(profile, place, t_s, asked_s, known)
        if what is not None:
            return profile, what
    return None


def phases_of(place):
    return 1 if place.dc else place.phases


def phases_under(counting, place):
    """Phases on which `place` charges while these (profile, what it says) count."""
    if not place.switch:
        return phases_of(place)
    for profile, (tenths, phases) in counting:
        if phases in (1, 2):
            return 1
        if profile.unit == "W" and not phases and tenths < SWITCH_FROM_DA * 3 * place.nominal_v:
            return 1
    return 3


def power_of(profile, tenths, nominal_v, phases):
    return tenths if profile.unit == "W" else tenths * nominal_v * phases


def instant(profiles, place, t_s, asked_s=None, known=True, without_maximum=False):
    """(power, phases, {profile or None for the local limit: its power}) at one instant, of one connector."""
    asked_s = t_s if asked_s is None else asked_s
    maximum, part = ranks(profiles, place)
    counting = [first_that_says(part, place, t_s, asked_s, known)]
    if not without_maximum:
        counting.append(first_that_says(maximum, place, t_s, asked_s, known))
    counting = [one for one in counting if one is not None]
    phases = phases_under(counting, place)
    powers = {None: place.local_da * place.nominal_v * phases}
    for profile, (tenths, _) in counting:
        powers[profile] = power_of(profile, tenths, place.nominal_v, phases)
    return min(powers.values()), phases, powers


def limit_at(profiles, place, t_s, unit, asked_s=None, known=True):
    """(tenths of `unit`, phases; 0 on DC) at one instant, of one connector."""
    power, phases, _ = instant(profiles, place, t_s, asked_s, known)
    tenths = power if unit == "W" else power // (place.nominal_v * phases)
    return tenths, 0 if place.dc else phases


def instant_of_station(profiles, places, t_s, asked_s=None):
    """The same of connector 0: the sum of all connectors, capped by the maximum. None is then the sum."""
    asked_s = t_s if asked_s is None else asked_s
    nominal_v = next(place.nominal_v for place in places if place.number == 1)
    phases = max(phases_of(place) for place in places)
    powers = {None: sum(instant(profiles, place, t_s, asked_s, True, True)[0] for place in places)}
    cap = first_that_says(ranks(profiles, None)[0], None, t_s, asked_s, True)
    if cap is not None:
        profile, (tenths, _) = cap
        powers[profile] = power_of(profile, tenths, nominal_v, phases)
    return min(powers.values()), phases, powers


def limit_of_station_at(profiles, places, t_s, unit, asked_s=None):
    """(tenths of `unit`, phases; 0 where all is DC) at one instant, of connector 0."""
    power, phases, _ = instant_of_station(profiles, places, t_s, asked_s)
    nominal_v = next(place.nominal_v for place in places if place.number == 1)
    tenths = power if unit == "W" else power // (nominal_v * phases)
    return tenths, 0 if all(place.dc for place in places) else phases


def winners_at(profiles, place, t_s, known=True):
    """Those of which one gives the limit: the lowest. None is the local limit."""
    power, _, powers = instant(profiles, place, t_s, None, known)
    return [profile for profile, own in powers.items() if own == power]


def winners_of_station_at(profiles, places, t_s):
    """The same of connector 0; None is the sum of the connectors."""
    power, _, powers = instant_of_station(profiles, places, t_s)
    return [profile for profile, own in powers.items() if own == power]


def unsure_at(profiles, place, t_s):
    """While the time is not known: would a profile that needs it count if it said something?"""
    for rank in ranks(profiles, place):
        for profile in rank:
            if needs_clock(profile, t_s) or needs_begin(profile, place):
                if profile.purpose != TX or said_to(profile, place):
                    return True
            elif said(profile, place, t_s, t_s) is not None:
                break
    return False


def said_to(profile, place):
    """Is this TxProfile one of the transaction that runs there?"""
    return place.transaction is not None and place.transaction == profile.transaction


def moments(profiles, places, start_s, end_s):
    """Every instant within the window where anything may change, start_s included."""
    found = {start_s}
    for profile in profiles:
        steps = [profile.periods[index] for index in range(0, len(profile.periods), 2)]
        steps += [] if profile.duration_s is None else [profile.duration_s]
        found.update((profile.from_s, profile.to_s))
        for begin_s in {begin_of(profile, place, start_s) for place in (None, *places)}:
            every_s = RECURRENCE_S.get(profile.kind)
            if every_s is None:
                found.update(begin_s + step for step in steps)
                continue
            round_s = max(begin_s, start_s - (start_s - begin_s) % every_s)
            while round_s < end_s:
                found.update(round_s + step for step in (0, *steps))
                round_s += every_s
    return sorted(at_s for at_s in found if at_s is not None and start_s <= at_s < max(end_s, start_s + 1))


def schedule(limit, instants, start_s, duration_s, most):
    """([startPeriod, tenths * 4 + phases, ...], covered_s) of what `limit(t_s)` says at these instants, the
    first of which is start_s."""
    periods = []
    last = None
    for t_s in instants:
        now = limit(t_s)
        if now == last:
            continue
        if len(periods) == 2 * most:
            return periods, t_s - start_s
        periods += [t_s - start_s, now[0] * 4 + now[1]]
        last = now
    return periods, duration_s
