# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""PN532 tag reader on I2C or UART (`pn532_line`): tells each presentation of a tag once.

Left as it starts, the chip answers InListPassiveTarget when a tag comes, be it in an hour, and asks a tag of
ISO/IEC 14443-4 for more than its UID: it is told to try three times, and to ask for nothing. After a dip of
its supply it has forgotten that; then it does not answer, and is set up anew (`hal.rfid.presence`). The field
is off between two looks: tags begin anew, and the chip rests. Commands: UM0701-02, section 7.
"""

import asyncio

from hal.rfid.pn532_frame import ACK, AROUND, DAMAGED, NACK, answer, frame, tag_in
from hal.rfid.presence import RETRY_S, Presence
from hal.ticks import ticks_add, ticks_diff, ticks_ms

_POLL_S = 0.1
_LOOK_S = 0.005  # between any two transfers, each of which may take 5 ms where the bus hangs
_ACK_MS = 30  # the chip has 15
_ANSWER_MS = 250
_IC = 0x32

_VERSION = b"\x02"
_SET_UP = (
    b"\x14\x01\x14\x01",  # SAMConfiguration: normal mode; ends the low-battery mode in which it starts
    b"\x12\x00",  # SetParameters: no automatic RATS
    b"\x32\x05\xff\x01\x02",  # RFConfiguration, MaxRetries: passive activation twice more
)
_LIST = b"\x4a\x02\x00"  # InListPassiveTarget: two at most, ISO/IEC 14443 type A at 106 kbit/s
_FIELD_OFF = b"\x32\x01\x00"
_TWO_TARGETS = 31  # bytes: how many there are, and 15 for each with the longest UID


class Pn532:
    """A `hal.contract.TagReader`. `line`: of `pn532_line`; `reset`: an output pin to RSTPDN, resting high, or
    None: a chip that holds the bus can then be helped by nobody."""

    def __init__(self, line, reset=None, connector=None):
        self._line = line
        self._reset = reset
        self._connector = connector
        self._presence = Presence()

    def silent(self):
        return self._presence.silent

    async def read(self):
        """(UID as upper-case hex, connector) of the next tag that is presented."""
        presence = self._presence
        while True:
            await asyncio.sleep(_POLL_S)
            targets = None
            if not presence.must_begin(ticks_ms()) or await self._begin():
                targets = await self._ask(_LIST, _TWO_TARGETS)
                # Also when nothing came: whatever it has found begins anew.
                if await self._ask(_FIELD_OFF) is None:
                    targets = None
            if not presence.answered(bool(targets), ticks_ms(), "(pn532)"):
                if presence.silent:
                    await asyncio.sleep(RETRY_S)
                continue
            found = tag_in(targets)
            if presence.presented(found, ticks_ms()):
                return found, self._connector

    async def _begin(self):
        """Whether it answers and is set up."""
        if self._reset is not None:
            self._reset(0)
            await asyncio.sleep(0.002)
            self._reset(1)
            await asyncio.sleep(0.05)
        self._line.wake()
        await self._abort()
        version = await self._ask(_VERSION, 4)
        if not version or version[0] != _IC:
            return False
        for command in _SET_UP:
            if await self._ask(command) is None:
                return False
        return True

    async def _ask(self, command, count=0):
        """The data of the answer, `count` bytes at most; None: there is none."""
        await asyncio.sleep(_LOOK_S)
        try:
            self._line.send(frame(command))
            if await self._next(len(ACK), _ACK_MS) is not None:
                count += AROUND + 2
                found = await self._next(count, _ANSWER_MS, command[0])
                if found == DAMAGED:
                    await asyncio.sleep(_LOOK_S)
                    self._line.send(NACK)
                    found = await self._next(count, _ANSWER_MS, command[0])
                if found:
                    return answer(found, command[0])
        except OSError:  # nobody acknowledges on I2C, or the clock was held for too long
            pass
        await self._abort()
        return None

    async def _abort(self):
        """What goes on in the chip ends: an answer that comes too late is not to be taken for the next."""
        await asyncio.sleep(_LOOK_S)
        try:
            self._line.send(ACK)
        except OSError:
            pass

    async def _next(self, count, within_ms, command=None):
        """The ACK; with `command` the frame that answers it, or DAMAGED. None: it does not come. What else
        comes answers what was asked before."""
        deadline = ticks_add(ticks_ms(), within_ms)
        looks = 2  # more, when the time has passed: the main loop may have been elsewhere
        while looks:
            await asyncio.sleep(_LOOK_S)
            if ticks_diff(deadline, ticks_ms()) <= 0:
                looks -= 1
            found = self._line.receive(count)
            if command is None:
                if found == ACK:
                    return found
            elif found == DAMAGED or answer(found, command) is not None:
                return found
        return None
