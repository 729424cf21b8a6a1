# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Ethernet of the ESP32 (ports/esp32/network_lan.c): its own MAC with a PHY, or a W5500 on SPI."""

import machine
import network

from hal.parts.ethernet import Ethernet
from hal.parts.from_data import output_of

_SPI_HZ = 20000000
# status(): ETH_CONNECTED and ETH_GOT_IP. Its handler takes the events of Wi-Fi for its own: where both are up
# a join of Wi-Fi looks like a cable that went (1.25). `net.links` has one at a time.
_CABLE = (3, 5)


def link_of(data: dict, fixed=None) -> Ethernet:
    """Of a board's link "lan" or "w5500"; `fixed`: as of `hal.parts.ethernet.Ethernet`."""
    reset = output_of(data.get("reset"))
    return Ethernet(lambda: _w5500(data) if data["kind"] == "w5500" else _lan(data), _cable, fixed, reset)


def _cable(nic):
    return nic.status() in _CABLE


def _lan(data):
    pin = machine.Pin
    power = output_of(data.get("power"))
    if power is not None:
        power.put(True)
    return network.LAN(
        0,  # pyright: ignore[reportCallIssue] (the stub's class is in two pieces)
        mdc=pin(data["mdc"]),
        mdio=pin(data["mdio"]),
        phy_type=getattr(network, "PHY_" + data["phy"].upper()),
        phy_addr=data["address"],
        ref_clk=pin(data["ref_clk"]),
        ref_clk_mode=pin.IN if data["clock"] == "in" else pin.OUT,
    )


def _w5500(data):
    pin = machine.Pin
    spi = machine.SPI(
        data["spi"], _SPI_HZ, sck=pin(data["sck"]), mosi=pin(data["mosi"]), miso=pin(data["miso"])
    )
    return network.LAN(
        0,  # pyright: ignore[reportCallIssue] (as above)
        phy_type=network.PHY_W5500,
        phy_addr=0,
        spi=spi,
        cs=pin(data["cs"]),
        int=pin(data["interrupt"]),
    )
