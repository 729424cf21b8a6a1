# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""WebSocket frames (RFC 6455 section 5), the client's side: reading into one fixed buffer, writing masked.

No I/O: the reader is given bytes, the writer gives bytes.
"""

import os

from ocpp16 import utf8

TEXT = 1
BINARY = 2
CLOSE = 8
PING = 9
PONG = 10
PART = 16  # of a TEXT that is taken as a stream

_CONTINUATION = 0

_NOTHING = memoryview(b"")

# The longest control frame (2 + 125) must fit behind a message that fills its room, with space to read into
# left.
_SLACK = 132

# What remains of a message that is too long: enough to find its id and action (OCPP-J: id <= 36 characters).
_HEAD = 512

# What becomes of the message that is being put together.
_WHOLE = 0  # so far it fits
_UNDECIDED = 1  # it does not, and more of its head must come to tell
_CUT = 2
_STREAM = 3


class ProtocolError(Exception):
    """The peer broke the protocol: close the connection with `code` (RFC 6455 section 7.4.1)."""

    def __init__(self, code, reason):
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class FrameReader:
    """Incremental reader: `space()`, fill it, `advance(n)`, then `next()` until it returns None.

    A data message longer than `capacity` does not break the link: its first 512 bytes are kept, the rest is
    dropped as it comes, and it is delivered with `total` > len(payload). But a TEXT of whose head (these 512
    bytes) `streams(head)` is true is delivered as it comes: as one PART after the other, `final` with the
    last one, which may be empty. Above `limit` bytes: ProtocolError 1009.
    """

    def __init__(self, capacity=8192, limit=1 << 20):
        self.capacity = capacity
        self.limit = limit
        self._buffer = bytearray(capacity + _SLACK)
        self._view = memoryview(self._buffer)
        self.reset()

    def reset(self) -> None:
        """Begin anew, as for another connection."""
        self.streams = None  # fn(head), see above; None: nothing is taken as a stream
        self.payload = _NOTHING  # memoryview, valid until the next call of next() or space()
        self.total = 0  # length of the message as sent, bytes; of a PART: what is known of it
        self.final = False  # of a PART: it is the last one
        self.close_code = 0
        self.close_reason = ""
        self._read = 0  # unparsed bytes are buffer[_read:_write]
        self._write = 0
        self._kind = 0  # of the message being put together, 0 = none
        self._start = 0  # what is kept of it is buffer[_start:_start + _kept]
        self._kept = 0
        self._room = 0
        self._in_frame = False
        self._final = False
        self._fate = _WHOLE
        self._character = b""  # of a stream: what has come of the character in whose middle a PART has ended
        self._rest = 0  # bytes of the present data frame still to come
        self._delivered = False

    def space(self):
        """The memoryview to read into next, never empty."""
        self._release()
        kept_end = self._start + self._kept
        if self._read == self._write:
            self._read = self._write = kept_end
        if len(self._buffer) - self._write < 256 and (self._start or self._read > kept_end):
            self._compact(kept_end)
        return self._view[self._write :]

    def advance(self, count: int) -> None:
        self._write += count

    def take_head(self, mark: bytes, limit: int):
        """The unparsed bytes up to and including `mark`, or None as long as it has not come.

        For the HTTP answer that precedes the frames. Raises ProtocolError when there is none in `limit`
        bytes.
        """
        at = self._buffer.find(mark, self._read, self._write)
        if (self._write if at < 0 else at + len(mark)) - self._read > limit:
            raise ProtocolError(1002, "no end within %d bytes" % limit)
        if at < 0:
            return None
        head = bytes(self._view[self._read : at + len(mark)])
        self._read = at + len(mark)
        return head

    def peek(self):
        """The unparsed bytes, as they are."""
        return self._view[self._read : self._write]

    def next(self):
        """TEXT, BINARY, CLOSE, PING or PONG when one is complete (see `payload`, `total`), PART, else None.

        Raises ProtocolError.
        """
        self._release()
        while True:
            if self._in_frame:
                complete = self._take()
                if complete:
                    self._in_frame = False
                final = complete and self._final
                if self._fate == _STREAM and (self._kept or final):
                    return self._deliver_part(final)
                if not complete:
                    return None
                if final:
                    return self._deliver()
            else:
                kind = self._header()
                if kind is None or kind >= CLOSE:
                    return kind

    def _release(self):
        if self._delivered:
            self._delivered = False
            self._start = self._kept = 0
            self.payload = _NOTHING
            if self._fate != _STREAM or self.final:
                self._kind = self.total = 0
                self._fate = _WHOLE
                self.final = False

    def _compact(self, kept_end):
        view = self._view
        if self._start:
            view[0 : self._kept] = view[self._start : kept_end]
            self._start = 0
        unparsed = self._write - self._read
        view[self._kept : self._kept + unparsed] = view[self._read : self._write]
        self._read = self._kept
        self._write = self._kept + unparsed

    def _header(self):
        buffer = self._buffer
        at = self._read
        present = self._write - at
        if present < 2:
            return None
        first = buffer[at]
        length = buffer[at + 1]
        if first & 0x70:
            raise ProtocolError(1002, "reserved bit set")
        if length & 0x80:
            raise ProtocolError(1002, "masked frame from the server")
        kind = first & 0x0F
        if kind >= CLOSE:
            return self._control(kind, first, length, present)
        if kind > BINARY:
            raise ProtocolError(1002, "reserved opcode")
        at += 2
        if length >= 126:
            size = 2 if length == 126 else 8
            if present < 2 + size:
                return None
            length = self._long_length(at, size)
            at += size
        if kind == _CONTINUATION:
            if not self._kind:
                raise ProtocolError(1002, "continuation of nothing")
        elif self._kind:
            raise ProtocolError(1002, "new message inside a fragmented one")
        else:
            self._kind = kind
            self._start = at
            self._room = self.capacity
        self.total += length
        if self.total > self.limit:
            raise ProtocolError(1009, "message of more than %d bytes" % self.limit)
        if self.total > self.capacity and self._fate == _WHOLE:
            self._room = min(_HEAD, self.capacity)
            self._fate = _UNDECIDED
            if self._kept >= self._room:
                self._decide()
        self._read = at
        self._rest = length
        self._final = bool(first & 0x80)
        self._in_frame = True
        return kind

    def _decide(self):
        """The head of a message that does not fit is here: may it be taken as a stream?"""
        head = self._view[self._start : self._start + self._room]
        if self._kind == TEXT and self.streams is not None and self.streams(head):
            self._fate = _STREAM
            self._room = len(self._buffer)
            self._character = b""
        else:
            self._fate = _CUT
            self._kept = self._room

    def _long_length(self, at, size):
        length = int.from_bytes(self._view[at : at + size], "big")
        if length < (126 if size == 2 else 65536):
            raise ProtocolError(1002, "length not in its shortest form")
        if length >> 63:
            raise ProtocolError(1002, "length with the highest bit set")
        return length

    def _control(self, kind, first, length, present):
        if kind > PONG:
            raise ProtocolError(1002, "reserved opcode")
        if not first & 0x80:
            raise ProtocolError(1002, "fragmented control frame")
        if length > 125:
            raise ProtocolError(1002, "control frame of more than 125 bytes")
        if present < 2 + length:
            return None
        start = self._read + 2
        self._read = start + length
        self.payload = self._view[start : self._read]
        if kind == CLOSE:
            self.close_code, self.close_reason = close_content(self.payload)
        return kind

    def _take(self):
        """Move what has come of the present data frame behind what is kept of its message. Whether that is
        all of the frame."""
        count = min(self._rest, self._write - self._read)
        while count:
            if self._fate == _STREAM and not self._kept:
                self._start = self._read  # nothing has to be moved
            keep = min(count, self._room - self._kept)
            if keep:
                end = self._start + self._kept
                if end != self._read:
                    self._view[end : end + keep] = self._view[self._read : self._read + keep]
                self._kept += keep
            if self._fate == _UNDECIDED:
                if self._kept == self._room:
                    self._decide()
            else:
                keep = count  # what is not kept is dropped
            self._read += keep
            self._rest -= keep
            count -= keep
        return not self._rest

    def _deliver_part(self, final):
        self._delivered = True
        self.final = final
        self.payload = self._view[self._start : self._start + self._kept]
        character = utf8.continues(self.payload, self._character)
        if character is None or (final and character):
            raise ProtocolError(1007, "text is not UTF-8")
        self._character = character
        return PART

    def _deliver(self):
        self._delivered = True
        self.payload = self._view[self._start : self._start + self._kept]
        # Of a message that was cut only the head is here, and its end may be inside a character.
        if self._kind == TEXT and self.total == self._kept and not utf8.is_valid(self.payload):
            raise ProtocolError(1007, "text is not UTF-8")
        return self._kind


def close_content(payload):
    """(code, reason) of a close frame's payload, (1005, "") when it is empty. Raises ProtocolError."""
    if not len(payload):
        return 1005, ""
    if len(payload) == 1:
        raise ProtocolError(1002, "close frame of one byte")
    code = payload[0] << 8 | payload[1]
    # RFC 6455 section 7.4 and the IANA registry: 1004-1006 and 1015 never travel, 1016-2999 are not assigned.
    if not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
        raise ProtocolError(1002, "close code %d" % code)
    if not utf8.is_valid(payload[2:]):
        raise ProtocolError(1007, "close reason is not UTF-8")
    return code, str(payload[2:], "utf-8")


def close_payload(code: int, reason: str) -> bytes:
    """The payload of a close frame; `reason` is cut to the 123 bytes that fit, at a character's end."""
    if code == 1005:
        return b""
    text = reason.encode()
    if len(text) > 123:
        end = 123
        while text[end] & 0xC0 == 0x80:
            end -= 1
        text = text[:end]
    return bytes((code >> 8, code & 0xFF)) + text


class FrameWriter:
    """One frame at a time, in pieces: `begin()`, then `fill()` until it returns None.

    The pieces are made in one small buffer: a long message is masked on its way out, never copied as a whole.
    Masking is XOR of big integers, 256 bytes at a time: 20 times faster than a loop over bytes, the same on
    CPython, and needs no machine code (viper), which an .mpy file for all boards cannot carry.
    """

    _BLOCK = 256

    def __init__(self, piece=1408):
        self._out = bytearray(piece)  # about one TCP segment
        self._view = memoryview(self._out)
        self._payload = None
        self._at = 0
        self._used = 0
        self._key = b""
        self._key_block = 0

    def begin(self, kind: int, payload) -> None:
        """Start the frame of `payload`: a buffer (on MicroPython a str is one, too).

        Whatever fails in here (no memory), nothing has been started: half a frame would be the end of the
        stream.
        """
        payload = memoryview(payload)
        length = len(payload)
        out = self._out
        out[0] = 0x80 | kind
        if length < 126:
            out[1] = 0x80 | length
            used = 2
        elif length < 65536:
            out[1] = 0x80 | 126
            out[2] = length >> 8
            out[3] = length & 0xFF
            used = 4
        else:
            out[1] = 0x80 | 127
            out[2:10] = length.to_bytes(8, "big")
            used = 10
        mask = os.urandom(4)
        out[used : used + 4] = mask
        if length >= self._BLOCK:
            self._key = mask * (self._BLOCK // 4)
            self._key_block = int.from_bytes(self._key, "little")
        else:
            self._key = mask * ((length + 3) // 4)
        self._used = used + 4
        self._at = 0
        self._payload = payload

    def fill(self):
        """The next piece of the frame as a memoryview valid until the next call, or None when all has been
        given. When it fails (no memory), the next call makes the same piece."""
        payload = self._payload
        if payload is None:
            return None
        view = self._view
        used = self._used
        at = self._at
        left = len(payload) - at
        block = self._BLOCK
        while left >= block and used + block <= len(view):
            value = int.from_bytes(payload[at : at + block], "little") ^ self._key_block
            view[used : used + block] = value.to_bytes(block, "little")
            used += block
            at += block
            left -= block
        if left < block and used + left <= len(view):
            if left:
                value = int.from_bytes(payload[at:], "little") ^ int.from_bytes(self._key[:left], "little")
                view[used : used + left] = value.to_bytes(left, "little")
                used += left
            payload = None
        piece = view[:used]
        self._payload = payload
        self._at = at
        self._used = 0
        return piece
