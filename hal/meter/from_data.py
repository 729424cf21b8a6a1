# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The meters that a board's data describe (`hal.board_keys`). The same on every chip."""

import machine

from hal.board_keys import MODBUS_METERS
from hal.parts.from_data import output_of


def bus_of(data: "dict | None"):
    """The wires that all meters on Modbus share; None where there are none."""
    if data is None:
        return None
    from hal.meter.modbus import Bus

    tx, rx = machine.Pin(data["tx"]), machine.Pin(data["rx"])
    uart = machine.UART(data["uart"], data["baud"], tx=tx, rx=rx, timeout=0, rxbuf=256)
    return Bus(uart, data["baud"], output_of(data.get("direction")))


def meter_of(data: "dict | None", bus):
    """A `hal.contract.Meter`; None for None."""
    if data is None:
        return None
    from hal.meter.eastron import Sdm

    return Sdm(bus, data["address"], MODBUS_METERS[data["kind"]])
