# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The meters that a board's data describe (`hal.board_keys`). The same on every chip."""

import machine

from hal.parts.from_data import output_of


def bus_of(data: "dict | None"):
    """The wires that all meters on Modbus share; None where there are none."""
    if data is None:
        return None
    from hal.meter.modbus import Bus

    tx, rx = machine.Pin(data["tx"]), machine.Pin(data["rx"])
    baud, stop = data["baud"], data.get("stop", 1)
    parity = {"none": None, "even": 0, "odd": 1}[data.get("parity", "none")]
    uart = machine.UART(data["uart"], baud, 8, parity, stop, tx=tx, rx=rx, timeout=0, rxbuf=256)
    return Bus(uart, baud, output_of(data.get("direction")), parity, stop)


def meter_of(data: "dict | None", bus, i2c=None, counter_of=None, number=1):
    """A `hal.contract.Meter`; None for None. `i2c`: a machine.I2C or None; `counter_of`: of the chip, counts
    pulses of the connector `number`."""
    if data is None:
        return None
    from hal.board_keys import MODBUS_METERS  # not kept: `main` forgets that module

    kind = data["kind"]
    if kind in MODBUS_METERS or kind == "auto":
        bus.users += 1
    if kind == "auto":
        from hal.meter.auto import AutoMeter

        return AutoMeter(bus, data["phases"], data.get("address"))
    if kind in MODBUS_METERS:
        from hal.meter.registers import RegisterMeter, table_of

        return RegisterMeter(bus, data["address"], table_of(kind))
    if kind == "s0" and counter_of is not None:
        from hal.meter.pulse import PulseMeter

        return PulseMeter(counter_of(data["pulse"], number), data["imp_per_kwh"])
    from hal.meter.chip import ChipMeter
    from hal.parts.buses import chip_spi

    if kind == "ade7953":
        from hal.meter import ade7953

        if "spi" in data:
            spi, select = chip_spi(data)
            port = ade7953.Spi(spi, select)
        else:
            port = ade7953.I2c(i2c)
        return ChipMeter(ade7953.Ade7953(port, data), data["counts_per_kwh"], 1)
    from hal.meter.atm90e32 import Atm90e32

    spi, select = chip_spi(data)
    return ChipMeter(Atm90e32(spi, select, data), data["counts_per_kwh"], data["phases"])
