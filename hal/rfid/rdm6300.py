# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""RDM6300 tag reader for 125 kHz (EM4100) on a UART: tells each presentation of a tag once.

It only talks: 9600 baud, a frame every 65 ms while a tag is there, nothing otherwise. So nobody can ask it
how it is: one that is dead is as silent as one without a tag. What can be told is that it sends nonsense (a
loose wire, another reader).

    02  version (2), number (8), XOR of these five bytes (2) as hexadecimal digits  03
"""

import asyncio

from hal.rfid.presence import Presence
from hal.ticks import ticks_ms

_POLL_S = 0.05
_AT_ONCE = 64  # bytes of a look: the line brings 48
_FRAME = 14
_BEGIN = b"\x02"
_END = 3
_DIGITS = b"0123456789ABCDEF"
# Bytes of no frame, less one for each look that finds none: 3 s of nonsense, and 25 s until it is forgotten.
_NONSENSE = 500


def tag_in(frame) -> "str | None":
    """UID of the 14 bytes of a frame as text, ten digits; None: it is damaged."""
    if len(frame) != _FRAME or frame[0] != _BEGIN[0] or frame[13] != _END:
        return None
    total = 0
    for at in range(1, 13, 2):
        high, low = _DIGITS.find(frame[at : at + 1]), _DIGITS.find(frame[at + 1 : at + 2])
        if high < 0 or low < 0:
            return None
        total ^= high << 4 | low
    return None if total else bytes(frame[1:11]).decode()


class Rdm6300:
    """A `hal.contract.TagReader`. `uart`: machine.UART at 9600, timeout 0."""

    def __init__(self, uart, connector=None):
        self._uart = uart
        self._connector = connector
        self._presence = Presence()
        self._got = b""
        self._nonsense = 0
        self._well = True

    def silent(self):
        return self._presence.silent

    async def read(self):
        """(UID as upper-case hex, connector) of the next tag that is presented."""
        presence = self._presence
        while True:
            await asyncio.sleep(_POLL_S)
            found = self._next()
            now = ticks_ms()
            presence.answered(self._well, now, "(rdm6300)")
            if presence.presented(found, now):
                return found, self._connector

    def _next(self):
        """UID of the first frame in what has come; None: none is complete."""
        waiting = min(self._uart.any(), _AT_ONCE - len(self._got))
        if waiting:
            self._got += self._uart.read(waiting) or b""
            self._nonsense = min(self._nonsense + waiting, _NONSENSE)
        else:
            self._nonsense = max(self._nonsense - 1, 0)
        if self._nonsense >= _NONSENSE:
            self._well = False
        elif not self._nonsense:
            self._well = True
        while True:
            at = self._got.find(_BEGIN)
            if at < 0:
                self._got = b""
                return None
            frame = self._got[at : at + _FRAME]
            if len(frame) < _FRAME:
                self._got = frame
                return None
            found = tag_in(frame)
            # Of a damaged one the beginning alone is passed over: the next may begin within it.
            self._got = self._got[at + (1 if found is None else _FRAME) :]
            if found is not None:
                self._nonsense = 0
                self._well = True
                return found
