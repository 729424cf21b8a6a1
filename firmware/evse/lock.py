# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""When the plug in our socket is locked (IEC 61851-1 table D.9: from B to D). Pure.

It is locked before anything is offered, and released with the contactor open, by its feedback: with the car's
leaving, after `unlock`, and after 5 s of state F (sequence "unlock in F": who has no charger any more wants
his cable).
"""

from evse import faults
from evse.seen import UNSEEN, seen
from evse.timer import LONG_AGO_MS, longer

# Looks at the feedback count for no more than they show (`evse.seen`): the motor and its switch, the pilot
# after the start.
_TRAVEL_MS = 2000  # motor locks travel 0.3..1 s, some twice
_BOOT_MS = 700  # a car that is in C already is believed after half a second
# State F counts in full: the driver has seen it for so long, whatever the main loop did.
_RELEASE_IN_F_MS = 5000
_SETTLE_SAMPLES = 3  # a bouncing switch
# The driver jiggles the plug and the bolt goes home. After some tries the motor gets a rest between them.
_TRIES = 5
_TIRED_MS = 30000

_FAILED = faults.bit("ConnectorLockFailure")


class LockRule:
    """wanted   True lock, False release, None: there is no lock
    again       move it once more although the wish is the same
    locked      its feedback, settled; None without a lock
    failed      mask: ConnectorLockFailure, it does not follow
    held        the plug is kept, or is a fixed cable's
    """

    __slots__ = (
        "wanted", "again", "locked", "failed", "held",
        "_released", "_was_permitted", "_count", "_boot_ms", "_late_ms", "_f_ms", "_tries",
    )  # fmt: skip

    def __init__(self):
        self.wanted: bool | None = None
        self.again = False
        self.locked: bool | None = None
        self.failed = 0
        self.held = True
        self._released = False
        self._was_permitted = False
        self._count = 0
        self._boot_ms = UNSEEN
        self._late_ms = UNSEEN
        self._f_ms = 0
        self._tries = 0

    @property
    def released(self) -> bool:
        """`unlock` was asked for: nothing is offered until it is over."""
        return self._released

    def unlock(self) -> None:
        """Release the cable when the contactor is open, and leave it released until it is unplugged or
        charging is permitted anew."""
        self._released = True
        self._was_permitted = True  # only what is given after this counts as anew

    def lock(self) -> None:
        """Take `unlock` back: somebody is about to charge with the plug that is in the socket."""
        self._released = False

    def permit(self, permitted: bool, there: bool) -> None:
        """`there`: a car or a plug is."""
        if permitted and not self._was_permitted:
            self._released = False
        self._was_permitted = permitted
        if self._released and not there:
            self._released = False

    def settle(self, locked: "bool | None") -> None:
        """The feedback needs three equal samples in a row."""
        if locked == self.locked or self.locked is None:
            self.locked = locked
            self._count = 0
        else:
            self._count += 1
            if self._count >= _SETTLE_SAMPLES:
                self.locked = locked
                self._count = 0

    def step(
        self, dt_ms: int, raw: "bool | None", plugged: bool, cable: bool, hold: bool, live: bool, in_f: bool
    ):
        """`raw`: the feedback; `hold`: the station wants the cable kept although the car was unplugged;
        `live`: the contactor is told or seen to be closed; `in_f`: the pilot is in state F since the step
        before, and not to wake a car."""
        self.again = False
        if raw is None:
            return
        self._boot_ms = LONG_AGO_MS if plugged else seen(self._boot_ms, True, dt_ms)
        self._f_ms = longer(self._f_ms, dt_ms) if in_f else 0
        if self._boot_ms <= _BOOT_MS:
            # The pilot is not known yet: a bolt that held a cable before the restart stays where it is.
            wanted = bool(raw)
        elif not cable:
            wanted = False
        elif plugged:
            wanted = not self._released and self._f_ms < _RELEASE_IN_F_MS
        else:
            wanted = bool(self.wanted) and hold and not self._released
        self._want(dt_ms, wanted or (live and bool(self.wanted)))

    def _want(self, dt_ms, wanted):
        if wanted != self.wanted:
            self._late_ms = UNSEEN
            self._tries = 0
            self.failed = 0
            self.wanted = wanted
        self._late_ms = seen(self._late_ms, self.locked != wanted, dt_ms)
        if self._late_ms == UNSEEN:
            self._tries = 0
            self.failed = 0
            return
        if self._late_ms >= (_TRAVEL_MS if self._tries < _TRIES else _TIRED_MS):
            self._late_ms = UNSEEN
            self._tries = min(self._tries + 1, LONG_AGO_MS)
            self.again = True
            self.failed = _FAILED
