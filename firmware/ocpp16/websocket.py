# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The WebSocket client: frames, handshake and TCP put together, with pings, deadlines and one writer.

    ws = await WebSocket.open("ws://host/path/CP1", "ocpp1.6", ("CP1", key), timeout_ms=30_000)
    ws.ping_every(60_000)
    kind, payload, oversize = await ws.receive()
    ws.send(text)
    await ws.close(1000, "bye")

One task receives; any number may send. Every way a connection can end shows as `Closed` in both.
"""

import asyncio
import errno

from hal.deadline import within
from hal.ticks import ticks_add, ticks_diff, ticks_ms
from net import tcp, url
from net.url import OwnFault
from ocpp16 import handshake
from ocpp16.frames import BINARY, PART, PING, PONG, FrameReader, ProtocolError
from ocpp16.send_queue import SendQueue

# A day, as far as `asyncio.sleep_ms` and tick arithmetic go without care.
_LONGEST_SLEEP_MS = 86_400_000

# Reads and frames handled before other tasks get their turn: a flood from the server must not stop the
# station.
_TURN = 16

# Who was cut off for breaking the protocol gets this long to read why.
_LINGER_MS = 1000

_OPEN = 0
_CLOSING = 1  # our close frame is queued, nothing more may be sent
_CLOSED = 2

# The buffers of the last connection, taken over by the next: an 8 KB block may not be found again in the heap
# of a station that has been running for a month.
_spare = []


class Closed(OSError):
    """The connection is over. `code`: as in a close frame; 1006 = broken without one, 1005 = one without a
    code."""

    def __init__(self, code, reason):
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class WebSocket:
    """Made by `await WebSocket.open(...)`."""

    def __init__(self, receive_limit=8192, send_limit=16384, write_timeout_ms=20_000, pong_timeout_ms=10_000):
        """`receive_limit`: longest message taken whole, bytes; `send_limit`: bytes of messages that may
        wait."""
        self.pong_timeout_ms = pong_timeout_ms
        self.write_timeout_ms = write_timeout_ms
        # Set by _open(), before anything but _end() uses it.
        self._stream: tcp.TcpStream = None  # pyright: ignore[reportAttributeAccessIssue]
        self._queue = SendQueue(send_limit)
        self._piece = None  # of the frame under way: the network has not taken all of it yet,
        self._taken = 0  # but so many bytes
        self._state = _OPEN
        self._code = 0
        self._reason = ""
        self._receiving = False
        self._work = asyncio.Event()  # for the writer task: the network did not take all at once
        self._room = asyncio.Event()  # for receive(): the send queue has become short
        self._over = asyncio.Event()
        self._write_task = None
        self._ping_task = None
        self.heard_at = ticks_ms()  # when something came, pongs and pings as well
        self._silent = False  # nothing heard since the last ping
        self.fell_silent = False  # it ended because nothing came from the peer any more
        self._turn = 0
        # The last thing that may fail: where something else finds no memory, the next one finds these.
        reader = _spare[0] if _spare else None
        if reader is None or reader.capacity != receive_limit:
            reader = FrameReader(receive_limit)
        reader.reset()
        _spare.clear()
        self._reader = reader

    # ---- opening

    @staticmethod
    async def open(address, protocol="ocpp1.6", authorization=None, timeout_ms=30_000, secure=None, **limits):
        """Connect and upgrade, everything within `timeout_ms`; `limits` as for the constructor.

        `address`: ws:// or wss:// URL with the charge point id as its last segment. `authorization`: None or
        (user, password bytes); None takes what the URL has. `secure`: a `net.tls.Tls`, for wss://. Raises
        OSError with a readable reason (handshake.Refused, a subclass, when the server answered something
        else, OwnFault where nothing could be tried), ValueError for a bad URL or user.
        """
        link = url.parse(address)
        if link.scheme == "wss":
            if secure is None:
                raise OwnFault("wss:// needs TLS, and nobody has set it up")
        elif link.scheme == "ws":
            secure = tcp
        else:
            raise ValueError("not a WebSocket URL: %s://" % link.scheme)
        if authorization is None and link.user is not None:
            authorization = link.user, (link.password or "").encode()
        key = handshake.new_key()
        request = handshake.request(link.target, link.authority(), key, protocol, authorization)
        ws = WebSocket(**limits)
        try:
            opening = ws._open(link, request, key, protocol, timeout_ms, secure)
            await within(opening, timeout_ms)
            ws._write_task = asyncio.create_task(ws._write_loop())
        except asyncio.TimeoutError:
            ws._end(1006, "not opened")
            raise OSError("no WebSocket within %d ms" % timeout_ms)
        except BaseException:  # cancelled or refused: no socket may be left; always re-raised
            ws._end(1006, "not opened")
            raise
        return ws

    async def _open(self, link, request, key, protocol, timeout_ms, transport):
        self._stream = await transport.connect(link.host, link.port, timeout_ms)
        await self._stream.write_all(request, timeout_ms)
        reader = self._reader
        head = None
        while head is None:
            count = await self._stream.read_into(reader.space())
            if not count:
                raise handshake.Refused("server hung up during the handshake")
            reader.advance(count)
            handshake.check_start(reader.peek())
            try:
                head = reader.take_head(b"\r\n\r\n", handshake.HEAD_LIMIT)
            except ProtocolError as error:
                raise handshake.Refused("answer has " + error.reason)
        handshake.check_answer(head, key, protocol)

    # ---- receiving

    async def receive(self):
        """Wait for a message: (TEXT or BINARY, payload, oversize), or for a piece of one: (PART, payload,
        total).

        `payload` is a memoryview valid until the next call; a TEXT is checked to be UTF-8. `oversize` is 0,
        or the length in bytes of a message that was too long, of which `payload` is only the head (its end
        may be inside a character). What is taken as a stream (`take_as_stream`) comes as PARTs, one after the
        other with no other message in between; `total` is 0 until the last one, and the length of the message
        then. Pings are answered here, so somebody should always be waiting. Raises Closed.
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
                    continue
                await self._take_turn()
                payload = self._reader.payload
                if kind == PART:
                    await self._make_room()
                    return kind, payload, self._reader.total if self._reader.final else 0
                if kind <= BINARY:
                    await self._make_room()
                    total = self._reader.total
                    return kind, payload, total if total > len(payload) else 0
                if kind == PING:
                    self._queue.pong(payload)
                    self._flush()
                elif kind != PONG:
                    await self._peer_closes()
        finally:
            self._receiving = False

    def take_as_stream(self, streams) -> None:
        """`streams(head)`: whether a TEXT longer than `receive_limit` that begins so comes in PARTs; it must
        not raise."""
        self._reader.streams = streams

    async def _make_room(self):
        """Before a message is delivered there must be room for its answer.

        A peer that asks but does not read our answers is not listened to until it does, or the writer gives
        up.
        """
        if self._queue.size > self._queue.limit // 4:
            self._room.clear()
            await self._room.wait()
            if self._state == _CLOSED:
                raise Closed(self._code, self._reason)

    async def _read(self):
        if self._state == _CLOSED:
            raise Closed(self._code, self._reason)
        await self._take_turn()
        try:
            count = await self._stream.read_into(self._reader.space())
        except OSError as error:
            self._end(1006, "connection broken (%s)" % error)
            count = -1
        if count == 0:
            self._end(1006, "peer hung up")
        if self._state == _CLOSED:
            raise Closed(self._code, self._reason)
        self.heard_at = ticks_ms()
        self._silent = False
        self._reader.advance(count)

    async def _take_turn(self):
        self._turn += 1
        if self._turn >= _TURN:
            self._turn = 0
            await asyncio.sleep_ms(0)

    async def _peer_closes(self):
        code, reason = self._reader.close_code, self._reader.close_reason
        if self._state == _OPEN:
            self._state = _CLOSING
            self._queue.close(code, "", now=True)
            self._flush()
            until = ticks_add(ticks_ms(), _LINGER_MS)
            while self._piece is not None and ticks_diff(until, ticks_ms()) > 0:
                await asyncio.sleep_ms(10)
        self._end(code, reason)
        raise Closed(self._code, self._reason)

    # ---- sending

    def send(self, data) -> None:
        """Queue a message, str or bytes; it is often on its way when this returns.

        Raises send_queue.Full (an OSError), Closed.
        """
        if self._state != _OPEN:
            raise Closed(self._code, self._reason or "closing")
        self._queue.put(data)
        self._flush()

    @property
    def queued(self) -> int:
        """Bytes of messages whose sending has not begun."""
        return self._queue.size

    def _next_piece(self):
        piece = self._queue.next_piece()
        if self._queue.size <= self._queue.limit // 4:
            self._room.set()
        return piece

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
                    # Nothing is made here: were there no memory for it, the frame would go on without its
                    # rest.
                    self._piece = piece
                    self._taken = done
                    self._work.set()
                    return
        except OSError as error:
            self._end(1006, "connection broken (%s)" % error)

    async def _write_loop(self):
        """The writer task: takes over when the network is slower than we are. Without it nothing is sent any
        more: whatever ends it ends the connection."""
        try:
            while True:
                await self._work.wait()
                self._work.clear()
                while self._piece is not None:
                    await self._stream.write_all(self._piece[self._taken :], self.write_timeout_ms)
                    self._taken = 0
                    self._piece = self._next_piece()
        except Exception as error:  # broken; or no memory, which a line about it may not find either
            why = "cannot send"
            if isinstance(error, OSError):
                self.fell_silent = not self.closed and error.errno == errno.ETIMEDOUT
                try:
                    why = "cannot send (%s)" % error
                except MemoryError:
                    pass
            self._end(1006, why)

    # ---- keeping alive

    def ping_every(self, interval_ms: int) -> None:
        """A ping is sent every so many milliseconds; 0 = none. At any time, takes effect at once.

        No byte within `pong_timeout_ms` of a ping: the link is dead and closed with 1006. (OCPP: the key
        WebSocketPingInterval. The boards have no TCP keep-alive, so this alone finds half-open links.)
        """
        if self._ping_task is not None:
            self._ping_task.cancel()
            self._ping_task = None
        if interval_ms > 0 and self._state == _OPEN:
            self._ping_task = asyncio.create_task(self._ping_loop(interval_ms))

    async def _ping_loop(self, interval_ms):
        try:
            await self._keep_pinging(interval_ms)
        except Exception:
            # No memory, at a bad moment. Nobody else finds out that a link is half-open: rather none than one
            # that is not watched. First of all the end, which takes no memory.
            self._end(1006, "no ping can be sent")

    async def _keep_pinging(self, interval_ms):
        ping_in_ms = interval_ms
        dead_in_ms = 0  # 0 = no ping is unanswered
        while True:
            wait_ms = min(ping_in_ms, dead_in_ms or ping_in_ms, _LONGEST_SLEEP_MS)
            await asyncio.sleep_ms(wait_ms)
            ping_in_ms -= wait_ms
            if not self._silent:
                dead_in_ms = 0
            elif dead_in_ms:
                dead_in_ms -= wait_ms
                if dead_in_ms <= 0:
                    # If the loop itself stood still (DNS, flash), the pong may be there, only not read yet.
                    await asyncio.sleep_ms(100)
                    if self._silent:
                        self.fell_silent = not self.closed
                        self._end(1006, "no pong within %d ms" % self.pong_timeout_ms)
                        return
                    dead_in_ms = 0
            if ping_in_ms <= 0:
                ping_in_ms = interval_ms
                if not dead_in_ms:
                    self._silent = True
                    dead_in_ms = self.pong_timeout_ms
                self._queue.ping = True
                self._flush()

    @property
    def certified(self):
        """See `net.tls.TlsStream`; None for ws://."""
        return self._stream.certified

    # ---- closing

    @property
    def closed(self) -> bool:
        return self._state == _CLOSED

    async def close(self, code=1000, reason="", timeout_ms=3000, heard=False) -> None:
        """Send what is queued, shake hands on closing, free the socket: within `timeout_ms`, whatever the
        peer does.

        `heard`: somebody else receives to the end, with pauses in which what came last is still being read.
        Afterwards `receive()` elsewhere raises Closed. May be called any number of times.
        """
        try:
            if self._state == _OPEN:
                self._state = _CLOSING
                self._queue.close(code, reason)
                self._flush()
            if self._state != _CLOSED:
                await within(self._await_end(heard), timeout_ms)
        except asyncio.TimeoutError:
            pass
        finally:
            self._end(code, reason)

    def abort(self, reason) -> None:
        """Free the socket at once, without the closing handshake: the link below is known to be gone."""
        self._end(1006, reason)

    async def _await_end(self, heard):
        while self._state != _CLOSED:
            if heard or self._receiving:
                await self._over.wait()
            else:
                try:
                    await self.receive()  # messages that come now are for nobody
                except Closed:
                    return

    async def _fail(self, code, reason):
        """Close because the peer broke the protocol: tell it why, and stay long enough for that to arrive."""
        if self._state == _OPEN:
            self._state = _CLOSING
            self._queue.close(code, reason, now=True)
            self._flush()
        # Closing a socket with unread bytes resets the connection, and the reset overtakes the close frame.
        until = ticks_add(ticks_ms(), _LINGER_MS)
        scrap = bytearray(256)
        try:
            while await self._stream.read_into(scrap, max(1, ticks_diff(until, ticks_ms()))):
                await self._take_turn()
                if ticks_diff(until, ticks_ms()) <= 0:
                    break
        except OSError:
            pass
        self._end(code, reason)

    def _end(self, code, reason):
        """Free everything, wake everybody. The first reason stays.

        Lack of memory may be what ends it: what takes some comes last.
        """
        if self._state == _CLOSED:
            return
        self._state = _CLOSED
        self._code = code
        self._reason = reason
        self._piece = None
        self._room.set()
        self._over.set()
        if self._stream is not None:
            self._stream.close()
        self._cancel(self._write_task)
        self._cancel(self._ping_task)
        self._write_task = self._ping_task = None
        self._queue.clear()
        _spare[:] = [self._reader]

    @staticmethod
    def _cancel(task):
        if task is not None and task is not asyncio.current_task():
            task.cancel()
