# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A board with an RP2040, put together from its data (`boards/<name>/board.py`, see `hal.board_data`)."""

import machine
import micropython
from rp2 import DMA  # by its name: `main` forgets the rest of that module

from hal.meter.from_data import bus_of, meter_of
from hal.parts.analog import Proximity
from hal.parts.from_data import (
    buzzer_of,
    i2c_of,
    indicator_of,
    input_of,
    lock_of,
    modem_of,
    phase_switch_of,
    pilot_switch_of,
    rcd_of,
    temperature_of,
)
from hal.parts.wired import Button, Contactor, StopContact
from hal.rfid.from_data import reader_of
from hal.rp2 import starting
from hal.rp2.clock import Clock
from hal.rp2.dead_man import HOLD_MS, DeadManSwitch
from hal.rp2.pilot import Pilot
from hal.rp2.register import put
from hal.rp2.sampler import Sampler, number_of, silence
from hal.rp2.speed import speed_up

_FULL = 4095  # counts at the supply: the dividers hang on the same 3.3 V as the converter
_DREQ_WRAP = 24
_DMA_COUNT = 0x5000001C  # CH0_AL1_TRANS_COUNT_TRIG: how many transfers, and off they go
# Survives a reset of the controller, not a power cut (RP2040 datasheet 4.7.3): who asked for the reset.
_SCRATCH = 0x4005800C
_ASKED = 0x1CEB00DA
_NO_SIGNALS = ()
_EMERGENCY_STOP = ("EmergencyStop",)


def _counts(mv):
    """Of the converter, whose reference is the supply of 3.3 V."""
    return mv * _FULL // 3300


def _input_number(data):
    return None if data is None or "adc" not in data else data["adc"] - 26


def _counter_of(data, number):
    from hal.rp2.pulses import counter_of

    return counter_of(data, number)


class Connector:
    """A `hal.contract.ConnectorHardware`."""

    def __init__(self, number, data, bus, i2c):
        self.number = number
        coil = data["contactor"]["coil"]["pin"]
        feedback = input_of(data["contactor"].get("feedback"))
        self.contactor = Contactor(DeadManSwitch(coil, number - 1), feedback, HOLD_MS)
        pilot = data["pilot"]
        proximity = data.get("proximity")
        temperature = data.get("temperature")
        self.sampler = Sampler(
            pilot["pwm"],
            (_input_number(pilot), _input_number(proximity), _input_number(temperature)),
            ((-12000, _counts(pilot["minus_12v_mv"])), (12000, _counts(pilot["plus_12v_mv"]))),
            pilot["trigger_slice"],
        )
        self.pilot = Pilot(self.sampler)
        self.pilot_switch = pilot_switch_of(data.get("pilot_switch"))
        self.phase_switch = phase_switch_of(data.get("phase_switch"))
        self.lock = lock_of(data.get("lock"))
        self.proximity = None
        if proximity:
            self.proximity = Proximity(self.sampler.proximity, _FULL, proximity["upper_ohm"])
        self.temperature = temperature_of(temperature, self.sampler.temperature, _FULL, i2c)
        self.rcd = rcd_of(data.get("rcd"))
        self.meter = meter_of(data["meter"], bus, i2c, _counter_of, number)

    def fault_signals(self):
        return _NO_SIGNALS


class Storage:
    """A `hal.contract.Storage`: littlefs in the controller's flash, mounted by `_boot.py`."""

    path = ""

    def trouble(self):
        try:
            import boot_report
        except ImportError:  # a stock image: its _boot.py formats what it cannot mount
            return None
        return boot_report.trouble


class Board:
    """A `hal.contract.Board`. `modem`: a `hal.parts.from_data.Modem`, None without; `link` is put here by who
    starts the charger."""

    def __init__(self, data: dict):
        speed_up()
        micropython.alloc_emergency_exception_buf(100)  # an exception in the interrupt can be told then
        cause = machine.reset_cause() == machine.WDT_RESET
        asked = cause and machine.mem32[_SCRATCH] == _ASKED
        machine.mem32[_SCRATCH] = 0
        self._cause = "Reset" if asked else "Watchdog" if cause else "PowerUp"
        self.name = data["name"]
        self.console = True
        self.storage = Storage()
        bus = bus_of(data.get("modbus"))
        i2c = i2c_of(data.get("i2c"))
        rows = enumerate(data["connectors"])
        self.connectors = [Connector(index + 1, row, bus, i2c) for index, row in rows]
        self.grid_meter = meter_of(data.get("grid_meter"), bus)
        self.tag_reader = reader_of(data.get("reader"), i2c)
        self.indicator = indicator_of(data.get("indicator"), len(self.connectors), _pixels)
        self.buzzer = buzzer_of(data.get("buzzer"))
        self.button = Button(input_of(data["button"])) if "button" in data else None
        self.start_button = Button(input_of(data["start_button"])) if "start_button" in data else None
        power_fail = input_of(data.get("power_fail"))
        self.power_fails = None if power_fail is None else power_fail.on
        self.clock = Clock()
        self.link = None
        self.modem = modem_of(data["links"])
        self._stop = input_of(data.get("emergency_stop"))
        self._stop_contact = StopContact(self._stop)
        self.watchdog = None
        if data.get("watchdog_ms"):
            self.watchdog = Watchdog(data["watchdog_ms"])
        self._tick = _nobody
        self._slow = ()
        self._pass = 0
        self._period_ms = 0
        self._pulse = None
        self._count_register = 0

    def every_ms(self, period_ms, fn):
        """Not `machine.Timer`, whose callbacks wait for the interpreter (hard ones came with 1.26): a DMA
        channel counts periods of the pilot and interrupts. It is started again by its own interrupt, so what
        came late is not made up for; with the next period when `fn` says that it is in doubt.
        """
        self._tick = fn
        self._period_ms = period_ms
        # Bound methods are made here: looked up in the interrupt they would be allocated there.
        slow = [connector.lock.tick for connector in self.connectors if connector.lock]
        slow += [connector.rcd.tick for connector in self.connectors if connector.rcd]
        slow += [part.tick for part in (self.indicator, self.buzzer) if part]
        self._slow = tuple(slow)
        pulse = DMA()
        silence(pulse)
        slot = bytearray(4)
        treq = _DREQ_WRAP + self.connectors[0].sampler.slice
        control = pulse.pack_ctrl(inc_read=False, inc_write=False, treq_sel=treq, irq_quiet=False)
        pulse.config(read=slot, write=slot, count=period_ms, ctrl=control)
        pulse.irq(self._interrupt, hard=True)
        self._pulse = (pulse, slot)
        self._count_register = _DMA_COUNT + 0x40 * number_of(pulse)
        if self.watchdog is not None:
            self.watchdog.start()
        pulse.active(True)
        return True

    def _interrupt(self, _):
        doubt = self._tick()
        # Motor, test current, lamp and buzzer have time: each pass looks after one of them.
        slow = self._slow
        if slow:
            self._pass = (self._pass + 1) % len(slow)
            slow[self._pass]()
        # The wraps are counted from here on: a pass that takes less than a period costs none.
        put(self._count_register, 1 if doubt else self._period_ms)

    def rest(self):
        """Somebody works at the REPL, or a reset is near: contactors open, no interrupt, no watchdog, no
        samples. May be interrupted (a second Ctrl-C) and called again."""
        if self._pulse is not None:
            pulse, _ = self._pulse
            pulse.irq(None)
            silence(pulse)
            self._pulse = None
            pulse.close()
        for connector in self.connectors:
            connector.contactor.drive(False)
            if connector.lock:
                connector.lock.rest()
            if connector.rcd:
                connector.rcd.rest()
        if self.buzzer:
            self.buzzer.rest()
        for connector in self.connectors:
            connector.pilot.set_duty(10000)
            connector.sampler.stop()
        starting.end()

    def stopped(self):
        return self._stop is not None and self._stop.on()

    def fault_signals(self):
        return _EMERGENCY_STOP if self._stop_contact.confirmed() else _NO_SIGNALS

    def reset(self):
        machine.mem32[_SCRATCH] = _ASKED
        machine.reset()

    def cause(self):
        return self._cause


class Watchdog:
    """A `hal.contract.Watchdog`, 8388 ms at most. With the timer interrupt that feeds it it takes over from
    `hal.rp2.starting`."""

    def __init__(self, timeout_ms):
        self._timeout_ms = timeout_ms
        self.feed = _nobody

    def start(self):
        starting.handed_over()
        self.feed = machine.WDT(timeout=self._timeout_ms).feed


def _pixels(pin):
    from hal.rp2.pixels import Pixels  # few boards have some

    return Pixels(pin).send, micropython.schedule


def _nobody():
    pass
