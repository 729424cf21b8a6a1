# Pilotlight: open EV charger firmware
# SPDX-License-Identifier: MIT
"""wss:// and servers that are almost right: names and wildcards, purposes, old versions, handshakes that are
cut or never end (docs/tls.md)."""

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from bench.certificates import DAY, Authority, ServerCertificate, key, now
from bench.csms import Csms
from host_tests.integration.odd_servers import OddServer
from host_tests.integration.test_tls import charger, said, works

AT_ONCE = 8

# A name that every machine resolves to loopback, and one of its children.
LOCAL = "localhost"


def certificate(
    authority: Authority, *names: x509.GeneralName, common: str = "nobody", purpose=None
) -> ServerCertificate:
    """With these SANs, signed by `authority`; `purpose`: an ExtendedKeyUsage."""
    own = key("ec", 7)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)]))
        .issuer_name(authority.certificate.subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - DAY)
        .not_valid_after(now() + 30 * DAY)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if purpose:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
    return ServerCertificate(builder.sign(authority._key, hashes.SHA256()), own)


DNS, IP = x509.DNSName, x509.IPAddress
LOOPBACK = ipaddress.ip_address("127.0.0.1")


@contextlib.asynccontextmanager
async def meeting(given: ServerCertificate, authority: Authority, host: str = LOCAL) -> AsyncIterator:
    async with Csms(tls=given.context()) as csms:
        url = csms.url.replace("127.0.0.1", host)
        async with charger(url, {"ca.der": authority.der}) as it:
            yield csms, it


@pytest.mark.parametrize(
    ("names", "common", "host"),
    [
        ((DNS("other.example"), DNS(LOCAL)), "other.example", LOCAL),
        ((DNS("LocalHost"),), "nobody", LOCAL),
        ((IP(LOOPBACK),), "nobody", "127.0.0.1"),
        ((), LOCAL, LOCAL),  # no SAN at all: the CN, which the whitepaper asks for
    ],
)
async def test_names_that_are_right(names, common, host):
    authority = Authority()
    async with meeting(certificate(authority, *names, common=common), authority, host) as (csms, _):
        await works(csms)


@pytest.mark.parametrize(
    ("names", "common", "host"),
    [
        ((DNS("other.example"),), LOCAL, LOCAL),  # where there is a SAN the CN counts for nothing
        ((DNS("*"),), "nobody", LOCAL),
        ((DNS("localhost.example"),), "nobody", LOCAL),
        ((DNS("localhos"),), "nobody", LOCAL),
        ((IP(ipaddress.ip_address("127.0.0.2")),), "nobody", "127.0.0.1"),
    ],
)
async def test_names_that_are_wrong(names, common, host):
    authority = Authority()
    async with meeting(certificate(authority, *names, common=common), authority, host) as (csms, it):
        await said(it, "no connection", "does not match", times=2)
        assert not csms.station("CP1").connected and csms.refused == []


async def test_a_certificate_for_clients_is_no_servers():
    authority = Authority()
    given = certificate(authority, DNS(LOCAL), purpose=ExtendedKeyUsageOID.CLIENT_AUTH)
    async with meeting(given, authority) as (csms, it):
        await said(it, "no connection", "Certificate", times=2)
        assert not csms.station("CP1").connected and csms.refused == []


async def test_a_server_that_knows_nothing_newer_than_tls_1_1():
    authority = Authority()
    context = certificate(authority, DNS(LOCAL)).context()
    with pytest.warns(DeprecationWarning):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    async with (
        Csms(tls=context) as csms,
        charger(csms.url.replace("127.0.0.1", LOCAL), {"ca.der": authority.der}) as it,
    ):
        await said(it, "no connection", "TLS handshake", times=2)
        assert not csms.station("CP1").connected and csms.refused == []


async def test_a_chain_that_is_long():
    """Longer than a record of 4 KB, and than one of the 16 KB that a handshake may take."""
    authority = Authority("rsa")
    own = authority.server(LOCAL)
    idle = tuple(Authority("rsa", name="Idle %d" % index).certificate for index in range(30))
    for count, good in ((7, True), (30, False)):
        given = ServerCertificate(own.certificate, own._key, idle[:count])
        async with meeting(given, authority) as (csms, it):
            if good:
                await works(csms)
            else:
                await said(it, "no connection", times=2)
                assert not csms.station("CP1").connected


class Relay:
    """Between the charger and a TLS server: lets so many bytes of the server through, and then `after`."""

    def __init__(self, port: int, most: int, after):
        self._port = port
        self._most = most
        self._after = after

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_read, to_write = await asyncio.open_connection("127.0.0.1", self._port)

        async def up() -> None:
            while data := await reader.read(4096):
                to_write.write(data)

        task = asyncio.create_task(up())
        left = self._most
        try:
            while left and (data := await to_read.read(left)):
                writer.write(data)
                left -= len(data)
            await self._after(to_read, writer)
        finally:
            task.cancel()
            to_write.close()


async def hang_up(server: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def drip(server: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await server.read(1):
        writer.write(data)
        await asyncio.sleep(1)


@pytest.mark.parametrize("most", [3, 60, 200, 700])
async def test_a_handshake_that_is_cut(most):
    authority = Authority()
    async with (
        Csms(tls=authority.server().context(highest=ssl.TLSVersion.TLSv1_2)) as csms,
        OddServer(Relay(csms.port, most, hang_up)) as server,
        charger(server.url.replace("ws://", "wss://"), {"ca.der": authority.der}) as it,
    ):
        await said(it, "no connection", times=3)
        assert not csms.station("CP1").connected
        assert (await it.state())["connected"] is False


async def test_a_handshake_that_never_ends():
    """A byte a second keeps nobody longer than 30 s."""
    authority = Authority()
    async with (
        Csms(tls=authority.server().context(highest=ssl.TLSVersion.TLSv1_2)) as csms,
        OddServer(Relay(csms.port, 60, drip)) as server,
        charger(server.url.replace("ws://", "wss://"), {"ca.der": authority.der}) as it,
    ):
        await server.connections(1)
        await asyncio.sleep(24)
        assert (await it.state())["connected"] is False  # everything else goes on
        await said(it, "no connection", "30000 ms")
        assert not csms.station("CP1").connected


async def test_the_password_of_a_server_that_is_refused_is_not_logged():
    authority = Authority()
    async with (
        Csms(tls=Authority(number=1).server().context()) as csms,
        charger(csms.url.replace("wss://", "wss://CP1:geheim7@"), {"ca.der": authority.der}) as it,
    ):
        await said(it, "no connection", times=2)
        assert not any("geheim7" in line for line in it.output)


async def test_the_password_in_an_address_is_not_logged():
    authority = Authority()
    async with (
        Csms(tls=authority.server().context()) as csms,
        charger(csms.url.replace("wss://", "wss://CP1:geheim7@"), {"ca.der": authority.der}) as it,
    ):
        await works(csms)
        assert not any("geheim7" in line for line in it.output)
