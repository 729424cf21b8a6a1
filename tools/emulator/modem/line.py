# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""The modem on a byte stream, with the event loop's clock: the TCP port of the emulator's UART, or a socket
pair."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable

from emulator.modem.carrier import LOOPBACK, Carrier
from emulator.modem.modem import Modem, ModemSettings

# The emulator takes bytes at the UART's speed; when it stands still, this is the end of patience.
LONGEST_BACKLOG = 1 << 20
_AGAIN_S = 0.1


class Line(asyncio.Protocol):
    """The modem and its timers. `modem` may be told of pins and faults at any time; `wake` afterwards."""

    def __init__(self, settings: ModemSettings, unix_time: Callable[[], float] = time.time):
        self._loop = asyncio.get_running_loop()
        self.carrier = Carrier(self.wake)
        self.modem = Modem(settings, self.carrier.dial, unix_time)
        self.dropped_bytes = 0
        # Called with the modem's new speed on its UART, once its last byte at the old one has gone out.
        self.on_speed: Callable[[int], None] | None = None
        self._told_speed = self.modem.commands.speed
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._soon: asyncio.Handle | None = None
        self._lost = asyncio.Event()
        self._closed = False

    @property
    def now(self) -> float:
        return self._loop.time()

    def wake(self) -> None:
        """Something has changed. Many changes of one moment are looked at once."""
        if self._soon is None and not self._closed:
            self._soon = self._loop.call_soon(self._look)

    def pin_supply(self, on: bool) -> None:
        self.modem.supply(on, self.now)
        self.wake()

    def pin_pwrkey(self, pressed: bool) -> None:
        """pressed: the pin of the board is high."""
        self.modem.pwrkey(pressed, self.now)
        self.wake()

    async def attach(self, sock: socket.socket) -> None:
        """A connected stream socket, which is the UART from now on."""
        sock.setblocking(False)
        await self._loop.create_connection(lambda: self, sock=sock)

    async def follow(self, port: int) -> None:
        """Connects to that port of 127.0.0.1, again whenever it was lost: an emulator that is started anew
        finds its modem as it was. Never ends."""
        while True:
            try:
                await self._loop.create_connection(lambda: self, LOOPBACK, port)
            except OSError:
                await asyncio.sleep(_AGAIN_S)
                continue
            await self._lost.wait()

    def close(self) -> None:
        self._closed = True
        for handle in (self._timer, self._soon):
            if handle is not None:
                handle.cancel()
        self.carrier.close()
        if self._transport is not None:
            self._transport.close()

    # --- asyncio.Protocol -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if self._transport is not None:
            self._transport.abort()
        self._transport = transport
        self._lost.clear()
        with contextlib.suppress(OSError):  # a socket pair has no such thing
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._lost.set()

    def data_received(self, data: bytes) -> None:
        self.modem.receive(data, self.now)
        self._look()

    # --- time -----------------------------------------------------------------------------------------------

    def _look(self) -> None:
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        if self._closed:
            return
        self.modem.step(self.now)
        self.carrier.move()
        self.modem.step(self.now)  # windows that have opened
        self._send(self.modem.take())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        speed = self.modem.commands.speed
        if speed != self._told_speed:
            self._told_speed = speed
            if self.on_speed is not None:
                self.on_speed(speed)
        at = self.modem.deadline()
        if at is not None:
            self._timer = self._loop.call_at(at, self._look)

    def _send(self, data: bytes) -> None:
        if not data:
            return
        if self._transport is None or self._transport.get_write_buffer_size() > LONGEST_BACKLOG:
            self.dropped_bytes += len(data)
        else:
            self._transport.write(data)
