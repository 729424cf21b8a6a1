# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""TCP connections that never leak: non-blocking connect with a deadline, reads into a given buffer, bounded
writes.

Not `asyncio.open_connection`: cancelled or timed out, that one leaves its socket open, and its reads with a
time-out lose the bytes already read. Waits use MicroPython's IOQueue, so this module runs under MicroPython;
elsewhere it only imports.

`net.tls` makes the same of a TLS socket.
"""

import asyncio
import errno
import socket

from hal.deadline import within
from hal.ticks import ticks_add, ticks_diff, ticks_ms
from net import dns

try:
    from asyncio import core as _core  # pyright: ignore[reportAttributeAccessIssue] (not in the stubs)
except ImportError:
    pass

# Between two tries to write when the network is slower than we are.
_WRITE_PAUSE_MS = 5

_IPPROTO_TCP = 6
_TCP_NODELAY = 1


class Refused(OSError):
    """The far end is there, and does not want us, or is not the one that we want."""

    errno = errno.ECONNREFUSED


class _Readiness:
    """Awaitable: the socket can be read, or written. Made once per stream: a wait allocates nothing.

    Only one task may wait on a socket this way: cancelling one of two makes IOQueue forget the other for ever
    (`IOQueue.remove` takes the whole socket out of the poll).
    """

    def __init__(self, sock, write=False):
        self.task = None
        self._sock = sock
        self._write = write
        self._queued = False

    def __iter__(self):
        self._queued = False
        return self

    __await__ = __iter__

    def __next__(self):
        if self._queued:
            raise StopIteration
        self._queued = True
        self.task = _core.cur_task
        if self._write:
            _core._io_queue.queue_write(self._sock)
        else:
            _core._io_queue.queue_read(self._sock)

    async def wait(self):
        try:
            await self  # pyright: ignore[reportGeneralTypeIssues] (an iterator is enough for MicroPython)
        finally:
            self.task = None

    def wake(self):
        """Let the waiting task go on at once: it will find the stream closed."""
        task = self.task
        self.task = None
        # Not when it is on its way already, by poll or by a cancellation: pushed twice, it would break the
        # scheduler's queue (and with it the interpreter). `data` is the IOQueue only while it waits there.
        if task is not None and task.data is _core._io_queue:
            _core._io_queue.remove(task)
            _core._task_queue.push(task)


class TcpStream:
    """One connection. At most one task reads and one writes at a time.

    certified   see `net.tls.TlsStream`
    """

    certified = None

    def __init__(self, sock):
        self._sock = sock
        self._readable = _Readiness(sock)
        self.closed = False

    async def read_into(self, view, timeout_ms=None) -> int:
        """Read what is there into `view` (not empty): the number of bytes, 0 = the peer has finished.

        Raises OSError: the connection broke, was closed here, or (ETIMEDOUT) nothing came in time. A time-out
        or a cancellation loses nothing: bytes are taken from the socket only in the moment they are returned.
        """
        deadline = None if timeout_ms is None else ticks_add(ticks_ms(), timeout_ms)
        while True:
            if self.closed:
                raise OSError(errno.ECONNABORTED, "closed here")
            count = self._take(view)
            if count is not None:
                return count
            await _wait(self._readable, deadline)

    def write_some(self, view) -> int:
        """Hand over what the network takes now without waiting: the number of bytes, possibly 0. Raises
        OSError."""
        if self.closed:
            raise OSError(errno.ECONNABORTED, "closed here")
        return self._give(view) or 0

    async def write_all(self, view, timeout_ms) -> None:
        """Write the whole of `view` within `timeout_ms`. Raises OSError (ETIMEDOUT: the peer does not
        read)."""
        deadline = ticks_add(ticks_ms(), timeout_ms)
        view = memoryview(view)
        done = 0
        while True:
            done += self.write_some(view[done:] if done else view)
            if done == len(view):
                return
            if ticks_diff(deadline, ticks_ms()) <= 0:
                raise OSError(errno.ETIMEDOUT, "peer does not read")
            # Not by readiness: the reader waits there already, see above.
            await asyncio.sleep_ms(_WRITE_PAUSE_MS)

    def close(self) -> None:
        """Free the socket; whoever waits on it gets OSError. May be called any number of times."""
        if self.closed:
            return
        self.closed = True
        self._readable.wake()
        self._free()

    def detach(self):
        """The bare socket, which is the caller's from now on; this stream is closed."""
        self.closed = True
        return self._sock

    # What a stream through TLS does differently. None: nothing there yet, no room yet.

    def _take(self, view):
        return self._sock.readinto(view)

    def _give(self, view):
        return self._sock.write(view)

    def _free(self):
        self._sock.close()


async def _wait(readiness, deadline):
    if deadline is None:
        await readiness.wait()
        return
    left_ms = ticks_diff(deadline, ticks_ms())
    if left_ms <= 0:
        raise OSError(errno.ETIMEDOUT, "timed out")
    try:
        await within(readiness.wait(), left_ms)
    except asyncio.TimeoutError:
        raise OSError(errno.ETIMEDOUT, "timed out")


async def connect(host: str, port: int, timeout_ms: int) -> TcpStream:
    """Connect to the first address of `host` that answers; all of them share `timeout_ms`. Raises OSError.

    A name is resolved by `net.dns` where the network gave us a server, which does not stop the event loop;
    getaddrinfo would, for up to 14 s (lwIP), and is left for hosts and for addresses in numbers.
    """
    deadline = ticks_add(ticks_ms(), timeout_ms)
    found = await dns.lookup(host, timeout_ms)
    try:
        addresses = socket.getaddrinfo(found, port, 0, socket.SOCK_STREAM)
    except OSError as error:
        raise OSError(error.errno, "cannot resolve %s" % host)
    failure = OSError(errno.EHOSTUNREACH, "no address for %s" % host)
    for address in addresses:
        try:
            return await _connect_one(address, deadline)
        except OSError as error:
            failure = OSError(error.errno, "cannot connect to %s:%d" % (host, port))
    dns.doubt(host)
    raise failure


async def _connect_one(address, deadline):
    sock = socket.socket(address[0], socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        try:
            sock.connect(address[-1])
        except OSError as error:
            if error.errno != errno.EINPROGRESS:
                raise
            await _wait(_Readiness(sock, True), deadline)
            # There is no getsockopt(SO_ERROR): an empty send reports why a connect failed.
            sock.send(b"")
        try:
            # A StatusNotification right behind an answer must not wait for the peer's delayed
            # acknowledgement.
            sock.setsockopt(_IPPROTO_TCP, _TCP_NODELAY, 1)
        except (OSError, ValueError):
            pass
        return TcpStream(sock)
    except BaseException:  # a cancelled or failed connect must not keep its socket; always re-raised
        sock.close()
        raise
