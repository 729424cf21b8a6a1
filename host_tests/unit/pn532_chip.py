# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A PN532 as its host sees it, byte by byte, with the tags in its field; I2C and UART are two faces of it."""

_ACK = b"\x00\x00\xff\x00\xff\x00"
_KEPT = 200  # commands
_I2C_BYTE_US = 90  # at 100 kHz
_HANG_US = 5000  # what a transfer on a bus that hangs takes: the time-out


def framed(tfi_and_data):
    length = len(tfi_and_data)
    return (
        bytes((0, 0, 0xFF, length, 256 - length & 0xFF))
        + tfi_and_data
        + bytes((256 - sum(tfi_and_data) % 256 & 0xFF, 0))
    )


class Chip:
    """tags      UIDs in the field: bytes, or a function that makes them anew each time
    hangs        it does nothing; `reset` cures it when `curable`
    absent       nobody is there
    spoil        spoil(frame): what becomes of an answer; None: it is not sent
    late_ms      until ACK and answer are there
    ic           what it says it is
    """

    def __init__(self, clock):
        self._clock = clock
        self.tags = []
        self.hangs = False
        self.absent = False
        self.curable = True
        self.spoil = lambda frame: frame
        self.ack_ms = 1
        self.late_ms = 10
        self.ic = 0x32
        self.resets = 0
        self.commands = []
        self.nacks = 0
        self.aborts = 0
        self.longest_us = 0
        self._since_wait_us = 0
        self.brown_out()

    def brown_out(self):
        """The supply dips: all that it was told is gone."""
        self.awake = False
        self.normal_mode = False
        self.automatic_rats = True
        self.retries = 0xFF
        self.field = False
        self._out = []  # of [when, bytes]
        self._last = None
        self._lists = 0  # an InListPassiveTarget that waits for a tag, and how many it may tell

    def reset(self, level):
        if not level:
            self.resets += 1
            self.brown_out()
            if self.curable:
                self.hangs = False

    # --- what it is told ---

    def hear(self, data):
        if data.startswith(b"\x55"):
            self.awake = True
            return
        assert data[:3] == b"\x00\x00\xff" and data[-1] == 0, data
        if data == _ACK:
            self.aborts += 1
            self._out = []
            self._lists = 0
            return
        if data == b"\x00\x00\xff\xff\x00\x00":
            self.nacks += 1
            if self._last is not None:
                self._say(self.late_ms, self.spoil(self._last))
            return
        length = data[3]
        assert length + data[4] == 256 and len(data) == length + 7 and sum(data[5:-1]) % 256 == 0
        assert data[5] == 0xD4
        if len(self.commands) < _KEPT:
            self.commands.append(data[6:-2])
        self._out.append([self._clock() + self.ack_ms, _ACK])
        self._obey(data[6], data[7:-2])

    def _obey(self, code, arguments):
        if code == 0x02:
            self._answer(code, bytes((self.ic, 0x01, 0x06, 0x07)))
        elif code == 0x14:
            self.normal_mode = arguments[0] == 1
            self._answer(code)
        elif not self.normal_mode:
            return  # low-battery mode
        elif code == 0x12:
            self.automatic_rats = bool(arguments[0] & 0x10)
            self._answer(code)
        elif code == 0x32:
            if arguments[0] == 5:
                assert len(arguments) == 4
                self.retries = arguments[3]
            elif arguments[0] == 1:
                self.field = bool(arguments[1] & 1)
            self._answer(code)
        elif code == 0x4A:
            assert arguments[1] == 0
            self.field = True
            self._lists = arguments[0]
            self._list(self.retries != 0xFF)
        else:
            self._say(self.late_ms, framed(b"\x7f"))

    def _list(self, ends):
        """The answer to InListPassiveTarget, as soon as there is one."""
        if not self.tags and not ends:
            return
        found = self.tags[: self._lists]
        self._lists = 0
        data = bytes((len(found),))
        for number, tag in enumerate(found):
            uid = tag() if callable(tag) else tag
            sens = {4: 0x04, 7: 0x44, 10: 0x84}[len(uid)]
            data += bytes((number + 1, 0, sens, 0x20, len(uid))) + uid
            if self.automatic_rats:
                data += b"\x06\x75\x77\x81\x02\x80"
        self._answer(0x4A, data)

    def _answer(self, code, data=b""):
        self._last = framed(bytes((0xD5, code + 1)) + data)
        self._say(self.late_ms, self.spoil(self._last))

    def _say(self, after_ms, frame):
        if frame is not None:
            self._out.append([self._clock() + after_ms, frame])

    def due(self):
        """What it has to say by now, first things first."""
        if self._lists:
            self._list(False)
        if self._out and self._clock() >= self._out[0][0]:
            return self._out[0][1]
        return None

    def said(self):
        self._out.pop(0)

    def takes(self, us):
        """The interpreter is in a transfer for so long."""
        self._since_wait_us += us
        self.longest_us = max(self.longest_us, self._since_wait_us)

    def waited(self):
        self._since_wait_us = 0


class I2c:
    """machine.I2C at 100 kHz."""

    def __init__(self, chip):
        self.chip = chip

    def _address(self, address, count):
        chip = self.chip
        if chip.hangs:
            chip.takes(_HANG_US)
            raise OSError(110)
        chip.takes(_I2C_BYTE_US * (count + 1))
        if chip.absent or address != 0x24:
            raise OSError(5)
        if not chip.awake:
            chip.awake = True
            raise OSError(110)  # its oscillator starts, and holds the clock for too long

    def writeto(self, address, data):
        self._address(address, len(data))
        self.chip.hear(bytes(data))

    def readfrom_into(self, address, buffer):
        self._address(address, len(buffer))
        frame = self.chip.due()
        if frame is None:
            buffer[:] = bytes(len(buffer))
            return
        # Behind its end a frame goes on with whatever was there before.
        stream = b"\x01" + frame + _ACK * 8
        buffer[:] = stream[: len(buffer)]
        if len(buffer) > 1:
            self.chip.said()


class Uart:
    """machine.UART; noise: bytes that come before anything else."""

    def __init__(self, chip):
        self.chip = chip
        self.noise = b""
        self._waiting = b""

    def _collect(self):
        self._waiting += self.noise
        self.noise = b""
        while not (self.chip.hangs or self.chip.absent):
            frame = self.chip.due()
            if frame is None:
                break
            self._waiting += frame
            self.chip.said()

    def any(self):
        self._collect()
        return len(self._waiting)

    def read(self, count):
        data, self._waiting = self._waiting[:count], self._waiting[count:]
        return data or None

    def write(self, data):
        chip = self.chip
        if chip.hangs or chip.absent:
            return
        if chip.awake or data[0] == 0x55:
            chip.hear(bytes(data))
