# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What is known of the contactor: does it follow, and has it rested before it closes again? Pure."""

from evse import faults
from evse.seen import UNSEEN, seen
from evse.timer import LONG_AGO_MS, longer

# Seen for so long, in three looks at least (`evse.seen`): both latch, and need a technician. The contactor's
# own travel is 20..100 ms; a weld must be known within 200 ms.
_WELD_MS = 150
_PULL_IN_MS = 500

# WARP waits 5 s after a car has left C before it closes again. But a car that leaves C and is back at once
# still has its offer, and then it is to have voltage within 3 s (sequence 4): half of the rest is what this
# leaves. A car that was asked to stop and has stopped does not toggle, nor does one that was unplugged: who
# goes on at once, or comes next, need not wait.
_REST_MS = 2500
_ASKED_REST_MS = 1000
# A charge shorter than this wears the contactor and brings nothing. Tesla in the cold closes and opens S2
# every 5 s (OpenEVSE #130): from the third time on the rest is long, it doubles, and the car is told to wait
# (100 %), so that it is not kept in C.
# A contactor lives for some 100,000 operations under load: at 5 s that is six days, at 320 s a year.
_LONG_REST_MS = 10000
_MOST_REST_MS = 320000
_SHORT_MS = 60000
_PATIENCE = 2
# What opens it so soon after it has closed may be the closing's own doing, and then it comes each time: a
# spike on a wire, a jolt that the feedback of lock or plug shows, a coil that pulls the supply down, a
# flash that is written as a charge begins. Later it has other reasons, and a long rest would only be time in
# which nobody charges.
_OWN_DOING_MS = 10000
# Zoe ZE50 gives up in the heat when it starts with more than 6 A, others when the mains sags: after two short
# charges the next one begins with 6 A, for so long.
_GENTLE_MS = 10000

_WELDED = faults.bit("ContactorWelded")
_STUCK_OPEN = faults.bit("ContactorStuckOpen")


class Contactor:
    """faults   mask of ContactorWelded, ContactorStuckOpen: what the feedback shows now
    ready       it may close: its feedback shows open, and it has rested
    resting     it needs a longer rest than a car can be kept waiting in C: offer nothing meanwhile
    gentle      offer 6 A at first
    """

    __slots__ = (
        "faults", "ready", "resting", "gentle",
        "_feedback", "_wrong_ms", "_driven", "_closed_ms", "_rest_ms", "_need_ms", "_short",
    )  # fmt: skip

    def __init__(self, has_feedback: bool):
        self.faults = 0
        self.ready = False
        self.resting = False
        self.gentle = False
        self._feedback = has_feedback
        self._wrong_ms = UNSEEN
        self._driven = False
        self._closed_ms = 0
        self._rest_ms = LONG_AGO_MS
        self._need_ms = _REST_MS
        self._short = 0

    def forget(self) -> None:
        """Another car: its manners are not known."""
        self._short = 0
        self._need_ms = _ASKED_REST_MS

    def step(
        self, dt_ms: int, driven: bool, closed: bool, asked: bool, by_car: bool, noise: bool = False
    ) -> None:
        """`driven`: what it is told; `closed`: its feedback. Of an end: `asked`: the car was asked to stop,
        or it is gone; `by_car`: it stopped by itself; `noise`: what a closing itself may bring about. None of
        them: it was cut off, which tells nothing of its manners."""
        if driven != self._driven:
            self._driven = driven
            self._wrong_ms = UNSEEN
            # These two count in full: it is what it was told to be, whoever looks. What the guard did in a
            # stall of the main loop is dated at its end: a rest is never shorter.
            if driven:
                self._closed_ms = 0
            else:
                self._count_charge(asked, by_car or (noise and self._closed_ms < _OWN_DOING_MS))
                self._rest_ms = 0
        elif driven:
            self._closed_ms = longer(self._closed_ms, dt_ms)
        else:
            self._rest_ms = longer(self._rest_ms, dt_ms)
        self._wrong_ms = seen(self._wrong_ms, self._feedback and closed != driven, dt_ms)
        if self._wrong_ms == UNSEEN:
            self.faults = 0
        elif driven and self._wrong_ms >= _PULL_IN_MS:
            self.faults = _STUCK_OPEN
        elif not driven and self._wrong_ms >= _WELD_MS:
            self.faults = _WELDED
        rested = self._rest_ms >= self._need_ms
        self.ready = rested and not (self._feedback and closed)
        self.resting = not driven and not rested and self._need_ms > _REST_MS
        self.gentle = self._short >= _PATIENCE and (not driven or self._closed_ms < _GENTLE_MS)

    def _count_charge(self, asked, by_car):
        if self._closed_ms >= _SHORT_MS:
            self._short = 0
        elif by_car:
            self._short = min(self._short + 1, 100)
        self._need_ms = _ASKED_REST_MS if asked else _REST_MS
        if by_car and self._short > _PATIENCE:
            self._need_ms = min(_LONG_REST_MS << min(self._short - _PATIENCE - 1, 6), _MOST_REST_MS)
