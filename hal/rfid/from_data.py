# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The tag reader that a board's data describe (`hal.board_keys`). The same on every chip."""

import machine

_SPI_HZ = 4000000


def reader_of(data: "dict | None"):
    """A `hal.contract.TagReader`; None for None."""
    if data is None:
        return None
    from hal.rfid.mfrc522 import Mfrc522

    pin = machine.Pin
    spi = machine.SPI(
        data["spi"], _SPI_HZ, sck=pin(data["sck"]), mosi=pin(data["mosi"]), miso=pin(data["miso"])
    )
    reset = pin(data["reset"]["pin"], pin.OUT, value=1) if "reset" in data else None
    return Mfrc522(spi, pin(data["cs"], pin.OUT, value=1), reset)
