# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Models of a DS18B20 behind MicroPython's `_onewire`, and of an MCP9808 and a TMP1075 on I2C."""

ROM = b"\x28\xff\x64\x1e\x0f\x77\x3c"


def crc8(data):
    """X^8 + X^5 + X^4 + 1, as Maxim's application note 27 has it."""
    crc = 0
    for byte in data:
        for _ in range(8):
            mix = (crc ^ byte) & 1
            crc >>= 1
            if mix:
                crc ^= 0x8C
            byte >>= 1
    return crc


class OneWire:
    """The module `_onewire`, and the sensor at the other end of its pin.

    degrees_16     what it measures, in sixteenths
    absent, short  nobody pulls the line; it is held low
    """

    def __init__(self, rom=ROM):
        self.rom = rom + bytes((crc8(rom),))
        self.degrees_16 = 25 * 16
        self.absent = self.short = self.parasitic = False
        self.slow_looks = 0
        self.conversion_ms = 0  # nobody may look before
        self.slept_ms = 0
        self.spoil = lambda data: data
        self.blocked_us = self.most_us = 0
        self.starts = 0
        self.power_up()

    def power_up(self):
        self.scratchpad = bytearray(b"\x50\x05\x4b\x46\x7f\xff\x0c\x10")
        self.state = ""
        self.out = b""
        self.looks = 0

    def yielded(self, seconds=0):
        self.blocked_us = 0
        self.slept_ms += int(seconds * 1000 + 0.5)

    def _takes(self, us):
        self.blocked_us += us
        self.most_us = max(self.most_us, self.blocked_us)

    def crc8(self, data):
        return crc8(data)

    def reset(self, pin):
        self._takes(960)
        self.state = "rom"
        self.out = b""
        return not self.absent and not self.short

    def readbit(self, pin):
        self._takes(70)
        if self.short:
            return 0
        if self.absent:
            return 1
        if self.state == "supply":
            return 0 if self.parasitic else 1
        if self.state == "converting":
            self.looks -= 1
            return 0 if self.looks >= 0 or self.slept_ms < self.conversion_ms else 1
        return 1

    def readbyte(self, pin):
        self._takes(560)
        if self.short:
            return 0
        if self.absent or not self.out:
            return 0xFF
        byte, self.out = self.out[0], self.out[1:]
        return byte

    def writebyte(self, pin, byte):
        self._takes(560)
        if self.absent or self.short:
            return
        if self.state == "rom":
            if byte == 0x33:
                self.out = self.spoil(self.rom)
                self.state = ""
            elif byte == 0xCC:
                self.state = "function"
            else:
                self.state = ""
        elif self.state == "function":
            self._function(byte)
        elif self.state.startswith("write"):
            index = int(self.state[5:])
            self.scratchpad[index] = byte
            self.state = "write%d" % (index + 1) if index < 4 else ""

    def _function(self, byte):
        self.state = ""
        if byte == 0x44:
            self.starts += 1
            self.slept_ms = 0
            raw = self.degrees_16 & 0xFFFF
            self.scratchpad[0] = raw & 0xFF
            self.scratchpad[1] = raw >> 8
            self.state = "converting"
            self.looks = self.slow_looks
        elif byte == 0xBE:
            self.out = self.spoil(bytes(self.scratchpad) + bytes((crc8(self.scratchpad),)))
        elif byte == 0x4E:
            self.state = "write2"
        elif byte == 0xB4:
            self.state = "supply"
        else:
            raise AssertionError("%02x" % byte)


class I2cChip:
    """As a machine.I2C with one chip on it."""

    def __init__(self, kind, address):
        self.kind = kind
        self.address = address
        self.absent = False
        self.degrees_16 = 25 * 16
        self.spoil = lambda register, data: data
        self.power_up()

    def power_up(self):
        if self.kind == "mcp9808":
            self.registers = {1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0x0054, 7: 0x0400}
        else:
            self.registers = {0: 0, 1: 0x00FF, 2: 0x4B00, 3: 0x5000, 15: 0x7500}

    def convert(self):
        if self.kind == "mcp9808":
            self.registers[5] = self.degrees_16 & 0x1FFF | 0xC000  # flags of its comparator
        else:
            self.registers[0] = self.degrees_16 << 4 & 0xFFFF

    def readfrom_mem(self, address, register, count, *, addrsize=8):
        if self.absent or address != self.address:
            raise OSError(5)
        assert count == 2
        value = self.registers[register]
        return self.spoil(register, bytes((value >> 8, value & 0xFF)))

    def writeto_mem(self, address, register, data, *, addrsize=8):
        if self.absent or address != self.address:
            raise OSError(5)
        self.registers[register] = data[0] << 8 | data[1]
