# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A board with an ESP32, put together from its data (`boards/<name>/board.py`, see `hal.board_data`)."""

import machine

from hal.esp32 import calibration
from hal.esp32.analog import Millivolts
from hal.esp32.clock import Clock
from hal.esp32.contactor import HOLD_MS, KeptAliveCoil
from hal.esp32.pilot import Pilot
from hal.meter.from_data import bus_of, meter_of
from hal.parts.analog import Proximity
from hal.parts.from_data import (
    buzzer_of,
    i2c_of,
    indicator_of,
    input_of,
    lock_of,
    modem_of,
    output_of,
    phase_switch_of,
    pilot_switch_of,
    rcd_of,
    temperature_of,
)
from hal.parts.wired import Button, Contactor, StopContact
from hal.rfid.from_data import reader_of
from hal.ticks import ticks_diff, ticks_ms

# Not 0: `UART.irq` takes that one for itself (machine_uart.c), and with it would take the guard's interrupt;
# PPP from MicroPython 1.28 on asks for such an interrupt. Chips with two timers have 0 and 1.
_TIMER = 1
_NO_SIGNALS = ()
_EMERGENCY_STOP = ("EmergencyStop",)


def _counter_of(data, number):
    from hal.esp32.pulses import counter_of

    return counter_of(data, number)


class Connector:
    """A `hal.contract.ConnectorHardware`."""

    def __init__(self, number, data, bus, i2c):
        self.number = number
        # First of all: whatever a crash has left, the coil is off.
        contactor = data["contactor"]
        alive = machine.Pin(contactor["alive"]["pin"], machine.Pin.OUT, value=0)
        coil = KeptAliveCoil(output_of(contactor["coil"]), alive)
        self.contactor = Contactor(coil, input_of(contactor.get("feedback")), HOLD_MS)
        pilot = data["pilot"]
        self.calibration = calibration.load(pilot["plus_12v_mv"] * 10, pilot["minus_12v_mv"] * 10)
        self.pilot = Pilot(pilot["pwm"], pilot["adc"], self.calibration)
        self.pilot_switch = pilot_switch_of(data.get("pilot_switch"))
        self.phase_switch = phase_switch_of(data.get("phase_switch"))
        self.lock = lock_of(data.get("lock"))
        self.rcd = rcd_of(data.get("rcd"))
        self.proximity = None
        if "proximity" in data:
            row = data["proximity"]
            self.proximity = Proximity(Millivolts(row["adc"]).read, row["supply_mv"], row["upper_ohm"])
        row = data.get("temperature")
        read = Millivolts(row["adc"]).read if row is not None and "adc" in row else None
        self.temperature = temperature_of(row, read, 3300 if row is None else row.get("supply_mv", 3300), i2c)
        self.meter = meter_of(data["meter"], bus, i2c, _counter_of, number)

    def fault_signals(self):
        return _NO_SIGNALS


class Storage:
    """A `hal.contract.Storage`: littlefs in the partition "vfs", mounted by our own _boot.py."""

    path = ""

    def trouble(self):
        try:
            import boot_report
        except ImportError:
            return "a stock image: its _boot.py does not tell, and stops at a damaged file system"
        return boot_report.trouble


class Watchdog:
    """A `hal.contract.Watchdog`. It begins with the timer that feeds it, and does not end."""

    def __init__(self, timeout_ms):
        self._timeout_ms = timeout_ms
        self._watchdog = None

    def start(self) -> None:
        self._watchdog = machine.WDT(timeout=self._timeout_ms)

    def feed(self) -> None:
        if self._watchdog is not None:
            self._watchdog.feed()


class Board:
    """A `hal.contract.Board`. `link`: a `hal.contract.Link`, such as `hal.esp32.wifi`. `modem`: a
    `hal.parts.from_data.Modem`, None without."""

    def __init__(self, data: dict, link=None):
        """`data`: passed `hal.board_data.require`. OSError: the converter is too slow for the pilot."""
        self.name = data["name"]
        self.console = True
        bus = bus_of(data.get("modbus"))
        i2c = i2c_of(data.get("i2c"))
        rows = enumerate(data["connectors"])
        self.connectors = [Connector(index + 1, row, bus, i2c) for index, row in rows]
        self.grid_meter = meter_of(data.get("grid_meter"), bus)
        self.storage = Storage()
        self.tag_reader = reader_of(data.get("reader"), i2c)
        self.indicator = indicator_of(data.get("indicator"), len(self.connectors), _pixels)
        self.buzzer = buzzer_of(data.get("buzzer"))
        self.button = Button(input_of(data["button"])) if "button" in data else None
        self.start_button = Button(input_of(data["start_button"])) if "start_button" in data else None
        self.link = link
        self.modem = modem_of(data["links"])
        self.clock = Clock()
        self.watchdog = Watchdog(data["watchdog_ms"])
        power_fail = input_of(data.get("power_fail"))
        self.power_fails = None if power_fail is None else power_fail.on
        self._emergency_stop = input_of(data.get("emergency_stop"))
        self._stop_contact = StopContact(self._emergency_stop)
        parts = [connector.lock for connector in self.connectors] + [row.rcd for row in self.connectors]
        self._limited = [part for part in parts if part is not None]
        self._timer = None
        self._fn = _nobody
        self._half_ms = 0
        self._last = ticks_ms()

    def every_ms(self, period_ms, fn):
        """A soft timer: its callback waits until the interpreter comes to it (hal.esp32.pilot)."""
        self._fn = fn
        self._half_ms = period_ms // 2
        self.watchdog.start()
        self._timer = machine.Timer(
            _TIMER, mode=machine.Timer.PERIODIC, period=period_ms, callback=self._tick
        )
        return True

    def _tick(self, _):
        # After a stall up to eight callbacks wait in the scheduler's queue: one of them will do, the others
        # would be bursts of the pilot one after the other.
        now = ticks_ms()
        if ticks_diff(now, self._last) < self._half_ms:
            return
        # Before the guard: an exception there must leave no motor and no test under current.
        for part in self._limited:
            part.tick()
        doubt = self._fn()
        self._last = ticks_ms()  # the second pass takes nothing of the next one's time
        if doubt:
            # Once more, before what made the monitor trip is gone with the contactor. Two bursts of the pilot
            # lie in between, some milliseconds.
            self._fn()
        # Behind the guard: LEDs that cannot be told cost it no pass.
        if self.buzzer is not None:
            self.buzzer.tick()
        if self.indicator is not None:
            self.indicator.tick()

    def rest(self):
        """The task watchdog cannot be stopped on this port: it restarts the controller within seconds."""
        # A callback may wait in the scheduler's queue, and the guard not know that it is over.
        self._fn = _nobody
        if self._timer is not None:
            self._timer.deinit()
            self._timer = None
        for connector in self.connectors:
            connector.contactor.drive(False)
            connector.pilot.set_duty(10000)
            if connector.lock is not None:
                connector.lock.rest()
            if connector.rcd is not None:
                connector.rcd.rest()
        if self.buzzer is not None:
            self.buzzer.rest()

    def stopped(self):
        return self._emergency_stop is not None and self._emergency_stop.on()

    def fault_signals(self):
        return _EMERGENCY_STOP if self._stop_contact.confirmed() else _NO_SIGNALS

    def reset(self):
        machine.reset()

    def cause(self):
        cause = machine.reset_cause()
        if cause == machine.PWRON_RESET:
            return "PowerUp"
        # A panic of the IDF counts as HARD_RESET, as `machine.reset` does: the chip does not tell them apart.
        return "Watchdog" if cause == machine.WDT_RESET else "Reset"


def _pixels(pin):
    """By the RMT, interrupts stay on; 14 LEDs take 0.42 ms. WS2812B: 0.4 and 0.8 us high of 1.25."""
    output = machine.Pin(pin, machine.Pin.OUT, value=0)

    def send(pixels):
        machine.bitstream(output, 0, (400, 850, 800, 450), pixels)

    return send, None


def _nobody():
    pass
