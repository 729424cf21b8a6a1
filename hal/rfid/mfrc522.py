# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""MFRC522 tag reader (and its clones) on SPI: tells each presentation of a tag once.

Readers that fall silent after hours or days are the common complaint from the field (miguelbalboa/rfid 540,
esp-rfid 131): the chip is asked every few seconds who it is and whether it is still set up, set up anew every
few minutes, and taken through its reset pin when it answers nonsense (`hal.rfid.presence`). Every exchange
over the bus takes less than a millisecond; the answer of a tag (25 ms at most) is awaited, not waited for.
Registers: MFRC522 datasheet, section 9.
"""

import asyncio

from hal import uid
from hal.rfid import iso14443
from hal.rfid.presence import RETRY_S, UNREAD, Presence
from hal.ticks import ticks_add, ticks_diff, ticks_ms

_POLL_MS = 150
_CHECK_MS = 5000
_ANSWER_MS = 40  # the chip's own timer ends after 25
_VERSIONS = (0x88, 0x90, 0x91, 0x92, 0xB2)  # 0x88, 0xB2: clones that work; 0x00 and 0xFF: nobody is there

_COMMAND = 0x01
_COM_IRQ = 0x04
_ERROR = 0x06
_FIFO = 0x09
_FIFO_LEVEL = 0x0A
_CONTROL = 0x0C
_BIT_FRAMING = 0x0D
_COLL = 0x0E
_TX_CONTROL = 0x14
_TX_ASK = 0x15
_VERSION = 0x37

_IDLE = 0x00
_TRANSCEIVE = 0x0C
_SOFT_RESET = 0x0F
_ASK_100 = 0x40  # after a reset it is 0: a supply that dipped shows

# After a reset: timer of 25 ms started by the end of a transmission, 100 % ASK, CRC preset 6363.
_SET_UP = (
    (0x12, 0x00),  # TxMode
    (0x13, 0x00),  # RxMode
    (0x24, 0x26),  # ModWidth
    (0x2A, 0x80),  # TMode: TAuto
    (0x2B, 0xA9),  # TPrescaler: 25 us a count
    (0x2C, 0x03),  # TReload: 1000 counts
    (0x2D, 0xE8),
    (_TX_ASK, _ASK_100),
    (0x11, 0x3D),  # Mode
)


class Mfrc522:
    """A `hal.contract.TagReader`. `spi`: machine.SPI, mode 0, up to 10 MHz; `select`, `reset`: output pins,
    both resting high (`reset` may be None)."""

    def __init__(self, spi, select, reset=None, connector=None):
        self._spi = spi
        self._select = select
        self._reset = reset
        self._connector = connector
        self._two = bytearray(2)
        self._got = bytearray(2)
        self._presence = Presence()
        self._checked_at = 0
        select(1)

    def silent(self):
        return self._presence.silent

    async def read(self):
        """(UID as upper-case hex, connector) of the next tag that is presented."""
        presence = self._presence
        while True:
            await asyncio.sleep(_POLL_MS / 1000)
            if not await self._fit(ticks_ms()):
                if presence.silent:
                    await asyncio.sleep(RETRY_S)
                continue
            found = await self._find()
            if presence.presented(found, ticks_ms()):
                return found, self._connector

    # --- the chip ---

    async def _fit(self, now):
        """It answers and is set up."""
        if self._presence.must_begin(now):
            await self._begin()
        elif 0 <= ticks_diff(now, self._checked_at) < _CHECK_MS:
            return True
        self._checked_at = now
        version = self._get(_VERSION)
        well = version in _VERSIONS and self._get(_TX_ASK) == _ASK_100
        return self._presence.answered(well, ticks_ms(), "(version %02x)" % version)

    async def _begin(self):
        if self._reset is not None:
            self._reset(0)
            await asyncio.sleep(0.002)
            self._reset(1)
            await asyncio.sleep(0.05)  # the oscillator starts
        self._put(_COMMAND, _SOFT_RESET)
        await asyncio.sleep(0.05)
        for register, value in _SET_UP:
            self._put(register, value)

    def _put(self, register, value):
        two = self._two
        two[0] = register << 1 & 0x7E
        two[1] = value
        self._select(0)
        self._spi.write(two)
        self._select(1)

    def _get(self, register):
        two = self._two
        two[0] = register << 1 & 0x7E | 0x80
        two[1] = 0
        self._select(0)
        self._spi.write_readinto(two, self._got)
        self._select(1)
        return self._got[1]

    # --- a tag ---

    async def _find(self):
        """UID of a tag in the field as text; UNREAD: there is something that cannot be read, such as two of
        them; None: nothing."""
        self._put(_TX_CONTROL, 0x83)  # antenna on: between two polls it is off, which rests the chip as well
        try:
            await asyncio.sleep(0.005)  # tags wake up within 5 ms of the field
            if await self._exchange(bytes((iso14443.WUPA,)), 7) is None:
                return None
            found = b""
            for level in range(3):
                answer = await self._exchange(bytes((iso14443.SELECT[level], 0x20)))
                four = iso14443.part(answer or b"")
                if four is None:
                    return UNREAD
                answer = await self._exchange(iso14443.select(level, four))
                sak = iso14443.sak(answer or b"")
                if sak is None:
                    return UNREAD
                if not sak & iso14443.UID_INCOMPLETE:
                    return uid.text(found + four)
                if four[0] != iso14443.CASCADE_TAG:
                    return UNREAD
                found += four[1:]
            return UNREAD
        finally:
            self._put(_TX_CONTROL, 0x80)

    async def _exchange(self, frame, bits=0):
        """Send, and return what the tag answers: b"" when that is damaged, None when there is nothing.
        `bits`: of the last byte, 0: all."""
        self._put(_COMMAND, _IDLE)
        self._put(_COLL, 0x00)  # bits after a collision are cleared: such an answer fails its check
        self._put(_COM_IRQ, 0x7F)
        self._put(_FIFO_LEVEL, 0x80)
        for byte in frame:
            self._put(_FIFO, byte)
        self._put(_BIT_FRAMING, bits)
        self._put(_COMMAND, _TRANSCEIVE)
        self._put(_BIT_FRAMING, 0x80 | bits)  # StartSend
        deadline = ticks_add(ticks_ms(), _ANSWER_MS)
        while True:
            events = self._get(_COM_IRQ)
            if events & 0x30:  # RxIRq, IdleIRq
                break
            if events & 0x01 or ticks_diff(deadline, ticks_ms()) <= 0:  # TimerIRq; or the chip hangs
                return None
            await asyncio.sleep(0.001)
        if self._get(_ERROR) & 0x1B:  # collision, overflow, parity, protocol
            return b""
        count = self._get(_FIFO_LEVEL) & 0x7F
        if count > 16:
            return b""
        return bytes([self._get(_FIFO) for _ in range(count)])
