# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Modbus RTU as a master over a UART: one question at a time, its answer or None.

A late answer to the question before is the trap (facts of the field): the line is emptied before each
question, and an answer counts only with the right station, function, length and checksum, wherever it begins
in what is heard: before it may stand noise, another's traffic, or our own question (transceivers that hear
themselves). Modbus over Serial Line 1.02, sections 2.5.1 and 2.5.2.
"""

import asyncio

from hal.ticks import ticks_add, ticks_diff, ticks_ms

_ANSWER_MS = 300  # and what the two frames take on the line
_CHARACTER_BITS = 11
_SILENCE_BITS = 39  # 3.5 characters end a frame
_POLL_MS = 5
_BUSY_MS = 100  # others may talk for so long before our question
_SENT_MS = 50  # beyond what the question takes on the line: then `txdone` is not believed any more
_LONGEST = 125  # registers in one answer, section 6.3 of the application protocol
_PLACES = 32  # are looked at before others have their turn
_LATER = (5, 6)  # exceptions "acknowledge" and "busy": it may answer in a moment

READ_HOLDING = 3
READ_INPUT = 4
WRITE_ONE = 6
WRITE_MANY = 16

NO_PARITY, EVEN, ODD = None, 0, 1  # as `machine.UART` has them
GENERAL = 0xF8  # of a PZEM: whatever its address is, it answers. One alone may be on the line then

# Of four bits: two steps a byte in the place of eight, the main loop waits for it.
_CRC = (
    0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
    0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400,
)  # fmt: skip


def crc16(data) -> int:
    """To be sent low byte first."""
    crc = 0xFFFF
    table = _CRC
    for byte in data:
        crc = (crc >> 4) ^ table[(crc ^ byte) & 15]
        crc = (crc >> 4) ^ table[(crc ^ byte >> 4) & 15]
    return crc


def framed(body: bytes) -> bytes:
    crc = crc16(body)
    return body + bytes((crc & 0xFF, crc >> 8))


def request(station: int, function: int, first: int, count: int) -> bytes:
    """The frame that reads `count` registers from `first` (as on the wire: the manual's number less 1)."""
    return framed(bytes((station, function, first >> 8, first & 0xFF, count >> 8, count & 0xFF)))


def fits(view, head: bytes, length: int) -> int:
    """How long the frame is that may begin here: the answer that begins with `head`, or an exception to the
    same question; 0: it is none of these."""
    if view[0] != head[0] and head[0] != GENERAL:
        return 0
    if view[1] == head[1] | 0x80:
        return 5
    return length if view[1 : len(head)] == head[1:] else 0


class Bus:
    """The only one that talks on its UART (`machine.UART`, timeout 0). `direction`: an Output, on while we
    send, of a transceiver that does not find out by itself. `line`: (baud, parity, stop bits).

    heard      bytes that came in answer to the last question, whether they were one or not
    refused    the code of the exception that was the answer, 0: it was none
    users      how many meters are on it: of one alone the line may be changed
    """

    def __init__(self, uart, baud=9600, direction=None, parity=None, stop=1):
        self._uart = uart
        self._direction = direction
        self.line = (baud, parity, stop)
        self._lock = asyncio.Lock()
        self._buffer = bytearray(5 + 2 * _LONGEST)
        self._echoes = False
        self.users = 0
        self.heard = 0
        self.refused = 0

    async def read(self, station, function, first, count, until=None, line=None) -> "bytes | None":
        """`count` registers (at most 125), big-endian as they came; None: no answer, or none that can be
        believed. It is asked again as long as an answer may come before `until` (ticks). `line`: in the place
        of the bus's own, for this question."""
        head = bytes((station, function, 2 * count))
        frame = request(station, function, first, count)
        answer = await self._ask(frame, head, 5 + 2 * count, until, line)
        return None if answer is None else answer[3:-2]

    async def write(self, station, first, data, function=WRITE_MANY, until=None, line=None) -> bool:
        """The registers of `data` (bytes, two each) from `first` on; WRITE_ONE: a single one, for meters that
        take no other. True: the meter says that it has them. Where the transceiver hears itself and nothing
        was read before, its echo looks the same as the answer to WRITE_ONE: who sets something up reads it.
        """
        body = bytes((station, function, first >> 8, first & 0xFF))
        if function == WRITE_MANY:
            body += bytes((0, len(data) // 2))
            head = body
            body += bytes((len(data),)) + bytes(data)
        else:
            body += bytes(data)
            head = body
        return await self._ask(framed(body), head, 8, until, line) is not None

    async def _ask(self, frame, head, length, until, line):
        while True:
            async with self._lock:
                took_ms = self._takes_ms(line or self.line, len(frame) + length) + _ANSWER_MS
                if line is not None:
                    self._set(line)
                try:
                    answer = await self._exchange(frame, head, length, line or self.line)
                finally:
                    if line is not None:
                        self._set(self.line)
                refused = self.refused
            if answer is not None or (refused and refused not in _LATER):
                return answer
            if until is None or ticks_diff(until, ticks_ms()) < took_ms:
                return None

    def use(self, line) -> None:
        """From the next question on."""
        self.line = line
        self._set(line)

    def _set(self, line):
        self._uart.init(line[0], bits=8, parity=line[1], stop=line[2])

    def _takes_ms(self, line, count):
        return count * _CHARACTER_BITS * 1000 // line[0] + 1

    async def _exchange(self, frame, head, length, line):
        uart = self._uart
        self.heard = self.refused = 0
        gap_s = (_SILENCE_BITS * 1000 // line[0] + 1) / 1000
        await asyncio.sleep(gap_s)
        limit = ticks_add(ticks_ms(), _BUSY_MS)
        while uart.any():
            if ticks_diff(limit, ticks_ms()) <= 0:
                self.heard = 1
                return None  # somebody else does not stop: in between it would be nobody's answer
            uart.readinto(self._buffer)
            await asyncio.sleep(gap_s)
        on_line_ms = self._takes_ms(line, len(frame))
        if not await self._send(frame, on_line_ms):
            return None
        took_ms = on_line_ms + self._takes_ms(line, length)
        if self._echoes:
            took_ms += on_line_ms
        return await self._answer(frame, head, length, ticks_add(ticks_ms(), _ANSWER_MS + took_ms))

    async def _answer(self, frame, head, length, limit):
        """What is heard is looked through from its beginning on: at each place the answer may begin."""
        uart = self._uart
        view = memoryview(self._buffer)
        got = 0
        echo = len(frame)  # bytes of it that may still come first
        while ticks_diff(limit, ticks_ms()) > 0:
            await asyncio.sleep(_POLL_MS / 1000)
            if not uart.any():
                continue
            count = uart.readinto(view[got:]) or 0
            self.heard += count
            got += count
            at = 0
            if echo and got >= echo:
                if view[:echo] == frame and (frame[1] != WRITE_ONE or self._echoes):
                    self._echoes = True
                    at = echo
                echo = 0
            while got - at >= 5 and not (echo and view[:got] == frame[:got]):
                wanted = fits(view[at:], head, length)
                if wanted > got - at:
                    break  # the rest of it is on its way
                if wanted:
                    end = at + wanted
                    if crc16(view[at : end - 2]) == view[end - 2] | view[end - 1] << 8:
                        if wanted == 5 and view[at + 1] & 0x80:
                            self.refused = view[at + 2]
                            return None
                        return bytes(view[at:end])
                at += 1
                echo = 0
                # A full buffer of what only looks like answers takes an RP2040 34 ms.
                if wanted or not at % _PLACES:
                    await asyncio.sleep(0)
            if at:
                view[: got - at] = bytes(view[at:got])
                got -= at
        return None

    async def _send(self, frame, on_line_ms):
        """False: it has not left the controller, and never will."""
        direction = self._direction
        if direction is None:
            self._uart.write(frame)
            return True
        limit = ticks_add(ticks_ms(), on_line_ms + _SENT_MS)
        direction.put(True)
        try:
            self._uart.write(frame)
            # A meter answers 3.5 characters later at the earliest; `txdone` says when the last bit is out.
            while not self._uart.txdone():
                if ticks_diff(limit, ticks_ms()) <= 0:
                    return False
                await asyncio.sleep(0.001)
        finally:
            direction.put(False)
        return True
