# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""State machine of one connector (IEC 61851-1 mode 3): what the debounced pilot, the lock, the cable and the
station's permission mean for the duty, the lock and the wish to close the contactor. Pure: `step(now,
inputs)` -> `Outputs`.

It holds no picture of its own of where the session stands: every output follows from the inputs of this step
and a few running timers. So no sequence of inputs can wedge it.
"""

from evse import faults
from evse.guard import DIODE_BAD, DIODE_OK
from evse.pilot import MIN_DA, PAUSE_E4, duty_e4
from hal.ticks import ticks_diff

_DUTY_MS = 5000  # between two changes of the offer: the car follows within 5 s (table A.6)
_LOAD_MS = 6000  # a car that does not stop after the pause is cut off under load (sequence 10.2)
_FEEDBACK_MS = 150  # the contactor's own travel is 20..100 ms; a weld must be known within 200 ms
_PULL_IN_MS = 500
_LOCK_MS = 2000  # motor locks travel 0.3..1 s, some twice
_PROXIMITY_MS = 500
_BOOT_MS = 300
_SETTLE_SAMPLES = 3  # a bouncing switch of the lock, a wet contact of the proximity pin

_WELDED = faults.bit("ContactorWelded")
_STUCK_OPEN = faults.bit("ContactorStuckOpen")
_LOCK = faults.bit("ConnectorLockFailure")
_DIODE = faults.bit("DiodeFault")
_PILOT = faults.bit("PilotFault")
_PROXIMITY = faults.bit("ProximityFault")
_VENTILATION = faults.bit("VentilationRequired")


class Timer:
    """Runs from `start` until `reset`. `over` stays right however long it runs: ticks are compared only until
    then."""

    __slots__ = ("running", "_since", "_over")

    def __init__(self):
        self.running = False
        self._since = 0
        self._over = False

    def start(self, now: int) -> None:
        """Start unless it runs."""
        if not self.running:
            self.running = True
            self._since = now
            self._over = False

    def reset(self) -> None:
        self.running = False

    def over(self, now: int, after_ms: int) -> bool:
        """It runs since `after_ms` or longer; to be asked at every step with the same `after_ms`."""
        if self.running and not self._over and ticks_diff(now, self._since) >= after_ms:
            self._over = True
        return self.running and self._over


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
    blocked     a fault that others found forbids energy
    """

    __slots__ = (
        "letter",
        "diode",
        "driven",
        "closed",
        "locked",
        "socket",
        "rating_da",
        "limit_da",
        "permitted",
        "hold_lock",
        "blocked",
    )

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
        self.blocked = False


class Outputs:
    """What is to be done: duty_e4, close (ask the guard), lock (True/False; None without a lock), relock
    (move the lock again although the wish is the same), and what is seen: plugged, cable, locked and
    rating_da (both settled), faults (a mask)."""

    __slots__ = ("duty_e4", "close", "lock", "relock", "plugged", "cable", "locked", "rating_da", "faults")

    def __init__(self):
        self.duty_e4 = PAUSE_E4
        self.close = False
        self.lock: bool | None = None
        self.relock = False
        self.plugged = False
        self.cable = False
        self.locked: bool | None = None
        self.rating_da: int | None = None
        self.faults = 0


class Outlet:
    __slots__ = (
        "_out",
        "_ventilation",
        "_duty_timer",
        "_load_timer",
        "_feedback_timer",
        "_pull_in_timer",
        "_proximity_timer",
        "_boot_timer",
        "_lock_timer",
        "_unlock",
        "_was_permitted",
        "_sticky",
        "_rating_count",
        "_lock_count",
    )

    def __init__(self, ventilation=False):
        self._out = Outputs()
        self._ventilation = ventilation
        self._duty_timer = Timer()  # since the last change of the offer
        self._load_timer = Timer()  # since the car was asked to stop
        self._feedback_timer = Timer()  # since the contactor should have opened
        self._pull_in_timer = Timer()  # since it should have closed
        self._proximity_timer = Timer()  # since the plug's resistor makes no sense
        self._boot_timer = Timer()
        self._lock_timer = Timer()  # since the lock does not follow
        self._unlock = False
        self._was_permitted = False
        self._sticky = 0  # faults of this car: they stay until it is unplugged
        self._rating_count = 0
        self._lock_count = 0

    def unlock(self) -> None:
        """Stop, then release the cable, and leave it released until it is unplugged or charging is permitted
        anew."""
        self._unlock = True
        self._was_permitted = True  # only what is given after this counts as anew

    def lock(self) -> None:
        """Take `unlock` back: somebody is about to charge with the plug that is in the socket."""
        self._unlock = False

    def step(self, now: int, inputs: Inputs) -> Outputs:
        """One pass; the same `Outputs` object every time."""
        out = self._out
        letter = inputs.letter
        self._settle(inputs)
        if letter == "A":
            out.plugged = False
            self._sticky = 0
        elif letter != "E" and letter != "F":  # with a shorted pilot nobody knows: keep what was known
            out.plugged = True
        out.cable = out.plugged if not inputs.socket else out.rating_da is not None

        if inputs.permitted and not self._was_permitted:
            self._unlock = False
        self._was_permitted = inputs.permitted
        if self._unlock and not (out.plugged or out.cable):
            self._unlock = False

        self._move_lock(now, inputs)
        self._find_faults(now, inputs)
        self._offer(now, inputs)
        return out

    def _settle(self, inputs):
        """The cable's rating and the lock's feedback need three equal samples in a row."""
        out = self._out
        if inputs.rating_da == out.rating_da:
            self._rating_count = 0
        else:
            self._rating_count += 1
            if self._rating_count >= _SETTLE_SAMPLES:
                out.rating_da = inputs.rating_da
                self._rating_count = 0
        if inputs.locked == out.locked or out.locked is None:
            out.locked = inputs.locked
            self._lock_count = 0
        else:
            self._lock_count += 1
            if self._lock_count >= _SETTLE_SAMPLES:
                out.locked = inputs.locked
                self._lock_count = 0

    def _move_lock(self, now, inputs):
        out = self._out
        out.relock = False
        if inputs.locked is None:
            out.lock = None
            return
        self._boot_timer.start(now)
        if not self._boot_timer.over(now, _BOOT_MS):
            # The pilot is not known yet: a bolt that held a cable before the restart stays where it is.
            wanted = bool(inputs.locked)
        elif not out.cable:
            wanted = False
        elif out.plugged:
            wanted = not self._unlock
        else:
            wanted = bool(out.lock) and inputs.hold_lock and not self._unlock
        # The plug leaves no socket under load: released with the contactor open, by its feedback.
        if out.lock and not wanted and (inputs.driven or inputs.closed):
            wanted = True
        if wanted != out.lock:
            self._lock_timer.reset()
        out.lock = wanted
        if out.locked == wanted:
            self._lock_timer.reset()
        else:
            if self._lock_timer.over(now, _LOCK_MS):
                # Keep trying: the driver jiggles the plug and the bolt goes home.
                out.relock = True
                self._lock_timer.reset()
                out.faults |= _LOCK
            self._lock_timer.start(now)

    def _find_faults(self, now, inputs):
        out = self._out
        letter = inputs.letter
        found = out.faults & _LOCK
        if out.locked == out.lock:
            found = 0
        if inputs.driven or not inputs.closed:
            self._feedback_timer.reset()
        else:
            self._feedback_timer.start(now)
            if self._feedback_timer.over(now, _FEEDBACK_MS):
                found |= _WELDED
        if not inputs.driven or inputs.closed:
            self._pull_in_timer.reset()
        else:
            self._pull_in_timer.start(now)
            if self._pull_in_timer.over(now, _PULL_IN_MS):
                found |= _STUCK_OPEN
        if letter == "E" or letter == "F":
            found |= _PILOT
        elif letter == "D" and not self._ventilation:
            self._sticky |= _VENTILATION
        if inputs.diode == DIODE_BAD:
            self._sticky |= _DIODE
        # Pulling the plug takes the proximity contact away up to 100 ms before the pilot is believed: no
        # fault yet.
        if inputs.socket and (out.rating_da == 0 or (out.rating_da is None and out.plugged)):
            self._proximity_timer.start(now)
            if self._proximity_timer.over(now, _PROXIMITY_MS):
                found |= _PROXIMITY
        else:
            self._proximity_timer.reset()
        out.faults = found | self._sticky

    def _offer(self, now, inputs):
        out = self._out
        letter = inputs.letter
        forbidden = inputs.blocked or (out.faults & faults.BLOCKING_MASK) != 0
        # A lock that opens, a proximity contact that goes: a plug on its way out.
        held = inputs.locked is None or bool(out.lock and out.locked)
        limit_da = inputs.limit_da
        if inputs.socket:
            if not out.rating_da:
                held = False
            elif out.rating_da < limit_da:
                limit_da = out.rating_da
        offering = (
            out.plugged
            and inputs.permitted
            and not self._unlock
            and limit_da >= MIN_DA
            and held
            and not forbidden
        )

        duty = duty_e4(limit_da) if offering else PAUSE_E4
        settled = self._duty_timer.over(now, _DUTY_MS)
        # A pause and its end may come at any time; between two offers 5 s pass.
        if duty != out.duty_e4 and (duty == PAUSE_E4 or out.duty_e4 == PAUSE_E4 or settled):
            out.duty_e4 = duty
            self._duty_timer.reset()
        self._duty_timer.start(now)

        charging = letter == "C" or (letter == "D" and self._ventilation)
        if not inputs.driven:
            self._load_timer.reset()
            # Weld check: the feedback shows open before anything closes.
            out.close = (
                offering
                and charging
                and inputs.diode == DIODE_OK
                and not inputs.closed
                and out.duty_e4 != PAUSE_E4
            )
        elif forbidden or not held:
            out.close = False
        elif offering:
            self._load_timer.reset()
            out.close = True
        else:
            # The car is asked first (duty 100 %), and cut off only when it does not listen.
            self._load_timer.start(now)
            if self._load_timer.over(now, _LOAD_MS):
                out.close = False
