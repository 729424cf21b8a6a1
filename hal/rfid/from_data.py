# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The tag reader that a board's data describe (`hal.board_keys`). The same on every chip."""

import machine

_SPI_HZ = 4000000


def reader_of(data: "dict | None", i2c=None):
    """A `hal.contract.TagReader`; None for None. `i2c`: a machine.I2C or None."""
    if data is None:
        return None
    pin = machine.Pin
    kind = data["kind"]
    if kind == "rdm6300":
        from hal.rfid.rdm6300 import Rdm6300

        return Rdm6300(_uart(data, 9600))
    reset = pin(data["reset"]["pin"], pin.OUT, value=1) if "reset" in data else None
    if kind == "mfrc522":
        from hal.rfid.mfrc522 import Mfrc522

        spi = machine.SPI(
            data["spi"], _SPI_HZ, sck=pin(data["sck"]), mosi=pin(data["mosi"]), miso=pin(data["miso"])
        )
        return Mfrc522(spi, pin(data["cs"], pin.OUT, value=1), reset)
    from hal.rfid import pn532, pn532_line

    if kind == "pn532_uart":
        return pn532.Pn532(pn532_line.UartLine(_uart(data, 115200)), reset)
    return pn532.Pn532(pn532_line.I2cLine(i2c), reset)


def _uart(data, baud):
    # Both pins: what a UART is not given it takes by itself, and drives.
    tx, rx = machine.Pin(data["tx"]), machine.Pin(data["rx"])
    return machine.UART(data["uart"], baud, tx=tx, rx=rx, timeout=0, rxbuf=256)
