# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What must hold in every life beside the rules of `lives`: each class watches one promise by the line, the
coil and the clock, at every step of the main loop (`life.look_ms` after the one before; `life.stalled`: it
was away in between).

    in time      a car that has stood in C for 3 s, offered current, with nothing against it, has its
                 contactor closed (sequence 4)
    offers       two of them begin 5 s apart, whatever pause lies between (table A.6)
    state F      after danger in C: 300 ms of it before the next offer (table A.5)
    latched      faults that latch stay, over restarts too, until somebody acknowledges; nothing closes
                 meanwhile
    asked        what may wait for 6 s opens then
    deaf         a car that has not stopped within 3 s is cut off after 6, however often the offer comes back
                 for less than 5
    the meter    too much current, too little or too much voltage, for long enough, end the charging
    phases       the second contactor moves with the main one open; with a car that has charged, the main one
                 closes after the wait; an offer is for the phases that the limits want
    the lock     is never told to open under load
    the test     of the residual current monitor lies between two charges, and is over when one begins
"""

from evse import faults
from hal.reading import Reading
from hal.ticks import ticks_diff

# What the tests take for dangerous: their own list.
DANGEROUS = ("GroundFailure", "CutCable", "New", "OverCurrent")
HARMLESS = ("OverTemperature", "MeterFailure", "UnderVoltage")
LATCHING = ("RcdTrip", "RcdSelfTest", "ContactorWelded", "ContactorStuckOpen", "CutCable")
STEP_MS = 20


def since(before, holds, now):
    """The tick since which it holds, None: it does not."""
    if not holds:
        return None
    return now if before is None else before


class Steady:
    """How long something has held."""

    def __init__(self):
        self._since = None

    def look(self, holds, now):
        self._since = since(self._since, holds, now)
        return 0 if self._since is None else ticks_diff(now, self._since)


class InTime:
    def __init__(self):
        self._steady = Steady()

    def look(self, life, now, line):
        hardware, supply = life.hardware, life.supply
        least = 1800 if life.ventilation else 4800
        duty = hardware.pilot.duty_e4
        ready = (
            line is not None
            and least <= line[0] <= 7200
            and line[1] <= -12000
            and 0 < duty < 10000
            and not hardware.signals
            and not life.signals
            and not supply.faults
            and not hardware.rcd.trip
            and not hardware.rcd.deaf
            and hardware.contactor.welded is None
            and supply.permitted
            and supply.limits.winner()[1] >= 60
            and (hardware.lock is None or (hardware.lock.bolt and hardware.proximity.ohm == 220))
            and not life.stalled  # the wish to close counts for a second
        )
        if self._steady.look(ready, now) >= 3000:
            assert hardware.contactor.coil


class Offers:
    def __init__(self):
        self._was_pwm = False
        self._duty = None
        self._began = None

    def look(self, life, now, line):
        duty = life.hardware.pilot.duty_e4
        pwm = 0 < duty < 10000
        if not life.supply.plugged:
            self._began = None  # the next car knows nothing of it
        if pwm and not (self._was_pwm and duty == self._duty):
            if self._began is not None:
                assert ticks_diff(now, self._began) >= 5000
            self._began = now
        self._was_pwm = pwm
        self._duty = duty


class StateF:
    def __init__(self):
        self._owed = False
        self._shown_ms = 0
        self._shown = False
        self._was_closed = False

    def look(self, life, now, line):
        hardware = life.hardware
        closed = hardware.contactor.coil
        dangerous = any(name in DANGEROUS for name in hardware.signals) or bool(life.signals)
        if self._was_closed and not closed and dangerous and life.supply.plugged:
            self._owed = True
            self._shown_ms = 0
        self._was_closed = closed
        duty = hardware.pilot.duty_e4
        if self._shown:
            self._shown_ms += life.look_ms
        self._shown = duty == 0
        if not life.supply.plugged:
            self._owed = False
        if self._owed and 0 < duty < 10000:
            assert self._shown_ms >= 300
            self._owed = False


class Latched:
    def __init__(self):
        self._must = 0
        self._may_go = 0  # what was latched when it was acknowledged, once
        self._acknowledged = 0
        self._tripped = Steady()

    def acknowledge(self, now):
        self._may_go = self._must
        self._acknowledged = now

    def look(self, life, now, line):
        supply = life.supply
        if ticks_diff(now, self._acknowledged) > 2100 + life.look_ms:  # until the first look after 2 s
            self._may_go = 0
        must = self._must & ~self._may_go
        assert supply.latched & must == must
        # What comes again is another.
        self._may_go &= supply.latched
        self._must = supply.latched
        if supply.latched:
            assert not life.hardware.contactor.coil
            assert all(name in LATCHING for name in faults.listed(supply.latched))
        if self._tripped.look(life.hardware.rcd.trip and not life.stalled, now) > 3100:
            # One that came in a self-test is told from it when it does not go: that test has failed.
            assert supply.latched & (faults.bit("RcdTrip") | faults.bit("RcdSelfTest"))


class Asked:
    def __init__(self):
        self._steady = Steady()

    def look(self, life, now, line):
        held_ms = self._steady.look(any(name in HARMLESS for name in life.hardware.signals), now)
        assert not life.hardware.contactor.coil or held_ms <= 6000 + 2 * STEP_MS


class Deaf:
    def __init__(self):
        self._asks = False
        self._asked_ms = 0
        self._stood_ms = 0

    def look(self, life, now, line):
        asked = self._asks
        self._asks = life.hardware.contactor.coil and not life.offer_ma()
        if not life.hardware.contactor.coil:
            self._asked_ms = self._stood_ms = 0
        elif asked:
            self._asked_ms += life.look_ms
        else:
            self._stood_ms += life.look_ms
        if self._asks:
            self._stood_ms = 0
            # One that comes back at the end of a stall has nobody cut off.
            assert not asked or self._asked_ms <= 6000 + STEP_MS
        elif self._asked_ms <= 3000 + STEP_MS or self._stood_ms >= 5000:
            self._asked_ms = 0


class TheMeter:
    """Brings a reading every second."""

    def __init__(self):
        self.ma = 0
        self.mv = 230000
        self._steps = 0
        self._over = Steady()
        self._low = Steady()
        self._high = Steady()

    def look(self, life, now, line):
        hardware, supply = life.hardware, life.supply
        coil = hardware.contactor.coil
        self._steps += 1
        if self._steps % 50 == 0:
            supply.metered(now, Reading(0, 0, (self.ma, 0), (self.mv,)))
        offer_ma = life.offer_ma()
        seen = not life.stalled  # readings too far apart prove nothing
        over = coil and offer_ma > 0 and self.ma > (offer_ma + 500) * 11 // 10 + 60
        over_ms = self._over.look(seen and over, now)
        low_ms = self._low.look(seen and self.mv < 230000 * 8 // 10 - 2300, now)
        high_ms = self._high.look(seen and self.mv >= 230000 * 115 // 100 + 2300, now)
        if coil:
            assert over_ms <= 9100
            assert low_ms <= 5100 + 6100
            assert high_ms <= 4100


class Phases:
    def __init__(self):
        self._told = None
        self._charged = False
        self._waits = False
        self._was_closed = False
        self._off_ms = 0

    def look(self, life, now, line):
        hardware, supply = life.hardware, life.supply
        switch = hardware.phase_switch
        if switch is None:
            return
        coil = hardware.contactor.coil
        self._charged = supply.plugged and (self._charged or coil)
        if self._told is not None and switch.told != self._told:
            assert not coil and not self._was_closed and hardware.contactor.welded is not True
            self._off_ms = 0
            self._waits = self._charged
        self._told = switch.told
        if 0 < hardware.pilot.duty_e4 < 10000:
            assert switch.told == supply.limits.three
        self._was_closed = coil or hardware.contactor.closed()
        self._off_ms += life.look_ms
        if not supply.plugged:
            self._waits = False
        if coil:
            assert not self._waits or self._off_ms >= 60000
            self._waits = False


class TheLock:
    def __init__(self):
        self._told = None
        self._was_live = False

    def look(self, life, now, line):
        lock, contactor = life.hardware.lock, life.hardware.contactor
        live = contactor.coil or contactor.closed()
        if lock is not None:
            assert not (self._told and not lock.told and live and self._was_live)
            self._told = lock.told
        self._was_live = live


class TheTest:
    def __init__(self):
        self._tests = -1
        self._was_closed = False

    def look(self, life, now, line):
        rcd = life.hardware.rcd
        closed = life.hardware.contactor.coil
        if closed and not self._was_closed:
            assert rcd.tests > self._tests and not rcd.testing
        if closed:
            self._tests = rcd.tests
        self._was_closed = closed


def all_of_them():
    return (
        InTime(), Offers(), StateF(), Latched(), Asked(), Deaf(), TheMeter(), Phases(), TheLock(), TheTest(),
    )  # fmt: skip
