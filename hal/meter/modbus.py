# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""Modbus RTU as a master over a UART: one question at a time, its answer or None.

A late answer to the question before is the trap (facts of the field): the line is emptied before each
question, and an answer counts only with the right station, function, length and checksum. Modbus over Serial
Line 1.02, sections 2.5.1 and 2.5.2.
"""

import asyncio

from hal.ticks import ticks_add, ticks_diff, ticks_ms

_ANSWER_MS = 300  # and what the two frames take on the line
_CHARACTER_BITS = 11
_SILENCE_BITS = 39  # 3.5 characters end a frame
_REQUEST_BYTES = 8
_POLL_MS = 5
_LONGEST = 125  # registers in one answer, section 6.3 of the application protocol

READ_HOLDING = 3
READ_INPUT = 4


def crc16(data) -> int:
    """To be sent low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def request(station: int, function: int, first: int, count: int) -> bytes:
    """The frame that reads `count` registers from `first` (as on the wire: the manual's number less 1)."""
    body = bytes((station, function, first >> 8, first & 0xFF, count >> 8, count & 0xFF))
    crc = crc16(body)
    return body + bytes((crc & 0xFF, crc >> 8))


def registers(frame, station: int, function: int, count: int) -> "memoryview | None":
    """The 2 * count bytes of an answer; None: it is damaged, an exception, or another's."""
    if len(frame) != 5 + 2 * count or frame[0] != station or frame[1] != function or frame[2] != 2 * count:
        return None
    if crc16(memoryview(frame)[:-2]) != frame[-2] | frame[-1] << 8:
        return None
    return memoryview(frame)[3:-2]


class Bus:
    """The only one that talks on its UART (`machine.UART`, timeout 0). `direction`: an Output, on while we
    send, of a transceiver that does not find out by itself."""

    def __init__(self, uart, baud=9600, direction=None):
        self._uart = uart
        self._direction = direction
        self._baud = baud
        self._gap_s = (_SILENCE_BITS * 1000 // baud + 1) / 1000
        self._lock = asyncio.Lock()
        self._buffer = bytearray(5 + 2 * _LONGEST)

    async def read(self, station, function, first, count) -> "bytes | None":
        """`count` registers (at most 125), big-endian as they came; None: no answer, or none that can be
        believed."""
        async with self._lock:
            uart = self._uart
            while uart.any():
                uart.read(uart.any())
                await asyncio.sleep(self._gap_s)
            await self._send(request(station, function, first, count))
            wanted = 5 + 2 * count
            got = 0
            view = memoryview(self._buffer)
            on_line_ms = (_REQUEST_BYTES + wanted) * _CHARACTER_BITS * 1000 // self._baud
            deadline = ticks_add(ticks_ms(), _ANSWER_MS + on_line_ms)
            while ticks_diff(deadline, ticks_ms()) > 0:
                await asyncio.sleep(_POLL_MS / 1000)
                if not uart.any():
                    if got == 5 and self._buffer[1] & 0x80:
                        return None  # an exception answer is shorter
                    continue
                got += uart.readinto(view[got:wanted]) or 0
                if got >= wanted:
                    data = registers(view[:wanted], station, function, count)
                    return None if data is None else bytes(data)
            return None

    async def _send(self, frame):
        direction = self._direction
        if direction is None:
            self._uart.write(frame)
            return
        direction.put(True)
        try:
            self._uart.write(frame)
            # A meter answers 3.5 characters later at the earliest; `txdone` says when the last bit is out.
            while not self._uart.txdone():
                await asyncio.sleep(0.001)
        finally:
            direction.put(False)
