# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The I2C bus of a board's data, and the SPI of a metering chip."""

import time

import machine

# A transfer that takes longer than this has failed: a part that holds the clock must not hold the charger,
# which with what comes on top (0.05 ms) has to be back within 5 ms.
# The longest there is, a PN532's, takes 3.8 ms and what that chip stretches the clock.
_LONGEST_US = 4900
_CLOCKS = 9


def i2c(data: dict):
    """A `machine.I2C`. A part that a reset of the controller has interrupted in the middle of a byte holds
    the data line: it is clocked until it lets go (UM10204, 3.1.16)."""
    pin = machine.Pin
    sda = pin(data["sda"], pin.IN, pin.PULL_UP)
    scl = pin(data["scl"], pin.OPEN_DRAIN, pin.PULL_UP, value=1)
    for _ in range(_CLOCKS):
        if sda.value():
            break
        scl.value(0)
        time.sleep_us(5)
        scl.value(1)
        time.sleep_us(5)
    # Inputs again: the bus takes them.
    scl.init(pin.IN, pin.PULL_UP)
    longest = {"timeout": _LONGEST_US}  # the stubs of the RP2040 have it not (ports/rp2/machine_i2c.c)
    return machine.I2C(data["i2c"], scl=scl, sda=sda, freq=data.get("hz", 100000), **longest)


def chip_spi(data: dict) -> tuple:
    """(machine.SPI, its select pin) of a metering chip: the clock rests high, 500 kHz."""
    pin = machine.Pin
    # Before the bus: at rest, or the chip takes the clock's first edge for one of its own.
    select = pin(data["cs"], pin.OUT, value=1)
    sck, mosi, miso = pin(data["sck"]), pin(data["mosi"]), pin(data["miso"])
    spi = machine.SPI(data["spi"], 500000, polarity=1, phase=1, sck=sck, mosi=mosi, miso=miso)
    return spi, select
