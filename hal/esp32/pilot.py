# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Control pilot of the ESP32: LEDC for the PWM, bursts of one-shot conversions of ADC1 for the voltage.

MicroPython has neither triggered nor continuous conversions on this chip. A reading takes some 50 to 100 us
of a period of 1000 us, and the high phase of 6 A lasts 100 us: readings as fast as they come may miss it for
ever when they fall into step with the pilot. So a burst is timed like the sweep of a sampling oscilloscope:
64 readings in an odd number of periods, 78.1 us apart with 5 of them, meet each 64th of the period exactly
once. Pilot and `ticks_us` run from the same crystal.

`sample` runs in a soft timer callback: whatever keeps the interpreter in one C call keeps it waiting. Known
to do so: a step of a TLS handshake, a name server (`getaddrinfo`), an erase or write of the flash, a garbage
collection.
"""

from array import array
from time import sleep_us, ticks_diff, ticks_us

from machine import ADC, PWM, Pin

from hal.esp32.plateaus import COUNT, Plateaus

_PERIOD_US = 1000
# Periods that a burst may take. Odd: then no two readings of it have the same phase.
_SPANS = (3, 5, 7, 9)
_SETTLED_US = 2 * _PERIOD_US  # a new duty begins with the next period
_TRIED = 8


class Pilot:
    """A `hal.contract.Pilot`. `calibration`: of tenths of a millivolt at the pin (hal.parts.calibration).

    span   periods, which are milliseconds, that a burst takes: as few as the converter's speed allows
    """

    sample_ms = 0

    def __init__(self, pwm_pin: int, adc_pin: int, calibration):
        # Steady +12 V from the first instant: the firmware has not looked yet.
        self._pwm = PWM(Pin(pwm_pin), freq=1000, duty_u16=65535)
        self._duty_e4 = 10000
        self._changed = ticks_us()
        self._settling = True
        self._read = ADC(Pin(adc_pin), atten=ADC.ATTN_11DB).read_uv
        self._readings = [0] * COUNT
        self._plateaus = Plateaus(calibration)
        self._busy = False
        self.high_mv = array("h", [0])
        self.low_mv = array("h", [0])
        self.span = self._fastest()
        sleep_us(_SETTLED_US)
        self.sample()

    def set_duty(self, duty_e4: int) -> None:
        if duty_e4 >= 10000:
            level = 65535  # which LEDC takes for 65536 of 65536: no edge at all
        elif duty_e4 <= 0:
            level = 0
        else:
            # LEDC drops the bits that it has not (13 of 16 on an S2, S3, C3): down, too.
            level = duty_e4 * 65536 // 10000
        self._pwm.duty_u16(level)
        if duty_e4 != self._duty_e4:
            self._duty_e4 = duty_e4
            self._changed = ticks_us()
            self._settling = True

    def sample(self) -> int:
        if self._busy:  # a timer's callback that came while `read` was at it
            return 0
        if self._settling:
            if ticks_diff(ticks_us(), self._changed) < _SETTLED_US:
                return 0
            self._settling = False
        self._busy = True
        try:
            self._burst()
        except OSError:  # of the converter: MicroPython tells from 1.29 on
            return -1
        finally:
            self._busy = False
        plateaus = self._plateaus
        if not plateaus.find(self._readings, self._duty_e4):
            return -1
        self.high_mv[0] = plateaus.high_mv
        self.low_mv[0] = plateaus.low_mv
        return 1

    def read(self) -> tuple:
        """What `sample` found last."""
        return self.high_mv[0], self.low_mv[0]

    def level(self) -> int:
        """Tenths of a millivolt at the pin, the median of the last burst: for calibration, with a steady
        pilot."""
        return self._readings[COUNT // 2]

    def _burst(self):
        readings = self._readings
        read = self._read
        # In eighths of 125 us * span: 64 readings of (1000 * span / 64) us each.
        step = _PERIOD_US // 8 * self.span
        start = ticks_us()
        for index in range(COUNT):
            while ticks_diff(ticks_us(), start) < index * step >> 3:
                pass
            readings[index] = read() // 100

    def _fastest(self):
        """The shortest span in which the converter keeps up. OSError: it is too slow for any."""
        least = _PERIOD_US
        for _ in range(_TRIED):
            start = ticks_us()
            self._read()
            least = min(least, ticks_diff(ticks_us(), start))
        for span in _SPANS:
            # A tenth more, for the loop around it.
            if least * 11 // 10 + 5 <= span * _PERIOD_US // COUNT:
                return span
        raise OSError("pilot: a reading takes %d us" % least)
