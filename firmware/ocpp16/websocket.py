# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The WebSocket client: frames, handshake and TCP put together, with pings, deadlines and one writer.

    ws = await WebSocket.open("ws://host/path/CP1", "ocpp1.6", ("CP1", key), timeout_ms=30_000)
    ws.ping_interval_ms = 60_000
    kind, payload, oversize = await ws.receive()
    ws.send(text)
    await ws.close(1000, "bye")

One task receives; any number may send. Every way a connection can end shows as `Closed` in both.
"""

import asyncio

from hal.ticks import ticks_add, ticks_diff, ticks_ms
from net import tcp, url
from ocpp16 import handshake
from ocpp16.frames import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    FrameReader,
    FrameWriter,
    ProtocolError,
    close_payload,
)

# A day, as far as `asyncio.sleep_ms` and tick arithmetic go without care.
_LONGEST_SLEEP_MS = 86_400_000

# Frames and reads handled before other tasks get their turn: a flood from the server must not stop the station.
_TURN = 16

_OPEN = 0
_CLOSING = 1  # our close frame is queued, nothing more may be sent
_CLOSED = 2


class Closed(OSError):
    """The connection is over. `code`: as in a close frame; 1006 = broken without one, 1005 = one without a code."""

    def __init__(self, code, reason):
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Full(OSError):
    """More is waiting to be sent than the connection may hold."""


class WebSocket:
    """Make one with `await WebSocket.open(...)`."""

    def __init__(self, receive_limit=8192, send_limit=16384, write_timeout_ms=20_000, pong_timeout_ms=10_000):
        self.pong_timeout_ms = pong_timeout_ms
        self.write_timeout_ms = write_timeout_ms
        self.send_limit = send_limit
        self._stream = None
        self._reader = FrameReader(receive_limit)
        self._writer = FrameWriter()
        self._piece = None  # what the network did not take yet of the frame under way
        self._queue = []  # messages (kind, buffer) not begun, oldest first
        self._queued = 0  # bytes in it
        self._pong = None  # payload of the newest ping not answered yet: RFC 6455 section 5.5.3 lets older ones go
        self._ping = False
        self._state = _OPEN
        self._close_frame = None
        self._code = 0
        self._reason = ""
        self._receiving = False
        self._work = asyncio.Event()  # for the writer task: there is something the network did not take at once
        self._room = asyncio.Event()  # for receive(): the send queue has become short
        self._over = asyncio.Event()
        self._tasks = []
        self._pinger = None
        self._ping_interval_ms = 0
        self._silent = False  # nothing heard since the last ping
        self._turn = 0

    # ---- opening

    @staticmethod
    async def open(address, protocol="ocpp1.6", authorization=None, timeout_ms=30_000, **limits):
        """Connect and upgrade, everything within `timeout_ms`; `limits` as for the constructor.

        `address`: ws:// URL with the charge point id as its last segment. `authorization`: None or (user, password
        bytes). Raises OSError with a readable reason (handshake.Refused, a subclass, when the server answered
        something else), ValueError for a bad URL.
        """
        ws = WebSocket(**limits)
        try:
            await asyncio.wait_for_ms(ws._open(url.parse(address), protocol, authorization, timeout_ms), timeout_ms)
        except asyncio.TimeoutError:
            ws._end(1006, "no WebSocket within %d ms" % timeout_ms)
            raise OSError("no WebSocket within %d ms" % timeout_ms)
        except BaseException:  # cancelled: no socket may be left; always re-raised
            ws._end(1006, "not opened")
            raise
        ws._tasks.append(asyncio.create_task(ws._write_loop()))
        return ws

    async def _open(self, link, protocol, authorization, timeout_ms):
        if link.scheme == "wss":
            raise OSError("wss:// needs TLS, which is not in this build yet")
        if link.scheme != "ws":
            raise ValueError("not a WebSocket URL: " + link.scheme)
        key = handshake.new_key()
        request = handshake.request(link.target, link.authority(), key, protocol, authorization)
        stream = self._stream = await tcp.connect(link.host, link.port, timeout_ms)
        await stream.write_all(request, timeout_ms)
        reader = self._reader
        while True:
            count = await stream.read_into(reader.space())
            if not count:
                raise handshake.Refused("server hung up during the handshake")
            reader.advance(count)
            handshake.check_start(reader.peek())
            try:
                head = reader.take_head(b"\r\n\r\n", handshake.HEAD_LIMIT)
            except ProtocolError as error:
                raise handshake.Refused("answer has " + error.reason)
            if head is not None:
                handshake.check_answer(head, key, protocol)
                return

    # ---- receiving

    async def receive(self):
        """Wait for a message: (TEXT or BINARY, payload, oversize).

        `payload` is a memoryview valid until the next call; a TEXT is checked to be UTF-8. `oversize` is 0, or the
        length in bytes of a message that was too long, of which `payload` is only the head. Pings are answered here,
        so somebody should always be waiting. Raises Closed.
        """
        self._receiving = True
        try:
            while True:
                try:
                    kind = None if self._state == _CLOSED else self._reader.next()
                except ProtocolError as error:
                    await self._fail(error.code, error.reason)
                    kind = None
                if kind is None:
                    await self._read()
                elif kind <= BINARY:
                    await self._take_turn()
                    payload = self._reader.payload
                    total = self._reader.total
                    return kind, payload, total if total > len(payload) else 0
                else:
                    await self._control(kind)
        finally:
            self._receiving = False

    async def _read(self):
        if self._queued > self.send_limit // 2:
            # The peer asks but does not read our answers: stop reading until it does, or the writer gives up.
            self._room.clear()
            await self._room.wait()
        if self._state == _CLOSED:
            raise Closed(self._code, self._reason)
        await self._take_turn()
        try:
            count = await self._stream.read_into(self._reader.space())
        except OSError as error:
            self._end(1006, "connection broken (%s)" % error)
            raise Closed(self._code, self._reason)
        if not count:
            self._end(1006, "peer hung up")
            raise Closed(self._code, self._reason)
        self._silent = False
        self._reader.advance(count)

    async def _take_turn(self):
        self._turn += 1
        if self._turn >= _TURN:
            self._turn = 0
            await asyncio.sleep_ms(0)

    async def _control(self, kind):
        if kind == PING:
            self._pong = bytes(self._reader.payload)
            self._flush()
            await self._take_turn()
        elif kind == CLOSE:
            code, reason = self._reader.close_code, self._reader.close_reason
            if self._state == _OPEN:
                # The rest of the queue would only be heard by nobody: echo the close and leave.
                del self._queue[:]
                self._queued = 0
                self._state = _CLOSING
                self._close_frame = close_payload(code, "")
                self._flush()
                await self._finish_writing(1000)
            self._end(code, reason)
            raise Closed(code, reason)

    # ---- sending

    def send(self, data) -> None:
        """Queue a message, str or bytes; it is often on its way when this returns. Raises Full, Closed."""
        if self._state != _OPEN:
            raise Closed(self._code, self._reason or "closing")
        kind = BINARY
        if isinstance(data, str):
            kind = TEXT
            data = _utf8_buffer(data)
        if self._queued + len(data) > self.send_limit and self._queued:
            raise Full("%d bytes wait to be sent" % self._queued)
        self._queue.append((kind, data))
        self._queued += len(data)
        self._flush()

    @property
    def queued(self) -> int:
        """Bytes of messages whose sending has not begun."""
        return self._queued

    def _next_piece(self):
        """What is to be written next. Between messages control frames go first, the close frame last of all."""
        piece = self._writer.fill()
        if piece is not None:
            return piece
        if self._pong is not None:
            self._writer.begin(PONG, self._pong)
            self._pong = None
        elif self._ping:
            self._ping = False
            self._writer.begin(PING, b"")
        elif self._queue:
            kind, data = self._queue.pop(0)
            self._queued -= len(data)
            self._writer.begin(kind, data)
        elif self._close_frame is not None:
            self._writer.begin(CLOSE, self._close_frame)
            self._close_frame = None
        else:
            return None
        if self._queued <= self.send_limit // 2:
            self._room.set()
        return self._writer.fill()

    def _flush(self):
        """Write as much as the network takes without waiting: usually all, which saves a change of task."""
        if self._piece is not None or self._state == _CLOSED:
            return  # the writer task is at it
        try:
            while True:
                piece = self._next_piece()
                if piece is None:
                    return
                done = self._stream.write_some(piece)
                if done < len(piece):
                    self._piece = piece[done:]
                    self._work.set()
                    return
        except OSError as error:
            self._end(1006, "connection broken (%s)" % error)

    async def _write_loop(self):
        """The writer task: takes over when the network is slower than we are."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._piece is not None:
                try:
                    await self._stream.write_all(self._piece, self.write_timeout_ms)
                    self._piece = self._next_piece()
                except OSError as error:
                    self._end(1006, "cannot send (%s)" % error)
                    return

    async def _finish_writing(self, timeout_ms):
        """Give what is queued, the close frame included, a last chance."""
        until = ticks_add(ticks_ms(), timeout_ms)
        while self._piece is not None and self._state != _CLOSED and ticks_diff(until, ticks_ms()) > 0:
            await asyncio.sleep_ms(10)

    # ---- keeping alive

    @property
    def ping_interval_ms(self) -> int:
        """A ping is sent every so many milliseconds; 0 = none. May be set at any time, takes effect at once.

        No byte within `pong_timeout_ms` of a ping: the link is dead and closed with 1006. (OCPP: the key
        WebSocketPingInterval. There is no TCP keep-alive on the boards, so this alone finds half-open links.)
        """
        return self._ping_interval_ms

    @ping_interval_ms.setter
    def ping_interval_ms(self, interval_ms):
        self._ping_interval_ms = interval_ms
        if self._pinger is not None:
            self._pinger.cancel()
            self._pinger = None
        if interval_ms and self._state == _OPEN:
            self._pinger = asyncio.create_task(self._ping_loop(interval_ms))

    async def _ping_loop(self, interval_ms):
        while True:
            while interval_ms > _LONGEST_SLEEP_MS:
                await asyncio.sleep_ms(_LONGEST_SLEEP_MS)
                interval_ms -= _LONGEST_SLEEP_MS
            await asyncio.sleep_ms(interval_ms)
            interval_ms = self._ping_interval_ms
            self._ping = True
            self._silent = True
            self._flush()
            waited_ms = 0
            # Checked twice: when the loop itself was blocked (DNS, flash), the pong may be waiting unread.
            for wait_ms in (self.pong_timeout_ms, 100):
                if self._silent:
                    await asyncio.sleep_ms(wait_ms)
                    waited_ms += wait_ms
            if self._silent:
                self._end(1006, "no pong within %d ms" % self.pong_timeout_ms)
                return
            interval_ms = max(0, interval_ms - waited_ms)

    # ---- closing

    @property
    def closed(self) -> bool:
        return self._state == _CLOSED

    async def close(self, code=1000, reason="", timeout_ms=3000) -> None:
        """Send what is queued, shake hands on closing, free the socket: within `timeout_ms`, whatever the peer does.

        Afterwards `receive()` elsewhere raises Closed. May be called any number of times.
        """
        try:
            if self._state == _OPEN:
                self._state = _CLOSING
                self._code = code
                self._reason = reason
                self._close_frame = close_payload(code, reason)
                self._flush()
            if self._state != _CLOSED:
                await asyncio.wait_for_ms(self._await_end(), timeout_ms)
        except asyncio.TimeoutError:
            pass
        finally:
            self._end(code, reason)

    async def _await_end(self):
        while self._state != _CLOSED:
            if self._receiving:
                await self._over.wait()
            else:
                try:
                    await self.receive()  # messages that come now are for nobody
                except Closed:
                    return

    async def _fail(self, code, reason):
        """Close because the peer broke the protocol: tell it why, and stay long enough for that to arrive."""
        del self._queue[:]
        self._queued = 0
        if self._state == _OPEN:
            self._state = _CLOSING
            self._close_frame = close_payload(code, reason)
            self._flush()
        # Closing a socket with unread bytes resets the connection, and the reset overtakes the close frame.
        until = ticks_add(ticks_ms(), 1000)
        scrap = memoryview(bytearray(256))
        try:
            while ticks_diff(until, ticks_ms()) > 0 and not self._stream.closed:
                if not await self._stream.read_into(scrap, 200) and self._piece is None:
                    break
        except OSError:
            pass
        self._end(code, reason)

    def _end(self, code, reason):
        """Free everything, wake everybody. The first reason stays."""
        if self._state == _CLOSED:
            return
        self._state = _CLOSED
        self._code = code
        self._reason = reason
        if self._stream is not None:
            self._stream.close()
        self._piece = self._close_frame = self._pong = None
        del self._queue[:]
        self._queued = 0
        if self._pinger is not None:
            self._tasks.append(self._pinger)
            self._pinger = None
        me = asyncio.current_task() if self._tasks else None
        for task in self._tasks:
            if task is not me:
                task.cancel()
        self._tasks = []
        self._room.set()
        self._over.set()


def _utf8_buffer(text):
    try:
        return memoryview(text)  # MicroPython: a str is its UTF-8 bytes, no copy
    except TypeError:
        return text.encode()
