# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What is known of the contactor: does it follow, and has it rested before it closes again? Pure."""

from evse import faults
from evse.timer import LONG_AGO_MS, longer

_WELD_MS = 150  # the contactor's own travel is 20..100 ms; a weld must be known within 200 ms
_PULL_IN_MS = 500

# WARP waits 5 s after a car has left C before it closes again. The 3 s of sequence 4 are missed by a car that
# leaves C and is back within two seconds: it was told that it has an offer, and it still has. A car that was
# asked to stop and has stopped does not toggle, nor does one that was unplugged: who goes on at once, or
# comes next, need not wait.
_REST_MS = 5000
_ASKED_REST_MS = 1000
_MOST_REST_MS = 320000
# A charge shorter than this wears the contactor and brings nothing. Tesla in the cold closes and opens S2
# every 5 s (OpenEVSE #130): from the third time on the rest doubles, and the car is told to wait (100 %).
# A contactor lives for some 100,000 operations under load: at 5 s that is six days, at 320 s a year.
_SHORT_MS = 60000
_PATIENCE = 2
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
        self._wrong_ms = 0
        self._driven = False
        self._closed_ms = 0
        self._rest_ms = LONG_AGO_MS
        self._need_ms = _REST_MS
        self._short = 0

    def forget(self) -> None:
        """Another car: its manners are not known."""
        self._short = 0
        self._need_ms = _ASKED_REST_MS

    def step(self, dt_ms: int, driven: bool, closed: bool, asked: bool) -> None:
        """`driven`: what it is told; `closed`: its feedback; `asked`: the car was asked to stop, or it
        is gone, so an end tells nothing of its manners."""
        if driven != self._driven:
            self._driven = driven
            self._wrong_ms = 0
            if driven:
                self._closed_ms = 0
            else:
                self._count_charge(asked)
                self._rest_ms = 0
        elif driven:
            self._closed_ms = longer(self._closed_ms, dt_ms)
        else:
            self._rest_ms = longer(self._rest_ms, dt_ms)
        if not self._feedback or closed == driven:
            self._wrong_ms = 0
            self.faults = 0
        else:
            self._wrong_ms = longer(self._wrong_ms, dt_ms)
            if driven and self._wrong_ms >= _PULL_IN_MS:
                self.faults = _STUCK_OPEN
            elif not driven and self._wrong_ms >= _WELD_MS:
                self.faults = _WELDED
        rested = self._rest_ms >= self._need_ms
        self.ready = rested and not (self._feedback and closed)
        self.resting = not driven and not rested and self._need_ms > _REST_MS
        self.gentle = self._short >= _PATIENCE and (not driven or self._closed_ms < _GENTLE_MS)

    def _count_charge(self, asked):
        if self._closed_ms >= _SHORT_MS:
            self._short = 0
        elif not asked:
            self._short = min(self._short + 1, 100)
        self._need_ms = _ASKED_REST_MS if asked else _REST_MS
        for _ in range(min(self._short - _PATIENCE, 6)):
            self._need_ms *= 2
        self._need_ms = min(self._need_ms, _MOST_REST_MS)
