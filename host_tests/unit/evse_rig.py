# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What the tests of the car's side share: a clock that they move themselves, fake parts, and a simulated
connector."""

from evse.supply import Supply
from hal.sim import connector as sim_connector
from hal.ticks import ticks_add, ticks_diff

STEP_MS = 20

# Every test lives through the wrap of the ticks (2**30) in its first second.
START = (1 << 30) - 500

A, B, C, D, E, F = 12000, 9000, 6000, 3000, 0, -12000
DIODE_MV = -12000


class FakeContactor:
    """Follows its coil after `travel_ms`; `welded` True or False holds the feedback."""

    def __init__(self):
        self.coil = None
        self.welded = None
        self.drives = 0

    def drive(self, close):
        self.coil = close
        self.drives += 1

    def closed(self):
        return bool(self.coil) if self.welded is None else self.welded


class FakeLock:
    """`stuck`: does not follow any more."""

    def __init__(self):
        self.bolt = False
        self.stuck = False
        self.drives = 0

    def drive(self, lock):
        self.drives += 1
        if not self.stuck:
            self.bolt = lock

    def locked(self):
        return self.bolt


class FakePilot:
    def __init__(self):
        self.duty_e4 = None
        self.levels = (A, A)

    def set_duty(self, duty_e4):
        self.duty_e4 = duty_e4

    def read(self):
        return self.levels


class FakeProximity:
    def __init__(self):
        self.ohm = None

    def resistance_ohm(self):
        return self.ohm


class FakeHardware:
    """A connector without a world behind it: nothing happens by itself."""

    def __init__(self, socket=False):
        self.number = 1
        self.pilot = FakePilot()
        self.contactor = FakeContactor()
        self.lock = FakeLock() if socket else None
        self.proximity = FakeProximity() if socket else None
        self.temperature = None
        self.signals = ()

    def fault_signals(self):
        return self.signals


class Ratings:
    def __init__(self, rated_da=320, ventilation=False):
        self.rated_da = rated_da
        self.ventilation = ventilation


class Desk:
    """A Supply and its hardware, stepped every 20 ms by a clock of its own. `fake`: without the simulated
    world."""

    def __init__(self, fake=None, rated_da=320, ventilation=False, **row):
        self.now = START
        self.signals = ()
        if fake is None:
            sim_connector.ticks_ms = lambda: self.now
            self.hardware = sim_connector.SimConnector(1, row, (), row.pop("data_dir", None))
        else:
            self.hardware = fake
        self.supply = Supply(self.hardware, Ratings(rated_da, ventilation), lambda: self.signals)

    def run(self, ms, until=None):
        """Step for `ms`; ends early when `until()`; returns the milliseconds that have passed."""
        start = self.now
        while ticks_diff(self.now, start) < ms:
            self.now = ticks_add(self.now, STEP_MS)
            self.supply.step(self.now)
            if until is not None and until():
                break
        return ticks_diff(self.now, start)

    def charge(self):
        """Plug in, permit, and wait until current flows at the offer."""
        self.hardware.plug()
        self.supply.permit(True)
        assert self.run(5000, lambda: self.supply.energised) < 5000
        self.run(3000)
        assert self.hardware.car.current_ma > 0
