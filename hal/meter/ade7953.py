# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""ADE7953, a metering chip for one phase, on I2C or SPI: voltage, current channel A, active power and energy.

Registers have 8, 16, 24 or 32 bits by their address, the high byte first; those of 24 bits are read as 32.
ADE7953 datasheet, tables 13 to 17; the energy register clears when it is read (LCYCMODE bit 6), LAST_RWDATA
holds the last transfer.
"""

import asyncio

_ADDRESS = 0x38

_CONFIG = 0x102
_RESERVED = 0x120
_PERIOD = 0x10E
_AWATT = 0x312
_AIRMS = 0x31A
_VRMS = 0x31C
_AENERGY = 0x31E
_LAST_32 = 0x3FF

_RESET = 0x0084  # software reset, high-pass filter on, the bus locked to the one in use
_UNLOCK = (0x0FE, 0xAD)
_OPTIMUM = 0x0030  # "required" by the datasheet; 0 after a reset: that it is there says that all of it is
_RESET_S = 0.12
_UNITY = 0x400000


def _bytes_of(register):
    return min(register >> 8, 3) + 1


class I2c:
    """The chip at `i2c` (machine.I2C)."""

    def __init__(self, i2c):
        self._i2c = i2c

    def get(self, register) -> int:
        data = self._i2c.readfrom_mem(_ADDRESS, register, _bytes_of(register), addrsize=16)
        return int.from_bytes(data, "big")

    def put(self, register, value):
        self._i2c.writeto_mem(_ADDRESS, register, value.to_bytes(_bytes_of(register), "big"), addrsize=16)


class Spi:
    """The chip on `spi` (machine.SPI); `select`: an output pin that rests high."""

    def __init__(self, spi, select):
        self._spi = spi
        self._select = select
        select(1)

    def get(self, register) -> int:
        out = bytearray(3 + _bytes_of(register))
        out[0] = register >> 8
        out[1] = register & 0xFF
        out[2] = 0x80
        self._exchange(out)
        return int.from_bytes(out[3:], "big")

    def put(self, register, value):
        self._exchange(
            bytearray((register >> 8, register & 0xFF, 0)) + value.to_bytes(_bytes_of(register), "big")
        )

    def _exchange(self, data):
        self._select(0)
        try:
            self._spi.write_readinto(data, data)
        finally:
            self._select(1)


class Ade7953:
    """For `hal.meter.chip`. `port`: I2c or Spi; `data`: of the board, see `hal.board_keys`."""

    def __init__(self, port, data: dict):
        self._get = port.get
        self._put = port.put
        self._per_v = data["counts_per_v"]
        self._per_a = data["counts_per_a"]
        self._per_w = data["counts_per_w"]
        self._settings = (
            (_RESERVED, _OPTIMUM),
            (_CONFIG, 0x0004),
            (0x004, 0x40),  # LCYCMODE: energy is cleared when it is read
            (0x301, 0),  # ACCMODE: signed
            (0x007, data.get("voltage_pga", 0)),
            (0x008, data.get("current_pga", 0)),
            (0x380, data.get("current_gain", _UNITY)),
            (0x381, data.get("voltage_gain", _UNITY)),
            (0x382, data.get("power_gain", _UNITY)),
        )
        self._turn = 0

    async def set_up(self):
        self._put(_CONFIG, _RESET)
        await asyncio.sleep(_RESET_S)
        self._put(*_UNLOCK)
        for register, value in self._settings:
            self._put(register, value)
            if self._get(register) != value:
                return False
            await asyncio.sleep(0)
        return True

    async def measure(self):
        voltage_mv = self._get(_VRMS) * 1000 // self._per_v
        current_ma = self._get(_AIRMS) * 1000 // self._per_a
        await asyncio.sleep(0)  # seven transfers, on a bus of 100 kHz 5 ms
        power = _signed(self._get(_AWATT))
        frequency_mhz = 223750000 // (self._get(_PERIOD) + 1)
        await asyncio.sleep(0)
        power_w = power // self._per_w if power >= 0 else -(-power // self._per_w)
        known = 40000 <= frequency_mhz <= 70000
        return (voltage_mv,), (current_ma,), power_w, frequency_mhz if known else None

    def take(self, phase):
        return _signed(self._get(_AENERGY)), _signed(self._get(_LAST_32))

    def as_set_up(self):
        """By the one that every reset clears, and one of the others in turn."""
        self._turn = (self._turn + 1) % len(self._settings)
        register, value = self._settings[self._turn]
        return self._get(_RESERVED) == _OPTIMUM and self._get(register) == value


def _signed(value):
    return value - (1 << 32) if value >> 31 else value
