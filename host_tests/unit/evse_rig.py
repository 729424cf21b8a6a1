# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the tests of the car's side share: a clock that they move themselves, fake parts, and a simulated
connector."""

from array import array

from evse.supply import Supply
from hal.sim import connector as sim_connector
from hal.ticks import ticks_add, ticks_diff

STEP_MS = 20

# Every test lives through the wrap of the ticks (2**30) in its first second.
START = (1 << 30) - 500

A, B, C, D, E, F = 12000, 9000, 6000, 3000, 0, -12000
DIODE_MV = -12000

# A simulated connector with a socket, for the row of `Desk`.
SOCKET = {"cable": "socket", "lock": True, "phases": 3}


class FakeContactor:
    """Follows its coil at once; `welded` True or False holds the feedback. `moves`: how often the coil
    changed."""

    has_feedback = True
    hold_ms = 0

    def __init__(self):
        self.coil = None
        self.welded = None
        self.moves = 0
        self.drives = 0

    def drive(self, close):
        if type(close) is not bool:
            raise TypeError("drive takes a bool")
        if close != self.coil:
            self.moves += 1
        self.coil = close
        self.drives = (self.drives + 1) & 0xFFFF

    def closed(self):
        return bool(self.coil) if self.welded is None else self.welded


class FakeLock:
    """`stuck`: does not follow any more. `told`: the last order."""

    def __init__(self):
        self.bolt = False
        self.stuck = False
        self.told = None
        self.drives = 0

    def drive(self, lock):
        self.drives += 1
        self.told = lock
        if not self.stuck:
            self.bolt = lock

    def locked(self):
        return self.bolt


class FakePilot:
    """The line with a car as a resistor: `high_mv` while the source is positive, `minus_mv` the low plateau
    under PWM. `push` gives samples by hand; `count` other than None is what `sample` answers."""

    sample_ms = 0

    def __init__(self):
        self.duty_e4 = None
        self.car_mv = A
        self.minus_mv = DIODE_MV
        self.levels = None  # (high, low) whatever the duty
        self.count = None
        self.high_mv = array("h", [0] * 16)
        self.low_mv = array("h", [0] * 16)

    def set_duty(self, duty_e4):
        self.duty_e4 = duty_e4

    def sample(self):
        if self.count is not None:
            return self.count
        if self.levels is not None:
            self.high_mv[0], self.low_mv[0] = self.levels
        elif self.duty_e4 == 0:
            self.high_mv[0] = self.low_mv[0] = -12000
        else:
            self.high_mv[0] = self.car_mv
            self.low_mv[0] = self.car_mv if self.duty_e4 == 10000 or not self.car_mv else self.minus_mv
        return 1

    def read(self):
        self.sample()
        return self.high_mv[0], self.low_mv[0]


class FakePilotSwitch:
    """`apart`: the pilot shows its source alone."""

    def __init__(self, pilot):
        self.apart = False
        self._pilot = pilot

    def disconnect(self, apart):
        self.apart = apart
        self._pilot.levels = (A, A if self._pilot.duty_e4 == 10000 else DIODE_MV) if apart else None


class FakePhaseSwitch:
    def __init__(self):
        self.told = False
        self.stuck = False
        self.drives = 0

    def drive(self, three):
        self.drives += 1
        if not self.stuck:
            self.told = three

    def three(self):
        return self.told


class FakeRcd:
    """`testable` False: nobody may test it. `deaf`: its test does nothing; `stays`: it does not come to
    rest."""

    def __init__(self):
        self.testable = True
        self.sequence = False
        self.trip = False
        self.testing = False
        self.deaf = False
        self.stays = False
        self.tests = 0

    def tripped(self):
        return self.trip or (self.testing and not self.deaf)

    def answered(self):
        raise AssertionError("it is no sequence")

    def test(self, on):
        if not self.testable:
            raise AssertionError("it has no test input")
        self.tests += on
        if not on and self.stays:
            self.trip = True
        self.testing = on


class FakeProximity:
    def __init__(self):
        self.ohm = None

    def resistance_ohm(self):
        return self.ohm


class FakeThermometer:
    def __init__(self):
        self.value = 250

    def celsius_d(self):
        return self.value


class FakeHardware:
    """A connector without a world behind it: nothing happens by itself."""

    def __init__(self, socket=False):
        self.number = 1
        self.pilot = FakePilot()
        self.pilot_switch = None
        self.contactor = FakeContactor()
        self.phase_switch = None
        self.lock = FakeLock() if socket else None
        self.proximity = FakeProximity() if socket else None
        self.rcd = None
        self.temperature = None
        self.signals = ()

    def fault_signals(self):
        return self.signals


class Ratings:
    current = "AC"
    nominal_v = 230
    phases = 3
    phase_wait_ms = 60000

    def __init__(self, rated_da=320, ventilation=False, wake_up="none"):
        self.rated_da = rated_da
        self.ventilation = ventilation
        self.wake_up = wake_up


class Desk:
    """A Supply and its hardware, stepped every 20 ms by a clock of its own. `fake`: without the simulated
    world."""

    def __init__(self, fake=None, rated_da=320, ventilation=False, wake_up="none", **row):
        self.now = START
        self.signals = ()
        if fake is None:
            sim_connector.ticks_ms = lambda: self.now
            self.hardware = sim_connector.SimConnector(1, row, (), row.pop("data_dir", None))
        else:
            self.hardware = fake
        self.supply = Supply(self.hardware, Ratings(rated_da, ventilation, wake_up), lambda: self.signals)

    def run(self, ms, until=None):
        """Step for `ms`; ends early when `until()`; returns the milliseconds that have passed."""
        start = self.now
        while ticks_diff(self.now, start) < ms:
            self.now = ticks_add(self.now, STEP_MS)
            self.supply.guard.tick(self.now, "EmergencyStop" in self.signals)
            self.supply.step(self.now)
            if until is not None and until():
                break
        return ticks_diff(self.now, start)

    def charge(self):
        """Plug in, permit, and wait until current flows at the offer."""
        self.hardware.plug()
        self.supply.permit(True)
        assert self.run(7000, lambda: self.supply.energised) < 7000
        self.run(3000)
        assert self.hardware.car.current_ma > 0
