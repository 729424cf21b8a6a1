# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""ATM90E32, a metering chip for three phases, on SPI.

Frames of an address and a register of 16 bits, bit 15 of the address set to read. LastSPIData holds what the
last transfer carried: it says whether a write has come as it was sent, and an energy register clears only
when that was updated (ATM90E32AS datasheet, sections 4 and 5; the set-up is that of ESPHome, which many run).
"""

import asyncio

_METER_ENABLE = 0x00
_SOFT_RESET = 0x70
_LAST_DATA = 0x78
_ACCESS = 0x7F
_ENERGY = 0x81  # forward active energy of L1; L2 and L3 follow, as those below
_POWER = 0xB1
_POWER_LOW = 0xC1
_VOLTAGE = 0xD9
_CURRENT = 0xDD
_FREQUENCY = 0xF8

_OPEN = 0x55AA
_RESET_S = 0.006
_SETTLE_S = 0.1
_SIXTY_HZ = 0x1000


class Atm90e32:
    """For `hal.meter.chip`. `spi`: machine.SPI; `select`: an output pin that rests high; `data`: of the
    board, see `hal.board_keys`."""

    def __init__(self, spi, select, data: dict):
        self._phases = phases = data["phases"]
        self._spi = spi
        self._select = select
        self._frame = bytearray(4)
        mode = 0x0087 if phases == 3 else 0x0084  # which phases are summed
        settings = [
            (_METER_ENABLE, 0x0001),
            (0x05, 0xFF3F),
            (0x31, 0x0861),  # PL_constant of 3200 pulses for a kWh
            (0x32, 0xC468),
            (0x07, 0xD654),
            (0x33, mode | (_SIXTY_HZ if data["hz"] == 60 else 0)),
            (0x34, data.get("pga", 0x0000)),
            (0x35, 0x1D4C),  # below these it counts nothing
            (0x36, 0x1D4C),
            (0x37, 0x1D4C),
            (0x38, 0x02EE),
            (0x39, 0x02EE),
        ]
        for phase in range(phases):
            settings.append((0x61 + 4 * phase, data["voltage_gain"]))
            settings.append((0x62 + 4 * phase, data["current_gain"]))
        self._settings = tuple(settings)
        self._turn = 0
        select(1)

    async def set_up(self):
        self._put(_SOFT_RESET, 0x789A)
        await asyncio.sleep(_RESET_S)
        self._put(_ACCESS, _OPEN)
        if self._get(_LAST_DATA) != _OPEN:
            return False
        for register, value in self._settings:
            self._put(register, value)
            if self._get(_LAST_DATA) != value or self._get(register) != value:
                return False
            await asyncio.sleep(0)
        self._put(_ACCESS, 0)
        await asyncio.sleep(_SETTLE_S)
        return self.as_set_up()

    async def measure(self):
        voltage_mv, current_ma, power = [], [], 0
        for phase in range(self._phases):
            voltage_mv.append(self._get(_VOLTAGE + phase) * 10)
            current_ma.append(self._get(_CURRENT + phase))
            value = self._get(_POWER + phase) << 16 | self._get(_POWER_LOW + phase)
            power += value - (1 << 32) if value >> 31 else value
            await asyncio.sleep(0)
        frequency_mhz = self._get(_FREQUENCY) * 10
        # 0.00032 W each, towards zero.
        power_w = power * 4 // 12500 if power >= 0 else -(-power * 4 // 12500)
        known = 40000 <= frequency_mhz <= 70000
        return tuple(voltage_mv), tuple(current_ma), power_w, frequency_mhz if known else None

    def take(self, phase):
        return self._get(_ENERGY + phase), self._get(_LAST_DATA)

    def as_set_up(self):
        """By the one that every reset clears, and one of the others in turn."""
        self._turn = (self._turn + 1) % len(self._settings)
        register, value = self._settings[self._turn]
        return self._get(_METER_ENABLE) == 1 and self._get(register) == value

    # --- the bus: a frame at 500 kHz takes 64 us ---

    def _get(self, register):
        self._exchange(register | 0x8000, 0)
        return self._frame[2] << 8 | self._frame[3]

    def _put(self, register, value):
        self._exchange(register, value)

    def _exchange(self, address, value):
        frame = self._frame
        frame[0] = address >> 8
        frame[1] = address & 0xFF
        frame[2] = value >> 8
        frame[3] = value & 0xFF
        # Between select and the first clock 200 ns are enough: less than a line of this program takes.
        self._select(0)
        try:
            self._spi.write_readinto(frame, frame)
        finally:
            self._select(1)
