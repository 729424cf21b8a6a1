# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The two ways to a PN532: I2C, and its fast UART (HSU). Neither waits: `receive` gives what is there.

    wake(); send(frame); receive(count)    OSError: nobody answers on I2C

`receive` gives what `pn532_frame.take` finds, None for nothing yet. `count`: how many bytes the frame that is
awaited has at most.
"""

from hal.rfid.pn532_frame import DAMAGED, take

_ADDRESS = 0x24
_READY = 0x01
_LONGEST = 41  # two UIDs of ten bytes and what is around them, behind the byte that says ready
_BUFFER = 128
# The UART's clock starts with the first edges, and takes 1 ms until it can read.
_WAKE_UP = b"\x55\x55\0\0\0\0\0\0\0\0\0\0\0\0\0\0"


class I2cLine:
    """`i2c`: machine.I2C at 100 kHz. 41 bytes and the address take 3.8 ms there, of the 5 that nothing here
    may take, and the chip stretches the clock by up to 1 ms (PN532 datasheet, timing of I2C): so the look
    whether it is ready and the reading are two calls."""

    def __init__(self, i2c):
        self._i2c = i2c
        self._status = bytearray(1)
        self._buffer = bytearray(_LONGEST)
        self._ready = False

    def wake(self):
        """Its address wakes it; the first transfer may fail while its oscillator starts."""
        self._ready = False
        try:
            self._i2c.readfrom_into(_ADDRESS, self._status)
        except OSError:
            pass

    def send(self, frame):
        self._ready = False
        self._i2c.writeto(_ADDRESS, frame)

    def receive(self, count):
        if not self._ready:
            self._i2c.readfrom_into(_ADDRESS, self._status)
            self._ready = self._status[0] == _READY
            return None
        self._ready = False
        view = memoryview(self._buffer)[: min(count + 1, _LONGEST)]
        self._i2c.readfrom_into(_ADDRESS, view)
        # What is behind the frame is no part of the next one: that begins with a reading of its own.
        found = take(bytes(view[1:]))[0] if view[0] == _READY else None
        return DAMAGED if found is None else found


class UartLine:
    """`uart`: machine.UART at 115200, timeout 0."""

    def __init__(self, uart):
        self._uart = uart
        self._got = b""

    def wake(self):
        self.send(_WAKE_UP)

    def send(self, frame):
        """What has come until now answers something else."""
        self._got = b""
        waiting = self._uart.any()
        if waiting:
            self._uart.read(waiting)
        self._uart.write(frame)

    def receive(self, count):
        waiting = min(self._uart.any(), _BUFFER - len(self._got))
        if waiting:
            self._got += self._uart.read(waiting) or b""
        found, used = take(self._got)
        self._got = self._got[used:]
        return found
