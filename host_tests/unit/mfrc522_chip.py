# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""An MFRC522 on SPI as its registers show it, with the tags in its field."""

from hal.rfid import iso14443


class Tag:
    def __init__(self, uid):
        """`uid`: 4, 7 or 10 bytes."""
        self.uid = uid
        parts = []
        while len(uid) > 4:
            parts.append(bytes((iso14443.CASCADE_TAG,)) + uid[:3])
            uid = uid[3:]
        self.parts = parts + [uid]
        self.level = -1

    def answer(self, frame, bits):
        if bits == 7 and frame in (b"\x52", b"\x26"):
            self.level = 0
            return b"\x04\x00"
        if self.level < 0 or self.level >= len(self.parts) or frame[0] != iso14443.SELECT[self.level]:
            return None
        four = self.parts[self.level]
        if frame[1:] == b"\x20":
            return four + bytes((four[0] ^ four[1] ^ four[2] ^ four[3],))
        if frame == iso14443.select(self.level, four):
            self.level += 1
            return iso14443.with_crc(b"\x08" if self.level == len(self.parts) else b"\x04")
        return None


class Chip:
    """`tag`: in the field, or None; `second`: another one at the same time; `version`: 0 for a chip that
    hangs, which `reset` cures when `curable`;
    `spoil(answer)`: what becomes of a tag's answer."""

    def __init__(self):
        self.tag = None
        self.second = None
        self.version = 0x92
        self.curable = True
        self.spoil = lambda answer: answer
        self.antenna = False
        self.selected = False
        self.resets = 0
        self.set_up = {}
        self._fifo = []
        self._sent = b""
        self._irq = 0
        self._error = 0
        self._framing = 0
        self._command = 0

    # Pins, as machine.Pin objects are called.

    def select(self, level):
        self.selected = not level

    def reset(self, level):
        if not level:
            self.resets += 1
            self.set_up = {}
            if self.curable:
                self.version = 0x92

    # SPI.

    def write(self, data):
        assert self.selected and len(data) == 2
        register, value = data[0] >> 1, data[1]
        if self.version == 0:
            return
        if register == 0x01:
            self._command = value
            if value == 0x0F:
                self.set_up = {}
        elif register == 0x04:
            self._irq &= ~value if not value & 0x80 else 0xFF
        elif register == 0x09:
            self._fifo.append(value)
        elif register == 0x0A and value & 0x80:
            self._fifo = []
        elif register == 0x0D:
            self._framing = value
            if value & 0x80 and self._command == 0x0C:
                self._transceive()
        elif register == 0x14:
            self.antenna = value & 3 == 3
            if not self.antenna and self.tag:
                self.tag.level = -1
            if not self.antenna and self.second:
                self.second.level = -1
        else:
            self.set_up[register] = value

    def write_readinto(self, data, got):
        assert self.selected and len(data) == 2 and data[0] & 0x80
        register = data[0] >> 1 & 0x3F
        value = 0
        if self.version == 0:
            value = 0
        elif register == 0x04:
            value = self._irq
        elif register == 0x06:
            value = self._error
        elif register == 0x09:
            value = self._fifo.pop(0) if self._fifo else 0
        elif register == 0x0A:
            value = len(self._fifo)
        elif register == 0x37:
            value = self.version
        else:
            value = self.set_up.get(register, 0)
        got[0] = 0
        got[1] = value

    def _transceive(self):
        frame = bytes(self._fifo)
        self._fifo = []
        self._error = 0
        answer = None
        if self.antenna and self.tag is not None and self.set_up.get(0x11) == 0x3D:
            answer = self.tag.answer(frame, self._framing & 7)
            if self.second is not None:
                answer = self._collision(answer, self.second.answer(frame, self._framing & 7))
        if answer is not None:
            answer = self.spoil(answer)
        if answer is None:
            self._irq |= 0x01  # the timer
            return
        self._fifo = list(answer)
        self._irq |= 0x20

    def _collision(self, one, other):
        """What is heard of both: from the first bit on in which they differ zeros, and the error CollErr."""
        if one is None or other is None or one == other:
            return one or other
        self._error |= 0x08
        return bytes([a if a == b else 0 for a, b in zip(one, other)])
