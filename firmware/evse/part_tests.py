# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What an installer wants to know of the parts of one connector, tried where nothing is plugged in: pilot,
proximity, lock, RCD, contactor. Pure: time comes in, results go out; loaded when somebody asks for it.

    test = PartTests(supply, contactor, results)
    while test.step(now): ...          # every 20 ms; `results` gets (name, verdict, text) of each

The guard stays in charge of the contactor (`Guard.exercise`): it closes in state A alone, for less than a
second, and opens at the first sample of anything else, by RCD and emergency stop. A car that comes, a plug,
a station that gives energy end the test.
"""

from evse import faults
from evse.pilot import FAULT_E4, PAUSE_E4
from hal.ticks import ticks_diff

PASS = "pass"
FAIL = "fail"
ABSENT = "absent"  # the board has no such part
SKIPPED = "skipped"

# SAE J1772 table A1 has 11.4 to 12.6 V at the charger for both, as IEC 61851-1 does.
_PILOT_MV = 600
_SETTLE_MS = 300
_SEEN_MS = 1000  # until the guard has seen A again
_LOCK_MS = 2000  # motor locks travel 0.3 to 1 s, some twice
_RCD_MS = 8000  # two tries
_FAULT_MS = 100  # until the supply tells of it
_CLOSE_MS = 500
_CLOSED_MS = 300
_OPEN_MS = 200  # a weld must be known within 200 ms
_WELD_MS = 400  # and the outlet has found it by then
_LOOKS = 3  # a bouncing switch


class _Trial:
    """What `Supply.step` is to do in the place of what the outlet says."""

    __slots__ = ("close", "duty_e4", "openings")

    def __init__(self, openings):
        self.close = False
        self.duty_e4 = PAUSE_E4
        self.openings = openings


def hindrance(supply) -> "str | None":
    """Why nothing can be tried now."""
    if supply.permitted or supply.guard.closed:  # by its feedback alone: welded, and the test says so
        return "somebody charges"
    if supply.plugged or supply.guard.letter != "A":
        return "something is plugged in, the pilot is in state %s" % supply.guard.letter
    if supply.cable or _plug(supply):
        return "a plug is in the socket"
    if supply.switching:
        return "the phases are being switched"
    return None


def _plug(supply):
    proximity = supply.hardware.proximity
    return proximity is not None and proximity.resistance_ohm() is not None


class PartTests:
    """`contactor`: it may be closed, somebody has said that nobody touches what then has voltage."""

    def __init__(self, supply, contactor: bool, results: list):
        self._supply = supply
        self._contactor = contactor
        self._results = results
        self._now = 0
        self._trial = None
        self._blind = False  # the pilot is in F, or was a moment ago
        self._steps = self._run()

    def step(self, now: int) -> bool:
        """False: it is over."""
        self._now = now
        trial = self._trial
        if trial is not None:
            why = self._intruder(trial)
            if why is not None:
                self.stop(why)
                return False
        try:
            next(self._steps)
            return True
        except StopIteration:
            return False

    def stop(self, why: str) -> None:
        """Whatever is under way ends here."""
        self._steps.close()
        if self._trial is not None and self._supply.hardware.lock is not None:
            self._supply.hardware.lock.drive(False)  # it may be half way in
        self._rest()
        self._add("parts", FAIL, "stopped: " + why)

    def _intruder(self, trial):
        supply = self._supply
        if supply.trial is not trial:
            return "the charger is about to restart"
        if supply.permitted:
            return "the station gives energy"
        if _plug(supply):
            return "a plug came"
        letter = supply.guard.letter
        if letter != "A" and not (self._blind and letter == "F"):
            return "a car came, the pilot is in state %s" % letter
        return None

    def _rest(self):
        supply = self._supply
        supply.guard.exercise(False)
        if self._trial is not None and supply.trial is self._trial:
            supply.trial = None
        self._trial = None

    def _add(self, name, verdict, text):
        self._results.append((name, verdict, text))

    # --- the order ---

    def _run(self):
        supply = self._supply
        why = hindrance(supply)
        if why is not None:
            self._add("parts", FAIL, "not tried: " + why)
            return
        trial = self._trial = supply.trial = _Trial(supply.guard.openings)
        yield from self._pilot(trial)
        self._look_at_proximity()
        yield from self._lock()
        yield from self._rcd()
        yield from self._try_contactor(trial)
        self._rest()
        names = supply.faults
        self._add("faults", FAIL if names else PASS, ", ".join(names) or "none")

    def _pilot(self, trial):
        for name, duty_e4, nominal_mv in (
            ("pilot +12 V", PAUSE_E4, 12000),
            ("pilot -12 V", FAULT_E4, -12000),
        ):
            self._blind = duty_e4 == FAULT_E4
            trial.duty_e4 = duty_e4
            yield from self._pause(_SETTLE_MS)
            high_mv, low_mv = self._supply.hardware.pilot.read()
            fine = abs(high_mv - nominal_mv) <= _PILOT_MV and abs(low_mv - nominal_mv) <= _PILOT_MV
            shown = "%d mV" % high_mv if high_mv == low_mv else "%d and %d mV" % (high_mv, low_mv)
            wanted = "%d to %d" % (nominal_mv - _PILOT_MV, nominal_mv + _PILOT_MV)
            self._add(name, PASS if fine else FAIL, "%s, %s wanted" % (shown, wanted))
        trial.duty_e4 = PAUSE_E4
        yield from self._until(_SEEN_MS, lambda: self._supply.guard.letter == "A")
        self._blind = False

    def _look_at_proximity(self):
        proximity = self._supply.hardware.proximity
        if proximity is None:
            self._add("proximity", ABSENT, "fixed cable")
        else:
            self._add("proximity", PASS, "open, no plug")  # with a plug it would have ended

    def _lock(self):
        lock = self._supply.hardware.lock
        if lock is None:
            self._add("lock", ABSENT, "none")
            return
        if lock.locked():
            self._add("lock", FAIL, "locked with no plug in it")
            return
        lock.drive(True)
        there_ms = yield from self._until(_LOCK_MS, lock.locked)
        lock.drive(False)
        if there_ms < 0:
            # What is late has to come home all the same.
            yield from self._until(_LOCK_MS, lambda: not lock.locked())
            self._add("lock", FAIL, "not locked after %d ms" % _LOCK_MS)
            return
        back_ms = yield from self._until(_LOCK_MS, lambda: not lock.locked())
        if back_ms < 0:
            self._add("lock", FAIL, "not free after %d ms" % _LOCK_MS)
        else:
            self._add("lock", PASS, "locked in %d ms, free in %d ms" % (there_ms, back_ms))

    def _rcd(self):
        test = self._supply.rcd_test
        if test is None:
            text = "no test input: press its own button" if self._supply.untested else "none"
            self._add("RCD", ABSENT, text)
            return
        if self._supply.hardware.contactor.closed():
            self._add("RCD", SKIPPED, "it is tested with an open contactor only")
            return
        test.forget()  # the installer is the technician whose acknowledgement another try needs
        if self._supply.guard.tripped and not test.busy:
            self._add("RCD", FAIL, "it has tripped before the test")
            return
        test.due()
        took_ms = yield from self._until(_RCD_MS, lambda: test.failed or (test.ready and not test.busy), 1)
        yield from self._pause(_FAULT_MS)
        if took_ms >= 0 and not test.failed:
            self._add("RCD", PASS, "tripped by its test and at rest again, %d ms" % took_ms)
        else:
            self._add("RCD", FAIL, "its test does not trip it, or it stays tripped")

    def _try_contactor(self, trial):
        supply = self._supply
        part = supply.hardware.contactor
        if not part.has_feedback:
            self._add("contactor", ABSENT, "no feedback contact: nobody finds a weld")
            return
        if part.closed():
            self._add("contactor", FAIL, "closed, and was told to be open")
            return
        if not self._contactor:
            self._add("contactor", SKIPPED, "open; nobody has said that it may be closed")
            return
        hindered = [name for name in supply.faults if faults.is_blocking(name)]
        if hindered:
            self._add("contactor", FAIL, "not closed: " + ", ".join(hindered))
            return
        guard = supply.guard
        trial.openings = guard.openings
        guard.exercise(True)
        trial.close = True
        close_ms = yield from self._until(_CLOSE_MS, part.closed)
        yield from self._pause(_CLOSED_MS if close_ms >= 0 else 0)
        stayed = part.closed()
        trial.close = False
        open_ms = yield from self._until(_OPEN_MS, lambda: not (guard.closed or part.closed()), 1)
        guard.exercise(False)
        yield from self._pause(_WELD_MS)
        if guard.openings != trial.openings:
            text = "the guard has opened it: RCD, emergency stop, or noise on the pilot"
        elif close_ms < 0:
            text = "not closed after %d ms" % _CLOSE_MS
        elif not stayed:
            text = "its feedback does not stay closed"
        elif open_ms < 0 or "ContactorWelded" in supply.faults:
            text = "not open after %d ms: welded" % _OPEN_MS
        else:
            self._add("contactor", PASS, "closed in %d ms, open in %d ms" % (close_ms, open_ms))
            return
        self._add("contactor", FAIL, text)

    # --- waiting ---

    def _pause(self, ms):
        began = self._now
        while ticks_diff(self._now, began) < ms:
            yield

    def _until(self, ms, done, looks=_LOOKS):
        """Until `done()` was so at so many looks in a row: milliseconds to the first of them; -1: it was
        not."""
        began = self._now
        count = 0
        first_ms = 0
        while True:
            passed_ms = ticks_diff(self._now, began)
            if not done():
                count = 0
            else:
                if not count:
                    first_ms = passed_ms
                count += 1
                if count >= looks:
                    return first_ms
            if passed_ms >= ms and not count:
                return -1
            yield
