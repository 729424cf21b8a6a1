# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What charging profiles make of the limits of the connectors, at every moment.

The composite schedule is asked for what counts now and for how long; until then, and until something
changes, nothing is looked at again. While the time is not known the profiles that need it say nothing, and
the limit that the installer has set for this case counts where one of them might.
"""

import log
from evse.pilot import MIN_DA
from hal.ticks import ticks_add, ticks_diff
from station.charging_profile import MAX
from station.composite import Place, compose, compose_station

NAME = "ocpp"
SHARE = "share"
SITE = "site"
# What will be another limit in an hour.
_MOMENTARY = (NAME, SHARE, SITE, "temperature")

# The cursors are set anew so often at least.
_LOOK_S = 3600
_AGAIN_MS = 1000  # where there was no memory for it
_UNCLOCKED = "the time is not known"
_FAILED = "failed"
_UNLIMITED_DA = 100000
_MOST_PERIODS = 100  # of GetCompositeSchedule.conf: 5 KB


class _Force:
    """What is in force at a `connector`. `due`: ticks of the next look; `why`: text for people, or None;
    `least_da`: less is of no use to its car (minChargingRate); `promised`: the profile with which its
    transaction was asked for, until it is installed.
    """

    __slots__ = ("connector", "due", "least_da", "promised", "revision", "transaction", "why")

    def __init__(self, connector):
        self.connector = connector
        self.revision = -1
        self.transaction = None
        self.due = 0
        self.why = None
        self.least_da = MIN_DA
        self.promised = None


class ChargingLimits:
    """`profiles`: `station.charging_profiles.ChargingProfiles`. Call `step` after the connectors' own."""

    def __init__(self, station, profiles):
        self.profiles = profiles
        self._station = station
        self._unclocked_da = 10 * station.description.option("unclocked_a", 6)
        self._in_force = [_Force(connector) for connector in station.connectors]
        self._whole = _Force(None)  # the maximum of the station, ...
        self._whole_da = None

    def moved(self):
        """The clock was set: everything is looked at again."""
        self.profiles.revision += 1

    def step(self, now):
        profiles = self.profiles
        for force in self._in_force:  # 50 times a second: nothing is allocated
            transaction = force.connector.transaction
            number = None if transaction is None else transaction.number
            if ticks_diff(now, force.due) < 0 and (
                force.why is _FAILED or (number == force.transaction and force.revision == profiles.revision)
            ):
                continue
            self._look(force.connector, force, number, now)

    def begin(self, transaction, profile):
        """A transaction begins that was asked for with a profile (RemoteStartTransaction)."""
        profile.transaction = transaction.number
        profile.connector = transaction.connector
        force = self._in_force[transaction.connector - 1]
        force.promised = profile
        try:
            self._install_promised(force)
        except Exception as error:  # no memory: the next step tries again
            log.failure("profiles", transaction.connector, error)

    def came_to_nothing(self, transaction):
        """It did not begin after all: the next step takes its profiles away."""
        force = self._in_force[transaction.connector - 1]
        force.promised = None
        force.transaction = transaction.number

    def _install_promised(self, force):
        self.profiles.install(force.promised, self._station.clock.utc_s, True)
        force.promised = None

    def recover(self):
        """The transactions that go on after the start are known."""
        numbers = [
            connector.transaction.number for connector in self._station.connectors if connector.transaction
        ]
        self.profiles.only(numbers)

    def why(self, number):
        """Which profile sets the limit of connector `number`, in words; None: no profile does."""
        return self._in_force[number - 1].why

    def least_da(self, number):
        return self._in_force[number - 1].least_da

    def total_da(self, now=None):
        """What all connectors may have together by the ChargePointMaxProfile, deci-ampere per phase; None:
        there is none. `now`: None: as it was found last.
        """
        whole = self._whole
        if now is not None and (whole.revision != self.profiles.revision or ticks_diff(now, whole.due) >= 0):
            whole.revision = self.profiles.revision
            try:
                self._find_total(whole, now)
            except Exception as error:  # as for a connector
                log.failure("profiles", 0, error)
                whole.due = ticks_add(now, _AGAIN_MS)
                self._whole_da = MIN_DA
        return self._whole_da

    @property
    def total_why(self):
        return self._whole.why

    def composite(self, number, duration_s, unit):
        """(second of UTC at which it begins, `Composite`) for connector `number`, 0: the station; None while
        the time is not known.
        """
        now_s = self._station.clock.utc_s
        if now_s is None:
            return None
        places = [self._place(connector, True) for connector in self._station.connectors]
        if number:
            found = compose(self.profiles.all, places[number - 1], now_s, duration_s, unit, _MOST_PERIODS)
        else:
            found = compose_station(self.profiles.all, places, now_s, duration_s, unit, _MOST_PERIODS)
        return now_s, found

    # --- now ---

    def _look(self, connector, force, number, now):
        """`number`: of the transaction that runs, or None."""
        limits = connector.supply.limits
        try:
            self._changed(force, number)
            force.revision = self.profiles.revision
            if self.profiles.all:
                self._enforce(connector, force, limits, now)
                return
            force.due = ticks_add(now, _LOOK_S * 1000)
            force.why = None
            force.least_da = MIN_DA
            limits.drop(NAME)
        except Exception as error:
            # No memory, or a profile of which nobody has thought: it is on flash, and must not end the main
            # loop after each start. What would have come may be less: the least that a car can be offered.
            log.failure("profiles", connector.number, error)
            force.why = _FAILED
            force.due = ticks_add(now, _AGAIN_MS)
            try:
                if limits.get(NAME) is None or limits.get(NAME) > MIN_DA:
                    limits.put(NAME, MIN_DA, None if limits.three else 1)  # as many phases as before
            except Exception as again:  # not even for that: the next step tries again
                force.due = now
                log.failure("profiles", connector.number, again)

    def _changed(self, force, number):
        """The transaction is another one, or its profile is still to be installed: no memory for that is no
        reason to keep it from going on, or to forget the profile.
        """
        if number != force.transaction:
            if force.transaction is not None:
                self.profiles.ended(force.transaction)
            force.transaction = number
            if force.promised is not None and force.promised.transaction != number:
                force.promised = None
        if force.promised is not None:
            self._install_promised(force)

    def _enforce(self, connector, force, limits, now):
        place = self._place(connector, False)
        found, now_ms = self._compose(self.profiles.all, place)
        force.due = ticks_add(now, min(found.until, _LOOK_S) * 1000 - now_ms % 1000)
        limit_da = found.periods[1] >> 2
        phases = found.periods[1] & 3
        winner = found.winner
        before = force.why
        force.why = None if winner is None else winner.describe()
        force.least_da = _least_da(found.own, place.nominal_v * (phases or 1))
        if found.unsure and limit_da > self._unclocked_da:
            limit_da = self._unclocked_da
            force.why = _UNCLOCKED
        one = place.switch and phases == 1
        if force.why is None and not one:
            limits.drop(NAME)
        else:
            limits.put(NAME, limit_da, 1 if one else None)
        if force.why != before:
            log.info("profiles", "connector %d: %s", connector.number, force.why or "no profile")

    def _find_total(self, whole, now):
        """Watts are shared as if all had three phases: who has one takes no more than that. Where none has to
        use three the same watts leave two off at each of them as well (`_enforce`).
        """
        maxima = [profile for profile in self.profiles.all if profile.purpose == MAX]
        whole.why = None
        self._whole_da = None
        whole.due = ticks_add(now, _LOOK_S * 1000)
        if not maxima:
            return
        description = self._station.description
        volts = max([described.nominal_v for described in description.connectors])
        switch = True
        for described in description.connectors:
            # Of other volts it may be enough for three.
            can = described.phase_switch and described.nominal_v == volts
            switch = switch and (can or described.phases == 1)
        place = Place(0, description.phases, volts, False, switch)
        place.local_da = _UNLIMITED_DA
        found, now_ms = self._compose(maxima, place)
        whole.due = ticks_add(now, min(found.until, _LOOK_S) * 1000 - now_ms % 1000)
        if found.winner is not None:
            whole.why = found.winner.describe()
            self._whole_da = found.periods[1] >> 2
        if found.unsure:
            whole.why = _UNCLOCKED
            self._whole_da = min(
                self._unclocked_da, _UNLIMITED_DA if self._whole_da is None else self._whole_da
            )

    def _compose(self, profiles, place):
        """(Composite of now, milliseconds of now; while the time is not known, of the earliest that it can
        be).
        """
        clock = self._station.clock
        now_ms = clock.floor_utc_ms
        return compose(profiles, place, now_ms // 1000, 0, "A", 1, clock.known), now_ms

    def _place(self, connector, local):
        """`local`: with its own limits, as far as they do not change from one minute to the next."""
        described = self._station.description.connectors[connector.number - 1]
        dc = described.current == "DC"
        place = Place(connector.number, described.phases, described.nominal_v, dc, described.phase_switch)
        place.local_da = connector.supply.limits.lowest(_MOMENTARY) if local else _UNLIMITED_DA
        transaction = connector.transaction
        if transaction is not None:
            place.transaction = transaction.number
            place.begun_s = self._begun_s(transaction)
        return place

    def _begun_s(self, transaction):
        """The second in which it began, in the time that is counted in: of UTC, or since the start. None: of
        one that a power cut has interrupted nobody knows how long that lasted.
        """
        clock = self._station.clock
        begun_ms = transaction.begun_ms
        if begun_ms is not None:
            # The seconds that have passed are those of the running time, whatever became of the clock.
            return (clock.floor_utc_ms - clock.uptime_ms + begun_ms) // 1000
        utc_ms = clock.resolve(transaction.started) if clock.known else None
        return None if utc_ms is None else utc_ms // 1000


def _least_da(profile, per_ampere):
    """minChargingRate, as a current; `per_ampere`: watts."""
    if profile is None or profile.least is None:
        return MIN_DA
    least = profile.least
    return max(MIN_DA, least if profile.unit == "A" else least // per_ampere)
