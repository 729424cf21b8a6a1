# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""What is to be sent over a WebSocket, in order and in bounds: messages, the newest pong, a ping, at last the
close."""

from ocpp16.frames import BINARY, CLOSE, PING, PONG, TEXT, FrameWriter, close_payload


class Full(OSError):
    """More is waiting to be sent than the connection may hold."""


class SendQueue:
    def __init__(self, limit):
        """`limit`: bytes of messages that may wait. A single message may be longer, when nothing else
        waits."""
        self.limit = limit
        self.size = 0  # bytes of the messages whose sending has not begun
        self.ping = False
        self._pong = None
        self._close = None
        self._messages = []
        self._writer = FrameWriter()

    def put(self, data) -> None:
        """Add a message, str or bytes. Raises Full."""
        kind = BINARY
        if isinstance(data, str):
            kind = TEXT
            data = _utf8(data)
        if self.size and self.size + len(data) > self.limit:
            raise Full("%d bytes wait to be sent" % self.size)
        self._messages.append((kind, data))
        self.size += len(data)

    def pong(self, payload) -> None:
        """Answer a ping. An answer not sent yet to an older one is dropped, as RFC 6455 section 5.5.3
        allows."""
        self._pong = bytes(payload)

    def close(self, code, reason, now=False) -> None:
        """The close frame, behind the messages that wait, or `now` instead of them."""
        self._close = close_payload(code, reason)
        if now:
            self.clear()

    def clear(self) -> None:
        """Forget the messages."""
        del self._messages[:]
        self.size = 0

    def next_piece(self):
        """The bytes to be written next, a memoryview valid until the next call; None: nothing.

        Between messages control frames go first.
        """
        writer = self._writer
        piece = writer.fill()
        if piece is not None:
            return piece
        if self._pong is not None:
            writer.begin(PONG, self._pong)
            self._pong = None
        elif self.ping:
            self.ping = False
            writer.begin(PING, b"")
        elif self._messages:
            kind, data = self._messages.pop(0)
            self.size -= len(data)
            writer.begin(kind, data)
        elif self._close is not None:
            writer.begin(CLOSE, self._close)
            self._close = None
        else:
            return None
        return writer.fill()


def _utf8(text):
    try:
        return memoryview(text)  # MicroPython: a str is its UTF-8 bytes, no copy
    except TypeError:
        return text.encode()
