# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A CSMS for OCPP 1.6J on loopback, on the `ocpp` and `websockets` libraries, for tests and for the desk.

    async with Csms() as csms:
        csms.books.tag("04A1B2C3")                                   # unknown tags are Invalid
        csms.script("BootNotification", boot("Pending", 1))          # see bench.scripts; then as usual
        ... a charge point starts with --csms csms.url --id CP1 ...
        station = await csms.connected("CP1")
        await station.expect("BootNotification", timeout=10)         # -> Message: .payload .index .at .id
        await station.call("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "30"})  # -> payload
        await station.expect("StatusNotification", connectorId=1, status="Available")
        station.mark()                                               # what came so far answers no expect
        await station.never("StartTransaction", within_s=2)
        csms.books.transactions[1].energy_wh

Of a `Station` further: `log` (all `Message`s in order), `calls(action)`, `send_call` + `answer_to` (without
waiting), `send_raw`, `send_text_frame`, `close`, `cut`, `freeze`/`thaw` (half-open), `wait_connected`,
`wait_disconnected`, `wait_connection(number)`, `connections`, `request` (the HTTP upgrade), `pings`,
`close_code`, `violations`, `pipe` (bare frames with times).

Every message from the charge point is checked against the official schemas. Leaving the block raises
`SchemaViolation` when one failed, unless the block itself raised or `strict=False`.
"""

import asyncio
import base64
import binascii
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Self
from urllib.parse import unquote

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from bench.books import Books
from bench.deadline import within
from bench.messages import Message
from bench.scripts import Answer, Script
from bench.station import NotSeen, Station

Hook = Callable[[Station, Message], None]
Admission = Callable[[str, bytes | None], Awaitable[bool]]  # (charge point's id, password it gave) -> let in?


class SchemaViolation(AssertionError):
    """A charge point sent something that the official schemas do not allow."""


class _Connection(ServerConnection):
    """Tells its station of the pings that the library answers by itself."""

    station: Station | None = None

    def process_event(self, event: Any) -> None:
        if isinstance(event, Frame) and event.opcode is Opcode.PING and self.station is not None:
            self.station.pings.append(asyncio.get_running_loop().time())
            del self.station.pings[:-1000]
        super().process_event(event)


class Csms:
    """`passwords`: charge point id -> password bytes; then all others are refused (security profile 1).

    `subprotocols=()` makes a server that agrees to none. `http_answer` set to (status, headers) refuses every
    upgrade so, e.g. `(503, {})` or `(302, {"Location": ...})`. `port=0` takes a free one. `admission` is
    asked about each connection that nothing else speaks against. `tls`: the CSMS is a wss:// one.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        passwords: dict[str, bytes] | None = None,
        books: Books | None = None,
        strict: bool = True,
        ping_interval_s: float | None = None,
        subprotocols: tuple[str, ...] = ("ocpp1.6",),
        host: str = "127.0.0.1",
        admission: Admission | None = None,
        tls: ssl.SSLContext | None = None,
    ):
        self.books = books or Books()
        self.stations: dict[str, Station] = {}
        self.hooks: list[Hook] = []  # called with every message of both directions, in order
        self.connection_hooks: list[Callable[[Station, bool], None]] = []  # (station, connected?)
        self.refused: list[Request] = []  # upgrades that were not accepted
        self.refusal_hooks: list[Callable[[Request, Response], None]] = []
        self.http_answer: tuple[int, dict[str, str]] | None = None
        self.passwords = passwords
        self.host, self.port = host, port
        self.tls = tls
        self._admission = admission
        self._script = Script()
        self._strict = strict
        self._ping_interval_s = ping_interval_s
        self._subprotocols = subprotocols
        self._server: Server | None = None
        self._arrived = asyncio.Condition()

    # --- what a test says beforehand ------------------------------------------------------------------------

    def script(self, action: str, *answers: Answer) -> None:
        """The next CALLs of this action are answered so, one each; then as usual."""
        self._script.once(action, *answers)

    def always(self, action: str, answer: Answer) -> None:
        """Every CALL of this action is answered so, when nothing is scripted once."""
        self._script.always(action, answer)

    def unscript(self, action: str | None = None) -> None:
        self._script.drop(action)

    def scripted(self, action: str) -> int:
        """How many of the once-scripted answers are left."""
        return self._script.left(action)

    # --- running --------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The endpoint without the charge point's id."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        scheme = "ws" if self.tls is None else "wss"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}/ocpp"

    @property
    def listening(self) -> bool:
        return self._server is not None

    async def start(self) -> None:
        """Listen on the port (again): what was connected before `stop` may come back."""
        self._server = await serve(
            self._serve,
            self.host,
            self.port,
            create_connection=_Connection,
            process_request=self._admit,
            subprotocols=[Subprotocol(name) for name in self._subprotocols] or None,
            compression=None,
            ping_interval=self._ping_interval_s,
            max_size=2**22,
            close_timeout=2,
            ssl=self.tls,
            # A controller takes a second for its part of a handshake, an emulated one many.
            ssl_handshake_timeout=None if self.tls is None else 60,
            open_timeout=10 if self.tls is None else 60,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """Close every connection (1001) and stop listening."""
        if self._server is not None:
            self._server.close()
            # Whoever is connected gets the library's 10 s to say good-bye, and no more.
            with contextlib.suppress(TimeoutError):
                await within(12, self._server.wait_closed())
            self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        for station in self.stations.values():
            station.thaw()
        await self.stop()
        wrong = [message for station in self.stations.values() for message in station.violations]
        if self._strict and kind is None and wrong:
            raise SchemaViolation("\n".join(f"{message.violation}\n    {message}" for message in wrong[:5]))

    def station(self, station_id: str) -> Station:
        """The charge point of this id, connected or not."""
        if station_id not in self.stations:
            self.stations[station_id] = station = Station(
                station_id, self.books, self._script, lambda message: self._note(station, message)
            )
        return self.stations[station_id]

    async def connected(self, station_id: str, timeout: float = 10) -> Station:
        """The charge point of this id, once it is connected."""
        station = self.station(station_id)
        await station.wait_connected(timeout)
        return station

    async def anybody(self, timeout: float = 10) -> Station:
        """The first charge point that is connected, whatever its id."""
        found: asyncio.Future[Station] = asyncio.get_running_loop().create_future()

        def came(station: Station, connected: bool) -> None:
            if connected and not found.done():
                found.set_result(station)

        for station in self.stations.values():
            came(station, station.connected)
        self.connection_hooks.append(came)
        try:
            station = await within(timeout, found)
        except TimeoutError:
            raise NotSeen(f"waited {timeout:g} s for a charge point to connect") from None
        finally:
            self.connection_hooks.remove(came)
        await station.wait_connected(timeout)
        return station

    async def refusal(self, timeout: float = 10) -> Request:
        """Wait for the next upgrade request that is refused."""
        seen = len(self.refused)
        async with self._arrived:
            try:
                await within(timeout, self._arrived.wait_for(lambda: len(self.refused) > seen))
            except TimeoutError:
                raise NotSeen(f"waited {timeout} s for a connection to be refused") from None
        return self.refused[seen]

    # --- inside ---------------------------------------------------------------------------------------------

    def _note(self, station: Station, message: Message) -> None:
        for hook in self.hooks:
            hook(station, message)

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        response = self._refuse(connection, request)
        if response is None and self._admission is not None:
            user, password = _credentials(request) or ("", None)
            station_id = _station_id(request)
            if not await self._admission(station_id, password if user == station_id else None):
                response = _unauthorized(connection)
        if response is not None:
            for hook in self.refusal_hooks:
                hook(request, response)
            async with self._arrived:
                self.refused.append(request)
                self._arrived.notify_all()
        return response

    def _refuse(self, connection: ServerConnection, request: Request) -> Response | None:
        if self.http_answer is not None:
            status, headers = self.http_answer
            response = connection.respond(status, "the bench refuses\n")
            for name, value in headers.items():
                response.headers[name] = value
            return response
        station_id = _station_id(request)
        if not station_id:
            return connection.respond(404, "the charge point's id is missing in the path\n")
        if self.passwords is not None:
            expected = self.passwords.get(station_id)
            if expected is None or _credentials(request) != (station_id, expected):
                return _unauthorized(connection)
        return None

    async def _serve(self, connection: ServerConnection) -> None:
        assert isinstance(connection, _Connection) and connection.request is not None
        station = self.station(_station_id(connection.request))
        connection.station = station
        for hook in self.connection_hooks:
            hook(station, True)
        try:
            await station.serve(connection)
        finally:
            for hook in self.connection_hooks:
                hook(station, station.connected)


def _station_id(request: Request) -> str:
    """The charge point's id: the last segment of the path, percent-encoded (OCPP-J 3.1.1)."""
    path = request.path.partition("?")[0].rstrip("/")
    return "" if path == "/ocpp" else unquote(path.rpartition("/")[2])


def _unauthorized(connection: ServerConnection) -> Response:
    response = connection.respond(401, "unknown charge point or wrong password\n")
    response.headers["WWW-Authenticate"] = 'Basic realm="csms"'
    return response


def _credentials(request: Request) -> tuple[str, bytes] | None:
    """User and password bytes of the Basic header (the password need not be text: OCPP-J security, 4.2)."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).partition(b":")
    except binascii.Error:
        return None
    return (user.decode("utf-8", "replace"), password) if colon else None
