# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""DS18B20 on 1-wire: one sensor on its own pin, with its own supply (parasitic supply is not supported).

After a moment without supply the sensor shows 85.0 degrees, which a hot contact may show as well. So its two
alarm bytes get marks that only its RAM holds: a value counts while they are there. Without them the sensor
has started anew, and shows nothing that it has measured.

A bit takes 70 us, with interrupts off for 16 of them (read) or all (write), a byte 0.6 ms, the reset pulse 1
ms (extmod/modonewire.c): between them the loop has its turn. DS18B20 datasheet, "memory" and "function
commands".
"""

import asyncio

import log

_FAMILY = 0x28
_READ_ROM = 0x33
_SKIP_ROM = 0xCC
_CONVERT = 0x44
_READ_SCRATCHPAD = 0xBE
_WRITE_SCRATCHPAD = 0x4E
_READ_SUPPLY = 0xB4

_MARKS = b"\x5a\x26"  # of TH and TL: never written to its EEPROM
_CONFIG = 0x7F  # 12 bits
_CONVERSION_S = 0.75
_LATE_S = 0.05
_LATE_LOOKS = 10  # clones are slower
_COLDEST_D, _HOTTEST_D = -550, 1250


class Ds18b20:
    """For `hal.temperature.polled`. `wire`: the module `_onewire`; `pin`: an open-drain pin with a resistor
    of 4.7 k to the supply."""

    def __init__(self, wire, pin):
        self._wire = wire
        self._pin = pin
        self._ready = False
        self._told = ""

    async def measure(self):
        """Deci-degrees Celsius, None: none that can be believed. Takes 0.8 s."""
        why = ""
        if not self._ready:
            why = await self._set_up()
        value = None
        if not why:
            why, value = await self._converted()
        if why:
            self._ready = False
        if why != self._told:
            self._told = why
            log.warning("temperature", "DS18B20: %s", why or "answers")
        return value

    async def _set_up(self):
        """Why it cannot be used; empty: it can."""
        if not await self._command(_READ_ROM):
            return "no sensor"
        rom = await self._read(8)
        if self._wire.crc8(rom):
            return "damaged address, or more than one sensor"
        if rom[0] != _FAMILY:
            return "family %02x is another sensor" % rom[0]
        if not await self._command(_SKIP_ROM, _READ_SUPPLY):
            return "no sensor"
        if not self._wire.readbit(self._pin):
            return "parasitic supply"
        if not await self._command(_SKIP_ROM, _WRITE_SCRATCHPAD, _MARKS[0], _MARKS[1], _CONFIG):
            return "no sensor"
        self._ready = True
        return ""

    async def _converted(self):
        """(why there is no value, value)."""
        if not await self._command(_SKIP_ROM, _CONVERT):
            return "no sensor", None
        await asyncio.sleep(_CONVERSION_S)
        looks = 0
        while not self._wire.readbit(self._pin):
            looks += 1
            if looks > _LATE_LOOKS:
                return "conversion does not end", None
            await asyncio.sleep(_LATE_S)
        if not await self._command(_SKIP_ROM, _READ_SCRATCHPAD):
            return "no sensor", None
        data = await self._read(9)
        if self._wire.crc8(data):
            return "damaged answer", None
        if data[2:4] != _MARKS or data[4] != _CONFIG:
            return "it has started anew", None
        raw = data[0] | data[1] << 8
        if raw & 0x8000:
            raw -= 0x10000
        value = raw * 10 >> 4
        if not _COLDEST_D <= value <= _HOTTEST_D:
            return "no temperature", None
        return "", value

    async def _command(self, *data):
        """False: nobody answers the reset pulse."""
        await asyncio.sleep(0)
        if not self._wire.reset(self._pin):
            return False
        for byte in data:
            await asyncio.sleep(0)
            self._wire.writebyte(self._pin, byte)
        return True

    async def _read(self, count):
        data = bytearray(count)
        for index in range(count):
            await asyncio.sleep(0)
            data[index] = self._wire.readbyte(self._pin)
        return data
