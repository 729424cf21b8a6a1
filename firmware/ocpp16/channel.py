# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""One connection to the CSMS: a WebSocket with the RPC on it."""

import asyncio

import log
from hal.ticks import ticks_diff, ticks_ms
from net.url import OwnFault, quote
from ocpp16.frames import PART
from ocpp16.message import scan_head
from ocpp16.websocket import Closed, WebSocket

_PROTOCOL = "ocpp1.6"
_OPEN_LIMIT_MS = 30000
_CALL = 2
_HELD_MS = 20


def endpoint(url, identity):
    """The address of OCPP-J section 3.1.1: the URL with the identity, percent-encoded, as its last
    segment.
    """
    return url.rstrip("/") + "/" + quote(identity)


async def connect(url, identity, config, rpc, held=None, secure=None):
    """A connected Channel; OSError with the reason when there is none to be had, OwnFault (`net.url`)
    where nothing could even be tried. `held()`: True while nothing
    that comes may be acted upon: it waits. `secure`: a `net.tls.Tls`, needed for wss://.
    """
    password = config.value("AuthorizationKey")
    authorization = (identity, password) if password else None
    try:
        websocket = await WebSocket.open(
            endpoint(url, identity), _PROTOCOL, authorization, _OPEN_LIMIT_MS, secure
        )
    except ValueError as error:
        raise OwnFault("CSMS URL %s: %s" % (_shown(url), error))
    try:
        log.info("channel", "connected to %s as %s", _shown(url), identity)
        channel = Channel(websocket, rpc, held)
        channel.ping_every(config.value("WebSocketPingInterval") or 0)
        return channel
    except BaseException:  # no memory: always re-raised. Nobody else knows of the connection, and it is large
        rpc.detach()
        websocket.abort("not taken up")
        raise


def _shown(url):
    """Without user and password."""
    return url.rpartition("@")[2]


class Channel:
    """certified   (from_s, until_s, known): seconds since 1970 between which, both included, all of the
    certificates are valid with which the CSMS was verified, and whether the time was known then or only
    assumed (docs/tls.md); None without TLS
    """

    def __init__(self, websocket, rpc, held=None):
        self._websocket = websocket
        self._rpc = rpc
        self.certified = websocket.certified
        self.deaf = None  # fn() -> True while CALLs of the CSMS are not to be answered
        self.call = rpc.call
        self._held = held
        self._unheard = False
        rpc.attach(websocket.send)
        websocket.take_as_stream(rpc.streams)

    async def receive(self):
        """Hand every message to the RPC until the connection is over."""
        websocket = self._websocket
        rpc = self._rpc
        inside = ignored = False  # a message that comes in pieces; it is ignored to its end
        try:
            while True:
                kind, payload, length = await websocket.receive()
                while self._held is not None and self._held():
                    await asyncio.sleep_ms(_HELD_MS)
                if not inside:
                    ignored = self.deaf is not None and self.deaf() and scan_head(payload)[0] == _CALL
                    if ignored:
                        log.warning("channel", "request ignored: not accepted by the CSMS yet")
                inside = kind == PART and not length
                if not ignored:
                    await rpc.hear(kind, payload, length)
        except Closed as closed:
            log.warning("channel", "closed: %s (%s)", closed.reason, closed.code)
        finally:
            rpc.detach()

    def silent_ms(self):
        """How long nothing has come from the far end, pongs and pings included."""
        return ticks_diff(ticks_ms(), self._websocket.heard_at)

    def ping_every(self, interval_s):
        """WebSocketPingInterval; 0 = off."""
        self._websocket.ping_every(interval_s * 1000)

    def leave(self, why):
        """Say good-bye after what is queued, then close; `receive` ends."""
        asyncio.create_task(self._websocket.close(1000, why, heard=True))

    def abort(self, why, unheard=False):
        """The connection is of no use any more: free it at once; `receive` ends. `unheard`: because nothing
        comes over it."""
        self._unheard = unheard
        self._websocket.abort(why)

    @property
    def fell_silent(self):
        """It ended, or was ended, because nothing came from the CSMS any more: the link below may be dead."""
        return self._unheard or self._websocket.fell_silent

    def drop(self):
        """Nobody has it any more: what is left of it is freed. Takes no memory, and nothing of how it
        ended."""
        self._websocket.abort("left")

    async def close(self):
        self._rpc.detach()
        await self._websocket.close(1001, "")
