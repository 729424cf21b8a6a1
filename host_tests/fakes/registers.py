# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Registers of the RP2040 as `machine.mem32` and viper's `ptr32` see them: what is written is kept, and
written down in order. Only what the firmware waits for, or what stops something, does more.
"""

_PERIPHERALS = range(0x40000000, 0x40070000)
_ALIAS = 0x3000
_SET, _CLEAR = 0x2000, 0x3000
_DMA = range(0x50000000, 0x50000000 + 12 * 0x40)
_CHAN_ABORT = 0x50000444
_ADC_FCS = 0x4004C008
_FIFO_EMPTY = 1 << 8
_WATCHDOG_CTRL = 0x40058000
_WATCHDOG_ENABLE = 1 << 30


class Registers:
    """values: address -> word; writes: [(address, word)], aliases resolved."""

    def __init__(self, chip):
        self.values = {}
        self.writes = []
        self._chip = chip

    def __getitem__(self, address):
        if address in _DMA:
            channel = self._chip.dma.get((address - _DMA.start) // 0x40)
            if channel is not None:
                return channel._register(address & 0x3F)
        if address == _ADC_FCS:
            return self.values.get(address, 0) | _FIFO_EMPTY
        return self.values.get(address, 0)

    def __setitem__(self, address, word):
        word &= 0xFFFFFFFF
        if address in _PERIPHERALS and address & _ALIAS in (_SET, _CLEAR):
            plain = address & ~_ALIAS
            before = self.values.get(plain, 0)
            word = before & ~word if address & _ALIAS == _CLEAR else before | word
            if plain == _WATCHDOG_CTRL and not word & _WATCHDOG_ENABLE:
                self._chip.watchdog_us = None
            address = plain
        self.values[address] = word
        self.writes.append((address, word))
        if address in _DMA:
            channel = self._chip.dma.get((address - _DMA.start) // 0x40)
            if channel is not None:
                channel._write(address & 0x3F, word)
        if address == _CHAN_ABORT:
            for number, channel in self._chip.dma.items():
                if word >> number & 1:
                    channel._abort()

    def pointer(self, target):
        """viper's `ptr32(target)`: of an address, or of a buffer."""
        return _Pointer(self, target) if isinstance(target, int) else target


class _Pointer:
    def __init__(self, registers, address):
        self._registers = registers
        self._address = address

    def __getitem__(self, index):
        return self._registers[self._address + 4 * index]

    def __setitem__(self, index, word):
        self._registers[self._address + 4 * index] = word
