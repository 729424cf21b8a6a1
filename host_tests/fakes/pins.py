# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Pin, PWM and ADC of `machine`."""

# By the chip's variant: pins that there are, that only read, that the converter has.
_PINS = {
    "rp2040": range(30),
    "esp32": (*range(6), *range(12, 20), 21, 22, 23, 25, 26, 27, *range(32, 40)),
    "esp32s3": (*range(22), *range(33, 49)),
}
_INPUT_ONLY = {"rp2040": (), "esp32": range(34, 40), "esp32s3": ()}
_ANALOG = {"rp2040": range(26, 30), "esp32": range(32, 40), "esp32s3": range(1, 11)}
_FULL = 65535


class State:
    """What all objects of one pin share. pwm: the PWM on it; function: of a bus that has it, such as "UART1
    tx"; idle: the level that the bus drives while it has nothing to say, None for an input of its own."""

    def __init__(self, number):
        self.number = number
        self.mode = None
        self.pull = None
        self.latch = 0
        self.pwm = None
        self.function = None
        self.idle = None
        self.writes = []  # every level that was put on it
        self.handler = None  # of its interrupt

    def driven(self):
        if self.pwm is not None:
            return self.pwm._level()
        if self.function is not None:
            return self.idle
        return self.latch if self.mode == "out" else None

    def owner(self):
        """Who uses it, in a word; None: nobody."""
        return self.function or ("PWM" if self.pwm is not None else self.mode)


def number_of(pin) -> int:
    return pin if isinstance(pin, int) else pin._state.number


def take(chip, number, function, idle) -> None:
    """A bus gets this pin. The chip takes it from whoever has it, and says nothing: here it is an error, and
    remembered, whoever swallows it."""
    state = chip.pins.setdefault(number, State(number))
    listened = function.startswith("I2C") and state.mode == "in"  # to see whether the line is free
    if state.owner() not in (None, function) and not listened:
        error = AssertionError("GPIO%d of %s is taken by %s" % (number, state.owner(), function))
        chip.violations.append(error)
        raise error
    state.function, state.idle = function, idle


class Pin:
    def __init__(self, id, mode=-1, pull=-1, *, value=None, drive=None, alt=None):
        chip = self._chip
        if not isinstance(id, int):
            id = number_of(id)
        if id not in _PINS[chip.variant]:
            raise ValueError("invalid pin")
        self._state = chip.pins.setdefault(id, State(id))
        self._set(mode, pull, value)

    def init(self, mode=-1, pull=-1, *, value=None, drive=None, alt=None):
        self._set(mode, pull, value)

    def _set(self, mode, pull, value):
        state = self._state
        fixed = state.number in _INPUT_ONLY[self._chip.variant]
        if value is not None:
            # Before the direction: a pin that becomes an output has its level at once.
            state.latch = 1 if value else 0
            state.writes.append(state.latch)
        if mode not in (-1, None):
            if mode not in (self.IN, self.OUT, self.OPEN_DRAIN):
                raise ValueError("invalid pin mode %r" % mode)
            if fixed and mode != self.IN:
                raise ValueError("pin can only be input")
            state.mode = "in" if mode == self.IN else "out"
            state.pwm = state.function = None
        if pull != -1:
            if pull not in (None, self.PULL_UP, self.PULL_DOWN):
                raise ValueError("invalid pull %r" % pull)
            if fixed and pull is not None:
                # MicroPython says nothing; the pin floats all the same.
                raise ValueError("GPIO%d has no pull resistor" % state.number)
            state.pull = {None: None, self.PULL_UP: 1, self.PULL_DOWN: 0}[pull]

    def value(self, *level):
        state = self._state
        if level:
            if state.mode != "out":
                raise AssertionError("GPIO%d is written and is no output" % state.number)
            state.latch = 1 if level[0] else 0
            state.writes.append(state.latch)
            return None
        if state.mode == "out":
            return state.latch
        seen = self._chip.external.get(state.number, state.pull)
        if seen is None:
            raise AssertionError("GPIO%d floats: nothing outside, no pull" % state.number)
        return seen

    def __call__(self, *level):
        return self.value(*level)

    def irq(self, handler=None, trigger=0, **how):
        """The test calls it: `State.handler`."""
        self._state.handler = handler

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)


class PWM:
    def __init__(self, dest, *, freq=None, duty_u16=None, duty_ns=None, invert=False):
        self._state = self._chip.pins.setdefault(number_of(dest), State(number_of(dest)))
        if self._state.number in _INPUT_ONLY[self._chip.variant]:
            raise ValueError("PWM not supported on pin %d" % self._state.number)
        self._state.pwm = self
        self._freq = 5000 if freq is None else freq
        self._set(32768 if duty_u16 is None else duty_u16)

    def _set(self, duty_u16):
        if not 0 <= duty_u16 <= _FULL:
            raise ValueError("duty_u16 must be from 0 to 65535")
        self._duty = duty_u16

    def _level(self):
        return self._high(self._chip.now_us)

    def _high(self, us):
        """1 in the high phase, at an instant. 65535 is steady."""
        if self._duty == _FULL:
            return 1
        period_us = 1000000 / self._freq
        return 1 if us % period_us * 65536 < self._duty * period_us else 0

    def duty_u16(self, *value):
        if not value:
            return self._duty
        return self._set(value[0])

    def freq(self, *value):
        if not value:
            return self._freq
        self._freq = value[0]
        return None

    def deinit(self):
        self._state.pwm = None


class ADC:
    """12 bits of 3300 mV."""

    def __init__(self, id, *, sample_ns=None, atten=None):
        chip = self._chip
        number = number_of(id)
        if number not in _ANALOG[chip.variant]:
            raise ValueError("invalid Pin")
        if chip.name == "rp2" and atten is not None:
            raise TypeError("extra keyword arguments given")
        if chip.name == "esp32" and atten != self.ATTN_11DB:
            raise AssertionError("without 11 dB the converter ends at 1 V")
        self._number = number

    def _millivolts(self):
        chip = self._chip
        found = chip.analog[self._number](chip.now_us + chip.read_us // 2)
        chip.now_us += chip.read_us
        return found

    def read_u16(self):
        counts = min(max(int(self._millivolts() * 4095 / 3300), 0), 4095)
        return counts << 4 | counts >> 8


class Esp32ADC(ADC):
    """Calibrated: reads 0 below 100 mV and no more than 3150 mV, in whole millivolts."""

    def read_uv(self):
        millivolts = int(self._millivolts())
        return 0 if millivolts < 100 else min(millivolts, 3150) * 1000


def classes(chip_name: str) -> dict:
    return {"Pin": Pin, "PWM": PWM, "ADC": Esp32ADC if chip_name == "esp32" else ADC}
