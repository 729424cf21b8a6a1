# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""MCP9808 and TMP1075 on I2C. Both measure all the time, 4 times a second or more.

After a moment without supply they show 0.0 degrees until their first measurement. So a threshold of theirs
that nobody uses gets a mark: without it the chip has started anew, and its value is not taken. MCP9808
datasheet section 5; TMP1075 datasheet section 8.5.
"""

import asyncio

_FIRST_S = 0.3  # from a start to the first value, both
_COLDEST_D, _HOTTEST_D = -400, 1250

# register of the temperature, of the mark, the mark, (register, mask, value) that say which chip it is, and
# that it measures: one in shutdown says the same for ever
_MCP9808 = (5, 2, 0x0550, ((6, 0xFFFF, 0x0054), (7, 0xFF00, 0x0400), (1, 0x0100, 0)))
_TMP1075 = (0, 3, 0x5500, ((15, 0xFFFF, 0x7500), (1, 0x0100, 0)))


class I2cThermometer:
    """For `hal.temperature.polled`. `kind`: "mcp9808" or "tmp1075"; `i2c`: machine.I2C."""

    def __init__(self, i2c, kind: str, address: int):
        self._i2c = i2c
        self._address = address
        self._registers = _MCP9808 if kind == "mcp9808" else _TMP1075
        self._flags = kind == "mcp9808"  # three bits above the sign
        self._ready = False

    async def measure(self):
        """Deci-degrees Celsius, None: another chip, or one that starts. OSError: nobody is there."""
        register, mark_at, mark, identity = self._registers
        if not self._ready:
            for number, mask, value in identity:
                if self._get(number) & mask != value:
                    return None
            await asyncio.sleep(0)
            data = bytes((mark >> 8, mark & 0xFF))
            self._i2c.writeto_mem(self._address, mark_at, data)
            if self._get(mark_at) != mark:
                return None
            self._ready = True
            await asyncio.sleep(_FIRST_S)
        value = self._get(register)
        if self._get(mark_at) != mark:
            self._ready = False
            return None
        value = value & 0x1FFF if self._flags else value >> 4
        sign = 0x1000 if self._flags else 0x800
        value = (value ^ sign) - sign  # sixteenths of a degree
        value = value * 10 >> 4
        return value if _COLDEST_D <= value <= _HOTTEST_D else None

    def _get(self, register):
        data = self._i2c.readfrom_mem(self._address, register, 2)
        return data[0] << 8 | data[1]
