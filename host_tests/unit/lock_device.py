# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A motor lock as a device: a bolt that travels while its motor has voltage, and a switch that tells."""

from evse.lock import LockRule
from hal.parts import lock as lock_module
from hal.parts.lock import MotorLock
from hal.ticks import ticks_add

TRAVEL_MS = 400
EASE_MS = 100
STEP_MS = 20


class Pin:
    """An Output, or an Input, of the device."""

    def __init__(self):
        self.level = False

    def put(self, on):
        self.level = bool(on)

    def on(self):
        return self.level


class Device:
    """dead          no supply to the motor: the bolt stays where it is
    slow          the bolt takes so many times as long
    jammed        (`jam`) the plug pulls at it: it goes back only after it was pushed home for 100 ms
    plug_away     the bolt meets the plug's edge: it does not go home
    told          None: the switch tells the truth; True or False: it is stuck there
    ran_ms        of the motor, in all; longest_ms: without a pause
    """

    def __init__(self):
        self.out = Pin()
        self.back = Pin()
        self.at_ms = 0
        self.dead = False
        self.slow = 1
        self.jammed = False
        self.plug_away = False
        self.told = None
        self.ran_ms = self.longest_ms = self._pulse_ms = 0
        self._eased_ms = 0

    def jam(self):
        self.jammed = True
        self._eased_ms = 0

    def live(self, ms):
        out, back = self.out.level, self.back.level
        assert not (out and back), "a short through the bridge"
        if not (out or back):
            self._pulse_ms = 0
            return
        self.ran_ms += ms
        self._pulse_ms += ms
        self.longest_ms = max(self.longest_ms, self._pulse_ms)
        if self.dead:
            return
        if out:
            self._eased_ms += ms
            most = TRAVEL_MS // 2 if self.plug_away else TRAVEL_MS
            self.at_ms = min(self.at_ms + ms / self.slow, most)
        elif not self.jammed or self._eased_ms >= EASE_MS:
            self.jammed = False
            self.at_ms = max(self.at_ms - ms / self.slow, 0)
        if back:
            self._eased_ms = 0

    @property
    def home(self):
        return self.at_ms >= TRAVEL_MS

    def on(self):
        """The switch."""
        return self.home if self.told is None else self.told


class Socket:
    """The rule, the driver and the device, by a clock of their own. `device`: of before the restart."""

    def __init__(self, device=None, now=(1 << 30) - 300):
        self.now = now
        lock_module.ticks_ms = lambda: self.now
        self.device = device or Device()
        self.device.out.put(False)  # a controller in reset drives nothing
        self.device.back.put(False)
        self.motor = MotorLock(self.device.out, self.device.back, self.device)
        self.rule = LockRule()
        self.plugged = self.cable = False
        self._driven = None

    def run(self, ms, tick=True):
        """`tick` False: the interrupt does not come."""
        rule = self.rule
        for _ in range(ms // STEP_MS):
            self.now = ticks_add(self.now, STEP_MS)
            if tick:
                self.motor.tick()
            self.device.live(STEP_MS)
            locked = self.motor.locked()
            rule.permit(False, self.plugged or self.cable)
            rule.settle(locked)
            rule.step(STEP_MS, locked, self.plugged, self.cable, False, False, False)
            # As `evse.supply` drives it.
            if rule.wanted is not None and (rule.wanted != self._driven or rule.again):
                self._driven = rule.wanted
                self.motor.drive(rule.wanted)
        return self

    def plug(self):
        self.plugged = self.cable = True
        return self

    def unplug(self):
        """The car's side; the plug in our socket follows when it can."""
        self.plugged = False
        return self
