# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Random lives of a connector, and what must hold in each of them, stated by the voltage on the line, the
coil and the clock, not by what the firmware makes of them.

    closing     the coil goes on only after 0.5 s of C (D in a ventilated room), with PWM and a diode, with
                permission, the plug locked, nothing reported or tripped, 1 s after it went off
    opening     within 60 ms of the pilot leaving C/D, at once for what is dangerous, 6 s after the permission
                went, or the limit fell below 6 A
    asking      it goes off in C without danger only when the car has been asked for 6 s, in sum since an
                offer stood for 5 s, and once for 3 s
    offering    no offer above a limit; a lower limit reaches the car within 5 s; offers are 5 s apart
    going on    after all that, a decent car is charged within 3 s

The main loop may be away for seconds while the guard goes on: what only it can see counts from its next look,
what it has told the pilot goes on counting.

What else was promised: `promises`; of honest hardware: `honest`.
"""

from hypothesis import strategies as st

from evse.pilot import MIN_DA, PAUSE_E4, duty_e4
from evse.supply import Supply
from hal.ticks import ticks_add, ticks_diff
from host_tests.property import promises
from host_tests.property.promises import since as _since
from host_tests.unit.evse_rig import (
    DIODE_MV,
    FakeHardware,
    FakePhaseSwitch,
    FakePilotSwitch,
    FakeRcd,
    FakeThermometer,
    Ratings,
)

STEP_MS = 20
DANGEROUS = promises.DANGEROUS
HARMLESS = promises.HARMLESS


class Life:
    """A Supply under a trace, and the facts that the invariants speak of."""

    def __init__(self, start, socket=False, ventilation=False, phases=False):
        self.now = start
        self.away_ms = 0  # the main loop is
        self.stalled = False  # it was, before this look
        self.look_ms = STEP_MS  # between this look and the one before
        hardware = self.hardware = FakeHardware(socket)
        hardware.rcd = FakeRcd()
        hardware.temperature = FakeThermometer()
        if phases:
            hardware.phase_switch = FakePhaseSwitch()
            hardware.phase_switch.told = True
            hardware.pilot_switch = FakePilotSwitch(hardware.pilot)
        self.signals = ()
        self.ventilation = ventilation
        self.supply = self.powered_up()
        self.promises = promises.all_of_them()
        self.latched = next(one for one in self.promises if isinstance(one, promises.Latched))
        self.meter = next(one for one in self.promises if isinstance(one, promises.TheMeter))
        self.was_closed = False
        self.outside_since = None
        self.charge_since = None
        self.withdrawn_since = None
        self.pause_ms = self.longest_ms = self.asked_ms = self.stood_ms = 0
        self.free_looks = 0
        self.harmless_since = None
        self.silent = False
        self.trip_since = None
        self.opened_at = None
        self.offer_at = None
        self.duty_was = PAUSE_E4
        self.low_limit_since = None
        self.danger_steps = 0

    def powered_up(self):
        ratings = Ratings(320, self.ventilation, "F")
        return Supply(self.hardware, ratings, lambda: self.signals)

    def restart(self):
        """The power fails, and is back: contactor open, pilot steady, what latched is kept."""
        hardware = self.hardware
        self.away_ms = 0
        latched = self.supply.latched
        hardware.rcd.testing = False
        if hardware.pilot_switch is not None:
            hardware.pilot_switch.disconnect(False)
        self.supply = self.powered_up()
        self.supply.restore(latched)
        assert hardware.contactor.coil is False and hardware.pilot.duty_e4 == PAUSE_E4
        self.was_closed = False
        self.opened_at = None

    def offer_ma(self):
        return _car_reads(self.hardware.pilot.duty_e4)

    def line(self):
        """(high, low) as they are now, None where they make no sense."""
        pilot = self.hardware.pilot
        if pilot.count is not None:
            return None
        pilot.sample()
        high, low = pilot.high_mv[0], pilot.low_mv[0]
        if 0 < pilot.duty_e4 < 10000:
            return None if high - low < 3000 and abs(high) > 1500 else (high, low)
        return None if high - low > 3000 else (high, low)

    def step(self):
        now = self.now = ticks_add(self.now, STEP_MS)
        away = self.away_ms > 0
        self.away_ms = max(0, self.away_ms - STEP_MS)
        hardware = self.hardware
        supply = self.supply
        line = self.line()
        least, most = (1800, 7200) if self.ventilation else (4800, 7200)
        surely_in = line is not None and least <= line[0] <= most
        surely_out = line is None or not (1200 if self.ventilation else 4200) <= line[0] <= 7800
        self.charge_since = _since(self.charge_since, surely_in, now)
        self.outside_since = _since(self.outside_since, surely_out, now)
        self.silent = surely_out and (self.silent or hardware.pilot.count == 0)
        pwm = 0 < hardware.pilot.duty_e4 < 10000
        limit_da = supply.limits.winner()[1]
        permitted = supply.permitted and limit_da >= MIN_DA
        if not away:
            self.withdrawn_since = _since(self.withdrawn_since, not permitted, now)
            harmless = any(name in HARMLESS for name in hardware.signals)
            self.harmless_since = _since(self.harmless_since, harmless, now)
        danger = (
            any(name in DANGEROUS for name in hardware.signals)
            or "EmergencyStop" in self.signals
            or hardware.rcd.trip
            or hardware.contactor.welded is not None
            or (pwm and line is not None and line[1] > DIODE_MV + 2000)
            or not surely_in
            or self.meter.mv > 260000
            or self.meter.ma > (self.offer_ma() + 500) * 11 // 10
            or (hardware.lock is not None and (not hardware.lock.bolt or hardware.proximity.ohm != 220))
        )
        free = hardware.lock is not None and not hardware.lock.bolt
        supply.guard.tick(now, "EmergencyStop" in self.signals)
        if not away:
            supply.step(now)
            # A lock that moves within this step was free until now.
            self.free_looks = self.free_looks + 1 if free and not hardware.lock.bolt else 0
        # What was so some steps ago may have its effect now (debounce of a lock: 3, of the diode: 5), and
        # what came and went while nobody looked as soon as somebody does.
        self.danger_steps = 10 if danger else max(0, self.danger_steps - (not away))
        self.check_coil(now, line, pwm, permitted, danger, away)
        self.count_pause()
        if away:
            self.stalled = True
            self.look_ms += STEP_MS
            return
        self.check_offer(now)
        for promise in self.promises:
            promise.look(self, now, line)
        self.stalled = False
        self.look_ms = STEP_MS

    def check_coil(self, now, line, pwm, permitted, danger, away):
        hardware = self.hardware
        coil = hardware.contactor.coil
        if coil and not self.was_closed:
            assert permitted and pwm and line is not None and line[1] <= DIODE_MV + 2000
            assert self.charge_since is not None and ticks_diff(now, self.charge_since) >= 500
            assert not hardware.rcd.tripped() and not self.signals
            # A wish counts for a second, whatever only the main loop would see; what asks first may come in
            # the very step that closes.
            assert away or not any(name in DANGEROUS for name in hardware.signals)
            assert away or self.harmless_since is None or self.harmless_since == now
            assert self.opened_at is None or ticks_diff(now, self.opened_at) >= 1000
        if coil:
            assert away or not any(name in DANGEROUS for name in hardware.signals)
            assert not hardware.rcd.trip and "EmergencyStop" not in self.signals
            assert self.free_looks < 3
            if self.outside_since is not None:
                # A sampling that falls silent is given 80 ms, from its last sample on.
                assert ticks_diff(now, self.outside_since) < (100 if self.silent else 60)
            if self.withdrawn_since is not None and not away:
                assert ticks_diff(now, self.withdrawn_since) <= 6000 + STEP_MS
        elif self.was_closed:
            self.opened_at = now
            if not danger and not self.danger_steps:
                assert self.asked_ms >= 5940 and self.longest_ms >= 2940
        self.was_closed = coil

    def count_pause(self):
        """What the car is shown while the contactor is closed."""
        if not self.hardware.contactor.coil:
            self.pause_ms = self.longest_ms = self.asked_ms = self.stood_ms = 0
        elif self.offer_ma():
            self.pause_ms = 0
            self.stood_ms += STEP_MS
            if self.stood_ms > 5000:
                self.longest_ms = self.asked_ms = 0
        else:
            self.stood_ms = 0
            self.pause_ms += STEP_MS
            self.asked_ms += STEP_MS
            self.longest_ms = max(self.longest_ms, self.pause_ms)

    def check_offer(self, now):
        hardware = self.hardware
        supply = self.supply
        duty = hardware.pilot.duty_e4
        self.trip_since = _since(self.trip_since, hardware.rcd.trip, now)
        offer_ma = _car_reads(duty)
        limit_da = min(supply.limits.winner()[1], supply.limits.get("cable") or 1000)
        if duty != self.duty_was:
            assert offer_ma <= limit_da * 100
            if offer_ma and 0 < self.duty_was < 10000:
                assert ticks_diff(now, self.offer_at) >= 5000
            if offer_ma:
                self.offer_at = now
            self.duty_was = duty
        self.low_limit_since = _since(self.low_limit_since, offer_ma > limit_da * 100, now)
        if self.low_limit_since is not None:
            assert ticks_diff(now, self.low_limit_since) <= 5000
        if offer_ma:
            assert supply.permitted and supply.plugged
            # A trip in the middle of a self-test is told from it when the monitor does not come to rest.
            assert self.trip_since is None or ticks_diff(now, self.trip_since) <= 3000
        assert supply.offered_da * 100 <= offer_ma + 99

    def settle(self):
        """Unplug, mend everything, let the technician acknowledge."""
        hardware = self.hardware
        pilot = hardware.pilot
        self.away_ms = 0
        pilot.levels = pilot.count = None
        pilot.car_mv, pilot.minus_mv = 12000, DIODE_MV
        hardware.signals = ()
        hardware.rcd.trip = hardware.rcd.deaf = False
        hardware.temperature.value = 250
        self.meter.ma, self.meter.mv = 0, 230000
        self.signals = ()
        hardware.contactor.welded = None
        if hardware.lock:
            hardware.lock.stuck = False
            hardware.proximity.ohm = None
        self.supply.hold_lock(False)
        self.supply.permit(False)
        self.supply.limits.put("ocpp", 320)
        for _ in range(80):
            self.step()
        self.supply.acknowledge()
        self.latched.acknowledge(self.now)
        for _ in range(250):
            self.step()
        # The mains have to be good for a minute, the second contactor comes back; while the pilot is off the
        # line for it, nobody sees the car leave.
        supply = self.supply
        for _ in range(3200 if supply.faults or supply.phases == 1 or supply.switching else 0):
            self.step()

    def charges(self):
        """A decent car comes: is it charged within the time of the standard?"""
        hardware = self.hardware
        supply = self.supply
        if hardware.lock:
            hardware.proximity.ohm = 220
        hardware.pilot.car_mv = 9000
        supply.permit(True)
        for _ in range(150):
            self.step()
        assert supply.offered_da == 320
        hardware.pilot.car_mv = 6000
        for _ in range(150):  # 3 s from the beginning of C
            self.step()
            if hardware.contactor.coil:
                return True
        return False


def _car_reads(duty):
    """Milliampere, annex A as a car reads it."""
    if duty < 800 or duty > 9700:
        return 0
    if duty < 1000:
        return 6000
    return duty * 6 if duty <= 8500 else min(80000, (duty - 6400) * 25)


LEVELS_MV = st.one_of(
    st.sampled_from((12000, 9000, 6000, 3000, 0)),
    st.sampled_from((9000, 6000, 6000)),
    st.integers(-500, 12500),
)
LOWS_MV = st.sampled_from((DIODE_MV, DIODE_MV, DIODE_MV, 0, -3000, -6000))
RAW = st.one_of(
    st.none(), st.none(), st.none(), st.tuples(st.integers(-13000, 13000), st.integers(-13000, 13000))
)
# A flash erase, a slow page, a TLS handshake, names that are looked up.
STALLS_MS = st.sampled_from((100, 300, 700, 1400, 2100, 6500, 14000))
EVENTS = st.one_of(
    st.tuples(st.just("car"), st.tuples(LEVELS_MV, LOWS_MV)),
    st.tuples(st.just("car"), st.tuples(st.sampled_from((12000, 9000, 6000, 6000)), st.just(DIODE_MV))),
    st.tuples(st.just("car"), st.tuples(st.just(6000), LOWS_MV)),
    st.tuples(st.just("raw"), RAW),
    st.tuples(st.just("count"), st.sampled_from((None, None, None, -1, 0))),
    st.tuples(st.just("permit"), st.booleans()),
    st.tuples(st.just("limit"), st.sampled_from((0, 30, 59, 60, 100, 160, 320))),
    st.tuples(
        st.just("signals"),
        st.sampled_from(((), (), ("WeakSignal",), *[(name,) for name in DANGEROUS + HARMLESS])),
    ),
    st.tuples(st.just("station"), st.sampled_from(((), ("EmergencyStop",)))),
    st.tuples(st.just("trip"), st.booleans()),
    st.tuples(st.just("heat"), st.sampled_from((250, 250, 720, 820, 900))),
    st.tuples(st.just("welded"), st.sampled_from((None, None, True, False))),
    st.tuples(st.just("stuck"), st.booleans()),
    st.tuples(st.just("bolt"), st.booleans()),
    st.tuples(st.just("ohm"), st.sampled_from((None, 20, 100, 220, 220, 680, 1500, 5000))),
    st.tuples(st.just("hold"), st.booleans()),
    st.tuples(st.just("unlock"), st.none()),
    st.tuples(st.just("acknowledge"), st.none()),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(st.just("phases"), st.sampled_from((1, 3, None))),
    st.tuples(st.just("ma"), st.sampled_from((0, 6000, 16000, 40000))),
    st.tuples(st.just("mv"), st.sampled_from((230000, 230000, 170000, 280000))),
    st.tuples(st.just("stall"), STALLS_MS),
)
STARTS = st.one_of(st.just((1 << 30) - 1000), st.integers(0, (1 << 30) - 1))
TRACES = st.lists(st.tuples(EVENTS, st.integers(1, 60)), max_size=60)
# Mostly an honest session, so that the contactor is closed when something happens.
DISTURBED = st.lists(st.tuples(EVENTS, st.one_of(st.integers(1, 10), st.integers(1, 400))), max_size=12)


def happen(life, event, value):
    hardware = life.hardware
    supply = life.supply
    pilot = hardware.pilot
    if event in _CALLS or event in ("limit", "phases", "restart"):
        life.away_ms = 0  # it is the main loop that does it
    if event == "car":
        pilot.car_mv, pilot.minus_mv = value
    elif event == "limit":
        supply.limits.put("ocpp", value)
    elif event == "phases":
        supply.limits.put("local", 320, value)
    elif event in ("ma", "mv"):
        setattr(life.meter, event, value)
    elif event == "restart":
        life.restart()
    elif event == "stall":
        life.away_ms = value
    elif event == "station":
        life.signals = value
    elif event in _CALLS:
        if event == "acknowledge":
            life.latched.acknowledge(life.now)
        method = getattr(supply, _CALLS[event])
        if value is None:
            method()
        else:
            method(value)
    elif event in ("stuck", "bolt", "ohm"):
        if hardware.lock:
            setattr(hardware.proximity if event == "ohm" else hardware.lock, event, value)
    else:
        part, name = _ATTRIBUTES[event]
        setattr(getattr(hardware, part) if part else hardware, name, value)


_CALLS = {"permit": "permit", "hold": "hold_lock", "unlock": "unlock", "acknowledge": "acknowledge"}
_ATTRIBUTES = {
    "raw": ("pilot", "levels"),
    "count": ("pilot", "count"),
    "signals": ("", "signals"),
    "trip": ("rcd", "trip"),
    "heat": ("temperature", "value"),
    "welded": ("contactor", "welded"),
}


def live(start, socket, ventilation, phases, trace):
    """Any life."""
    life = Life(start, socket, ventilation, phases)
    for (event, value), steps in trace:
        happen(life, event, value)
        for _ in range(steps):
            life.step()
    life.settle()
    assert life.supply.faults == ()
    assert not life.supply.plugged and life.supply.locked in (None, False)
    assert life.charges()


def disturb(start, socket, ventilation, phases, trace):
    """A session in which things happen."""
    life = Life(start, socket, ventilation, phases)
    for _ in range(20):
        life.step()
    assert life.charges()
    for _ in range(60):
        life.step()
    assert life.hardware.contactor.coil
    for (event, value), steps in trace:
        happen(life, event, value)
        for _ in range(steps):
            life.step()
    life.settle()
    assert life.charges()


# A wish that swings between one phase and three, most often before the second contactor has settled.
SWUNG = st.lists(
    st.tuples(
        st.one_of(
            st.tuples(st.just("phases"), st.sampled_from((1, 3))),
            st.tuples(st.just("phases"), st.sampled_from((1, 3))),
            st.tuples(st.just("limit"), st.sampled_from((0, 160))),
            st.tuples(st.just("permit"), st.booleans()),
            st.tuples(st.just("car"), st.tuples(st.sampled_from((9000, 6000, 12000)), st.just(DIODE_MV))),
            st.tuples(st.just("restart"), st.none()),
        ),
        st.one_of(st.integers(1, 60), st.integers(1, 700)),
    ),
    max_size=12,
)


def swing(start, trace):
    """A car that waits for its offer, or has begun."""
    life = Life(start, phases=True)
    for event, value in (("permit", True), ("car", (9000, DIODE_MV))):
        happen(life, event, value)
        for _ in range(60):
            life.step()
    for (event, value), steps in trace:
        happen(life, event, value)
        for _ in range(steps):
            life.step()


def offers(limit_da):
    duty = duty_e4(limit_da)
    assert _car_reads(duty) <= limit_da * 100
    assert duty == PAUSE_E4 or 1000 <= duty <= 9600
