# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Control pilot of the RP2040: a `hal.contract.Pilot` on a `Sampler`."""


class Pilot:
    """A `hal.contract.Pilot`."""

    sample_ms = 3  # the median of three cycles

    def __init__(self, sampler):
        self.high_mv = sampler.high_mv
        self.low_mv = sampler.low_mv
        self.set_duty = sampler.set_duty
        self.sample = sampler.sample

    def read(self):
        """What the guard was given last: its interrupt looks every few milliseconds."""
        return self.high_mv[0], self.low_mv[0]
