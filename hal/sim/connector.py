# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One connector of the simulated board: pilot line, contactor, lock, socket with its cable, car and meter.

The world is lazy: it lives through the time since the last look whenever the firmware reads something, in
integers. What outlives a restart of the firmware (the meter's registers, the car that stays where it is, the
bolt of the lock) is kept in one small file per connector.
"""

import json
import os
from array import array

from hal.sim.car import Car
from hal.sim.meter import Meter
from hal.ticks import ticks_diff, ticks_ms

_CONTACTOR_MS = 30
_LOCK_MS = 300
_PULL_MS = 500  # a driver who has pulled the plug out of the car takes this long to pull the other one
_SAVE_MS = 1000
_AMBIENT_MDC = 250000  # 25 degrees Celsius, in 1/1000 of a deci-degree
_HOT_DC = 950

# What is kept of a car, beside whether it is plugged in.
_CAR = ("limit_ma", "phases", "ready", "delay_ms", "react_ms", "ventilation", "battery_wh", "stored_wh")

# A thing that is broken in here; everything else of the fault catalogue is a signal of a protective device.
DIODE, WELD, LOCK, PILOT, PROXIMITY, METER, HEAT, RCD = 1, 2, 4, 8, 16, 32, 64, 128
_BREAKS = (
    ("DiodeFault", DIODE),
    ("ContactorWelded", WELD),
    ("ConnectorLockFailure", LOCK),
    ("PilotFault", PILOT),
    ("ProximityFault", PROXIMITY),
    ("MeterFailure", METER),
    ("OverTemperature", HEAT),
    ("RcdTrip", RCD),
)
# Broken parts whose own electronics say so too (a lock driver sees its motor stall, a meter's driver the
# silence).
_SIGNALLED = LOCK | METER


class SimLock:
    def __init__(self, connector):
        self._connector = connector

    def drive(self, lock):
        self._connector.advance()
        self._connector.motor = lock

    def locked(self):
        self._connector.advance()
        return self._connector.bolt


class SimPhaseSwitch:
    """Follows its coil at once: what it takes is nothing beside the wait of the cars."""

    def __init__(self, connector):
        self._connector = connector

    def drive(self, three):
        self._connector.advance()
        self._connector.three = three

    def three(self):
        return self._connector.three


class SimRcd:
    """Trips with its test current, and when the world wants it to."""

    testable = True
    sequence = False

    def __init__(self, connector):
        self._connector = connector
        self._testing = False

    def tripped(self):
        return self._testing or (self._connector.broken & RCD) != 0

    def answered(self):
        return self.tripped()

    def test(self, on):
        self._testing = on


class SimConnector:
    """A `hal.contract.ConnectorHardware`, and what the control channel does to it.

    It is its own pilot, contactor, proximity contact and temperature sensor as well: a class for each costs
    300 bytes of heap in a process that is as small as a board.
    """

    sample_ms = 0
    has_feedback = True
    hold_ms = 0
    apart = False  # the pilot is off the line

    def __init__(self, number, row, measurands, data_dir):
        """`row`: the connector's object of the station file, its values may be left out; `data_dir`: None
        keeps nothing."""
        phases = row.get("phases", 1)
        dc = row.get("current", "AC") == "DC"
        rated_a = row.get("rated_a", 32)
        socket = row.get("cable", "fixed") == "socket"
        self.number = number
        self.dc = dc
        self.duty_e4 = 10000
        self.coil = False
        self.contact = False
        self._contact_ms = 0
        self.motor = False
        self.bolt = False
        self._bolt_ms = 0
        self.cable = False  # a plug is in our socket
        self.cable_ohm = 220 if rated_a <= 32 else 100
        self._pull_ms = -1  # the driver pulls at the plug in our socket since; -1: nobody does
        self.broken = 0
        self._signals = ()
        self._forced = None
        self.high_mv = array("h", (12000,))
        self.low_mv = array("h", (12000,))
        self._mdc = _AMBIENT_MDC
        self._warm_ms = 0
        self._rise = 320 // max(32, rated_a)
        self._path = None if data_dir is None else data_dir + "/sim_connector_%d.json" % number
        self._saved_wh = -1
        self._save_ms = 0
        self.car = Car(rated_a * 1000 if dc or phases == 1 else 16000, phases)
        self.meter = Meter(self, phases, row.get("nominal_v", 500 if dc else 230), dc, measurands)
        self.pilot = self
        self.contactor = self
        self.lock = SimLock(self) if socket and row.get("lock", True) else None
        self.proximity = self if socket else None
        self.rcd = SimRcd(self)
        self.pilot_switch = self if row.get("wake_up") == "switch" else None
        # Its coil had no voltage while the controller started.
        switch = self.phase_switch = SimPhaseSwitch(self) if row.get("phase_switch") else None
        self.three = phases == 3 and switch is None
        self.temperature = self
        self._socket = socket
        self._load()
        self._last = ticks_ms()

    # What the firmware does: the parts of hal.contract.

    def set_duty(self, duty_e4):
        self.advance()
        self.duty_e4 = duty_e4

    def drive(self, close):
        if close != self.coil:
            self.advance()
            self.coil = close

    def closed(self):
        self.advance()
        return self.contact

    def disconnect(self, apart):
        self.advance()
        self.apart = apart

    def resistance_ohm(self):
        self.advance()
        if not self.cable:
            return None
        return 20 if self.broken & PROXIMITY else self.cable_ohm

    def fault_signals(self):
        return self._signals

    def live(self) -> bool:
        """There is voltage on the car's contacts."""
        return self.contact and self.car.connected()

    def celsius_d(self):
        self.advance()
        return _HOT_DC if self.broken & HEAT else self._mdc // 1000

    def sample(self):
        """What the source, the car's resistors and its diode make of the duty."""
        self.advance()
        duty = self.duty_e4
        car = self.car
        if self._forced:
            high, low = self._forced
            if low is None:
                low = -12000 if 0 < duty < 10000 else high
        elif self.broken & PILOT:
            high = low = 0
        elif duty == 0:
            high = low = -12000
        else:
            high = 12000
            if car.connected() and not self.apart:
                high = 9000 if not car.s2 else 3000 if car.ventilation else 6000
            low = high
            if duty < 10000:
                # Without its diode the car is the same resistor to both sides.
                low = -high if self.broken & DIODE and car.connected() and not self.apart else -12000
        self.high_mv[0] = high
        self.low_mv[0] = low
        return 1

    def read(self):
        self.sample()
        return self.high_mv[0], self.low_mv[0]

    # What the world does to it.

    def plug(self) -> None:
        self.advance()
        self.cable = self._socket
        self._pull_ms = -1
        self.car.plug()
        self.save(True)

    def unplug(self) -> None:
        """The car's side goes at once; a driver then pulls the plug out of our socket as soon as the lock
        lets go."""
        self.advance()
        self.car.unplug()
        if self.cable:
            self._pull_ms = 0
        self.save(True)

    def force_pilot(self, high_mv, low_mv) -> None:
        """Raw levels instead of the car's; `high_mv` None: release them."""
        self._forced = None if high_mv is None else (high_mv, low_mv)

    def is_part(self, name: str) -> bool:
        """A fault of something in here, not a message of a protective device."""
        for part, bit in _BREAKS:
            if part == name:
                return bit != HEAT  # without a connector it is the cabinet that is hot
        return False

    def break_part(self, name: str, silent: bool = False) -> None:
        """`silent`: the part has no electronics that would say so; the firmware has to find out."""
        for part, bit in _BREAKS:
            if part == name:
                self.advance()
                self.broken |= bit
                if bit == METER:
                    self.meter.failing = True
                if bit & _SIGNALLED and not silent:
                    break
                return
        if name not in self._signals:
            self._signals = self._signals + (name,)

    def mend_part(self, name: str) -> None:
        self.advance()
        for part, bit in _BREAKS:
            if part == name:
                self.broken &= ~bit
                if bit == METER:
                    self.meter.failing = False
        if name in self._signals:
            self._signals = tuple([other for other in self._signals if other != name])

    def broken_parts(self) -> list:
        """The names of everything that is broken here."""
        names = [part for part, bit in _BREAKS if self.broken & bit]
        return names + [name for name in self._signals if name not in names]

    # Time.

    def advance(self) -> None:
        now = ticks_ms()
        dt_ms = ticks_diff(now, self._last)
        if dt_ms <= 0:
            return
        self._last = now
        while dt_ms > 0:
            # After a stall of the process fine steps for the first seconds are enough: every reaction of a
            # car is over.
            part = dt_ms if dt_ms <= 100 else 100 if dt_ms < 10000 else 1000
            self._live(part)
            dt_ms -= part

    def _live(self, dt_ms):
        wanted = self.coil or (self.broken & WELD) != 0
        if self.contact == wanted:
            self._contact_ms = 0
        else:
            self._contact_ms += dt_ms
            if self._contact_ms >= _CONTACTOR_MS:
                self.contact = wanted
        if self.bolt == self.motor or self.broken & LOCK:
            self._bolt_ms = 0
        else:
            self._bolt_ms += dt_ms
            if self._bolt_ms >= _LOCK_MS:
                self.bolt = self.motor
                self._saved_wh = -1
        if self._pull_ms >= 0:
            if self._pull_ms < _PULL_MS:
                self._pull_ms += dt_ms
            elif not self.bolt:
                self._pull_ms = -1
                self.cable = False
                self._saved_wh = -1
        car = self.car
        if car.plugged:
            car.step(dt_ms, 10000 if self.broken & PILOT or self.apart else self.duty_e4, self.contact)
            car.stored_wh += self.meter.flow(dt_ms)
        self._warm_ms += dt_ms
        if self._warm_ms >= 1000:
            self._warm_ms -= 1000
            # One kelvin per ampere at 32 A, less with bigger contacts, with a time constant of a minute.
            self._mdc += (_AMBIENT_MDC + self._rise * car.current_ma - self._mdc) // 60
        self._save_ms += dt_ms
        if self._save_ms >= _SAVE_MS:
            self._save_ms = 0
            self.save()

    # What outlives the firmware.

    def save(self, always=False) -> None:
        """Write the file when a register (or, with `always`, anything) has changed: old or new, never
        torn."""
        if self._path is None or (self.meter.wh == self._saved_wh and not always):
            return
        failed_before = self._saved_wh < 0
        self._saved_wh = self.meter.wh
        state = [self.meter.wh, self.meter.varh, self.car.plugged, self.cable, self.bolt, self._pull_ms >= 0]
        state += [getattr(self.car, name) for name in _CAR]
        new = self._path + ".new"
        try:
            with open(new, "w") as file:
                json.dump([int(value) for value in state], file)
            os.rename(new, self._path)
        except OSError as error:
            # The world outside has no disk that could be full: it goes on, and tries again.
            if not failed_before:
                print("sim: %s cannot be kept: %s" % (self._path, error))
            self._saved_wh = -1

    def _load(self):
        if self._path is None:
            return
        try:
            with open(self._path) as file:
                state = json.load(file)
        except OSError:
            return
        except ValueError:
            state = None
        if (
            not isinstance(state, list)
            or len(state) != 6 + len(_CAR)
            or not all(type(value) is int for value in state)
        ):
            print("sim: %s is damaged, the meter starts at 0" % self._path)
            return
        self.meter.wh, self.meter.varh = state[:2]
        plugged, self.cable, self.bolt, pulling = [value > 0 for value in state[2:6]]
        for name, value in zip(_CAR, state[6:]):
            setattr(self.car, name, value)
        self._saved_wh = self.meter.wh
        self.motor = self.bolt
        if plugged:
            self.car.plug()
        if pulling:
            self._pull_ms = _PULL_MS
