# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Where the faults of a connector come from, but for those that the outlet sees itself: protective devices,
the station, the guard, the thermometer, the meter, and whoever reports one.
"""

from evse import faults
from evse.mains import Mains
from evse.over_current import OverCurrent
from evse.temperature import Derating
from evse.timer import Stopwatch, longer

_SLOW_STEPS = 5  # the temperature is looked at every fifth step

_OVER_TEMPERATURE = faults.bit("OverTemperature")
_RCD_TRIP = faults.bit("RcdTrip")
_EMERGENCY_STOP = faults.bit("EmergencyStop")
_OVER_CURRENT = faults.bit("OverCurrent")
_OVER_VOLTAGE = faults.bit("OverVoltage")
_UNDER_VOLTAGE = faults.bit("UnderVoltage")


class Sources:
    __slots__ = (
        "_hardware", "_guard", "_limits", "_station_signals", "_signals", "_signals_mask", "_station",
        "_station_mask", "_reported", "_metered", "_trips", "_stops", "_slow", "_derating", "_over_current",
        "_mains", "_meter_watch", "_phases", "_since_ms",
    )  # fmt: skip

    def __init__(self, hardware, ratings, station_signals, guard, limits):
        """As `evse.supply.Supply`; `limits` gets the limit "temperature"."""
        self._hardware = hardware
        self._guard = guard
        self._limits = limits
        self._station_signals = station_signals
        self._signals = ()  # the tuples seen last and their masks: converted again only when they change
        self._signals_mask = 0
        self._station = ()
        self._station_mask = 0
        self._reported = 0
        self._metered = 0
        self._trips = guard.trips
        self._stops = guard.stops
        self._slow = 0
        self._derating = None if hardware.temperature is None else Derating(ratings.rated_da)
        self._over_current = OverCurrent()
        # The meter of a DC output shows what the car gets, which is nothing for most of the time.
        self._mains = Mains(ratings.nominal_v) if ratings.current == "AC" else None
        self._phases = ratings.phases
        self._meter_watch = Stopwatch()
        self._since_ms = 0  # the last reading

    def report(self, name: str, present: bool) -> None:
        """A fault that others find is there or gone."""
        if present:
            self._reported |= faults.bit(name)
        else:
            self._reported &= ~faults.bit(name)

    def metered(self, now: int, reading, least_da: int, offered_da: int) -> None:
        """A reading of now, None: the meter was silent. `least_da`: the lowest offer since the last reading;
        `offered_da`: that of now."""
        since_ms = self._since_ms = longer(self._since_ms, self._meter_watch.lap(now))
        if reading is None:
            return
        self._since_ms = 0
        over = self._over_current
        over.look(since_ms, reading.current_ma, least_da, offered_da)
        found = _OVER_CURRENT if over.present else 0
        mains = self._mains
        if mains is not None:
            # A three-phase meter where the installer had one phase to connect.
            mains.look(since_ms, reading.voltage_mv[: self._phases])
            if mains.under:
                found |= _UNDER_VOLTAGE
            if mains.over:
                found |= _OVER_VOLTAGE
        self._metered = found

    def forget_car(self) -> None:
        """Another car, or none: its over-current has gone with it."""
        self._over_current.forget()
        self._metered &= ~_OVER_CURRENT

    def present(self, testing: bool) -> int:
        """The mask of what there is now; to be called at every step. `testing`: the RCD is being tested."""
        signals = self._hardware.fault_signals()
        if signals is not self._signals:
            self._signals = signals
            self._signals_mask = faults.mask(signals)
        if self._station_signals:
            signals = self._station_signals()
            if signals is not self._station:
                self._station = signals
                self._station_mask = faults.mask(signals) & faults.BLOCKING_MASK
        present = self._signals_mask | self._station_mask | self._reported | self._metered
        guard = self._guard
        # Also what came and went between two steps: the contactor is open because of it.
        if guard.trips != self._trips or (guard.tripped and not testing):
            self._trips = guard.trips
            present |= _RCD_TRIP
        if guard.stops != self._stops or guard.stopped:
            self._stops = guard.stops
            present |= _EMERGENCY_STOP
        return present | self._heat()

    def _heat(self):
        derating = self._derating
        if derating is None:
            return 0
        self._slow += 1
        if self._slow >= _SLOW_STEPS:
            self._slow = 0
            derating.look(self._hardware.temperature.celsius_d())
            if derating.limit_da is None:
                self._limits.drop("temperature")
            else:
                self._limits.put("temperature", derating.limit_da)
        return _OVER_TEMPERATURE if derating.stopped else 0
