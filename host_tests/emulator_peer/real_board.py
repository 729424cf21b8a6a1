# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""A board at the other end of a socket pair, in real time, and certificates for its TLS."""

import asyncio
import contextlib
import datetime
import socket
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from emulator.modem.line import Line
from emulator.modem.modem import ModemSettings
from host_tests.emulator_peer.board_ppp import BoardPpp
from host_tests.emulator_peer.board_tcp import BoardTcp

_TICK_S = 0.01


class RealBoard:
    """`async with RealBoard() as board`: dialled in. `line` is the modem's."""

    def __init__(self):
        self.ppp = BoardPpp()
        self.tcp = []

    async def __aenter__(self):
        self._loop = asyncio.get_running_loop()
        self.line = Line(ModemSettings())
        self.line.modem.turn_on(self.line.now)
        here, there = socket.socketpair()
        await self.line.attach(there)
        self._reader, self._writer = await asyncio.open_connection(sock=here)
        self._writer.write(b"ATE0\rATD*99#\r")
        await self._reader.readuntil(b"CONNECT 115200\r\n")
        self.ppp.start(self._loop.time())
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._tick())]
        await self.until(lambda: self.ppp.address is not None)
        return self

    async def __aexit__(self, *_):
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        self.line.close()
        self._writer.close()
        for result in results:
            if result is not None and not isinstance(result, asyncio.CancelledError):
                raise result

    async def until(self, true, seconds=20):
        end = self._loop.time() + seconds
        while not true():
            assert self._loop.time() < end, "it never came"
            for task in self._tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(0.002)

    def connect(self, port, **more):
        number = 50000 + len(self.tcp)
        tcp = BoardTcp(self.ppp.send_ip, port, number, self._loop.time(), **more)
        self.tcp.append(tcp)
        self._flush()
        return tcp

    async def opened(self, port, **more):
        tcp = self.connect(port, **more)
        await self.until(lambda: tcp.state != "syn-sent")
        assert tcp.state == "open"
        return tcp

    def write(self, tcp, data):
        tcp.write(data, self._loop.time())
        self._flush()

    def finish(self, tcp):
        tcp.finish(self._loop.time())
        self._flush()

    def abort(self, tcp):
        tcp.abort()
        self._flush()

    def _flush(self):
        self._writer.write(self.ppp.take())

    async def _read(self):
        while data := await self._reader.read(65536):
            now = self._loop.time()
            self.ppp.receive(data, now)
            while self.ppp.packets:
                packet = self.ppp.packets.popleft()
                for tcp in self.tcp:
                    tcp.receive(packet, now)
            self._flush()

    async def _tick(self):
        while True:
            await asyncio.sleep(_TICK_S)
            for tcp in self.tcp:
                tcp.step(self._loop.time())
            self._flush()


class BoardTls:
    """A TLS client on a BoardTcp, by MemoryBIO."""

    def __init__(self, board, tcp, context, name):
        self._board, self._tcp = board, tcp
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self._taken = 0

    async def do(self, act):
        """act(tls), as often as it needs more of the network."""
        while True:
            try:
                result = act(self.tls)
            except ssl.SSLWantReadError:
                self._send()
                await self._board.until(lambda: len(self._tcp.received) > self._taken)
                self._incoming.write(bytes(self._tcp.received[self._taken :]))
                self._taken = len(self._tcp.received)
            else:
                self._send()
                return result

    def _send(self):
        if self._outgoing.pending:
            self._board.write(self._tcp, self._outgoing.read())


def certificate(folder, name):
    """A server's context and a client's that trusts only it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(private + pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cadata=pem.decode())


@contextlib.asynccontextmanager
async def serving(talk, **more):
    """A server on loopback; gives its port. `talk(reader, writer)` for each connection."""
    server = await asyncio.start_server(talk, "127.0.0.1", 0, **more)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def echo(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
