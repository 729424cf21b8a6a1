# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One connector's supply equipment: its hardware, the outlet machine, the guard, the limits and the faults.

All that the station sees of the car's side. Nothing here knows of OCPP.
"""

from evse import faults, wake_up
from evse.guard import Guard
from evse.limits import Limits
from evse.outlet import Inputs, Outlet
from evse.pilot import MIN_DA, PAUSE_E4, current_da, state_name
from evse.proximity import rating_da
from evse.rcd import SelfTest
from evse.sources import Sources
from evse.timer import Stopwatch, Timer

# an acknowledgement waits so long for the cause to go (the feedback of a freed contactor)
_ACKNOWLEDGE_MS = 2000
# 0.8 s: a car that is there at the start is seen by then, in C after half a second.
_FIRST_LOOKS = 40

_RCD_SELF_TEST = faults.bit("RcdSelfTest")
_PHASE_SWITCH = faults.bit("PhaseSwitchFailure")


class Supply:
    """What the station reads (all plain attributes, right after each `step`):

    number          1..
    pilot           debounced 'A'..'F'
    plugged         a car is connected
    cable           a plug is in our socket; with a fixed cable the same as `plugged`
    asking          the car is in C or D
    energised       the contactor is closed, by its feedback
    live            ... or told to be closed
    offered_da      what the pilot offers now, deci-ampere; 0: paused or not offering
    offering        the car may have current, whatever the pilot shows now (a wake-up hides the offer)
    limit_name, limit_da   the lowest limit
    faults          tuple of catalogue names, worst first, station-wide ones that block energy included
    latched         mask of those that stay until they are acknowledged, over a power cut too
    has_lock, locked       `locked` is the feedback, None without a lock
    permitted       what the station said last
    phases          1 or 3 that are connected now where a board has a switch for L2 and L3, else None
    untested        the RCD has no test input: nobody knows whether it would trip
    duty_e4, high_mv, low_mv   the pilot as commanded and as measured
    guard           of `evse.guard`: `evse.ticker` has to call its `tick`
    trial           of `evse.part_tests`, while an installer tries the parts: no car has anything meanwhile
    """

    trial = None

    def __init__(self, hardware, ratings, station_signals=None):
        """`hardware`: a `hal.contract.ConnectorHardware`; `ratings`: (`station.description.Connector`) has
        rated_da (deci-ampere), phases (1 or 3), nominal_v, current ("AC" or "DC"), ventilation (bool),
        wake_up (of `evse.wake_up.METHODS`) and phase_wait_ms (of a change between one phase and three);
        `station_signals`: gives the names of station-wide faults (`Board.fault_signals`)."""
        self.hardware = hardware
        self.number = hardware.number
        self.limits = Limits()
        # A switch for L2 and L3 where only one phase is connected: they stay off, and are not counted.
        self.limits.put("board", ratings.rated_da, ratings.phases)
        self.has_lock = hardware.lock is not None
        self.guard = Guard(hardware, ratings.ventilation)
        wake = ratings.wake_up
        if wake == wake_up.SWITCH and hardware.pilot_switch is None:
            wake = wake_up.STATE_F
        self._outlet = Outlet(ratings.ventilation, hardware.contactor.has_feedback, wake)
        self._inputs = Inputs(
            socket=hardware.proximity is not None,
            locked=hardware.lock.locked() if hardware.lock else None,
        )
        rcd = hardware.rcd
        self.untested = rcd is not None and not rcd.testable
        self._self_test = None if rcd is None or self.untested else SelfTest(rcd.sequence)
        switch = hardware.phase_switch
        self._phases = None
        self.phases = None
        if switch is not None:
            from evse.phases import PhaseChange  # few boards have one

            # It stays where it is, also when its coil has lost its voltage a moment ago.
            three = switch.three()
            self._phases = PhaseChange(three, ratings.phase_wait_ms)
            self.phases = 3 if three else 1
            switch.drive(three)
        # This car has had energy. Of one that is there at the start nobody knows, nor with how many phases.
        self._charged = True
        self._first_looks = _FIRST_LOOKS
        self._sources = Sources(hardware, ratings, station_signals, self.guard, self.limits)
        self._watch = Stopwatch()
        self._lock_driven = None
        self._apart = False
        self.latched = 0
        self._faults_mask = 0
        self._departures = self.guard.departures
        self._spikes = self._noise()
        self._openings = self.guard.openings  # as far as a look has seen them
        self._was_driven = False
        self._shut = False  # what we asked for has opened it
        self._acknowledged = Timer()
        self._acknowledging = False
        self._to_clear = 0  # what was latched when it was acknowledged
        self._found = 0  # all faults of the last step, but for those that are only latched
        self._sticky = 0  # of this car: they stay until it is unplugged
        self._least_da = 0  # the lowest offer since the last reading
        self._rating_da = None
        self._winner = self.limits.winner()
        self.permitted = False
        self.pilot = "A"
        self.plugged = False
        self.cable = False
        self.asking = False
        self.energised = False
        self.offered_da = 0
        self.offering = False
        self.limit_name, self.limit_da = self._winner
        self.faults = ()
        self.locked = self._inputs.locked
        self.duty_e4 = PAUSE_E4
        self.high_mv = 12000
        self.low_mv = 12000
        self.guard.set_duty(PAUSE_E4)

    @property
    def live(self) -> bool:
        """The contactor is closed, or told to be: its feedback comes up to 100 ms later, and the next look
        may be a stall away."""
        return self.energised or self.guard.closed

    @property
    def state(self) -> str:
        """The state as the standard names it: A1, B2, C2, E, ..."""
        return state_name(self.pilot, self.duty_e4)

    @property
    def rcd_test(self):
        """`evse.rcd.SelfTest`; None: there is nothing to be tested."""
        return self._self_test

    @property
    def switching(self) -> bool:
        """The phases are being switched."""
        return self._phases is not None and self._phases.hold

    def permit(self, permitted: bool) -> None:
        """The station gives or withdraws energy. Withdrawal asks the car first (duty 100 %); the contactor
        opens when it stops, or after 6 s under load."""
        if permitted and not self.permitted:
            # Given anew, also within the step in which `unlock` was asked for.
            self._outlet.lock()
        self.permitted = bool(permitted)
        if not permitted and not self.guard.closed:
            # A wish that still stands would close it after this, and the car be asked only then.
            self._ask(False, 0)

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
        """A fault of the catalogue that others find (a silent meter, a failing supply) is there or
        gone."""
        self._sources.report(name, present)

    def metered(self, now: int, reading) -> None:
        """A `hal.reading.Reading` of now, None: the meter was silent. Over-current and the mains' voltage are
        found with it."""
        self._sources.metered(now, reading, self._least_da, self.offered_da)
        if reading is not None:
            self._least_da = self.offered_da

    def restore(self, latched: int) -> None:
        """Latched faults of before the restart (a mask)."""
        self.latched |= latched & faults.LATCHING_MASK

    def acknowledge(self) -> None:
        """A technician acknowledges the latched faults: each goes when its cause goes within the next 2 s.
        One that comes in these 2 s, for the first time or anew, is another: it latches."""
        self._acknowledged.reset()
        self._acknowledging = True
        self._to_clear = self.latched

    def emergency_open(self) -> None:
        """Open now and take the offer back, whatever the outlet thinks: the last act before the controller
        restarts."""
        self.permitted = False
        self.trial = None
        self._ask(False, 0)
        self.duty_e4 = PAUSE_E4
        self.offered_da = 0
        self.guard.set_duty(PAUSE_E4)

    def step(self, now: int) -> bool:
        """Every 20 ms; True when anything visible has changed."""
        hardware = self.hardware
        guard = self.guard
        inputs = self._inputs
        # First of all: what the guard does from here on makes the wish to close void.
        openings = guard.openings
        dt_ms = self._watch.lap(now)
        self.high_mv = guard.high_mv
        self.low_mv = guard.low_mv

        # `closed` first: the interrupt writes a cause and its opening together. When it comes in between, the
        # outlet sees the cause under load, and the opening a step later. The other way round it would see C
        # that nobody has opened, and the cause without its load.
        driven = guard.closed
        missed = self._missed(driven)
        inputs.driven = driven or missed
        if driven and not self._was_driven:
            self._spikes = self._noise()  # a spike opens: this one was before
        inputs.spiked = self._noise() != self._spikes
        if not inputs.driven:
            self._spikes = self._noise()
        self._was_driven = driven
        inputs.letter = guard.letter
        inputs.diode = guard.diode
        inputs.closed = hardware.contactor.closed()
        inputs.permitted = self.permitted
        if self.has_lock:
            inputs.locked = hardware.lock.locked()
        if inputs.socket:
            inputs.rating_da = rating_da(hardware.proximity.resistance_ohm(), inputs.rating_da)
        if guard.departures != self._departures:
            # The car has gone and another may be there already, while nobody looked here.
            self._departures = guard.departures
            if not self._apart:
                inputs.letter = "A"
        present = self._present()
        self._test_rcd(dt_ms, inputs)
        self._change_phases(dt_ms, inputs)
        inputs.faults = present | self.latched
        inputs.limit_da = self.limits.winner()[1]  # the temperature's is of this step
        out = self._outlet.step(now, inputs)

        trial = self.trial
        if trial is None:
            self._ask(out.close and not missed, openings)
        else:
            # Of the moment when it began: what the guard has opened since stays open.
            self._ask(trial.close and not inputs.faults & faults.BLOCKING_MASK, trial.openings)
        changed = self._drive(out, inputs)
        changed = self._remember_faults(now, present | out.faults) or changed
        return self._show(inputs, out) or changed

    def _ask(self, close, openings):
        self._shut = self.guard.ask(close, openings) or self._shut

    def _noise(self):
        """How often the guard has opened for what a closing itself may bring about."""
        return self.guard.spikes + self.guard.lapses

    def _missed(self, driven):
        """It was closed and opened again between two looks: then one step shows it as closed, and the next
        one as opened. Else nothing would ask for a rest, and noise that comes with every closing have it
        close 50 times a second.
        """
        openings = self.guard.openings
        missed = not (driven or self._was_driven) and (self._shut or openings != self._openings)
        self._openings = openings
        self._shut = False
        if missed and self._self_test is not None:
            self._self_test.due()
        return missed

    def _drive(self, out, inputs):
        """What the outlet wants, as far as it is new. True: the offer is another."""
        hardware = self.hardware
        changed = False
        trial = self.trial
        duty_e4 = out.duty_e4 if trial is None else trial.duty_e4
        if duty_e4 != self.duty_e4:
            self.duty_e4 = duty_e4
            self.guard.set_duty(duty_e4)
            offered_da = current_da(duty_e4)
            changed = offered_da != self.offered_da
            self.offered_da = offered_da
            self._least_da = min(self._least_da, offered_da)
        apart = out.apart and trial is None  # who tries the parts has to see a car that comes
        if apart != self._apart:
            self._apart = apart
            if hardware.pilot_switch is not None:
                hardware.pilot_switch.disconnect(apart)
        if self.has_lock and (out.lock != self._lock_driven or out.relock):
            self._lock_driven = out.lock
            hardware.lock.drive(out.lock)
        if inputs.socket and out.rating_da != self._rating_da:
            self._rating_da = out.rating_da
            if out.rating_da is None:
                self.limits.drop("cable")
            else:
                self.limits.put("cable", out.rating_da)
        return changed

    def _test_rcd(self, dt_ms, inputs):
        test = self._self_test
        if test is None:
            return
        was_testing = test.testing
        was_busy = test.busy
        guard = self.guard
        rcd = self.hardware.rcd
        free = not (inputs.driven or inputs.closed or self._outlet.closing)
        test.step(dt_ms, free, guard.tripped, rcd.sequence and rcd.answered())
        # The test that a car's coming makes due begins a step after the car was seen.
        inputs.tested = test.ready and not test.busy and self.plugged
        # The guard has to know before, and for as long as the monitor takes to come to rest.
        if test.busy != was_busy:
            guard.test(test.busy)
        if test.testing != was_testing:
            rcd.test(test.testing)

    def _change_phases(self, dt_ms, inputs):
        phases = self._phases
        if self.trial is not None:
            # Neither an offer nor a closing, and what the pilot shows is nobody's.
            inputs.hold = inputs.apart = True
            return
        if phases is None:
            inputs.hold = inputs.apart = False
            return
        switch = self.hardware.phase_switch
        main_open = not (inputs.driven or inputs.closed or self._outlet.closing)
        if self._first_looks:
            self._first_looks -= 1
            main_open = False
        else:
            self._charged = self.plugged and (self._charged or inputs.driven)
        # A pause (0 A, 0 W) is no reason to move it, and would cost the wait when it is over.
        if self.limits.winner()[1] >= MIN_DA:
            phases.want(self.limits.three)
        phases.step(dt_ms, main_open, switch.three(), self._charged)
        inputs.hold = phases.hold
        inputs.apart = phases.apart and self.hardware.pilot_switch is not None
        if phases.three != (self.phases == 3):
            self.phases = 3 if phases.three else 1
            switch.drive(phases.three)

    def _present(self):
        test = self._self_test
        present = self._sources.present(test is not None and test.busy)
        if test is not None:
            if self._acknowledging:
                test.forget()
            if test.failed:
                present |= _RCD_SELF_TEST
        if self._phases is not None and self._phases.failed:
            present |= _PHASE_SWITCH
        # Whoever finds it: what a car has done amiss is the car's. (The outlet keeps what it finds itself.)
        self._sticky = (self._sticky | present) & faults.STICKY_MASK if self.plugged else 0
        return present | self._sticky

    def _remember_faults(self, now, present):
        self.latched |= present & faults.LATCHING_MASK
        if self._acknowledging:
            # Nobody has looked at what has come since.
            self._to_clear &= self._found | ~present
            self.latched &= present | ~self._to_clear
            self._acknowledged.start(now)
            if self._acknowledged.over(now, _ACKNOWLEDGE_MS):
                self._acknowledging = False
        self._found = present
        mask = present | self.latched
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
        # The pilot taken off the line shows A: nobody has left.
        if letter != self.pilot and not (out.blind and letter == "A"):
            self.pilot = letter
            self.asking = letter == "C" or letter == "D"
            changed = True
        if out.plugged != self.plugged:
            self._sources.forget_car()
            if out.plugged and self._self_test is not None:
                self._self_test.due()
        if out.plugged != self.plugged or out.cable != self.cable or out.locked != self.locked:
            self.plugged = out.plugged
            self.cable = out.cable
            self.locked = out.locked
            changed = True
        if inputs.closed != self.energised:
            self.energised = inputs.closed
            if not inputs.closed and self._self_test is not None:
                self._self_test.due()
            changed = True
        self.offering = out.offering
        winner = self.limits.winner()
        if winner is not self._winner:
            self._winner = winner
            self.limit_name, self.limit_da = winner
            changed = True
        return changed
