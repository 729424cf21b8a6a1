# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Meters at the other end of a UART, byte by byte: what each of them has in its registers, and what becomes
of questions and answers on the wires."""

import struct

from hal.meter import modbus

MODBUS_8N1 = (9600, None, 1)


def floats(values):
    """{register: number} as 32-bit floats, high word first: {register: word}."""
    words = {}
    for register, value in values.items():
        words[register], words[register + 1] = struct.unpack(">HH", struct.pack(">f", value))
    return words


def integers(values, low_first=False, words=2):
    """{register: number} of so many words each."""
    found = {}
    for register, value in values.items():
        for index in range(words):
            shift = 16 * (index if low_first else words - 1 - index)
            found[register + index] = value >> shift & 0xFFFF
    return found


class Device:
    """`words`: {register: word}. What is not there within `filled` of one that is reads as 0, as registers
    that makers have left out do; anything else is an exception (illegal address)."""

    def __init__(self, words, station=1, functions=(3, 4), line=MODBUS_8N1, filled=8, most=125):
        self.words = words
        self.station = station
        self.functions = functions
        self.line = line
        self.filled = filled
        self.most = most
        self.dead = False
        self.general = False  # it answers at 0xF8, too
        self.asked = []

    def _there(self, register):
        return any(near in self.words for near in range(register - self.filled, register + self.filled + 1))

    def answer(self, frame):
        if self.dead or not (frame[0] == self.station or (self.general and frame[0] == modbus.GENERAL)):
            return b""
        assert modbus.crc16(frame[:-2]) == frame[-2] | frame[-1] << 8
        function = frame[1]
        first, count = struct.unpack(">HH", frame[2:6])
        self.asked.append((function, first, count))
        if function in (modbus.WRITE_ONE, modbus.WRITE_MANY):
            data = frame[4:6] if function == modbus.WRITE_ONE else frame[7:-2]
            for index in range(len(data) // 2):
                self.words[first + index] = data[2 * index] << 8 | data[2 * index + 1]
            return modbus.framed(frame[:6])
        if function not in self.functions:
            return self.refuses(function, 1)
        registers = range(first, first + count)
        if count > self.most or not all(self._there(register) for register in registers):
            return self.refuses(function, 2)
        data = b"".join([struct.pack(">H", self.words.get(register, 0)) for register in registers])
        return modbus.framed(bytes((self.station, function, len(data))) + data)

    def refuses(self, function, code):
        return modbus.framed(bytes((self.station, function | 0x80, code)))


class Wires:
    """A `machine.UART`. `spoil(answer)`: what becomes of an answer. `echo`: the transceiver hears itself."""

    def __init__(self, *devices):
        self.devices = devices
        self.spoil = lambda answer: answer
        self.echo = False
        self.waiting = b""
        self.sent = []
        self.line = MODBUS_8N1
        self.lines = []
        self.piece = 7  # bytes that come at a time
        self.never_done = False

    def init(self, baud, bits=8, parity=None, stop=1):
        assert bits == 8
        self.line = (baud, parity, stop)
        self.lines.append(self.line)

    def any(self):
        return len(self.waiting)

    def readinto(self, view):
        count = min(len(view), self.piece)
        data, self.waiting = self.waiting[:count], self.waiting[count:]
        view[: len(data)] = data
        return len(data)

    def write(self, frame):
        self.sent.append(bytes(frame))
        if self.echo:
            self.waiting += bytes(frame)
        for device in self.devices:
            if device.line == self.line:
                self.waiting += self.spoil(device.answer(frame))
            elif not device.dead and device.line[0] == self.line[0]:
                self.waiting += b"\xff\x00"  # of another parity: what the meter does not understand
        return len(frame)

    def txdone(self):
        return not self.never_done
