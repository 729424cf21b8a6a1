# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""State machine of one connector (IEC 61851-1 mode 3): what the debounced pilot, the lock, the cable and the
station's permission mean for the duty, the lock and the wish to close the contactor. Pure: `step(now,
inputs)` -> `Outputs`.

It holds no picture of its own of where the session stands: every output follows from the inputs of this step
and a few running times. So no sequence of inputs can wedge it. What belongs to one subject has a room of its
own: `contactor`, `lock`, `offer`, `wake_up`; here it comes together.
"""

from evse import faults, wake_up
from evse.contactor import Contactor
from evse.guard import DIODE_BAD, DIODE_OK
from evse.lock import LockRule
from evse.offer import Offer
from evse.pilot import FAULT_E4, MIN_DA, PAUSE_E4, is_pwm
from evse.seen import UNSEEN, seen
from evse.timer import LONG_AGO_MS, Stopwatch, longer

# All times but that of the proximity contact are of what the pilot is told to show. It goes on showing it
# while the main loop is away, so they count in full, from the step that tells it: no sooner over for a stall
# before it, no later for one after it.
_LOAD_MS = 6000  # a car that does not stop after the pause is cut off under load (sequence 10.2)
# It has 3 s for it (sequence 10.1). One that takes longer is deaf: an offer that comes back for a moment (a
# limit that swings around 6 A) gives it no new 6 s, but one that has stood for 5 s does.
_DEAF_MS = 3000
_STOOD_MS = 5000
_PROXIMITY_MS = 500  # seen for so long (`evse.seen`)
_SETTLE_SAMPLES = 3  # a wet contact of the proximity pin
_FAULT_F_MS = 400  # state F after a fault in C: 300 ms at least (table A.5)
# With state F, and with the pilot off the line, the car cannot be seen. So long after it it is seen again:
# a car that is in C at once is believed after half a second.
_BLIND_MS = 700
# A car that is in C before it was offered anything, most likely after a power cut, gets the 3 s of sequence
# 10.1 to see that there is no offer and to open S2. One that stays in C has no S2 (simplified pilot).
_ARRIVE_MS = 3000
# After a short of the pilot, or samples that made no sense, under load. WARP waits 30 s as well; a car that
# is unplugged and plugged in again does not wait.
_BAR_MS = 30000
# What was wrong when the guard opened is known up to 100 ms later: a letter needs that long.
_LOADED_MS = 300

_DIODE = faults.bit("DiodeFault")
_PILOT = faults.bit("PilotFault")
_PROXIMITY = faults.bit("ProximityFault")
_VENTILATION = faults.bit("VentilationRequired")
_POWER_LOSS = faults.bit("PowerLoss")


class Inputs:
    """What the outlet has to know at this moment.

    letter      debounced pilot 'A'..'F'
    diode       DIODE_UNKNOWN, DIODE_OK, DIODE_BAD of evse.guard
    driven      the guard has the contactor closed
    closed      the contactor's feedback
    locked      feedback of the lock; None: no lock
    socket      the cable is plugged into our socket (else: fixed)
    rating_da   of the cable in the socket; None: no plug in it; 0: coding error
    limit_da    lowest of all limits
    permitted   the station lets energy flow
    hold_lock   the station wants the cable kept although the car's side was unplugged
    faults      mask of what others found, latched ones included
    tested      the RCD has passed its self-test
    hold        the phases are being switched: neither offer nor close
    apart       ... with the pilot off the line
    spiked      the guard has opened for what it did not read a second time, or for a pass that came late
    """

    __slots__ = (
        "letter", "diode", "driven", "closed", "locked", "socket", "rating_da", "limit_da", "permitted",
        "hold_lock", "faults", "tested", "hold", "apart", "spiked",
    )  # fmt: skip

    def __init__(self, socket=False, locked=None):
        self.letter = "A"
        self.diode = 0
        self.driven = False
        self.closed = False
        self.locked: bool | None = locked
        self.socket = socket
        self.rating_da: int | None = None
        self.limit_da = 0
        self.permitted = False
        self.hold_lock = False
        self.faults = 0
        self.tested = True
        self.hold = False
        self.apart = False
        self.spiked = False


class Outputs:
    """What is to be done: duty_e4, apart (pilot off the line), close (ask the guard), lock (True/False; None
    without a lock), relock (move the lock again although the wish is the same), and what is seen: blind (the
    pilot tells nothing of the car now), plugged, cable, locked and rating_da (both settled), faults (a mask),
    offering (the car may have current: it is offered, or woken up to see the offer).
    """

    __slots__ = (
        "duty_e4", "apart", "close", "lock", "relock", "blind", "plugged", "cable", "locked", "rating_da",
        "faults", "offering",
    )  # fmt: skip

    def __init__(self):
        self.duty_e4 = PAUSE_E4
        self.apart = False
        self.close = False
        self.lock: bool | None = None
        self.relock = False
        self.blind = False
        self.plugged = False
        self.cable = False
        self.locked: bool | None = None
        self.rating_da: int | None = None
        self.faults = 0
        self.offering = False


class Outlet:
    __slots__ = (
        "_out", "_ventilation", "_watch", "_contactor", "_lock", "_offer", "_wake",
        "_sticky", "_rating_count", "_blind_ms", "_proximity_ms", "_asked", "_load_ms", "_stood_ms",
        "_arrive_ms", "_bar_ms", "_f_ms", "_open_ms", "_cut_off", "_let_go",
    )  # fmt: skip

    def __init__(self, ventilation=False, has_feedback=True, wake="none"):
        self._out = Outputs()
        self._ventilation = ventilation
        self._watch = Stopwatch()
        self._contactor = Contactor(has_feedback)
        self._lock = LockRule()
        self._offer = Offer()
        self._wake = wake_up.WakeUp(wake)
        self._sticky = 0  # faults of this car: they stay until it is unplugged
        self._rating_count = 0
        self._blind_ms = LONG_AGO_MS  # since the pilot was F or off the line
        self._proximity_ms = UNSEEN  # since the plug's resistor makes no sense
        self._asked = False  # the contactor is closed, and the car asked to stop
        self._load_ms = 0  # so long
        self._stood_ms = 0  # the offer that came back after that
        self._arrive_ms = 0  # of C without an offer; `_ARRIVE_MS`: the car was in B, or has had its time
        self._bar_ms = 0  # nothing is offered for so long
        self._f_ms = LONG_AGO_MS  # since a fault opened the contactor
        self._open_ms = _LOADED_MS  # since the contactor was driven, as far as it was seen
        self._cut_off = False  # something dangerous came while it was driven, and may have gone again
        self._let_go = False  # opened for what its own closing may do: to the lock, the plug, the supply

    @property
    def closing(self) -> bool:
        """It asked for the contactor to be closed, when it was stepped last."""
        return self._out.close

    def unlock(self) -> None:
        """Stop, then release the cable, and leave it released until it is unplugged or charging is permitted
        anew."""
        self._lock.unlock()

    def lock(self) -> None:
        """Take `unlock` back: somebody is about to charge with the plug that is in the socket."""
        self._lock.lock()

    def step(self, now: int, inputs: Inputs) -> Outputs:
        """One pass; the same `Outputs` object every time."""
        out = self._out
        dt_ms = self._watch.lap(now)
        self._settle(inputs)
        self._see(dt_ms, inputs)
        lock = self._lock
        lock.permit(inputs.permitted, out.plugged or out.cable)
        live = inputs.driven or inputs.closed
        # A wake-up that a stall makes longer than 5 s frees no plug.
        in_f = out.duty_e4 == FAULT_E4 and self._wake.action != wake_up.F
        lock.step(dt_ms, inputs.locked, out.plugged, out.cable, inputs.hold_lock, live, in_f)
        out.lock = lock.wanted
        out.relock = lock.again
        asked = self._asked or not out.plugged
        # Of the openings that nobody asked for only those are the car's that end in B with no danger about.
        alone = not asked and out.close and not inputs.faults & faults.AT_ONCE_MASK
        by_car = alone and inputs.letter == "B"
        noise = self._let_go or (alone and inputs.spiked)
        self._contactor.step(dt_ms, inputs.driven, inputs.closed, asked, by_car, noise)
        self._find_faults(dt_ms, inputs)
        self._decide(dt_ms, inputs)
        return out

    def _settle(self, inputs):
        """The cable's rating needs three equal samples in a row, as the lock's feedback does."""
        out = self._out
        if inputs.rating_da == out.rating_da:
            self._rating_count = 0
        else:
            self._rating_count += 1
            if self._rating_count >= _SETTLE_SAMPLES:
                out.rating_da = inputs.rating_da
                self._rating_count = 0
        self._lock.settle(inputs.locked)
        out.locked = self._lock.locked

    def _see(self, dt_ms, inputs):
        out = self._out
        letter = inputs.letter
        if out.duty_e4 == FAULT_E4 or out.apart or inputs.apart:
            self._blind_ms = 0
        else:
            self._blind_ms = longer(self._blind_ms, dt_ms)
        out.blind = self._blind_ms < _BLIND_MS
        if out.blind:
            # Only the plug in our socket tells that somebody has left.
            if inputs.socket and out.rating_da is None:
                self._forget_car()
        elif letter == "A":
            self._forget_car()
        elif letter != "E" and letter != "F":  # with a shorted pilot nobody knows: keep what was known
            if letter == "B":
                self._arrive_ms = _ARRIVE_MS
            elif out.plugged and out.duty_e4 == PAUSE_E4:
                self._arrive_ms = min(self._arrive_ms + dt_ms, _ARRIVE_MS)
            out.plugged = True
        out.cable = out.plugged if not inputs.socket else out.rating_da is not None

    def _forget_car(self):
        if self._out.plugged:
            self._contactor.forget()
            self._offer.forget()
            self._wake.forget()
        self._out.plugged = False
        self._sticky = 0
        self._arrive_ms = 0
        self._bar_ms = 0

    def _find_faults(self, dt_ms, inputs):
        out = self._out
        letter = inputs.letter
        found = self._lock.failed | self._contactor.faults
        if out.blind:
            found |= out.faults & _PILOT
        elif letter == "E" or letter == "F":
            found |= _PILOT
            if self._open_ms < _LOADED_MS:
                self._bar_ms = _BAR_MS
        elif letter == "D" and not self._ventilation:
            self._sticky |= _VENTILATION
        if inputs.diode == DIODE_BAD:
            self._sticky |= _DIODE
        # Pulling the plug takes the proximity contact away up to 100 ms before the pilot is believed: no
        # fault yet.
        bad = inputs.socket and (out.rating_da == 0 or (out.rating_da is None and out.plugged))
        self._proximity_ms = seen(self._proximity_ms, bad, dt_ms)
        if self._proximity_ms >= _PROXIMITY_MS:
            found |= _PROXIMITY
        if not (found | out.faults) & _PILOT and self._bar_ms:
            self._bar_ms = max(0, self._bar_ms - dt_ms)
        out.faults = found | self._sticky

    def _decide(self, dt_ms, inputs):
        out = self._out
        letter = inputs.letter
        found = inputs.faults | out.faults
        at_once = (found & faults.AT_ONCE_MASK) != 0
        # A lock that opens, a proximity contact that goes: a plug on its way out.
        held = inputs.locked is None or bool(out.lock and out.locked)
        limit_da = inputs.limit_da
        if inputs.socket:
            if not out.rating_da:
                held = False
            elif out.rating_da < limit_da:
                limit_da = out.rating_da
        contactor = self._contactor
        offering = (
            out.plugged
            and inputs.permitted
            and held
            and limit_da >= MIN_DA
            and not found & faults.BLOCKING_MASK
            and not (self._lock.released or inputs.hold or self._bar_ms)
            and self._arrive_ms >= _ARRIVE_MS
        )
        # It is the car that pauses, and is given time for it.
        paused = offering and contactor.resting
        # Tested before an offer and not after it: whoever is offered current has it within 3 s (sequence 4),
        # and the monitor takes up to 2 s for its test.
        if paused or not (inputs.tested or is_pwm(self._offer.duty_e4)):
            offering = False
        charging = not out.blind and (letter == "C" or (letter == "D" and self._ventilation))
        self._set_duty(dt_ms, inputs, offering, limit_da, charging, at_once)
        out.offering = paused or is_pwm(self._offer.duty_e4)

        if not inputs.driven:
            self._asked = self._let_go = False
            self._load_ms = 0
            # Weld check: the feedback shows open before anything closes.
            out.close = (
                offering
                and charging
                and inputs.diode == DIODE_OK
                and inputs.tested
                and contactor.ready
                and is_pwm(out.duty_e4)
            )
        else:
            self._let_go = not held if not at_once else not found & faults.AT_ONCE_MASK & ~_POWER_LOSS
            out.close = self._ask(dt_ms, at_once or not held)

    def _ask(self, dt_ms, danger):
        """It is closed: may it stay so? The car is asked first (duty 100 %), and cut off only when it does
        not listen."""
        if self._asked:  # by the step before
            self._load_ms = longer(self._load_ms, dt_ms)
        else:
            self._stood_ms = longer(self._stood_ms, dt_ms)
        offered = is_pwm(self._out.duty_e4)
        self._asked = not (danger or offered)
        if danger:
            return False
        if not offered:
            self._stood_ms = 0
            return self._load_ms < _LOAD_MS
        if self._load_ms <= _DEAF_MS or self._stood_ms >= _STOOD_MS:
            self._load_ms = 0
        return True

    def _set_duty(self, dt_ms, inputs, offering, limit_da, charging, at_once):
        out = self._out
        wake = self._wake
        if offering and self._contactor.gentle:
            limit_da = MIN_DA
        shown = out.duty_e4 == self._offer.duty_e4
        self._offer.step(dt_ms, limit_da if offering else 0, inputs.letter, inputs.driven, shown)
        sleeps = not inputs.driven and (out.blind or inputs.letter == "B")
        wake.step(dt_ms, offering, sleeps, charging)
        duty = self._offer.duty_e4
        self._f_ms = longer(self._f_ms, dt_ms)
        if inputs.driven:
            self._open_ms = UNSEEN
            self._cut_off = at_once
        elif self._open_ms < _LOADED_MS:
            self._open_ms = seen(self._open_ms, True, dt_ms)
            if (at_once or self._cut_off) and out.plugged:
                self._f_ms = 0
                self._open_ms = _LOADED_MS
        out_of_order = inputs.faults & faults.LATCHING_MASK and inputs.socket and not inputs.closed
        if inputs.driven:
            pass  # asked by a pause only: in F the guard would open under load
        elif self._f_ms < _FAULT_F_MS or (out_of_order and out.plugged):
            # Until a technician comes the station is not available. With a fixed cable nothing but the pilot
            # would show that the car has left, so there it is steady +12 V.
            duty = FAULT_E4
        elif wake.action == wake_up.F:
            duty = FAULT_E4
        elif wake.action == wake_up.X1:
            duty = PAUSE_E4
        out.duty_e4 = duty
        out.apart = inputs.apart or wake.action == wake_up.APART
