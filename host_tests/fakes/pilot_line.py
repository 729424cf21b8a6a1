# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The pilot line of a car and its source as a voltage over time, and the divider to a converter's pin."""

import random

# State -> what the car's resistors leave of +12 V behind a source of 1000 ohm (IEC 61851-1 table A.2).
HIGH_MV = {"A": 12000, "B": 9000, "C": 6000, "D": 3000, "E": 0}


class PilotLine:
    """`mv(us)`: millivolts at the pin. The source is what the chip's PWM on `pin` says.

    state     A to E; E is a short of the pilot to earth
    diode     the car has one: the negative half is not loaded
    scale, offset_mv   pin = pilot * scale + offset
    noise_mv  at the pin, standard deviation
    edge_us   how long a full swing of the line takes
    """

    def __init__(self, chip, pin, scale=0.0803, offset_mv=1232.4, noise_mv=0.0, edge_us=3.0, seed=1):
        self.chip = chip
        self.pin = pin
        self.scale = scale
        self.offset_mv = offset_mv
        self.noise_mv = noise_mv
        self.edge_us = edge_us
        self.state = "A"
        self.diode = True
        self.forced_mv = None  # something else holds the line
        self._random = random.Random(seed)

    def pilot_mv(self, us: float) -> float:
        if self.forced_mv is not None:
            return self.forced_mv
        pwm = self.chip.pins[self.pin].pwm
        high = HIGH_MV[self.state]
        low = -12000
        if self.state == "E":
            low = 0
        elif not self.diode and self.state != "A":
            low = -high
        level = high if pwm._high(us) else low
        before = high if pwm._high(us - self.edge_us) else low
        if level == before:
            return level
        # On an edge: how far along is it?
        step = self.edge_us / 8
        along = sum(pwm._high(us - step * count) == pwm._high(us) for count in range(8)) / 8
        return before + (level - before) * along

    def mv(self, us: float) -> float:
        noise = self._random.gauss(0, self.noise_mv) if self.noise_mv else 0
        return self.pilot_mv(us) * self.scale + self.offset_mv + noise
