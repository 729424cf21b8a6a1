# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Models of an ADE7953 (I2C and SPI) and an ATM90E32 (SPI), by the byte, with the troubles that they have."""


class Ade:
    """registers    address as of 32 bits where there is one -> value
    absent       nobody acknowledges, or the line floats
    spoil        f(register, data) -> data: what becomes of a read on its way
    """

    def __init__(self):
        self.absent = False
        self.deaf = False  # takes no writes
        self.spoil = lambda register, data: data
        self.selected = False
        self.resets = 0
        self.unlocked = False
        self.alive = {0x31C: 230 * 26000, 0x31A: 16 * 100000, 0x312: 3680 * 154, 0x10E: 4474}
        self.power_up()

    def power_up(self):
        self.registers = dict(self.alive)
        self.registers.update({0x31E: 0, 0x120: 0, 0x102: 0x8004, 0x004: 0x40, 0x301: 0, 0x007: 0, 0x008: 0})
        self.registers.update({0x380: 0x400000, 0x381: 0x400000, 0x382: 0x400000, 0x3FF: 0})
        self.unlocked = False

    def flow(self, counts):
        self.registers[0x31E] += counts

    def read(self, register, count):
        assert count == min(register >> 8, 3) + 1, "%03x has another length" % register
        value = self.registers[register]
        if register == 0x31E:
            self.registers[register] = 0
        if count == 4 and register != 0x3FF:
            self.registers[0x3FF] = value
        return self.spoil(register, (value & (1 << 8 * count) - 1).to_bytes(count, "big"))

    def write(self, register, data):
        if self.deaf:
            return
        assert len(data) == min(register >> 8, 3) + 1
        value = int.from_bytes(data, "big")
        if register == 0x0FE:
            self.unlocked = value == 0xAD
        elif register == 0x102 and value & 0x80:
            self.resets += 1
            self.power_up()
        elif register == 0x120:
            if self.unlocked:
                self.registers[register] = value
        else:
            assert register in self.registers, "%03x" % register
            self.registers[register] = value

    # --- as a machine.I2C ---

    def readfrom_mem(self, address, register, count, *, addrsize=8):
        assert (address, addrsize) == (0x38, 16)
        if self.absent:
            raise OSError(19)
        return self.read(register, count)

    def writeto_mem(self, address, register, data, *, addrsize=8):
        assert (address, addrsize) == (0x38, 16)
        if self.absent:
            raise OSError(19)
        self.write(register, data)

    # --- as a machine.SPI and its select pin ---

    def select(self, level):
        self.selected = not level

    def write_readinto(self, out, into):
        assert self.selected
        register, way, data = out[0] << 8 | out[1], out[2], bytes(out[3:])
        for index in range(len(into)):
            into[index] = 0xFF
        if self.absent:
            return
        if way == 0x80:
            into[3:] = self.read(register, len(data))
        else:
            assert way == 0
            self.write(register, data)


class Atm:
    """The same for an ATM90E32. An energy register clears when LastSPIData has been read or replaced."""

    LAST = 0x78

    def __init__(self, phases=3):
        self.absent = False
        self.stuck = None  # a value that every read gives
        self.deaf = ()  # registers that take no writes
        self.spoil = lambda register, value: value
        self.selected = False
        self.resets = 0
        self.phases = phases
        self.power_up()

    def power_up(self):
        self.open = False
        self.registers = {0x00: 0, 0x05: 1, 0x07: 1, 0x31: 0x0861, 0x32: 0xC468, 0x33: 0x0087, 0x34: 0}
        for register in range(0x35, 0x3A):
            self.registers[register] = 0
        for phase in range(3):
            self.registers[0x61 + 4 * phase] = self.registers[0x62 + 4 * phase] = 0x8000
            self.registers[0x81 + phase] = 0
            self.live(phase, 230, 16, 3680)
        self.registers[0xF8] = 5000
        self.last = 0

    def live(self, phase, volts, amps, watts):
        power = watts * 12500 // 4
        self.registers[0xB1 + phase] = power >> 16 & 0xFFFF
        self.registers[0xC1 + phase] = power & 0xFFFF
        self.registers[0xD9 + phase] = volts * 100
        self.registers[0xDD + phase] = amps * 1000

    def flow(self, counts, phase=0):
        self.registers[0x81 + phase] += counts

    def select(self, level):
        self.selected = not level

    def write_readinto(self, out, into):
        assert self.selected and len(out) == 4
        address, value = out[0] << 8 | out[1], out[2] << 8 | out[3]
        read = 0xFFFF
        register = address & 0x3FF
        if self.absent:
            pass
        elif self.stuck is not None:
            read = self.stuck
        elif address & 0x8000:
            read = self.last if register == self.LAST else self.registers[register]
            if 0x81 <= register <= 0x83:
                self.registers[register] = 0
            self.last = read
            read = self.spoil(register, read)
        else:
            self._write(register, value)
        into[2], into[3] = read >> 8, read & 0xFF

    def _write(self, register, value):
        self.last = value
        if register == 0x70:
            assert value == 0x789A
            self.resets += 1
            self.power_up()
        elif register == 0x7F:
            self.open = value == 0x55AA
        elif self.open:
            assert register in self.registers, "%02x" % register
            if register not in self.deaf:
                self.registers[register] = value
