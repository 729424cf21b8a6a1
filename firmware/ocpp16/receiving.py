# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A CALL that comes piece by piece, from its first piece to its answer.

Whatever is wrong with it shows at its end, as with other messages: of several faults the one that an ordinary
message would be answered for. A link that is lost before the end leaves nothing behind.
"""

import asyncio
import binascii

import log
from ocpp16 import json_text, schema
from ocpp16.message import scan_action, scan_head

# As much is kept of it for who watches.
_HEAD = 512

_WAIT_S = 0.02


class Receiving:
    """Of one `rpc.Rpc`. `show(direction, head, length)`: to who watches."""

    def __init__(self, answering, show):
        self._answering = answering
        self._show = show
        self._streamed = None
        self.lost()

    def lost(self):
        """The link is gone, with what had not come yet."""
        streamed = self._streamed
        self._begun = False
        self._streamed = None
        self._failure = None  # (code, text): what came is of no use
        self._head = self._id = None
        self._crc = 0
        if streamed is not None:
            streamed.abandon()

    async def part(self, piece, total):
        """The next piece (a buffer); the first one has the action in it. `total`: 0, or with the last piece
        the length of the message.

        Other tasks have their turns meanwhile. Never raises for anything a peer can send.
        """
        if not self._begun:
            self._begun = True
            self._begin(piece)
        streamed = self._streamed
        if streamed is not None:
            try:
                self._crc = binascii.crc32(piece, self._crc)
                for _ in streamed.feed(piece):
                    await asyncio.sleep(0)
                    while self._streamed is streamed and streamed.must_wait():
                        await asyncio.sleep(_WAIT_S)
                    if self._streamed is not streamed:
                        return  # lost
            except Exception as error:
                self._fail(error)
        if total:
            self._end(total)

    def _begin(self, piece):
        try:
            self._id = scan_head(piece)[1]
            self._head = bytes(piece[:_HEAD])
            self._streamed = self._answering.begin(scan_action(piece), self._id)
        except Exception as error:
            self._fail(error)

    def _fail(self, error):
        self._failure = _failure(error)
        streamed, self._streamed = self._streamed, None
        if streamed is not None:
            streamed.abandon()

    def _end(self, total):
        answering = self._answering
        streamed = self._streamed
        self._show("in", self._head or b"", total)
        try:
            if streamed is not None:
                frame = streamed.frame()
                if answering.take(frame, frame[1], self._crc, streamed):
                    self._streamed = None
        except Exception as error:
            if isinstance(error, MemoryError):
                answering.forget()
            self._failure = _failure(error)
        message_id, failure = self._id, self._failure
        self.lost()  # abandons what nobody has taken
        if failure is not None:
            answering.refuse(message_id, failure[0], failure[1])


def _failure(error):
    """What a message is refused with, (code, text)."""
    if isinstance(error, json_text.Malformed):
        return schema.FORMATION, "not JSON: %s" % error
    if isinstance(error, schema.Violation):
        return error.code, error.describe()
    if isinstance(error, MemoryError):
        return "InternalError", "not enough memory for this message"
    log.error("rpc", "message taken as a stream: %s", repr(error))
    return "InternalError", ""
