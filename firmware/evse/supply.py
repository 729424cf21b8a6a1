# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One connector's supply equipment: its hardware, the outlet machine, the guard, the limits and the faults.

All that the station sees of the car's side. Nothing here knows of OCPP.
"""

from evse import faults
from evse.guard import Guard
from evse.limits import Limits
from evse.outlet import Inputs, Outlet, Timer
from evse.pilot import PAUSE_E4, current_da, is_pwm
from evse.proximity import rating_da

# Over-temperature: users in 40 C shade reach 65, plugs were seen at 84 (facts of the field); contacts are
# rated 90.
_HOT_DC = 850
_COOL_DC = 750
_SLOW_STEPS = 5  # temperature and the like are looked at every fifth step
# an acknowledgement waits so long for the cause to go (the feedback of a freed contactor)
_ACKNOWLEDGE_MS = 2000

_OVER_TEMPERATURE = faults.bit("OverTemperature")


class Supply:
    """What the station reads (all plain attributes, right after each `step`):

    number          1..
    pilot           debounced 'A'..'F'
    plugged         a car is connected
    cable           a plug is in our socket; with a fixed cable the same as `plugged`
    asking          the car is in C or D
    energised       the contactor is closed, by its feedback
    offered_da      what the pilot offers now, deci-ampere; 0: paused or not offering
    limit_name, limit_da   the lowest limit
    faults          tuple of catalogue names, worst first, station-wide ones that block energy included
    has_lock, locked       `locked` is the feedback, None without a lock
    permitted       what the station said last
    duty_e4, high_mv, low_mv   the pilot as commanded and as measured
    """

    def __init__(self, hardware, ratings, station_signals=None):
        """`hardware`: a `hal.contract.ConnectorHardware`; `ratings`: (`station.description.Connector`) has
        rated_da (deci-ampere) and ventilation (bool); `station_signals`: gives the names of station-wide
        faults (`Board.fault_signals`)."""
        self.hardware = hardware
        self.number = hardware.number
        self.limits = Limits()
        self.limits.put("board", ratings.rated_da)
        self.has_lock = hardware.lock is not None
        self._station_signals = station_signals
        self._guard = Guard(hardware.contactor, ratings.ventilation)
        self._outlet = Outlet(ratings.ventilation)
        self._inputs = Inputs(
            socket=hardware.proximity is not None,
            locked=hardware.lock.locked() if hardware.lock else None,
        )
        self._lock_driven = None
        self._slow = 0
        self._signals = ()  # the tuples seen last and their masks: converted again only when they change
        self._signals_mask = 0
        self._station = ()
        self._station_mask = 0
        self._reported = 0
        self._hot = 0
        self._latched = 0
        self._faults_mask = 0
        self._acknowledged = Timer()
        self._acknowledging = False
        self._rating_da = None
        self._winner = self.limits.winner()
        self.permitted = False
        self.pilot = "A"
        self.plugged = False
        self.cable = False
        self.asking = False
        self.energised = False
        self.offered_da = 0
        self.limit_name, self.limit_da = self._winner
        self.faults = ()
        self.locked = self._inputs.locked
        self.duty_e4 = PAUSE_E4
        self.high_mv = 12000
        self.low_mv = 12000
        hardware.pilot.set_duty(PAUSE_E4)

    def permit(self, permitted: bool) -> None:
        """The station gives or withdraws energy. Withdrawal asks the car first (duty 100 %); the contactor
        opens when it stops, or after 6 s under load."""
        if permitted and not self.permitted:
            # Given anew, also within the step in which `unlock` was asked for.
            self._outlet.lock()
        self.permitted = bool(permitted)

    def hold_lock(self, hold: bool) -> None:
        """Keep the cable locked although the car's side is unplugged
        (UnlockConnectorOnEVSideDisconnect=false)."""
        self._inputs.hold_lock = bool(hold)

    def unlock(self) -> None:
        """Release the cable, after charging was stopped and the contactor has opened; the result shows in
        `locked` (a lock that does not move: ConnectorLockFailure after 2 s). It stays released until it is
        unplugged or permission is given anew. Without a lock nothing happens."""
        if self.has_lock:
            self._outlet.unlock()

    def lock(self) -> None:
        """Lock the plug again after `unlock`: somebody is about to charge with it. Shows in `locked`, or as
        ConnectorLockFailure within 2 s."""
        self._outlet.lock()

    def report(self, name: str, present: bool) -> None:
        """A fault of the catalogue that others find (a silent meter, over-current by the meter) is there or
        gone."""
        if present:
            self._reported |= faults.bit(name)
        else:
            self._reported &= ~faults.bit(name)

    def acknowledge(self) -> None:
        """A technician acknowledges the latched faults: each goes when its cause goes within the next 2 s."""
        self._acknowledged.reset()
        self._acknowledging = True

    def emergency_open(self) -> None:
        """Open now and take the offer back, whatever the outlet thinks: the last act before the controller
        restarts."""
        self.permitted = False
        self._guard.ask(False)
        self.duty_e4 = PAUSE_E4
        self.offered_da = 0
        self.hardware.pilot.set_duty(PAUSE_E4)

    def step(self, now: int) -> bool:
        """Every 20 ms; True when anything visible has changed."""
        hardware = self.hardware
        guard = self._guard
        inputs = self._inputs
        self.high_mv, self.low_mv = hardware.pilot.read()
        guard.sample(now, self.high_mv, self.low_mv, is_pwm(self.duty_e4))

        inputs.letter = guard.letter
        inputs.diode = guard.diode
        inputs.driven = guard.closed
        inputs.closed = hardware.contactor.closed()
        inputs.permitted = self.permitted
        inputs.limit_da = self.limits.winner()[1]
        if self.has_lock:
            inputs.locked = hardware.lock.locked()
        if inputs.socket:
            inputs.rating_da = rating_da(hardware.proximity.resistance_ohm())
        present = self._present(hardware)
        inputs.blocked = ((present | self._latched) & faults.BLOCKING_MASK) != 0
        out = self._outlet.step(now, inputs)

        guard.ask(out.close)
        changed = False
        if out.duty_e4 != self.duty_e4:
            self.duty_e4 = out.duty_e4
            hardware.pilot.set_duty(out.duty_e4)
            self.offered_da = current_da(out.duty_e4)
            changed = True
        if self.has_lock and (out.lock != self._lock_driven or out.relock):
            self._lock_driven = out.lock
            hardware.lock.drive(out.lock)
        if inputs.socket and out.rating_da != self._rating_da:
            self._rating_da = out.rating_da
            if out.rating_da is None:
                self.limits.drop("cable")
            else:
                self.limits.put("cable", out.rating_da)
        changed = self._remember_faults(now, present | out.faults) or changed
        return self._show(inputs, out) or changed

    def _present(self, hardware):
        """The mask of what protective devices, the temperature and others report now."""
        signals = hardware.fault_signals()
        if signals is not self._signals:
            self._signals = signals
            self._signals_mask = faults.mask(signals)
        if self._station_signals:
            signals = self._station_signals()
            if signals is not self._station:
                self._station = signals
                self._station_mask = faults.mask(signals) & faults.BLOCKING_MASK
        self._slow += 1
        if self._slow >= _SLOW_STEPS:
            self._slow = 0
            if hardware.temperature:
                celsius_d = hardware.temperature.celsius_d()
                if celsius_d is not None and celsius_d > (_COOL_DC if self._hot else _HOT_DC):
                    self._hot = _OVER_TEMPERATURE
                else:
                    self._hot = 0
        return self._signals_mask | self._station_mask | self._reported | self._hot

    def _remember_faults(self, now, present):
        self._latched |= present & faults.LATCHING_MASK
        if self._acknowledging:
            self._latched &= present
            self._acknowledged.start(now)
            if self._acknowledged.over(now, _ACKNOWLEDGE_MS):
                self._acknowledging = False
        mask = present | self._latched
        if mask == self._faults_mask:
            return False
        self._faults_mask = mask
        self.faults = faults.listed(mask)
        return True

    def _show(self, inputs, out):
        """Take over what is visible; True when something differs. `energised` and `locked` are what the parts
        say."""
        changed = False
        letter = inputs.letter
        if letter != self.pilot:
            self.pilot = letter
            self.asking = letter == "C" or letter == "D"
            changed = True
        if out.plugged != self.plugged or out.cable != self.cable or out.locked != self.locked:
            self.plugged = out.plugged
            self.cable = out.cable
            self.locked = out.locked
            changed = True
        if inputs.closed != self.energised:
            self.energised = inputs.closed
            changed = True
        winner = self.limits.winner()
        if winner is not self._winner:
            self._winner = winner
            self.limit_name, self.limit_da = winner
            changed = True
        return changed
