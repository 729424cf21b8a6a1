# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A W5500 on the RP2040 (extmod/network_wiznet5k.c, its frames through lwIP).

`active(True)` resets the chip by its pin and waits for 0.41 s in all, in which nothing but the guard's
interrupt runs: once for each start.
"""

import machine

from hal.parts.ethernet import Ethernet

_SPI_HZ = 20000000


def link_of(data: dict, fixed=None) -> Ethernet:
    """Of a board's link "w5500"; `fixed`: as of `hal.parts.ethernet.Ethernet`."""
    return Ethernet(lambda: _nic(data), _cable, fixed)


def _cable(nic):
    # 2: a cable; 1: a cable, and the driver has taken the interface down, for the chip did not take a frame.
    # Either is one without an address, until the chip is started anew.
    return nic.status() != 0


def _nic(data):
    import network  # pyright: ignore (on no stock Pico)

    pin = machine.Pin
    spi = machine.SPI(
        data["spi"], _SPI_HZ, sck=pin(data["sck"]), mosi=pin(data["mosi"]), miso=pin(data["miso"])
    )
    cs = pin(data["cs"], pin.OUT, value=1)
    reset = pin(data["reset"]["pin"], pin.OUT, value=0)  # it rests until the driver begins
    interrupt = pin(data["interrupt"], pin.IN)
    return network.WIZNET5K(spi, cs, reset, interrupt)
